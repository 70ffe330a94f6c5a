"""What a device publishes, so that others can begin a session with it while it is away."""

from dataclasses import dataclass

from sololine.wire.curve import KEY_BYTES, prefixed, verify
from sololine.wire.errors import BadSignature, MalformedPayload


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PrekeyBundle:
    """A device's identity, its signed prekey, and a one-time prekey while there are some.

    Keys are public, 32 bytes without their type; `signature` is the identity's, over the signed
    prekey behind its type byte. `prekey_id` and `prekey` are given together.

    Raises:
        MalformedPayload: if a key has another length, or one of those two is missing.
    """

    registration_id: int
    identity: bytes
    signed_prekey_id: int
    signed_prekey: bytes
    signature: bytes
    prekey_id: int | None = None
    prekey: bytes | None = None

    def __post_init__(self) -> None:
        if (self.prekey_id is None) != (self.prekey is None):
            raise MalformedPayload("a one-time prekey and its id stand in a bundle together")
        for key in (self.identity, self.signed_prekey, self.prekey):
            if key is not None and len(key) != KEY_BYTES:
                raise MalformedPayload(f"a key in a bundle has {KEY_BYTES} bytes")

    def check(self) -> None:
        """Hold the signed prekey to its identity.

        Raises:
            BadSignature: if the identity did not sign it.
        """
        if not verify(self.identity, prefixed(self.signed_prekey), self.signature):
            raise BadSignature("the signed prekey of a bundle is not signed by its identity")
