"""A server process for flow tests: the real service against an emulator that outlives it.

Started as `python -m tests.flow.server PORT CA_FILE ROOT_PUBLIC [MOMENT COUNT_FILE]`. With a moment
the process kills itself there, as `kill -9` would (see `moments.py`).
"""

import os
import sys
import threading
from pathlib import Path

from sololine import event_loop
from sololine.cli.logs import configure_logs
from sololine.cli.running import run
from sololine.engine.loopback import loopback_launch
from sololine.settings import Settings
from sololine.web import events
from tests.flow.moments import die_at

KEY_CHECKED_EVERY_S = 1.0
SLOW_AFTER_S = 4.0
"""What takes a minute, and 20 seconds, is long for a test."""


def follow_parent() -> None:
    """End with the tests, however they end: their end of stdin closes then."""
    while os.read(0, 1024):  # not sys.stdin, whose lock would hold up the end of the process
        continue
    os._exit(1)


def main() -> None:
    port, ca_file, root_public, *rest = sys.argv[1:]
    configure_logs(Settings().log_level, Settings().log_format)
    launch = loopback_launch(
        port=int(port), ca_file=Path(ca_file), root_public=bytes.fromhex(root_public)
    )

    events.KEY_CHECKED_EVERY_S = KEY_CHECKED_EVERY_S
    events.SLOW_AFTER_S = SLOW_AFTER_S
    threading.Thread(target=follow_parent, daemon=True).start()

    def announce(url: str) -> None:
        if rest:
            die_at(int(rest[0]), rest[1])
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    event_loop.run(run(Settings(), launch, announce))


if __name__ == "__main__":
    main()
