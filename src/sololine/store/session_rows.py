"""A session as the columns of its row, half by half; pure, and the same for both databases."""

from typing import Any

from sololine.core.claim import Policy
from sololine.core.linking import Code, Method, Window
from sololine.core.session import Device, End, EndReason, Intent, Session, State, Wish
from sololine.store.columns import Row, instant, millis, number


def intent_columns(intent: Intent) -> dict[str, Any]:
    """The half that is written by whoever asks."""
    window = intent.window
    declared = window.number if window else None
    return {
        "intent_no": intent.no,
        "wish": intent.wish.value,
        "window_opened_at": millis(window.opened_at) if window else None,
        "window_ends_at": millis(window.ends_at) if window else None,
        "window_method": window.method.value if window else None,
        "window_number": declared.digits if declared else None,
        "window_policy": window.policy.value if window else None,
        "window_reserves": int(window.reserves) if window else None,
        "window_restarts": window.restarts or None if window else None,
    }


def life_columns(session: Session) -> dict[str, Any]:
    """The half that is written by the line."""
    end, device, code = session.end, session.device, session.code
    return {
        "obeyed": session.obeyed,
        "state": session.state.value,
        "since": millis(session.since),
        "end_reason": end.reason.value if end else None,
        "end_at": millis(end.at) if end else None,
        "end_until": millis(end.until) if end else None,
        "device_id": device.id if device else None,
        "number": device.number.digits if device else None,
        "jid": device.jid if device else None,
        "lid": device.lid if device else None,
        "linked_at": millis(device.linked_at) if device else None,
        "linking": session.linking,
        "round": session.round,
        "code_method": code.method.value if code else None,
        "code_text": code.text if code else None,
        "code_expires_at": millis(code.expires_at) if code else None,
        "attempt": session.attempt,
        "retry_at": millis(session.retry_at),
        "connected_at": millis(session.connected_at),
        "restarted": session.restarted or None,
        "restarted_at": millis(session.restarted_at),
        "losses": session.losses or None,
        "losses_since": millis(session.losses_since),
    }


def session_of(row: Row) -> Session:
    """The session that a row of `bot_sessions` holds."""
    return Session(
        bot=row["bot_id"],
        tenant=row["tenant_id"],
        intent=Intent(no=row["intent_no"], wish=Wish(row["wish"]), window=_window(row)),
        obeyed=row["obeyed"],
        state=State(row["state"]),
        end=_end(row),
        device=_device(row),
        linking=row["linking"],
        round=row["round"],
        code=_code(row),
        attempt=row["attempt"],
        retry_at=instant(row["retry_at"]),
        since=instant(row["since"]),
        connected_at=instant(row["connected_at"]),
        restarted=row["restarted"] or 0,
        restarted_at=instant(row["restarted_at"]),
        losses=row["losses"] or 0,
        losses_since=instant(row["losses_since"]),
    )


def _window(row: Row) -> Window | None:
    if row["window_opened_at"] is None:
        return None
    return Window(
        opened_at=instant(row["window_opened_at"]),
        ends_at=instant(row["window_ends_at"]),
        method=Method(row["window_method"]),
        number=number(row["window_number"]),
        policy=Policy(row["window_policy"]),
        reserves=bool(row["window_reserves"]),
        restarts=row["window_restarts"] or 0,
    )


def _end(row: Row) -> End | None:
    if row["end_reason"] is None:
        return None
    return End(
        reason=EndReason(row["end_reason"]),
        at=instant(row["end_at"]),
        until=instant(row["end_until"]),
    )


def _device(row: Row) -> Device | None:
    linked = number(row["number"])
    if linked is None:
        return None
    return Device(
        id=row["device_id"],
        number=linked,
        jid=row["jid"],
        lid=row["lid"],
        linked_at=instant(row["linked_at"]),
    )


def _code(row: Row) -> Code | None:
    if row["code_text"] is None:
        return None
    return Code(
        method=Method(row["code_method"]),
        text=row["code_text"],
        expires_at=instant(row["code_expires_at"]),
    )
