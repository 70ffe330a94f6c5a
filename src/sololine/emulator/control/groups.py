"""The control interface's part about groups.

    POST   /groups                 {"creator", "subject", "members"}    ──▶ the group
    GET    /groups, /groups/ID
    PATCH  /groups/ID              {"by", "subject"}
    POST   /groups/ID/members      {"by", "members"}
    POST   /groups/ID/removed      {"by", "members"}

`by` is the number of the member who does it.
"""

from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sololine.emulator.control import bodies
from sololine.emulator.people.groups import Group
from sololine.emulator.server import Emulator


def routes(emulator: Emulator) -> list[Route]:
    """The routes; they drive the emulator in the same event loop."""
    groups = emulator.exchange.groups

    async def create(request: Request) -> Response:
        words = await bodies.words(request)
        made = groups.create(
            bodies.text(words, "creator"),
            bodies.text(words, "subject"),
            bodies.texts(words, "members"),
        )
        return JSONResponse(group_words(made), HTTPStatus.CREATED)

    async def every(_: Request) -> Response:
        return JSONResponse({"groups": [group_words(group) for group in groups]})

    async def one(request: Request) -> Response:
        return JSONResponse(group_words(groups[request.path_params["id"]]))

    async def rename(request: Request) -> Response:
        words = await bodies.words(request)
        by, subject = bodies.text(words, "by"), bodies.text(words, "subject")
        return JSONResponse(group_words(groups.rename(request.path_params["id"], by, subject)))

    async def add(request: Request) -> Response:
        words = await bodies.words(request)
        by, members = bodies.text(words, "by"), bodies.texts(words, "members")
        return JSONResponse(group_words(groups.add(request.path_params["id"], by, members)))

    async def remove(request: Request) -> Response:
        words = await bodies.words(request)
        by, members = bodies.text(words, "by"), bodies.texts(words, "members")
        return JSONResponse(group_words(groups.remove(request.path_params["id"], by, members)))

    return [
        Route("/groups", create, methods=["POST"]),
        Route("/groups", every),
        Route("/groups/{id}", one),
        Route("/groups/{id}", rename, methods=["PATCH"]),
        Route("/groups/{id}/members", add, methods=["POST"]),
        Route("/groups/{id}/removed", remove, methods=["POST"]),
    ]


def group_words(group: Group) -> dict[str, Any]:
    """A group as the control interface shows it."""
    return {
        "id": group.id,
        "jid": str(group.jid),
        "subject": group.subject,
        "creator": group.creator,
        "members": list(group.members),
        "createdAt": group.created_at.isoformat(),
    }
