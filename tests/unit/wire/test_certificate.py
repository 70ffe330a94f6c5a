import pytest

from sololine.wire.certificate import WHATSAPP_ROOT, issue_chain, verify_chain
from sololine.wire.curve import KeyPair
from sololine.wire.errors import BadCertificate
from sololine.wire.protobuf import cert

ROOT = KeyPair.generate()
SERVER = KeyPair.generate()
CHAIN = issue_chain(ROOT, SERVER.public, not_before=100, not_after=200)


def altered(**changes: dict[str, int | bytes]) -> bytes:
    """The chain with details changed and signed anew, as only a careless issuer would."""
    chain = cert.CertChain.FromString(CHAIN)
    intermediate_key = KeyPair.generate()
    for name, signer in (("intermediate", ROOT), ("leaf", intermediate_key)):
        certificate = getattr(chain, name)
        details = cert.CertChain.NoiseCertificate.Details.FromString(certificate.details)
        if name == "intermediate":
            details.key = intermediate_key.public
        for field, value in changes.get(name, {}).items():
            setattr(details, field, value)
        certificate.details = details.SerializeToString()
        certificate.signature = signer.sign(certificate.details)
    return bytes(chain.SerializeToString())


@pytest.mark.parametrize("now", [100, 150, 200])
def test_a_chain_proves_the_servers_key_while_it_is_valid(now: int) -> None:
    verify_chain(CHAIN, ROOT.public, SERVER.public, now)
    verify_chain(altered(), ROOT.public, SERVER.public, now)


@pytest.mark.parametrize(("now", "message"), [(99, "not valid yet"), (201, "has expired")])
def test_a_chain_proves_nothing_at_another_time(now: int, message: str) -> None:
    with pytest.raises(BadCertificate, match=message):
        verify_chain(CHAIN, ROOT.public, SERVER.public, now)


def test_a_chain_proves_nothing_to_who_trusts_another_root() -> None:
    assert len(WHATSAPP_ROOT) == 32
    with pytest.raises(BadCertificate, match="intermediate certificate is not signed"):
        verify_chain(CHAIN, WHATSAPP_ROOT, SERVER.public, 150)


def test_a_chain_proves_no_other_key() -> None:
    with pytest.raises(BadCertificate, match="another key"):
        verify_chain(CHAIN, ROOT.public, KeyPair.generate().public, 150)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("leaf", {"notAfter": 149}, "leaf certificate has expired"),
        ("leaf", {"notBefore": 151}, "leaf certificate is not valid yet"),
        ("intermediate", {"notAfter": 149}, "intermediate certificate has expired"),
        ("intermediate", {"issuerSerial": 1}, "another issuer than the root"),
        ("leaf", {"issuerSerial": 7}, "another issuer than the intermediate"),
        ("intermediate", {"key": b"short"}, "no key of 32 bytes"),
        ("leaf", {"key": b""}, "no key of 32 bytes"),
    ],
)
def test_every_part_of_the_details_counts(
    name: str, changes: dict[str, int | bytes], message: str
) -> None:
    with pytest.raises(BadCertificate, match=message):
        verify_chain(altered(**{name: changes}), ROOT.public, SERVER.public, 150)


@pytest.mark.parametrize("name", ["intermediate", "leaf"])
@pytest.mark.parametrize("part", ["details", "signature"])
def test_a_tampered_certificate_is_refused(name: str, part: str) -> None:
    chain = cert.CertChain.FromString(CHAIN)
    certificate = getattr(chain, name)
    data = bytearray(getattr(certificate, part))
    data[-1] ^= 1
    setattr(certificate, part, bytes(data))
    with pytest.raises(BadCertificate):
        verify_chain(chain.SerializeToString(), ROOT.public, SERVER.public, 150)


@pytest.mark.parametrize("chain", [b"", b"\xff", CHAIN[:-1]])
def test_what_is_no_chain_is_refused(chain: bytes) -> None:
    with pytest.raises(BadCertificate):
        verify_chain(chain, ROOT.public, SERVER.public, 150)
