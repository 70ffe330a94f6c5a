"""A sealed file opens with its passphrase, and as a whole, or not at all."""

import stat
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sololine import sealed_file
from sololine.sealed_file import (
    Damaged,
    NewerVersion,
    NotSealed,
    SealedFileError,
    Truncated,
    WrongPassphrase,
    opened,
    sealed,
)

PASSPHRASE = "correct horse"
QUICK = 1
"""What a guess costs does not matter here."""
CHUNK = 16
HEADER = 63
TEXT = bytes(range(100))
"""Seven chunks, the last of them short."""
CHUNKS = 7

on_one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def seal(path: Path, *pieces: bytes, chunk: int = CHUNK) -> bytes:
    with sealed(path, PASSPHRASE, cost=QUICK, chunk=chunk) as file:
        for piece in pieces:
            file.write(piece)
    return path.read_bytes()


def unseal(path: Path, passphrase: str = PASSPHRASE, size: int = 7) -> bytes:
    with opened(path, passphrase) as file:
        return b"".join(iter(lambda: file.read(size), b""))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.backup"


@on_one_file
@given(
    pieces=st.lists(st.binary(max_size=50), max_size=8),
    chunk=st.integers(1, 40),
    size=st.integers(1, 100),
)
def test_what_was_sealed_comes_out(path: Path, pieces: list[bytes], chunk: int, size: int) -> None:
    seal(path, *pieces, chunk=chunk)
    assert unseal(path, size=size) == b"".join(pieces)


@pytest.mark.parametrize("length", [0, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_files_around_the_border_of_a_chunk_come_out(path: Path, length: int) -> None:
    seal(path, bytes(length))
    assert unseal(path) == bytes(length)


def test_it_can_be_read_again_from_its_beginning(path: Path) -> None:
    seal(path, TEXT)
    with opened(path, PASSPHRASE) as file:
        file.read(50)
        file.rewind()
        assert file.read(3) == TEXT[:3]


def test_nothing_of_it_stands_in_the_file(path: Path) -> None:
    assert b"secret" not in seal(path, b"a secret of many words")


def test_two_files_of_one_text_have_nothing_in_common(tmp_path: Path) -> None:
    one, other = (seal(tmp_path / name, TEXT)[HEADER:] for name in "ab")
    assert sum(map(int.__eq__, one, other)) < len(one) / 10


def test_no_byte_of_it_can_be_changed_unnoticed(path: Path) -> None:
    whole = seal(path, TEXT)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x01
        path.write_bytes(changed)
        with pytest.raises(SealedFileError):
            unseal(path)


@on_one_file
@given(st.data())
def test_no_bit_of_what_was_sealed_can_be_changed_unnoticed(
    path: Path, data: st.DataObject
) -> None:
    changed = bytearray(seal(path, TEXT))
    place = data.draw(st.integers(HEADER, len(changed) - 1))
    changed[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    with pytest.raises(Damaged):
        unseal(path)


def test_wherever_it_is_cut_off_that_is_said(path: Path) -> None:
    whole = seal(path, TEXT)
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(Truncated):
            unseal(path)


def test_it_cannot_be_shortened_by_someone_who_mends_its_header(path: Path) -> None:
    """The length in the header is only there to name the error; chunks know which is the last."""
    whole = bytearray(seal(path, TEXT)[: HEADER + 3 * (CHUNK + 16)])
    made_of = bytes(whole[:31])
    whole[31:47] = struct.pack(">Q", len(whole)) + sealed_file._checksum(made_of, len(whole))
    key = sealed_file._keys(PASSPHRASE, made_of, QUICK)[1]
    whole[:HEADER] = sealed_file._header(made_of, len(whole), key)
    path.write_bytes(whole)
    with pytest.raises(Damaged):
        unseal(path)


@on_one_file
@given(st.permutations(range(CHUNKS - 1)))
def test_its_chunks_cannot_change_places(path: Path, order: list[int]) -> None:
    whole = seal(path, TEXT)
    length = CHUNK + 16
    chunks = [whole[HEADER + each * length :][:length] for each in range(CHUNKS)]
    path.write_bytes(whole[:HEADER] + b"".join([chunks[each] for each in order] + chunks[-1:]))
    if order == sorted(order):
        assert unseal(path) == TEXT
    else:
        with pytest.raises(Damaged):
            unseal(path)


def test_nothing_can_be_put_behind_it(path: Path) -> None:
    path.write_bytes(seal(path, TEXT) + b"x")
    with pytest.raises(Damaged):
        unseal(path)


def test_chunks_of_another_file_do_not_open_in_it(tmp_path: Path) -> None:
    one, other = (seal(tmp_path / name, TEXT) for name in "ab")
    (tmp_path / "c").write_bytes(one[:HEADER] + other[HEADER:])
    with pytest.raises(Damaged):
        unseal(tmp_path / "c")


def test_another_passphrase_is_told_from_damage(path: Path) -> None:
    seal(path, TEXT)
    with pytest.raises(WrongPassphrase, match="passphrase"):
        unseal(path, "wrong horse")


def test_a_passphrase_is_the_same_on_every_keyboard(path: Path) -> None:
    with sealed(path, "contrase\u00f1a", cost=QUICK) as file:
        file.write(TEXT)
    assert unseal(path, "contrasen\u0303a") == TEXT


def test_a_newer_format_is_said_to_be_one(path: Path) -> None:
    whole = seal(path, TEXT)
    path.write_bytes(whole[:8] + struct.pack(">H", 2) + whole[10:])
    with pytest.raises(NewerVersion, match="upgrade"):
        unseal(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", bytes(500)], ids=str)
def test_another_file_is_said_to_be_none_of_ours(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(NotSealed):
        unseal(path)


@pytest.mark.parametrize(("cost", "chunk"), [(0, 16), (21, 16), (1, 0), (1, 2**31)])
def test_a_header_that_asks_for_too_much_is_not_obeyed(path: Path, cost: int, chunk: int) -> None:
    whole = bytearray(seal(path, TEXT))
    struct.pack_into(">BI", whole, 10, cost, chunk)
    whole[39:47] = sealed_file._checksum(bytes(whole[:31]), len(whole))
    path.write_bytes(whole)
    with pytest.raises(Damaged):
        unseal(path)


def test_it_is_for_its_owner_alone(path: Path) -> None:
    seal(path, TEXT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_fails_leaves_what_was_there_before(path: Path) -> None:
    path.write_bytes(b"before")

    def fail() -> None:
        with sealed(path, PASSPHRASE, cost=QUICK) as file:
            file.write(TEXT)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == b"before"


def test_a_guess_costs_as_much_as_is_said(path: Path) -> None:
    with sealed(path, PASSPHRASE) as file:
        file.write(TEXT)
    assert path.read_bytes()[10] == sealed_file.COST == 17
    assert unseal(path) == TEXT
