"""Groups, profiles and who is on WhatsApp, as the real engine asks for them."""

import asyncio
from typing import Any

import pytest

from sololine.emulator.phones.letters import text
from sololine.emulator.phones.phone import Phone
from sololine.emulator.phones.readings import describe
from sololine.emulator.server import Emulator
from sololine.wire.jid import Jid
from tests.flow.emulator.engine import DEADLINE_S, Engine, NewEngine, engine_jid, messages

BOT, ANA, BEA, NOBODY = "447441395830", "5511900000001", "5511900000002", "5511900000009"
AVAILABLE = b"available"


@pytest.fixture
def ana(emulator: Emulator) -> Phone:
    return emulator.phones.add(ANA)


@pytest.fixture
async def engine(new_engine: NewEngine) -> Engine:
    """An engine that is linked with the bot's number and online."""
    engine = new_engine()
    await engine.link(BOT)
    return engine


async def ask(engine: Engine, name: str, kind: str, *args: bytes | int) -> Any:
    return getattr(messages, kind).FromString(await engine.call(name, *args))


async def group_info(engine: Engine, group: Jid) -> Any:
    to = engine_jid(group)
    return await ask(engine, "GetGroupInfo", "GetGroupInfoReturnFunction", to, len(to))


async def picture(engine: Engine, who: Jid) -> Any:
    to = engine_jid(who)
    kind = "GetProfilePictureReturnFunction"
    return await ask(engine, "GetProfilePicture", kind, to, len(to), b"", 0)


async def own_name(engine: Engine) -> str:
    return str((await ask(engine, "GetMe", "Device")).PushName)


async def test_the_engine_asks_who_is_on_whatsapp(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    asked = f"+{ANA} +{NOBODY}".encode()

    answer = await ask(engine, "IsOnWhatsApp", "IsOnWhatsAppReturnFunction", asked)

    found = {one.Query: (one.IsIn, one.JID.User) for one in answer.IsOnWhatsAppResponse}
    assert found == {f"+{ANA}": (True, ana.lid), f"+{NOBODY}": (False, NOBODY)}


async def test_the_engine_sees_what_an_account_shows_of_itself(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    account = emulator.exchange.world.account(ANA)
    bare = await picture(engine, account.jid())
    emulator.exchange.profiles.say(ANA, "busy")
    emulator.exchange.profiles.show(ANA, emulator.shelf.put_picture(b"jpeg"))

    who = messages.JIDArray(JIDS=[messages.JID.FromString(engine_jid(account.jid()))])
    raw = who.SerializeToString()
    info = await ask(engine, "GetUserInfo", "GetUserInfoReturnFunction", raw, len(raw))
    shown = await picture(engine, account.lid_jid())

    assert "not have a profile picture" in bare.Error or "not set" in bare.Error
    profile = emulator.exchange.world.profile(ANA)
    [user] = info.UsersInfo
    assert (user.UserInfo.Status, user.UserInfo.PictureID) == ("busy", profile.picture_id)
    assert f"https://pps.whatsapp.net{profile.picture}" == shown.Picture.URL
    assert profile.picture_id == shown.Picture.ID


async def test_the_engine_knows_the_groups_it_is_in_and_no_others(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    emulator.phones.add(BEA)
    trip = emulator.phones.create_group(ANA, "Trip", [BOT, BEA])
    other = emulator.phones.create_group(ANA, "Other", [BEA])

    info = (await group_info(engine, trip.jid)).GroupInfo
    joined = await ask(engine, "GetJoinedGroups", "GetJoinedGroupsReturnFunction")
    refused = await group_info(engine, other.jid)
    missing = await group_info(engine, Jid("120363999", "g.us"))

    assert info.GroupName.Name == "Trip"
    members = {member.PhoneNumber.User: member.IsSuperAdmin for member in info.Participants}
    assert members == {ANA: True, BOT: False, BEA: False}
    assert [group.JID.User for group in joined.Group] == [trip.id]
    assert "not participating" in refused.Error
    assert "does not exist" in missing.Error


async def test_the_engine_is_told_what_happens_in_its_groups(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    emulator.phones.add(BEA)
    groups = emulator.exchange.groups
    trip = emulator.phones.create_group(ANA, "Trip", [BOT])
    joined = await engine.event("JoinedGroup")

    seen = len(engine.reports)
    groups.add(trip.id, ANA, [BEA])
    added = await engine.event("GroupInfoEvent", after=seen)
    seen = len(engine.reports)
    groups.rename(trip.id, BEA, "Journey")
    renamed = await engine.event("GroupInfoEvent", after=seen)
    seen = len(engine.reports)
    groups.remove(trip.id, ANA, [BOT])
    removed = await engine.event("GroupInfoEvent", after=seen)

    assert joined["words"]["GroupInfo"]["GroupName"]["Name"] == "Trip"
    bea = emulator.exchange.world.account(BEA)
    assert [who["User"] for who in added["words"]["Join"]] == [bea.lid]
    assert renamed["words"]["Name"]["Name"] == "Journey"
    assert [who["User"] for who in removed["words"]["Leave"]] == [
        emulator.exchange.world.account(BOT).lid
    ]


async def test_a_group_that_was_made_and_changed_is_written_in_by_all(
    emulator: Emulator, ana: Phone, engine: Engine
) -> None:
    bea = emulator.phones.add(BEA)
    trip = emulator.phones.create_group(ANA, "Trip", [BOT])
    await ana.send(trip.jid, text("hello"))
    await engine.message("hello")
    await engine.send(trip.jid, text("hi"))
    [first] = await ana.received(1)
    emulator.exchange.groups.add(trip.id, ANA, [BEA])
    await engine.event("GroupInfoEvent")

    await bea.send(trip.jid, text("me too"))
    await engine.message("me too")
    await engine.send(trip.jid, text("welcome"))

    assert describe(first.message)["text"] == "hi"
    [letter] = await bea.received(1)
    assert (letter.chat, describe(letter.message)["text"]) == (trip.jid, "welcome")


async def test_the_engine_says_that_it_is_there_once_it_knows_its_name(
    emulator: Emulator, engine: Engine
) -> None:
    nameless = await engine.call("SendPresence", AVAILABLE)

    emulator.phones[BOT].name = "Bot"
    await called(engine, "Bot")
    named = await engine.call("SendPresence", AVAILABLE)
    emulator.phones[BOT].name = "Botty"
    await called(engine, "Botty")

    assert nameless == b"can't send presence without PushName set"
    assert named == b""


async def test_an_engine_that_is_linked_with_a_named_account_learns_the_name(
    emulator: Emulator, new_engine: NewEngine
) -> None:
    emulator.phones.add(BOT).name = "Bot"
    emulator.phones[BOT].name = "Botty"
    engine = new_engine()

    await engine.link(BOT)

    await called(engine, "Botty")


async def called(engine: Engine, name: str) -> None:
    """Return once the engine knows its account by this name."""
    async with asyncio.timeout(DEADLINE_S):
        while await own_name(engine) != name:  # noqa: ASYNC110 — it is another process that we ask
            await asyncio.sleep(0.02)
