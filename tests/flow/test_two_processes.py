"""Several processes on one PostgreSQL database and one Redis share the work, never a line."""

from pathlib import Path

import pytest

from tests.flow.house import Server, WhatsApp, until


def production(postgres: str, redis: str, **settings: str) -> dict[str, str]:
    return {"SOLOLINE_DATABASE_URL": postgres, "SOLOLINE_REDIS_URL": redis, **settings}


async def test_one_process_takes_requests_and_another_runs_the_lines(
    phones: WhatsApp, tmp_path: Path, postgres_database: str, redis_database: str, number: str
) -> None:
    settings = {
        only: production(postgres_database, redis_database, SOLOLINE_ONLY=only)
        for only in ("web", "lines")
    }
    web = await Server(phones, tmp_path / "data", settings["web"]).start()
    lines = await Server(phones, tmp_path / "data", settings["lines"]).start()
    bot = await web.bot()
    await web.link(bot, number)
    assert (await web.session(bot))["whatsappConnected"] is True
    assert (await lines.answer("GET", "/v1/bots/default")).status_code == 404
    assert (await lines.answer("GET", "/health/ready")).status_code == 200
    await lines.stop()
    await web.stop()


@pytest.mark.timeout(180)
async def test_when_a_process_dies_for_good_another_takes_its_lines_over(
    phones: WhatsApp, tmp_path: Path, postgres_database: str, redis_database: str, number: str
) -> None:
    """After the lease has expired by the database's clock: half a minute of real time."""
    settings = production(postgres_database, redis_database)
    one = await Server(phones, tmp_path / "data", settings).start()
    bots = {await one.bot(f"Bot {index}"): f"{number}{index}" for index in range(3)}
    for bot, own_number in bots.items():
        await one.link(bot, own_number)
    other = await Server(phones, tmp_path / "data", settings).start()
    await one.kill()

    async def online() -> int:
        devices = [await phones.devices(own_number) for own_number in bots.values()]
        return sum(each[0]["online"] for each in devices if len(each) == 1)

    async def fewer() -> bool:
        return await online() < len(bots)

    async def all_back() -> bool:
        return await online() == len(bots)

    await until(fewer, "the dead process's devices are offline")
    await until(all_back, "the other process has taken them over", patience_s=90)
    for bot, own_number in bots.items():
        assert (await other.session(bot))["phoneNumber"] == own_number
    await other.stop()


async def test_a_data_folder_without_the_credentials_is_refused(
    two_servers: list[Server], phones: WhatsApp, tmp_path: Path
) -> None:
    """It would take every session for logged out, and give the numbers away."""
    stranger = Server(phones, tmp_path / "elsewhere", two_servers[0].settings)
    with pytest.raises(AssertionError, match="did not start"):
        await stranger.start()
    assert await stranger.stop() == 1
