"""The certificate by which a server proves its Noise key.

    root key, known to the client  --signs-->  intermediate  --signs-->  leaf = the server's key

Times are Unix seconds; both certificates must be valid at the time of the handshake.
"""

from typing import Any, Final

from sololine.wire.curve import KEY_BYTES, KeyPair, verify
from sololine.wire.errors import BadCertificate, MalformedPayload
from sololine.wire.protobuf import cert, parse

WHATSAPP_ROOT: Final = bytes.fromhex(
    "142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b"
)
"""The public key that every WhatsApp client trusts."""

_ROOT_SERIAL: Final = 0
_INTERMEDIATE_SERIAL: Final = 1
_LEAF_SERIAL: Final = 2


def issue_chain(root: KeyPair, server_static: bytes, *, not_before: int, not_after: int) -> bytes:
    """A chain that proves the server's public key to who trusts the root.

    The intermediate key signs one leaf and is forgotten.
    """
    intermediate = KeyPair.generate()

    def sign(signer: KeyPair, *, serial: int, issuer: int, key: bytes) -> Any:
        details = cert.CertChain.NoiseCertificate.Details(
            serial=serial, issuerSerial=issuer, key=key, notBefore=not_before, notAfter=not_after
        ).SerializeToString()
        return cert.CertChain.NoiseCertificate(details=details, signature=signer.sign(details))

    chain = cert.CertChain(
        intermediate=sign(
            root, serial=_INTERMEDIATE_SERIAL, issuer=_ROOT_SERIAL, key=intermediate.public
        ),
        leaf=sign(
            intermediate, serial=_LEAF_SERIAL, issuer=_INTERMEDIATE_SERIAL, key=server_static
        ),
    )
    return bytes(chain.SerializeToString())


def verify_chain(chain: bytes, root_public: bytes, server_static: bytes, now: int) -> None:
    """Make sure that the chain proves the server's key to who trusts the root.

    Raises:
        BadCertificate: if it does not; the message says which link fails.
    """
    try:
        certificates = parse(cert.CertChain, chain)
        kind = cert.CertChain.NoiseCertificate.Details
        intermediate = parse(kind, certificates.intermediate.details)
        leaf = parse(kind, certificates.leaf.details)
    except MalformedPayload as error:
        raise BadCertificate("the certificate chain is no chain") from error
    _check("intermediate", certificates.intermediate, intermediate, root_public, now)
    if intermediate.issuerSerial != _ROOT_SERIAL:
        raise BadCertificate("the intermediate certificate names another issuer than the root")
    _check("leaf", certificates.leaf, leaf, intermediate.key, now)
    if leaf.issuerSerial != intermediate.serial:
        raise BadCertificate("the leaf certificate names another issuer than the intermediate")
    if leaf.key != server_static:
        raise BadCertificate("the leaf certificate is for another key than the server's")


def _check(name: str, certificate: Any, details: Any, signer: bytes, now: int) -> None:
    if not verify(signer, certificate.details, certificate.signature):
        raise BadCertificate(f"the {name} certificate is not signed by its issuer")
    if len(details.key) != KEY_BYTES:
        raise BadCertificate(f"the {name} certificate has no key of {KEY_BYTES} bytes")
    if now < details.notBefore:
        raise BadCertificate(f"the {name} certificate is not valid yet")
    if now > details.notAfter:
        raise BadCertificate(f"the {name} certificate has expired")
