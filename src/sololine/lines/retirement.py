"""Retirement: devices that bots gave up leave their phones' lists of linked devices.

A device that is no longer a session's stands as a row in `retired_devices`, made in the very
transaction that gave it up. So it is logged out even if the process dies in between: whoever
sweeps next does it. Only when WhatsApp confirmed, or the credentials turn out to be none, are the
file and the row deleted.
"""

from datetime import timedelta
from typing import Final

import structlog

from sololine.bus import EVENTS, Bus, Notice
from sololine.core.advance import backoff
from sololine.core.events import Event, EventType
from sololine.core.ids import DeviceId
from sololine.core.signals import Signal
from sololine.engine.port import DeviceBusy, Engine, Link, LinkClosed, UnreadableCredentials
from sololine.store.retired import Retired
from sololine.store.store import Store
from sololine.store.transaction import Transaction

log = structlog.get_logger()

WORKED_ON_FOR: Final = timedelta(seconds=30)
"""How long one try keeps others off the device."""
GIVEN_UP_AFTER: Final = 20
"""Tries after which the credentials are deleted though the phone may still list the device."""


async def log_out(
    device: DeviceId, link: Link | None, *, store: Store, bus: Bus, engine: Engine
) -> None:
    """Log a retired device out and forget it, or put it off when that is not possible now.

    The caller has taken the row. `link` is the device's open link, if there is one; it is closed
    in the end, whatever happens.
    """
    confirmed = gone = False
    try:
        if link is None and await engine.linked(device) is not None:
            link = await engine.resume(device, _unheard)
        if link is not None:
            confirmed = await _confirmed(link)
        gone = confirmed or await engine.linked(device) is None
    except (DeviceBusy, UnreadableCredentials) as error:
        log.info("device cannot be logged out now", device=device, reason=type(error).__name__)

    async def settle(tx: Transaction) -> Retired | None:
        row = await tx.retired.of(device)
        if row is None:
            return None
        if gone or row.tries >= GIVEN_UP_AFTER:
            await tx.retired.done(device)
            if confirmed:
                logged_out = Event(type=EventType.DEVICE_LOGGED_OUT)
                await tx.events.append(row.tenant, row.bot, logged_out)
        else:
            await tx.retired.later(device, backoff(row.tries + 1, row.bot))
        return row

    if gone:
        # The file goes before the row: a crash in between leaves a row that finds nothing to do.
        await engine.forget(device)
    row = await store.run(settle)
    if row is not None:
        if not gone and row.tries >= GIVEN_UP_AFTER:
            await engine.forget(device)
            log.warning("gave up on logging a device out", device=device)
        await bus.publish(Notice(topic=EVENTS, key=row.tenant))


async def _confirmed(link: Link) -> bool:
    """Whether WhatsApp confirmed that the device is gone; the link is closed then."""
    try:
        await link.log_out()
    except LinkClosed:
        return False
    finally:
        await link.close()
    return True


def _unheard(signal: Signal) -> None:
    """A retired device has nothing more to say."""
