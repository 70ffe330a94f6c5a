"""The doors `chats`, `contacts`, `numbers`, `groups` and presence, at `/v1` and `/api/v1`."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query

from sololine.actions import chats
from sololine.actions.chats import PAGE_MAX
from sololine.core.chat import is_group
from sololine.core.sentence import Sentence
from sololine.web.auth import CallerOf, GatewayOf
from sololine.web.language import LanguageOf
from sololine.web.parameters import BotPath, UserQuery, named_user
from sololine.web.shapes import UNREADABLE, Problem, Responses, Success, Text
from sololine.web.shapes.chats import (
    ChatShape,
    ChatsPage,
    CheckedNumber,
    CheckedNumbers,
    ContactShape,
    Groups,
    GroupShape,
    MemberShape,
    NumbersToCheck,
    OneContact,
    OneGroup,
    PresenceShown,
    Seen,
    SeenMessages,
    TypingShown,
)

router = APIRouter(
    prefix="/bots/{botId}",
    tags=["chats"],
    responses={
        401: {"model": Problem},
        403: {"model": Problem},
        404: {"model": Problem},
        422: {"model": Problem},
    },
)
_ASKS: Final[Responses] = {409: {"model": Problem}, 504: {"model": Problem}}
_TELLS: Final[Responses] = {**UNREADABLE, **_ASKS}

PersonPath = Annotated[Text, Path(max_length=64, description="In any form.")]
GroupPath = Annotated[Text, Path(alias="groupId", max_length=64)]


@router.get("/chats")
async def page(
    bot: BotPath,
    caller: CallerOf,
    gateway: GatewayOf,
    before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    user: UserQuery = None,
) -> ChatsPage:
    """List the bot's chats, the one with the latest message first."""
    found = await chats.page(
        gateway, caller, bot, user=named_user(user), before=before, limit=limit
    )
    return ChatsPage(
        chats=[
            ChatShape(
                id=chat.id,
                ref=chat.ref,
                name=chat.name or None,
                group=is_group(chat.id),
                unread=chat.unread,
                last_seq=chat.last_seq,
            )
            for chat in found.chats
        ],
        next_before=found.next_before,
    )


@router.post("/numbers/check", responses=_TELLS)
async def check_numbers(
    bot: BotPath,
    body: NumbersToCheck,
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    user: UserQuery = None,
) -> CheckedNumbers:
    """Ask which numbers are on WhatsApp, up to 50 at once."""
    checked = await chats.check_numbers(gateway, caller, bot, body.numbers, user=named_user(user))
    return CheckedNumbers(
        numbers=[
            CheckedNumber(
                asked=each.asked,
                on_whatsapp=each.chat is not None,
                chat=each.chat,
                business_name=each.business_name or None,
                problem=language.say(each.wrong) if each.wrong else None,
            )
            for each in checked
        ]
    )


@router.get("/contacts/{number}", responses=_ASKS)
async def contact(
    bot: BotPath,
    number: PersonPath,
    caller: CallerOf,
    gateway: GatewayOf,
    user: UserQuery = None,
) -> OneContact:
    """Ask what WhatsApp shows of a person: name, about, picture."""
    chat, told = await chats.contact(gateway, caller, bot, number, user=named_user(user))
    return OneContact(
        contact=ContactShape(
            chat=chat,
            name=told.get("name"),
            about=told.get("about"),
            picture_url=told.get("pictureUrl"),
        )
    )


@router.get("/groups", responses=_ASKS)
async def groups(
    bot: BotPath, caller: CallerOf, gateway: GatewayOf, user: UserQuery = None
) -> Groups:
    """List the groups that the bot's number is in, with their members."""
    found = await chats.groups(gateway, caller, bot, user=named_user(user))
    return Groups(groups=[_group(each) for each in found])


@router.get("/groups/{groupId}", responses=_ASKS)
async def group(
    bot: BotPath,
    asked: GroupPath,
    caller: CallerOf,
    gateway: GatewayOf,
    user: UserQuery = None,
) -> OneGroup:
    """Show one group with its members."""
    found = await chats.group(gateway, caller, bot, asked, user=named_user(user))
    return OneGroup(group=_group(found))


@router.post("/typing", responses=_TELLS)
async def typing(
    bot: BotPath,
    body: TypingShown,
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    user: UserQuery = None,
) -> Success:
    """Let a chat see the bot type or record; `paused` ends it, as a sent message does."""
    await chats.typing(gateway, caller, bot, body.to, body.state, user=named_user(user))
    return Success(message=language.say(Sentence("The chat is shown what the bot is doing.")))


@router.post("/seen", responses=_TELLS)
async def seen(
    bot: BotPath,
    body: SeenMessages,
    caller: CallerOf,
    gateway: GatewayOf,
    user: UserQuery = None,
) -> Seen:
    """Mark received messages as seen; their senders see it, if they allow it themselves."""
    count = await chats.seen(
        gateway,
        caller,
        bot,
        user=named_user(user),
        messages=body.message_ids,
        chat=body.chat,
    )
    return Seen(seen=count)


@router.post("/presence", responses=_TELLS)
async def presence(
    bot: BotPath,
    body: PresenceShown,
    caller: CallerOf,
    gateway: GatewayOf,
    language: LanguageOf,
    user: UserQuery = None,
) -> Success:
    """Let the bot be seen online, or no longer."""
    await chats.presence(gateway, caller, bot, online=body.online, user=named_user(user))
    return Success(
        message=language.say(
            Sentence("The bot is seen online.")
            if body.online
            else Sentence("The bot is not seen online.")
        )
    )


def _group(told: Mapping[str, Any]) -> GroupShape:
    return GroupShape(
        id=told["id"],
        subject=told.get("subject"),
        description=told.get("description"),
        created_at=told.get("createdAt"),
        members=[
            MemberShape(id=member.get("number") or member.get("lid") or "", admin=member["admin"])
            for member in told["members"]
        ],
    )
