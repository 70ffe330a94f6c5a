"""The sandbox's way to start workers: the real library, pointed at a WhatsApp on this machine.

The server's address is changed by a proxy variable and its certificate by a CA file, both in the
worker's environment. What remains is the key under which WhatsApp proves itself, which the library
holds in its memory: a sandbox worker replaces it there before it serves. Such a worker cannot reach
the real WhatsApp any more, and nothing on disk changes. `engine.worker` knows nothing of this.
"""

import ctypes
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sololine.core.sentence import Sentence
from sololine.engine import worker
from sololine.engine.launch import WorkerLaunch
from sololine.engine.library import Library, LibraryMissing, library_file, load

_PINNED_KEY: Final = bytes.fromhex(
    "142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b"
)
"""WhatsApp's Noise root key, as the library has it built in."""

_KEY_OPTION: Final = "--noise-root"
_MAPPING: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ +(.*)")


class UnknownLibrary(LibraryMissing):
    """The library does not hold WhatsApp's key where one expects it; no worker may serve so."""


def available() -> Sentence | None:
    """Why a loopback WhatsApp cannot be linked on this machine; None when it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return Sentence("the sandbox needs Linux on a 64-bit Intel or AMD processor")
    try:
        library_file()
    except LibraryMissing as error:
        return error.sentence
    return None


def loopback_launch(*, port: int, ca_file: Path, root_public: bytes) -> WorkerLaunch:
    """How to start workers for the WhatsApp that listens on `port` of this machine.

    Args:
        port: of its proxy, which takes `CONNECT` for every WhatsApp host.
        ca_file: PEM of the CA that signed its TLS certificate.
        root_public: the 32 bytes of its Noise root key.
    """
    proxy = f"http://127.0.0.1:{port}"
    return WorkerLaunch(
        module=__name__,
        arguments=(_KEY_OPTION, root_public.hex()),
        environment={
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "NO_PROXY": "",
            "no_proxy": "",
            "SSL_CERT_FILE": str(ca_file),
        },
    )


def _writable(file: Path) -> Iterator[tuple[int, bytes]]:
    """The writable parts of this process's memory that were mapped from the file, by address.

    Only those: what is read becomes resident, and the rest of the library is large.
    """
    for line in Path("/proc/self/maps").read_text().splitlines():
        found = _MAPPING.fullmatch(line)
        if found is not None and found[4] == str(file) and found[3].startswith("rw"):
            start, end = int(found[1], 16), int(found[2], 16)
            yield start, ctypes.string_at(start, end - start)


def replace_root_key(file: Path, key: bytes) -> None:
    """Put `key` in the place of WhatsApp's in the loaded library. Raises `UnknownLibrary`."""
    if len(key) != len(_PINNED_KEY):
        raise ValueError(f"a root key has {len(_PINNED_KEY)} bytes")
    found = [
        start + at.start()
        for start, memory in _writable(file)
        for at in re.finditer(re.escape(_PINNED_KEY), memory)
    ]
    if len(found) != 1:
        raise UnknownLibrary(
            Sentence(
                "whatsapp's key is {count} times in the library's memory, not once; this version "
                "of it cannot be used in the sandbox",
                count=len(found),
            )
        )
    ctypes.memmove(found[0], key, len(key))


def _load_for(key: bytes) -> Library:
    file = library_file().resolve()
    library = load(file)
    replace_root_key(file, key)
    return library


if __name__ == "__main__":
    _, given, *rest = sys.argv[1:]
    worker.main(rest, lambda: _load_for(bytes.fromhex(given)))
