import pytest

from sololine.wire import fields
from sololine.wire.curve import KeyPair
from sololine.wire.errors import MalformedPayload
from sololine.wire.signal.chain import MAX_AHEAD
from sololine.wire.signal.errors import (
    BadMac,
    DuplicateMessage,
    MalformedMessage,
    NoSession,
    TooFarAhead,
    UndecryptableMessage,
)
from sololine.wire.signal.messages import Distribution
from sololine.wire.signal.sender_key import MAX_KEYS, ReceiverKey, SenderKey


def receiver(*senders: SenderKey) -> ReceiverKey:
    """A member that was given these keys of one sender, one after another."""
    key = ReceiverKey()
    for sender in senders:
        key.take(sender.distribution())
    return key


def test_a_member_reads_what_a_sender_says() -> None:
    sender = SenderKey.create()
    members = [receiver(sender) for _ in range(2)]
    for text in (b"", b"a" * 16, b"b" * 1000):
        message = sender.encrypt(text)
        for member in members:
            assert member.decrypt(message) == text


def test_messages_are_read_in_any_order_and_once() -> None:
    sender = SenderKey.create()
    member = receiver(sender)
    messages = [(text, sender.encrypt(text)) for text in (b"0", b"1", b"2", b"3")]
    for place in (2, 0, 3, 1):
        text, message = messages[place]
        assert member.decrypt(message) == text
        with pytest.raises(DuplicateMessage):
            member.decrypt(message)


def test_a_member_who_comes_later_reads_only_what_follows() -> None:
    sender = SenderKey.create()
    before = sender.encrypt(b"before")
    member = receiver(sender)
    with pytest.raises(DuplicateMessage):
        member.decrypt(before)
    assert member.decrypt(sender.encrypt(b"after")) == b"after"


def test_a_key_that_was_not_shared_reads_nothing() -> None:
    with pytest.raises(NoSession):
        receiver(SenderKey.create()).decrypt(SenderKey.create().encrypt(b""))
    with pytest.raises(NoSession):
        ReceiverKey().decrypt(SenderKey.create().encrypt(b""))


def test_a_distribution_that_comes_again_does_not_make_messages_new() -> None:
    sender = SenderKey.create()
    first = sender.distribution()
    member = ReceiverKey()
    member.take(first)
    message = sender.encrypt(b"once")
    member.decrypt(message)
    member.take(first)
    member.take(sender.distribution())
    with pytest.raises(DuplicateMessage):
        member.decrypt(message)


def test_a_distribution_of_the_same_id_by_another_signer_takes_its_place() -> None:
    old, new = SenderKey.create(), SenderKey.create()
    new._key_id = old._key_id
    member = receiver(old, new)
    assert member.decrypt(new.encrypt(b"new")) == b"new"
    with pytest.raises(BadMac):
        member.decrypt(old.encrypt(b"old"))


def test_the_newest_keys_of_a_sender_are_remembered() -> None:
    senders = [SenderKey.create() for _ in range(MAX_KEYS + 1)]
    member = receiver(*senders)
    assert repr(member) == f"ReceiverKey(<{MAX_KEYS} keys>)"
    with pytest.raises(NoSession):
        member.decrypt(senders[0].encrypt(b""))
    for sender in senders[1:]:
        assert member.decrypt(sender.encrypt(b"")) == b""


def test_a_message_too_far_ahead_is_refused() -> None:
    sender = SenderKey.create()
    member = receiver(sender)
    _, sender._chain = sender._chain.take(MAX_AHEAD)
    with pytest.raises(TooFarAhead):
        member.decrypt(sender.encrypt(b""))


def test_a_change_of_any_byte_is_refused_and_changes_nothing() -> None:
    sender = SenderKey.create()
    member = receiver(sender)
    sender.encrypt(b"missing")
    message = sender.encrypt(b"secret")
    before = member.dump()
    for place in range(len(message)):
        for change in (0x01, 0x80, 0xFF):
            broken = bytearray(message)
            broken[place] ^= change
            with pytest.raises(UndecryptableMessage):
                member.decrypt(bytes(broken))
    for length in range(len(message)):
        with pytest.raises(UndecryptableMessage):
            member.decrypt(message[:length])
    assert member.dump() == before
    assert member.decrypt(message) == b"secret"


def test_another_member_cannot_write_in_the_senders_name() -> None:
    """All members know the chain; only the sender signs."""
    sender = SenderKey.create()
    member = receiver(sender)
    shared = Distribution.read(sender.distribution())
    forger = SenderKey(shared.key_id, sender._chain, KeyPair.generate())
    with pytest.raises(BadMac):
        member.decrypt(forger.encrypt(b"forged"))


def test_what_is_no_distribution_is_refused() -> None:
    with pytest.raises(MalformedMessage):
        ReceiverKey().take(b"")


def test_keys_survive_being_kept() -> None:
    sender, old = SenderKey.create(), SenderKey.create()
    member = receiver(old, sender)
    for text in (b"1", b"2"):
        sender, member = SenderKey.load(sender.dump()), ReceiverKey.load(member.dump())
        later, message = sender.encrypt(b"later"), sender.encrypt(text)
        assert member.decrypt(message) == text
        member = ReceiverKey.load(member.dump())
        assert member.decrypt(later) == b"later"
        assert member.decrypt(old.encrypt(b"old")) == b"old"


def test_the_order_of_keys_survives_too() -> None:
    senders = [SenderKey.create() for _ in range(MAX_KEYS)]
    member = ReceiverKey.load(receiver(*senders).dump())
    member.take(SenderKey.create().distribution())
    with pytest.raises(NoSession):
        member.decrypt(senders[0].encrypt(b""))
    assert member.decrypt(senders[1].encrypt(b"")) == b""


def test_what_is_no_key_is_not_loaded() -> None:
    for broken in (b"\x0a", fields.write({1: 1}), fields.write({1: b"\x08\x01"})):
        with pytest.raises(MalformedPayload):
            ReceiverKey.load(broken)
        with pytest.raises(MalformedPayload):
            SenderKey.load(broken)


def test_a_sender_key_shows_nothing() -> None:
    assert repr(SenderKey.create()) == "SenderKey(...)"
