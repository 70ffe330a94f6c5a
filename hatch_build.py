"""Compiles the catalogues when the package is built or installed, also from a checkout."""

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Catalogues(BuildHookInterface[Any]):
    """Makes `sololine.mo` beside each `sololine.po`, where gettext looks for it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 — the hook's shape
        """Compile them all."""
        for source in Path(self.root, "src/sololine/locale").glob("*/LC_MESSAGES/sololine.po"):
            with source.open("rb") as po, source.with_suffix(".mo").open("wb") as mo:
                write_mo(mo, read_po(po))
