"""The phone as a device: it encrypts what its user says, reads what comes, and answers it.

message    ──▶ inbox, and a receipt back; what cannot be read is asked for again
receipt    ──▶ receipts; one of kind retry: the message is encrypted anew
chatstate  ──▶ typing
"""

import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sololine.emulator.mail.bundles import (
    companion_bundle,
    read_bundle,
    write_keys,
    write_registration,
)
from sololine.emulator.mail.envelope import envelope_for
from sololine.emulator.mail.post import OPEN
from sololine.emulator.mail.receipts import RETRY
from sololine.emulator.mail.routes import Chat, Routes
from sololine.emulator.people.accounts import Account, DeviceKey
from sololine.emulator.people.groups import Group
from sololine.emulator.phones import keyring
from sololine.emulator.phones.keyring import Keyring
from sololine.emulator.phones.letters import Message, e2e
from sololine.emulator.phones.mailbox import (
    Letter,
    Mailbox,
    Receipt,
    ReceiptKind,
    Typing,
    TypingState,
)
from sololine.emulator.phones.readings import is_empty
from sololine.emulator.world import World
from sololine.wire.errors import MalformedPayload
from sololine.wire.jid import GROUP_SERVER, USER_SERVER, Jid
from sololine.wire.node import Attributes, Node
from sololine.wire.protobuf import parse
from sololine.wire.signal.bundle import PrekeyBundle
from sololine.wire.signal.errors import MalformedMessage, UndecryptableMessage
from sololine.wire.signal.session import Kind

log = logging.getLogger(__name__)

MAX_RETRIES: Final = 5
"""How often a message is sent again to one device, or asked for again from one."""

_ENC_VERSION: Final = 2


class Handset:
    """Device 0 of an account. `say` is called with what it says to the others."""

    def __init__(
        self,
        account: Account,
        world: World,
        keys: Keyring,
        mailbox: Mailbox,
        *,
        say: Callable[[DeviceKey, Node], None],
        now: Callable[[], datetime],
    ) -> None:
        self.key = DeviceKey(account.number, 0)
        self.online = True
        """Whether it takes stanzas; while it does not, they wait."""
        self.sends_receipts = True
        """Whether it tells writers that their messages came."""
        self._account = account
        self._world = world
        self._routes = Routes(world)
        self._mailbox = mailbox
        self._signal = keyring.endpoint(account, keys)
        self._say = say
        self._now = now
        self._members: dict[str, set[DeviceKey]] = {}
        """Who has our current key for a group. After a restart they are given it again."""
        self._sent_again: Counter[tuple[str, DeviceKey]] = Counter()
        self._asked_again: Counter[str] = Counter()

    def bundle(self) -> PrekeyBundle:
        """What another device needs to write to this phone first."""
        return self._signal.bundle()

    # What the user says

    def send(self, chat: Chat, letter: Letter) -> None:
        """Send what the user wrote to every device in the chat, and to the own companions."""
        envelope = envelope_for(letter.message)
        enc = {"mediatype": envelope.media_type, "decrypt-fail": "hide" if envelope.hidden else ""}
        attrs: Attributes = {
            "id": letter.id,
            "to": letter.chat,
            "type": envelope.type,
            "edit": envelope.edit,
        }
        if isinstance(chat, Group):
            content = self._group_parts(chat, letter, enc)
        else:
            content = self._person_parts(chat, letter, enc)
        if envelope.poll_type:
            content.append(Node.make("meta", {"polltype": envelope.poll_type}))
        self._say(self.key, Node.make("message", attrs, content))

    def confide(self, device: int, message: Message) -> None:
        """Tell an own companion something that is not for its user."""
        key = DeviceKey(self.key.number, device)
        attrs: Attributes = {
            "id": f"3A{os.urandom(9).hex().upper()}",
            "to": self._lid(key),
            "type": "text",
            "category": "peer",
        }
        sealed = self._seal(key, message.SerializeToString(), {})
        self._say(self.key, Node.make("message", attrs, sealed))

    def mark(self, ids: Sequence[str], chat: Chat, kind: ReceiptKind) -> None:
        """Tell who wrote these messages that they were read, or played."""
        letters = [letter for letter in map(self._mailbox.came, ids) if letter is not None]
        writers = dict.fromkeys(letter.sender.bare for letter in letters if not letter.own)
        for writer in writers:
            first, *more = [letter.id for letter in letters if letter.sender.bare == writer]
            items = [Node.make("item", {"id": message_id}) for message_id in more]
            attrs: Attributes = {
                "id": first,
                "to": chat.jid if isinstance(chat, Group) else writer,
                "participant": writer if isinstance(chat, Group) else None,
                "type": kind.attribute,
                "t": int(self._now().timestamp()),
            }
            content = Node.make("list", content=items) if items else None
            self._say(self.key, Node.make("receipt", attrs, content))

    def type_to(self, chat: Jid, state: TypingState) -> None:
        """Tell those in a chat that the user begins or stops to write, or to record."""
        if state is TypingState.RECORDING:
            doing = Node.make(TypingState.COMPOSING, {"media": "audio"})
        else:
            doing = Node.make(state)
        self._say(self.key, Node.make("chatstate", {"to": chat}, doing))

    def _person_parts(self, peer: Account, letter: Letter, enc: dict[str, str]) -> list[Node]:
        to = [
            self._part(key, letter.raw, enc)
            for key in self._routes.devices(peer)
            if key.number != self.key.number
        ]
        copy = _copy(letter)
        to += [
            self._part(key, copy, enc)
            for key in self._routes.devices(self._account)
            if key != self.key
        ]
        return [Node.make("participants", content=to)]

    def _group_parts(self, group: Group, letter: Letter, enc: dict[str, str]) -> list[Node]:
        companions = [key for key in self._routes.devices(group) if key.device]
        phones = [key for key in self._routes.devices(group) if not key.device and key != self.key]
        known = self._members.setdefault(group.id, set())
        if {key.number for key in known} - set(group.members):
            # Who left must not read on.
            self._signal.renew_distribution(group.jid, self._lid(self.key))
            known.clear()
        new = [key for key in companions if key not in known]
        distribution = self._distribution(group).SerializeToString() if new else b""
        to = [self._part(key, distribution, {}) for key in new]
        to += [self._part(key, letter.raw, enc) for key in phones]
        known |= set(new)
        parts = [Node.make("participants", content=to)]
        if companions:
            sealed = self._signal.encrypt_for_group(group.jid, self._lid(self.key), letter.raw)
            parts.append(_enc(Kind.SKMSG, sealed, enc))
        return parts

    def _part(self, key: DeviceKey, plain: bytes, attrs: dict[str, str]) -> Node:
        """What one device gets: the only place where something is encrypted for a person."""
        enc = _enc(OPEN, plain, attrs) if not key.device else self._seal(key, plain, attrs)
        return Node.make("to", {"jid": self._lid(key)}, enc)

    def _seal(
        self,
        key: DeviceKey,
        plain: bytes,
        attrs: dict[str, str],
        bundle: PrekeyBundle | None = None,
    ) -> Node:
        address = self._lid(key)
        if bundle is None and not self._signal.has_session(address):
            bundle = companion_bundle(self._world, key)
        kind, sealed = self._signal.encrypt(address, plain, bundle)
        return _enc(kind, sealed, attrs)

    # What comes

    def deliver(self, stanza: Node) -> None:
        """Take a stanza that is for this phone."""
        match stanza.tag, stanza.attrs.get("type"):
            case "message", _:
                self._take_message(stanza)
            case "receipt", "retry":
                self._take_retry(stanza)
            case "receipt", _:
                self._take_receipt(stanza)
            case "chatstate", _:
                self._take_typing(stanza)
            case _:
                pass  # a phone knows what its server would tell it

    def _take_message(self, stanza: Node) -> None:
        writer, chat = self._ends(stanza)
        if writer is None:
            return
        message_id = stanza.text("id")
        known = self._mailbox.came(message_id)
        if known is None:
            message = self._open(stanza, writer)
            if message is None or stanza.attrs.get("category") == "peer":
                return
            own = writer.number == self.key.number
            if own and message.HasField("deviceSentMessage"):
                message = message.deviceSentMessage.message
            message.ClearField("senderKeyDistributionMessage")
            if is_empty(message):
                return
            self._mailbox.put_in(
                Letter(
                    id=message_id,
                    chat=chat,
                    sender=stanza.jid("participant" if "participant" in stanza.attrs else "from"),
                    at=datetime.fromtimestamp(stanza.number("t"), UTC),
                    own=own,
                    message=message,
                    raw=message.SerializeToString(),
                )
            )
        if writer.number != self.key.number and self.sends_receipts:
            self._answer(stanza, ReceiptKind.DELIVERED.attribute)

    def _open(self, stanza: Node, writer: DeviceKey) -> Message | None:
        """What the message says; None if that cannot be read, which the writer is told."""
        message = None
        for enc in stanza.named("enc"):
            kind = enc.text("type")
            try:
                plain = self._unseal(kind, enc.data, writer, stanza.jid("from"))
                message = parse(e2e.Message, plain)
            except (UndecryptableMessage, MalformedPayload) as error:
                log.info("a phone cannot read a message: %s", type(error).__name__)
                self._ask_again(stanza, writer)
                return None
            if message.HasField("senderKeyDistributionMessage"):
                shared = message.senderKeyDistributionMessage.axolotlSenderKeyDistributionMessage
                self._signal.take_distribution(stanza.jid("from"), self._lid(writer), shared)
        return message

    def _unseal(self, kind: str, data: bytes, writer: DeviceKey, chat: Jid) -> bytes:
        if kind == OPEN and not writer.device:
            return data
        if kind == Kind.SKMSG:
            return self._signal.decrypt_for_group(chat, self._lid(writer), data)
        if kind not in (Kind.PKMSG, Kind.MSG):
            raise MalformedMessage("a message that is encrypted in another way")
        return self._signal.decrypt(self._lid(writer), Kind(kind), data)

    def _take_receipt(self, stanza: Node) -> None:
        reader, chat = self._ends(stanza)
        if reader is None:
            return
        items = stanza.child("list")
        ids = [stanza, *(items.named("item") if items else ())]
        for named in ids:
            self._mailbox.note(
                Receipt(
                    id=named.text("id"),
                    chat=chat,
                    by=self._lid(reader),
                    kind=ReceiptKind(str(stanza.attrs.get("type", ReceiptKind.DELIVERED))),
                    at=datetime.fromtimestamp(stanza.number("t"), UTC),
                )
            )

    def _take_typing(self, stanza: Node) -> None:
        writer, chat = self._ends(stanza)
        if writer is None or not stanza.children:
            return
        doing = stanza.children[0]
        state = TypingState(doing.tag)
        if doing.attrs.get("media") == "audio" and state is TypingState.COMPOSING:
            state = TypingState.RECORDING
        typing = Typing(chat=chat, by=self._lid(writer), state=state, at=self._now())
        self._mailbox.note(typing)

    # Once more

    def _ask_again(self, stanza: Node, writer: DeviceKey) -> None:
        """Tell a companion that its message could not be read; from the second time with keys."""
        message_id = stanza.text("id")
        self._asked_again[message_id] += 1
        count = self._asked_again[message_id]
        if not writer.device or count > MAX_RETRIES:
            return
        wish: Attributes = {"count": count, "id": message_id, "t": stanza.text("t"), "v": 1}
        bundle = self._signal.bundle()
        content = [Node.make("retry", wish), write_registration(bundle)]
        if count > 1:
            content.append(Node.make("keys", content=write_keys(bundle)))
        self._answer(stanza, RETRY, content)

    def _take_retry(self, stanza: Node) -> None:
        reader, chat_jid = self._ends(stanza)
        message_id, count = stanza.text("id"), stanza.need("retry").number("count")
        letter = self._mailbox.wrote(message_id)
        chat = self._routes.chat(chat_jid)
        if reader is None or letter is None or chat is None:
            return
        again = (message_id, reader)
        self._sent_again[again] += 1
        if max(count, self._sent_again[again]) > MAX_RETRIES:
            log.warning("a client cannot read a message after %d times; giving up", MAX_RETRIES)
            return
        keys = stanza.child("keys")
        if keys is None:
            bundle = companion_bundle(self._world, reader)
        else:
            bundle = read_bundle(stanza.need("registration"), keys)
        self._send_again(letter, reader, chat, count, bundle)

    def _send_again(
        self, letter: Letter, reader: DeviceKey, chat: Chat, count: int, bundle: PrekeyBundle
    ) -> None:
        envelope = envelope_for(letter.message)
        plain, attrs = letter.raw, {"id": letter.id, "device_fanout": "false"}
        account = self._world.account(reader.number)
        numbered = letter.chat.server == USER_SERVER
        to = account.jid(reader.device) if numbered else account.lid_jid(reader.device)
        where: dict[str, Jid] = {"to": to}
        if isinstance(chat, Group):
            message = self._distribution(chat)
            message.MergeFrom(letter.message)
            plain = message.SerializeToString()
            where = {"to": chat.jid, "participant": to}
        elif reader.number == self.key.number:
            plain = _copy(letter)
            where["recipient"] = letter.chat
        enc = self._seal(
            reader, plain, {"count": str(count), "mediatype": envelope.media_type}, bundle
        )
        attrs |= {"type": envelope.type, "edit": envelope.edit}
        self._say(self.key, Node.make("message", {**attrs, **where}, enc))

    # Addresses

    def _answer(self, stanza: Node, kind: str | None, content: Sequence[Node] = ()) -> None:
        """Send a receipt for a message to where it came from."""
        attrs: Attributes = {
            "id": stanza.text("id"),
            "to": stanza.jid("from"),
            "type": kind,
            "t": int(self._now().timestamp()),
            "participant": stanza.attrs.get("participant"),
            "recipient": stanza.attrs.get("recipient"),
        }
        self._say(self.key, Node.make("receipt", attrs, content))

    def _ends(self, stanza: Node) -> tuple[DeviceKey | None, Jid]:
        """Who says this, and in which chat."""
        came_from = stanza.jid("from")
        if came_from.server == GROUP_SERVER:
            return self._routes.device(stanza.jid("participant")), came_from
        if "recipient" in stanza.attrs:
            return self._routes.device(came_from), stanza.jid("recipient").bare
        return self._routes.device(came_from), came_from.bare

    def _lid(self, key: DeviceKey) -> Jid:
        return self._world.account(key.number).lid_jid(key.device)

    def _distribution(self, group: Group) -> Message:
        """A message that lets its reader read what we say in the group from now on."""
        shared = self._signal.distribution(group.jid, self._lid(self.key))
        return e2e.Message(
            senderKeyDistributionMessage=e2e.SenderKeyDistributionMessage(
                groupID=str(group.jid), axolotlSenderKeyDistributionMessage=shared
            )
        )


def _enc(kind: str, content: bytes, attrs: Mapping[str, str]) -> Node:
    return Node.make("enc", {"v": _ENC_VERSION, "type": str(kind), **attrs}, content)


def _copy(letter: Letter) -> bytes:
    """The message as the writer's own devices get it."""
    copy = e2e.Message()
    copy.deviceSentMessage.destinationJID = str(letter.chat)
    copy.deviceSentMessage.message.CopyFrom(letter.message)
    return bytes(copy.SerializeToString())
