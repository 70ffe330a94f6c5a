"""Files between phones and the real engine, compared by what is in them."""

import hashlib
import os
from typing import Any

import pytest

from sololine.emulator.faults import MediaGone, Target, UploadRefused
from sololine.emulator.phones import letters
from sololine.emulator.phones.letters import Message
from sololine.emulator.phones.media import Attachment, Kind
from sololine.emulator.phones.phone import Phone
from sololine.emulator.phones.readings import attachment, describe
from sololine.emulator.server import Emulator
from sololine.wire.jid import USER_SERVER, Jid
from tests.flow.emulator.engine import Engine, NewEngine, messages

BOT, ANA = "447441395830", "5511900000001"
TO_BOT, TO_ANA = Jid(BOT, USER_SERVER), Jid(ANA, USER_SERVER)
SIZES = (1, 15, 16, 50_000, 3_000_000)

MEDIA_TYPES = {
    Kind.IMAGE: 0,
    Kind.VIDEO: 1,
    Kind.AUDIO: 2,
    Kind.DOCUMENT: 3,
    Kind.STICKER: 0,
}
"""What the engine calls each kind."""


@pytest.fixture
def ana(emulator: Emulator) -> Phone:
    return emulator.phones.add(ANA)


@pytest.fixture
async def engine(new_engine: NewEngine) -> Engine:
    """An engine that is linked with the bot's number and online."""
    engine = new_engine()
    await engine.link(BOT)
    return engine


async def received(engine: Engine, message_id: str) -> Message:
    """The message of that id, as the engine hands it on."""
    report = await engine.until(
        lambda report: (
            report.get("name") == "Message" and report["words"]["Info"]["ID"] == message_id
        )
    )
    return messages.Message.FromString(bytes.fromhex(report["bytes"])).Message


async def download(engine: Engine, message: Message) -> Any:
    raw = message.SerializeToString()
    answer = await engine.call("DownloadAny", raw, len(raw))
    return messages.DownloadReturnFunction.FromString(answer)


async def upload(engine: Engine, content: bytes, kind: Kind) -> Any:
    answer = await engine.call("Upload", content, len(content), MEDIA_TYPES[kind])
    return messages.UploadReturnFunction.FromString(answer)


def uploaded(answer: Any, kind: Kind) -> Attachment:
    told = answer.UploadResponse
    return Attachment(
        kind=kind,
        direct_path=told.DirectPath,
        key=told.MediaKey,
        size=told.FileLength,
        sha256=told.FileSHA256,
        enc_sha256=told.FileEncSHA256,
    )


@pytest.mark.parametrize("kind", Kind)
async def test_the_engine_reads_the_files_that_a_phone_sends(
    emulator: Emulator, ana: Phone, engine: Engine, kind: Kind
) -> None:
    for size in SIZES:
        content = os.urandom(size)
        filed = emulator.shelf.upload(content, kind)
        sent = await ana.send(
            TO_BOT, letters.media(filed, voice=kind is Kind.AUDIO, now=emulator.exchange.now())
        )

        message = await received(engine, sent)
        got = await download(engine, message)

        assert got.Error == ""
        assert hashlib.sha256(got.Binary).digest() == hashlib.sha256(content).digest()
        assert describe(message)["media"]["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("kind", Kind)
async def test_a_phone_reads_the_files_that_the_engine_sends(
    emulator: Emulator, ana: Phone, engine: Engine, kind: Kind
) -> None:
    for count, size in enumerate(SIZES, 1):
        content = os.urandom(size)
        answer = await upload(engine, content, kind)
        assert answer.Error == ""
        filed = uploaded(answer, kind)
        assert (filed.size, filed.sha256) == (size, hashlib.sha256(content).digest())

        await engine.send(TO_ANA, letters.media(filed, now=emulator.exchange.now()))
        letter = (await ana.received(count))[-1]

        got = attachment(letter.message)
        assert got is not None
        assert emulator.shelf.download(got) == content


async def test_a_captioned_document_and_what_is_seen_once_keep_their_files(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    now = emulator.exchange.now()
    document = letters.media(
        emulator.shelf.upload(b"pdf", Kind.DOCUMENT), caption="look", file_name="a.pdf", now=now
    )
    once = letters.view_once(letters.media(emulator.shelf.upload(b"sun", Kind.IMAGE), now=now))

    first = await received(engine, await ana.send(TO_BOT, document))
    second = await received(engine, await ana.send(TO_BOT, once))

    assert describe(first)["caption"] == "look"
    assert (await download(engine, first)).Binary == b"pdf"
    assert (await download(engine, second)).Binary == b"sun"


async def test_a_file_that_is_gone_is_told_by_the_engine(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    filed = emulator.shelf.upload(b"sun", Kind.IMAGE)
    message = letters.media(filed, now=emulator.exchange.now())
    message = await received(engine, await ana.send(TO_BOT, message))
    emulator.exchange.arm(MediaGone(), Target())

    gone, back = [await download(engine, message) for _ in range(2)]

    assert "410" in gone.Error
    assert back.Binary == b"sun"


async def test_a_refused_upload_is_told_by_the_engine(emulator: Emulator, engine: Engine) -> None:
    emulator.exchange.arm(UploadRefused(status=507), Target())

    refused = await upload(engine, b"sun", Kind.IMAGE)
    taken = await upload(engine, b"sun", Kind.IMAGE)

    assert "507" in refused.Error
    assert taken.Error == ""
