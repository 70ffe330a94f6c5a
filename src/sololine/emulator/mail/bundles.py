"""Prekey bundles as they stand in stanzas, and those of companions as the world keeps them."""

from sololine.emulator.people.accounts import PREKEY_SIZE, DeviceKey
from sololine.emulator.world import World
from sololine.wire.curve import KEY_TYPE
from sololine.wire.node import Node
from sololine.wire.registration import PREKEY_ID_BYTES, REGISTRATION_ID_BYTES
from sololine.wire.signal.bundle import PrekeyBundle


def companion_bundle(world: World, key: DeviceKey) -> PrekeyBundle:
    """The bundle of a linked device, with a one-time prekey of it that nobody else gets.

    Raises:
        UnknownPhone, UnknownDevice: if there is no such device.
    """
    known = world.companion(key).registration
    signed, prekey = known.signed_prekey, world.take_prekey(key)
    return PrekeyBundle(
        registration_id=int.from_bytes(known.registration_id, "big"),
        identity=known.identity,
        signed_prekey_id=int.from_bytes(signed[:PREKEY_ID_BYTES], "big"),
        signed_prekey=signed[PREKEY_ID_BYTES:PREKEY_SIZE],
        signature=signed[PREKEY_SIZE:],
        prekey_id=int.from_bytes(prekey[:PREKEY_ID_BYTES], "big") if prekey else None,
        prekey=prekey[PREKEY_ID_BYTES:] if prekey else None,
    )


def write_registration(bundle: PrekeyBundle) -> Node:
    """The node that names the device's registration."""
    number = bundle.registration_id.to_bytes(REGISTRATION_ID_BYTES, "big")
    return Node.make("registration", content=number)


def write_keys(bundle: PrekeyBundle) -> list[Node]:
    """The nodes that hold the bundle's keys."""
    nodes = [
        Node.make("type", content=KEY_TYPE),
        Node.make("identity", content=bundle.identity),
        _key_node("skey", bundle.signed_prekey_id, bundle.signed_prekey, bundle.signature),
    ]
    if bundle.prekey_id is not None and bundle.prekey is not None:
        nodes.append(_key_node("key", bundle.prekey_id, bundle.prekey))
    return nodes


def read_bundle(registration: Node, keys: Node) -> PrekeyBundle:
    """The bundle that a device sent along, with its `registration` and its `keys` node.

    Raises:
        MalformedNode, MalformedPayload: if it is none.
    """
    signed, prekey = keys.need("skey"), keys.child("key")
    return PrekeyBundle(
        registration_id=int.from_bytes(registration.data, "big"),
        identity=keys.need("identity").data,
        signed_prekey_id=_key_id(signed),
        signed_prekey=signed.need("value").data,
        signature=signed.need("signature").data,
        prekey_id=_key_id(prekey) if prekey else None,
        prekey=prekey.need("value").data if prekey else None,
    )


def _key_node(tag: str, key_id: int, public: bytes, signature: bytes = b"") -> Node:
    parts = [
        Node.make("id", content=key_id.to_bytes(PREKEY_ID_BYTES, "big")),
        Node.make("value", content=public),
    ]
    if signature:
        parts.append(Node.make("signature", content=signature))
    return Node.make(tag, content=parts)


def _key_id(key: Node) -> int:
    return int.from_bytes(key.need("id").data, "big")
