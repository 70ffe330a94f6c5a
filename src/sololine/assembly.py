"""From settings to a running service: the one file that knows every adapter."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

from fastapi import FastAPI

from sololine.actions.gateway import Gateway
from sololine.bus import Bus
from sololine.bus.memory import MemoryBus
from sololine.core.sentence import Sentence
from sololine.courier import Courier
from sololine.engine.launch import WorkerLaunch
from sololine.engine.neonize import NeonizeEngine
from sololine.lines.janitor import Janitor
from sololine.lines.manners import Manners
from sololine.lines.process import process_slot
from sololine.lines.switchboard import Switchboard
from sololine.media_files import MediaFiles
from sololine.metrics import Metrics, Reading
from sololine.opened_store import opened_store
from sololine.outward import Outward
from sololine.secret_file import kept
from sololine.settings import Settings
from sololine.store.metered import MeteredStore
from sololine.web.app import create_app
from sololine.web.auth import Keyring, new_key


def keyring_of(settings: Settings) -> Keyring:
    """The keys that the settings and the data folder hold."""
    secret = kept(settings.data_dir / "secret", lambda: secrets.token_hex(32))
    bootstrap = (
        settings.api_key.get_secret_value()
        if settings.api_key is not None
        else kept(settings.data_dir / "api-key", new_key)
    )
    metrics = settings.metrics_key.get_secret_value() if settings.metrics_key else None
    return Keyring(secret=bytes.fromhex(secret), bootstrap=bootstrap, metrics=metrics)


class OtherCredentials(Exception):
    """The database speaks of credentials that are not in this data folder."""

    def __init__(self) -> None:
        super().__init__(
            Sentence(
                "This database belongs to the credentials in another data folder. "
                "Let SOLOLINE_DATA_DIR name that folder: all servers of a database share one."
            )
        )


@asynccontextmanager
async def assembled(
    settings: Settings, launch: WorkerLaunch | None = None
) -> AsyncIterator[FastAPI]:
    """The whole service, running its lines; yields the application to serve.

    Args:
        settings: what the operator chose.
        launch: how workers are started, when not for the real WhatsApp.
    """
    media = MediaFiles(settings.data_dir / "media")
    metrics = Metrics(version("sololine"))
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            opened_store(settings, lambda url, clock: MeteredStore.open(url, clock, metrics))
        )
        bus = await stack.enter_async_context(_bus(settings))
        parts = {"bus": bus.condition}
        metrics.ask(_lost(bus))
        outward = await stack.enter_async_context(
            Outward(allow_private=settings.allow_private_addresses)
        )
        engine: NeonizeEngine | None = None
        if settings.only != "web":
            credentials = kept(settings.folder_file, lambda: secrets.token_hex(16))
            if not await store.run(lambda tx: tx.deployment.bind(credentials)):
                raise OtherCredentials
            process = stack.enter_context(process_slot(settings.data_dir))
            courier = Courier(
                process, store=store, bus=bus, outward=outward, language=settings.language
            )
            await stack.enter_async_context(courier.running())
            engine = NeonizeEngine(
                settings.data_dir, launch, max_media_bytes=settings.media_max_bytes
            )
            stack.push_async_callback(engine.close)
            manners = Manners(
                sends_per_minute=settings.sends_per_minute,
                media=media,
                media_at_arrival=settings.media_at_arrival,
                media_max_bytes=settings.media_max_bytes,
            )
            switchboard = Switchboard(process, store=store, bus=bus, engine=engine, manners=manners)
            await stack.enter_async_context(switchboard.running())
            parts |= {
                "lines": switchboard.condition,
                "courier": courier.condition,
                "workers": engine.condition,
            }
            metrics.ask(*_running(switchboard, courier, engine))
        janitor = Janitor(
            store=store,
            bus=bus,
            attempts_kept=timedelta(days=settings.attempts_kept_days),
            folder=settings.folder_id,
            engine=engine,
            media=media,
        )
        await stack.enter_async_context(janitor.running())
        gateway = Gateway(
            store=store,
            bus=bus,
            policy=settings.conflict_policy,
            auto_restart=settings.auto_restart,
            region=settings.region,
            media=media,
            media_max_bytes=settings.media_max_bytes,
            outward=outward,
        )
        yield create_app(
            gateway,
            keyring_of(settings),
            version("sololine"),
            doors=settings.only != "lines",
            allowed_origins=settings.allowed_origins,
            language=settings.language,
            counted_in=metrics,
            parts=parts,
            log_requests=settings.log_requests,
        )


def _lost(bus: Bus) -> Reading:
    return Reading(
        name="bus_notices_lost_total",
        help="Notices that never reached other processes.",
        read=lambda: bus.lost,
    )


def _running(
    switchboard: Switchboard, courier: Courier, engine: NeonizeEngine
) -> tuple[Reading, ...]:
    return (
        Reading(
            name="lines",
            help="Lines that this process runs.",
            read=lambda: switchboard.lines,
        ),
        Reading(
            name="workers",
            help="Worker processes that hold links.",
            read=lambda: engine.workers,
        ),
        Reading(
            name="workers_lost_total",
            help="Worker processes that ended without having been asked to.",
            read=lambda: engine.lost,
        ),
        Reading(
            name="deliveries_in_hand",
            help="Deliveries that this process is sending.",
            read=lambda: courier.in_hand,
        ),
    )


@asynccontextmanager
async def _bus(settings: Settings) -> AsyncIterator[Bus]:
    if settings.redis_url is None:
        yield MemoryBus()
        return
    from sololine.bus.redis import RedisBus  # noqa: PLC0415 — takes long, and few need it

    async with RedisBus.open(settings.redis_url) as bus:
        yield bus
