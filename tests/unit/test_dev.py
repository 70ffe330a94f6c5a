import ast
import os
import sys
from pathlib import Path

import pytest

import dev


def make_program(folder: Path, name: str, says: str, status: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
    program.chmod(0o755)
    return program


def make_venv(folder: Path, settings: str) -> Path:
    make_program(folder / "bin", "python", "")
    (folder / "pyvenv.cfg").write_text(settings)
    return folder


def test_an_old_python_can_read_it_far_enough_to_say_what_is_needed() -> None:
    ast.parse(Path(dev.__file__).read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("words", [[], ["help"]])
def test_no_words_and_help_ask_for_the_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.main(words) == 0

    first, second, *_ = [line for line in capsys.readouterr().out.splitlines() if "dev.py" in line]
    assert "dev.py sandbox" in first
    assert "dev.py test" in second


def test_test_hands_what_follows_to_pytest() -> None:
    wish = dev.plan(["test", "tests/unit", "-k", "claim"])

    assert wish == dev.Plan((("pytest", "tests/unit", "-k", "claim"),), dev=True, at_root=True)


@pytest.mark.parametrize("words", [[], ["--skip-services"], ["-x", "-k", "claim"]])
def test_the_whole_suite_runs_in_several_processes(words: list[str]) -> None:
    wish = dev.plan(["test", *words])

    assert wish is not None
    beside = ("-n", "logical", "--maxprocesses", "4", "--dist", "worksteal")
    assert wish.commands == (("pytest", *beside, *words),)


@pytest.mark.parametrize(
    "words",
    [["tests/unit/test_dev.py::test_x"], ["-n", "3"], ["--pdb"], ["--numprocesses=0"]],
)
def test_whoever_names_a_file_or_a_way_to_run_gets_just_that(words: list[str]) -> None:
    wish = dev.plan(["test", *words])

    assert wish is not None
    assert wish.commands == (("pytest", *words),)


@pytest.mark.parametrize("words", [["serve"], ["phone", "add", "--name", "Ana"], ["--version"]])
def test_other_words_are_those_of_the_sololine_command(words: list[str]) -> None:
    """They need no `dev` dependencies, and paths among them are as seen from where one stands."""
    assert dev.plan(words) == dev.Plan((("sololine", *words),), dev=False, at_root=False)


def test_messages_refreshes_the_catalogues_of_the_checkout() -> None:
    refresh = ("python", "-m", "tools.messages")
    assert dev.plan(["messages"]) == dev.Plan((refresh,), dev=True, at_root=True)


def test_check_and_fmt_need_the_dev_dependencies() -> None:
    assert dev.plan(["check"]) == dev.Plan(dev.CHECKS, dev=True, at_root=True)
    assert dev.plan(["fmt"]) == dev.Plan(dev.FMT, dev=True, at_root=True)


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_supported_pythons_are_accepted(minor: int) -> None:
    dev.refuse_python((3, minor))


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 14)])
def test_another_python_is_refused_with_the_name_of_one_that_would_do(
    version: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program(tmp_path, "python3.13", "no such version", status=127)
    make_program(tmp_path, "python3.12", "Python 3.12.1")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(dev.Refusal, match=r"needs 3\.11, 3\.12 or 3\.13: say `python3\.12 dev"):
        dev.refuse_python(version)


def test_without_any_that_would_do_one_is_to_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(dev.Refusal, match="install one"):
        dev.refuse_python((3, 9))


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("uv 0.13.8 (x86_64-unknown-linux-gnu)", (0, 13, 8)),
        ("uv 0.9", (0, 9)),
        ("Python 3.12.1\n", (3, 12, 1)),
        ("nonsense", ()),
        ("", ()),
    ],
)
def test_versions_are_read_from_what_programs_say(said: str, version: tuple[int, ...]) -> None:
    assert dev.numbers(said) == version


def test_the_pinned_uv_is_one_that_pyproject_allows() -> None:
    assert dev.numbers(dev.UV_PINNED) >= dev.numbers(dev.required_uv())


def test_a_uv_on_the_path_that_is_new_enough_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = make_program(tmp_path, "uv", "uv 99.0.0")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert dev.find_uv() == str(uv)


@pytest.mark.parametrize(("says", "status"), [("uv 0.1.0", 0), ("broken", 1)])
def test_a_uv_that_is_too_old_or_broken_is_passed_over_for_our_own(
    says: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program(tmp_path / "path", "uv", says, status)
    own = make_program(tmp_path / "boot" / "bin", "uv", f"uv {dev.UV_PINNED} (somewhere)")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(dev, "BOOT", tmp_path / "boot")

    assert dev.find_uv() == str(own)


def test_a_python_without_venv_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(dev, "BOOT", tmp_path / "boot")
    monkeypatch.setattr(sys, "executable", str(make_program(tmp_path, "python", "", status=1)))

    with pytest.raises(dev.Refusal, match="apt install python3-venv") as refusal:
        dev.find_uv()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("settings", ["version_info = 3.12.1\n", "version = 3.12.7\n"])
def test_a_venv_of_the_same_minor_version_is_kept(settings: str, tmp_path: Path) -> None:
    venv = make_venv(tmp_path / "venv", f"home = /usr/bin\n{settings}")

    assert dev.python_choice(venv, (3, 12)) == []


@pytest.mark.parametrize("settings", ["version_info = 3.11.7\n", "home = /usr/bin\n"])
def test_a_venv_of_another_or_unknown_version_is_made_anew_with_the_running_python(
    settings: str, tmp_path: Path
) -> None:
    venv = make_venv(tmp_path / "venv", settings)

    assert dev.python_choice(venv, (3, 12)) == ["--python", sys.executable]


def test_a_venv_whose_python_is_gone_is_made_anew(tmp_path: Path) -> None:
    venv = make_venv(tmp_path / "venv", "version = 3.12.1\n")
    (venv / "bin" / "python").unlink()

    assert dev.python_choice(venv, (3, 12)) == ["--python", sys.executable]


def test_the_environment_leads_to_our_venv_and_never_downloads_a_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/another")
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", "/another")
    monkeypatch.setenv("UV_PYTHON", "3.9")
    monkeypatch.setenv("PATH", "/usr/bin")

    env = dev.environment()

    assert env["VIRTUAL_ENV"] == env["UV_PROJECT_ENVIRONMENT"] == str(dev.VENV)
    assert env["PATH"].split(os.pathsep) == [str(dev.VENV / "bin"), "/usr/bin"]
    assert env["UV_PYTHON_DOWNLOADS"] == "never"
    assert "UV_PYTHON" not in env


def test_all_checks_run_and_one_failure_is_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    make_program(tmp_path / "bin", "first", "first ran", status=3)
    make_program(tmp_path / "bin", "second", "second ran")
    monkeypatch.setattr(dev, "VENV", tmp_path)

    assert dev.run_all((("first", "--all"), ("second",))) == 1
    assert dev.run_all((("second",),)) == 0

    said = capfd.readouterr()
    assert "second ran" in said.out
    assert "FAILED  first --all" in said.err
    assert "ok  second" in said.err


def test_a_refusal_is_one_line_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: tuple[int, int]) -> None:
        raise dev.Refusal("the mistake: the remedy")

    monkeypatch.setattr(dev, "refuse_python", refuse)

    assert dev.main(["serve"]) == 2
    assert capsys.readouterr().err == "dev.py: the mistake: the remedy\n"
