import pytest

from sololine.wire.curve import KeyPair, prefixed
from sololine.wire.errors import MalformedPayload
from sololine.wire.signal.bundle import PrekeyBundle
from sololine.wire.signal.correspondence import MAX_OLDER, Correspondence
from sololine.wire.signal.errors import BadMac, DuplicateMessage, NoSession
from sololine.wire.signal.messages import PrekeyMessage
from sololine.wire.signal.session import Kind, Session

OWN, THEIR, SIGNED = KeyPair.generate(), KeyPair.generate(), KeyPair.generate()
BUNDLE = PrekeyBundle(
    registration_id=1,
    identity=THEIR.public,
    signed_prekey_id=2,
    signed_prekey=SIGNED.public,
    signature=THEIR.sign(prefixed(SIGNED.public)),
)


def sessions() -> tuple[Session, Session]:
    """Ours and theirs."""
    ours = Session.initiate(OWN, 4, BUNDLE)
    theirs = Session.respond(
        THEIR, signed_prekey=SIGNED, prekey=None, their_identity=OWN.public, base=ours.base
    )
    theirs.decrypt(PrekeyMessage.read(ours.encrypt(b"")[1]).message)
    return ours, theirs


def test_without_a_session_nothing_is_said_or_read() -> None:
    for empty in (Correspondence(), Correspondence.load(Correspondence().dump())):
        with pytest.raises(NoSession):
            empty.encrypt(b"")
        with pytest.raises(NoSession):
            empty.decrypt(b"")
        assert empty.begun_from(bytes(32)) is None


def test_the_session_kept_last_is_spoken() -> None:
    correspondence = Correspondence()
    for _ in range(3):
        ours, _ = sessions()
        correspondence.keep(ours)
        kind, data = correspondence.encrypt(b"")
        assert kind is Kind.PKMSG
        assert PrekeyMessage.read(data).base == ours.base


def test_an_older_session_is_read_and_spoken_from_then_on() -> None:
    correspondence = Correspondence()
    pairs = [sessions() for _ in range(3)]
    for ours, _ in pairs:
        correspondence.keep(ours)
    for _, theirs in pairs:
        correspondence = Correspondence.load(correspondence.dump())
        assert correspondence.decrypt(theirs.encrypt(b"still here")[1]) == b"still here"
        kind, data = correspondence.encrypt(b"so am I")
        assert kind is Kind.MSG
        assert theirs.decrypt(data) == b"so am I"


def test_only_so_many_older_sessions_are_remembered() -> None:
    correspondence = Correspondence()
    pairs = [sessions() for _ in range(MAX_OLDER + 2)]
    for ours, _ in pairs:
        correspondence.keep(ours)
    assert repr(correspondence) == f"Correspondence(<{MAX_OLDER + 1} sessions>)"
    with pytest.raises(BadMac):
        correspondence.decrypt(pairs[0][1].encrypt(b"forgotten")[1])
    assert correspondence.decrypt(pairs[1][1].encrypt(b"the oldest")[1]) == b"the oldest"


def test_a_session_is_found_by_its_base_key() -> None:
    correspondence = Correspondence()
    for ours, _ in [sessions() for _ in range(3)]:
        correspondence.keep(ours)
        found = correspondence.begun_from(ours.base)
        assert found is not None
        assert found.dump() == ours.dump()
    assert correspondence.begun_from(bytes(32)) is None


def test_a_message_that_an_older_session_knows_is_a_duplicate() -> None:
    correspondence = Correspondence()
    ours, theirs = sessions()
    correspondence.keep(ours)
    _, message = theirs.encrypt(b"once")
    correspondence.decrypt(message)
    correspondence.keep(sessions()[0])
    with pytest.raises(DuplicateMessage):
        correspondence.decrypt(message)


def test_what_no_session_reads_changes_none() -> None:
    correspondence = Correspondence()
    for ours, _ in [sessions() for _ in range(3)]:
        correspondence.keep(ours)
    before = correspondence.dump()
    with pytest.raises(BadMac):
        correspondence.decrypt(sessions()[1].encrypt(b"for another")[1])
    assert correspondence.dump() == before


def test_what_is_no_correspondence_is_not_loaded() -> None:
    for broken in (b"\x0a", b"\x08\x01"):
        with pytest.raises(MalformedPayload):
            Correspondence.load(broken)
