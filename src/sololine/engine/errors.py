"""What may be wrong with credentials. Part of the port, which everyone but the workers imports.

This module imports nothing, so that a worker process stays small.
"""


class DeviceBusy(Exception):
    """The credentials are in use: by an open link, or by another process."""


class UnreadableCredentials(Exception):
    """The device's file exists, and is not what the library writes."""
