"""How a companion device joins an account, and what each side signs.

    companion                      server                      phone ("primary")
    registration        ------->
                        <-------   refs
    shows QrPayload(ref, keys, secret)   ~ ~ ~ seen by ~ ~ ~>  QrPayload.parse
                                   <-----------------------    seal_identity
    accept_identity     <-------   pair-success
                        ------->   pair-device-sign            check_companion

The container that the phone seals is proof twice: its HMAC, that the phone saw the QR code; its
signature, that the account knows the device. The companion's signature closes the circle.
Hosted accounts, which sign under other labels, are refused.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final, Self

from sololine.wire.curve import KEY_BYTES, KeyPair, verify
from sololine.wire.errors import BadHmac, BadSignature, MalformedPayload
from sololine.wire.protobuf import adv, parse

QR_PREFIX: Final = "https://wa.me/settings/linked_devices#"
"""Makes a phone's camera open WhatsApp. Some clients leave it out."""

ACCOUNT_LABEL: Final = b"\x06\x00"
DEVICE_LABEL: Final = b"\x06\x01"

_FIELDS: Final = (4, 5)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QrPayload:
    """What a QR code for linking says. Whoever knows it can link: its text form hides all.

    `ref` is the server's name for the waiting companion; `noise` and `identity` are the
    companion's public keys; `adv_secret` is known to nobody who has not seen the code;
    `client_type` says which kind of client shows it, and is empty for old ones.
    """

    ref: str
    noise: bytes
    identity: bytes
    adv_secret: bytes
    client_type: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a code, with or without its address in front.

        Raises:
            MalformedPayload: if it is no linking code; the message does not show it.
        """
        fields = text.removeprefix(QR_PREFIX).split(",")
        if len(fields) not in _FIELDS or not fields[0] or "#" in text.removeprefix(QR_PREFIX):
            raise MalformedPayload("not the text of a linking code")
        try:
            keys = [base64.b64decode(field, validate=True) for field in fields[1:4]]
        except ValueError as error:
            raise MalformedPayload("a linking code whose keys are not base64") from error
        if any(len(key) != KEY_BYTES for key in keys):
            raise MalformedPayload(f"a linking code whose keys do not have {KEY_BYTES} bytes")
        noise, identity, adv_secret = keys
        return cls(
            ref=fields[0],
            noise=noise,
            identity=identity,
            adv_secret=adv_secret,
            client_type="".join(fields[4:]),
        )

    def format(self, *, url: bool = True) -> str:
        """The text to show as a QR code."""
        keys = (self.noise, self.identity, self.adv_secret)
        fields = [self.ref, *(base64.b64encode(key).decode() for key in keys)]
        if self.client_type:
            fields.append(self.client_type)
        return (QR_PREFIX if url else "") + ",".join(fields)

    def __repr__(self) -> str:
        return "QrPayload(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What a companion has once it accepted the phone's container.

    `answer` goes to the server in pair-device-sign, beside `key_index`. `device_identity` is
    kept: it goes with the first message to everyone. `account_identity` is the public identity
    key of the phone, with which Signal sessions to it begin.
    """

    answer: bytes
    device_identity: bytes
    account_identity: bytes
    key_index: int


def seal_identity(
    account: KeyPair,
    companion_identity: bytes,
    adv_secret: bytes,
    key_index: int,
    timestamp: int,
    *,
    raw_id: int = 0,
) -> bytes:
    """The phone's container for a companion: an `ADVSignedDeviceIdentityHMAC`.

    `key_index` counts the account's devices, never reused; `timestamp` is in Unix seconds;
    `raw_id` is the account's number for itself.
    """
    details = adv.ADVDeviceIdentity(
        rawID=raw_id, timestamp=timestamp, keyIndex=key_index
    ).SerializeToString()
    signed = adv.ADVSignedDeviceIdentity(
        details=details,
        accountSignatureKey=account.public,
        accountSignature=account.sign(ACCOUNT_LABEL + details + companion_identity),
    ).SerializeToString()
    container = adv.ADVSignedDeviceIdentityHMAC(details=signed, HMAC=_hmac(adv_secret, signed))
    return bytes(container.SerializeToString())


def accept_identity(container: bytes, adv_secret: bytes, companion: KeyPair) -> Accepted:
    """The companion's side: check the phone's container and sign it in return.

    Raises:
        BadHmac: if the phone did not see our code; the server is told "hmac-mismatch".
        BadSignature: if the account's signature is not its own; "signature-mismatch".
        MalformedPayload: if it is no container, or one of a hosted account.
    """
    sealed = parse(adv.ADVSignedDeviceIdentityHMAC, container)
    if sealed.accountType != adv.ADVEncryptionType.E2EE:
        raise MalformedPayload("the account is hosted by a business platform; that is unsupported")
    if not hmac.compare_digest(sealed.HMAC, _hmac(adv_secret, sealed.details)):
        raise BadHmac("the account's container is not made with our linking secret")
    identity = parse(adv.ADVSignedDeviceIdentity, sealed.details)
    account_public = bytes(identity.accountSignatureKey)
    _check_account(identity, account_public, companion.public)
    details = parse(adv.ADVDeviceIdentity, identity.details)
    identity.deviceSignature = companion.sign(
        _device_message(identity.details, companion.public, account_public)
    )
    device_identity = identity.SerializeToString()
    identity.ClearField("accountSignatureKey")
    return Accepted(
        answer=identity.SerializeToString(),
        device_identity=device_identity,
        account_identity=account_public,
        key_index=details.keyIndex,
    )


def check_companion(account_public: bytes, companion_identity: bytes, signed: bytes) -> bytes:
    """The account's side: check what a companion returned in pair-device-sign.

    Returns the device's identity as others may see it, with the account's key put back in.

    Raises:
        BadSignature: if it is not what the account signed, or not signed by that companion.
        MalformedPayload: if it is no device identity, or still holds the account's key.
    """
    identity = parse(adv.ADVSignedDeviceIdentity, signed)
    if identity.accountSignatureKey:
        raise MalformedPayload("a companion must return its identity without the account's key")
    _check_account(identity, account_public, companion_identity)
    message = _device_message(identity.details, companion_identity, account_public)
    if not verify(companion_identity, message, identity.deviceSignature):
        raise BadSignature("the device identity is not signed by its companion")
    identity.accountSignatureKey = account_public
    return bytes(identity.SerializeToString())


def _check_account(identity: Any, account_public: bytes, companion_identity: bytes) -> None:
    message = ACCOUNT_LABEL + identity.details + companion_identity
    if not verify(account_public, message, identity.accountSignature):
        raise BadSignature("the device identity is not signed by its account")


def _device_message(details: bytes, companion_identity: bytes, account_public: bytes) -> bytes:
    return DEVICE_LABEL + details + companion_identity + account_public


def _hmac(secret: bytes, data: bytes) -> bytes:
    return hmac.digest(secret, data, hashlib.sha256)
