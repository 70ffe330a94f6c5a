"""Effects: what an edit or a deletion does to the message that it means, whoever sent it."""

from dataclasses import replace
from datetime import datetime

from sololine.core.content import Content, Deletion, Edit
from sololine.core.events import Event, EventType
from sololine.core.message import Message, told
from sololine.lines.changes import Changes


def with_effect(
    changes: Changes, earlier: Message, content: Content, at: datetime
) -> Message | None:
    """Edit or delete an earlier message; None when that changes nothing, since it is too late."""
    match content:
        case Edit(text=text):
            if earlier.edited_at is not None and earlier.edited_at > at:
                return None
            changed = earlier.edited(text, at)
            if changed is earlier:
                return None
            changes.put(changed)
        case Deletion():
            changed = earlier.deleted(at)
            if changed is earlier:
                return None
            changes.drop(changed, earlier)
        case _:
            return None
    return changed


def effect_of(content: Content, changed: Message) -> Event:
    """The event about the message that an edit or a deletion has changed."""
    edited = isinstance(content, Edit)
    return told(changed, EventType.MESSAGE_EDITED if edited else EventType.MESSAGE_DELETED)


def without_text(content: Content) -> Content:
    """An edit whose text stands in the message that it changed."""
    return replace(content, text="") if isinstance(content, Edit) else content
