"""The inspector: what must be so after every commit, whenever nothing moves, and after a calm.

    after every commit      the law, in both directions, read from the tables
    when WhatsApp takes     no message twice, and none from a device that its bot has lost
    whenever nothing moves  no session is stuck; no link is open that nobody answers for
    after a calm            who wants to be online is, or a person is needed; phones list what is
                            linked and nothing else; what was accepted is sent, what was said stored

**Stuck** is a session that is not at rest, and that nothing will move. What can move one is

    no lease, or one whose process is dead   a sweep, at once or when it has expired
    a line that knows less than its row      the renewal or the sweep that will tell it
    a line that waits                        its timer, which rings within `LONGEST_WAIT_S`
    a line that is connected                 the open link, which says so when it falls

The inspector reads the database with a connection of its own, and looks into lines and links, but
never takes their word for what stands in a row.
"""

import math
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sololine.core.ids import DeviceId
from sololine.core.lease import TERM_LENGTH
from sololine.core.linking import WINDOW
from sololine.core.message import Status
from sololine.core.session import EndReason, Session, State, Wish
from sololine.store import sqlite
from sololine.store.columns import Row, instant
from sololine.store.session_rows import session_of
from tests.fakes.engine import ScriptedWhatsApp
from tests.simulation.fast_loop import FastLoop
from tests.simulation.process import Process

LONGEST_WAIT_S: Final = 600.0
"""No line waits longer for its own timer than a linking window lasts."""
POLLED_WITHIN_S: Final = 40.0
"""In this time, all that no notice told of is found: by sweeps, reminders, renewals, expiry."""

NEEDS_A_PERSON: Final = frozenset(EndReason) - {EndReason.ASKED}
"""Ends of sessions that shall be online which do not pass by themselves (but `until`)."""


class Broken(AssertionError):
    """Something is not as it must be."""


@dataclass
class Told:
    """What the world accepted and said, so that it can be looked for.

    Attributes:
        accepted: text of each message that the API accepted → its bot.
        said: WhatsApp's id of each message that people wrote → to which bot, on which device.
        given_up: devices that could not be logged out in twenty tries.
    """

    accepted: dict[str, str] = field(default_factory=dict)
    said: dict[str, tuple[str, DeviceId]] = field(default_factory=dict)
    given_up: set[DeviceId] = field(default_factory=set)


class Inspector:
    """Looks at the installation from outside.

    Args:
        processes: those that live now.
        now_ms: what time it is by the database's clock at a moment of the loop.
    """

    def __init__(
        self,
        path: str,
        *,
        loop: FastLoop,
        whatsapp: ScriptedWhatsApp,
        processes: Callable[[], Sequence[Process]],
        now_ms: Callable[[float], int],
        told: Told,
    ) -> None:
        self._sqlite = sqlite3.connect(path, isolation_level=None, cached_statements=64)
        self._sqlite.row_factory = sqlite._row
        self._sqlite.execute("PRAGMA synchronous = 0")
        self._loop = loop
        self._whatsapp = whatsapp
        self._processes = processes
        self._now_ms = now_ms
        self._told = told
        self._since: dict[str, float] = {}
        self._left: dict[DeviceId, float] = {}
        self._sent: set[str] = set()
        self._sessions: list[Session] | None = None
        self._retired: dict[DeviceId, int] | None = None
        self._queues: set[str] | None = None
        self.rows: list[Row] = []
        """The sessions as they were last committed."""
        self.reservations_hold = True
        """Not after the clock went back: a reservation may be gone before its window."""

    def close(self) -> None:
        self._sqlite.close()

    def _read(self, sql: str, *values: object) -> list[Row]:
        return self._sqlite.execute(sql, values).fetchall()

    # ------------------------------------------------------------------ after every commit

    def committed(self, *, law: bool) -> None:
        """Something was committed; with `law`, sessions or claims."""
        self._retired = self._queues = None
        if law:
            self.law()

    def law(self) -> None:
        """A number is claimed by a bot exactly while that bot is linked with it."""
        had = {row["device_id"] for row in self.rows if row["device_id"]}
        self._look_at_sessions()
        claims = self._read("SELECT * FROM number_claims")
        now = self._now_ms(self._loop.time())
        linked = [(row["number"], row["bot_id"]) for row in self.rows if row["number"]]
        held = [(row["number"], row["bot_id"]) for row in claims if row["kind"] == "held"]
        if sorted(linked) != sorted(held):
            raise Broken(f"linked are {sorted(linked)}, claimed are {sorted(held)}")
        for what, values in (
            ("numbers", [number for number, _ in linked]),
            ("devices", [row[key] for row in self.rows for key in ("device_id", "linking")]),
        ):
            twice = [each for each, times in Counter(values).items() if each and times > 1]
            if twice:
                raise Broken(f"{what} of two bots: {twice}")
        reserved = {
            (row["number"], row["bot_id"])
            for row in claims
            if row["kind"] == "reserved" and row["expires_at"] > now
        }
        windows = {
            (row["window_number"], row["bot_id"])
            for row in self.rows
            if row["window_reserves"]
            and _window_ends_at(row) > now
            and (row["intent_no"] > row["obeyed"] or row["linking"])
            and row["window_number"] != row["number"]
        }
        if not reserved <= windows or (self.reservations_hold and reserved != windows):
            raise Broken(f"windows reserve {sorted(windows)}, reserved are {sorted(reserved)}")
        for device in had - {row["device_id"] for row in self.rows}:
            self._left[device] = self._loop.time()

    # ------------------------------------------------------------------ when WhatsApp takes

    def takes(self, device: DeviceId, text: str) -> None:
        """No message is sent twice, nor by a bot that has lost the device."""
        if text in self._sent:
            raise Broken(f"{text} is sent a second time")
        self._sent.add(text)
        left = self._left.get(device)
        if left is not None and self._loop.time() > left:
            raise Broken(f"{text} is sent on {device}, which its bot lost at {left:.3f}")

    # ------------------------------------------------------------------ whenever nothing moves

    def matters_at(self) -> tuple[float, str]:
        """When looking at the store will next find something, and what."""
        now = self._loop.time()
        found = [*self._found_in_rows(now), *self._found_in_lines(now)]
        for device, due_at in self.retired.items():
            found.append((self._moment(due_at), f"{device} is to be logged out"))
        if not self._processes():
            return math.inf, "nobody lives"
        return min(found, default=(math.inf, ""))

    def _found_in_rows(self, now: float) -> Iterable[tuple[float, str]]:
        names = {process.name: process for process in self._processes()}
        now_ms = self._now_ms(now)
        for row in self.rows:
            bot, until = row["bot_id"], row["end_until"]
            needs = row["state"] != "disconnected" or row["intent_no"] > row["obeyed"]
            if not needs and until is None:
                continue
            if not needs and until > now_ms:
                yield self._moment(until), f"{bot} comes back"
                continue
            holder = names.get(row["lease_process"])
            if row["lease_process"] is None or row["lease_expires_at"] <= now_ms:
                yield now, f"{bot} needs a line"
            elif holder is None:
                yield self._moment(row["lease_expires_at"]), f"the lease of {bot} expires"
            elif bot not in holder.switchboard._lines:
                yield now, f"{bot} is left by a predecessor"
            elif row["intent_no"] > row["obeyed"]:
                yield now, f"the line of {bot} does not know of its intent"

    def _found_in_lines(self, now: float) -> Iterable[tuple[float, str]]:
        rows = {row["bot_id"]: row for row in self.rows}
        for process in self._processes():
            for bot, line in process.switchboard._running.items():
                row = rows.get(bot)
                term = (row["lease_process"], row["lease_term"]) if row else None
                if term != (process.name, line.lease.term):
                    yield now, f"the line of {bot} has lost its lease"
                elif bot in self.queues and line._up() is not None and not line._outbox.sending:
                    yield now, f"{bot} has something to send"

    def _moment(self, ms: int) -> float:
        """When the database's clock shows that."""
        now = self._loop.time()
        return now + (ms - self._now_ms(now)) / 1000

    def polled(self, at: float, why: str) -> None:
        """What is to be found now was not to be found all the time since long ago."""
        self.within(POLLED_WITHIN_S, "a poll finds", at <= self._loop.time(), why)

    def quiet(self) -> None:
        """Nothing moves and nothing is to be found: whatever is not at rest must have a mover."""
        processes = {process.name: process for process in self._processes()}
        for row, session in zip(self.rows, self.sessions, strict=True):
            if session.idle or row["lease_process"] not in processes:
                continue
            process = processes[row["lease_process"]]
            line = process.switchboard._running.get(session.bot)
            if line is None:
                continue  # just ended by a fault: the switchboard pauses, then takes it up again
            if line._session != session:
                raise Broken(f"{session.bot}: its line knows {line._session}, its row is {session}")
            if line._due_at is not None:
                wait = line._due_at - self._loop.time()
                if not 0 <= wait <= LONGEST_WAIT_S:
                    raise Broken(f"{session.bot}, {session.state}: its timer rings in {wait:.0f} s")
                continue
            link = self._whatsapp.links.get(session.link) if session.link else None
            if session.state is not State.CONNECTED or link is None or not link._up:
                raise Broken(f"{session.bot}, {session.state}: nothing will move it")
            if link._of_engine is not process.engine._links:
                raise Broken(f"{session.bot}: another process has its link open")
        self._links()

    def _links(self) -> None:
        """Every open link is a session's, or is of a device that leaves its phone."""
        wanted = {session.link for session in self.sessions}
        for device in self._whatsapp.links:
            self.within(
                POLLED_WITHIN_S,
                f"the link of {device} is open",
                device not in wanted and device not in self.retired,
            )

    def within(self, limit_s: float, what: str, so: bool, why: str = "") -> None:  # noqa: FBT001 — a fact
        """Something may be so for a while only."""
        if not so:
            self._since.pop(what, None)
            return
        since = self._since.setdefault(what, self._loop.time())
        if self._loop.time() - since > limit_s:
            raise Broken(f"since {timedelta(seconds=since)}: {what} {why}")

    def forgive(self) -> None:
        """What lasts may have lasted for a fault; from now on it may not."""
        self._since.clear()

    # ------------------------------------------------------------------ after a calm

    def calm(self) -> None:
        """Long after the last fault, everything is where it belongs."""
        polled_ms = self._now_ms(self._loop.time() - POLLED_WITHIN_S)
        for row, session in zip(self.rows, self.sessions, strict=True):
            end = session.end
            if session.idle:
                waits = row["end_until"] is not None and row["end_until"] > polled_ms
                asked = session.intent.wish is not Wish.ONLINE or session.intent.no == 0
                person = end is not None and end.reason in NEEDS_A_PERSON and end.until is None
                if waits or asked or person:
                    continue
            elif session.state is State.CONNECTED and session.intent.wish is Wish.ONLINE:
                continue
            elif session.taken_up is not None and row["window_restarts"]:
                continue  # it shows a code for an hour, and nobody comes
            raise Broken(
                f"{session.bot} is {session.state} ({end and end.reason}) though nothing is wrong"
            )
        self._phones()
        self._outgoing()
        self._incoming()

    def _phones(self) -> None:
        """Phones list the devices of bots, and no other."""
        if self.retired:
            raise Broken(f"not logged out: {sorted(self.retired)}")
        linked = {row["device_id"] for row in self.rows if row["device_id"]}
        listed = {
            device
            for number in list(self._whatsapp._devices)
            for device in self._whatsapp.devices(number)
        }
        if stray := listed - linked - self._told.given_up:
            raise Broken(f"phones list devices of no bot: {sorted(stray)}")

    def _outgoing(self) -> None:
        """What the API accepted is in its row, and at WhatsApp as often as the row says."""
        rows = {
            row["text"]: row
            for row in self._read(
                "SELECT json_extract(content, '$.text') AS text, bot_id, status FROM messages"
                " WHERE origin = 'api'"
            )
        }
        bots = {row["bot_id"]: row for row in self.rows}
        for text, bot in self._told.accepted.items():
            if bot not in bots:
                continue
            if text not in rows:
                raise Broken(f"{text} was accepted and is lost")
            status = Status(rows[text]["status"])
            sent = text in self._sent
            if status is Status.QUEUED:
                if sent or bots[bot]["state"] == "connected":
                    raise Broken(f"{text} is still queued (at WhatsApp: {sent})")
            elif status is not Status.UNCERTAIN and sent != (status is not Status.FAILED):
                raise Broken(f"{text} is {status} (at WhatsApp: {sent})")

    def _incoming(self) -> None:
        """What people said is stored, or WhatsApp still keeps it for a bot that is offline."""
        stored = Counter(
            (row["bot_id"], row["whatsapp_id"])
            for row in self._read("SELECT bot_id, whatsapp_id FROM messages WHERE origin='contact'")
        )
        bots = {row["bot_id"]: row for row in self.rows}
        for whatsapp_id, (bot, device) in self._told.said.items():
            row = bots.get(bot)
            if row is None or row["device_id"] != device:
                continue  # the bot gave the device up, and with it what it had not heard
            kept = any(said.id == whatsapp_id for said in self._whatsapp.kept[device])  # type: ignore[union-attr]
            if kept and row["state"] == "connected":
                raise Broken(f"{whatsapp_id} was said to {bot}, which does not store it")
            if not kept and stored[bot, whatsapp_id] != 1:
                raise Broken(f"{whatsapp_id} was said to {bot} and is lost")

    # ------------------------------------------------------------------ time passed over

    def renewed(self, process: Process, at: float) -> None:
        """Let the leases of a process stand as if it had renewed them at that moment."""
        expires_at = self._now_ms(at) + TERM_LENGTH // timedelta(milliseconds=1)
        self._sqlite.execute(
            "UPDATE bot_sessions SET lease_expires_at = ? WHERE lease_process = ?",
            (expires_at, process.name),
        )
        self._look_at_sessions()

    def _look_at_sessions(self) -> None:
        self.rows = self._read("SELECT * FROM bot_sessions ORDER BY bot_id")
        self._sessions = None

    # ------------------------------------------------------------------ what stands in the rows

    @property
    def sessions(self) -> list[Session]:
        """As they were last committed, in the order of `rows`."""
        if self._sessions is None:
            self._sessions = [session_of(row) for row in self.rows]
        return self._sessions

    @property
    def retired(self) -> dict[DeviceId, int]:
        """Devices that are to be logged out, and when."""
        if self._retired is None:
            found = self._read("SELECT device_id, due_at FROM retired_devices")
            self._retired = {row["device_id"]: row["due_at"] for row in found}
        return self._retired

    @property
    def queues(self) -> set[str]:
        """Bots that have something to send."""
        if self._queues is None:
            found = self._read(
                "SELECT DISTINCT bot_id FROM messages"
                " WHERE status = 'queued' AND sending_since IS NULL"
            )
            self._queues = {row["bot_id"] for row in found}
        return self._queues


def seen(row: Row) -> str:
    """A session in a few words."""
    end = f" ({row['end_reason']})" if row["end_reason"] else ""
    number = f" {row['number']}" if row["number"] else ""
    since = instant(row["since"]).strftime("%H:%M:%S")
    return f"{row['state']}{end}{number} since {since}, lease {row['lease_process']}"


def _window_ends_at(row: Row) -> int:
    """When the session's window ends, in milliseconds; one that began anew lasts from then."""
    if row["restarted_at"] is not None and row["intent_no"] == row["obeyed"]:
        return int(row["restarted_at"]) + WINDOW // timedelta(milliseconds=1)
    return int(row["window_ends_at"])
