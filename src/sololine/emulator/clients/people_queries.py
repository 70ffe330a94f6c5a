"""What clients ask about people and groups: profiles, pictures, members, own settings."""

from sololine.emulator.clients.asking import Answer, Query, QueryRefused, UnknownQuery
from sololine.emulator.clients.group_stanzas import group_node
from sololine.emulator.people.accounts import Account
from sololine.emulator.phones import app_state
from sololine.emulator.storage.shelf import PICTURE_HOST
from sololine.wire.node import Node


def group_info(query: Query) -> Answer:
    """One group, for a member of it."""
    group = query.world.groups.get(query.node.jid("to").user)
    if group is None:
        raise QueryRefused(404, "item-not-found")
    if query.device.number not in group.members:
        raise QueryRefused(403, "forbidden")
    return [group_node(query.world, group)]


def joined_groups(query: Query) -> Answer:
    """Every group the client's account is a member of."""
    number = query.device.number
    joined = [group for group in query.world.groups.values() if number in group.members]
    return [Node.make("groups", content=[group_node(query.world, group) for group in joined])]


def picture(query: Query) -> Answer:
    """Where somebody's profile picture is; groups have none here."""
    account = query.world.find(query.node.jid("target"))
    profile = query.world.profile(account.number) if account else None
    if profile is None or not profile.picture:
        raise QueryRefused(404, "item-not-found")
    if query.subject.attrs.get("id") == profile.picture_id:
        return [Node.make("picture", {"status": 304})]
    where = {
        "id": profile.picture_id,
        "type": query.subject.attrs.get("type", "image"),
        "url": f"https://{PICTURE_HOST}{profile.picture}",
        "direct_path": profile.picture,
    }
    return [Node.make("picture", where)]


def settings(query: Query) -> Answer:
    """The account's settings: in one collection its name, in the others nothing."""
    collections = [_collection(query, asked) for asked in query.subject.named("collection")]
    return [Node.make("sync", content=collections)]


def _collection(query: Query, asked: Node) -> Node:
    if asked.child("patch") is not None:
        # Phones change settings here, and clients only follow.
        raise UnknownQuery(f"{query.node.summary}, a client's own patch")
    name, known = asked.text("name"), int(str(asked.attrs.get("version", "0")))
    if name != app_state.COLLECTION:
        return Node.make("collection", {"name": name, "version": known})
    number = query.device.number
    names = query.world.profile(number).names
    made = app_state.patches(query.world.account(number), names)
    news = [Node.make("patch", content=patch) for patch in made[known:]]
    return Node.make(
        "collection",
        {"name": name, "version": len(made)},
        [Node.make("patches", content=news)] if news else None,
    )


def usync_status(query: Query, account: Account | None, _: bytes) -> list[Node]:
    """What somebody says about himself."""
    about = query.world.profile(account.number).about if account else ""
    return [Node.make("status", content=about)] if about else []


def usync_picture(query: Query, account: Account | None, _: bytes) -> list[Node]:
    """Which picture somebody has."""
    picture_id = query.world.profile(account.number).picture_id if account else ""
    return [Node.make("picture", {"id": picture_id})] if picture_id else []
