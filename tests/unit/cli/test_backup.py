"""`backup` and `restore` as an operator types them."""

import asyncio
import stat
from functools import partial
from pathlib import Path

import pytest

from sololine.assembly import keyring_of
from sololine.backup import archive
from sololine.core.bot import Bot
from sololine.core.ids import DEFAULT_TENANT, DEFAULT_USER, BotId
from sololine.opened_store import opened_store
from sololine.sealed_file import sealed
from sololine.settings import Settings
from sololine.store.transaction import Transaction
from tests.unit.cli.conftest import Run

PASSPHRASE = "correct horse battery"
BOT = BotId("bot_" + "a" * 20)


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "sealed", partial(sealed, cost=1))
    monkeypatch.setenv("SOLOLINE_BACKUP_PASSPHRASE", PASSPHRASE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.backup"


async def _add() -> None:
    async def work(tx: Transaction) -> None:
        bot = Bot(id=BOT, tenant=DEFAULT_TENANT, owner=DEFAULT_USER, name="Ada", created_at=tx.now)
        await tx.bots.add(bot)

    async with opened_store(Settings()) as store:
        await store.run(work)


async def _names() -> list[str]:
    async with opened_store(Settings()) as store, store.read() as tx:
        return [bot.name for bot, _ in await tx.bots.of_tenant(DEFAULT_TENANT)]


async def _tenant_of(key: str) -> str | None:
    settings = Settings()
    async with opened_store(settings) as store, store.read() as tx:
        return await tx.keys.tenant_of(keyring_of(settings).digest(key))


@pytest.fixture
def bot(data_dir: Path) -> BotId:
    """A bot of the service's own store."""
    asyncio.run(_add())
    return BOT


def test_a_bot_comes_to_another_server(
    run: Run, bot: BotId, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = run("backup", bot, "--out", str(file))
    assert (taken.exit_code, taken.stderr) == (0, "")
    assert taken.output.splitlines() == [
        f"Ada ({bot}): copied; it is not linked",
        f"{file} is written. Keep its passphrase elsewhere: without it, nobody opens the file.",
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    monkeypatch.setenv("SOLOLINE_DATA_DIR", str(tmp_path / "other"))
    assert asyncio.run(_names()) == []
    dry = run("restore", str(file), "--dry-run")
    assert dry.output == f"Ada ({bot}): would be restored\n"
    assert asyncio.run(_names()) == []
    back = run("restore", str(file))
    assert (back.exit_code, back.output) == (0, f"Ada ({bot}): restored; it is not linked\n")
    assert asyncio.run(_names()) == ["Ada"]
    again = run("restore", str(file), "--bot", bot)
    assert (again.exit_code, again.output) == (0, f"Ada ({bot}): restored before\n")


def test_everything_comes_back_with_keys_that_are_known_again(
    run: Run, bot: BotId, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = run("keys", "create", "--tenant", "acme").output.strip()
    assert run("backup", "--all", "--out", str(file)).exit_code == 0
    monkeypatch.setenv("SOLOLINE_DATA_DIR", str(tmp_path / "other"))
    assert run("restore", str(file)).exit_code == 0
    assert asyncio.run(_names()) == ["Ada"]
    assert asyncio.run(_tenant_of(key)) == "acme"
    assert run("restore", str(file)).exit_code == 0


def test_keys_that_would_fit_nothing_are_left_out_and_that_is_said(
    run: Run, bot: BotId, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("keys", "create", "--tenant", "acme")
    run("backup", "--all", "--out", str(file))
    monkeypatch.setenv("SOLOLINE_DATA_DIR", str(tmp_path / "other"))
    own = run("keys", "create").output.strip()
    back = run("restore", str(file))
    assert back.exit_code == 0
    assert "The API keys of the backup were left out" in back.output
    assert run("keys", "list", "--tenant", "acme").output == ""
    assert asyncio.run(_tenant_of(own)) == DEFAULT_TENANT


def test_restoring_one_bot_of_everything_brings_no_keys_and_no_secrets(
    run: Run, bot: BotId, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("keys", "create", "--tenant", "acme")
    run("backup", "--all", "--out", str(file))
    other = tmp_path / "other"
    monkeypatch.setenv("SOLOLINE_DATA_DIR", str(other))
    assert run("restore", str(file), "--bot", bot).exit_code == 0
    assert not (other / "secret").exists()
    assert run("keys", "list", "--tenant", "acme").output == ""


def test_a_passphrase_may_stand_in_a_file(
    run: Run, bot: BotId, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("another long passphrase\r\nand a note\n")
    assert run("backup", bot, "--out", str(file), "--passphrase-file", str(secret)).exit_code == 0
    wrong = run("restore", str(file))
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        f"{file}: the passphrase is not the one that the backup was made with.\n",
    )
    monkeypatch.setenv("SOLOLINE_BACKUP_PASSPHRASE", "another long passphrase")
    assert run("restore", str(file)).exit_code == 0


def test_a_passphrase_is_asked_for_twice(
    run: Run, bot: BotId, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sololine.cli import backup  # noqa: PLC0415 — what stands for the terminal is here

    asked = []

    def prompt(text: str, **how: object) -> str:
        asked.append((text, how))
        return PASSPHRASE

    monkeypatch.delenv("SOLOLINE_BACKUP_PASSPHRASE")
    monkeypatch.setattr(backup.typer, "prompt", prompt)
    monkeypatch.setattr(backup, "_at_terminal", lambda: True)
    assert run("backup", bot, "--out", str(file)).exit_code == 0
    assert run("restore", str(file), "--dry-run").exit_code == 0
    assert asked == [
        ("Passphrase", {"hide_input": True, "confirmation_prompt": "Repeat for confirmation"}),
        ("Passphrase", {"hide_input": True, "confirmation_prompt": False}),
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("backup", "--out", "new"), "Name a bot, or say --all."),
        (("backup", BOT, "--all", "--out", "new"), "Name a bot, or say --all."),
        (("backup", BOT, "--out", "there"), "There is a file there already."),
        (("backup", BOT, "--out", "no/where"), "There is no folder no."),
        (("backup", "bot_" + "b" * 20, "--out", "new"), "There is no bot"),
        (("backup", BOT, "--out", "new", "--passphrase-file", "no"), "cannot be read from no"),
        (("restore", "nothing"), "There is no file nothing."),
        (("restore", "there"), "this is no backup of Sololine"),
        (("restore", "good", "--bot", "bot_b"), "The backup holds no bot bot_b."),
    ],
)
def test_what_cannot_be_done_is_said_with_its_reason(
    run: Run, bot: BotId, words: tuple[str, ...], sentence: str
) -> None:
    Path("there").write_text("something else")
    assert run("backup", bot, "--out", "good").exit_code == 0
    result = run(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert not Path("new").exists()


def test_a_short_passphrase_is_refused(
    run: Run, bot: BotId, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLOLINE_BACKUP_PASSPHRASE", "short")
    result = run("backup", bot, "--out", str(file))
    assert result.exit_code == 1
    assert "too short" in result.stderr
    assert not file.exists()


def test_without_a_terminal_nobody_is_asked(
    run: Run, bot: BotId, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOLOLINE_BACKUP_PASSPHRASE")
    result = run("backup", bot, "--out", str(file))
    assert result.exit_code == 1
    assert "Set SOLOLINE_BACKUP_PASSPHRASE" in result.stderr


def test_a_wrong_address_of_the_database_is_told_in_a_sentence(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLOLINE_DATABASE_URL", "mysql://root:secret@h/d")
    told = run("backup", "--all", "--out", str(file))
    assert told.exit_code == 1
    assert told.stderr.startswith("sololine does not run on 'mysql'; use sqlite:////")
    assert not file.exists()
