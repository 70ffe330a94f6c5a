"""What the server says unasked, as nodes."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from sololine.wire.jid import SERVER, Jid
from sololine.wire.node import Node

_LOCATION: Final = "cln"
"""The data centre that answers, as a real one names itself; clients only pass it on."""

_PASSKEY_OPTIONS: Final = (
    b'{"challenge":"c29sb2xpbmUgZW11bGF0b3IgcGFzc2tleQ","timeout":60000,'
    b'"rpId":"web.whatsapp.com","allowCredentials":[],"userVerification":"required"}'
)
"""WebAuthn request options; a client that could answer would be told to show them."""


def pair_device(stanza_id: str, refs: Iterable[str]) -> Node:
    """The refs from which a client makes its QRs. The iq may have this one child only."""
    shown = [Node.make("ref", content=ref) for ref in refs]
    attrs = _heard(stanza_id, "set", xmlns="md")
    return Node.make("iq", attrs, Node.make("pair-device", content=shown))


def pair_success(
    stanza_id: str, *, sealed_identity: bytes, jid: Jid, lid: Jid, now: datetime
) -> Node:
    """A phone accepted the client: its identity signed by the account, and its addresses."""
    attrs = _heard(stanza_id, "set", now=now, xmlns="md")
    success = Node.make(
        "pair-success",
        content=[
            Node.make("device-identity", content=sealed_identity),
            Node.make("device", {"jid": jid, "lid": lid}),
            Node.make("platform", {"name": "android"}),
        ],
    )
    return Node.make("iq", attrs, success)


def code_entered(
    stanza_id: str, *, ref: bytes, wrapped_ephemeral: bytes, identity: bytes, now: datetime
) -> Node:
    """A phone's user typed a code: the phone's half of the key exchange."""
    attrs = _heard(stanza_id, "link_code_companion_reg", now=now)
    registration = Node.make(
        "link_code_companion_reg",
        {"stage": "primary_hello"},
        [
            Node.make("link_code_pairing_ref", content=ref),
            Node.make("link_code_pairing_wrapped_primary_ephemeral_pub", content=wrapped_ephemeral),
            Node.make("primary_identity_pub", content=identity),
        ],
    )
    return Node.make("notification", attrs, registration)


def passkey_demand(stanza_id: str, now: datetime) -> Node:
    """The account must prove a passkey before the client can be linked."""
    attrs = _heard(stanza_id, "passkey_prologue_request", now=now)
    options = Node.make("passkey_request_options", content=_PASSKEY_OPTIONS)
    return Node.make("notification", attrs, options)


def few_prekeys(stanza_id: str, left: int, now: datetime) -> Node:
    """The device should upload more one-time prekeys."""
    count = Node.make("count", {"value": left})
    return Node.make("notification", _heard(stanza_id, "encrypt", now=now), count)


def success(*, lid: Jid, now: datetime) -> Node:
    """A login was accepted. `lid` is the device's own address by LID."""
    return Node.make("success", {"t": int(now.timestamp()), "lid": lid, "location": _LOCATION})


def offline_preview(waiting: Collection[Node]) -> Node:
    """How much waits for the device, and of which kinds; it follows next."""
    tags = Counter(stanza.tag for stanza in waiting)
    kinds = {kind: tags[kind] for kind in ("message", "notification", "receipt")}
    counted = {"count": len(waiting), "appdata": 0, **kinds}
    return Node.make("ib", {"from": SERVER}, Node.make("offline_preview", counted))


def offline_done(count: int) -> Node:
    """All that waited has been sent."""
    return Node.make("ib", {"from": SERVER}, Node.make("offline", {"count": count}))


def failure(reason: int, *, code: int | None = None, expire_s: int | None = None) -> Node:
    """A login, or a client that wants to be linked, is refused."""
    attrs = {"reason": reason, "code": code, "expire": expire_s, "location": _LOCATION}
    return Node.make("failure", attrs)


def stream_error(*, code: int | None = None, conflict: str | None = None) -> Node:
    """The server ends the stream."""
    reason = Node.make("conflict", {"type": conflict}) if conflict else None
    return Node.make("stream:error", {"code": code}, reason)


def _heard(
    stanza_id: str, kind: str, *, now: datetime | None = None, xmlns: str | None = None
) -> dict[str, str | Jid | int | None]:
    """The attributes of what the server itself says."""
    t = None if now is None else int(now.timestamp())
    return {"from": SERVER, "type": kind, "id": stanza_id, "xmlns": xmlns, "t": t}
