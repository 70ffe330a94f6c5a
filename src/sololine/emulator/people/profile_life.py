"""How accounts change what people see of them, and how their own clients learn of it.

An account that has a name shares the key to its settings with each of its devices, once; from
then on a device only has to be told that there is something new.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sololine.emulator.people.accounts import DeviceKey
from sololine.emulator.people.profiles import Profile
from sololine.emulator.phones import app_state
from sololine.emulator.phones.letters import Message
from sololine.emulator.world import World
from sololine.wire.jid import SERVER
from sololine.wire.node import Attributes, Node


class ProfileLife:
    """The profiles of a world's accounts.

    `tell` is called with an account's number and a stanza for its devices, now or later;
    `confide` with a message from a phone to one of its own devices; `keep` with each number whose
    profile has changed, and the profile.
    """

    def __init__(
        self,
        world: World,
        *,
        tell: Callable[[str, Node], None],
        confide: Callable[[DeviceKey, Message], None],
        keep: Callable[[str, Profile], None] = lambda _, __: None,
        now: Callable[[], datetime],
    ) -> None:
        self._world = world
        self._tell = tell
        self._confide = confide
        self._keep = keep
        self._now = now

    def rename(self, number: str, name: str) -> None:
        """Give the account another name.

        Raises:
            UnknownPhone: if there is no such account.
        """
        account, profile = self._world.account(number), self._world.profile(number)
        self._change(number, replace(profile, names=(*profile.names, name)))
        if profile.names:
            self._tell(number, self._news())
        else:
            # With the key a device fetches all settings by itself.
            for device in account.companions:
                self.introduce(DeviceKey(number, device))

    def introduce(self, key: DeviceKey) -> None:
        """Give a device the key to its account's settings, if there are any."""
        if self._world.profile(key.number).names:
            share = app_state.key_share(self._world.account(key.number), self._now())
            self._confide(key, share)

    def say(self, number: str, about: str) -> None:
        """Let the account say this about itself.

        Raises:
            UnknownPhone: if there is no such account.
        """
        self._world.account(number)
        self._change(number, replace(self._world.profile(number), about=about))

    def show(self, number: str, picture: str) -> None:
        """Give the account a picture, by its path and query on the pictures' host.

        Raises:
            UnknownPhone: if there is no such account.
        """
        self._world.account(number)
        picture_id = str(int(self._now().timestamp() * 1_000_000))
        profile = self._world.profile(number)
        self._change(number, replace(profile, picture=picture, picture_id=picture_id))

    def _change(self, number: str, profile: Profile) -> None:
        self._world.profiles[number] = profile
        self._keep(number, profile)

    def _news(self) -> Node:
        attrs: Attributes = {
            "from": SERVER,
            "type": "server_sync",
            "id": os.urandom(8).hex(),
            "t": int(self._now().timestamp()),
        }
        changed = Node.make("collection", {"name": app_state.COLLECTION, "version": 0})
        return Node.make("notification", attrs, changed)


def dump(profile: Profile) -> bytes:
    """The profile as bytes, to be kept."""
    words = {
        "names": profile.names,
        "about": profile.about,
        "picture": profile.picture,
        "pictureId": profile.picture_id,
    }
    return json.dumps(words).encode()


def load(kept: bytes) -> Profile:
    """The profile that `dump` made these bytes of."""
    words = json.loads(kept)
    return Profile(
        names=tuple(words["names"]),
        about=words["about"],
        picture=words["picture"],
        picture_id=words["pictureId"],
    )
