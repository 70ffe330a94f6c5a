"""Whose phones there are, what they show of themselves, and the groups they are in."""
