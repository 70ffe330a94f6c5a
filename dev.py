#!/usr/bin/env python3
"""Runs Sololine and its tests from a checkout: `python3 dev.py` says how.

It needs a Python, and nothing else: what uv.lock names is installed into `.venv` with uv, and uv,
where there is none, into `.boot` with pip. Then it hands over to the program asked for, which
takes its place, so that Ctrl+C, signals and exit codes are that program's own.

This file keeps to what Python 3.9 can read, so that an old Python can still say what is needed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BOOT = ROOT / ".boot"
UV_PINNED = "0.13.8"
PYTHONS = ((3, 11), (3, 12), (3, 13))

USAGE = """\
Sololine, from a checkout. The first run installs what is needed, into this folder only.

  python3 dev.py sandbox          try everything, with a WhatsApp of its own: no phone, no account
  python3 dev.py test [...]       run all tests and checks; what follows goes to pytest

  python3 dev.py serve            run the gateway
  python3 dev.py test --skip-services
                                  all tests but those that need PostgreSQL or Valkey
  python3 dev.py check            format, lint, types and floors only
  python3 dev.py fmt              format the code, and mend what the linter can
  python3 dev.py messages         bring the translations to what the source says

  python3 dev.py WORD [...]       anything else is a word of the `sololine` command;
                                  `python3 dev.py --help` lists them
"""

CHECKS = (
    ("ruff", "format", "--check"),
    ("ruff", "check"),
    ("mypy",),
    ("lint-imports", "--no-logo"),
)
FMT = (("ruff", "format"), ("ruff", "check", "--fix"))


class Plan(NamedTuple):
    """What a command line asks for.

    Attributes:
        commands: programs of `.venv/bin` with their arguments. A single one takes our place; of
            several, all are run, whatever becomes of the others.
        dev: whether they need the `dev` dependencies.
        at_root: whether they run at the root of the checkout, not where the caller stands.
    """

    commands: tuple[tuple[str, ...], ...]
    dev: bool
    at_root: bool


class Refusal(Exception):
    """Why we cannot go on, in one line with the remedy."""


def plan(words: list[str]) -> Plan | None:
    """What `words` ask for; None is a wish for the usage."""
    if not words or words == ["help"]:
        return None
    verb, *rest = words
    if verb == "test":
        return Plan((("pytest", *side_by_side(rest), *rest),), dev=True, at_root=True)
    if verb == "check":
        return Plan(CHECKS, dev=True, at_root=True)
    if verb == "bench":
        return Plan((("python", "-m", "bench", *rest),), dev=True, at_root=True)
    if verb == "messages":
        return Plan((("python", "-m", "tools.messages"),), dev=True, at_root=True)
    if verb == "fmt":
        return Plan(FMT, dev=True, at_root=True)
    return Plan((("sololine", *words),), dev=False, at_root=False)


def side_by_side(words: list[str]) -> tuple[str, ...]:
    """What makes pytest use several processes: for the whole suite, which mostly waits.

    Whoever names a file wants to read along, and may want a debugger.
    """
    own_way = {"-n", "--numprocesses", "-s", "--pdb", "--trace", "--collect-only", "--co"}
    for word in words:
        path = word.partition("::")[0]
        if path.partition("=")[0] in own_way or (path and (ROOT / path).exists()):
            return ()
    # Who is done takes over from others: a test that starts servers lasts as long as many.
    return ("-n", "logical", "--maxprocesses", "4", "--dist", "worksteal")


def refuse_python(version: tuple[int, int]) -> None:
    """Raise Refusal when Sololine does not run on this Python; name one that would do."""
    if version in PYTHONS:
        return
    names = [f"python{major}.{minor}" for major, minor in reversed(PYTHONS)]
    # Run, since a version switcher puts names on PATH that lead nowhere.
    found = next((name for name in names if numbers(output_of([name, "--version"]))), None)
    remedy = f"say `{found} dev.py …`" if found else "install one, and run dev.py with it"
    raise Refusal(
        f"this is Python {version[0]}.{version[1]}, and Sololine needs 3.11, 3.12 or 3.13: {remedy}"
    )


def numbers(version: str) -> tuple[int, ...]:
    """The first dotted number in a text, for comparison: "uv 0.13.8 (x86_64)" is (0, 13, 8)."""
    found = re.search(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def required_uv() -> str:
    """The lowest version of uv that pyproject.toml allows."""
    found = re.search(
        r'^required-version = ">=([\d.]+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    if not found:
        raise Refusal('pyproject.toml should name the uv it needs as required-version = ">=X.Y"')
    return found[1]


def output_of(command: list[str]) -> str:
    """What a command says on stdout; empty when it fails or is not there."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return said.stdout if said.returncode == 0 else ""


def find_uv() -> str:
    """The uv on PATH when it is new enough, else the one in `.boot`, installed when need be."""
    on_path = shutil.which("uv")
    if on_path and numbers(output_of([on_path, "--version"])) >= numbers(required_uv()):
        return on_path
    own = str(BOOT / "bin" / "uv")
    if numbers(output_of([own, "--version"])) == numbers(UV_PINNED):
        return own
    say(f"installing uv {UV_PINNED} into .boot (first time only)…")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", BOOT], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise Refusal(
            f"{sys.executable} cannot make a virtual environment: install its venv module "
            "(Debian, Ubuntu: apt install python3-venv), or put uv on PATH"
        )
    pip = [str(BOOT / "bin" / "python"), "-m", "pip", "install", "--quiet", f"uv=={UV_PINNED}"]
    if subprocess.run(pip, check=False).returncode != 0:
        raise Refusal("pip could not install uv (it says why above): mend that, or put uv on PATH")
    return own


def python_choice(venv: Path, version: tuple[int, int]) -> list[str]:
    """What tells uv which Python to use.

    Nothing, when `.venv` already has the running minor version: two Pythons 3.12 on one machine
    must not make uv build `.venv` anew by turns.
    """
    settings = venv / "pyvenv.cfg"
    if settings.exists() and (venv / "bin" / "python").exists():
        found = re.search(r"^version(_info)? *= *(\d+)\.(\d+)", settings.read_text(), re.MULTILINE)
        if found and (int(found[2]), int(found[3])) == version:
            return []
    return ["--python", sys.executable]


def install(uv: str, *, dev: bool) -> None:
    """Bring `.venv` to what uv.lock says, with or without the `dev` dependencies.

    Without them they are left where they are (--inexact), not removed: whoever develops would
    otherwise install them anew after each `serve`.
    """
    choice = python_choice(VENV, sys.version_info[:2])
    # Only decides whether to speak: uv looks each time, which is quick when all is there.
    stamp = VENV / f".sololine-{'dev' if dev else 'run'}"
    lock = hashlib.sha256((ROOT / "uv.lock").read_bytes()).hexdigest()
    news = bool(choice) or not stamp.exists() or stamp.read_text() != lock
    if news:
        say("installing the locked dependencies into .venv (first time and on change; about 20 s)…")
    sync = [uv, "sync", "--project", str(ROOT), "--frozen", "--inexact", *choice]
    sync += [] if dev else ["--no-dev"]
    sync += [] if news and sys.stderr.isatty() else ["--quiet"]
    if subprocess.run(sync, check=False, env=environment()).returncode != 0:
        raise Refusal("uv could not install the dependencies (it says why above)")
    stamp.write_text(lock)


def environment() -> dict[str, str]:
    """Ours, with `.venv` in front, and without what would lead uv or Python elsewhere."""
    env = {
        key: value
        for key, value in os.environ.items()
        if key not in {"PYTHONHOME", "UV_NO_DEV", "UV_PYTHON"}
    }
    env["VIRTUAL_ENV"] = str(VENV)
    env["UV_PROJECT_ENVIRONMENT"] = str(VENV)
    env["UV_PYTHON_DOWNLOADS"] = "never"
    env["PATH"] = os.pathsep.join([str(VENV / "bin"), env.get("PATH", os.defpath)])
    return env


def run_all(commands: tuple[tuple[str, ...], ...]) -> int:
    """Run each of several commands, then say how each went; 1 when any failed."""
    results = []
    for program, *arguments in commands:
        say(" ".join([program, *arguments]))
        done = subprocess.run([VENV / "bin" / program, *arguments], check=False, env=environment())
        results.append((done.returncode, " ".join([program, *arguments])))
    for status, command in results:
        say(f"{'FAILED' if status else 'ok':>6}  {command}")
    return int(any(status for status, _ in results))


def become(command: tuple[str, ...]) -> NoReturn:
    """Let the program take our place, so that signals and its exit code are its own."""
    sys.stdout.flush()
    program = str(VENV / "bin" / command[0])
    os.execve(program, [program, *command[1:]], environment())


def say(words: str) -> None:
    """Tell the person at the terminal; stdout belongs to the programs."""
    print(f"dev.py: {words}", file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """Do what the words of the command line ask for; the exit status."""
    wish = plan(words)
    if wish is None:
        print(USAGE, end="")
        return 0
    if os.name != "posix":
        say("Sololine runs on Linux: on Windows, use it within WSL")
        return 2
    try:
        refuse_python(sys.version_info[:2])
        install(find_uv(), dev=wish.dev)
    except Refusal as refusal:
        say(str(refusal))
        return 2
    except KeyboardInterrupt:
        return 130
    if wish.at_root:
        os.chdir(ROOT)
    if len(wish.commands) == 1:
        become(wish.commands[0])
    try:
        return run_all(wish.commands)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
