"""What arrives is read, once and as it was meant, whatever the way did to the rest.

Messages are lost, repeated, overtake each other; sessions begin anew and cross. The limits are
far enough away here: no message overtakes more than four others of its sender, and of each key
that is kept only for a time no more come up than are kept.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.wire.curve import KeyPair
from sololine.wire.jid import Jid
from sololine.wire.signal.chain import MAX_AHEAD
from sololine.wire.signal.correspondence import MAX_OLDER
from sololine.wire.signal.endpoint import Endpoint, MemoryStore
from sololine.wire.signal.errors import DuplicateMessage, NoSession, UndecryptableMessage
from sololine.wire.signal.sender_key import MAX_KEYS
from sololine.wire.signal.session import MAX_RECEIVING, Kind

GROUP = Jid("300", "g.us")
ADDRESSES = [Jid("100", "lid"), Jid("200", "lid", 1), Jid("400", "lid")]

Steps: TypeAlias = list[tuple[str, int]]


def steps(*words: str) -> st.SearchStrategy[Steps]:
    """What happens, and a number that says to whom or to what."""
    return st.lists(st.tuples(st.sampled_from(words), st.integers(0, 23)), max_size=60)


def endpoint() -> Endpoint:
    return Endpoint(KeyPair.generate(), 1, 1, KeyPair.generate(), MemoryStore())


@dataclass
class Letter:
    """A message on its way between two devices."""

    receiver: int
    number: int
    kind: Kind
    data: bytes
    text: bytes


@dataclass
class TwoDevices:
    """Two devices that write to each other, and what is on its way between them."""

    devices: list[Endpoint] = field(default_factory=lambda: [endpoint(), endpoint()])
    written: list[int] = field(default_factory=lambda: [0, 0])
    travelling: list[Letter] = field(default_factory=list)
    arrived: list[Letter] = field(default_factory=list)
    begun: int = 0

    def write(self, sender: int, *, anew: bool = False) -> None:
        receiver = 1 - sender
        bundle = None
        anew = anew and self.begun < MAX_OLDER
        if anew or not self.devices[sender].has_session(ADDRESSES[receiver]):
            bundle = self.devices[receiver].bundle()
            self.begun += 1
        number = self.written[sender]
        self.written[sender] += 1
        text = f"{sender} {number}".encode()
        kind, data = self.devices[sender].encrypt(ADDRESSES[receiver], text, bundle)
        self.travelling.append(Letter(receiver, number, kind, data, text))

    def deliver(self, letter: Letter) -> bytes:
        sender = 1 - letter.receiver
        return self.devices[letter.receiver].decrypt(ADDRESSES[sender], letter.kind, letter.data)

    def is_late(self, letter: Letter) -> bool:
        """Whether so many were written after it that its keys may be gone."""
        return self.written[1 - letter.receiver] - letter.number > MAX_RECEIVING

    def receive(self, letter: Letter) -> None:
        try:
            assert self.deliver(letter) == letter.text
            self.arrived.append(letter)
        except UndecryptableMessage:
            assert self.is_late(letter)

    def step(self, word: str, number: int) -> None:
        match word:
            case "write":
                self.write(number % 2)
            case "begin anew":
                self.write(number % 2, anew=True)
            case "deliver" if self.travelling:
                self.receive(self.travelling.pop(number % len(self.travelling)))
            case "deliver the first" if self.travelling:
                self.receive(self.travelling.pop(0))
            case "lose" if self.travelling:
                self.travelling.pop(number % len(self.travelling))
            case "spoil" if self.travelling:
                letter = self.travelling[number % len(self.travelling)]
                with pytest.raises(UndecryptableMessage):
                    self.deliver(
                        Letter(letter.receiver, 0, letter.kind, letter.data[:-1], letter.text)
                    )
            case "repeat" if self.arrived:
                with pytest.raises(UndecryptableMessage):
                    self.deliver(self.arrived[number % len(self.arrived)])


@given(
    steps(
        *("write", "write", "begin anew", "deliver", "deliver the first", "deliver the first"),
        *("lose", "spoil", "repeat"),
    )
)
def test_two_devices_read_what_arrives(happened: Steps) -> None:
    world = TwoDevices()
    for word, number in happened:
        world.step(word, number)
    for letter in world.travelling:
        world.receive(letter)
    for letter in world.arrived:
        with pytest.raises(UndecryptableMessage):
            world.deliver(letter)
    # However crossed they are, now they meet.
    world.travelling.clear()
    for _ in range(2):
        for sender in (0, 1):
            world.write(sender)
            world.receive(world.travelling.pop())


@dataclass
class Call:
    """What one member said to the group, or the key to what it says from now on."""

    sender: int
    key: int
    data: bytes
    text: bytes | None
    waiting: set[int]


@dataclass
class ThreeMembers:
    """Three members of a group, and what is on its way to each of them."""

    members: list[Endpoint] = field(default_factory=lambda: [endpoint() for _ in range(3)])
    keys: list[int] = field(default_factory=lambda: [0, 0, 0])
    known: set[tuple[int, int, int]] = field(default_factory=set)
    read: list[tuple[int, Call]] = field(default_factory=list)
    travelling: list[Call] = field(default_factory=list)

    def share(self, sender: int) -> None:
        own = ADDRESSES[sender]
        if self.keys[sender] == 0:
            data = self.members[sender].distribution(GROUP, own)
        elif self.keys[sender] < MAX_KEYS:
            data = self.members[sender].renew_distribution(GROUP, own)
        else:
            return
        self.keys[sender] += 1
        self.call(sender, data, None)

    def say(self, sender: int) -> None:
        if self.keys[sender] == 0:
            self.share(sender)
        text = f"{sender} {len(self.travelling)}".encode()
        data = self.members[sender].encrypt_for_group(GROUP, ADDRESSES[sender], text)
        self.call(sender, data, text)

    def call(self, sender: int, data: bytes, text: bytes | None) -> None:
        waiting = {0, 1, 2} - {sender}
        self.travelling.append(Call(sender, self.keys[sender], data, text, waiting))

    def deliver(self, member: int, call: Call) -> None:
        """A message whose key is not there yet comes back later, as after a retry."""
        sender = ADDRESSES[call.sender]
        key = (member, call.sender, call.key)
        if call.text is None:
            self.members[member].take_distribution(GROUP, sender, call.data)
            self.known.add(key)
        elif key in self.known:
            text = self.members[member].decrypt_for_group(GROUP, sender, call.data)
            assert text == call.text
            self.read.append((member, call))
        else:
            with pytest.raises(NoSession):
                self.members[member].decrypt_for_group(GROUP, sender, call.data)
            return
        call.waiting.discard(member)

    def step(self, word: str, number: int) -> None:
        calls = [(member, call) for call in self.travelling for member in sorted(call.waiting)]
        match word:
            case "say":
                self.say(number % 3)
            case "renew":
                self.share(number % 3)
            case "deliver" if calls:
                self.deliver(*calls[number % len(calls)])
            case "lose" if calls:
                member, call = calls[number % len(calls)]
                if call.text is not None:
                    call.waiting.discard(member)
            case "repeat" if self.read:
                self.repeat(*self.read[number % len(self.read)])

    def repeat(self, member: int, call: Call) -> None:
        with pytest.raises(DuplicateMessage):
            self.members[member].decrypt_for_group(GROUP, ADDRESSES[call.sender], call.data)


@given(steps("say", "say", "renew", "deliver", "deliver", "deliver", "lose", "repeat"))
def test_three_members_read_what_arrives(happened: Steps) -> None:
    world = ThreeMembers()
    for word, number in happened:
        world.step(word, number)
    for call in sorted(world.travelling, key=lambda call: call.text is not None):
        for member in sorted(call.waiting):
            world.deliver(member, call)
    assert not any(call.waiting for call in world.travelling)
    for member, call in world.read:
        world.repeat(member, call)


def test_a_long_silence_is_caught_up() -> None:
    one, other = endpoint(), endpoint()
    first, second = ADDRESSES[:2]
    other.decrypt(first, *one.encrypt(second, b"", other.bundle()))
    one.decrypt(second, *other.encrypt(first, b""))
    lost = [one.encrypt(second, str(number).encode()) for number in range(MAX_AHEAD)]
    assert other.decrypt(first, *one.encrypt(second, b"again")) == b"again"
    for number in (0, MAX_AHEAD // 2, MAX_AHEAD - 1):
        assert other.decrypt(first, *lost[number]) == str(number).encode()
