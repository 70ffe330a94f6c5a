import pytest

from sololine.wire.curve import KeyPair
from sololine.wire.errors import BadSignature, MalformedPayload
from sololine.wire.protobuf import companion_reg, wa6
from sololine.wire.registration import Login, Registration, check_prekey, parse, sign_prekey

VERSION = (2, 3000, 1_023_456_789)
IDENTITY = KeyPair.generate()
REGISTRATION = Registration(
    registration_id=b"\0\0\x30\x39",
    identity=IDENTITY.public,
    signed_prekey=sign_prekey(IDENTITY, 1, KeyPair.generate().public),
    device_name="Sololine",
    platform="CHROME",
)


def test_a_registration_is_read_back() -> None:
    assert parse(REGISTRATION.encode(VERSION)) == REGISTRATION


def test_a_login_is_read_back() -> None:
    for passive in (True, False):
        login = Login(number="447441395830", device=37, passive=passive)
        assert parse(login.encode(VERSION)) == login


def test_a_registration_holds_what_servers_look_at() -> None:
    message = wa6.ClientPayload.FromString(REGISTRATION.encode(VERSION))
    data = message.devicePairingData
    assert (message.passive, message.pull, message.HasField("username")) == (False, False, False)
    assert (data.eKeytype, data.eSkeyID, len(data.buildHash)) == (b"\5", b"\0\0\1", 16)
    assert message.userAgent.appVersion.tertiary == VERSION[2]
    props = companion_reg.DeviceProps.FromString(data.deviceProps)
    assert (props.os, props.platformType) == ("Sololine", 1)


def test_a_login_holds_what_servers_look_at() -> None:
    login = Login(number="447441395830", device=37)
    message = wa6.ClientPayload.FromString(login.encode(VERSION))
    assert (message.username, message.device) == (447441395830, 37)
    assert message.passive
    assert message.pull
    assert message.lidDbMigrated
    assert message.lc == 1


def changed(**fields: bytes) -> bytes:
    message = wa6.ClientPayload.FromString(REGISTRATION.encode(VERSION))
    for name, value in fields.items():
        setattr(message.devicePairingData, name, value)
    return bytes(message.SerializeToString())


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff",
        b"",
        changed(eKeytype=b"\6"),
        changed(eRegid=b"\0"),
        changed(eIdent=b"\0"),
        changed(eSkeyID=b"\0"),
        changed(eSkeyVal=b"\0"),
        changed(eSkeySig=b"\0"),
        changed(deviceProps=b"\xff"),
        wa6.ClientPayload(username=0).SerializeToString(),
        wa6.ClientPayload(username=10**15).SerializeToString(),
        wa6.ClientPayload(username=1, device=65536).SerializeToString(),
        wa6.ClientPayload(username=1, devicePairingData={}).SerializeToString(),
    ],
)
def test_what_says_neither_rightly_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedPayload):
        parse(payload)


def test_a_prekey_that_the_identity_did_not_sign_is_refused() -> None:
    with pytest.raises(BadSignature):
        parse(changed(eIdent=KeyPair.generate().public))
    with pytest.raises(BadSignature):
        parse(changed(eSkeySig=bytes(64)))


def test_a_signed_prekey_is_checked_by_itself() -> None:
    check_prekey(IDENTITY.public, REGISTRATION.signed_prekey)
    with pytest.raises(MalformedPayload):
        check_prekey(IDENTITY.public, REGISTRATION.signed_prekey[:-1])
    with pytest.raises(BadSignature):
        check_prekey(KeyPair.generate().public, REGISTRATION.signed_prekey)
