"""How commands find the sandbox, and what they say when it is not there."""

import stat
from pathlib import Path

import pytest

from sololine.cli.sandbox import SANDBOX_DIR, Sandbox
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_service import FakeService

LIST = ("bot", "list")


def test_without_a_sandbox_a_command_says_how_to_start_one(run: Run) -> None:
    result = run(*LIST)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("There is no sandbox here. Start one with ")


@pytest.mark.parametrize("words", ["", "{", "[]", "{}", '{"api": "x"}', '{"other": 1}', "\x80"])
def test_a_broken_note_of_a_sandbox_is_none(run: Run, data_dir: Path, words: str) -> None:
    data_dir.mkdir()
    (data_dir / "sandbox.json").write_bytes(words.encode("latin-1"))

    result = run(*LIST)

    assert result.exit_code == 1
    assert "There is no sandbox here" in result.stderr


def test_a_sandbox_that_has_ended_is_told_from_one_that_never_was(run: Run, data_dir: Path) -> None:
    with FakeService() as service:
        data_dir.mkdir()
        Sandbox(api=service.url, key="k", control=service.url).save(data_dir)

    for words in (LIST, ("phone", "list")):
        result = run(*words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("The sandbox does not answer.")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b"\xff"])
def test_an_answer_that_nobody_expected_is_told_by_its_number(
    run: Run, service: FakeService, body: bytes
) -> None:
    service.answers("GET", "/api/v1/bots/default", body, 502)

    result = run(*LIST)

    assert (result.exit_code, result.stderr) == (1, "The sandbox answered 502.\n")


def test_the_key_is_for_the_service_and_not_for_the_phones(run: Run, service: FakeService) -> None:
    service.answers("GET", "/whatsapp/phones", {"phones": []})
    run("phone", "list")

    assert service.keys == [None]


def test_the_note_of_a_sandbox_is_for_its_owners_eyes_only(tmp_path: Path) -> None:
    """It holds a key."""
    note = Sandbox(api="a", key="k", control="c")
    note.save(tmp_path)
    note.save(tmp_path)

    assert stat.S_IMODE((tmp_path / "sandbox.json").stat().st_mode) == 0o600


def test_a_sandbox_is_looked_for_in_the_folder_that_sandbox_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOLOLINE_DATA_DIR")
    (tmp_path / SANDBOX_DIR).mkdir()
    note = Sandbox(api="a", key="k", control="c")
    note.save(tmp_path / SANDBOX_DIR)

    assert Sandbox.find() == note
