"""The TLS certificates with which the emulator stands in for WhatsApp's hosts."""

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS: Final = ("web.whatsapp.com", "*.whatsapp.com", "*.whatsapp.net", "localhost")
"""The names the leaf is valid for."""

_VALID_FOR: Final = timedelta(days=398)
_RENEW_BEFORE: Final = timedelta(days=30)
_CLOCK_SKEW: Final = timedelta(days=1)

_CA_USAGE: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """A test CA and the leaf it signed, as PEM files.

    `ca_file` is what a client must trust (`SSL_CERT_FILE`). The CA's private key is never
    written: a client that trusts this CA trusts one certificate, and nobody can sign another.
    """

    ca_file: Path
    leaf_file: Path
    key_file: Path

    @classmethod
    def in_folder(cls, folder: Path, *, now: datetime) -> Self:
        """The certificates kept in `folder`, issued anew if missing, broken or near their end.

        `now` is aware UTC. The leaf's key is readable by its owner only.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = cls(
            ca_file=folder / "ca.pem", leaf_file=folder / "leaf.pem", key_file=folder / "leaf.key"
        )
        if not found._are_good(now):
            found._issue(now)
        return found

    def server_context(self) -> ssl.SSLContext:
        """A TLS context that presents the leaf."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.leaf_file, self.key_file)
        return context

    def _are_good(self, now: datetime) -> bool:
        try:
            ca = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
            leaf = x509.load_pem_x509_certificate(self.leaf_file.read_bytes())
            key = serialization.load_pem_private_key(self.key_file.read_bytes(), password=None)
            leaf.verify_directly_issued_by(ca)
        except (OSError, ValueError, TypeError, InvalidSignature):
            return False
        return (
            key.public_key() == leaf.public_key()
            and leaf.not_valid_before_utc <= now
            and now + _RENEW_BEFORE <= min(leaf.not_valid_after_utc, ca.not_valid_after_utc)
        )

    def _issue(self, now: datetime) -> None:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        leaf_key = ec.generate_private_key(ec.SECP256R1())
        ca_name = _common_name("Sololine emulator CA")

        def draft(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
            # The key identifiers are asked for by clients that verify strictly (RFC 5280).
            own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
            return (
                x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(ca_name)
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - _CLOCK_SKEW)
                .not_valid_after(now + _VALID_FOR)
                .add_extension(own, critical=False)
                .add_extension(issuer, critical=False)
            )

        ca = (
            draft(ca_name, ca_key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_CA_USAGE, critical=True)
            .sign(ca_key, hashes.SHA256())
        )
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS])
        server_auth = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        leaf = (
            draft(_common_name(HOSTS[0]), leaf_key)
            .add_extension(names, critical=False)
            .add_extension(server_auth, critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        _write(self.ca_file, ca.public_bytes(pem), 0o644)
        _write(self.leaf_file, leaf.public_bytes(pem), 0o644)
        key_bytes = leaf_key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write(self.key_file, key_bytes, 0o600)


def secret_kept_in(path: Path, generate: Callable[[], bytes]) -> bytes:
    """The secret in the file, or a generated one that is then written there for the next start."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        secret = generate()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, secret, 0o600)
        return secret


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _write(path: Path, content: bytes, mode: int) -> None:
    # Renamed into place, so that a killed process leaves either the old file or the new one.
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    partial.replace(path)
