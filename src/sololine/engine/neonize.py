"""The neonize engine: a worker process for every link, watched from the server.

NeonizeEngine ── NeonizeLink ── WorkerProcess ══ socket ══ worker ── library ── WhatsApp
"""

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path

from sololine.core.frames import Open
from sololine.core.ids import DeviceId
from sololine.core.signals import Linked
from sololine.engine.credentials import LOCK_PATIENCE, Credentials
from sololine.engine.launch import WorkerLaunch
from sololine.engine.link import NeonizeLink
from sololine.engine.media_folder import MAX_MEDIA_BYTES, MediaFolder
from sololine.engine.port import Capabilities, Deliver, DeviceBusy
from sololine.health import OK, Condition, degraded


class NeonizeEngine:
    """The engine that links through neonize. Belongs to one event loop."""

    capabilities = Capabilities(pairing_code=True)

    def __init__(
        self,
        data_dir: Path,
        launch: WorkerLaunch | None = None,
        *,
        shown_as: str = "Sololine",
        max_media_bytes: int = MAX_MEDIA_BYTES,
    ) -> None:
        """Keep credentials below `data_dir`.

        Args:
            data_dir: its folders `credentials` and `media` are used.
            launch: how workers are started.
            shown_as: what phones list as linked device.
            max_media_bytes: of the largest file that is sent or fetched.
        """
        # Workers go to another folder, where a relative path would lead elsewhere.
        self._data_dir = data_dir.absolute()
        self._launch = launch or WorkerLaunch()
        self._shown_as = shown_as
        self._credentials = Credentials(self._data_dir)
        self._media = MediaFolder(self._data_dir, max_media_bytes)
        self._links: dict[DeviceId, NeonizeLink] = {}
        self._unstarted = False
        self.lost = 0
        """How many workers ended that nobody had asked to."""

    @property
    def workers(self) -> int:
        """How many worker processes run."""
        return sum(link.alive for link in self._links.values())

    def condition(self) -> Condition:
        """Whether the system lets us start workers."""
        if not self._unstarted:
            return OK
        return degraded(
            "the system could not start the last worker: look at its memory, and at the limits of "
            "processes and open files"
        )

    async def link(self, device: DeviceId, deliver: Deliver) -> NeonizeLink:
        """See `Engine.link`."""
        return await self._open(device, deliver, fresh=True)

    async def resume(self, device: DeviceId, deliver: Deliver) -> NeonizeLink:
        """See `Engine.resume`."""
        return await self._open(device, deliver, fresh=False)

    async def linked(self, device: DeviceId) -> Linked | None:
        """See `Engine.linked`. Raises `UnreadableCredentials` too."""
        self._refuse_if_open(device)
        return await asyncio.to_thread(self._read, device)

    async def forget(self, device: DeviceId) -> None:
        """See `Engine.forget`."""
        self._refuse_if_open(device)
        await asyncio.to_thread(self._erase, device)

    async def devices(self) -> list[DeviceId]:
        """The devices with credentials on disk, for those who clean up."""
        return await asyncio.to_thread(self._credentials.devices)

    async def close(self) -> None:
        """See `Engine.close`."""
        await asyncio.gather(*(link.close() for link in tuple(self._links.values())))

    async def _open(self, device: DeviceId, deliver: Deliver, *, fresh: bool) -> NeonizeLink:
        self._refuse_if_open(device)
        self._credentials.file(device)  # a bad name is refused before it reaches a worker
        link = NeonizeLink(device, deliver, self._media, self._tidy_up, fresh=fresh)
        self._links[device] = link
        order = Open(device=device, order=0, fresh=fresh, shown_as=self._shown_as)
        try:
            self._unstarted = not await link.start(self._launch, self._data_dir, order)
        except BaseException:  # cancelled: nobody holds the link who could close it
            self._release(link)
            raise
        return link

    def _refuse_if_open(self, device: DeviceId) -> None:
        if device in self._links:
            raise DeviceBusy(f"a link of {device} is open; close it first")

    async def _tidy_up(self, link: NeonizeLink) -> None:
        """A link's worker is gone: free its device."""
        self.lost += not link.ended_on_order
        if not link.linked:
            # A linking that came to nothing leaves an empty store behind.
            with contextlib.suppress(Exception):  # it is litter, not harm
                await asyncio.to_thread(self._erase_if_empty, link.device)
        self._release(link)

    def _release(self, link: NeonizeLink) -> None:
        # A link whose opening was cancelled may end when its device has long been opened again.
        if self._links.get(link.device) is link:
            del self._links[link.device]

    def _read(self, device: DeviceId) -> Linked | None:
        if not self._credentials.file(device).exists():
            return None
        with self._credentials.hold(device, LOCK_PATIENCE):
            return self._credentials.stored(device)

    def _erase(self, device: DeviceId) -> None:
        with self._credentials.hold(device, LOCK_PATIENCE):
            self._credentials.erase(device)

    def _erase_if_empty(self, device: DeviceId) -> None:
        # Held elsewhere, it is not ours to tidy; our own worker's lock went with it.
        with self._credentials.hold(device, timedelta()):
            if self._credentials.stored(device) is None:
                self._credentials.erase(device)
