"""Where a running service is found by the commands that speak to it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sololine.cli.output import fail
from sololine.core.sentence import Sentence

SANDBOX_DIR: Final = "sololine-sandbox"
"""The sandbox's data folder when SOLOLINE_DATA_DIR names none: never the one of real numbers."""
_FILE: Final = "sandbox.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Addresses of a sandbox, and its API key.

    Attributes:
        api: URL of the service.
        control: URL of the loopback WhatsApp's control interface.
    """

    api: str
    key: str
    control: str

    def save(self, data_dir: Path) -> None:
        """Leave the addresses where `find` looks."""
        file = data_dir / _FILE
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def find(cls) -> "Sandbox":
        """The sandbox of this folder; ends the command when there is none."""
        file = Path(os.environ.get("SOLOLINE_DATA_DIR", SANDBOX_DIR)) / _FILE
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            fail(
                Sentence(
                    "There is no sandbox here. Start one with `python3 dev.py sandbox` in "
                    "this folder, or set SOLOLINE_DATA_DIR to its data folder."
                )
            )
