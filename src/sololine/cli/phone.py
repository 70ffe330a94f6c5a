"""`sololine phone …`: play the phones of the sandbox."""

import re
from typing import Annotated, Final

import httpx2
import typer

from sololine.cli.asking import api, ask, control, part
from sololine.cli.output import fail, refused, say, show, words
from sololine.core.sentence import Sentence
from sololine.emulator.faults import KINDS

app = typer.Typer(
    name="phone", help="Play the virtual phones of a running sandbox.", no_args_is_help=True
)


def digits(number: str) -> str:
    """What the loopback WhatsApp calls a number: digits with the country code."""
    digits = re.sub(r"[\s().+-]", "", number)
    if not digits.isascii() or not digits.isdigit():
        raise refused(Sentence("write the number with its country code, like +34600111222"))
    return digits


def _other(number: str | None) -> str | None:
    return None if number is None else digits(number)


Number = Annotated[
    str,
    typer.Argument(help="The phone's number, for example +34600111222.", callback=digits),
]
Bot = Annotated[str, typer.Option("--bot", help="Id of the bot whose QR is on the screen.")]
_EVENTS_MAX: Final = 1000
_LOOKS: Final = 8
_LOOK_S: Final = 5


@app.command()
def add(
    number: Number,
    name: Annotated[
        str | None, typer.Option(help="What others see as its name; until then it has none.")
    ] = None,
) -> None:
    """Give a number a phone; one that has it already stays as it is."""
    phone = {"number": number} if name is None else {"number": number, "name": name}
    with control() as whatsapp:
        ask(whatsapp, "POST", "/phones", json=phone)
    say(Sentence("+{number} has a phone.", number=number))


@app.command("list")
def list_phones() -> None:
    """List the phones."""
    with control() as whatsapp:
        for phone in ask(whatsapp, "GET", "/phones")["phones"]:
            show(f"+{phone['number']}")


@app.command()
def scan(number: Number, bot: Bot) -> None:
    """Scan the QR that a bot shows, and tell how it ends."""
    _link(number, bot, shown="qr", verb="scan")


@app.command()
def code(number: Number, bot: Bot) -> None:
    """Type the pairing code that a bot shows, and tell how it ends."""
    _link(number, bot, shown="pairingCode", verb="code")


@app.command()
def devices(number: Number) -> None:
    """List a phone's linked devices, as its own screen would."""
    with control() as whatsapp:
        found = ask(whatsapp, "GET", f"/phones/{number}/devices")["devices"]
    if not found:
        say(Sentence("No linked devices."))
    for device in found:
        state = words(Sentence("active") if device["online"] else Sentence("inactive"))
        show(f"{device['device']:>3}  {device['name']}  {state}")


@app.command()
def unlink(
    number: Number, device: Annotated[int, typer.Argument(help="As `phone devices` lists it.")]
) -> None:
    """Remove a linked device from a phone."""
    with control() as whatsapp:
        ask(whatsapp, "DELETE", f"/phones/{number}/devices/{device}")
    say(Sentence("Device {device} was removed from +{number}.", device=device, number=number))


@app.command()
def fault(
    kind: Annotated[
        str,
        typer.Argument(help=f"One of: {', '.join(KINDS)}."),
    ],
    number: Annotated[
        str | None, typer.Option(help="Whom it strikes; everyone, when left out.", callback=_other)
    ] = None,
    times: Annotated[int, typer.Option(help="For how many occasions.", min=1)] = 1,
    reason: Annotated[
        int | None, typer.Option(help="Of a login_failure: 401 logged out, 402 banned, …")
    ] = None,
) -> None:
    """Order a fault: the next time it can strike, it does."""
    order = {"kind": kind, "times": times, "number": number, "reason": reason}
    with control() as whatsapp:
        given = {name: word for name, word in order.items() if word is not None}
        ask(whatsapp, "POST", "/faults", json=given)
    say(
        Sentence("{kind} is armed for +{number}.", kind=kind, number=number)
        if number
        else Sentence("{kind} is armed for everyone.", kind=kind)
    )


@app.command()
def heal() -> None:
    """Take back every fault that is armed."""
    with control() as whatsapp:
        ask(whatsapp, "DELETE", "/faults")
    say(Sentence("No fault is armed."))


def _link(number: str, bot: str, *, shown: str, verb: str) -> None:
    with api() as service, control() as whatsapp:
        seen = _last_event(service)
        code = ask(service, "GET", f"/v1/whatsapp/qr/{part(bot)}", params={"wait": 10})
        if code[shown] is None:
            fail(
                Sentence(
                    "The bot was connected with method {method}: it shows no {shown}.",
                    method=code["method"],
                    shown=shown,
                )
            )
        word = "qr" if verb == "scan" else "code"
        ask(whatsapp, "POST", f"/phones/{number}/{verb}", json={word: code[shown]})
        say(
            Sentence("+{number} scanned the QR.", number=number)
            if verb == "scan"
            else Sentence("+{number} took the code.", number=number)
        )
        _tell_outcome(service, bot, seen)


def _last_event(service: httpx2.Client) -> int:
    seen = 0
    while True:
        page = ask(service, "GET", "/v1/events", params={"after": seen, "limit": _EVENTS_MAX})
        if page["last"] == seen:
            return seen
        seen = int(page["last"])


def _tell_outcome(service: httpx2.Client, bot: str, seen: int) -> None:
    """Follow the bot's events until its session is connected or has ended."""
    for _ in range(_LOOKS):
        asked = {"after": seen, "botId": bot, "wait": _LOOK_S}
        page = ask(service, "GET", "/v1/events", params=asked)
        for event in page["events"]:
            match event["type"]:
                case "session.connected":
                    say(Sentence("The bot {bot} is connected.", bot=bot))
                    return
                case "session.disconnected":
                    data = event["data"]
                    fail(
                        Sentence(
                            "The bot was not connected: {reason}. {remedy}",
                            reason=data["reason"],
                            remedy=data["remedy"],
                        )
                    )
        seen = page["last"]
    fail(Sentence("Nothing more was heard of the bot. Look at it with `sololine bot list`."))
