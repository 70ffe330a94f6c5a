"""Checks of what the service keeps: the data folder, the database, the credentials, Redis."""

import asyncio
import os
import shutil
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sololine.cli.checks import Finding, failed, warning
from sololine.cli.output import said_by
from sololine.clock import SystemClock
from sololine.core.sentence import Sentence
from sololine.engine.credentials import Credentials
from sololine.settings import Settings
from sololine.store.errors import SchemaBehind
from sololine.store.store import Store

_GIB: Final = 2**30
_LITTLE: Final = _GIB
_TOO_LITTLE: Final = _GIB // 10
_ANSWER_S: Final = 15.0
_APART: Final = timedelta(seconds=2)
_FAR_APART: Final = timedelta(seconds=60)


def folder(settings: Settings) -> list[Finding]:
    """Whether the data folder is there, private, writable, and has room."""
    path = settings.data_dir
    if not os.path.exists(path):  # noqa: PTH110 — Path.exists raises where we may not look
        return _no_folder(path)
    about = path.stat()
    mode = stat.S_IMODE(about.st_mode)
    if not path.is_dir() or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return [_not_ours(path)]
    if mode & 0o077:
        private = failed(
            "data folder",
            Sentence(
                "others on this machine may look into {path} (mode {mode:04o})",
                path=path,
                mode=mode,
            ),
            Sentence("Run `chmod 700 {path}`: who reads it can act as every bot.", path=path),
        )
    else:
        private = Finding(
            check="data folder",
            says=Sentence("{path} is private and can be written", path=path),
        )
    return [private, _room(path)]


def _no_folder(path: Path) -> list[Finding]:
    above = next(parent for parent in path.parents if parent.exists())
    if not os.access(above, os.W_OK | os.X_OK):
        return [_not_ours(path)]
    return [
        Finding(
            check="data folder",
            says=Sentence("{path} is not there yet; the first start makes it", path=path),
        ),
        _room(above),
    ]


def _not_ours(path: Path) -> Finding:
    return failed(
        "data folder",
        Sentence("{path} cannot be written by this user", path=path),
        Sentence("Run as the user that owns it, or let SOLOLINE_DATA_DIR name another folder."),
    )


def _room(path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    says = Sentence("{free:.1f} GiB are free there", free=free / _GIB)
    remedy = Sentence("Make room: messages, files and what waits for the database are kept there.")
    if free < _TOO_LITTLE:
        return failed("disk", says, remedy)
    return warning("disk", says, remedy) if free < _LITTLE else Finding(check="disk", says=says)


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[tuple[Finding, Store | None]]:
    """Whether the database can be reached and has our schema; and the store, if so."""
    finding, store = await _opened(settings)
    try:
        yield finding, store
    finally:
        if store is not None:
            await store.close()


async def _opened(settings: Settings) -> tuple[Finding, Store | None]:
    file = _file_of(settings)
    kind = "PostgreSQL" if file is None else "SQLite"
    try:
        if file is not None and not file.exists():
            says = Sentence("there is no database yet; the first start makes it")
            return Finding(check="database", says=says), None
        async with asyncio.timeout(_ANSWER_S):
            store = await Store.open(settings.store_url, SystemClock())
    except SchemaBehind as behind:
        remedy = Sentence("Run `sololine migrate`, or start the service.")
        return failed("database", said_by(behind), remedy), None
    except ValueError as error:
        remedy = Sentence("Correct SOLOLINE_DATABASE_URL.")
        return failed("database", said_by(error), remedy), None
    except Exception as error:  # noqa: BLE001 — whatever fails
        return unreachable(error), None
    says = Sentence("{kind} can be reached, and its schema is one for this version", kind=kind)
    return Finding(check="database", says=says), store


def unreachable(error: Exception) -> Finding:
    """That the database does not do what is asked; the error's words may hold a password."""
    return failed(
        "database",
        Sentence("the database cannot be reached ({error})", error=type(error).__name__),
        Sentence(
            "See that it runs, and that host, user and password in SOLOLINE_DATABASE_URL are right."
        ),
    )


def _file_of(settings: Settings) -> Path | None:
    """The file of the SQLite database; None for another one."""
    scheme, _, rest = settings.store_url.partition(":///")
    return Path(rest) if scheme.partition("+")[0] == "sqlite" else None


async def clock(settings: Settings, store: Store) -> Finding:
    """Whether the database's clock, by which everything goes, is ours."""
    if _file_of(settings) is not None:
        return Finding(check="clock", says=Sentence("the database goes by this machine's clock"))
    before = datetime.now(UTC)
    async with store.read() as tx:
        theirs = tx.now
    after = datetime.now(UTC)
    # Somewhere in between the database was asked; only what lies outside is certain.
    apart = max(before - theirs, theirs - after, timedelta())
    says = Sentence(
        "the database's clock differs from ours by {apart:.1f} s", apart=apart.total_seconds()
    )
    remedy = Sentence("Let both machines keep their time by NTP.")
    if apart > _FAR_APART:
        return failed("clock", says, remedy)
    return warning("clock", says, remedy) if apart > _APART else Finding(check="clock", says=says)


async def credentials(settings: Settings, store: Store) -> Finding:
    """Whether the files of credentials are those that the database speaks of."""
    if settings.only == "web":
        says = Sentence("none are needed where no connections run")
        return Finding(check="credentials", says=says)
    async with store.read() as tx:
        bound, known = await tx.deployment.bound(), await tx.census.devices()
    mark = settings.data_dir / "credentials-id"
    here = mark.read_text(encoding="utf-8").strip() if mark.exists() else None
    if bound is not None and bound != here:
        return failed(
            "credentials",
            Sentence("the database belongs to the credentials in another data folder"),
            Sentence("Let SOLOLINE_DATA_DIR name that folder."),
        )
    found = set(Credentials(settings.data_dir).idle(timedelta()))
    missing = sum(needed and device not in found for device, needed in known.items())
    orphans = len(found - known.keys())
    if missing:
        return failed(
            "credentials",
            Sentence(
                "linked bots without credentials in the data folder: {missing}", missing=missing
            ),
            Sentence(
                "Restore the folder `credentials`, or these bots end as logged out and free their "
                "numbers."
            ),
        )
    if orphans:
        return warning(
            "credentials",
            Sentence(
                "files of credentials that belong to no bot: {orphans} of {count}",
                orphans=orphans,
                count=len(found),
            ),
            Sentence(
                "They may come from an older backup. Their phones list a device that no bot has: "
                "remove it there, then delete the file."
            ),
        )
    return Finding(
        check="credentials",
        says=Sentence("files of credentials, each of them known: {count}", count=len(found)),
    )


async def redis(settings: Settings) -> Finding:
    """Whether Redis can be reached, where there is to be one."""
    if settings.redis_url is None:
        return Finding(check="redis", says=Sentence("none is set; one process needs none"))
    from redis.asyncio import Redis  # noqa: PLC0415 — takes long, and few need it

    try:
        async with asyncio.timeout(_ANSWER_S), Redis.from_url(settings.redis_url) as client:
            await client.ping()
    except ValueError:
        return failed("redis", Sentence("its URL is none"), Sentence("Write redis://host:6379/0."))
    except Exception as error:  # noqa: BLE001 — whatever fails; its words may hold a password
        return warning(
            "redis",
            Sentence("Redis cannot be reached ({error})", error=type(error).__name__),
            Sentence(
                "See that it runs, and that SOLOLINE_REDIS_URL is right. Without it processes see "
                "each other's changes up to two seconds late."
            ),
        )
    return Finding(check="redis", says=Sentence("Redis can be reached"))


async def sessions(store: Store) -> int:
    """How many sessions should be online."""
    async with store.read() as tx:
        return (await tx.census.take()).wanted
