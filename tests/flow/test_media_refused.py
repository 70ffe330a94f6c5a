"""Files that cannot be sent or kept: a clear error each, and nothing is left on disk."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.flow.bot import Bot
from tests.flow.conftest import TALKATIVE, new_number
from tests.flow.files import file_of
from tests.flow.house import Server, WhatsApp
from tests.flow.phone import Phone
from tests.flow.shelf import Answer, Shelf

SMALL = 10_000
SOMEBODY = "+34600000000"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def _strict(phones: WhatsApp, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bot]:
    """A bot of a server that takes small files only; it reaches this machine's addresses."""
    settings = {**TALKATIVE, "SOLOLINE_MEDIA_MAX_BYTES": str(SMALL)}
    server = await Server(phones, tmp_path_factory.mktemp("strict"), settings).start()
    yield await Bot.linked(server, new_number())
    await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def strict(_strict: Bot) -> AsyncIterator[Bot]:
    """The bot; whatever the test does, nothing may be left in its folder of media."""
    yield await _strict.from_now()
    assert files_of(_strict.server) == []
    assert not any(each["media"] for each in await _strict.messages() if "media" in each)


def files_of(server: Server) -> list[Path]:
    return sorted((server.data_dir / "media").rglob("*"))


async def refused(bot: Bot, media: Any, type_: str = "image") -> tuple[int, str]:
    answer = await bot.post(SOMEBODY, type_, media=media)
    assert answer.json()["message"]
    return answer.status_code, answer.json()["error"]


async def uploaded(bot: Bot, content: bytes, **options: Any) -> tuple[int, str]:
    assert bot.server.api is not None
    path = f"/v1/bots/{bot.id}/media"
    answer = await bot.server.api.post(path, content=content, **options)
    return answer.status_code, answer.json()["error"]


async def test_a_file_that_is_too_large(strict: Bot, shelf: Shelf) -> None:
    large = file_of("image", SMALL + 1)
    url = shelf.url_of("large.jpg", large.content, large.mime_type)
    too_large = (413, "media_too_large")
    assert await refused(strict, {"base64": base64.b64encode(large.content).decode()}) == too_large
    assert await refused(strict, {"url": url}) == too_large
    assert await uploaded(strict, large.content) == too_large
    assert strict.server.api is not None
    answer = await strict.server.api.post(
        f"/v1/bots/{strict.id}/media", files={"file": ("large.jpg", large.content)}
    )
    assert (answer.status_code, answer.json()["error"]) == too_large


@pytest.mark.parametrize(
    "answer",
    [
        Answer(file_of("image").content, "image/jpeg", claims=SMALL + 1),
        Answer(file_of("image").content, "image/jpeg", claims=6_000),
        Answer(b"gone", "text/plain", status=404),
        Answer(b"", "image/jpeg", status=302, location="http://127.0.0.1:1/"),
    ],
    ids=["claims too much", "breaks off", "is not there", "redirects to nowhere"],
)
async def test_a_url_that_leads_to_no_file(strict: Bot, shelf: Shelf, answer: Answer) -> None:
    shelf.answers["file"] = answer
    status, error = await refused(strict, {"url": shelf.url("file")})
    assert (status, error) in {
        (422, "url_unreachable"),
        (422, "url_not_allowed"),
        (413, "media_too_large"),
    }


async def test_a_url_that_nobody_answers(strict: Bot) -> None:
    assert await refused(strict, {"url": "http://127.0.0.1:1/x"}) == (422, "url_unreachable")
    for url in ("file:///etc/passwd", "ftp://127.0.0.1/x", "no address", "http://u:p@127.0.0.1/"):
        assert (await refused(strict, {"url": url}))[0] == 422, url


async def test_bytes_that_are_not_what_is_to_be_shown(strict: Bot, shelf: Shelf) -> None:
    unsuitable = (415, "media_unsuitable")
    page = b"<html><script>alert(1)</script></html>"
    inline = {"base64": base64.b64encode(page).decode(), "mimeType": "image/png"}
    assert await refused(strict, inline) == unsuitable
    url = shelf.url_of("cat.jpg", page, "image/jpeg")
    assert await refused(strict, {"url": url}) == unsuitable
    song = {"base64": base64.b64encode(file_of("audio").content).decode()}
    assert await refused(strict, song, "voice") == unsuitable
    assert await refused(strict, song, "sticker") == unsuitable


async def test_what_is_no_file_at_all(strict: Bot) -> None:
    for media in (
        {"base64": "not base64!"},
        {"base64": ""},
        {},
        None,
        {"id": "med_" + "0" * 24, "url": "http://127.0.0.1/"},
    ):
        assert (await refused(strict, media))[0] == 422, media
    assert await uploaded(strict, b"") == (422, "invalid_input")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "med_../../x", "../sololine.sqlite3", "..\\x", "/etc/passwd"]
)
async def test_a_name_that_leads_elsewhere_finds_nothing(strict: Bot, name: str) -> None:
    assert await refused(strict, {"id": name}) == (404, "media_not_found")
    assert strict.server.api is not None
    path = f"/v1/bots/{strict.id}/media/{quote(name, safe='')}"
    answer = await strict.server.api.get(path)
    assert answer.status_code == 404
    assert b"SQLite" not in answer.content
    assert b"root:" not in answer.content


async def test_a_message_that_is_refused_leaves_its_file_nowhere(strict: Bot, shelf: Shelf) -> None:
    """The file itself is sound."""
    file = file_of("image")
    url = shelf.url_of(file.name, file.content, file.mime_type)
    for media in ({"url": url}, {"base64": base64.b64encode(file.content).decode()}):
        answer = await strict.post(SOMEBODY, "image", media=media, replyTo="msg_" + "0" * 24)
        assert (answer.status_code, answer.json()["error"]) == (404, "message_not_found")
        answer = await strict.post("no number", "image", media=media)
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid_phone_number")


async def test_private_addresses_are_refused_without_the_setting(
    phones: WhatsApp, server: Server, shelf: Shelf, number: str
) -> None:
    """Also behind a redirect, a name, and every spelling of an address."""
    bot = await Bot.linked(server, number)
    port = shelf.port
    for url in (
        shelf.url("secret"),
        f"http://localhost:{port}/secret",
        f"http://[::1]:{port}/secret",
        f"http://[::ffff:127.0.0.1]:{port}/secret",
        f"http://2130706433:{port}/secret",
        f"http://127.1:{port}/secret",
        f"http://0.0.0.0:{port}/secret",
        "http://169.254.169.254/latest/meta-data",
        "http://10.1.2.3/",
    ):
        assert await refused(bot, {"url": url}) == (422, "url_not_allowed"), url
    assert shelf.asked == []
    assert files_of(server) == []


async def test_a_file_from_a_phone_gets_no_name_from_outside(bot: Bot, ana: Phone) -> None:
    before = set(files_of(bot.server))
    file = file_of("document")
    sent = await ana.send(
        bot.number,
        "document",
        data=file.content,
        mimeType="text/html",
        fileName="../../../sololine.sqlite3",
    )
    message = await bot.received(sent)
    assert await bot.file(message) == file.content
    (added,) = set(files_of(bot.server)) - before
    assert added.name == message["media"]["id"]
    assert added.stat().st_mode & 0o077 == 0
