"""Asking a running service over HTTP, for commands."""

import json
from typing import Any, Final
from urllib.parse import quote

import httpx2

from sololine.cli.output import Told, fail, spoken
from sololine.cli.sandbox import Sandbox
from sololine.core.sentence import Sentence

PATIENCE_S: Final = 45.0


def api() -> httpx2.Client:
    """A client of the sandbox's API, with its key."""
    sandbox = Sandbox.find()
    return httpx2.Client(
        base_url=sandbox.api, headers={"x-api-key": sandbox.key, "Accept-Language": spoken()}
    )


def control() -> httpx2.Client:
    """A client of the loopback WhatsApp's control interface."""
    return httpx2.Client(base_url=Sandbox.find().control, headers={"Accept-Language": spoken()})


def ask(client: httpx2.Client, method: str, path: str, *, raw: bool = False, **options: Any) -> Any:
    """Send a request; end the command with the answer's own sentence when it is a refusal.

    The answer is what its JSON says, or with `raw` the bytes that came.
    """
    try:
        answer = client.request(method, path, timeout=PATIENCE_S, **options)
    except httpx2.TransportError:
        fail(Sentence("The sandbox does not answer. Is `python3 dev.py sandbox` still running?"))
    try:
        body = json.loads(answer.content) if answer.content else {}
    except ValueError:
        body = {}
    if answer.is_error:
        told = body.get("message") if isinstance(body, dict) else None
        if told:
            fail(Told(told))
        fail(Sentence("The sandbox answered {status}.", status=answer.status_code))
    return answer.content if raw else body


def part(word: str) -> str:
    """A word that somebody typed, as one part of a path."""
    return quote(word, safe="")
