from collections.abc import AsyncIterator

import pytest

from sololine.actions.gateway import Gateway
from sololine.clock import ManualClock
from tests.unit.lines.stage import Stage


@pytest.fixture
async def stage(gateway: Gateway, clock: ManualClock) -> AsyncIterator[Stage]:
    stage = Stage(gateway, clock)
    yield stage
    for line in stage.lines:
        await line.kill()
