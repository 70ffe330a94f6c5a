from dataclasses import replace

import pytest

from sololine.wire import fields
from sololine.wire.curve import KeyPair, prefixed
from sololine.wire.errors import BadSignature, MalformedPayload
from sololine.wire.signal.bundle import PrekeyBundle
from sololine.wire.signal.chain import MAX_AHEAD
from sololine.wire.signal.errors import (
    BadMac,
    DuplicateMessage,
    MalformedMessage,
    TooFarAhead,
    UndecryptableMessage,
)
from sololine.wire.signal.messages import VERSION, PrekeyMessage, RatchetMessage
from sololine.wire.signal.session import MAX_RECEIVING, Kind, Session


class Pair:
    """Two devices of which one began a session with the other's bundle."""

    def __init__(self, *, with_prekey: bool = True) -> None:
        self.own, self.their = KeyPair.generate(), KeyPair.generate()
        self.signed_prekey, prekey = KeyPair.generate(), KeyPair.generate()
        self.bundle = PrekeyBundle(
            registration_id=1,
            identity=self.their.public,
            signed_prekey_id=2,
            signed_prekey=self.signed_prekey.public,
            signature=self.their.sign(prefixed(self.signed_prekey.public)),
            prekey_id=3 if with_prekey else None,
            prekey=prekey.public if with_prekey else None,
        )
        self.one = Session.initiate(self.own, 4, self.bundle)
        self.other = Session.respond(
            self.their,
            signed_prekey=self.signed_prekey,
            prekey=prekey if with_prekey else None,
            their_identity=self.own.public,
            base=self.one.base,
        )

    def talk(self) -> None:
        """Each side says one thing, so that all openings are done."""
        hear(self.other, self.one.encrypt(b"one"))
        hear(self.one, self.other.encrypt(b"other"))


def inner(encrypted: tuple[Kind, bytes]) -> bytes:
    kind, data = encrypted
    return data if kind is Kind.MSG else PrekeyMessage.read(data).message


def hear(session: Session, encrypted: tuple[Kind, bytes]) -> bytes:
    return session.decrypt(inner(encrypted))


@pytest.mark.parametrize("with_prekey", [True, False])
def test_two_devices_talk(*, with_prekey: bool) -> None:
    pair = Pair(with_prekey=with_prekey)
    assert hear(pair.other, pair.one.encrypt(b"hello")) == b"hello"
    assert hear(pair.one, pair.other.encrypt(b"hello yourself")) == b"hello yourself"
    for text in (b"", b"a" * 16, b"b" * 1000):
        assert hear(pair.other, pair.one.encrypt(text)) == text
        assert hear(pair.one, pair.other.encrypt(text)) == text


def test_a_bundle_that_its_identity_did_not_sign_begins_no_session() -> None:
    pair = Pair()
    with pytest.raises(BadSignature):
        Session.initiate(pair.own, 4, replace(pair.bundle, signature=bytes(64)))


def test_messages_carry_the_opening_until_the_first_answer() -> None:
    pair = Pair()
    for text in (b"1", b"2"):
        kind, data = pair.one.encrypt(text)
        assert kind is Kind.PKMSG
        opening = PrekeyMessage.read(data)
        assert (opening.registration_id, opening.prekey_id, opening.signed_prekey_id) == (4, 3, 2)
        assert (opening.base, opening.identity) == (pair.one.base, pair.own.public)
        assert pair.other.decrypt(opening.message) == text
    kind, answer = pair.other.encrypt(b"3")
    assert kind is Kind.MSG
    assert pair.one.decrypt(answer) == b"3"
    assert pair.one.encrypt(b"4")[0] is Kind.MSG


def test_an_answer_that_cannot_be_read_does_not_end_the_opening() -> None:
    pair = Pair()
    hear(pair.other, pair.one.encrypt(b"1"))
    _, answer = pair.other.encrypt(b"2")
    with pytest.raises(BadMac):
        pair.one.decrypt(answer[:-1] + bytes((answer[-1] ^ 1,)))
    assert pair.one.encrypt(b"3")[0] is Kind.PKMSG


def test_a_responder_may_speak_first() -> None:
    pair = Pair()
    assert hear(pair.one, pair.other.encrypt(b"I know who you are")) == b"I know who you are"
    assert hear(pair.other, pair.one.encrypt(b"and I you")) == b"and I you"


def test_messages_are_read_in_any_order_across_turns_of_the_ratchet() -> None:
    pair = Pair()
    first = [(text, inner(pair.one.encrypt(text))) for text in (b"0", b"1", b"2")]
    assert pair.other.decrypt(first[1][1]) == b"1"
    hear(pair.one, pair.other.encrypt(b"answer"))
    second = [(text, inner(pair.one.encrypt(text))) for text in (b"3", b"4", b"5")]
    for text, message in (second[2], first[0], second[0], first[2], second[1]):
        assert pair.other.decrypt(message) == text


def test_each_message_says_how_many_were_sent_under_the_key_before() -> None:
    """One less than were sent: so the other implementations count."""
    pair = Pair()
    for count, expected in ((0, 0), (3, 0), (1, 2), (1, 0)):
        for _ in range(count):
            message = inner(pair.one.encrypt(b""))
            assert fields.number(fields.read(message[1:-8]), 3) == expected
            pair.other.decrypt(message)
        hear(pair.one, pair.other.encrypt(b""))


def test_a_message_is_read_once() -> None:
    pair = Pair()
    first, second = inner(pair.one.encrypt(b"1")), inner(pair.one.encrypt(b"2"))
    for message in (second, first):
        pair.other.decrypt(message)
    for message in (first, second):
        with pytest.raises(DuplicateMessage):
            pair.other.decrypt(message)


def test_old_ratchet_keys_are_forgotten() -> None:
    pair = Pair()
    late = [inner(pair.one.encrypt(b"late")), inner(pair.one.encrypt(b"too late"))]
    pair.talk()
    for _ in range(MAX_RECEIVING - 2):
        pair.talk()
    assert pair.other.decrypt(late[0]) == b"late"
    pair.talk()
    pair.talk()
    before = pair.other.dump()
    with pytest.raises(BadMac):
        pair.other.decrypt(late[1])
    assert pair.other.dump() == before


def test_a_message_too_far_ahead_is_refused() -> None:
    pair = Pair()
    for _ in range(MAX_AHEAD + 1):
        pair.one.encrypt(b"")
    message = inner(pair.one.encrypt(b""))
    before = pair.other.dump()
    with pytest.raises(TooFarAhead):
        pair.other.decrypt(message)
    assert pair.other.dump() == before


def test_a_change_of_any_byte_is_refused_and_changes_nothing() -> None:
    pair = Pair()
    pair.talk()
    hear(pair.other, pair.one.encrypt(b""))
    for _ in range(2):  # the first message turns the ratchet, the second does not
        message = inner(pair.other.encrypt(b"secret"))
        before = pair.one.dump()
        for place in range(len(message)):
            for change in (0x01, 0x80, 0xFF):
                broken = bytearray(message)
                broken[place] ^= change
                with pytest.raises(UndecryptableMessage):
                    pair.one.decrypt(bytes(broken))
        for length in range(len(message)):
            with pytest.raises(UndecryptableMessage):
                pair.one.decrypt(message[:length])
        assert pair.one.dump() == before
        assert pair.one.decrypt(message) == b"secret"


def test_a_message_comes_back_to_no_one() -> None:
    """The MAC names sender and receiver: what we sent is not taken for an answer."""
    pair = Pair()
    pair.talk()
    with pytest.raises(BadMac):
        pair.one.decrypt(inner(pair.one.encrypt(b"mirror")))


def test_a_ratchet_key_that_shares_no_secret_is_refused() -> None:
    pair = Pair()
    body = RatchetMessage.write_body(
        ratchet_key=bytes(32), counter=0, previous=0, ciphertext=bytes(16)
    )
    with pytest.raises(MalformedMessage):
        pair.one.decrypt(body + bytes(8))


def test_a_session_survives_being_kept_at_any_time() -> None:
    pair = Pair()
    for turn in range(4):
        for _ in range(2):
            pair.one, pair.other = (Session.load(s.dump()) for s in (pair.one, pair.other))
            lost = inner(pair.one.encrypt(b"later"))
            assert hear(pair.other, pair.one.encrypt(b"now")) == b"now"
            pair.other = Session.load(pair.other.dump())
            assert pair.other.decrypt(lost) == b"later"
        if turn:
            hear(pair.one, pair.other.encrypt(b"answer"))


def test_what_is_no_session_is_not_loaded() -> None:
    for broken in (b"", b"\x0a", VERSION):
        with pytest.raises(MalformedPayload):
            Session.load(broken)


def test_a_session_shows_nothing() -> None:
    assert repr(Pair().one) == "Session(...)"
