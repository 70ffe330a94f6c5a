import pytest

from sololine.core.content import Target
from sololine.core.signals import Where
from sololine.wire.content import seen_by

OWN = ("447700900001@s.whatsapp.net", "11111@lid")
FRIEND = "22222@lid"
GROUP = "120363000000000001@g.us"

FROM_FRIEND = Where(chat=FRIEND, sender="22222:3@lid")
FROM_PHONE = Where(chat=FRIEND, sender=OWN[1], from_me=True)
IN_GROUP = Where(chat=GROUP, sender=FRIEND)


@pytest.mark.parametrize(
    ("by_writer", "where", "from_me", "sender"),
    [
        (True, FROM_FRIEND, False, FRIEND),
        (False, FROM_FRIEND, True, ""),
        (True, FROM_PHONE, True, ""),
        (False, FROM_PHONE, False, FRIEND),
        (True, IN_GROUP, False, FRIEND),
    ],
)
def test_without_an_author_the_writers_side_is_turned(
    by_writer: bool,  # noqa: FBT001 — a parameter of pytest's
    where: Where,
    from_me: bool,  # noqa: FBT001 — a parameter of pytest's
    sender: str,
) -> None:
    seen = seen_by(Target(whatsapp_id="3EB0", from_me=by_writer), where=where, own=OWN)
    assert seen == Target(whatsapp_id="3EB0", from_me=from_me, sender=sender)


@pytest.mark.parametrize("where", [FROM_FRIEND, FROM_PHONE, IN_GROUP])
@pytest.mark.parametrize(
    ("author", "from_me"), [("11111:7@lid", True), (OWN[0], True), ("33333@lid", False)]
)
def test_an_author_says_who_it_was(where: Where, author: str, from_me: bool) -> None:  # noqa: FBT001 — a parameter of pytest's
    seen = seen_by(Target(whatsapp_id="3EB0", sender=author), where=where, own=OWN)
    assert seen.from_me is from_me
    assert ":" not in seen.sender
