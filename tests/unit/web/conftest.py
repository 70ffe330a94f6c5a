from collections.abc import AsyncIterator

import httpx2
import pytest

from sololine.actions.gateway import Gateway
from sololine.web.app import create_app
from sololine.web.auth import Keyring
from tests.unit.web.door import KEY


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(secret=b"s" * 32, bootstrap=KEY)


@pytest.fixture
async def door(gateway: Gateway, keyring: Keyring) -> AsyncIterator[httpx2.AsyncClient]:
    """The application's API, with the key of the tenant `default`; no line runs behind it."""
    transport = httpx2.ASGITransport(
        create_app(gateway, keyring, "1.2.3"),
        raise_app_exceptions=False,  # a fault is answered, and that is looked at
    )
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://sololine", headers={"x-api-key": KEY}
    ) as client:
        yield client
