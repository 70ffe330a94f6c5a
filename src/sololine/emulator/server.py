"""The emulator as one thing to start and stop."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sololine.emulator.clients.certificates import Certificates, secret_kept_in
from sololine.emulator.clients.channel import Channel, ServerIdentity
from sololine.emulator.clients.connection import Connection
from sololine.emulator.clients.media_http import MediaDoor
from sololine.emulator.clients.transport import ConnectionEnded, Doorway, WebSocket
from sololine.emulator.exchange import Exchange
from sololine.emulator.facts import Fact
from sololine.emulator.faults import Slow
from sololine.emulator.phones.phone import Phones
from sololine.emulator.storage.ledger import Ledger
from sololine.emulator.storage.shelf import Shelf
from sololine.wire.certificate import issue_chain
from sololine.wire.curve import KeyPair
from sololine.wire.errors import WireError

log = logging.getLogger(__name__)

_CERTIFICATE_LASTS: Final = timedelta(days=398)
_CLOCK_SKEW: Final = timedelta(days=1)


class Emulator:
    """A WhatsApp on loopback; an async context manager.

    `folder` keeps its keys, certificates and linked devices, so that a later start in the same
    folder is the same WhatsApp. Port 0 takes a free one.

    A client is pointed here by `HTTPS_PROXY=http://host:port` and `SSL_CERT_FILE=ca_file` in its
    environment, and must trust `root_public` in place of WhatsApp's Noise root key.

    Raises:
        FolderInUse: at the start, if another emulator is running in the folder.
        OSError: at the start, if the port is taken.
    """

    def __init__(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._host = host
        self._wanted_port = port
        self._certificates = Certificates.in_folder(folder, now=now())
        root = _key_kept_in(folder / "noise-root.key")
        static = _key_kept_in(folder / "noise-static.key")
        chain = issue_chain(
            root,
            static.public,
            not_before=int((now() - _CLOCK_SKEW).timestamp()),
            not_after=int((now() + _CERTIFICATE_LASTS).timestamp()),
        )
        self._identity = ServerIdentity(static=static, certificate=chain)
        self.root_public = root.public
        """The Noise root key a client must trust, 32 bytes."""
        self.ca_file = self._certificates.ca_file
        """The TLS certificate a client must trust."""
        self._folder = folder
        self._ledger: Ledger | None = None
        self.exchange = Exchange(now=now, observe=self._record)
        self.phones = Phones(self.exchange)
        self.shelf = Shelf(folder / "media")
        """The files that were sent, and profile pictures."""
        self.port = 0
        """Where it listens; 0 before the start."""
        self._doorway = Doorway(
            self._certificates.server_context(),
            serve=self._serve,
            media=MediaDoor(
                self.shelf, self.exchange.faults, report=self.exchange.note_unknown
            ).serve,
            report=self.exchange.note_unknown,
        )
        self._running = AsyncExitStack()
        self._visits: set[asyncio.Task[None]] = set()

    @property
    def unknown(self) -> list[str]:
        """What clients said that is not understood; a test that finds something here fails."""
        return self.exchange.unknown

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._ledger = Ledger(self._folder / "world.sqlite3")
            stack.callback(self._ledger.close)
            for account in self._ledger.accounts():
                self.exchange.world.restore(account)
            self.exchange.journal.open(self._ledger)
            stack.callback(self.exchange.journal.close)
            self.exchange.restore()
            self.phones.restore()
            server = await asyncio.start_server(
                self._visit, self._host, self._wanted_port, backlog=1024
            )
            self.port = server.sockets[0].getsockname()[1]
            stack.push_async_callback(self._stop, server)
            self._running = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._running.aclose()

    async def _stop(self, server: asyncio.Server) -> None:
        server.close()
        for task in self._visits:
            task.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)
        await server.wait_closed()

    def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._doorway.receive(reader, writer))
        self._visits.add(task)
        task.add_done_callback(self._visits.discard)

    def _record(self, fact: Fact) -> None:
        if self._ledger is not None:
            self._ledger.record(fact, self.exchange.world)

    async def _serve(self, websocket: WebSocket) -> None:
        slow = self.exchange.faults.take(Slow, None)
        try:
            channel = await Channel.open(
                websocket, self._identity, delay_s=slow.seconds if slow else 0.0
            )
            await Connection(channel, self.exchange).run()
        except (ConnectionEnded, TimeoutError):
            log.debug("a client went away in the handshake")
        except WireError as error:
            # A client that does not trust our root key leaves here, too.
            log.info("a handshake failed: %s", error)
        except Exception:
            log.exception("a connection failed by our own fault")
            self.exchange.note_unknown("a stanza that the emulator failed at")


def _key_kept_in(path: Path) -> KeyPair:
    return KeyPair.from_private(secret_kept_in(path, lambda: KeyPair.generate().private))
