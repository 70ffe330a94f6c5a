import os
from dataclasses import replace
from itertools import pairwise

import pytest

from sololine.wire.curve import KeyPair, prefixed
from sololine.wire.errors import BadSignature
from sololine.wire.jid import Jid
from sololine.wire.signal.correspondence import MAX_OLDER
from sololine.wire.signal.endpoint import Endpoint, MemoryStore
from sololine.wire.signal.errors import (
    BadMac,
    DuplicateMessage,
    MalformedMessage,
    NoSession,
    UndecryptableMessage,
    UnknownPrekey,
)
from sololine.wire.signal.messages import PrekeyMessage
from sololine.wire.signal.session import Kind

PHONE, BOT, GROUP = Jid("100", "lid"), Jid("200", "lid", 3), Jid("300", "g.us")


def endpoint(store: MemoryStore | None = None) -> Endpoint:
    return Endpoint(
        KeyPair.generate(), 4711, 9, KeyPair.generate(), MemoryStore() if store is None else store
    )


@pytest.fixture
def phone() -> Endpoint:
    return endpoint()


@pytest.fixture
def store() -> MemoryStore:
    """Where the bot keeps its state."""
    return MemoryStore()


@pytest.fixture
def bot(store: MemoryStore) -> Endpoint:
    return endpoint(store)


def talk(phone: Endpoint, bot: Endpoint) -> None:
    """A session both sides have heard in."""
    bot.decrypt(PHONE, *phone.encrypt(BOT, b"", bot.bundle()))
    phone.decrypt(BOT, *bot.encrypt(PHONE, b""))


def state(store: MemoryStore) -> tuple[object, ...]:
    return (dict(store._sessions), dict(store._prekeys), dict(store._sender_keys))


def test_a_bundle_begins_a_conversation(phone: Endpoint, bot: Endpoint) -> None:
    kind, data = phone.encrypt(BOT, b"hello", bot.bundle())
    assert kind is Kind.PKMSG
    assert bot.decrypt(PHONE, kind, data) == b"hello"
    kind, data = bot.encrypt(PHONE, b"hello yourself")
    assert kind is Kind.MSG
    assert phone.decrypt(BOT, kind, data) == b"hello yourself"
    assert phone.encrypt(BOT, b"")[0] is Kind.MSG


def test_a_bundle_has_a_fresh_prekey_and_one_signature(bot: Endpoint, store: MemoryStore) -> None:
    bundles = [bot.bundle() for _ in range(3)]
    for bundle in bundles:
        bundle.check()
        assert bundle.prekey_id is not None
        private = store.prekey(bundle.prekey_id)
        assert private is not None
        assert KeyPair.from_private(private).public == bundle.prekey
    for one, other in pairwise(bundles):
        assert one.prekey_id != other.prekey_id
        assert one.prekey != other.prekey
        assert one.signature == other.signature


def test_prekey_ids_are_never_zero_nor_those_in_use(
    bot: Endpoint, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.keep_prekey(5, bytes(32))
    ids = [0, 5, 6]
    chance = os.urandom

    def scripted(size: int) -> bytes:
        return ids.pop(0).to_bytes(3, "big") if size == 3 else chance(size)

    monkeypatch.setattr(os, "urandom", scripted)
    assert bot.bundle().prekey_id == 6


def test_without_bundle_or_session_nothing_is_said(phone: Endpoint, bot: Endpoint) -> None:
    with pytest.raises(NoSession):
        phone.encrypt(BOT, b"")
    with pytest.raises(BadSignature):
        phone.encrypt(BOT, b"", replace(bot.bundle(), signature=bytes(64)))
    assert not phone.has_session(BOT)


def test_a_message_without_session_is_refused(phone: Endpoint, bot: Endpoint) -> None:
    talk(phone, bot)
    with pytest.raises(NoSession):
        endpoint().decrypt(PHONE, *phone.encrypt(BOT, b""))


def test_a_session_is_known_once_there_is_one(phone: Endpoint, bot: Endpoint) -> None:
    assert not phone.has_session(BOT)
    encrypted = phone.encrypt(BOT, b"", bot.bundle())
    assert phone.has_session(BOT)
    assert not phone.has_session(BOT.bare)
    assert not bot.has_session(PHONE)
    bot.decrypt(PHONE, *encrypted)
    assert bot.has_session(PHONE)


def test_a_one_time_prekey_is_used_once(phone: Endpoint, bot: Endpoint, store: MemoryStore) -> None:
    bundle = bot.bundle()
    assert bundle.prekey_id is not None
    first = phone.encrypt(BOT, b"first", bundle)
    bot.decrypt(PHONE, *first)
    assert store.prekey(bundle.prekey_id) is None
    with pytest.raises(UnknownPrekey):
        bot.decrypt(PHONE, *phone.encrypt(BOT, b"", bundle))
    with pytest.raises(UnknownPrekey):
        bot.decrypt(Jid("400", "lid"), *first)


def test_prekey_messages_of_one_session_need_its_prekey_once(
    phone: Endpoint, bot: Endpoint
) -> None:
    messages = [phone.encrypt(BOT, b"0", bot.bundle())]
    messages += [phone.encrypt(BOT, text) for text in (b"1", b"2")]
    assert {kind for kind, _ in messages} == {Kind.PKMSG}
    for place in (1, 2, 0):
        assert bot.decrypt(PHONE, *messages[place]) == str(place).encode()
        with pytest.raises(DuplicateMessage):
            bot.decrypt(PHONE, *messages[place])


def test_a_session_begins_without_a_one_time_prekey_too(phone: Endpoint, bot: Endpoint) -> None:
    bundle = replace(bot.bundle(), prekey_id=None, prekey=None)
    assert bot.decrypt(PHONE, *phone.encrypt(BOT, b"hello", bundle)) == b"hello"


def test_another_signed_prekey_is_unknown(phone: Endpoint, bot: Endpoint) -> None:
    bundle = replace(bot.bundle(), signed_prekey_id=8)
    with pytest.raises(UnknownPrekey):
        bot.decrypt(PHONE, *phone.encrypt(BOT, b"", bundle))


def test_a_new_bundle_begins_a_new_session_and_the_older_is_still_read(
    phone: Endpoint, bot: Endpoint
) -> None:
    talk(phone, bot)
    late = bot.encrypt(PHONE, b"late")
    kind, data = phone.encrypt(BOT, b"new", bot.bundle())
    assert kind is Kind.PKMSG
    assert phone.decrypt(BOT, *late) == b"late"
    assert bot.decrypt(PHONE, kind, data) == b"new"
    assert phone.decrypt(BOT, *bot.encrypt(PHONE, b"answer")) == b"answer"


def test_a_device_that_lost_everything_begins_again(bot: Endpoint) -> None:
    """It has another identity then; who it is, is for the one above us to judge."""
    for _ in range(MAX_OLDER + 2):
        talk(endpoint(), bot)


def test_both_may_begin_at_once(phone: Endpoint, bot: Endpoint) -> None:
    to_bot = phone.encrypt(BOT, b"to bot", bot.bundle())
    to_phone = bot.encrypt(PHONE, b"to phone", phone.bundle())
    assert bot.decrypt(PHONE, *to_bot) == b"to bot"
    assert phone.decrypt(BOT, *to_phone) == b"to phone"
    for _ in range(3):
        to_bot, to_phone = phone.encrypt(BOT, b"to bot"), bot.encrypt(PHONE, b"to phone")
        assert {to_bot[0], to_phone[0]} == {Kind.MSG}
        assert bot.decrypt(PHONE, *to_bot) == b"to bot"
        assert phone.decrypt(BOT, *to_phone) == b"to phone"


def test_a_change_of_any_byte_of_a_first_message_is_refused_and_changes_nothing(
    phone: Endpoint, bot: Endpoint, store: MemoryStore
) -> None:
    """Only the registration id may be changed unseen: the protocol covers it with nothing."""
    bundle = bot.bundle()
    kind, data = phone.encrypt(BOT, b"secret", bundle)
    registration = data.rindex(b"\x28\xe7\x24")
    before = state(store)
    for place in (*range(registration), *range(registration + 3, len(data))):
        for change in (0x01, 0x80, 0xFF):
            broken = bytearray(data)
            broken[place] ^= change
            with pytest.raises(UndecryptableMessage):
                bot.decrypt(PHONE, kind, bytes(broken))
    assert state(store) == before
    assert bot.decrypt(PHONE, kind, data) == b"secret"


def test_a_session_is_not_taken_over_by_another_identity(phone: Endpoint, bot: Endpoint) -> None:
    bot.decrypt(PHONE, *phone.encrypt(BOT, b"", bot.bundle()))
    opening = PrekeyMessage.read(phone.encrypt(BOT, b"")[1])
    forged = replace(opening, identity=KeyPair.generate().public)
    with pytest.raises(BadMac):
        bot.decrypt(PHONE, Kind.PKMSG, forged.write())
    assert bot.decrypt(PHONE, Kind.PKMSG, opening.write()) == b""


def test_a_prekey_message_whose_keys_share_no_secret_is_refused(
    phone: Endpoint, bot: Endpoint
) -> None:
    opening = PrekeyMessage.read(phone.encrypt(BOT, b"", bot.bundle())[1])
    with pytest.raises(MalformedMessage):
        bot.decrypt(PHONE, Kind.PKMSG, replace(opening, base=bytes(32)).write())


@pytest.mark.parametrize("began", [False, True])
def test_a_message_without_padding_changes_nothing(
    phone: Endpoint,
    bot: Endpoint,
    store: MemoryStore,
    monkeypatch: pytest.MonkeyPatch,
    *,
    began: bool,
) -> None:
    if began:
        talk(phone, bot)
    bundle = None if began else bot.bundle()
    before = state(store)
    with monkeypatch.context() as patched:
        patched.setattr("sololine.wire.signal.endpoint.pad", bytes)
        bare = phone.encrypt(BOT, b"bare", bundle)
    with pytest.raises(MalformedMessage):
        bot.decrypt(PHONE, *bare)
    assert state(store) == before
    assert bot.decrypt(PHONE, *phone.encrypt(BOT, b"padded")) == b"padded"


def test_an_endpoint_goes_on_from_its_store(phone: Endpoint) -> None:
    identity, signed, store = KeyPair.generate(), KeyPair.generate(), MemoryStore()
    bundle = Endpoint(identity, 1, 2, signed, store).bundle()
    encrypted = phone.encrypt(BOT, b"hello", bundle)
    assert Endpoint(identity, 1, 2, signed, store).decrypt(PHONE, *encrypted) == b"hello"
    encrypted = Endpoint(identity, 1, 2, signed, store).encrypt(PHONE, b"hello yourself")
    assert phone.decrypt(BOT, *encrypted) == b"hello yourself"
    again = Endpoint(identity, 1, 2, signed, store).bundle()
    assert again.signed_prekey == bundle.signed_prekey
    again.check()


def test_a_group_reads_what_a_member_says(phone: Endpoint, bot: Endpoint) -> None:
    bot.take_distribution(GROUP, PHONE, phone.distribution(GROUP, PHONE))
    for text in (b"1", b"2"):
        message = phone.encrypt_for_group(GROUP, PHONE, text)
        assert bot.decrypt_for_group(GROUP, PHONE, message) == text
        with pytest.raises(DuplicateMessage):
            bot.decrypt_for_group(GROUP, PHONE, message)


def test_a_member_hears_before_the_first_distribution_is_made(
    phone: Endpoint, bot: Endpoint
) -> None:
    early = phone.encrypt_for_group(GROUP, PHONE, b"early")
    with pytest.raises(NoSession):
        bot.decrypt_for_group(GROUP, PHONE, early)
    bot.take_distribution(GROUP, PHONE, phone.distribution(GROUP, PHONE))
    with pytest.raises(DuplicateMessage):
        bot.decrypt_for_group(GROUP, PHONE, early)
    message = phone.encrypt_for_group(GROUP, PHONE, b"now")
    assert bot.decrypt_for_group(GROUP, PHONE, message) == b"now"


def test_keys_of_groups_and_members_are_apart(phone: Endpoint, bot: Endpoint) -> None:
    bot.take_distribution(GROUP, PHONE, phone.distribution(GROUP, PHONE))
    message = phone.encrypt_for_group(GROUP, PHONE, b"")
    for group, sender in ((Jid("301", "g.us"), PHONE), (GROUP, BOT)):
        with pytest.raises(NoSession):
            bot.decrypt_for_group(group, sender, message)


def test_who_left_does_not_read_on(phone: Endpoint, bot: Endpoint) -> None:
    left = endpoint()
    for member in (bot, left):
        member.take_distribution(GROUP, PHONE, phone.distribution(GROUP, PHONE))
    before = phone.encrypt_for_group(GROUP, PHONE, b"before")
    bot.take_distribution(GROUP, PHONE, phone.renew_distribution(GROUP, PHONE))
    after = phone.encrypt_for_group(GROUP, PHONE, b"after")
    with pytest.raises(NoSession):
        left.decrypt_for_group(GROUP, PHONE, after)
    assert bot.decrypt_for_group(GROUP, PHONE, after) == b"after"
    assert bot.decrypt_for_group(GROUP, PHONE, before) == b"before"


def test_a_group_message_without_padding_changes_nothing(
    phone: Endpoint, bot: Endpoint, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot.take_distribution(GROUP, PHONE, phone.distribution(GROUP, PHONE))
    monkeypatch.setattr("sololine.wire.signal.endpoint.pad", bytes)
    before = state(store)
    with pytest.raises(MalformedMessage):
        bot.decrypt_for_group(GROUP, PHONE, phone.encrypt_for_group(GROUP, PHONE, b"bare"))
    assert state(store) == before


def test_a_group_message_is_not_taken_for_one_of_a_session(bot: Endpoint) -> None:
    with pytest.raises(ValueError, match="decrypt_for_group"):
        bot.decrypt(PHONE, Kind.SKMSG, b"")


def test_an_endpoint_shows_nothing(phone: Endpoint, bot: Endpoint) -> None:
    assert repr(phone) == "Endpoint(...)"
    bundle = bot.bundle()
    assert prefixed(bundle.identity).hex() not in repr(bundle)
