import platform
import sys
from pathlib import Path

import pytest

from sololine.core.sentence import Sentence
from sololine.engine import loopback
from sololine.engine.library import LibraryMissing
from sololine.engine.loopback import (
    UnknownLibrary,
    available,
    loopback_launch,
    replace_root_key,
)
from sololine.wire.certificate import WHATSAPP_ROOT


def test_the_key_that_is_replaced_is_whatsapps() -> None:
    assert loopback._PINNED_KEY == WHATSAPP_ROOT


def test_workers_are_pointed_at_this_machine() -> None:
    launch = loopback_launch(port=4711, ca_file=Path("/ca.pem"), root_public=b"\1" * 32)
    assert launch.module == "sololine.engine.loopback"
    assert launch.arguments == ("--noise-root", "01" * 32)
    assert launch.environment["HTTPS_PROXY"] == "http://127.0.0.1:4711"
    assert launch.environment["SSL_CERT_FILE"] == "/ca.pem"


def test_a_library_that_does_not_hold_the_key_is_refused() -> None:
    with pytest.raises(UnknownLibrary, match="0 times"):
        replace_root_key(Path("/no/such/library.so"), b"\1" * 32)


def test_a_library_that_holds_the_key_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        loopback, "_writable", lambda _file: [(0, WHATSAPP_ROOT), (64, WHATSAPP_ROOT)]
    )
    with pytest.raises(UnknownLibrary, match="2 times"):
        replace_root_key(Path("any.so"), b"\1" * 32)


def test_a_key_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        replace_root_key(Path("any.so"), b"\1" * 31)


@pytest.mark.parametrize(("system", "machine"), [("darwin", "x86_64"), ("linux", "aarch64")])
def test_other_machines_are_told_why_not(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert available() == "the sandbox needs Linux on a 64-bit Intel or AMD processor"


def test_without_the_library_one_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise LibraryMissing(Sentence("neonize is not installed"))

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(loopback, "library_file", missing)
    assert available() == "neonize is not installed"
