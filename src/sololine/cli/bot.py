"""`sololine bot …`: create and connect bots of a running sandbox."""

from typing import Annotated, Any

import typer

from sololine.cli.asking import api, ask, part
from sololine.cli.output import show, words
from sololine.core.sentence import Sentence

app = typer.Typer(
    name="bot", help="Create and connect bots of a running sandbox.", no_args_is_help=True
)

BotId = Annotated[str, typer.Argument(help="The bot's id, as `bot list` shows it.")]
User = Annotated[str, typer.Option("--user", help="The bots' owner.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What people call the bot.")], user: User = "default"
) -> None:
    """Create a bot and print its id."""
    with api() as service:
        made = ask(service, "POST", "/v1/bots/create", json={"name": name, "userId": user})
    show(made["bot"]["id"])


@app.command("list")
def list_bots(user: User = "default") -> None:
    """List a user's bots and where their connections stand."""
    bots: list[dict[str, Any]] = []
    asked: dict[str, str] = {}
    with api() as service:
        while True:
            page = ask(service, "GET", f"/v1/bots/{part(user)}", params=asked)
            bots += page["bots"]
            if page["nextAfter"] is None:
                break
            asked = {"after": page["nextAfter"]}
    for bot in bots:
        connection = bot["connection"]
        ended = f" ({connection['endReason']})" if connection["endReason"] else ""
        number = bot["phoneNumber"] or words(Sentence("no number"))
        show(f"{bot['id']}  {bot['name']}  {connection['state']}{ended}  {number}")


@app.command()
def connect(
    bot: BotId,
    number: Annotated[
        str | None, typer.Option(help="The number that will be linked; checked before the QR.")
    ] = None,
    by_code: Annotated[
        bool, typer.Option("--code", help="Ask for a pairing code instead of a QR.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Unlink a linked bot and show a fresh QR.")
    ] = False,
    policy: Annotated[
        str | None, typer.Option(help="`refuse` narrows the server's policy.")
    ] = None,
) -> None:
    """Connect a bot; `phone scan` then plays the phone."""
    body: dict[str, Any] = {"method": "code" if by_code else "qr"}
    if number is not None:
        body["phoneNumber"] = number
    if fresh:
        body["useExistingSession"] = False
    if policy is not None:
        body["conflictPolicy"] = policy
    with api() as service:
        answer = ask(service, "POST", f"/v1/whatsapp/connect/{part(bot)}", json=body)
    show(answer["message"])


@app.command()
def disconnect(
    bot: BotId,
    keep_number: Annotated[
        bool, typer.Option("--keep-number", help="Only go offline; stay linked.")
    ] = False,
) -> None:
    """Disconnect a bot and free its number."""
    body = {"unlink": not keep_number}
    with api() as service:
        answer = ask(service, "POST", f"/v1/whatsapp/disconnect/{part(bot)}", json=body)
    show(answer["message"])
