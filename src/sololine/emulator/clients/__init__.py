"""The clients that link: their connections, what they ask, and what they are told."""
