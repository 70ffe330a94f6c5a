"""A phone of the loopback WhatsApp, as its user holds it: it writes, reads, reacts, looks."""

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.flow.house import PATIENCE_S, WhatsApp

Letter = dict[str, Any]
"""A message as a phone shows it: `sololine.emulator.phones.readings` lists what stands in it."""


@dataclass(slots=True)
class Phone:
    """The phone of one number, which stands with its `+`."""

    whatsapp: WhatsApp
    number: str

    @property
    def digits(self) -> str:
        return self.number.lstrip("+")

    async def own(self) -> "Phone":
        """Buy the phone, if it is not owned yet."""
        await self.whatsapp.phone(self.number)
        return self

    # ------------------------------------------------------------------ writing

    async def send(self, to: str, type_: str = "text", **words: Any) -> str:
        """Send a message of a type; its id. `sololine.emulator.control.orders` lists the words."""
        if isinstance(words.get("data"), bytes):
            words["data"] = base64.b64encode(words["data"]).decode()
        order = {"to": to.lstrip("+"), "type": type_, **words}
        return (await self._ask("POST", "/messages", order))["id"]

    async def say(self, to: str, text: str, **words: Any) -> str:
        return await self.send(to, "text", text=text, **words)

    async def flood(self, chats: Sequence[str], count: int, text: str, **words: Any) -> list[str]:
        """Write `count` texts, `text 0`, `text 1`, …, to the chats in turn; their ids."""
        chats = [chat.lstrip("+") for chat in chats]
        order = {"chats": chats, "count": count, "text": text, **words}
        return (await self._ask("POST", "/flood", order))["ids"]

    async def type_to(self, chat: str, state: str = "composing") -> None:
        await self._ask("POST", "/typing", {"chat": chat.lstrip("+"), "state": state})

    async def read(self, chat: str, *ids: str) -> None:
        await self._ask("POST", "/read", {"chat": chat.lstrip("+"), "ids": ids})

    async def play(self, chat: str, *ids: str) -> None:
        await self._ask("POST", "/played", {"chat": chat.lstrip("+"), "ids": ids})

    async def profile(self, **words: Any) -> None:
        if isinstance(words.get("picture"), bytes):
            words["picture"] = base64.b64encode(words["picture"]).decode()
        await self._ask("PUT", "/profile", words)

    async def go_online(self) -> None:
        await self._ask("POST", "/online", {})

    async def go_offline(self) -> None:
        await self._ask("POST", "/offline", {})

    # ------------------------------------------------------------------ looking

    async def inbox(self, after: str = "", *, wait: int = 0, limit: int = 1000) -> list[Letter]:
        """What came, oldest first; of the latest thousand letters."""
        found = await self._ask("GET", "/inbox", after=after, wait=wait, limit=limit)
        return found["letters"]

    async def letter(self, fits: Callable[[Letter], Any], *, after: str = "") -> Letter:
        """The first letter that fits; waits for it."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for letter in await self.inbox(after, wait=5):
                    after = letter["id"]
                    if fits(letter):
                        return letter

    async def letter_of(self, message: dict[str, Any]) -> Letter:
        """The letter that a bot's message became."""
        return await self.letter(lambda letter: letter["id"] == message["whatsappId"])

    async def file(self, letter: Letter) -> bytes:
        """The bytes of the file that came with a letter, decrypted as a phone does it."""
        path = f"/phones/{self.digits}/inbox/{letter['id']}/file"
        return await self.whatsapp.content("GET", path)

    async def receipts(self) -> list[dict[str, Any]]:
        return (await self._ask("GET", "/receipts"))["receipts"]

    async def typing(self) -> list[dict[str, Any]]:
        return (await self._ask("GET", "/typing"))["typing"]

    async def _ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        return await self.whatsapp.ask(method, f"/phones/{self.digits}{path}", body, **query)


@dataclass(slots=True, frozen=True)
class Group:
    """A group of phones, made by its first member."""

    whatsapp: WhatsApp
    id: str

    @property
    def chat(self) -> str:
        return f"{self.id}@g.us"

    @classmethod
    async def of(cls, creator: Phone, *members: Phone, subject: str = "Trip") -> "Group":
        digits = [each.digits for each in members]
        order = {"creator": creator.digits, "subject": subject, "members": digits}
        made = await creator.whatsapp.ask("POST", "/groups", order)
        return cls(creator.whatsapp, made["id"])

    async def rename(self, by: Phone, subject: str) -> None:
        order = {"by": by.digits, "subject": subject}
        await self.whatsapp.ask("PATCH", f"/groups/{self.id}", order)

    async def remove(self, by: Phone, *members: Phone) -> None:
        order = {"by": by.digits, "members": [each.digits for each in members]}
        await self.whatsapp.ask("POST", f"/groups/{self.id}/removed", order)
