"""`python3 dev.py bench NAME`: run a benchmark and print its figures."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from bench import linking, messages

BENCHMARKS: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
    "linking": linking.main,
    "messages": messages.main,
}


def main() -> None:
    """Run the benchmark that the command line names."""
    if len(sys.argv) != 2 or sys.argv[1] not in BENCHMARKS:  # noqa: PLR2004 — the program and a name
        sys.exit(f"Name a benchmark: python3 dev.py bench {'|'.join(BENCHMARKS)}")
    asyncio.run(BENCHMARKS[sys.argv[1]]())


main()
