"""The scripted WhatsApp, with what in tests is done by hand done by itself, on time."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import chain, repeat

from sololine.core.content import text_of
from sololine.core.ids import DeviceId
from sololine.core.signals import LinkingTimedOut
from sololine.engine.port import Sent
from sololine.wire.content import read
from tests.fakes.engine import ScriptedLink, ScriptedWhatsApp, Taken

FIRST_CODE_S = 60
NEXT_CODE_S = 20
CODES = 6
PATIENCE = timedelta(seconds=75)
"""How long a client waits for an answer."""


class LivelyWhatsApp(ScriptedWhatsApp):
    """Codes follow each other and end; what hangs is given up.

    Args:
        taken: hears of each message that is taken, with its text.
    """

    def __init__(self, taken: Callable[[Taken, str], None]) -> None:
        super().__init__()
        self.gives_up_after = PATIENCE
        self._taken = taken

    def take(self, device: DeviceId, to: str, message: bytes) -> Sent:
        sent = super().take(device, to, message)
        incoming = read(message)
        assert incoming is not None
        self._taken(self.sent[-1], text_of(incoming.content))
        return sent

    def answer(self, link: ScriptedLink, *, fresh: bool) -> None:
        super().answer(link, fresh=fresh)
        if fresh and link.code is not None:
            loop = asyncio.get_running_loop()
            seconds = chain([FIRST_CODE_S], repeat(NEXT_CODE_S, CODES - 1))
            loop.call_later(next(seconds), self._next_code, link, seconds)

    def _next_code(self, link: ScriptedLink, seconds: "chain[int]") -> None:
        if link.code is None or link._closed:
            return
        lasts = next(seconds, None)
        if lasts is None:
            link.end(LinkingTimedOut())
            return
        if link.code.startswith("qr-"):  # a pairing code lasts as long as its worker
            link.show_next_code()
        asyncio.get_running_loop().call_later(lasts, self._next_code, link, seconds)
