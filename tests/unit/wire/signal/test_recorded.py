"""Conversations with another implementation, recorded: what it wrote, and what it read.

`recorded.json` holds what python-axolotl 0.2.3 (a port of Signal's own library) and an `Endpoint`
said to each other, in the order in which the endpoint wrote and read. Of everything that we
wrote there, the other one read the text that stands beside it; save one message for a group that
we wrote before we shared our key.

Our chance was replaced by `Chance`, so that our side says the same again, byte for byte. Drawing
random bytes in another order breaks these tests; then say it in `Chance`, or record again.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from sololine.wire.curve import KeyPair
from sololine.wire.jid import Jid
from sololine.wire.signal.bundle import PrekeyBundle
from sololine.wire.signal.endpoint import Endpoint, MemoryStore
from sololine.wire.signal.session import Kind

OWN, THEIRS, GROUP = Jid("100", "lid"), Jid("200", "lid"), Jid("300", "g.us")
RECORDED: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("recorded.json").read_text()
)


class Chance:
    """Random bytes that are the same for every run of that name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._drawn = 0

    def __call__(self, size: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(f"{self._name} {self._drawn}".encode()).digest(size)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_conversation_happens_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", Chance(name))
    identity, signed_prekey = KeyPair.generate(), KeyPair.generate()
    own = Endpoint(identity, 4711, 9, signed_prekey, MemoryStore())
    bundle: PrekeyBundle | None = None
    for step in RECORDED[name]:
        data = bytes.fromhex(step.get("data", ""))
        text = step.get("text", "").encode()
        match step["step"], step.get("kind"):
            case "we publish", _:
                published = own.bundle()
                assert published.prekey_id == step["prekey_id"]
                assert published.prekey == bytes.fromhex(step["prekey"])
            case "they publish", _:
                bundle = read_bundle(step)
            case "we share", _:
                assert own.distribution(GROUP, OWN) == data
            case "they share", _:
                own.take_distribution(GROUP, THEIRS, data)
            case "we write", "skmsg":
                assert own.encrypt_for_group(GROUP, OWN, text) == data
            case "they write", "skmsg":
                assert own.decrypt_for_group(GROUP, THEIRS, data) == text
            case "we write", kind:
                assert own.encrypt(THEIRS, text, bundle) == (kind, data)
                bundle = None
            case "they write", kind:
                assert own.decrypt(THEIRS, Kind(kind), data) == text
            case other:
                raise AssertionError(other)


def read_bundle(step: dict[str, Any]) -> PrekeyBundle:
    prekey = step.get("prekey")
    return PrekeyBundle(
        registration_id=step["registration_id"],
        identity=bytes.fromhex(step["identity"]),
        signed_prekey_id=step["signed_prekey_id"],
        signed_prekey=bytes.fromhex(step["signed_prekey"]),
        signature=bytes.fromhex(step["signature"]),
        prekey_id=step.get("prekey_id"),
        prekey=None if prekey is None else bytes.fromhex(prekey),
    )
