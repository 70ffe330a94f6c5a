"""The emulator as a process."""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2


@asynccontextmanager
async def running(folder: Path, *more: str) -> AsyncIterator[tuple[Any, dict[str, Any]]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sololine.emulator", "--folder", str(folder), *more),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            yield process, json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_says_where_it_is_and_ends_with_its_parent(tmp_path: Path) -> None:
    async with running(tmp_path, "--with-parent") as (process, words):
        assert len(bytes.fromhex(words["rootPublic"])) == 32
        ssl.create_default_context(cafile=words["caFile"])
        reader, writer = await asyncio.open_connection("127.0.0.1", words["port"])
        async with httpx2.AsyncClient(trust_env=False) as http:
            health = await http.get(f"http://127.0.0.1:{words['controlPort']}/health")
        assert health.json()["connections"] == 0

        process.stdin.close()

        assert await process.wait() == 0
        assert await reader.read() == b""
        writer.close()


async def test_it_ends_when_told_to_and_is_the_same_when_started_again(tmp_path: Path) -> None:
    roots = []
    for _ in range(2):
        async with running(tmp_path) as (process, words):
            roots.append(words["rootPublic"])
            process.terminate()
            assert await process.wait() == 0

    assert roots[0] == roots[1]
