"""`sololine phone group …`: groups of the sandbox's phones."""

from typing import Annotated, Any

import typer

from sololine.cli.asking import ask, control, part
from sololine.cli.output import show, words
from sololine.cli.phone import Number, digits
from sololine.core.sentence import Sentence

app = typer.Typer(
    name="group", help="Make groups of a running sandbox's phones.", no_args_is_help=True
)

GroupId = Annotated[str, typer.Argument(help="The group's id, as `phone group list` shows it.")]
Members = Annotated[
    list[str], typer.Argument(help="Numbers; each must have a phone, or be a bot's.")
]


@app.command()
def create(
    number: Number,
    subject: Annotated[str, typer.Argument(help="What people call the group.")],
    members: Members,
) -> None:
    """Make a group of a phone and others, and print its id."""
    order = {"creator": number, "subject": subject, "members": list(map(digits, members))}
    with control() as whatsapp:
        show(ask(whatsapp, "POST", "/groups", json=order)["id"])


@app.command()
def add(number: Number, group: GroupId, members: Members) -> None:
    """Let a member add people."""
    order = {"by": number, "members": list(map(digits, members))}
    _tell(_act("POST", f"/groups/{part(group)}/members", order))


@app.command()
def remove(number: Number, group: GroupId, members: Members) -> None:
    """Let a member remove people; removing himself, he leaves."""
    order = {"by": number, "members": list(map(digits, members))}
    _tell(_act("POST", f"/groups/{part(group)}/removed", order))


@app.command()
def rename(
    number: Number,
    group: GroupId,
    subject: Annotated[str, typer.Argument(help="What people call it from now on.")],
) -> None:
    """Let a member give the group another name."""
    _tell(_act("PATCH", f"/groups/{part(group)}", {"by": number, "subject": subject}))


@app.command("list")
def list_groups() -> None:
    """List the groups and who is in them."""
    with control() as whatsapp:
        for group in ask(whatsapp, "GET", "/groups")["groups"]:
            _tell(group)


def _act(method: str, path: str, order: dict[str, Any]) -> dict[str, Any]:
    with control() as whatsapp:
        answer: dict[str, Any] = ask(whatsapp, method, path, json=order)
    return answer


def _tell(group: dict[str, Any]) -> None:
    members = ", ".join(f"+{member}" for member in group["members"]) or words(Sentence("nobody"))
    show(f"{group['id']}  {group['subject']}  {members}")
