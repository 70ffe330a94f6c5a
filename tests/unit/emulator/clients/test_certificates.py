import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_IMODE

import pytest
from cryptography import x509

from sololine.emulator.clients.certificates import Certificates, secret_kept_in

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def leaf_of(certificates: Certificates) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificates.leaf_file.read_bytes())


def test_the_leaf_is_signed_by_the_ca_and_names_whatsapps_hosts(tmp_path: Path) -> None:
    certificates = Certificates.in_folder(tmp_path, now=NOW)

    ca = x509.load_pem_x509_certificate(certificates.ca_file.read_bytes())
    leaf = leaf_of(certificates)
    leaf.verify_directly_issued_by(ca)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "web.whatsapp.com",
        "*.whatsapp.com",
        "*.whatsapp.net",
        "localhost",
    ]


def test_the_leaf_satisfies_a_client_that_verifies_strictly(tmp_path: Path) -> None:
    now = datetime.now(UTC)  # OpenSSL takes the time from the system
    certificates = Certificates.in_folder(tmp_path, now=now)
    strict = ssl.create_default_context(cafile=str(certificates.ca_file))
    strict.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = strict.wrap_bio(to_client, to_server, server_hostname="mmg.whatsapp.net")
    server = certificates.server_context().wrap_bio(to_server, to_client, server_side=True)

    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    client.do_handshake()


def test_only_the_owner_may_read_the_key_and_the_cas_key_is_nowhere(tmp_path: Path) -> None:
    certificates = Certificates.in_folder(tmp_path / "new", now=NOW)

    assert S_IMODE(certificates.key_file.stat().st_mode) == 0o600
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "ca.pem",
        "leaf.key",
        "leaf.pem",
    ]


def test_certificates_are_used_again_while_they_are_valid(tmp_path: Path) -> None:
    first = leaf_of(Certificates.in_folder(tmp_path, now=NOW))

    assert leaf_of(Certificates.in_folder(tmp_path, now=NOW + timedelta(days=360))) == first


@pytest.mark.parametrize("later", [timedelta(days=380), timedelta(days=-5)])
def test_certificates_near_their_end_or_from_the_future_are_issued_anew(
    tmp_path: Path, later: timedelta
) -> None:
    first = leaf_of(Certificates.in_folder(tmp_path, now=NOW))

    assert leaf_of(Certificates.in_folder(tmp_path, now=NOW + later)) != first


@pytest.mark.parametrize("name", ["ca.pem", "leaf.pem", "leaf.key"])
@pytest.mark.parametrize("damage", ["missing", "garbage", "another"])
def test_certificates_that_do_not_belong_together_are_issued_anew(
    tmp_path: Path, name: str, damage: str
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    first = leaf_of(Certificates.in_folder(here, now=NOW))
    Certificates.in_folder(there, now=NOW)
    match damage:
        case "missing":
            (here / name).unlink()
        case "garbage":
            (here / name).write_bytes(b"-----BEGIN NOTHING-----")
        case _:
            (here / name).write_bytes((there / name).read_bytes())

    certificates = Certificates.in_folder(here, now=NOW)

    assert leaf_of(certificates) != first
    assert isinstance(certificates.server_context(), ssl.SSLContext)


def test_a_secret_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secret"

    assert secret_kept_in(path, lambda: b"first") == b"first"
    assert secret_kept_in(path, lambda: b"second") == b"first"
    assert S_IMODE(path.stat().st_mode) == 0o600
