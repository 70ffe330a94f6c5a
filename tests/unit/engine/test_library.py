import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

from sololine.engine import library
from sololine.engine.library import LibraryMissing, library_file, load


class FakeFunction:
    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def __call__(self) -> bytes:
        return self.answer


class FakeCdll:
    def __init__(self, version: bytes) -> None:
        self.GetVersion = FakeFunction(version)


def test_the_library_is_found_without_importing_its_package() -> None:
    before = sys.modules.get("neonize")
    assert library_file().is_file()
    assert sys.modules.get("neonize") is before


def test_without_the_package_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PathFinder, "find_spec", lambda _name: None)
    with pytest.raises(LibraryMissing, match=r"^neonize is not installed"):
        library_file()


def test_on_a_platform_without_a_library_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    with pytest.raises(LibraryMissing, match=r"neonize-linux-pdp11\.so is not part of"):
        library_file()


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _path: FakeCdll(b"0.6.0"))
    with pytest.raises(LibraryMissing, match=r"is version 0\.6\.0, not 0\.5\.2"):
        load(Path("neonize-linux-amd64.so"))


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "neonize-linux-amd64.so"
    file.write_bytes(b"nothing")
    with pytest.raises(LibraryMissing, match="cannot be loaded"):
        load(file)


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    statuses: list[int] = []
    monkeypatch.setattr(os, "_exit", statuses.append)
    return statuses


def test_a_callback_that_fails_ends_the_process(exits: list[int]) -> None:
    """Otherwise a signal would be lost without a trace."""
    callback = library._OnText(library._guarded(lambda *_: 1 / 0))
    callback(None, None)
    assert exits == [70]


def test_a_callback_that_works_is_heard(exits: list[int]) -> None:
    heard: list[str] = []
    callback = library._OnText(library._guarded(lambda _, text: heard.append(library._text(text))))
    callback(None, ctypes.cast(ctypes.create_string_buffer("¡código!".encode()), ctypes.c_void_p))
    assert heard == ["¡código!"]
    assert exits == []
