"""The control interface's part about messages: what a phone's user writes and gets.

    POST /phones/N/messages      {"to": …, "type": …, …}: see `orders`          ──▶ {"id", "chat"}
    GET  /phones/N/inbox         ?after=ID&wait=SECONDS&limit=N                 ──▶ {"letters"}
    GET  /phones/N/inbox/ID/file                                                ──▶ the bytes
    POST /phones/N/flood         {"chats", "count", "rate", "text"}             ──▶ {"sent", "ids"}

A chat is a person's number, a group's id, or an address with an `@`. It may be left out where an
order names an earlier message: then it is that one's.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sololine.core.sentence import Sentence
from sololine.emulator.control import bodies
from sololine.emulator.control.orders import MAX_FILE, Desk, message_from
from sololine.emulator.errors import InvalidLetter, UnknownMedia
from sololine.emulator.phones import letters
from sololine.emulator.phones.letters import Message, Target
from sololine.emulator.phones.mailbox import Letter
from sololine.emulator.phones.phone import Phone
from sololine.emulator.phones.readings import attachment, describe
from sololine.emulator.server import Emulator
from sololine.emulator.world import World
from sololine.wire.errors import WireError
from sololine.wire.jid import GROUP_SERVER, USER_SERVER, Jid

MAX_BODY: Final = MAX_FILE * 4 // 3 + 64 * 1024
"""Bytes of a body with a file in it: base64 makes four of three."""

_LONGEST_WAIT_S: Final = 60
_PAGE: Final = 100
_MOST_FLOOD: Final = 100_000
_FASTEST: Final = 100_000
_MAX_DIGITS: Final = 5


class LetterRoutes:
    """The endpoints; they drive the emulator in the same event loop."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        """Where they are found."""
        base = "/phones/{number}"
        return [
            Route(f"{base}/messages", self.send, methods=["POST"]),
            Route(f"{base}/inbox", self.inbox),
            Route(f"{base}/inbox/{{id}}/file", self.file),
            Route(f"{base}/flood", self.flood, methods=["POST"]),
        ]

    async def send(self, request: Request) -> Response:
        """Let the phone's user write one message."""
        phone = self._phone(request)
        words = await bodies.words(request, MAX_BODY)
        chat = self._chat(phone, words)
        sent = await phone.send(chat, message_from(words, self._desk(phone)))
        return JSONResponse({"id": sent, "chat": str(chat)}, HTTPStatus.CREATED)

    async def inbox(self, request: Request) -> Response:
        """What came, oldest first; with `wait` after something new came."""
        phone, asked = self._phone(request), request.query_params
        after, limit = asked.get("after", ""), _count(asked.get("limit"), _PAGE)
        wait_s = min(_count(asked.get("wait"), 0), _LONGEST_WAIT_S)
        if wait_s and not letters_after(phone.inbox, after):
            with contextlib.suppress(TimeoutError):
                await phone.until(lambda: bool(letters_after(phone.inbox, after)), wait_s)
        world = self._emulator.exchange.world
        found = letters_after(phone.inbox, after)[:limit]
        return JSONResponse({"letters": [letter_words(world, letter) for letter in found]})

    async def file(self, request: Request) -> Response:
        """The file of a letter, as the phone reads it."""
        letter = letter_of(self._phone(request), request.path_params["id"])
        filed = attachment(letter.message)
        if filed is None:
            raise UnknownMedia
        content = await asyncio.to_thread(self._emulator.shelf.download, filed)
        return Response(content, media_type="application/octet-stream")

    async def flood(self, request: Request) -> Response:
        """Write many messages; answered when all are sent."""
        phone, words = self._phone(request), await bodies.words(request, MAX_BODY)
        chats = [chat_named(self._emulator, chat) for chat in bodies.texts(words, "chats")]
        if not chats:
            raise bodies.BadBody("chats must name at least one chat")
        count = int(bodies.number(words, "count", least=1, most=_MOST_FLOOD, absent=1))
        rate = bodies.number(words, "rate", least=0.01, most=_FASTEST, absent=_FASTEST)
        body = str(words.get("text", "flood"))
        begun = time.monotonic()
        ids = await pour(phone, chats, count, rate, lambda at: letters.text(f"{body} {at}"))
        took_s = round(time.monotonic() - begun, 3)
        return JSONResponse({"sent": count, "tookS": took_s, "ids": ids})

    def _phone(self, request: Request) -> Phone:
        return self._emulator.phones[request.path_params["number"]]

    def _chat(self, phone: Phone, words: dict[str, Any]) -> Jid:
        named = words.get("target", words.get("replyTo"))
        if "to" not in words and isinstance(named, str):
            return letter_of(phone, named).chat
        return chat_named(self._emulator, bodies.text(words, "to"))

    def _desk(self, phone: Phone) -> Desk:
        """What the phone's user has at hand when he writes."""
        world = self._emulator.exchange.world

        def find(letter_id: str) -> tuple[Target, Message]:
            letter = letter_of(phone, letter_id)
            author = world.find(letter.sender)
            if author is None:
                raise InvalidLetter(Sentence("the writer of that letter is no more"))
            own = author.number == phone.number
            target = Target(id=letter.id, chat=letter.chat, author=author.lid_jid(), own=own)
            return target, letter.message

        return Desk(
            find=find,
            upload=self._emulator.shelf.upload,
            address=lambda number: world.account(number.removeprefix("+")).lid_jid(),
            now=self._emulator.exchange.now(),
        )


def chat_named(emulator: Emulator, name: str) -> Jid:
    """The address of a chat that is named by number, group id or address.

    Raises:
        InvalidLetter: if it is none of these.
    """
    try:
        if "@" in name:
            return Jid.parse(name)
        server = GROUP_SERVER if name in emulator.exchange.world.groups else USER_SERVER
        return Jid(name.removeprefix("+"), server)
    except WireError:
        raise InvalidLetter(Sentence("a chat is a number, a group's id or an address")) from None


def letter_of(phone: Phone, letter_id: str) -> Letter:
    """A letter that the phone has or wrote.

    Raises:
        InvalidLetter: if it has none of this id.
    """
    for letter in (*phone.inbox, *phone.sent):
        if letter.id == letter_id:
            return letter
    raise InvalidLetter(Sentence("the phone has no letter of this id; see its inbox"))


def letters_after(inbox: Sequence[Letter], letter_id: str) -> Sequence[Letter]:
    """The letters that came after one; all, if it is not there."""
    for at in range(len(inbox) - 1, -1, -1):
        if inbox[at].id == letter_id:
            return inbox[at + 1 :]
    return inbox


def letter_words(world: World, letter: Letter) -> dict[str, Any]:
    """A letter as the control interface shows it; `from` is the writer's number."""
    writer = world.find(letter.sender)
    in_group = letter.chat.server == GROUP_SERVER
    return {
        "id": letter.id,
        "chat": str(letter.chat),
        "sender": str(letter.sender),
        "from": writer.number if writer else letter.sender.user,
        "group": letter.chat.user if in_group else None,
        "at": letter.at.isoformat(),
        "own": letter.own,
        **describe(letter.message),
    }


async def pour(
    phone: Phone, chats: Sequence[Jid], count: int, rate: float, write: Callable[[int], Message]
) -> list[str]:
    """Send `count` messages to the chats in turn, `rate` a second; return their ids in order."""
    loop, ids = asyncio.get_running_loop(), []
    begun = loop.time()
    for at in range(count):
        ahead = begun + at / rate - loop.time()
        if ahead > 0:
            await asyncio.sleep(ahead)
        ids.append(await phone.send(chats[at % len(chats)], write(at)))
    return ids


def _count(text: str | None, absent: int) -> int:
    if text is None:
        return absent
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise bodies.BadBody("wait and limit must be whole numbers")
    return int(text)
