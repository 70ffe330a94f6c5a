"""How reports for operators are written: plain text, whose layout is the same in every language.

Numbers stand in them in full, as an operator needs them to find a phone. Nothing of it is logged.
"""

from collections.abc import Container, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sololine.cli.output import say, show, words
from sololine.core.advance import rfc3339
from sololine.core.conflict import Basis, Conflict, Party
from sololine.core.ids import DEFAULT_TENANT, BotId
from sololine.core.sentence import Sentence

if TYPE_CHECKING:
    from sololine.store.retired import Retired

_NOTES: Final = {Basis.HELD: Sentence("linked"), Basis.LISTED: Sentence("as imported")}
NOTHING_CHANGED: Final = Sentence("DRY RUN: NOTHING WAS CHANGED")
TAKEN: Final = Sentence("This number is already registered in another account.")


def title(sentence: Sentence) -> None:
    """Say what the report is about, above it."""
    say(sentence)
    show("")


def note(sentence: Sentence) -> None:
    """Say something about what stands above."""
    show(f"   {words(sentence)}")


def item(sentence: Sentence) -> None:
    """Say a point of a list."""
    show(f"   - {words(sentence)}")


def plain(text: str) -> str:
    """A name as a terminal may show it: what would move its cursor is left out."""
    return "".join(each if each.isprintable() else "?" for each in text)


def moment(at: datetime | None) -> str:
    """An instant for people, as a value of a sentence."""
    return Sentence("unknown") if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def conflicts(found: Iterable[Conflict], new: Container[BotId] = ()) -> None:
    """Tell of each number, with its bots, the one that would be kept first.

    Bots that are `new` are not there yet, so no id of theirs is shown.
    """
    for conflict in found:
        show("")
        say(Sentence("Number: {number}", number=conflict.number.digits))
        note(Sentence("Duplicate connections: {count}", count=len(conflict.parties)))
        if conflict.taken:
            note(TAKEN)
        for place, party in enumerate(conflict.parties, 1):
            user = Sentence("User: {user}", user=plain(party.owner))
            show("")
            show(f"   {place}. {words(user)}")
            for sentence in _about(party, is_new=party.bot in new):
                show(f"      - {words(sentence)}")


def _about(party: Party, *, is_new: bool) -> Iterator[Sentence]:
    known_as = Sentence("new") if is_new else party.bot
    yield Sentence("Bot: {name} ({known_as})", name=plain(party.name), known_as=known_as)
    if party.tenant != DEFAULT_TENANT:
        yield Sentence("Tenant: {tenant}", tenant=plain(party.tenant))
    yield Sentence("Status: {status}, {note}", status=party.state.status, note=_NOTES[party.basis])
    yield Sentence("Last connection: {at}", at=moment(party.last_connected_at))


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


def devices(found: "Iterable[Retired]") -> None:
    """Tell of devices that their bots gave up, the oldest first."""
    for device in found:
        item(
            Sentence(
                "Bot: {bot}, since {at}, tries: {tries}",
                bot=device.bot,
                at=moment(device.retired_at),
                tries=device.tries,
            )
        )


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
