import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from websockets.exceptions import ConnectionClosed

from sololine.emulator import exchange
from sololine.emulator.clients import connection
from sololine.emulator.errors import ExpiredQr, LinkingBroken
from sololine.emulator.facts import LinkFailed, LoginDenied, LoginRefused
from sololine.emulator.faults import Drop, Mute, Slow, StreamError, Target
from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.server import Emulator
from sololine.wire.jid import SERVER, Jid
from sololine.wire.linking import check_companion
from sololine.wire.node import Node
from tests.unit.emulator.client import Keys, connected, link, logged_in, waiting

NUMBER = "447441395830"
KEY = DeviceKey(NUMBER, 1)


async def test_a_client_gets_six_refs_in_an_iq_with_one_child(emulator: Emulator) -> None:
    keys = Keys()
    async with connected(emulator, keys, keys.registration) as client:
        offered = await client.receive()

    assert offered.jid("from") == SERVER
    [only] = offered.children
    refs = [ref.data for ref in only.named("ref")]
    assert len(set(refs)) == 6
    assert not any(b"," in ref for ref in refs)


async def test_a_client_that_signed_is_linked_and_sent_to_connect_anew(emulator: Emulator) -> None:
    phone = emulator.phones.add(NUMBER)
    async with waiting(emulator) as client:
        scan = asyncio.create_task(phone.scan(client.qr))
        accepted = await client.accept()
        restart = await client.receive()

        assert restart.summary == "stream:error"
        assert restart.text("code") == "515"
        assert await scan == client.keys.jid == Jid(NUMBER, "s.whatsapp.net", 1)
    account = emulator.exchange.world.account(NUMBER)
    assert accepted.account_identity == account.identity.public
    [device] = phone.devices()
    assert device.device_identity == check_companion(
        account.identity.public, client.keys.identity.public, accepted.answer
    )


async def test_a_login_is_greeted_with_the_devices_lid_and_an_empty_queue(
    emulator: Emulator,
) -> None:
    keys = await link(emulator, NUMBER)

    async with connected(emulator, keys, keys.login) as client:
        success, preview, done = [await client.receive() for _ in range(3)]

    lid = emulator.phones[NUMBER].lid
    assert success.jid("lid") == Jid(lid, "lid", 1)
    assert success.number("t")
    assert preview.need("offline_preview").text("count") == "0"
    assert done.need("offline").text("count") == "0"


async def test_another_noise_key_than_the_linked_one_is_refused(emulator: Emulator) -> None:
    keys, thief = await link(emulator, NUMBER), Keys()
    thief.jid = keys.jid

    async with connected(emulator, thief, thief.login) as client:
        failure = await client.receive()

    assert (failure.tag, failure.text("reason")) == ("failure", "401")
    refused = LoginRefused(key=KEY, reason=LoginDenied.WRONG_KEY)
    assert emulator.exchange.world.facts[-1] == refused


async def test_a_client_that_leaves_during_the_linking_fails_the_scan(emulator: Emulator) -> None:
    phone = emulator.phones.add(NUMBER)
    async with waiting(emulator) as client:
        scan = asyncio.create_task(phone.scan(client.qr))
        await client.receive()

    with pytest.raises(LinkingBroken, match="it closed the connection"):
        await scan
    assert phone.devices() == ()
    assert emulator.exchange.world.facts[-1] == LinkFailed(key=KEY)


async def test_a_client_that_never_signs_fails_the_scan_in_the_end(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "LINKING_LIMIT", 0.05)
    phone = emulator.phones.add(NUMBER)
    async with waiting(emulator) as client:
        with pytest.raises(LinkingBroken, match="no answer"):
            await phone.scan(client.qr)
        # Too late: the place is free again.
        await client.accept()
        with pytest.raises(ExpiredQr):
            await phone.scan(client.qr)

    assert phone.devices() == ()


async def test_a_client_that_refuses_the_phone_fails_the_scan(emulator: Emulator) -> None:
    phone = emulator.phones.add(NUMBER)
    async with waiting(emulator) as client:
        scan = asyncio.create_task(phone.scan(client.qr))
        success = await client.receive()
        refusal = Node.make("error", {"code": 401, "text": "hmac-mismatch"})
        attrs = {"id": success.text("id"), "to": SERVER, "type": "error"}
        await client.send(Node.make("iq", attrs, refusal))

        with pytest.raises(LinkingBroken, match="refused the account's signature"):
            await scan


async def test_a_qr_that_is_too_old_is_refused(emulator: Emulator) -> None:
    async with waiting(emulator) as client:
        emulator.exchange.now = lambda: datetime.now(UTC) + timedelta(seconds=75)
        with pytest.raises(ExpiredQr):
            await emulator.phones.add(NUMBER).scan(client.qr)


async def test_an_unknown_question_is_recorded_and_answered_with_its_name(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    keys = await link(emulator, NUMBER)
    async with logged_in(emulator, keys) as client:
        answer = await client.ask("w:stats", "set", Node.make("add", content=b"secret"))

    refusal = answer.need("error")
    assert answer.text("type") == "error"
    assert refusal.text("code") == "501"
    assert refusal.text("text") == "not understood: iq xmlns=w:stats type=set / add"
    assert emulator.unknown == ["iq xmlns=w:stats type=set / add"]
    assert "w:stats" in caplog.text
    assert "secret" not in caplog.text


async def test_an_unknown_stanza_is_recorded(emulator: Emulator) -> None:
    keys = await link(emulator, NUMBER)
    async with logged_in(emulator, keys) as client:
        await client.send(Node.make("call", {"id": "1"}, Node.make("offer")))
        await client.ask("w:p", "get")

    assert emulator.unknown == ["call / offer"]


async def test_a_client_that_is_not_linked_may_only_keep_alive(emulator: Emulator) -> None:
    async with waiting(emulator) as client:
        assert (await client.ask("w:p", "get")).text("type") == "result"
        answer = await client.ask("encrypt", "get", Node.make("count"))

    assert answer.text("type") == "error"
    assert emulator.unknown == ["iq xmlns=encrypt type=get / count"]


async def test_what_cannot_be_read_ends_the_connection_and_is_recorded(emulator: Emulator) -> None:
    keys = await link(emulator, NUMBER)
    async with logged_in(emulator, keys) as client:
        await client.websocket.send(b"\0\0\4junk")

        with pytest.raises(ConnectionClosed):
            await client.receive()
    assert emulator.unknown == ["DecryptionFailed: a frame does not open under our key"]


async def test_a_client_cannot_log_another_device_out(emulator: Emulator) -> None:
    mine, other = await link(emulator, NUMBER), await link(emulator, NUMBER)
    async with logged_in(emulator, mine) as client:
        removal = Node.make("remove-companion-device", {"jid": other.jid})
        answer = await client.ask("md", "set", removal)

    assert answer.need("error").text("code") == "403"
    assert len(emulator.phones[NUMBER].devices()) == 2


async def test_a_mute_connection_answers_nothing_until_the_fault_is_cleared(
    emulator: Emulator,
) -> None:
    keys = await link(emulator, NUMBER)
    async with logged_in(emulator, keys) as client:
        emulator.exchange.arm(Mute(), Target(number=NUMBER), times=None)
        ping = {"id": "unheard", "xmlns": "w:p", "type": "get", "to": SERVER}
        await client.send(Node.make("iq", ping))
        # What is said to another connection is said later than what this one would answer.
        async with waiting(emulator):
            emulator.exchange.clear_faults()

        assert (await client.ask("w:p", "get")).text("id") == "1"


async def test_a_stream_error_waits_for_the_next_login_if_nobody_is_online(
    emulator: Emulator,
) -> None:
    keys = await link(emulator, NUMBER)
    emulator.exchange.arm(StreamError(code=503), Target(number=NUMBER))

    async with connected(emulator, keys, keys.login) as client:
        heard = [await client.receive() for _ in range(4)]

    assert [node.tag for node in heard] == ["success", "ib", "ib", "stream:error"]


async def test_a_fault_for_everyone_strikes_a_client_that_waits_too(emulator: Emulator) -> None:
    emulator.phones.add(NUMBER)
    async with waiting(emulator) as client:
        emulator.exchange.arm(Drop(), Target())

        with pytest.raises(ConnectionClosed):
            await client.receive()
    assert list(emulator.exchange.faults) == []


async def test_slow_answers_keep_their_order(emulator: Emulator) -> None:
    keys = await link(emulator, NUMBER)
    async with logged_in(emulator, keys) as client:
        emulator.exchange.arm(Slow(seconds=0.05), Target(), times=2)
        for name in ("first", "second", "third"):
            attrs = {"id": name, "xmlns": "w:p", "type": "get", "to": SERVER}
            await client.send(Node.make("iq", attrs))

        heard = [(await client.receive()).text("id") for _ in range(3)]

    # The third is not slow any more and overtakes them.
    assert heard == ["third", "first", "second"]


async def test_a_silent_client_is_left_in_the_end(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_LIMIT", 0.05)
    async with waiting(emulator) as client:
        with pytest.raises(ConnectionClosed):
            await client.receive()

    assert emulator.unknown == []


async def test_nothing_secret_is_logged_even_at_debug(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = await link(emulator, NUMBER)
    async with logged_in(emulator, keys):
        pass
    said = [r.getMessage() for r in caplog.records if not r.name.startswith("websockets.client")]

    assert not [line for line in said if NUMBER in line or "linked_devices#" in line]
