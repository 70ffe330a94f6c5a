"""The control interface's part about a phone's user: what he sees, does and shows of himself.

GET  /phones/N/receipts, /phones/N/typing
POST /phones/N/read          {"ids"}, and /played
POST /phones/N/typing        {"chat", "state": composing | recording | paused}
PUT  /phones/N/profile       {"name", "about", "picture": BASE64}
POST /phones/N/online, /phones/N/offline
"""

import base64
import binascii
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sololine.emulator.control import bodies
from sololine.emulator.control.letters import MAX_BODY, chat_named, letter_of
from sololine.emulator.phones.mailbox import TypingState
from sololine.emulator.phones.phone import Phone
from sololine.emulator.server import Emulator


class PhoneRoutes:
    """The endpoints; they drive the emulator in the same event loop."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        """Where they are found."""
        base = "/phones/{number}"
        return [
            Route(f"{base}/receipts", self.receipts),
            Route(f"{base}/typing", self.seen_typing),
            Route(f"{base}/typing", self.type_to, methods=["POST"]),
            Route(f"{base}/read", self.read, methods=["POST"]),
            Route(f"{base}/played", self.play, methods=["POST"]),
            Route(f"{base}/profile", self.profile, methods=["PUT"]),
            Route(f"{base}/online", self.turn, methods=["PUT"]),
        ]

    async def receipts(self, request: Request) -> Response:
        """Who has or saw what the phone's account wrote."""
        told = [
            {
                "id": receipt.id,
                "chat": str(receipt.chat),
                "by": str(receipt.by),
                "kind": receipt.kind.value,
                "at": receipt.at.isoformat(),
            }
            for receipt in self._phone(request).receipts
        ]
        return JSONResponse({"receipts": told})

    async def seen_typing(self, request: Request) -> Response:
        """Who began or stopped to write."""
        told = [
            {
                "chat": str(typing.chat),
                "by": str(typing.by),
                "state": typing.state.value,
                "at": typing.at.isoformat(),
            }
            for typing in self._phone(request).seen_typing
        ]
        return JSONResponse({"typing": told})

    async def read(self, request: Request) -> Response:
        """See messages, all of one chat."""
        await self._mark(request, played=False)
        return _done()

    async def play(self, request: Request) -> Response:
        """Listen to voice notes, all of one chat."""
        await self._mark(request, played=True)
        return _done()

    async def type_to(self, request: Request) -> Response:
        """Begin or stop to write."""
        phone, words = self._phone(request), await bodies.words(request)
        chat = chat_named(self._emulator, bodies.text(words, "chat"))
        try:
            state = TypingState(words.get("state", TypingState.COMPOSING))
        except ValueError:
            raise bodies.BadBody("state must be composing, recording or paused") from None
        await phone.type_to(chat, state)
        return _done()

    async def profile(self, request: Request) -> Response:
        """Change what others see of the account; what is not named stays."""
        phone, words = self._phone(request), await bodies.words(request, MAX_BODY)
        profiles = self._emulator.exchange.profiles
        picture = _picture(bodies.text(words, "picture")) if "picture" in words else b""
        if "name" in words:
            profiles.rename(phone.number, bodies.text(words, "name"))
        if "about" in words:
            profiles.say(phone.number, bodies.text(words, "about"))
        if picture:
            profiles.show(phone.number, self._emulator.shelf.put_picture(picture))
        shown = self._emulator.exchange.world.profile(phone.number)
        told = {"name": shown.push_name, "about": shown.about, "pictureId": shown.picture_id}
        return JSONResponse(told)

    async def turn(self, request: Request) -> Response:
        """Bring the phone online, when it gets what waited, or take it offline."""
        phone, words = self._phone(request), await bodies.words(request)
        online = words.get("online")
        if not isinstance(online, bool):
            raise bodies.BadBody("the body needs online, true or false")
        phone.online = online
        return _done()

    async def _mark(self, request: Request, *, played: bool) -> None:
        phone, words = self._phone(request), await bodies.words(request)
        ids = bodies.texts(words, "ids")
        if not ids:
            raise bodies.BadBody("ids must name at least one message")
        chats = {letter_of(phone, letter_id).chat for letter_id in ids}
        if len(chats) > 1:
            raise bodies.BadBody("ids must all be of one chat")
        act = phone.play if played else phone.read
        await act(ids, chats.pop())

    def _phone(self, request: Request) -> Phone:
        return self._emulator.phones[request.path_params["number"]]


def _done() -> Response:
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _picture(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise bodies.BadBody("picture must be base64") from None
