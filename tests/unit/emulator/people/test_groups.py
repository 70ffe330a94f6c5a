from datetime import UTC, datetime
from typing import Never

import pytest

from sololine.emulator.clients.queries import Query, answer
from sololine.emulator.errors import NotInGroup, UnknownGroup, UnknownPhone
from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.people.group_life import GroupLife, dump, load
from sololine.emulator.people.groups import Group
from sololine.emulator.people.profiles import Profile
from sololine.emulator.world import World
from sololine.wire.curve import KeyPair
from sololine.wire.jid import SERVER, Jid
from sololine.wire.node import Node

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ANA, BO, CY, DI = "34600000001", "34600000002", "34600000003", "34600000004"


class Told(list[tuple[str, Node]]):
    """What the devices of which number were told."""

    def take(self) -> dict[str, Node]:
        found, self[:] = dict(self), []
        return found


@pytest.fixture
def world() -> World:
    world = World()
    for number in (ANA, BO, CY, DI):
        world.add_account(number, KeyPair.generate())
    return world


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def kept() -> list[Group]:
    return []


@pytest.fixture
def groups(world: World, told: Told, kept: list[Group]) -> GroupLife:
    return GroupLife(
        world,
        tell=lambda number, node: told.append((number, node)),
        keep=kept.append,
        now=lambda: NOW,
    )


def ask(world: World, number: str, to: Jid, *content: Node) -> Node:
    attrs = {"id": "7", "xmlns": "w:g2", "type": "get", "to": to}
    node = Node.make("iq", attrs, content)
    return asked_by(number, node, world)


def asked_by(number: str, node: Node, world: World) -> Node:
    key = DeviceKey(number, 1)
    return answer(Query(node=node, world=world, key=key, now=NOW, phone_bundle=no_bundle))


def no_bundle(_: str) -> Never:
    raise AssertionError("nobody asked for keys")


def people(node: Node) -> list[Jid]:
    return [member.jid("phone_number") for member in node.named("participant")]


def test_a_new_group_is_told_to_every_member_with_all_that_is_in_it(
    groups: GroupLife, told: Told, world: World
) -> None:
    world.profiles[ANA] = Profile(names=("Ana",))

    group = groups.create(ANA, "Trip", [BO, ANA, CY])

    assert group.members == (ANA, BO, CY)
    news = told.take()
    assert list(news) == [ANA, BO, CY]
    assert len({node.text("id") for node in news.values()}) == 3
    told_bo = news[BO]
    assert (told_bo.text("type"), told_bo.jid("from")) == ("w:gp2", group.jid)
    assert (told_bo.jid("participant_pn"), told_bo.text("notify")) == (
        world.accounts[ANA].jid(),
        "Ana",
    )
    create = told_bo.need("create")
    assert create.text("type") == "new"
    listed = create.need("group")
    assert (listed.text("id"), listed.text("subject")) == (group.id, "Trip")
    assert listed.number("creation") == int(NOW.timestamp())
    assert listed.text("addressing_mode") == "lid"
    assert people(listed) == [world.accounts[number].jid() for number in (ANA, BO, CY)]
    assert [member.attrs.get("type") for member in listed.named("participant")] == [
        "superadmin",
        None,
        None,
    ]


def test_who_is_added_learns_of_the_whole_group_and_the_others_of_him(
    groups: GroupLife, told: Told, world: World
) -> None:
    group = groups.create(ANA, "Trip", [BO])
    told.take()

    after = groups.add(group.id, BO, [CY, ANA, CY])

    assert after.members == (ANA, BO, CY)
    news = told.take()
    assert (
        people(news[ANA].need("add")) == people(news[BO].need("add")) == [world.accounts[CY].jid()]
    )
    assert news[CY].need("create", "group").number("size") == 3
    assert "type" not in news[CY].need("create").attrs
    assert groups.add(group.id, BO, [CY]) == after
    assert told == [], "nothing changed"


def test_who_is_removed_is_told_too_and_the_group_keeps_somebody_in_charge(
    groups: GroupLife, told: Told, world: World
) -> None:
    group = groups.create(ANA, "Trip", [BO, CY])
    told.take()

    after = groups.remove(group.id, ANA, [ANA])

    assert (after.members, after.creator) == ((BO, CY), BO)
    news = told.take()
    assert list(news) == [ANA, BO, CY]
    assert all(people(node.need("remove")) == [world.accounts[ANA].jid()] for node in news.values())


def test_the_last_one_may_leave(groups: GroupLife) -> None:
    group = groups.create(ANA, "Alone", [])

    assert groups.remove(group.id, ANA, [ANA]).members == ()


def test_a_new_subject_is_told_with_who_gave_it_and_when(
    groups: GroupLife, told: Told, world: World
) -> None:
    group = groups.create(ANA, "Trip", [BO])
    told.take()

    assert groups.rename(group.id, BO, "Journey").subject == "Journey"

    subject = told.take()[ANA].need("subject")
    assert (subject.text("subject"), subject.jid("s_o")) == (
        "Journey",
        world.accounts[BO].lid_jid(),
    )


def test_only_members_change_a_group(groups: GroupLife) -> None:
    group = groups.create(ANA, "Trip", [BO])

    for change in (
        lambda: groups.add(group.id, CY, [DI]),
        lambda: groups.remove(group.id, CY, [BO]),
        lambda: groups.remove(group.id, ANA, [CY]),
        lambda: groups.rename(group.id, CY, "Mine"),
    ):
        with pytest.raises(NotInGroup):
            change()
    assert groups[group.id] == group


def test_what_does_not_exist_is_refused_and_nothing_is_made(
    groups: GroupLife, kept: list[Group]
) -> None:
    with pytest.raises(UnknownPhone):
        groups.create(ANA, "Trip", ["34699999999"])
    with pytest.raises(UnknownGroup):
        groups.rename("1", ANA, "x")
    assert list(groups) == kept == []


def test_every_change_is_kept_and_comes_back_from_bytes(
    groups: GroupLife, kept: list[Group]
) -> None:
    group = groups.create(ANA, "Trip ✈", [BO])
    groups.add(group.id, ANA, [CY])
    groups.rename(group.id, ANA, "Journey")

    assert [len(kept[0].members), len(kept[1].members), kept[2].subject] == [2, 3, "Journey"]
    assert load(group.id, dump(kept[2])) == groups[group.id]


def test_a_member_may_ask_about_a_group_and_others_may_not(groups: GroupLife, world: World) -> None:
    group = groups.create(ANA, "Trip", [BO])
    query = Node.make("query", {"request": "interactive"})

    assert ask(world, BO, group.jid, query).need("group").text("subject") == "Trip"
    assert ask(world, CY, group.jid, query).need("error").text("code") == "403"
    nowhere = Jid("1", "g.us")
    assert ask(world, BO, nowhere, query).need("error").text("code") == "404"


def test_a_client_is_told_the_groups_of_its_own_account(groups: GroupLife, world: World) -> None:
    trip = groups.create(ANA, "Trip", [BO])
    groups.create(ANA, "Other", [CY])

    found = ask(world, BO, Jid("", "g.us"), Node.make("participating")).need("groups")

    assert [node.text("id") for node in found.named("group")] == [trip.id]
    asked = ask(world, DI, Jid("", "g.us"), Node.make("participating"))
    assert asked.need("groups").children == ()


def test_a_picture_is_found_by_who_asks_and_not_sent_twice(world: World) -> None:
    world.profiles[ANA] = Profile(picture="/v/t61.24694-24/aa.jpg?x=1", picture_id="12")

    def asked(target: Jid, **words: str) -> Node:
        picture = Node.make("picture", {"type": "image", "query": "url", **words})
        attrs = {
            "id": "7",
            "xmlns": "w:profile:picture",
            "type": "get",
            "to": SERVER,
            "target": target,
        }
        node = Node.make("iq", attrs, picture)
        return asked_by(BO, node, world)

    ana = world.accounts[ANA]
    found = asked(ana.jid()).need("picture")
    assert found.text("url") == "https://pps.whatsapp.net/v/t61.24694-24/aa.jpg?x=1"
    assert (found.text("id"), found.text("type")) == ("12", "image")
    assert asked(ana.lid_jid()).need("picture") == found
    assert asked(ana.jid(), id="12").need("picture").text("status") == "304"
    assert asked(ana.jid(), id="11").need("picture") == found
    assert asked(world.accounts[BO].jid()).need("error").text("code") == "404"
    assert asked(Jid("1", "g.us")).need("error").text("code") == "404"


def test_what_an_account_says_of_itself_is_told_where_it_says_something(world: World) -> None:
    world.profiles[ANA] = Profile(about="busy", picture="/v/x?y", picture_id="12")
    wanted = [Node.make("status"), Node.make("picture"), Node.make("username")]
    users = [Node.make("user", {"jid": world.accounts[number].jid()}) for number in (ANA, BO)]
    usync = Node.make(
        "usync",
        {"sid": "1", "mode": "full", "context": "background"},
        [Node.make("query", content=wanted), Node.make("list", content=users)],
    )
    attrs = {"id": "7", "xmlns": "usync", "type": "get", "to": SERVER}

    found = asked_by(BO, Node.make("iq", {**attrs}, usync), world).need("usync", "list")

    ana, bo = found.named("user")
    assert (ana.need("status").data, ana.need("picture").text("id")) == (b"busy", "12")
    assert bo.children == ()
