"""Values as their JSON shapes, in the language of whoever reads them."""

from datetime import datetime

from sololine.actions.bots import BotWithSession
from sololine.core.session import Session, State
from sololine.languages import Language
from sololine.web.shapes import BotShape, ConnectionShape


def connection(session: Session, now: datetime, language: Language) -> ConnectionShape:
    """A session as its owner sees it."""
    window, end = session.window(now), session.end
    return ConnectionShape(
        state=session.state,
        end_reason=end.reason if end else None,
        remedy=language.say(end.reason.remedy) if end else None,
        until=end.until if end else None,
        since=session.since,
        connected_at=session.connected_at,
        window_ends_at=window.ends_at if window else None,
    )


def bot(found: BotWithSession, language: Language) -> BotShape:
    """A bot as its owner sees it."""
    session = found.session
    connected = session.state is State.CONNECTED
    return BotShape(
        id=found.bot.id,
        user_id=found.bot.owner,
        name=found.bot.name,
        description=found.bot.description,
        personality=found.bot.personality,
        status=found.bot.status(connected=connected),
        setup_step=found.bot.setup.value,
        whatsapp_connected=connected,
        phone_number=session.device.number.e164 if session.device else None,
        connection=connection(session, found.now, language),
        created_at=found.bot.created_at,
    )
