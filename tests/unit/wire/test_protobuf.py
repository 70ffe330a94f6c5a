import subprocess
import sys
from importlib.machinery import PathFinder
from types import ModuleType

import pytest

from sololine.wire import protobuf
from sololine.wire.errors import MalformedPayload

ALONE = """
import sys
from pathlib import Path
from sololine.wire import linking, noise, pairing_code, protobuf, registration
assert protobuf.load("Neonize_pb2").DESCRIPTOR
assert not {"numpy", "PIL", "neonize.client", "neonize._binder"} & set(sys.modules)
maps = Path("/proc/self/maps")
assert not maps.exists() or "neonize-linux" not in maps.read_text()
"""


def test_the_messages_come_without_the_engine() -> None:
    subprocess.run([sys.executable, "-c", ALONE], check=True)


def test_a_package_that_is_there_already_is_used() -> None:
    """The engine's worker has put its own in place, or the real one."""
    already = sys.modules["neonize"]
    assert protobuf.load("waAdv.WAAdv_pb2") is protobuf.adv
    assert sys.modules["neonize"] is already


def test_a_missing_engine_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(_name: str, _path: object = None, _target: ModuleType | None = None) -> None:
        return None

    monkeypatch.delitem(sys.modules, "neonize")
    monkeypatch.setattr(PathFinder, "find_spec", find_nothing)
    with pytest.raises(ImportError, match="neonize is not installed"):
        protobuf.load("Neonize_pb2")


def test_bytes_that_are_no_message_are_refused() -> None:
    with pytest.raises(MalformedPayload, match=r"^not a HandshakeMessage message$"):
        protobuf.parse(protobuf.wa6.HandshakeMessage, b"\xff")
