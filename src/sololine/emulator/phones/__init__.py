"""The phones: what their users write and see, and how they encrypt it."""
