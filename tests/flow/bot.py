"""A linked bot, as its owner uses it over HTTP."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.flow.house import PATIENCE_S, Server
from tests.flow.phone import Phone

Message = dict[str, Any]
Event = dict[str, Any]


def anything(_: Any) -> bool:
    return True


@dataclass(slots=True)
class Bot:
    """A bot and the phone that it is linked with.

    `after` is the place in the event log from which its events are looked for.
    """

    server: Server
    id: str
    phone: Phone
    after: int = 0

    @classmethod
    async def linked(cls, server: Server, number: str, name: str = "Support") -> "Bot":
        """A new bot of this name, linked with the phone of this number, which has it, too."""
        bot = await server.bot(name)
        phone = await Phone(server.whatsapp, number).own()
        # The engine shows nobody online who has no name.
        await phone.profile(name=name)
        await server.link(bot, number)
        return cls(server, bot, phone, await server.last())

    async def from_now(self) -> "Bot":
        """The same bot, for whom earlier events are past."""
        return Bot(self.server, self.id, self.phone, await self.server.last())

    @property
    def number(self) -> str:
        return self.phone.number

    # ------------------------------------------------------------------ writing

    async def post(
        self,
        chat: str,
        type_: str = "text",
        *,
        key: str | None = None,
        wait: float = 0,
        **words: Any,
    ) -> httpx2.Response:
        """Ask for a message to be sent; whatever the answer."""
        headers = {"idempotency-key": key} if key else {}
        body = {"to": chat, "type": type_, **words}
        query = {"wait": wait} if wait else {}
        return await self.server.answer(
            "POST", f"/v1/bots/{self.id}/messages", body, headers=headers, params=query
        )

    async def accepted(self, chat: str, type_: str = "text", **words: Any) -> Message:
        """Ask for a message to be sent; the message as it was accepted."""
        answer = await self.post(chat, type_, **words)
        assert answer.status_code in (200, 202), (answer.status_code, answer.text)
        return answer.json()["message"]

    async def send(self, chat: str, type_: str = "text", **words: Any) -> Message:
        """Send a message and wait until WhatsApp has it."""
        message = await self.accepted(chat, type_, wait=20, **words)
        assert message["status"] not in ("queued", "failed", "uncertain"), message
        return message

    async def say(self, chat: str, text: str, **words: Any) -> Message:
        return await self.send(chat, "text", text=text, **words)

    async def upload(self, content: bytes, file_name: str, mime_type: str = "") -> Any:
        """Upload a file as multipart; its row."""
        files = {"file": (file_name, content, mime_type or "application/octet-stream")}
        assert self.server.api is not None
        answer = await self.server.api.post(f"/v1/bots/{self.id}/media", files=files)
        assert answer.is_success, (answer.status_code, answer.text)
        return answer.json()["media"]

    async def do(self, what: str, body: Any) -> Any:
        """Ask for something to be done at once: `typing`, `seen`, `presence`, `numbers/check`."""
        return await self.server.ask("POST", f"/v1/bots/{self.id}/{what}", body)

    # ------------------------------------------------------------------ reading

    async def ask(self, what: str, **query: Any) -> Any:
        """Look something up: `groups`, `chats`, `contacts/NUMBER`."""
        return await self.server.ask("GET", f"/v1/bots/{self.id}/{what}", params=query)

    async def message(self, id_: str) -> Message:
        return (await self.ask(f"messages/{id_}"))["message"]

    async def messages(self, **query: Any) -> list[Message]:
        """All messages, or those of one chat: oldest first, read page by page."""
        found: list[Message] = []
        before: dict[str, int] = {}
        while True:
            page = await self.ask("messages", limit=200, **before, **query)
            found += page["messages"]
            if page["nextBefore"] is None:
                return found[::-1]
            before = {"before": page["nextBefore"]}

    async def file(self, message: Message) -> bytes:
        """The bytes of the file that a message carries."""
        path = f"/v1/bots/{self.id}/media/{message['media']['id']}"
        answer = await self.server.answer("GET", path)
        assert answer.is_success, (answer.status_code, answer.text)
        return answer.content

    async def event(self, type_: str, fits: Callable[[Event], Any] = anything) -> Event:
        """The first event of a type about this bot that fits; waits for it."""
        after = self.after
        async with asyncio.timeout(PATIENCE_S):
            while True:
                asked = {
                    "after": after,
                    "botId": self.id,
                    "type": type_,
                    "wait": 5,
                    "limit": 1000,
                }
                page = await self.server.ask("GET", "/v1/events", params=asked)
                for event in page["events"]:
                    if fits(event):
                        return event
                after = page["last"]

    async def events(self, type_: str | None = None) -> list[Event]:
        """The events about this bot so far."""
        found, after = [], self.after
        kinds = {"type": type_} if type_ else {}
        while True:
            asked = {"after": after, "botId": self.id, "limit": 1000, **kinds}
            page = await self.server.ask("GET", "/v1/events", params=asked)
            found += page["events"]
            if not page["events"]:
                return found
            after = page["last"]

    async def received(self, whatsapp_id: str) -> Message:
        """The message that WhatsApp names so, once the bot has it, as its event shows it."""
        return (await self.about("message.received", whatsapp_id))["message"]

    async def about(self, type_: str, whatsapp_id: str) -> Event:
        """The event of a type about the message that WhatsApp names so; waits for it."""
        return await self.event(
            type_, lambda event: event.get("message", {}).get("whatsappId") == whatsapp_id
        )

    async def until(self, status: str, message: Message) -> Message:
        """The message, once it has come this far."""
        event = await self.event(
            f"message.{status}", lambda event: event["data"]["messageId"] == message["id"]
        )
        return event["message"]
