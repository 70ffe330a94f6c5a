"""What paths and queries carry, as the doors share it."""

from typing import Annotated

from fastapi import Path, Query

from sololine.core.ids import UserId
from sololine.web.shapes import Text

UserPath = Annotated[Text, Path(alias="userId", max_length=255)]
UserQuery = Annotated[Text | None, Query(alias="userId", max_length=255)]
BotPath = Annotated[Text, Path(alias="botId", max_length=64)]
BotQuery = Annotated[Text | None, Query(alias="botId", max_length=64)]


def named_user(named: str | None) -> UserId | None:
    """The user that a request names; an empty name is none."""
    return UserId(named) if named else None
