"""The half that people and programs talk to: HTTP in, intents and rows out."""
