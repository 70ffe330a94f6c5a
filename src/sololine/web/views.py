"""Values as their JSON shapes, in the language of whoever reads them."""

from datetime import datetime, timedelta
from typing import Any

from sololine.actions.bots import BotWithSession
from sololine.actions.statistics import Statistics
from sololine.core.conflict import Conflict, Party, Plan
from sololine.core.session import Session, State
from sololine.core.statistics import Tally, TimeToConnect
from sololine.languages import Language
from sololine.store.retired import Retired
from sololine.web.shapes import (
    BotShape,
    ConflictShape,
    ConnectionShape,
    LeftDevice,
    PartyShape,
    ResolvedShape,
    Stats,
    TimeShape,
)


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


def party(found: Party) -> PartyShape:
    """A bot's part in a conflict."""
    return PartyShape(
        user_id=found.owner,
        bot_id=found.bot,
        bot_name=found.name,
        basis=found.basis,
        status=found.state.status,
        last_connected_at=found.last_connected_at,
    )


def conflict(found: Conflict) -> ConflictShape:
    """A conflict, as the tenant of its parties sees it."""
    return ConflictShape(
        phone_number=found.number.e164,
        taken_elsewhere=found.taken,
        bots=[party(each) for each in found.parties],
    )


def left_device(found: Retired) -> LeftDevice:
    """A device that its bot gave up."""
    return LeftDevice(bot_id=found.bot, since=found.retired_at, tries=found.tries)


def resolved(plan: Plan) -> ResolvedShape:
    """How a conflict was resolved."""
    return ResolvedShape(
        phone_number=plan.number.e164,
        kept=party(plan.kept) if plan.kept else None,
        disconnected=[party(each) for each in plan.dropped],
    )


def statistics(found: Statistics) -> Stats:
    """Figures of a tenant, or of all."""
    counts = found.counts
    return Stats.model_validate(
        {
            "totalConnections": counts.total,
            "activeConnections": counts.connected,
            "pendingQR": counts.awaiting_scan,
            "disconnected": counts.disconnected,
            "duplicates": found.duplicates,
            "from": found.since,
            "to": found.until,
            "attempts": _tally(found.attempts),
            "perBot": [{"botId": each.bot, **_tally(each)} for each in found.by_bot],
            "perDay": [{"day": each.day, **_tally(each)} for each in found.by_day],
            "timeToConnect": {
                "withQr": _time(found.times.get(True)),
                "withExistingSession": _time(found.times.get(False)),
            },
        }
    )


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "attempts": tally.attempts,
        "connected": tally.connected,
        "failed": tally.failed,
        "successRate": tally.success_rate,
    }


def _time(time: TimeToConnect | None) -> TimeShape | None:
    if time is None:
        return None
    millisecond = timedelta(milliseconds=1)
    return TimeShape(
        connected=time.connected,
        median_ms=time.median // millisecond,
        p90_ms=time.p90 // millisecond,
    )
