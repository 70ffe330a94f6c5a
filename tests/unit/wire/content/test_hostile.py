"""Bytes of strangers: nothing but `MalformedPayload` comes out of them, and nothing unstorable."""

import json
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.core.content import Contacts, File, Location, Poll, Text, Unsupported
from sololine.wire.content import NotForwardable, forward, read
from sololine.wire.content.forms import e2e
from sololine.wire.errors import MalformedPayload

NAMES = sorted(e2e.Message.DESCRIPTOR.fields_by_name)


def storable(value: Any) -> None:
    """Everything within can be stored by PostgreSQL and told as JSON."""
    if isinstance(value, str):
        assert "\0" not in value
        assert len(value) <= 65_536
        value.encode()
    elif isinstance(value, int):
        assert -(2**63) <= value < 2**63
    elif isinstance(value, float):
        json.dumps(value, allow_nan=False)
    elif isinstance(value, tuple):
        for one in value:
            storable(one)
    elif is_dataclass(value):
        for one in fields(value):
            storable(getattr(value, one.name))


def try_all(data: bytes) -> None:
    try:
        storable(read(data))
    except MalformedPayload:
        with pytest.raises(MalformedPayload):
            forward(data)
        return
    with suppress(NotForwardable):
        storable(read(forward(data)))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try_all(data)


def tagged(number: int, kind: int, value: bytes) -> bytes:
    return varint(number << 3 | kind) + (varint(len(value)) if kind == 2 else b"") + value


def varint(value: int) -> bytes:
    said = bytearray()
    while value > 0x7F:
        said.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*said, value])


def of_kind(descriptor: Any, depth: int) -> st.SearchStrategy[bytes]:
    """Bytes that parse as a message of that kind, with whatever in their fields."""

    def one(found: Any) -> st.SearchStrategy[bytes]:
        if found.message_type is not None:
            inner = of_kind(found.message_type, depth - 1) if depth else st.just(b"")
            return inner.map(lambda value: tagged(found.number, 2, value))
        if found.type in {found.TYPE_STRING, found.TYPE_BYTES}:
            texts = st.one_of(
                st.binary(max_size=40),
                st.text(max_size=20).map(str.encode),
                st.sampled_from([b"\xed\xa0\x80", b"a\0b", b"1@lid", b"[" * 50]),
            )
            return texts.map(lambda value: tagged(found.number, 2, value))
        if found.type == found.TYPE_DOUBLE:
            return st.binary(min_size=8, max_size=8).map(
                lambda value: tagged(found.number, 1, value)
            )
        if found.type in {found.TYPE_FLOAT, found.TYPE_FIXED32}:
            return st.just(tagged(found.number, 5, bytes(4)))
        return st.integers(0, 2**64 - 1).map(lambda value: tagged(found.number, 0, varint(value)))

    chosen = st.lists(st.sampled_from(list(descriptor.fields)).flatmap(one), max_size=4)
    return chosen.map(b"".join)


@given(of_kind(e2e.Message.DESCRIPTOR, 3))
def test_any_message_is_read_or_refused(data: bytes) -> None:
    try_all(data)


@pytest.mark.parametrize("name", NAMES)
def test_every_part_may_be_empty(name: str) -> None:
    message = e2e.Message()
    if name == "conversation":
        message.conversation = ""
    else:
        getattr(message, name).SetInParent()
    try_all(message.SerializeToString())


def content(**parts: Any) -> Any:
    incoming = read(e2e.Message(**parts).SerializeToString())
    assert incoming is not None
    return incoming.content


def test_a_text_of_megabytes_is_cut() -> None:
    assert content(conversation="é" * 5_000_000) == Text(text="é" * 65_536)


def test_nul_and_broken_utf_8_are_taken_out() -> None:
    assert content(conversation="a\0b") == Text(text="ab")
    incoming = read(b"\x0a\x05a\xed\xa0\x80b")
    assert incoming is not None
    assert isinstance(incoming.content, Text)
    assert incoming.content.text == "a���b"


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(float("nan"), 0.0), (0.0, float("inf")), (90.1, 0.0), (0.0, -180.1)],
)
def test_a_place_that_is_none_is_named(latitude: float, longitude: float) -> None:
    part = e2e.LocationMessage(degreesLatitude=latitude, degreesLongitude=longitude)
    assert content(locationMessage=part) == Unsupported(name="locationMessage")


def test_the_poles_are_places() -> None:
    part = e2e.LocationMessage(degreesLatitude=-90.0, degreesLongitude=180.0)
    assert isinstance(content(locationMessage=part), Location)


def test_sizes_that_cannot_be_are_not_known() -> None:
    part = e2e.ImageMessage(
        fileLength=2**64 - 1, width=2**32 - 1, height=2**31 - 1, fileSHA256=b"short"
    )
    found = content(imageMessage=part)
    assert isinstance(found, File)
    assert (found.size, found.width, found.height, found.sha256) == (0, 0, 2**31 - 1, "")


@pytest.mark.parametrize(
    "told",
    ["text/html\r\nSet-Cookie: a=b", "nonsense", "", "image/jpeg; <script>", "a/" + "b" * 99],
)
def test_a_mime_type_that_is_none_is_replaced(told: str) -> None:
    assert content(imageMessage=e2e.ImageMessage(mimetype=told)).mime_type == "image/jpeg"


def test_a_path_is_no_file_name() -> None:
    part = e2e.DocumentMessage(fileName="../../etc/\x07passwd")
    assert content(documentMessage=part).file_name == "passwd"


def test_a_thousand_cards_and_options_are_cut() -> None:
    cards = [e2e.ContactMessage(displayName=str(number)) for number in range(1000)]
    contacts = content(contactsArrayMessage=e2e.ContactsArrayMessage(contacts=cards))
    assert isinstance(contacts, Contacts)
    assert len(contacts.cards) == 100
    options = [e2e.PollCreationMessage.Option(optionName=str(number)) for number in range(1000)]
    poll = content(pollCreationMessage=e2e.PollCreationMessage(options=options))
    assert isinstance(poll, Poll)
    assert len(poll.options) == 64


def test_wrappers_without_end_are_refused() -> None:
    data = e2e.Message(conversation="deep").SerializeToString()
    for _ in range(200):
        data = tagged(40, 2, tagged(1, 2, data))
    with pytest.raises(MalformedPayload):
        read(data)
