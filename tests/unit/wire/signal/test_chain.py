import hashlib
import hmac

import pytest

from sololine.wire import fields
from sololine.wire.errors import MalformedPayload
from sololine.wire.signal.chain import MAX_AHEAD, MAX_KEPT, Chain
from sololine.wire.signal.errors import DuplicateMessage, TooFarAhead

KEY = bytes(range(32))


def seeds(count: int) -> list[bytes]:
    """What the messages' keys are derived from, one message after another."""
    key, found = KEY, []
    for _ in range(count):
        found.append(hmac.new(key, b"\x01", hashlib.sha256).digest())
        key = hmac.new(key, b"\x02", hashlib.sha256).digest()
    return found


def test_each_message_has_its_own_seed_in_any_order() -> None:
    expected = seeds(6)
    chain = Chain(KEY)
    for counter in (0, 4, 1, 3, 5, 2):
        seed, chain = chain.take(counter)
        assert seed == expected[counter]
    assert (chain.counter, chain.kept) == (6, {})


def test_a_seed_is_given_once() -> None:
    _, chain = Chain(KEY).take(2)
    _, chain = chain.take(1)
    for used in (1, 2):
        with pytest.raises(DuplicateMessage):
            chain.take(used)


def test_taking_leaves_the_chain_before_as_it_was() -> None:
    before = Chain(KEY)
    _, after = before.take(3)
    after.take(1)
    after.take(5)
    assert before == Chain(KEY)
    assert (after.counter, list(after.kept)) == (4, [0, 1, 2])


def test_a_chain_runs_ahead_only_so_far() -> None:
    chain = Chain(KEY)
    with pytest.raises(TooFarAhead):
        chain.take(MAX_AHEAD + 1)
    seed, chain = chain.take(MAX_AHEAD)
    assert seed == seeds(MAX_AHEAD + 1)[-1]
    assert len(chain.kept) == MAX_KEPT


def test_the_oldest_seeds_are_given_up() -> None:
    _, chain = Chain(KEY).take(MAX_AHEAD)
    _, chain = chain.take(MAX_AHEAD + 3)
    assert len(chain.kept) == MAX_KEPT
    for gone in (0, 1):
        with pytest.raises(DuplicateMessage):
            chain.take(gone)
    assert chain.take(2)[0] == seeds(3)[2]
    assert chain.take(MAX_AHEAD + 2)[0] == seeds(MAX_AHEAD + 3)[-1]


def test_a_chain_survives_being_kept() -> None:
    for chain in (Chain(KEY), Chain(KEY, 7), Chain(KEY).take(4)[1]):
        assert Chain.load(chain.dump()) == chain


def test_what_is_no_chain_is_not_loaded() -> None:
    for broken in (b"\x0a", b"", fields.write({1: KEY, 2: 0, 3: bytes(35)})):
        with pytest.raises(MalformedPayload):
            Chain.load(broken)


def test_a_chain_shows_no_key() -> None:
    assert repr(Chain(KEY).take(4)[1]) == "Chain(counter=5, kept=<4>)"
