"""Requests to addresses that users name: telling a webhook, and fetching a file."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv6Address
from pathlib import Path
from typing import Final, Self

import httpcore2
import httpx2

from sololine.core.sentence import Sentence
from sololine.outward.doorkeeper import Doorkeeper, Resolve, Resolver
from sololine.outward.errors import InvalidUrl, TooLarge, UnexpectedAnswer, Unreachable
from sololine.outward.new_file import NewFile

URL_MAX: Final = 2048
"""Characters of a URL."""

ANSWER_MAX: Final = 16 * 2**10
"""Bytes that are read of what a webhook answers."""

_CONNECT_S: Final = 10.0
_KEPT_S: Final = 30.0
_CONNECTIONS: Final = 300
"""Open at a time; more than the courier uses, so that a file can be fetched meanwhile."""
_KEPT: Final = 50
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})")
_FAILURES: Final = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
    ssl.SSLError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server answered; `body_start` is at most `ANSWER_MAX` bytes of it."""

    status: int
    body_start: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file that was fetched.

    Attributes:
        mime_type: as the server calls it, in lower case; empty when it does not say.
        sha256: of the bytes, in hexadecimal digits.
    """

    mime_type: str
    size: int
    sha256: str


class Outward:
    """Reaches addresses that users name. An async context manager; one is enough for a process.

    Args:
        allow_private: let addresses lead anywhere, as the setting `allow_private_addresses` says.
        resolve: asks for the addresses of a name; by default the machine.
        tls: whom to trust; by default whom the machine trusts.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._resolver = Resolver()
        self._doorkeeper = Doorkeeper(resolve or self._resolver, allow_private=allow_private)
        # The pool itself and not a client around it: no redirects, cookies, proxies or
        # decompression that would have to be switched off.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_KEPT_S,
            network_backend=self._doorkeeper,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.aclose()
        self._resolver.close()

    async def check(self, url: str) -> None:
        """Whether the URL may be used, as far as that can be told without asking its server.

        Raises:
            InvalidUrl, ForbiddenAddress, Unreachable: if not.
        """
        target = _parsed(url)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._doorkeeper.addresses(_host(target), target.port or 0)
        except TimeoutError as error:
            raise Unreachable(
                Sentence("The name of the server could not be looked up in time.")
            ) from error

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """Send something, and hear the answer, whatever its status; redirects are answers.

        Args:
            url: a user's.
            headers: for the request, beside `Host` and `Content-Length`.
            body: of the request.
            timeout_s: for everything together.

        Raises:
            InvalidUrl, ForbiddenAddress, Unreachable: if there was no answer.
        """
        async with self._answer("POST", url, headers, body, timeout_s) as answer:
            start = bytearray()
            async with aclosing(answer.aiter_stream()) as parts:
                async for part in parts:
                    start += part
                    if len(start) > ANSWER_MAX:
                        break
            return Answer(status=answer.status, body_start=bytes(start[:ANSWER_MAX]))

    async def fetch(self, url: str, file: Path, max_bytes: int, timeout_s: float) -> Fetched:
        """Fetch a file.

        Args:
            url: a user's.
            file: a new path to write to; nothing is left there on failure.
            max_bytes: how large it may be.
            timeout_s: for everything together.

        Raises:
            InvalidUrl, ForbiddenAddress, Unreachable, UnexpectedAnswer, TooLarge: if there is no
                such file.
            FileExistsError: if `file` is there already.
        """
        # Packed content could be much larger than what is sent; so we ask for none, and take none.
        async with self._answer("GET", url, {"Accept-Encoding": "identity"}, None, timeout_s) as (
            answer
        ):
            told = _headers(answer)
            _expect_file(answer.status, told)
            length = told.get("content-length", "")
            if length.isdecimal() and int(length) > max_bytes:
                raise TooLarge(max_bytes)
            with NewFile(file, max_bytes) as new:
                async with aclosing(answer.aiter_stream()) as parts:
                    async for part in parts:
                        await new.take(part)
                await new.settle()
        mime_type = told.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(mime_type=mime_type, size=new.size, sha256=new.sha256)

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
    ) -> AsyncIterator[httpcore2.Response]:
        target = _parsed(url)
        # Waiting for each thing is bounded by the whole, so that the pool may wait, too.
        waits = {"connect": min(_CONNECT_S, timeout_s)} | dict.fromkeys(
            ("read", "write", "pool"), timeout_s
        )
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._pool.stream(
                    method,
                    httpcore2.URL(
                        scheme=target.raw_scheme,
                        host=target.raw_host,
                        port=target.port,
                        target=target.raw_path,
                    ),
                    headers=[*_written(headers), (b"Host", target.netloc)],
                    content=body,
                    extensions={"timeout": waits, "sni_hostname": _host(target).rstrip(".")},
                ) as answer,
            ):
                yield answer
        except TimeoutError as error:
            raise Unreachable(
                Sentence("The server did not answer within {seconds:g} seconds.", seconds=timeout_s)
            ) from error
        except _FAILURES as error:
            raise Unreachable(_sentence(error)) from error


def _parsed(text: str) -> httpx2.URL:
    """The URL in the text. Raises `InvalidUrl`."""
    if len(text) > URL_MAX:
        raise InvalidUrl(Sentence("The URL has more than {most} characters.", most=URL_MAX))
    try:
        url = httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError) as error:
        raise InvalidUrl(
            Sentence("The text is no URL. Send one like https://example.com/path.")
        ) from error
    if url.scheme not in {"http", "https"}:
        raise InvalidUrl(Sentence("The URL must begin with https:// or http://."))
    if url.userinfo or "@" in re.split(r"[/?#]", text.partition("//")[2])[0]:
        raise InvalidUrl(Sentence("The URL must have no user name or password in it."))
    if not _is_host(url.raw_host):
        raise InvalidUrl(
            Sentence("The URL names no server. Send one like https://example.com/path.")
        )
    if url.port is not None and not 0 < url.port < 2**16:
        raise InvalidUrl(Sentence("The port of the URL must be a number from 1 to 65535."))
    return url


def _is_host(raw: bytes) -> bool:
    host = raw.decode("ascii")
    if ":" not in host:
        return _HOST.fullmatch(host) is not None
    try:
        # An address with a zone names an interface of this machine.
        return IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _host(url: httpx2.URL) -> str:
    return url.raw_host.decode("ascii")


def _written(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode()) for name, value in headers.items()]


def _headers(answer: httpcore2.Response) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers
    }


def _expect_file(status: int, headers: Mapping[str, str]) -> None:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise UnexpectedAnswer(
            Sentence(
                "The server answered with a redirect, which is not followed. Send the "
                "URL that it leads to."
            ),
            status,
        )
    if status != HTTPStatus.OK:
        raise UnexpectedAnswer(
            Sentence("The server answered with status {status}, not a file.", status=status), status
        )
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise UnexpectedAnswer(
            Sentence("The server sent the file packed, though it was asked not to."), status
        )


def _sentence(error: BaseException) -> Sentence:
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Sentence("The certificate of the server does not prove its name.")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Sentence("The server could not be spoken to securely.")
    match error:
        case httpcore2.ConnectError():
            return Sentence("The server could not be connected to.")
        case httpcore2.TimeoutException():
            return Sentence("The server did not answer in time.")
        case _:
            return Sentence("The connection broke, or the server does not speak HTTP.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
