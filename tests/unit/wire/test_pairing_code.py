import pytest

from sololine.wire import pairing_code
from sololine.wire.curve import KeyPair
from sololine.wire.errors import DecryptionFailed, MalformedPayload
from sololine.wire.pairing_code import Companion, CompanionFinish, Primary

CODE = "ABCD2345"
DEVICE = KeyPair.generate()
ACCOUNT = KeyPair.generate()


def exchange(*, typed: str) -> tuple[Primary, CompanionFinish]:
    companion = Companion(DEVICE, code=CODE)
    primary = Primary(typed, ACCOUNT)
    return primary, companion.finish(primary.answer(companion.hello), ACCOUNT.public)


def test_both_sides_arrive_at_the_same_secret() -> None:
    primary, finish = exchange(typed=CODE)
    secret = primary.finish(finish.key_bundle, DEVICE.public)
    assert secret == finish.adv_secret
    assert len(secret) == 32


def test_a_wrong_code_is_noticed_by_the_phone() -> None:
    primary, finish = exchange(typed="ABCD2346")
    with pytest.raises(DecryptionFailed, match=r"^the linking code is not the one"):
        primary.finish(finish.key_bundle, DEVICE.public)


def test_the_right_code_can_be_typed_after_a_wrong_one() -> None:
    companion = Companion(DEVICE, code=CODE)
    companion.finish(Primary("ABCD2346", ACCOUNT).answer(companion.hello), ACCOUNT.public)
    primary = Primary(CODE, ACCOUNT)
    finish = companion.finish(primary.answer(companion.hello), ACCOUNT.public)
    assert primary.finish(finish.key_bundle, DEVICE.public) == finish.adv_secret


def test_the_bundle_must_name_the_companion_that_registered() -> None:
    primary, finish = exchange(typed=CODE)
    with pytest.raises(MalformedPayload, match="other keys"):
        primary.finish(finish.key_bundle, KeyPair.generate().public)


def test_a_tampered_bundle_does_not_open() -> None:
    primary, finish = exchange(typed=CODE)
    for place in (0, 40, -1):
        bundle = bytearray(finish.key_bundle)
        bundle[place] ^= 1
        with pytest.raises(DecryptionFailed):
            primary.finish(bytes(bundle), DEVICE.public)


def test_a_bundle_out_of_turn_or_too_short_is_refused() -> None:
    with pytest.raises(MalformedPayload):
        Primary(CODE, ACCOUNT).finish(bytes(200), DEVICE.public)
    primary, finish = exchange(typed=CODE)
    with pytest.raises(MalformedPayload):
        primary.finish(finish.key_bundle[:44], DEVICE.public)


def test_a_wrapped_key_opens_under_its_code_and_may_be_followed_by_more() -> None:
    public = KeyPair.generate().public
    wrapped = pairing_code.wrap_key(CODE, public)
    assert len(wrapped) == 80
    assert pairing_code.unwrap_key(CODE, wrapped + b"more") == public
    assert pairing_code.unwrap_key("ABCD2346", wrapped) != public
    assert pairing_code.wrap_key(CODE, public) != wrapped
    with pytest.raises(MalformedPayload):
        pairing_code.unwrap_key(CODE, wrapped[:79])


def test_new_codes_are_made_of_the_alphabet() -> None:
    assert len(set(pairing_code.ALPHABET)) == 32
    codes = {pairing_code.new_code() for _ in range(100)}
    assert len(codes) == 100
    assert all(pairing_code.read_code(code) == code for code in codes)
    assert Companion(DEVICE).code not in codes


def test_a_code_is_shown_in_two_halves_and_read_as_people_type() -> None:
    assert pairing_code.display(CODE) == "ABCD-2345"
    for typed in ("ABCD-2345", "abcd2345", "abcd 2345", CODE):
        assert pairing_code.read_code(typed) == CODE


@pytest.mark.parametrize("typed", ["", "ABCD-234", "ABCD-23456", "ABCD-2340", "ABCD-234O"])
def test_what_is_no_code_is_refused_and_not_shown(typed: str) -> None:
    with pytest.raises(MalformedPayload) as refusal:
        pairing_code.read_code(typed)
    assert not typed or typed not in str(refusal.value)


def test_secrets_do_not_show_themselves() -> None:
    primary, finish = exchange(typed=CODE)
    assert CODE not in repr(primary)
    assert repr(finish.adv_secret) not in repr(finish)
