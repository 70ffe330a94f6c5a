"""A bot survives the loss of its server: its backup links it again, once, and without a QR."""

import os
import shutil
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flow.bot import Bot
from tests.flow.house import Server, WhatsApp, until
from tests.flow.phone import Phone

pytestmark = pytest.mark.timeout(300)
"""Each command loads the whole house, which takes a while beside other tests."""

PASSPHRASE = {"SOLOLINE_BACKUP_PASSPHRASE": "correct horse battery"}


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and whether it was content."""

    text: str
    well: bool


async def command(server: Server, *words: str) -> Said:
    """Run a command in the server's data folder."""
    folder = {"SOLOLINE_DATA_DIR": str(server.data_dir)}
    process = await create_subprocess_exec(
        sys.executable,
        *("-c", "from sololine.cli import main; main()", *words),
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **folder, **server.settings, **PASSPHRASE},
    )
    out, err = await process.communicate()
    return Said((out + err).decode(), process.returncode == 0)


async def connected(bot: Bot) -> None:
    await bot.server.connect(bot.id)
    await bot.event("session.connected")


async def test_a_bot_comes_back_from_its_backup_and_hears_what_was_sent_meanwhile(
    phones: WhatsApp, own_server: Server, ana: Phone, number: str, tmp_path: Path
) -> None:
    bot = await Bot.linked(own_server, number)
    await bot.received(await ana.say(number, "before"))
    file = str(tmp_path / "bot.backup")
    taken = await command(own_server, "backup", bot.id, "--out", file, "--stop")
    assert taken.well, taken.text
    assert (await own_server.session(bot.id))["connection"]["state"] == "disconnected"

    await own_server.stop()
    shutil.rmtree(own_server.data_dir)
    meanwhile = await ana.say(number, "meanwhile")
    back = await command(own_server, "restore", file, "--take-over")
    assert back.well, back.text
    await own_server.start()
    shown = await own_server.session(bot.id)
    assert (shown["phoneNumber"], shown["name"]) == (number, "Support")
    bot = Bot(own_server, bot.id, bot.phone)
    await connected(bot)

    assert (await bot.received(meanwhile))["text"] == "meanwhile"
    assert (await bot.received(await ana.say(number, "after")))["text"] == "after"
    sent = await bot.accepted(ana.number, text="I am back")
    await bot.until("delivered", sent)
    assert len(await phones.devices(number)) == 1


async def test_a_restore_is_refused_while_the_original_holds_the_number(
    own_server: Server, number: str, tmp_path: Path
) -> None:
    bot = await Bot.linked(own_server, number)
    file = str(tmp_path / "bot.backup")
    taken = await command(own_server, "backup", bot.id, "--out", file)
    assert taken.well, taken.text
    assert "while they were in use" in taken.text

    for words in ((), ("--take-over",)):
        refused = await command(own_server, "restore", file, *words)
        assert not refused.well
        assert "Its line runs here: this is the original" in refused.text
    await own_server.ask("POST", f"/v1/whatsapp/disconnect/{bot.id}", {"unlink": False})
    refused = await command(own_server, "restore", file, "--take-over")
    assert not refused.well
    assert "It still holds its number" in refused.text
    assert number not in refused.text

    await connected(await bot.from_now())


async def test_a_restored_bot_waits_until_an_operator_has_stopped_the_original(
    phones: WhatsApp, own_server: Server, ana: Phone, number: str, tmp_path: Path
) -> None:
    bot = await Bot.linked(own_server, number)
    file = str(tmp_path / "bot.backup")
    assert (await command(own_server, "backup", bot.id, "--out", file)).well
    other = Server(phones, tmp_path / "other")
    back = await command(other, "restore", file)
    assert back.well, back.text
    assert "restored, held back" in back.text
    await other.start()

    for path, body in (
        ("connect", {}),
        ("connect", {"useExistingSession": False}),
        ("disconnect", {}),
    ):
        answer = await other.answer("POST", f"/v1/whatsapp/{path}/{bot.id}", body)
        assert (answer.status_code, answer.json()["error"]) == (409, "held_back")
    assert (await bot.received(await ana.say(number, "still here")))["text"] == "still here"

    await own_server.stop()
    assert (await command(other, "restore", file, "--take-over")).well
    bot = Bot(other, bot.id, bot.phone)
    await connected(bot)
    assert (await bot.received(await ana.say(number, "moved")))["text"] == "moved"
    await other.stop()


async def test_two_that_run_on_one_set_of_credentials_do_not_fight(
    phones: WhatsApp, own_server: Server, number: str, tmp_path: Path
) -> None:
    """Who comes last is online; the other one stays away, and says why."""
    bot = await Bot.linked(own_server, number)
    file = str(tmp_path / "bot.backup")
    assert (await command(own_server, "backup", bot.id, "--out", file)).well
    other = Server(phones, tmp_path / "other")
    assert (await command(other, "restore", file, "--take-over")).well
    await other.start()
    copy = Bot(other, bot.id, bot.phone)
    await connected(copy)

    ended = await bot.event("session.disconnected")
    assert ended["data"]["reason"] == "credentials_in_use"

    async def original_is_gone() -> bool:
        shown = (await own_server.session(bot.id))["connection"]
        return (shown["state"], shown["endReason"]) == ("disconnected", "credentials_in_use")

    await until(original_is_gone, "the original gives way")
    assert (await other.session(bot.id))["whatsappConnected"] is True
    assert len(await copy.events("session.connected")) == 1
    assert (await own_server.session(bot.id))["phoneNumber"] == number
    await other.stop()


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
async def test_a_whole_deployment_comes_back_with_its_keys(
    phones: WhatsApp, own_server: Server, number: str, tmp_path: Path, *, running: bool
) -> None:
    bot = await Bot.linked(own_server, number)
    key = (await command(own_server, "keys", "create", "--tenant", "acme")).text.strip()
    file = str(tmp_path / "all.backup")
    if not running:
        await own_server.stop()
    taken = await command(own_server, "backup", "--all", "--out", file, "--stop")
    assert taken.well, taken.text
    await own_server.stop()
    shutil.rmtree(own_server.data_dir)

    back = await command(own_server, "restore", file, "--take-over")
    assert back.well, back.text
    await own_server.start()
    assert own_server.api is not None
    guest = own_server.client(str(own_server.api.base_url), key)
    assert (await guest.get("/v1/bots/default")).json()["bots"] == []
    await guest.aclose()
    await connected(Bot(own_server, bot.id, bot.phone))
