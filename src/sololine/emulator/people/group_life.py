"""What people do with groups: make them, add and remove each other, rename them.

Each change makes a new `Group` in the world and tells the devices of everybody it concerns.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sololine.emulator.clients import group_stanzas
from sololine.emulator.errors import NotInGroup, UnknownGroup
from sololine.emulator.people.accounts import Account
from sololine.emulator.people.groups import Group
from sololine.emulator.world import World
from sololine.wire.node import Node


class GroupLife:
    """The groups of a world.

    `tell` is called with an account's number and a stanza for its devices, now or later; `keep`
    with each group that is new or has changed.
    """

    def __init__(
        self,
        world: World,
        *,
        tell: Callable[[str, Node], None],
        keep: Callable[[Group], None] = lambda _: None,
        now: Callable[[], datetime],
    ) -> None:
        self._world = world
        self._tell = tell
        self._keep = keep
        self._now = now

    def __iter__(self) -> Iterator[Group]:
        return iter(tuple(self._world.groups.values()))

    def __getitem__(self, group_id: str) -> Group:
        """The group of this id.

        Raises:
            UnknownGroup: if there is none.
        """
        try:
            return self._world.groups[group_id]
        except KeyError:
            raise UnknownGroup from None

    def create(self, creator: str, subject: str, members: Iterable[str]) -> Group:
        """A new group of these numbers and its creator.

        Raises:
            UnknownPhone: if one of them has no phone.
        """
        numbers = tuple(dict.fromkeys([creator, *members]))
        accounts = [self._world.account(number) for number in numbers]
        group = Group(
            id=self._free_id(),
            subject=subject,
            members=numbers,
            creator=creator,
            created_at=self._now(),
        )
        self._change(group)
        news = group_stanzas.created(self._world, group, new=True)
        self._announce(group, accounts[0], news, numbers)
        return group

    def add(self, group_id: str, by: str, members: Sequence[str]) -> Group:
        """Let a member add people; who is in it already stays.

        Raises:
            UnknownGroup, UnknownPhone: if there is no such group or phone.
            NotInGroup: if the one who adds is no member.
        """
        group, doer = self._asked(group_id, by)
        fresh = [number for number in dict.fromkeys(members) if number not in group.members]
        accounts = [self._world.account(number) for number in fresh]
        if not fresh:
            return group
        before = group.members
        group = self._change(replace(group, members=(*before, *fresh)))
        self._announce(group, doer, group_stanzas.added(accounts), before)
        self._announce(group, doer, group_stanzas.created(self._world, group, new=False), fresh)
        return group

    def remove(self, group_id: str, by: str, members: Sequence[str]) -> Group:
        """Let a member remove people, or leave by removing himself.

        Raises:
            UnknownGroup, UnknownPhone: if there is no such group or phone.
            NotInGroup: if the one who removes, or one to be removed, is no member.
        """
        group, doer = self._asked(group_id, by)
        accounts = [self._world.account(number) for number in members]
        if not set(members) <= set(group.members):
            raise NotInGroup
        before = group.members
        left = tuple(number for number in before if number not in members)
        # Somebody must be able to do everything in it: the oldest member, when the creator goes.
        creator = group.creator if group.creator in left else (*left, group.creator)[0]
        group = self._change(replace(group, members=left, creator=creator))
        self._announce(group, doer, group_stanzas.removed(accounts), before)
        return group

    def rename(self, group_id: str, by: str, subject: str) -> Group:
        """Let a member give the group another subject.

        Raises:
            UnknownGroup, UnknownPhone: if there is no such group or phone.
            NotInGroup: if the one who renames it is no member.
        """
        group, doer = self._asked(group_id, by)
        group = self._change(replace(group, subject=subject))
        self._announce(group, doer, group_stanzas.renamed(group, doer, self._now()), group.members)
        return group

    def _asked(self, group_id: str, by: str) -> tuple[Group, Account]:
        group, doer = self[group_id], self._world.account(by)
        if by not in group.members:
            raise NotInGroup
        return group, doer

    def _change(self, group: Group) -> Group:
        self._world.groups[group.id] = group
        self._keep(group)
        return group

    def _announce(self, group: Group, by: Account, change: Node, to: Iterable[str]) -> None:
        name = self._world.profile(by.number).push_name
        for number in to:
            news = group_stanzas.notification(
                group,
                change,
                stanza_id=os.urandom(8).hex(),
                by=by,
                push_name=name,
                now=self._now(),
            )
            self._tell(number, news)

    def _free_id(self) -> str:
        while True:
            group_id = f"120363{int.from_bytes(os.urandom(5)) % 10**12:012}"
            if group_id not in self._world.groups:
                return group_id


def dump(group: Group) -> bytes:
    """The group as bytes, to be kept."""
    words: dict[str, Any] = {
        "subject": group.subject,
        "members": group.members,
        "creator": group.creator,
        "createdAt": group.created_at.isoformat(),
    }
    return json.dumps(words).encode()


def load(group_id: str, kept: bytes) -> Group:
    """The group that `dump` made these bytes of."""
    words = json.loads(kept)
    return Group(
        id=group_id,
        subject=words["subject"],
        members=tuple(words["members"]),
        creator=words["creator"],
        created_at=datetime.fromisoformat(words["createdAt"]),
    )
