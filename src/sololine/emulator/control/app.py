"""The control interface: other processes play the phones, and order faults, over HTTP.

It has no password and can do everything to every account, so it must listen on loopback only.
Numbers stand in its answers; QRs and codes never do, nor in its log.
"""

from http import HTTPStatus
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sololine.emulator.control import bodies
from sololine.emulator.control import groups as control_groups
from sololine.emulator.control.letters import LetterRoutes
from sololine.emulator.control.phone import PhoneRoutes
from sololine.emulator.errors import (
    BrokenMedia,
    ExpiredQr,
    InvalidFault,
    InvalidLetter,
    InvalidNumber,
    InvalidQr,
    LinkingBroken,
    NotInGroup,
    PasskeyDemanded,
    PhoneOffline,
    Refused,
    TooManyDevices,
    UnknownCode,
    UnknownDevice,
    UnknownGroup,
    UnknownMedia,
    UnknownPhone,
    WrongCode,
)
from sololine.emulator.faults import fault_from, words_for
from sololine.emulator.people.accounts import Companion
from sololine.emulator.phones.phone import Phone
from sololine.emulator.server import Emulator
from sololine.languages import Language, negotiated
from sololine.wire.jid import Jid

STATUS: Final[dict[type[Refused], HTTPStatus]] = {
    InvalidNumber: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownPhone: HTTPStatus.NOT_FOUND,
    UnknownDevice: HTTPStatus.NOT_FOUND,
    InvalidQr: HTTPStatus.UNPROCESSABLE_ENTITY,
    ExpiredQr: HTTPStatus.CONFLICT,
    UnknownCode: HTTPStatus.CONFLICT,
    WrongCode: HTTPStatus.CONFLICT,
    TooManyDevices: HTTPStatus.CONFLICT,
    PasskeyDemanded: HTTPStatus.CONFLICT,
    LinkingBroken: HTTPStatus.CONFLICT,
    InvalidFault: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidLetter: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownMedia: HTTPStatus.NOT_FOUND,
    BrokenMedia: HTTPStatus.CONFLICT,
    UnknownGroup: HTTPStatus.NOT_FOUND,
    NotInGroup: HTTPStatus.CONFLICT,
    PhoneOffline: HTTPStatus.CONFLICT,
}


def control_app(emulator: Emulator) -> Starlette:
    """The HTTP application; it drives the emulator in the same event loop."""

    async def health(_: Request) -> Response:
        phones = list(emulator.phones)
        return JSONResponse(
            {
                "unknown": emulator.unknown,
                "phones": len(phones),
                "devices": sum(len(phone.devices()) for phone in phones),
                "online": sum(d.online for phone in phones for d in phone.devices()),
                "connections": emulator.exchange.connection_count,
            }
        )

    async def add_phone(request: Request) -> Response:
        words = await bodies.words(request)
        number = bodies.text(words, "number")
        existed = number in emulator.exchange.world.accounts
        phone = emulator.phones.add(number)
        if not existed and "name" in words:
            phone.name = bodies.text(words, "name")
        status = HTTPStatus.OK if existed else HTTPStatus.CREATED
        return JSONResponse(_phone(phone), status)

    async def list_phones(_: Request) -> Response:
        return JSONResponse({"phones": [_phone(phone) for phone in emulator.phones]})

    async def show_phone(request: Request) -> Response:
        return JSONResponse(_phone(_asked(emulator, request)))

    async def scan(request: Request) -> Response:
        phone = _asked(emulator, request)
        return JSONResponse(_linked(await phone.scan(await bodies.word(request, "qr"))))

    async def enter_code(request: Request) -> Response:
        phone = _asked(emulator, request)
        return JSONResponse(_linked(await phone.enter_code(await bodies.word(request, "code"))))

    async def list_devices(request: Request) -> Response:
        devices = _asked(emulator, request).devices()
        return JSONResponse({"devices": [_device(device) for device in devices]})

    async def unlink(request: Request) -> Response:
        _asked(emulator, request).unlink(request.path_params["device"])
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def arm_fault(request: Request) -> Response:
        fault, target, times = fault_from(await bodies.words(request))
        armed = emulator.exchange.arm(fault, target, times)
        return JSONResponse(words_for(armed), HTTPStatus.CREATED)

    async def list_faults(_: Request) -> Response:
        faults = emulator.exchange.faults
        return JSONResponse({"faults": [words_for(armed) for armed in faults]})

    async def clear_faults(_: Request) -> Response:
        emulator.exchange.clear_faults()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/phones", add_phone, methods=["POST"]),
            Route("/phones", list_phones),
            Route("/phones/{number}", show_phone),
            Route("/phones/{number}/scan", scan, methods=["POST"]),
            Route("/phones/{number}/code", enter_code, methods=["POST"]),
            Route("/phones/{number}/devices", list_devices),
            Route("/phones/{number}/devices/{device:int}", unlink, methods=["DELETE"]),
            Route("/faults", arm_fault, methods=["POST"]),
            Route("/faults", list_faults),
            Route("/faults", clear_faults, methods=["DELETE"]),
            *LetterRoutes(emulator).routes(),
            *PhoneRoutes(emulator).routes(),
            *control_groups.routes(emulator),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        exception_handlers={Refused: _refused, bodies.BadBody: _bad_body},
    )


def _asked(emulator: Emulator, request: Request) -> Phone:
    return emulator.phones[request.path_params["number"]]


def _phone(phone: Phone) -> dict[str, Any]:
    devices = [_device(device) for device in phone.devices()]
    return {
        "number": phone.number,
        "lid": phone.lid,
        "name": phone.name,
        "online": phone.online,
        "devices": devices,
    }


def _device(companion: Companion) -> dict[str, Any]:
    return {
        "device": companion.device,
        "name": companion.registration.device_name,
        "platform": companion.registration.platform,
        "linkedAt": companion.linked_at.isoformat(),
        "online": companion.online,
    }


def _linked(jid: Jid) -> dict[str, Any]:
    return {"jid": str(jid), "number": jid.user, "device": jid.device}


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refused):
        raise error
    language = negotiated(request.headers.get("accept-language"), Language.ENGLISH)
    return _problem(STATUS[type(error)], error.code, language.say(error.sentence))


async def _bad_body(_: Request, error: Exception) -> Response:
    return _problem(HTTPStatus.BAD_REQUEST, "bad_body", str(error))


def _problem(status: HTTPStatus, code: str, message: str) -> Response:
    return JSONResponse({"error": code, "message": message}, status)
