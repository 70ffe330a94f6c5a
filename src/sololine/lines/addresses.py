"""Addresses: who is behind an address of WhatsApp's, and under which address a chat is reached.

A person has a number and a LID, and signals bring one of them or both. Whatever pair a line has
seen, it remembers; what it has not seen, it looks up in the chats, where pairs are kept for good.

When a chat was known by its LID only and the number becomes known, new messages go to the chat of
that name, the number. The old chat keeps its messages and its name; nothing is renamed, since
clients hold chats by their names. Both names lead to the same person.
"""

from collections.abc import Iterable
from typing import Final

from sololine.core.chat import ChatId, PersonId, address_of, bare_of, chat_of, lid_of, person_of
from sololine.core.ids import BotId
from sololine.core.session import Device
from sololine.store.transaction import Transaction

REMEMBERED: Final = 20_000
"""Addresses of each kind; then the line forgets, and asks again."""


class Addresses:
    """The addresses that one line knows."""

    def __init__(self, bot: BotId) -> None:
        self._bot = bot
        self._own: frozenset[str] = frozenset()
        self._number = ""
        self._people: dict[str, PersonId] = {}
        self._unknown: set[str] = set()
        self._chats: dict[str, str] = {}

    # ------------------------------------------------------------------ the bot's own

    def belong_to(self, device: Device | None) -> None:
        """Note whose account the bot is linked with."""
        self._own = (
            frozenset(bare_of(jid) for jid in (device.jid, device.lid) if jid)
            if device
            else frozenset()
        )
        self._number = bare_of(device.jid) if device else ""

    @property
    def own(self) -> frozenset[str]:
        """The bot's own addresses, by number and by LID, without a device."""
        return self._own

    @property
    def number(self) -> str:
        """The bot's own address by number; empty while it is not linked."""
        return self._number

    # ------------------------------------------------------------------ people

    def learn(self, jid: str, other: str) -> None:
        """Note that both are addresses of one person, if they are."""
        lid = lid_of(jid, other)
        if not lid:
            return
        person = person_of(jid, other)
        if person is not None and person != lid:
            if len(self._people) >= REMEMBERED:
                self._people.clear()
            self._people[lid] = person
            self._unknown.discard(lid)

    async def look_up(self, tx: Transaction, jids: Iterable[str]) -> None:
        """Look for the numbers behind those of the addresses that are LIDs."""
        wanted = {bare for jid in jids if (bare := lid_of(jid))} - self._people.keys()
        wanted -= self._unknown
        if not wanted:
            return
        for lid, chat in (await tx.chats.of_lids(self._bot, sorted(wanted))).items():
            if chat != lid:
                self._people[lid] = PersonId(chat)
        if len(self._unknown) >= REMEMBERED:
            self._unknown.clear()
        self._unknown |= wanted - self._people.keys()

    def person(self, jid: str, other: str = "") -> PersonId | None:
        """The person behind an address; by number whenever that is known."""
        person = person_of(jid, other)
        return None if person is None else self.known_as(person)

    def known_as(self, person: PersonId) -> PersonId:
        """The name that a person has by now: the number, if that became known."""
        return self._people.get(person, person)

    # ------------------------------------------------------------------ chats

    def chat(self, jid: str, other: str = "") -> ChatId | None:
        """The chat behind an address; None for what is no conversation."""
        chat = chat_of(jid, other)
        return None if chat is None else self.chat_known_as(chat)

    def chat_known_as(self, chat: ChatId) -> ChatId:
        """The name that a chat has by now."""
        return ChatId(self._people.get(chat, chat))

    def reach(self, chat: str, jid: str) -> None:
        """Note under which address a chat is reached."""
        if len(self._chats) >= REMEMBERED:
            self._chats.clear()
        self._chats[chat] = jid

    def of_chat(self, chat: str) -> str | None:
        """The address of a chat; None for a number whose spelling only WhatsApp knows."""
        return chat if "@" in chat else self._chats.get(chat)

    def of_person(self, person: str) -> str:
        """An address of a person, as well as the line can tell."""
        return self.of_chat(person) or address_of(person)
