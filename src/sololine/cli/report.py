"""How reports for operators are written: plain text, sentences with named places.

Numbers stand in them in full, as an operator needs them to find a phone. Nothing of it is logged.
"""

from collections.abc import Container, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sololine.core.advance import rfc3339
from sololine.core.conflict import Basis, Conflict, Party
from sololine.core.ids import DEFAULT_TENANT, BotId

if TYPE_CHECKING:
    from sololine.store.retired import Retired

_NOTES: Final = {Basis.HELD: ", linked", Basis.LISTED: ", as imported"}


def plain(text: str) -> str:
    """A name as a terminal may show it: what would move its cursor is left out."""
    return "".join(each if each.isprintable() else "?" for each in text)


def moment(at: datetime | None) -> str:
    """An instant for people."""
    return "unknown" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def conflicts(found: Iterable[Conflict], new: Container[BotId] = ()) -> Iterator[str]:
    """The lines about each number, with its bots, the one that would be kept first.

    Bots that are `new` are not there yet, so no id of theirs is shown.
    """
    for conflict in found:
        yield ""
        yield f"Number: {conflict.number.digits}"
        yield f"   Duplicate connections: {len(conflict.parties)}"
        if conflict.taken:
            yield "   This number is already registered in another account."
        for place, party in enumerate(conflict.parties, 1):
            yield ""
            yield f"   {place}. User: {plain(party.owner)}"
            known_as = "new" if party.bot in new else party.bot
            yield f"      - Bot: {plain(party.name)} ({known_as})"
            if party.tenant != DEFAULT_TENANT:
                yield f"      - Tenant: {plain(party.tenant)}"
            yield f"      - Status: {party.state.status}{_NOTES[party.basis]}"
            yield f"      - Last connection: {moment(party.last_connected_at)}"


def party_json(party: Party) -> dict[str, Any]:
    """A bot's part in a conflict, as JSON."""
    last = party.last_connected_at
    return {
        "tenant": party.tenant,
        "userId": party.owner,
        "botId": party.bot,
        "botName": party.name,
        "basis": party.basis.value,
        "status": party.state.status,
        "lastConnectedAt": rfc3339(last) if last else None,
    }


def devices(found: "Iterable[Retired]") -> Iterator[str]:
    """The lines about devices that their bots gave up, the oldest first."""
    for device in found:
        yield f"   - Bot: {device.bot}, since {moment(device.retired_at)}, tries: {device.tries}"


def device_json(device: "Retired") -> dict[str, Any]:
    """A device that its bot gave up, as JSON."""
    return {
        "tenant": device.tenant,
        "botId": device.bot,
        "since": rfc3339(device.retired_at),
        "tries": device.tries,
    }


def conflict_json(conflict: Conflict) -> dict[str, Any]:
    """A conflict, as JSON."""
    return {
        "phoneNumber": conflict.number.digits,
        "takenElsewhere": conflict.taken,
        "bots": [party_json(party) for party in conflict.parties],
    }
