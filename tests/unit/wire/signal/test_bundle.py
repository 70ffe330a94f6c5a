from dataclasses import replace

import pytest

from sololine.wire.curve import KeyPair, prefixed
from sololine.wire.errors import BadSignature, MalformedPayload
from sololine.wire.signal.bundle import PrekeyBundle

IDENTITY, SIGNED = KeyPair.generate(), KeyPair.generate()
BUNDLE = PrekeyBundle(
    registration_id=1,
    identity=IDENTITY.public,
    signed_prekey_id=2,
    signed_prekey=SIGNED.public,
    signature=IDENTITY.sign(prefixed(SIGNED.public)),
)


def test_a_bundle_is_held_to_its_identity() -> None:
    BUNDLE.check()
    for broken in (
        replace(BUNDLE, identity=KeyPair.generate().public),
        replace(BUNDLE, signed_prekey=KeyPair.generate().public),
        replace(BUNDLE, signature=IDENTITY.sign(SIGNED.public)),
        replace(BUNDLE, signature=b""),
    ):
        with pytest.raises(BadSignature):
            broken.check()


def test_a_one_time_prekey_and_its_id_stand_together() -> None:
    assert replace(BUNDLE, prekey_id=0, prekey=bytes(32)).prekey_id == 0
    for half in ({"prekey_id": 0}, {"prekey": bytes(32)}):
        with pytest.raises(MalformedPayload):
            replace(BUNDLE, **half)  # type: ignore[arg-type]  # one or the other


@pytest.mark.parametrize("name", ["identity", "signed_prekey", "prekey"])
def test_keys_of_another_length_are_refused(name: str) -> None:
    whole = replace(BUNDLE, prekey_id=3, prekey=bytes(32))
    with pytest.raises(MalformedPayload):
        replace(whole, **{name: bytes(33)})  # type: ignore[arg-type]  # each of them is bytes
