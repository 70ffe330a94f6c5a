import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sololine.wire.curve import KeyPair, verify
from sololine.wire.errors import BadHmac, BadSignature, MalformedPayload
from sololine.wire.linking import (
    QR_PREFIX,
    Accepted,
    QrPayload,
    accept_identity,
    check_companion,
    seal_identity,
)
from sololine.wire.protobuf import adv

ACCOUNT = KeyPair.generate()
COMPANION = KeyPair.generate()
SECRET = bytes(range(32))
SEALED = seal_identity(ACCOUNT, COMPANION.public, SECRET, 7, 1_700_000_000)
KEYS = st.binary(min_size=32, max_size=32)


@given(
    payload=st.builds(
        QrPayload,
        ref=st.text("2@abcXYZ+/=", min_size=1),
        noise=KEYS,
        identity=KEYS,
        adv_secret=KEYS,
        client_type=st.sampled_from(["", "1", "6"]),
    ),
    url=st.booleans(),
)
def test_a_code_is_read_back_with_and_without_its_address(payload: QrPayload, *, url: bool) -> None:
    assert QrPayload.parse(payload.format(url=url)) == payload


def test_a_code_has_the_text_that_phones_expect() -> None:
    key = base64.b64encode(bytes(32)).decode()
    text = f"https://wa.me/settings/linked_devices#2@ref,{key},{key},{key},6"
    payload = QrPayload.parse(text)
    assert (payload.ref, payload.client_type) == ("2@ref", "6")
    assert payload.format() == text


def test_a_code_does_not_show_itself() -> None:
    payload = QrPayload(ref="2@ref", noise=SECRET, identity=SECRET, adv_secret=SECRET)
    assert repr(payload) == str(payload) == "QrPayload(...)"


KEY = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://example.com",
        f"ref,{KEY},{KEY}",
        f"ref,{KEY},{KEY},{KEY},6,7",
        f",{KEY},{KEY},{KEY}",
        f"ref,{KEY},{KEY},{KEY[:-1]}",
        f"ref,{KEY},{KEY},AAAA",
        f"ref,{KEY},{KEY},*{KEY}",
        f"ref,{KEY},{KEY},ä{KEY}",
        f"https://example.com/#ref,{KEY},{KEY},{KEY}",
        f"{QR_PREFIX}#ref,{KEY},{KEY},{KEY}",
    ],
)
def test_what_is_no_code_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(MalformedPayload) as refusal:
        QrPayload.parse(text)
    assert not text or text not in str(refusal.value)


def accept() -> Accepted:
    return accept_identity(SEALED, SECRET, COMPANION)


def test_account_and_companion_accept_each_other() -> None:
    accepted = accept()
    assert accepted.key_index == 7
    assert accepted.account_identity == ACCOUNT.public
    assert check_companion(ACCOUNT.public, COMPANION.public, accepted.answer) == (
        accepted.device_identity
    )


def test_the_answer_holds_what_the_protocol_describes() -> None:
    """Against the labels as numbers, so that a wrong constant on both sides would show."""
    identity = adv.ADVSignedDeviceIdentity.FromString(accept().answer)
    details = adv.ADVDeviceIdentity.FromString(identity.details)
    assert (details.keyIndex, details.timestamp) == (7, 1_700_000_000)
    assert identity.accountSignatureKey == b""
    by_account = bytes((6, 0)) + identity.details + COMPANION.public
    assert verify(ACCOUNT.public, by_account, identity.accountSignature)
    by_device = bytes((6, 1)) + identity.details + COMPANION.public + ACCOUNT.public
    assert verify(COMPANION.public, by_device, identity.deviceSignature)


def test_a_container_made_without_our_secret_is_refused() -> None:
    with pytest.raises(BadHmac):
        accept_identity(SEALED, bytes(32), COMPANION)


def test_a_container_changed_on_its_way_is_refused() -> None:
    container = adv.ADVSignedDeviceIdentityHMAC.FromString(SEALED)
    container.details += b"\0"
    with pytest.raises(BadHmac):
        accept_identity(container.SerializeToString(), SECRET, COMPANION)


def test_a_container_for_another_companion_is_refused() -> None:
    with pytest.raises(BadSignature, match="account"):
        accept_identity(SEALED, SECRET, KeyPair.generate())


def test_a_container_of_a_hosted_account_is_refused() -> None:
    container = adv.ADVSignedDeviceIdentityHMAC.FromString(SEALED)
    container.accountType = adv.ADVEncryptionType.HOSTED
    with pytest.raises(MalformedPayload, match="hosted"):
        accept_identity(container.SerializeToString(), SECRET, COMPANION)


def test_what_is_no_container_is_refused() -> None:
    with pytest.raises(MalformedPayload):
        accept_identity(b"\xff", SECRET, COMPANION)


def test_an_answer_of_another_companion_is_refused() -> None:
    other = KeyPair.generate()
    sealed = seal_identity(ACCOUNT, other.public, SECRET, 7, 1)
    answer = accept_identity(sealed, SECRET, other).answer
    with pytest.raises(BadSignature, match="account"):
        check_companion(ACCOUNT.public, COMPANION.public, answer)


def test_an_answer_to_another_account_is_refused() -> None:
    with pytest.raises(BadSignature, match="account"):
        check_companion(KeyPair.generate().public, COMPANION.public, accept().answer)


def test_an_answer_that_the_companion_did_not_sign_is_refused() -> None:
    identity = adv.ADVSignedDeviceIdentity.FromString(accept().answer)
    for signature in (b"", bytes(64), identity.accountSignature):
        identity.deviceSignature = signature
        with pytest.raises(BadSignature, match="companion"):
            check_companion(ACCOUNT.public, COMPANION.public, identity.SerializeToString())


def test_an_answer_that_still_holds_the_accounts_key_is_refused() -> None:
    with pytest.raises(MalformedPayload, match="without the account's key"):
        check_companion(ACCOUNT.public, COMPANION.public, accept().device_identity)
