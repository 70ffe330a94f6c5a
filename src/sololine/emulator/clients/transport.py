"""How a client's bytes arrive: an HTTP proxy, TLS behind it, a WebSocket or HTTP inside.

    TCP ─┬ CONNECT web.whatsapp.com:443 ──▶ TLS ── GET /ws/chat, upgrade ──▶ WebSocket messages
         └ CONNECT mmg.whatsapp.net:443 ──▶ TLS ── GET, HEAD, POST ──▶ media, see `media_http`

A client's library is pointed here as at a proxy (`HTTPS_PROXY`), so it believes to speak with
WhatsApp's own hosts, and everything it wants to reach arrives at one listener. Whoever does not
go on within `STEP_LIMIT` at any step is cut off.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

log = logging.getLogger(__name__)

_frame_log = logging.getLogger(f"{__name__}.frames")
_frame_log.setLevel(logging.WARNING)
"""For the WebSocket library, which at DEBUG would write out what clients send."""

STEP_LIMIT: Final = 20.0
"""Seconds a client may take for each step up to the first WebSocket message."""

CLOSE_LIMIT: Final = 2.0
"""Seconds a client may take to end a connection that this side has closed."""

UNREAD_LIMIT: Final = 16 * 2**20
"""Bytes that may wait for a client that does not read before it is cut off."""

_CHAT_HOST: Final = "web.whatsapp.com"
_CHAT_PATH: Final = "/ws/chat"
_HOSTS: Final = (".whatsapp.com", ".whatsapp.net")
_MAX_MESSAGE: Final = 2**24 + 2**16
"""The largest frame of WhatsApp's own fits in a message, with room for a few smaller ones."""


class ConnectionEnded(Exception):
    """The client closed the connection, or it was closed or aborted from this side."""


class WebSocket:
    """An open WebSocket: whole binary messages in and out.

    One task receives; sending and closing may be done from anywhere in the event loop.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        protocol: ServerProtocol,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = protocol
        self._fragments: list[bytes] = []
        self._messages: list[bytes] = []

    async def receive(self) -> bytes:
        """The next message.

        Raises:
            ConnectionEnded: when there will be none.
        """
        while not self._messages:
            if self._protocol.state is not State.OPEN:
                raise ConnectionEnded
            try:
                chunk = await self._reader.read(2**16)
            except OSError:
                raise ConnectionEnded from None
            if chunk:
                self._protocol.receive_data(chunk)
            else:
                self._protocol.receive_eof()
            self._collect()
            self._flush()
        return self._messages.pop(0)

    def send(self, message: bytes) -> None:
        """Send a message; silently nothing when the connection is closing."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_binary(message)
            self._flush()
            if self._writer.transport.get_write_buffer_size() > UNREAD_LIMIT:
                log.warning("a client does not read what it is sent; cutting it off")
                self.abort()

    def close(self) -> None:
        """Begin to close; what was sent before still arrives."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close()
            self._flush()
            transport = self._writer.transport
            asyncio.get_running_loop().call_later(CLOSE_LIMIT, transport.abort)

    def abort(self) -> None:
        """Break the connection off, as a network does; what was sent may be lost."""
        self._writer.transport.abort()

    def _collect(self) -> None:
        for event in self._protocol.events_received():
            if not isinstance(event, Frame):
                continue
            if event.opcode in (Opcode.BINARY, Opcode.CONT):
                self._fragments.append(bytes(event.data))
                if event.fin:
                    self._messages.append(b"".join(self._fragments))
                    self._fragments.clear()
            elif event.opcode is Opcode.TEXT:
                self._protocol.fail(1003, "binary messages only")

    def _flush(self) -> None:
        _write(self._writer, self._protocol)


class Doorway:
    """Leads an accepted TCP connection to its WebSocket.

    `serve` is awaited with each WebSocket, for as long as it lasts; `media` with each stream to
    another host and that host's name. `report` is told, in words fit for a log, what a client
    wanted that is not served.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        serve: Callable[[WebSocket], Awaitable[None]],
        media: Callable[[str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        report: Callable[[str], None],
    ) -> None:
        self._tls = tls
        self._serve = serve
        self._media = media
        self._report = report

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one TCP connection until its end."""
        try:
            websocket = await self._open(reader, writer)
            if websocket is not None:
                await self._serve(websocket)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            log.debug("a connection ended early: %s", type(error).__name__)
        except asyncio.LimitOverrunError:
            self._report("a request head of more than 64 KiB")
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            await _closed(writer)

    async def _open(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> WebSocket | None:
        method, target, _ = await _request_head(reader)
        if method != "CONNECT":
            self._turn_away(writer, 405, f"{method} without a proxy request")
            return None
        host = target.rpartition(":")[0]
        if not host.endswith(_HOSTS):
            # A client in the sandbox must not reach anything else, not even by mistake.
            self._turn_away(writer, 403, f"CONNECT {target}")
            return None
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.start_tls(self._tls, ssl_handshake_timeout=STEP_LIMIT)
        if host != _CHAT_HOST:
            await self._media(host, reader, writer)
            return None
        method, target, head = await _request_head(reader)
        if (method, target) != ("GET", _CHAT_PATH):
            path = target.partition("?")[0]
            self._turn_away(writer, 404, f"{method} https://{host}{path}")
            return None
        protocol = ServerProtocol(max_size=_MAX_MESSAGE, logger=_frame_log)
        protocol.receive_data(head)
        requests = [event for event in protocol.events_received() if isinstance(event, Request)]
        if len(requests) != 1:
            self._turn_away(writer, 400, "a chat request that is no HTTP")
            return None
        protocol.send_response(protocol.accept(requests[0]))
        _write(writer, protocol)
        if protocol.state is not State.OPEN:
            self._report("a chat request that is no WebSocket upgrade")
            return None
        return WebSocket(reader, writer, protocol)

    def _turn_away(self, writer: asyncio.StreamWriter, status: int, what: str) -> None:
        self._report(what)
        head = f"HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())


async def _request_head(reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
    """Method, target and the whole head of the next request."""
    async with asyncio.timeout(STEP_LIMIT):
        head = await reader.readuntil(b"\r\n\r\n")
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    return method, rest.partition(" ")[0], head


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        # TLS waits for the other side's farewell; a dead client never sends it.
        async with asyncio.timeout(CLOSE_LIMIT):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        pass  # it is as closed as it will be
    finally:
        # A TLS transport that is closed already cannot be aborted in early releases of Python 3.11.
        with contextlib.suppress(AttributeError):
            writer.transport.abort()


def _write(writer: asyncio.StreamWriter, protocol: ServerProtocol) -> None:
    for piece in protocol.data_to_send():
        if piece:
            writer.write(piece)
        else:
            writer.close()  # TLS cannot be closed by halves
