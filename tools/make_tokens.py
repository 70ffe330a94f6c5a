# ruff: noqa: INP001 — a script for people, no package
"""Write `src/sololine/wire/tokens.json`, the dictionary of the binary XML, from the npm package.

The dictionary is protocol data that every client carries. We take it from `baileys` (MIT), at
a fixed version, with its licence. Not every release of it will do: 6.17.16, for one, carries
dictionary version 2, so the version is checked here. Run this by hand when WhatsApp raises the
dictionary version; it needs `npm` and the network, which no test does:

    python tools/make_tokens.py
"""

import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "baileys"
VERSION = "6.7.21"
DICTIONARY_VERSION = 3
TARGET = Path(__file__).parent.parent / "src/sololine/wire/tokens.json"

PRINT = """
import(process.argv[1]).then(({SINGLE_BYTE_TOKENS, DOUBLE_BYTE_TOKENS}) =>
  console.log(JSON.stringify([SINGLE_BYTE_TOKENS, DOUBLE_BYTE_TOKENS])));
"""


def run(*command: str, cwd: Path) -> str:
    """What the command prints; raises if it fails."""
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout  # noqa: S603 — a fixed command, run by hand


def main() -> None:
    """Fetch the package into a temporary directory and write the data file."""
    with tempfile.TemporaryDirectory() as directory:
        here = Path(directory)
        run("npm", "pack", f"{PACKAGE}@{VERSION}", cwd=here)
        with tarfile.open(next(here.glob("*.tgz"))) as archive:
            archive.extractall(here, filter="data")
        package = here / "package"
        defaults = (package / "lib/Defaults/index.js").read_text()
        version = re.search(r"DICT_VERSION = (\d+)", defaults)
        if version is None or int(version[1]) != DICTIONARY_VERSION:
            sys.exit(f"{PACKAGE} {VERSION} does not carry dictionary version {DICTIONARY_VERSION}")
        constants = package / "lib/WABinary/constants.js"
        single, double = json.loads(run("node", "-e", PRINT, str(constants), cwd=here))
        licence = (package / "LICENSE").read_text().strip().splitlines()
    header = {
        "about": "WhatsApp binary XML token dictionary; written by tools/make_tokens.py",
        "dictionary_version": DICTIONARY_VERSION,
        "source": f"npm package {PACKAGE} {VERSION}, lib/WABinary/constants.js",
        "licence": "MIT",
        "licence_text": licence,
    }
    content = {"header": header, "single": single, "double": double}
    TARGET.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
