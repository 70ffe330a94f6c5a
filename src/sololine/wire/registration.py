"""What a client says about itself when it connects: the last word of its handshake.

A device that belongs to no account registers its keys and then waits to be linked; one that does
logs in as that account's device. Both are a `ClientPayload` on the wire.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sololine.wire.curve import KEY_BYTES, KEY_TYPE, SIGNATURE_BYTES, KeyPair, prefixed, verify
from sololine.wire.errors import BadSignature, MalformedPayload
from sololine.wire.jid import MAX_DEVICE
from sololine.wire.protobuf import companion_reg, wa6
from sololine.wire.protobuf import parse as parse_message

REGISTRATION_ID_BYTES: Final = 4
PREKEY_ID_BYTES: Final = 3
SIGNED_PREKEY_BYTES: Final = PREKEY_ID_BYTES + KEY_BYTES + SIGNATURE_BYTES

Version: TypeAlias = tuple[int, int, int]
"""A client's version, say `(2, 3000, 1023456789)`."""

_MAX_NUMBER_DIGITS: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A device that wants to be linked, and its public keys.

    `registration_id` has 4 bytes, big-endian. `signed_prekey` is its id (3 bytes), key (32) and
    signature by `identity` (64). `device_name` is what "linked devices" will call it;
    `platform` names one of WhatsApp's kinds of device, say `CHROME`.
    """

    registration_id: bytes
    identity: bytes
    signed_prekey: bytes
    device_name: str
    platform: str

    def encode(self, version: Version) -> bytes:
        """The payload, as a client of that version sends it."""
        kind = companion_reg.DeviceProps.PlatformType
        props = companion_reg.DeviceProps(
            os=self.device_name, platformType=kind.Value(self.platform), requireFullSync=False
        )
        key_at = PREKEY_ID_BYTES + KEY_BYTES
        payload = _payload(version, passive=False, pull=False)
        payload.devicePairingData.MergeFrom(
            wa6.ClientPayload.DevicePairingRegistrationData(
                eRegid=self.registration_id,
                eKeytype=KEY_TYPE,
                eIdent=self.identity,
                eSkeyID=self.signed_prekey[:PREKEY_ID_BYTES],
                eSkeyVal=self.signed_prekey[PREKEY_ID_BYTES:key_at],
                eSkeySig=self.signed_prekey[key_at:],
                # The server compares this to the version; it is no secret and no signature.
                buildHash=hashlib.md5(_dotted(version).encode(), usedforsecurity=False).digest(),
                deviceProps=props.SerializeToString(),
            )
        )
        return bytes(payload.SerializeToString())


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A linked device that wants its session: the account's number in digits, and which device.

    `passive` clients get their queue only once they ask for it to begin.
    """

    number: str
    device: int
    passive: bool = True

    def encode(self, version: Version) -> bytes:
        """The payload, as a client of that version sends it."""
        payload = _payload(version, passive=self.passive, pull=True)
        payload.username = int(self.number)
        payload.device = self.device
        payload.lidDbMigrated = True
        payload.lc = 1
        return bytes(payload.SerializeToString())


def parse(payload: bytes) -> Registration | Login:
    """What the client wants.

    Raises:
        MalformedPayload: if it says neither, or both, or its keys have wrong lengths.
        BadSignature: if its identity did not sign its prekey.
    """
    message = parse_message(wa6.ClientPayload, payload)
    registers, logs_in = message.HasField("devicePairingData"), message.HasField("username")
    if registers == logs_in:
        raise MalformedPayload("a client must either register or log in")
    return _registration(message.devicePairingData) if registers else _login(message)


def sign_prekey(identity: KeyPair, prekey_id: int, public: bytes) -> bytes:
    """A signed prekey as `Registration` holds it."""
    signature = identity.sign(prefixed(public))
    return prekey_id.to_bytes(PREKEY_ID_BYTES, "big") + public + signature


def check_prekey(identity: bytes, signed_prekey: bytes) -> None:
    """Make sure that the identity signed the prekey.

    Raises:
        MalformedPayload: if it does not have the length of one.
        BadSignature: if it did not.
    """
    if len(signed_prekey) != SIGNED_PREKEY_BYTES:
        raise MalformedPayload(f"a signed prekey has {SIGNED_PREKEY_BYTES} bytes")
    key_at = PREKEY_ID_BYTES + KEY_BYTES
    public, signature = signed_prekey[PREKEY_ID_BYTES:key_at], signed_prekey[key_at:]
    if not verify(identity, prefixed(public), signature):
        raise BadSignature("the prekey is not signed by the identity beside it")


def _registration(data: Any) -> Registration:
    if data.eKeytype != KEY_TYPE:
        raise MalformedPayload("a client must register keys of type 5")
    if len(data.eRegid) != REGISTRATION_ID_BYTES or len(data.eIdent) != KEY_BYTES:
        raise MalformedPayload("a registration id has 4 bytes, an identity key 32")
    if len(data.eSkeyID) != PREKEY_ID_BYTES or len(data.eSkeyVal) != KEY_BYTES:
        raise MalformedPayload("a prekey's id has 3 bytes, the key itself 32")
    signed_prekey = data.eSkeyID + data.eSkeyVal + data.eSkeySig
    check_prekey(data.eIdent, signed_prekey)
    props = parse_message(companion_reg.DeviceProps, data.deviceProps)
    return Registration(
        registration_id=data.eRegid,
        identity=data.eIdent,
        signed_prekey=signed_prekey,
        device_name=props.os,
        platform=companion_reg.DeviceProps.PlatformType.Name(props.platformType),
    )


def _login(message: Any) -> Login:
    number = str(message.username)
    if not message.username or len(number) > _MAX_NUMBER_DIGITS or message.device > MAX_DEVICE:
        raise MalformedPayload("a login must name an account's number and a device")
    return Login(number=number, device=message.device, passive=message.passive)


def _payload(version: Version, *, passive: bool, pull: bool) -> Any:
    kind = wa6.ClientPayload
    primary, secondary, tertiary = version
    return kind(
        passive=passive,
        pull=pull,
        connectType=kind.ConnectType.WIFI_UNKNOWN,
        connectReason=kind.ConnectReason.USER_ACTIVATED,
        userAgent=kind.UserAgent(
            platform=kind.UserAgent.Platform.WEB,
            releaseChannel=kind.UserAgent.ReleaseChannel.RELEASE,
            appVersion=kind.UserAgent.AppVersion(
                primary=primary, secondary=secondary, tertiary=tertiary
            ),
            # Web clients know no network: the unassigned codes stand for that.
            mcc="000",
            mnc="000",
            osVersion="0.1",
            osBuildNumber="0.1",
            manufacturer="",
            device="Desktop",
            localeLanguageIso6391="en",
            localeCountryIso31661Alpha2="US",
        ),
        webInfo=kind.WebInfo(webSubPlatform=kind.WebInfo.WebSubPlatform.WEB_BROWSER),
    )


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
