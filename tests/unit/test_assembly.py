"""Assembling the service; that what is assembled works is what the flow tests show."""

import os
import stat
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from sololine import new_ids
from sololine.actions.gateway import Gateway
from sololine.assembly import OtherCredentials, assembled, keyring_of
from sololine.bus.memory import MemoryBus
from sololine.core.ids import DEFAULT_TENANT
from sololine.lines import janitor
from sololine.opened_store import opened_store
from sololine.settings import Settings
from tests.exposition import values
from tests.unit.scenes import connected_bot, until


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("SOLOLINE_DATA_DIR", str(tmp_path / "data"))
    return Settings(_env_file=None)


def with_(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update=changes)


def test_keys_are_made_at_the_first_start_and_the_same_at_the_next(settings: Settings) -> None:
    first, second = keyring_of(settings), keyring_of(settings)

    assert first == second
    assert len(first.secret) == 32
    assert first.bootstrap.startswith("sl_")
    names = sorted(path.name for path in settings.data_dir.iterdir())
    assert names == ["api-key", "secret"]


def test_a_key_from_the_settings_is_used_and_not_written_down(settings: Settings) -> None:
    keyring = keyring_of(Settings(data_dir=settings.data_dir, api_key="chosen"))

    assert keyring.bootstrap == "chosen"
    assert [path.name for path in settings.data_dir.iterdir()] == ["secret"]


def test_every_folder_has_keys_of_its_own(settings: Settings, tmp_path: Path) -> None:
    other = keyring_of(with_(settings, data_dir=tmp_path / "other"))

    assert keyring_of(settings).secret != other.secret
    assert keyring_of(settings).bootstrap != other.bootstrap


async def test_a_store_is_ready_when_it_is_open(settings: Settings) -> None:
    async with opened_store(settings) as store, store.read() as tx:
        assert await tx.tenants.exists(DEFAULT_TENANT)

    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
    async with opened_store(settings) as store, store.read() as tx:
        assert await tx.tenants.exists(DEFAULT_TENANT)


async def statuses(settings: Settings, *paths: str) -> list[int]:
    """What the assembled service answers there."""
    async with assembled(settings) as app:
        transport = httpx2.ASGITransport(app)
        key = keyring_of(settings).bootstrap
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://sololine", headers={"x-api-key": key}
        ) as client:
            return [(await client.get(path)).status_code for path in paths]


PATHS = ("/v1/events", "/health/live", "/health/ready")


async def test_a_service_answers_and_runs_lines(settings: Settings) -> None:
    assert await statuses(settings, *PATHS) == [200, 200, 200]
    assert (settings.data_dir / "processes" / "0.lock").exists()


async def test_a_service_for_the_api_alone_runs_no_lines(settings: Settings) -> None:
    assert await statuses(with_(settings, only="web"), *PATHS) == [200, 200, 200]
    assert not (settings.data_dir / "processes").exists()
    assert not (settings.data_dir / "credentials-id").exists()


async def test_a_service_for_lines_alone_answers_about_its_health_only(settings: Settings) -> None:
    assert await statuses(with_(settings, only="lines"), *PATHS) == [404, 200, 200]


async def parts(settings: Settings) -> set[str]:
    """The parts of the assembled service that tell how they are."""
    async with (
        assembled(settings) as app,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://sololine"
        ) as client,
    ):
        return set((await client.get("/health/ready")).json()["parts"])


async def test_health_is_told_of_the_parts_that_run_and_of_no_others(settings: Settings) -> None:
    everything = {"store", "bus", "lines", "courier", "workers"}

    assert await parts(settings) == everything
    assert await parts(with_(settings, only="lines")) == everything
    assert await parts(with_(settings, only="web")) == {"store", "bus"}


async def test_what_the_service_does_is_counted_in_what_it_shows(settings: Settings) -> None:
    shown = with_(settings, metrics_key=SecretStr("for-prometheus"))
    async with (
        assembled(shown) as app,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://sololine"
        ) as client,
    ):
        key = {"x-api-key": keyring_of(shown).bootstrap}
        await client.post("/v1/bots/create", json={"name": "Ada"}, headers=key)
        bearer = {"Authorization": "Bearer for-prometheus"}
        seen = values((await client.get("/metrics", headers=bearer)).text)

    assert seen['sololine_events_total{type="bot.created"}'] == 1
    assert seen["sololine_log_events_total"] == 1
    assert seen["sololine_lines"] == seen["sololine_workers"] == 0


async def test_a_database_is_not_run_with_the_credentials_of_another_folder(
    settings: Settings, tmp_path: Path
) -> None:
    """Its bots would all seem logged out, and their numbers would be given away."""
    async with assembled(settings):
        pass
    elsewhere = with_(settings, data_dir=tmp_path / "other", database_url=settings.store_url)

    with pytest.raises(OtherCredentials, match="Let SOLOLINE_DATA_DIR name that folder"):
        async with assembled(elsewhere):
            pass
    async with assembled(with_(elsewhere, only="web")):
        pass  # the API needs no credentials


@pytest.mark.parametrize(
    "wrong", [{"database_url": "mysql://localhost/x"}, {"redis_url": "http://localhost"}]
)
async def test_an_address_that_is_none_is_refused_before_anything_runs(
    settings: Settings, wrong: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"://"):
        async with assembled(with_(settings, **wrong)):
            pass

    assert not (settings.data_dir / "processes").exists()


async def test_a_bus_that_is_away_does_not_keep_the_service_from_starting(
    settings: Settings,
) -> None:
    away = with_(settings, redis_url="redis://127.0.0.1:1", only="web")

    assert await statuses(away, "/health/ready") == [200]


@pytest.mark.parametrize(("only", "clears"), [("lines", True), ("web", False)])
async def test_a_service_has_a_janitor_who_knows_which_files_are_its_own(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *, only: str, clears: bool
) -> None:
    """A folder in which no connection ever ran may be anybody's."""
    monkeypatch.setattr(janitor, "EVERY_S", 0.01)
    left = [
        settings.data_dir / "media" / new_ids.media(),
        settings.data_dir / "credentials/dev_x.lock",
    ]
    async with opened_store(settings) as store:
        await connected_bot(Gateway(store=store, bus=MemoryBus()))
        for path in left:
            path.parent.mkdir(exist_ok=True)
            path.touch()
            os.utime(path, (0, 0))
        async with assembled(with_(settings, only=only)):

            async def shown_as_lost() -> bool:
                async with store.read() as tx:
                    return (await tx.sessions.counts(None)).connected == 0

            await until(shown_as_lost, "the connection is shown as lost")
            if clears:
                await until(lambda: not any(path.exists() for path in left), "the files are gone")
    assert [path.exists() for path in left] == [not clears] * 2
