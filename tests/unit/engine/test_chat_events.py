from typing import Any

import pytest

from sololine.core.signals import (
    Receipt,
    ReceiptKind,
    Received,
    Signal,
    Typing,
    TypingState,
    Unreadable,
    Where,
)
from sololine.engine import signals
from sololine.engine.chat_events import with_numbers
from sololine.wire.protobuf import load

NEONIZE = load("Neonize_pb2")
E2E = load("waE2E.WAWebProtobufsE2E_pb2")
ANA, LID, GROUP = "5511900000001@s.whatsapp.net", "98765@lid", "120363000000000001@g.us"
ME, MY_LID = "447441395830@s.whatsapp.net", "12345@lid"


def event(code: int, message: Any) -> Signal | None:
    return signals.event(code, message.SerializePartialToString(), fresh=False)


def jid(address: str) -> Any:
    user, _, server = address.partition("@")
    name, _, device = user.partition(":")
    return NEONIZE.JID(User=name, RawAgent=0, Device=int(device or 0), Integrator=0, Server=server)


def source(chat: str, sender: str, **more: Any) -> Any:
    others = {name: jid(more.pop(name, "")) for name in ("SenderAlt", "RecipientAlt")}
    return NEONIZE.MessageSource(Chat=jid(chat), Sender=jid(sender), **others, **more)


def info(where: Any, **more: Any) -> Any:
    return NEONIZE.MessageInfo(
        MessageSource=where, ID="3A01", Pushname="Ana", Timestamp=1_700_000_000_123, **more
    )


def heard(where: Any, **more: Any) -> Signal | None:
    content = more.pop("content", E2E.Message(conversation="hola"))
    return event(17, NEONIZE.Message(Info=info(where, **more), Message=content, Raw=content))


def test_a_message_is_received_as_whatsapp_has_it() -> None:
    content = E2E.Message(conversation="hola")
    assert heard(source(LID, f"{LID}", SenderAlt=ANA)) == Received(
        id="3A01",
        where=Where(chat=LID, chat_other=ANA, sender=LID, sender_other=ANA),
        at_s=1_700_000_000,
        sender_name="Ana",
        message=content.SerializeToString(),
    )


@pytest.mark.parametrize(
    ("told", "where"),
    [
        (
            source(ANA, "5511900000001:3@s.whatsapp.net", SenderAlt="98765:3@lid"),
            Where(
                chat=ANA,
                chat_other=LID,
                sender="5511900000001:3@s.whatsapp.net",
                sender_other="98765:3@lid",
            ),
        ),
        (
            source(LID, MY_LID, SenderAlt=ME, RecipientAlt=ANA, IsFromMe=True),
            Where(chat=LID, chat_other=ANA, sender=MY_LID, sender_other=ME, from_me=True),
        ),
        (
            source(GROUP, LID, SenderAlt=ANA, IsGroup=True),
            Where(chat=GROUP, sender=LID, sender_other=ANA),
        ),
        (source(LID, LID), Where(chat=LID, sender=LID)),
    ],
    ids=["by number", "from my phone", "in a group", "without a number"],
)
def test_it_is_told_where_and_by_whom(told: Any, where: Where) -> None:
    received = heard(told)
    assert isinstance(received, Received)
    assert received.where == where


@pytest.mark.parametrize(
    "content",
    [
        E2E.Message(),
        E2E.Message(
            senderKeyDistributionMessage=E2E.SenderKeyDistributionMessage(groupID=GROUP),
            messageContextInfo=E2E.MessageContextInfo(messageSecret=b"x"),
        ),
        E2E.Message(protocolMessage=E2E.ProtocolMessage(type="APP_STATE_SYNC_KEY_SHARE")),
        E2E.Message(protocolMessage=E2E.ProtocolMessage()),
    ],
    ids=["empty", "a group's key", "a key between devices", "nothing known"],
)
def test_what_says_nothing_to_people_is_not_told(content: Any) -> None:
    assert heard(source(GROUP, LID), content=content) is None


@pytest.mark.parametrize(
    "strange",
    [b"\x0b\x0c", b"\x60\x01", b"\x62\x02\x12\x00", b"\x62\x01\xff", b"\xff"],
    ids=["a group", "a number for a message", "a text for a number", "no part", "nothing"],
)
def test_a_message_with_strange_bytes_is_told_as_it_is(strange: bytes) -> None:
    """Strangers write them. Whoever reads the messages decides, and the link goes on."""
    told = NEONIZE.Message(
        Info=info(source(LID, LID)), Message=E2E.Message(), Raw=E2E.Message()
    ).SerializePartialToString()
    told = told.replace(b"\x12\x00", b"\x12" + bytes((len(strange),)) + strange, 1)
    received = signals.event(17, told, fresh=False)
    assert isinstance(received, Received)
    assert received.message == strange


def test_a_name_that_is_no_text_is_told_as_far_as_it_is() -> None:
    told = NEONIZE.Message(
        Info=info(source(LID, LID)), Message=E2E.Message(conversation="x"), Raw=E2E.Message()
    ).SerializePartialToString()
    received = signals.event(17, told.replace(b"Ana", b"A\xffa"), fresh=False)
    assert isinstance(received, Received)
    assert received.sender_name == "A\N{REPLACEMENT CHARACTER}a"


@pytest.mark.parametrize("code", [17, 18, 44])
def test_an_id_that_is_no_text_is_told_as_far_as_it_is(code: int) -> None:
    """Its writer chose it."""
    about = info(source(LID, LID))
    told = {
        17: NEONIZE.Message(Info=about, Message=E2E.Message(conversation="x"), Raw=E2E.Message()),
        18: NEONIZE.Receipt(MessageSource=source(LID, LID), MessageIDs=["3A01"], Type=1),
        44: NEONIZE.UndecryptableMessage(Info=about, DecryptFailMode=1),
    }[code].SerializePartialToString()
    heard = signals.event(code, told.replace(b"3A01", b"3\xff01"), fresh=False)
    assert isinstance(heard, Received | Receipt | Unreadable)
    assert (
        heard.ids[0] if isinstance(heard, Receipt) else heard.id
    ) == "3\N{REPLACEMENT CHARACTER}01"


@pytest.mark.parametrize("kind", ["REVOKE", "MESSAGE_EDIT"])
def test_what_is_deleted_and_edited_is_told(kind: str) -> None:
    content = E2E.Message(protocolMessage=E2E.ProtocolMessage(type=kind))
    assert isinstance(heard(source(LID, LID), content=content), Received)


def test_what_own_devices_tell_each_other_is_not_told() -> None:
    assert heard(source(ME, ME, IsFromMe=True), Category="peer") is None


def test_a_message_that_cannot_be_read_is_told() -> None:
    told = NEONIZE.UndecryptableMessage(Info=info(source(LID, LID)), DecryptFailMode=1)
    assert event(44, told) == Unreadable(
        id="3A01", where=Where(chat=LID, sender=LID), at_s=1_700_000_000, sender_name="Ana"
    )


def test_a_reaction_that_cannot_be_read_is_not_told() -> None:
    told = NEONIZE.UndecryptableMessage(Info=info(source(LID, LID)), DecryptFailMode=2)
    assert event(44, told) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DELIVERED", ReceiptKind.DELIVERED),
        ("READ", ReceiptKind.READ),
        ("READ_SELF", ReceiptKind.READ_SELF),
        ("PLAYED", ReceiptKind.PLAYED),
        *((name, None) for name in ("SENDER", "RETRY", "INACTIVE", "PLAYED_SELF", "PEER_MSG")),
        *((name, None) for name in ("SERVER_ERROR", "HISTORY_SYNC")),
    ],
)
def test_receipts_tell_what_people_did(name: str, kind: ReceiptKind | None) -> None:
    told = NEONIZE.Receipt(
        MessageSource=source(LID, LID),
        MessageIDs=["A", "B"],
        Timestamp=1_700_000_000,
        Type=NEONIZE.Receipt.ReceiptType.Value(name),
    )
    where = Where(chat=LID, sender=LID)
    expected = kind and Receipt(kind=kind, ids=("A", "B"), where=where, at_s=1_700_000_000)
    assert event(18, told) == expected


def test_a_receipt_for_nothing_is_none() -> None:
    assert event(18, NEONIZE.Receipt(MessageSource=source(LID, LID), Type=1)) is None


@pytest.mark.parametrize(
    ("state", "media", "expected"),
    [
        (1, 1, TypingState.TYPING),
        (1, 2, TypingState.RECORDING),
        (2, 1, TypingState.PAUSED),
        (2, 2, TypingState.PAUSED),
    ],
)
def test_typing_is_told(state: int, media: int, expected: TypingState) -> None:
    told = NEONIZE.ChatPresence(MessageSource=source(LID, LID), State=state, Media=media)
    assert event(19, told) == Typing(where=Where(chat=LID, sender=LID), state=expected)


KNOWN = {LID: ANA, MY_LID: ME}


@pytest.mark.parametrize(
    ("where", "named"),
    [
        (
            Where(chat=LID, sender="98765:3@lid"),
            Where(chat=LID, chat_other=ANA, sender="98765:3@lid", sender_other=ANA),
        ),
        (
            Where(chat=LID, sender=MY_LID, from_me=True),
            Where(chat=LID, chat_other=ANA, sender=MY_LID, sender_other=ME, from_me=True),
        ),
        (Where(chat=GROUP, sender=LID), Where(chat=GROUP, sender=LID, sender_other=ANA)),
        (Where(chat="1@lid", sender="1@lid"), Where(chat="1@lid", sender="1@lid")),
        (
            Where(chat=LID, chat_other="5@x", sender=LID, sender_other="5@x"),
            Where(chat=LID, chat_other="5@x", sender=LID, sender_other="5@x"),
        ),
        (Where(chat=ANA, sender=ANA), Where(chat=ANA, sender=ANA)),
    ],
)
def test_those_named_by_lid_alone_get_their_number(where: Where, named: Where) -> None:
    typing = Typing(where=where, state=TypingState.TYPING)
    assert with_numbers(typing, lambda lid: KNOWN.get(lid, "")).where == named
