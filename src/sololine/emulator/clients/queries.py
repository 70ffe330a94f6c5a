"""The questions a client asks (`iq` stanzas of type get or set), and their answers.

Strict: what is not in the table raises `UnknownQuery`, so that nothing a client needs is ever
answered by accident. An unanswered iq would block a client for 75 s.
"""

from collections.abc import Callable
from typing import Final

from sololine.emulator.clients import people_queries
from sololine.emulator.clients.asking import Answer, Query, QueryRefused, UnknownQuery
from sololine.emulator.mail.bundles import companion_bundle, write_keys, write_registration
from sololine.emulator.people.accounts import PREKEY_SIZE, Account, Companion, DeviceKey
from sololine.emulator.storage.shelf import AUTH, MEDIA_HOST
from sololine.wire import registration
from sololine.wire.errors import WireError
from sololine.wire.jid import LID_SERVER, SERVER, USER_SERVER, Jid
from sololine.wire.node import Node

__all__ = ["Query", "QueryRefused", "UnknownQuery", "answer", "error", "result"]

_PRIVACY: Final = ("readreceipts", "last", "status", "profile", "groupadd", "calladd", "online")


def answer(query: Query) -> Node:
    """The result of a query, as the node to send.

    Raises:
        UnknownQuery: if there is no answer for it.
        MalformedNode: if the query lacks what its kind must have.
    """
    node = query.node
    subject = node.children[0].tag if node.children else ""
    question = (node.text("xmlns"), node.text("type"), subject)
    reply = _ANSWERS.get(question)
    if reply is None or (query.key is None and question not in _BEFORE_LOGIN):
        raise UnknownQuery(node.summary)
    try:
        return result(node, reply(query))
    except QueryRefused as refusal:
        return error(node, refusal.code, refusal.text)


def result(query: Node, content: Answer = ()) -> Node:
    """The answer to an iq."""
    return Node.make("iq", _back_to(query) | {"type": "result"}, content)


def error(query: Node, code: int, text: str) -> Node:
    """The refusal of an iq."""
    refusal = Node.make("error", {"code": code, "text": text})
    return Node.make("iq", _back_to(query) | {"type": "error"}, refusal)


def _back_to(query: Node) -> dict[str, str | Jid]:
    return {"id": query.text("id"), "from": query.attrs.get("to", SERVER)}


def _nothing(_: Query) -> Answer:
    return ()


# Keys


def _prekey_count(query: Query) -> Answer:
    count = query.world.companion(query.device).prekey_count
    return [Node.make("count", {"value": count})]


def _keep_prekeys(query: Query) -> Answer:
    node = query.node
    known = query.world.companion(query.device).registration
    if node.need("identity").data != known.identity:
        raise QueryRefused(406, "not-acceptable: another identity than the one that was linked")
    signed = node.need("skey")
    signed_prekey = _kept_key(signed) + signed.need("signature").data
    try:
        registration.check_prekey(known.identity, signed_prekey)
    except WireError as error:
        raise QueryRefused(406, f"not-acceptable: {error}") from error
    prekeys = b"".join(map(_kept_key, node.need("list").named("key")))
    query.world.keep_prekeys(query.device, prekeys, signed_prekey)
    return ()


def _kept_key(key: Node) -> bytes:
    kept = key.need("id").data + key.need("value").data
    if len(kept) != PREKEY_SIZE:
        raise QueryRefused(406, "not-acceptable: a prekey's id has 3 bytes, the key itself 32")
    return kept


def _prekey_digest(_: Query) -> Answer:
    # Some clients compare this with what they hold; without it they upload afresh.
    raise QueryRefused(404, "item-not-found")


def _prekey_bundles(query: Query) -> Answer:
    users = [_bundle(query, user.jid("jid")) for user in query.subject.named("user")]
    return [Node.make("list", content=users)]


def _bundle(query: Query, jid: Jid) -> Node:
    account = query.world.find(jid)
    companion = account.companions.get(jid.device) if account else None
    if account is None or (jid.device and companion is None):
        missing = Node.make("error", {"code": 404, "text": "item-not-found"})
        return Node.make("user", {"jid": jid}, missing)
    if companion is None:
        bundle = query.phone_bundle(account.number)
    else:
        bundle = companion_bundle(query.world, DeviceKey(account.number, companion.device))
    content = [write_registration(bundle), *write_keys(bundle)]
    if companion is not None:
        content.append(Node.make("device-identity", content=companion.device_identity))
    return Node.make("user", {"jid": jid}, content)


# Who is on WhatsApp


def _usync(query: Query) -> Answer:
    asked = query.subject
    protocols = asked.need("query").children
    users = [_usync_user(query, user, protocols) for user in asked.need("list").named("user")]
    same = {name: asked.attrs.get(name) for name in ("sid", "mode", "context", "index", "last")}
    return [Node.make("usync", same, Node.make("list", content=users))]


def _usync_user(query: Query, user: Node, protocols: tuple[Node, ...]) -> Node:
    if "jid" in user.attrs:
        jid = user.jid("jid")
        account = query.world.find(jid)
        attrs: dict[str, Jid | None] = {"jid": jid}
        asked_as = b""
    else:
        # A number to look up, as the user wrote it: "+44…", or "44…@c.us".
        asked_as = user.need("contact").data
        number = asked_as.decode("utf-8", "replace").partition("@")[0].lstrip("+")
        jid = Jid("".join(filter(str.isdigit, number)), USER_SERVER)
        account = query.world.find(jid)
        attrs = {"jid": jid}
        if account and any(p.attrs.get("addressing_mode") == LID_SERVER for p in protocols):
            attrs = {"jid": account.lid_jid(), "pn_jid": account.jid()}
    content = []
    for protocol in protocols:
        write = _USYNC_PROTOCOLS.get(protocol.tag)
        if write is None:
            raise UnknownQuery(f"{query.node.summary}, protocol {protocol.tag}")
        content += write(query, account, asked_as)
    told = attrs["jid"]
    if account and query.key and told and any(p.tag == "devices" for p in protocols):
        query.told_devices(query.key, account.number, told)
    return Node.make("user", attrs, content)


def _usync_devices(query: Query, account: Account | None, _: bytes) -> list[Node]:
    devices = []
    if account:
        devices = [Node.make("device", {"id": 0}), *map(_device, account.companions.values())]
    stamp = {"ts": int(query.now.timestamp())}
    listed = [Node.make("device-list", content=devices), Node.make("key-index-list", stamp)]
    return [Node.make("devices", content=listed)]


def _device(companion: Companion) -> Node:
    return Node.make("device", {"id": companion.device, "key-index": companion.key_index})


def _usync_lid(_: Query, account: Account | None, __: bytes) -> list[Node]:
    return [Node.make("lid", {"val": account.lid_jid()})] if account else []


def _usync_contact(_: Query, account: Account | None, asked_as: bytes) -> list[Node]:
    return [Node.make("contact", {"type": "in" if account else "out"}, asked_as or None)]


def _usync_nothing(_: Query, __: Account | None, ___: bytes) -> list[Node]:
    return []


_USYNC_PROTOCOLS: Final[dict[str, Callable[[Query, Account | None, bytes], list[Node]]]] = {
    "devices": _usync_devices,
    "lid": _usync_lid,
    "contact": _usync_contact,
    "business": _usync_nothing,
    "disappearing_mode": _usync_nothing,
    "username": _usync_nothing,
    "status": people_queries.usync_status,
    "picture": people_queries.usync_picture,
}


# Settings


def _privacy(_: Query) -> Answer:
    shown = [Node.make("category", {"name": name, "value": "all"}) for name in _PRIVACY]
    return [Node.make("privacy", content=shown)]


def _properties(_: Query) -> Answer:
    return [Node.make("props")]


def _blocklist(_: Query) -> Answer:
    return [Node.make("list")]


def _media_hosts(_: Query) -> Answer:
    # Clients need all four; they ask again when the time to live, in seconds, is over.
    terms: dict[str, str | int] = {"auth": AUTH, "ttl": 3600, "auth_ttl": 21600, "max_buckets": 12}
    return [Node.make("media_conn", {**terms}, Node.make("host", {"hostname": MEDIA_HOST}))]


_ANSWERS: Final[dict[tuple[str, str, str], Callable[[Query], Answer]]] = {
    ("encrypt", "get", "count"): _prekey_count,
    ("encrypt", "get", "digest"): _prekey_digest,
    ("encrypt", "get", "key"): _prekey_bundles,
    ("encrypt", "set", "registration"): _keep_prekeys,
    ("passive", "set", "active"): _nothing,
    ("passive", "set", "passive"): _nothing,
    ("w:p", "get", ""): _nothing,
    ("w:p", "get", "ping"): _nothing,
    ("usync", "get", "usync"): _usync,
    ("privacy", "get", "privacy"): _privacy,
    ("privacy", "set", "tokens"): _nothing,
    ("w:m", "set", "media_conn"): _media_hosts,
    ("w:g2", "get", "query"): people_queries.group_info,
    ("w:g2", "get", "participating"): people_queries.joined_groups,
    ("w:profile:picture", "get", "picture"): people_queries.picture,
    ("w:sync:app:state", "set", "sync"): people_queries.settings,
    ("abt", "get", "props"): _properties,
    ("blocklist", "get", ""): _blocklist,
    ("urn:xmpp:whatsapp:dirty", "set", "clean"): _nothing,
}

_BEFORE_LOGIN: Final = {("w:p", "get", ""), ("w:p", "get", "ping")}
