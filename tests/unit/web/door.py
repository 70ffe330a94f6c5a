"""What tests of the doors share."""

import base64
from pathlib import Path

KEY = "sl_test-key-of-the-tenant-default"

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture of one dot."""


def kept(folder: Path) -> list[Path]:
    """All that is in a folder, which need not be there."""
    return sorted(folder.iterdir()) if folder.exists() else []
