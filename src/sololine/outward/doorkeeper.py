"""The doorkeeper: connects to names, once it has seen where they lead."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpcore2

from sololine.core.sentence import Sentence
from sololine.outward.addresses import is_public
from sololine.outward.errors import ForbiddenAddress, Unreachable

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a host, in digits, the best first. Raises `OSError` if it has none."""

_ATTEMPTS: Final = 4
"""Addresses of one name that are tried one after the other."""

_THREADS: Final = 8


class Resolver:
    """Asks the machine for the addresses of names.

    On threads of its own: a name server that does not answer holds a thread for half a minute, and
    the threads of the event loop have other work. One thread for a name, however many ask for it:
    a webhook that has much to be told must not hold them all.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolver")
        self._asked: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of the host, in the machine's order of preference."""
        place = (host, port)
        asked = self._asked.get(place)
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, _addresses, *place)
            self._asked[place] = asked
            asked.add_done_callback(lambda asked: self._answered(place, asked))
        return await asyncio.shield(asked)

    def _answered(self, place: tuple[str, int], asked: asyncio.Future[list[str]]) -> None:
        del self._asked[place]
        if not asked.cancelled():
            asked.exception()  # who waits is told; when nobody does, asyncio need not complain

    def close(self) -> None:
        """Let the threads end. Does not wait for name servers."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Doorkeeper(httpcore2.AsyncNetworkBackend):
    """Connects to a name: resolves it, judges every address, and goes to one of these.

    One bad address among good ones closes the door: an honest name has none.
    """

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self._sockets = httpcore2.AnyIOBackend()

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where the host leads, after judging.

        Raises:
            ForbiddenAddress: if any of it is not public, unless that is allowed.
            Unreachable: if it leads nowhere.
        """
        try:
            found = list(await self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise Unreachable(Sentence("The name of the server is not known.")) from error
        if not found:
            raise Unreachable(Sentence("The name of the server is not known."))
        if not self._allow_private and not all(map(is_public, found)):
            raise ForbiddenAddress
        return found

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 — the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the host; called by the pool."""
        found = (await self.addresses(host, port))[:_ATTEMPTS]
        # Each gets its share of the time: the last ones may be those that work.
        share = timeout and timeout / len(found)
        options = None if socket_options is None else list(socket_options)
        for address in found[:-1]:
            try:
                return _Closing(
                    await self._sockets.connect_tcp(address, port, share, local_address, options)
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return _Closing(
            await self._sockets.connect_tcp(found[-1], port, share, local_address, options)
        )


class _Closing(httpcore2.AsyncNetworkStream):
    """A connection that closes when it is given up amid the TLS handshake.

    The library closes it when the handshake fails, and forgets it when it is cancelled.
    """

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 — the library's signature
    ) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 — the library's signature
    ) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 — the library's signature
    ) -> httpcore2.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except asyncio.CancelledError:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))
