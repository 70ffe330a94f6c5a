"""The settings, as commands read them; a wrong one ends the command with a sentence."""

from typing import TYPE_CHECKING

from sololine.cli.output import fail
from sololine.core.sentence import Sentence

if TYPE_CHECKING:
    from sololine.settings import Settings


def settings_of(port: int | None = None) -> "Settings":
    """Read the settings; `port` goes before SOLOLINE_PORT."""
    from pydantic import ValidationError  # noqa: PLC0415 — takes longer than most commands

    from sololine.settings import Settings  # noqa: PLC0415 — see above
    from sololine.web.objections import objection  # noqa: PLC0415 — needed for what is wrong only

    try:
        return Settings() if port is None else Settings(port=port)
    except ValidationError as error:
        first = error.errors()[0]
        name = f"SOLOLINE_{str(first['loc'][0]).upper()}"
        fail(Sentence("{name} is wrong: {reason}.", name=name, reason=objection(first)))
