"""Pages that can be walked: their commands are run, and what they show must be what comes out.

A page's fenced blocks say by their info string what they are:

    ```sh sandbox            how the sandbox is started; a page that has this block is a tour
    ```sh tour               commands for the second terminal, all in one shell, in their order
    ```sh tour eventually    the same; asked again until the answer is the shown one
    ```json answer           what the block before prints; a block without one prints nothing

In an answer `...` stands for anything. Ids (WhatsApp's, too), instants, times of day, seconds that
are left and places in the log are only compared in their form. The commands run as they stand, in
an empty folder in which `dev.py` is a stand-in for the real one; only the address is another, since
8080 may be in use.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ADDRESS = "http://127.0.0.1:8080"
EVENTUALLY_S = 45.0
PAUSE_S = 0.5

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FORMS = (
    (re.compile(r"\b(bot|whk)_[0-9a-z]{20}"), r"\1_ID"),
    (re.compile(r"\b(msg|med|dlv)_[0-9a-z]{24}"), r"\1_ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "INSTANT"),
    (re.compile(r"\b(3A|3EB0)[0-9A-F]{18}\b"), "WHATSAPP_ID"),
    (re.compile(r"\b120363\d{12}\b"), "GROUP_ID"),
    (re.compile(r"^\d\d:\d\d:\d\d  \+", re.MULTILINE), "TIME  +"),
    (re.compile(r"wait \d+ seconds"), "wait N seconds"),
    (re.compile(r'"(secondsLeft|seq|last)": \d+'), r'"\1": N'),
)
_END = "-- end of the block --"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Commands, and what they must print; `line` is where they stand in the page."""

    line: int
    commands: str
    answer: str
    eventually: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tour:
    """A page that can be walked: the command that starts its sandbox, and its blocks."""

    start: str
    blocks: tuple[Block, ...]


def read(page: Path) -> Tour | None:
    """The tour in a page; None when it has none."""
    text = page.read_text(encoding="utf-8")
    fences = [
        (text.count("\n", 0, found.start()) + 1, found["info"].split(), found["text"])
        for found in _FENCE.finditer(text)
    ]
    start = next((body for _, info, body in fences if info[1:2] == ["sandbox"]), None)
    if start is None:
        return None
    blocks = []
    for (line, info, body), follower in zip(fences, [*fences[1:], (0, [], "")], strict=True):
        if info[1:2] == ["tour"]:
            _, next_info, next_body = follower
            answer = next_body if next_info[1:2] == ["answer"] else ""
            blocks.append(
                Block(
                    line=line, commands=body, answer=answer, eventually=info[2:] == ["eventually"]
                )
            )
    return Tour(start=start.strip(), blocks=tuple(blocks))


def differs(shown: str, printed: str) -> bool:
    """Whether the page shows something else than what was printed."""
    pattern = re.escape(_formed(shown).strip()).replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, _formed(printed).strip(), re.DOTALL) is None


def _formed(text: str) -> str:
    for form, name in _FORMS:
        text = form.sub(name, text)
    return text


class Shell:
    """The second terminal: one bash for the whole tour, so that variables live on."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, commands: str) -> str:
        """What the commands print, on both outputs."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{\n{commands}\n}} </dev/null\necho '{_END}'\n")
        self._bash.stdin.flush()
        printed = ""
        for line in self._bash.stdout:
            if line.rstrip("\n").endswith(_END):
                return printed + line.rstrip("\n").removesuffix(_END)
            printed += line
        raise AssertionError(f"the shell ended in the middle of a block:\n{printed}")

    def close(self) -> None:
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.close()
        self._bash.wait(timeout=30)
        self._bash.stdout.close()


@contextmanager
def sandbox(start: str, folder: Path) -> Iterator[tuple[Shell, str]]:
    """The sandbox that `start` starts, in `folder`; yields a shell beside it, and its address."""
    (folder / "dev.py").write_text("from sololine.cli import main\n\nmain()\n")
    env = {key: value for key, value in os.environ.items() if not key.startswith("SOLOLINE_")}
    path = [str(Path(sys.executable).parent), env.get("PATH", os.defpath)]
    if shutil.which("curl") is None:
        path.insert(0, str(_stand_in_for_curl(folder / "bin")))
    env["PATH"] = os.pathsep.join(path)
    words = shlex.split(start, comments=True)
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    with (folder / "sandbox.log").open("w") as log:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env={**env, "SOLOLINE_PORT": "0"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        welcome = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", welcome)
        assert found, f"the sandbox did not start:\n{(folder / 'sandbox.log').read_text()}"
        shell = Shell(folder, env)
        try:
            yield shell, found[0]
        finally:
            shell.close()
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def walk(tour: Tour, folder: Path) -> list[str]:
    """Walk a tour; what went otherwise than its page shows, one text a block."""
    wrong = []
    with sandbox(tour.start, folder) as (shell, address):
        for block in tour.blocks:
            commands = block.commands.replace(ADDRESS, address)
            until = time.monotonic() + EVENTUALLY_S
            while differs(block.answer, printed := shell.run(commands)):
                if not block.eventually or time.monotonic() > until:
                    wrong.append(
                        f"line {block.line}:\n{block.commands}"
                        f"--- shown\n{block.answer}--- printed\n{printed}"
                    )
                    break
                time.sleep(PAUSE_S)
    return wrong


def _stand_in_for_curl(folder: Path) -> Path:
    """A folder with a `curl` of our own, for machines that have none."""
    folder.mkdir()
    script = Path(__file__).with_name("curl.py").resolve()
    command = folder / "curl"
    command.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(script)])} "$@"\n')
    command.chmod(0o755)
    return folder
