"""What `sololine doctor` looks at: each check finds something, and changes nothing."""

from dataclasses import dataclass
from enum import StrEnum

from sololine.cli.output import Told
from sololine.core.sentence import Sentence


class State(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    """The service runs, and something should be looked at."""
    FAILED = "failed"
    """The service cannot run so, or should not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check has found, in sentences that hold no secret.

    Attributes:
        check: the check's name, the same in every language.
        says: what is so.
        remedy: what to do about it; None where nothing is to be done.
    """

    check: str
    says: Sentence | Told
    state: State = State.OK
    remedy: Sentence | None = None


def warning(check: str, says: Sentence, remedy: Sentence) -> Finding:
    """A finding that should be looked at."""
    return Finding(check=check, says=says, state=State.WARNING, remedy=remedy)


def failed(check: str, says: Sentence | Told, remedy: Sentence) -> Finding:
    """A finding with which the service cannot run, or should not."""
    return Finding(check=check, says=says, state=State.FAILED, remedy=remedy)
