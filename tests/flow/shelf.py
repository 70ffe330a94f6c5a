"""Files on the web, for bots to fetch: an HTTP server in the tests' own process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered for a path; `claims` is a length that it claims instead of its own."""

    content: bytes = b""
    mime_type: str = "application/octet-stream"
    status: int = 200
    location: str = ""
    claims: int | None = None
    hangs: bool = False


@dataclass(slots=True)
class Shelf:
    """Answers by path."""

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def url_of(self, name: str, content: bytes, mime_type: str) -> str:
        """Put a file on the shelf; where it is."""
        self.answers[name] = Answer(content, mime_type)
        return self.url(name)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            name = request.split(b" ")[1].decode().lstrip("/")
            self.asked.append(name)
            answer = self.answers.get(name, Answer(status=404))
            length = len(answer.content) if answer.claims is None else answer.claims
            head = (
                f"HTTP/1.1 {answer.status} X\r\nconnection: close\r\n"
                f"content-type: {answer.mime_type}\r\ncontent-length: {length}\r\n"
            )
            head += f"location: {answer.location}\r\n" if answer.location else ""
            writer.write(head.encode() + b"\r\n" + answer.content)
            await writer.drain()
            if answer.hangs:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has seen enough
        finally:
            writer.close()


@asynccontextmanager
async def shelf_on_the_web() -> AsyncIterator[Shelf]:
    shelf = Shelf()
    server = await asyncio.start_server(shelf.serve, "127.0.0.1", 0)
    shelf.port = server.sockets[0].getsockname()[1]
    async with server:
        yield shelf
