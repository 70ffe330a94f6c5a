"""Manners: what an operator chose about how lines behave towards WhatsApp."""

from dataclasses import dataclass

from sololine.media_files import MediaFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How lines send and fetch.

    Attributes:
        sends_per_minute: messages that one bot sends in a minute at most; 0 for no limit.
        media: where files are; None where nobody has a folder, so that none is sent or fetched.
        media_at_arrival: whether files are fetched when their message arrives, without being asked.
        media_max_bytes: the largest file that is fetched so.
    """

    sends_per_minute: int = 0
    media: MediaFiles | None = None
    media_at_arrival: bool = False
    media_max_bytes: int = 64 * 2**20
