"""How who writes and where are addressed in the stanza that a reader gets.

A person has two addresses, by number and by LID. The writer chooses one of them for the whole
stanza; the other is told beside it.

    reader                  from                participant      beside
    the other person        writer's device     -                sender_pn or sender_lid
    writer's own account    writer's device     -                recipient, peer_recipient_…
    a group's member        the group           writer's device  participant_pn
"""

from dataclasses import dataclass
from typing import TypeAlias

from sololine.emulator.people.accounts import Account, DeviceKey
from sololine.emulator.people.groups import Group
from sololine.emulator.world import World
from sololine.wire.jid import GROUP_SERVER, LID_SERVER, USER_SERVER, Jid
from sololine.wire.node import Node

Chat: TypeAlias = Account | Group
"""Where something is said: to a person, or in a group."""

Addresses: TypeAlias = dict[str, str | Jid]


class NoRoute(Exception):
    """What is said goes nowhere; `code` is what WhatsApp answers to it."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """From a device into a chat."""

    writer: Account
    device: int
    chat: Chat
    by_number: bool = False
    """Whether persons are addressed by number; in groups never."""

    def message(self, reader: Account) -> Addresses:
        """The addresses on a message."""
        addresses = self.news(reader, with_device=True)
        beside = "lid" if self._numbered else "pn"
        addresses["addressing_mode"] = "pn" if self._numbered else "lid"
        match self.chat:
            case Group():
                addresses[f"participant_{beside}"] = self._other(self.writer)
            case Account() as peer if reader.number == self.writer.number:
                addresses[f"peer_recipient_{beside}"] = self._other(peer)
            case Account():
                addresses[f"sender_{beside}"] = self._other(self.writer)
        return addresses

    def news(self, reader: Account, *, with_device: bool = False) -> Addresses:
        """The addresses on a receipt, or on the news that someone is typing."""
        writer = self._address(self.writer, self.device if with_device else 0)
        match self.chat:
            case Group() as group:
                return {"from": group.jid, "participant": writer}
            case Account() as peer if reader.number == self.writer.number:
                return {"from": writer, "recipient": self._address(peer)}
            case Account():
                return {"from": writer}

    @property
    def _numbered(self) -> bool:
        return self.by_number and not isinstance(self.chat, Group)

    def _address(self, account: Account, device: int = 0) -> Jid:
        return account.jid(device) if self._numbered else account.lid_jid(device)

    def _other(self, account: Account) -> Jid:
        return account.lid_jid() if self._numbered else account.jid()


class Routes:
    """Finds the routes of what is said, and the devices at their ends."""

    def __init__(self, world: World) -> None:
        self._world = world

    def of(self, writer: DeviceKey, stanza: Node) -> Route:
        """Where a device's message, receipt or typing goes.

        Raises:
            NoRoute: if there is no such chat, or it is not open to the writer.
        """
        to = stanza.jid("to")
        chat = self._chat(writer, to)
        # Between devices of one account, what they speak of stands aside.
        if "recipient" in stanza.attrs and self._is_own(writer, chat):
            chat = self._chat(writer, stanza.jid("recipient"))
        return Route(
            writer=self._world.account(writer.number),
            device=writer.device,
            chat=chat,
            by_number=to.server == USER_SERVER,
        )

    def device(self, address: Jid) -> DeviceKey | None:
        """The device of that address, if there is one."""
        account = self._world.find(address)
        if account is None or (address.device and address.device not in account.companions):
            return None
        return DeviceKey(account.number, address.device)

    def devices(self, chat: Chat) -> tuple[DeviceKey, ...]:
        """All devices of a person, or of a group's members, phones included."""
        numbers = chat.members if isinstance(chat, Group) else (chat.number,)
        return tuple(
            DeviceKey(number, device)
            for number in numbers
            for device in (0, *self._world.account(number).companions)
        )

    def chat(self, address: Jid) -> Chat | None:
        """The person or group of that address, if there is one."""
        if address.server == GROUP_SERVER:
            return self._world.groups.get(address.user)
        return self._world.find(address)

    def _chat(self, writer: DeviceKey, address: Jid) -> Chat:
        if address.server not in (USER_SERVER, LID_SERVER, GROUP_SERVER):
            raise NoRoute(405, f"a chat on the server {address.server}")
        chat = self.chat(address)
        if chat is None:
            raise NoRoute(404, "somebody or a group that does not exist")
        if isinstance(chat, Group) and writer.number not in chat.members:
            raise NoRoute(403, "a group of which the writer is not a member")
        return chat

    def _is_own(self, writer: DeviceKey, chat: Chat) -> bool:
        return isinstance(chat, Account) and chat.number == writer.number
