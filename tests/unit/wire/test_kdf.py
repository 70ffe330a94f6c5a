from sololine.wire.kdf import hkdf


def test_keys_are_derived_as_the_standard_says() -> None:
    """RFC 5869, A.1 and A.3."""
    derived = hkdf(
        b"\x0b" * 22,
        salt=bytes(range(13)),
        info=bytes(range(0xF0, 0xFA)),
        length=42,
    )
    assert derived == bytes.fromhex(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    assert hkdf(b"\x0b" * 22, length=42) == bytes.fromhex(
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


def test_no_salt_is_a_salt_of_zeros() -> None:
    assert hkdf(b"x", length=32) == hkdf(b"x", salt=bytes(32), length=32)
