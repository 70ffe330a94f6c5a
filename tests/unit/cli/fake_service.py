"""A sandbox made of scripted answers: a real HTTP server on loopback, and nothing behind it.

The service answers below `/api`, the loopback WhatsApp's control interface below `/whatsapp`.
"""

import json
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


class FakeService:
    """Answers what it was told to, and remembers what it was asked.

    Attributes:
        asked: method, path, query and body of every request, in order.
        keys: the `x-api-key` of every request.
        languages: the `Accept-Language` of every request.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.keys: list[str | None] = []
        self.languages: list[str | None] = []
        self._answers: defaultdict[tuple[str, str], list[tuple[int, bytes]]] = defaultdict(list)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answers(self, method: str, path: str, body: object, status: int = 200) -> None:
        """Answer so; when told several times, in that order, and the last one ever after."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._answers[method, path].append((status, raw))

    def bodies(self, method: str, path: str) -> list[Any]:
        """What was sent there."""
        return [body for verb, where, _, body in self.asked if (verb, where) == (method, path)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer nobody any more; the port is free then."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                url = urlsplit(self.path)
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                query = dict(parse_qsl(url.query))
                service.asked.append((self.command, url.path, query, body))
                service.keys.append(self.headers.get("x-api-key"))
                service.languages.append(self.headers.get("accept-language"))
                told = service._answers[self.command, url.path]
                status, raw = (told.pop(0) if len(told) > 1 else told[0]) if told else (404, b"")
                self.send_response(status)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 — the base class names them

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
