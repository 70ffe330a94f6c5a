"""`sololine phone send`, `inbox` and their likes: what a phone's user writes and sees."""

import base64
import json
import mimetypes
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import httpx2
import typer

from sololine.cli.asking import api, ask, control, part
from sololine.cli.output import fail, refused, say, show, words
from sololine.cli.phone import Number, digits
from sololine.core.sentence import Counted, Sentence

app = typer.Typer()
"""Its commands stand among those of `phone`."""

_FOLLOW_S: Final = 25
_BOT: Final = "bot_"

To = Annotated[
    str,
    typer.Argument(help="A number, a bot's id, or a group's id as `phone group list` shows it."),
]
LetterId = Annotated[str, typer.Argument(help="The message's id, as `phone inbox` shows it.")]
Owner = Annotated[str, typer.Option("--user", help="The bot's owner, when it goes to a bot.")]


@app.command()
def send(
    number: Number,
    to: To,
    text: Annotated[str, typer.Argument(help="What to say; the caption, with a file.")] = "",
    *,
    image: Annotated[
        Path | None, typer.Option(help="A picture to send.", exists=True, dir_okay=False)
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help="A video to send.", exists=True, dir_okay=False)
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(help="A sound to send.", exists=True, dir_okay=False)
    ] = None,
    voice: Annotated[
        Path | None,
        typer.Option(help="A voice note to send (Ogg with Opus).", exists=True, dir_okay=False),
    ] = None,
    document: Annotated[
        Path | None, typer.Option(help="Any file to send.", exists=True, dir_okay=False)
    ] = None,
    sticker: Annotated[
        Path | None, typer.Option(help="A sticker to send (WebP).", exists=True, dir_okay=False)
    ] = None,
    location: Annotated[
        str | None, typer.Option(help="A place to send: LATITUDE,LONGITUDE in degrees.")
    ] = None,
    contact: Annotated[
        list[str] | None, typer.Option(help="A person to send: NAME:NUMBER; may be repeated.")
    ] = None,
    poll: Annotated[
        str | None, typer.Option(help="A question to ask, with an --option for each answer.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="An answer of the poll; repeat it for each.")
    ] = None,
    many: Annotated[
        bool, typer.Option("--many", help="Several answers of the poll may be chosen.")
    ] = False,
    reply_to: Annotated[
        str | None, typer.Option(help="Id of the message that this one answers.")
    ] = None,
    forwarded: Annotated[
        bool, typer.Option("--forwarded", help="Mark the message as passed on.")
    ] = False,
    user: Owner = "default",
) -> None:
    """Send a message from a phone, and print its id.

    `sololine phone send +34600111222 bot_5f… "hola"` writes to a bot;
    `--image FILE`, `--location 41.38,2.17` or `--poll "Tea?" --option yes --option no` send more.
    """
    files = {
        "image": image,
        "video": video,
        "audio": audio,
        "voice": voice,
        "document": document,
        "sticker": sticker,
    }
    orders = [_file(kind, path, text) for kind, path in files.items() if path is not None]
    if location is not None:
        orders.append(_place(location))
    if contact:
        people = [_person(person) for person in contact]
        orders.append({"type": "contact", "contacts": people})
    if poll is not None:
        selectable = 0 if many else 1
        orders.append(
            {"type": "poll", "question": poll, "options": option or [], "selectable": selectable}
        )
    if len(orders) > 1:
        raise refused(Sentence("send one thing at a time: several were given"))
    if not orders and not text:
        raise refused(Sentence("say something: a text, or one of the options with a file"))
    order: dict[str, Any] = orders[0] if orders else {"type": "text", "text": text}
    if reply_to is not None:
        order["replyTo"] = reply_to
    if forwarded:
        order["forwarded"] = True
    _send(number, order | {"to": _chat(to, user)})


@app.command()
def react(
    number: Number,
    message: LetterId,
    emoji: Annotated[str, typer.Argument(help='What to react with; "" takes it back.')],
) -> None:
    """React to a message with an emoji."""
    _send(number, {"type": "reaction", "target": message, "emoji": emoji})


@app.command()
def edit(
    number: Number,
    message: LetterId,
    text: Annotated[str, typer.Argument(help="What it says from now on.")],
) -> None:
    """Say something else in a message that this phone wrote."""
    _send(number, {"type": "edit", "target": message, "text": text})


@app.command()
def delete(number: Number, message: LetterId) -> None:
    """Delete a message for everyone."""
    _send(number, {"type": "delete", "target": message})


@app.command()
def read(
    number: Number,
    messages: Annotated[
        list[str], typer.Argument(help="The messages' ids, as `phone inbox` shows them.")
    ],
    played: Annotated[
        bool, typer.Option("--played", help="Listen to them: they are voice notes.")
    ] = False,
) -> None:
    """See messages: who wrote them gets the blue ticks."""
    act = "played" if played else "read"
    with control() as whatsapp:
        ask(whatsapp, "POST", f"/phones/{number}/{act}", json={"ids": messages})


@app.command()
def typing(
    number: Number,
    to: To,
    recording: Annotated[
        bool, typer.Option("--recording", help="Record a voice note instead of typing.")
    ] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop typing, or recording.")] = False,
    user: Owner = "default",
) -> None:
    """Begin to type in a chat, or stop."""
    state = "paused" if stop else "recording" if recording else "composing"
    with control() as whatsapp:
        order = {"chat": _chat(to, user), "state": state}
        ask(whatsapp, "POST", f"/phones/{number}/typing", json=order)


@app.command()
def inbox(
    number: Number,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl+C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, with everything.")
    ] = False,
) -> None:
    """Show what came to a phone, oldest first."""
    with control() as whatsapp:
        last = _show_inbox(whatsapp, number, after="", wait_s=0, as_json=as_json)
        while follow:
            last = _show_inbox(whatsapp, number, after=last, wait_s=_FOLLOW_S, as_json=as_json)


@app.command()
def save(
    number: Number,
    message: LetterId,
    file: Annotated[
        Path,
        typer.Argument(help="Where to write it; an existing file is replaced.", dir_okay=False),
    ],
) -> None:
    """Save the file that came with a message, decrypted and checked as a phone does."""
    with control() as whatsapp:
        path = f"/phones/{number}/inbox/{part(message)}/file"
        content = ask(whatsapp, "GET", path, raw=True)
    file.write_bytes(content)
    say(
        Counted(
            "{count} byte is in {file}.",
            "{count} bytes are in {file}.",
            count=len(content),
            file=file,
        )
    )


@app.command()
def name(
    number: Number,
    called: Annotated[str, typer.Argument(metavar="NAME", help="What others see as its name.")],
    about: Annotated[str | None, typer.Option(help="What it says about itself.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Its picture (JPEG).", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Name a phone's account; with options, change what else others see of it."""
    profile = {"name": called}
    if about is not None:
        profile["about"] = about
    if picture is not None:
        profile["picture"] = _encoded(picture)
    with control() as whatsapp:
        ask(whatsapp, "PUT", f"/phones/{number}/profile", json=profile)
    say(Sentence("+{number} is called {called}.", number=number, called=called))


@app.command()
def offline(number: Number) -> None:
    """Take a phone off the network: what is sent to it waits."""
    _turn(number, online=False)


@app.command()
def online(number: Number) -> None:
    """Bring a phone back: it gets what waited."""
    _turn(number, online=True)


def _send(number: str, order: dict[str, Any]) -> None:
    with control() as whatsapp:
        show(ask(whatsapp, "POST", f"/phones/{number}/messages", json=order)["id"])


def _turn(number: str, *, online: bool) -> None:
    with control() as whatsapp:
        ask(whatsapp, "PUT", f"/phones/{number}/online", json={"online": online})
    say(
        Sentence("+{number} is online.", number=number)
        if online
        else Sentence("+{number} is offline.", number=number)
    )


def _chat(to: str, user: str) -> str:
    """What the loopback WhatsApp calls the chat."""
    if "@" in to:
        return to
    if not to.startswith(_BOT):
        return digits(to)
    with api() as service:
        bot = ask(service, "GET", f"/v1/bots/{part(user)}/{part(to)}")["bot"]
    if bot["phoneNumber"] is None:
        fail(Sentence("The bot {to} has no number yet: connect it and scan its QR.", to=to))
    return digits(bot["phoneNumber"])


def _file(kind: str, path: Path, caption: str) -> dict[str, Any]:
    guessed, _ = mimetypes.guess_type(path.name)
    order: dict[str, Any] = {"type": kind, "data": _encoded(path), "fileName": path.name}
    if guessed is not None and kind != "voice":  # voice notes are of one type only
        order["mimeType"] = guessed
    if caption:
        order["caption"] = caption
    return order


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _place(written: str) -> dict[str, Any]:
    try:
        latitude, longitude = (float(degrees) for degrees in written.split(","))
    except ValueError:
        raise refused(Sentence("write a place as LATITUDE,LONGITUDE, like 41.38,2.17")) from None
    return {"type": "location", "latitude": latitude, "longitude": longitude}


def _person(written: str) -> dict[str, str]:
    called, _, number = written.rpartition(":")
    if not called:
        raise refused(Sentence('write a person as NAME:NUMBER, like "Ana:+34600111222"'))
    return {"name": called, "number": digits(number)}


def _show_inbox(
    whatsapp: httpx2.Client, number: str, *, after: str, wait_s: int, as_json: bool
) -> str:
    """Print the letters after one; return the id of the last."""
    while True:
        asked = {"after": after, "wait": wait_s}
        found = ask(whatsapp, "GET", f"/phones/{number}/inbox", params=asked)["letters"]
        for letter in found:
            show(json.dumps(letter, ensure_ascii=False) if as_json else _line(letter))
            after = letter["id"]
        if not found or wait_s:
            return after


def _line(letter: dict[str, Any]) -> str:
    at = datetime.fromisoformat(letter["at"]).astimezone().strftime("%H:%M:%S")
    author = f"+{letter['from']}"
    if letter.get("group"):
        author = words(Sentence("{author} in {group}", author=author, group=letter["group"]))
    return f"{at}  {author}  {_said(letter)}  ({letter['id']})"


def _said(letter: dict[str, Any]) -> str:
    match letter["type"]:
        case "text":
            return str(letter["text"])
        case "location":
            place = letter["location"]
            return words(
                Sentence(
                    "[location {latitude}, {longitude}]",
                    latitude=place["latitude"],
                    longitude=place["longitude"],
                )
            )
        case "contact":
            people = letter.get("contacts") or [letter["contact"]]
            names = ", ".join(person["name"] for person in people)
            return words(Sentence("[contact {names}]", names=names))
        case "poll":
            poll = letter["poll"]
            options = " | ".join(poll["options"])
            return words(
                Sentence("[poll] {question} {options}", question=poll["question"], options=options)
            )
        case "reaction":
            reaction = letter["reaction"]
            return words(
                Sentence("[reaction to {id}] {emoji}", id=reaction["id"], emoji=reaction["emoji"])
                if reaction["emoji"]
                else Sentence("[reaction to {id}] taken back", id=reaction["id"])
            )
        case "edit":
            edited, new = letter["target"]["id"], _said(letter["new"])
            return words(Sentence("[edit of {id}] {new}", id=edited, new=new))
        case "delete":
            return words(Sentence("[deleted {id}]", id=letter["target"]["id"]))
        case kind if "media" in letter:
            media = letter["media"]
            told = words(
                Sentence(
                    "[{kind} {type}, {size} bytes]",
                    kind=kind,
                    type=media["mimeType"],
                    size=media["size"],
                )
            )
            return f"{told} {letter['caption']}" if "caption" in letter else told
        case kind:
            return f"[{kind}]"
