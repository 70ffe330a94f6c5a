from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from sololine.actions.gateway import Gateway
from sololine.clock import ManualClock
from tests.unit.lines.stage import Stage


@pytest.fixture(autouse=True)
def said() -> Iterator[list[dict[str, object]]]:
    """What is logged."""
    with structlog.testing.capture_logs() as entries:
        yield entries  # type: ignore[misc]  # mappings of text


@pytest.fixture
async def stage(gateway: Gateway, clock: ManualClock) -> AsyncIterator[Stage]:
    stage = Stage(gateway, clock)
    yield stage
    for line in stage.lines:
        await line.kill()
