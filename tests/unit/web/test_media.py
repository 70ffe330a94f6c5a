"""Files through HTTP: in by upload, base64 and URL, out by id; nothing is left of what failed."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.types import Message

from sololine.actions import media
from sololine.actions.gateway import Gateway
from sololine.core.chore import ChoreFailure, FetchMedia, Task
from sololine.core.ids import BotId, MediaId
from sololine.core.media import Media, Place
from sololine.core.signals import LinkDown
from sololine.media_files import MediaFiles
from sololine.outward import Outward
from sololine.web.app import create_app
from sololine.web.auth import Keyring
from sololine.web.drafts import INLINE_MAX_BYTES
from tests.unit.fake_line import answering, image_of, received, remote
from tests.unit.scenes import connected_bot, move
from tests.unit.web.door import KEY, PNG, kept

TO = "+34600111222"
SMALL = 4096


@pytest.fixture
async def bot(gateway: Gateway) -> BotId:
    return await connected_bot(gateway)


@pytest.fixture
async def narrow(gateway: Gateway, keyring: Keyring) -> AsyncIterator[httpx2.AsyncClient]:
    """The API where a file may have `SMALL` bytes."""
    app = create_app(replace(gateway, media_max_bytes=SMALL), keyring, "1")
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://sololine", headers={"x-api-key": KEY}
    ) as client:
        yield client


async def uploaded(door: httpx2.AsyncClient, bot: BotId, content: bytes = PNG) -> dict[str, Any]:
    answer = await door.post(f"/v1/bots/{bot}/media?fileName=cat.png", content=content)
    assert answer.status_code == 201, answer.text
    media: dict[str, Any] = answer.json()["media"]
    return media


@asynccontextmanager
async def web_server(answers: Mapping[str, bytes]) -> AsyncIterator[str]:
    """A web server on this machine; whole answers by path, 404 for the rest."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        writer.write(answers.get(path, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def page(content: bytes, kind: str = "image/png") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def test_a_file_is_uploaded_sent_and_fetched_again(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path
) -> None:
    media = await uploaded(door, bot)
    body = {"type": "image", "to": TO, "media": {"id": media["id"]}}
    sent = await door.post(f"/v1/bots/{bot}/messages", json=body)
    again = await door.get(f"/v1/bots/{bot}/media/{media['id']}")

    assert media == {
        "id": media["id"],
        "mimeType": "image/png",
        "size": len(PNG),
        "sha256": hashlib.sha256(PNG).hexdigest(),
        "fileName": "cat.png",
        "place": "stored",
    }
    assert sent.json()["message"]["media"] == media
    assert again.content == PNG
    assert [file.name for file in kept(media_folder)] == [media["id"]]


@pytest.mark.parametrize("part", ["file", "other"])
async def test_a_form_with_a_file_is_an_upload_too(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path, part: str
) -> None:
    answer = await door.post(f"/v1/bots/{bot}/media", files={part: ("a/cat.png", PNG, "x/y")})

    if part == "file":
        assert (answer.status_code, answer.json()["media"]["fileName"]) == (201, "cat.png")
    else:
        assert (answer.status_code, answer.json()["field"]) == (422, "file")
        assert kept(media_folder) == []


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "a\x07b", "", "." * 3, "x" * 900],
)
async def test_a_name_from_outside_is_only_a_label(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path, name: str
) -> None:
    answer = await door.post(f"/v1/bots/{bot}/media", params={"fileName": name}, content=PNG)

    media = answer.json()["media"]
    assert answer.status_code == 201
    assert "/" not in (media["fileName"] or "")
    assert "\\" not in (media["fileName"] or "")
    assert len(media["fileName"] or "") <= 150
    assert [file.name for file in kept(media_folder)] == [media["id"]]
    assert kept(media_folder.parent.parent / "etc") == []


@pytest.mark.parametrize("over", [1, SMALL, 2**20 + SMALL])
async def test_a_file_too_large_is_refused_by_every_way_and_leaves_nothing(
    narrow: httpx2.AsyncClient, bot: BotId, media_folder: Path, over: int
) -> None:
    content = b"x" * (SMALL + over)
    path = f"/v1/bots/{bot}"

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 1000):
            yield content[at : at + 1000]

    async with web_server({"/x": page(content, "text/plain")}) as server:
        body = {"type": "document", "to": TO}
        answers = [
            await narrow.post(f"{path}/media", content=content),
            await narrow.post(f"{path}/media", content=pieces()),
            await narrow.post(f"{path}/media", files={"file": ("x", content)}),
            await narrow.post(f"{path}/messages", data=body, files={"file": ("x", content)}),
            await narrow.post(f"{path}/messages", json={**body, "media": {"url": f"{server}/x"}}),
            await narrow.post(
                f"{path}/messages",
                json={**body, "media": {"base64": base64.b64encode(content).decode()}},
            ),
        ]

    told = {(answer.status_code, answer.json()["error"]) for answer in answers}
    assert told <= {(413, "media_too_large"), (413, "body_too_large")}
    if over == 1:
        assert told == {(413, "media_too_large")}
        assert {answer.json()["maxBytes"] for answer in answers} == {SMALL}
    assert kept(media_folder) == []


async def test_a_file_of_just_the_size_is_taken(narrow: httpx2.AsyncClient, bot: BotId) -> None:
    assert (await uploaded(narrow, bot, b"x" * SMALL))["size"] == SMALL


async def test_what_is_too_large_for_json_is_sent_to_the_uploads(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path
) -> None:
    content = base64.b64encode(b"x" * (INLINE_MAX_BYTES + 1)).decode()
    body = {"type": "document", "to": TO, "media": {"base64": content}}

    answer = await door.post(f"/v1/bots/{bot}/messages", json=body)

    assert (answer.status_code, answer.json()["error"]) == (413, "media_too_large")
    assert "Upload it first" in answer.json()["message"]
    assert kept(media_folder) == []


async def test_an_empty_file_is_none(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path
) -> None:
    answer = await door.post(f"/v1/bots/{bot}/media", content=b"")

    assert (answer.status_code, answer.json()["field"]) == (422, "media")
    assert kept(media_folder) == []


@pytest.mark.parametrize("kind", ["voice", "audio", "video", "sticker"])
async def test_a_file_that_phones_cannot_show_that_way_is_refused_and_leaves_nothing(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path, kind: str
) -> None:
    body = {
        "type": kind,
        "to": TO,
        "media": {"base64": base64.b64encode(PNG).decode(), "mimeType": "audio/ogg; codecs=opus"},
    }

    answer = await door.post(f"/v1/bots/{bot}/messages", json=body)

    told = answer.json()
    assert (answer.status_code, told["error"], told["mimeType"]) == (
        415,
        "media_unsuitable",
        "image/png",
    )
    assert kept(media_folder) == []


async def test_a_file_is_fetched_from_its_url_before_the_message_is_accepted(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path
) -> None:
    async with web_server({"/a/cat.png?s=1": page(PNG, "text/html")}) as server:
        body = {"type": "image", "to": TO, "media": {"url": f"{server}/a/cat.png?s=1"}}
        answer = await door.post(f"/v1/bots/{bot}/messages", json=body)

    media = answer.json()["message"]["media"]
    assert (media["mimeType"], media["fileName"]) == ("image/png", "cat.png")
    assert (media_folder / media["id"]).read_bytes() == PNG


async def test_a_url_that_gives_no_file_is_refused_and_leaves_nothing(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path
) -> None:
    moved = b"HTTP/1.1 302 Moved\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n"
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"
    async with web_server({"/moved": moved, "/cut": cut, "/empty": page(b"")}) as server:
        expected = {
            f"{server}/none": "url_unreachable",
            f"{server}/moved": "url_unreachable",
            f"{server}/cut": "url_unreachable",
            f"{server}/empty": "invalid_input",
            "http://127.0.0.1:1/": "url_unreachable",
            "file:///etc/passwd": "url_not_allowed",
            "http://user:secret@example.com/": "url_not_allowed",
            "nonsense": "url_not_allowed",
        }
        for url, code in expected.items():
            body = {"type": "document", "to": TO, "media": {"url": url}}
            answer = await door.post(f"/v1/bots/{bot}/messages", json=body)
            assert (answer.status_code, answer.json()["error"]) == (422, code), url
            assert url not in answer.text
    assert kept(media_folder) == []


async def test_no_url_leads_into_a_private_network(
    gateway: Gateway, keyring: Keyring, bot: BotId, media_folder: Path
) -> None:
    async with Outward() as outward:
        app = create_app(replace(gateway, outward=outward), keyring, "1")
        async with (
            web_server({"/x": page(PNG)}) as server,
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app),
                base_url="http://sololine",
                headers={"x-api-key": KEY},
            ) as door,
        ):
            body = {"type": "document", "to": TO, "media": {"url": f"{server}/x"}}
            answer = await door.post(f"/v1/bots/{bot}/messages", json=body)

    told = answer.json()
    assert (answer.status_code, told["error"], told["field"]) == (
        422,
        "url_not_allowed",
        "media.url",
    )
    assert kept(media_folder) == []


async def test_a_message_that_is_refused_after_its_file_was_taken_in_leaves_nothing(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path
) -> None:
    body = {
        "type": "image",
        "to": TO,
        "replyTo": "msg_none",
        "media": {"base64": base64.b64encode(PNG).decode()},
    }

    answer = await door.post(f"/v1/bots/{bot}/messages", json=body)

    assert answer.status_code == 404
    assert kept(media_folder) == []


async def test_nobody_without_a_key_has_a_body_read(
    door: httpx2.AsyncClient, bot: BotId, media_folder: Path
) -> None:
    del door.headers["x-api-key"]
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 1000

    for path in (f"/v1/bots/{bot}/media", f"/v1/bots/{bot}/messages"):
        answer = await door.post(path, content=endless())
        assert answer.status_code == 401
    assert read < 10
    assert kept(media_folder) == []


@pytest.mark.parametrize("path", ["media", "messages"])
@pytest.mark.parametrize("kind", ["image/png", "multipart/form-data; boundary=x"])
async def test_who_goes_away_in_the_middle_leaves_nothing(
    gateway: Gateway, keyring: Keyring, bot: BotId, media_folder: Path, *, path: str, kind: str
) -> None:
    begun = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + PNG
    said: list[Message] = [
        {"type": "http.request", "body": begun, "more_body": True},
        {"type": "http.disconnect"},
    ]
    answers: list[Message] = []

    async def receive() -> Message:
        return said.pop(0)

    async def send(message: Message) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/v1/bots/{bot}/{path}",
        "raw_path": b"",
        "query_string": b"",
        "headers": [(b"x-api-key", KEY.encode()), (b"content-type", kind.encode())],
    }
    await create_app(gateway, keyring, "1.2.3")(scope, receive, send)

    assert answers[0]["status"] < 500  # nobody hears it, but a fault would be logged
    assert kept(media_folder) == []


async def test_an_upload_that_is_cancelled_at_any_moment_leaves_nothing(
    gateway: Gateway, bot: BotId, media_folder: Path
) -> None:
    for steps in range(40):

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield PNG

        taking = asyncio.create_task(_taken(gateway, pieces()))
        for _ in range(steps):
            await asyncio.sleep(0.0005)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        assert kept(media_folder) == []


async def _taken(gateway: Gateway, pieces: AsyncIterator[bytes]) -> None:
    async with media.taken_in(gateway, pieces, file_name="a.png", declared=None):
        await asyncio.Event().wait()


# Out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "shown"),
    [
        (PNG, "cat.png", True),
        (b"<html><script>alert(1)</script>", "a.html", False),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "a.svg", False),
        (b"%PDF-1.4\n%\xe2\xe3\n", "a.pdf", False),
        (b"hello", "a.txt", False),
    ],
)
async def test_nothing_that_a_browser_could_run_is_run(
    door: httpx2.AsyncClient, bot: BotId, content: bytes, name: str, *, shown: bool
) -> None:
    path = f"/v1/bots/{bot}/media"
    media = (await door.post(path, params={"fileName": name}, content=content)).json()["media"]

    answer = await door.get(f"{path}/{media['id']}")

    headers = answer.headers
    assert answer.content == content
    assert headers["content-type"].partition(";")[0] == media["mimeType"]
    assert headers["content-disposition"].startswith("inline" if shown else "attachment")
    assert name in headers["content-disposition"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["cache-control"].startswith("private")


async def test_a_part_of_a_file_can_be_fetched(door: httpx2.AsyncClient, bot: BotId) -> None:
    media = await uploaded(door, bot)

    answer = await door.get(f"/v1/bots/{bot}/media/{media['id']}", headers={"Range": "bytes=1-3"})

    assert (answer.status_code, answer.content) == (206, b"PNG")
    assert answer.headers["content-range"] == f"bytes 1-3/{len(PNG)}"


async def test_a_type_that_a_stranger_made_up_breaks_no_header(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    file = remote(bot, mime_type="text/html\r\nSet-Cookie: a=b", file_name='a"\r\nX: y')
    put(gateway, replace(file, place=Place.STORED), PNG)
    await received(gateway, bot, image_of(file), media=replace(file, place=Place.STORED))

    answer = await door.get(f"/v1/bots/{bot}/media/{file.id}")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "set-cookie" not in answer.headers
    assert "x" not in answer.headers


@pytest.mark.parametrize(
    "name", ["med_none", "%2e%2e", "%2e%2e%2fstore.db", "med_" + "0" * 24, "x" * 65, "a%00"]
)
async def test_no_path_leads_out_of_the_folder(
    door: httpx2.AsyncClient, bot: BotId, name: str
) -> None:
    answer = await door.get(f"/v1/bots/{bot}/media/{name}")

    assert answer.status_code in (404, 405, 422)
    assert answer.json()["success"] is False


async def test_a_file_of_another_bot_is_not_found_nor_sent(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    other_bot = await connected_bot(gateway, "34600000009")
    media = await uploaded(door, other_bot)

    fetched = await door.get(f"/v1/bots/{bot}/media/{media['id']}")
    body = {"type": "image", "to": TO, "media": {"id": media["id"]}}
    sent = await door.post(f"/v1/bots/{bot}/messages", json=body)

    for answer in (fetched, sent):
        assert (answer.status_code, answer.json()["error"]) == (404, "media_not_found")


def put(gateway: Gateway, media: Media, content: bytes) -> None:
    """Have the bytes of a file in the folder."""
    assert gateway.media is not None
    draft = gateway.media.new(media.id)
    draft.write_bytes(content)
    gateway.media.keep(draft, media.id)


async def test_a_file_that_whatsapp_keeps_is_fetched_when_someone_asks(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    file = remote(bot)
    message = await received(gateway, bot, image_of(file), media=file)

    def fetch(task: Task) -> Mapping[str, Any]:
        put(gateway, file, PNG)
        return {}

    async with answering(gateway, bot, fetch) as asked:
        first = await door.get(f"/v1/bots/{bot}/media/{file.id}")

    assert (first.status_code, first.content) == (200, PNG)
    assert asked == [FetchMedia(media=file.id, message=message.id)]


async def test_a_file_that_nobody_has_any_more_is_gone(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    gone, lost, upload = (
        remote(bot, 1, place=Place.GONE),
        remote(bot, 2),
        await uploaded(door, bot),
    )
    await received(gateway, bot, image_of(gone), no=1, media=gone)
    await received(gateway, bot, image_of(lost), no=2, media=lost)
    MediaFiles.delete(gateway.media, MediaId(upload["id"]))  # type: ignore[arg-type]  # it is there

    async with answering(gateway, bot, lambda _: ChoreFailure.NOT_FOUND):
        answers = [
            await door.get(f"/v1/bots/{bot}/media/{each}")
            for each in (gone.id, lost.id, upload["id"])
        ]

    for answer in answers:
        assert (answer.status_code, answer.json()["error"]) == (410, "media_gone")


async def test_a_file_cannot_be_fetched_while_the_bot_is_away(
    door: httpx2.AsyncClient, gateway: Gateway, bot: BotId
) -> None:
    file = remote(bot)
    await received(gateway, bot, image_of(file), media=file)
    async with answering(gateway, bot, lambda _: ChoreFailure.NOT_CONNECTED):
        unanswered = await door.get(f"/v1/bots/{bot}/media/{file.id}")
    await away(gateway, bot)

    refused = await door.get(f"/v1/bots/{bot}/media/{file.id}")

    assert (unanswered.status_code, unanswered.json()["error"]) == (504, "no_answer")
    assert (refused.status_code, refused.json()["error"]) == (409, "bot_not_connected")


async def away(gateway: Gateway, bot: BotId) -> None:
    """The bot loses its link."""
    await move(gateway.store, bot, LinkDown())
