"""Groups as they stand in stanzas: in answers, and in what members' devices are told."""

from collections.abc import Iterable
from datetime import datetime

from sololine.emulator.people.accounts import Account
from sololine.emulator.people.groups import Group
from sololine.emulator.world import World
from sololine.wire.jid import LID_SERVER
from sololine.wire.node import Attributes, Node


def group_node(world: World, group: Group) -> Node:
    """All that a member may know of a group."""
    creator = world.accounts[group.creator]
    created = int(group.created_at.timestamp())
    attrs: Attributes = {
        "id": group.id,
        "subject": group.subject,
        "s_o": creator.lid_jid(),
        "s_o_pn": creator.jid(),
        "s_t": created,
        "creation": created,
        "creator": creator.lid_jid(),
        "creator_pn": creator.jid(),
        "size": len(group.members),
        "addressing_mode": LID_SERVER,
    }
    members = (world.accounts[number] for number in group.members)
    return Node.make(
        "group", attrs, [participant(member, chief=member is creator) for member in members]
    )


def participant(member: Account, *, chief: bool = False) -> Node:
    """A member; the `chief` made the group and may do everything in it."""
    return Node.make(
        "participant",
        {
            "jid": member.lid_jid(),
            "phone_number": member.jid(),
            "type": "superadmin" if chief else None,
        },
    )


def created(world: World, group: Group, *, new: bool) -> Node:
    """What somebody is told who finds himself in the group: it is new, or he was added."""
    kind = "new" if new else None
    return Node.make("create", {"type": kind}, group_node(world, group))


def added(members: Iterable[Account]) -> Node:
    """These people are members now."""
    return Node.make("add", content=map(participant, members))


def removed(members: Iterable[Account]) -> Node:
    """These people are members no more."""
    return Node.make("remove", content=map(participant, members))


def renamed(group: Group, by: Account, now: datetime) -> Node:
    """The group has another subject."""
    words: Attributes = {
        "subject": group.subject,
        "s_o": by.lid_jid(),
        "s_o_pn": by.jid(),
        "s_t": int(now.timestamp()),
    }
    return Node.make("subject", words)


def notification(
    group: Group, change: Node, *, stanza_id: str, by: Account, push_name: str, now: datetime
) -> Node:
    """A change in the group, as a member's device is told of it."""
    attrs: Attributes = {
        "from": group.jid,
        "type": "w:gp2",
        "id": stanza_id,
        "participant": by.lid_jid(),
        "participant_pn": by.jid(),
        "notify": push_name,
        "addressing_mode": LID_SERVER,
        "t": int(now.timestamp()),
    }
    return Node.make("notification", attrs, change)
