"""Which credentials the database knows of: a file of any other is litter."""

import pytest

from sololine.core.ids import DeviceId
from sololine.core.signals import LoggedOut
from sololine.store import connection as module
from sololine.store.store import Store
from tests.contract.store_scenes import linked, linking, session_of, step


async def test_devices_of_bots_of_links_and_of_phones_are_known(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASKED_AT_ONCE", 2)
    bot, lease = await linked(store)
    device = (await session_of(store, bot)).device
    begun = (await session_of(store, (await linking(store))[0])).linking
    assert device is not None
    assert begun is not None
    asked = [device.id, begun, DeviceId("dev_no")]

    for _ in range(2):
        async with store.read() as tx:
            assert await tx.devices.known(asked) == {device.id, begun}
            assert await tx.devices.known([]) == set()
        # Retired, it waits to be logged out.
        await step(store, bot, lease, LoggedOut())
    retired = device.id
    await store.run(lambda tx: tx.retired.done(retired))
    async with store.read() as tx:
        assert await tx.devices.known(asked) == {begun}
