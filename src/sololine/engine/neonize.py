"""The neonize engine: a worker process for every link, watched from the server.

NeonizeEngine ── NeonizeLink ── WorkerProcess ══ socket ══ worker ── library ── WhatsApp
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from sololine.core.frames import Open
from sololine.core.ids import DeviceId
from sololine.core.sentence import Sentence
from sololine.core.signals import Linked
from sololine.engine.credentials import LOCK_PATIENCE, Credentials
from sololine.engine.launch import WorkerLaunch
from sololine.engine.link import NeonizeLink
from sololine.engine.media_folder import MAX_MEDIA_BYTES, MediaFolder
from sololine.engine.port import Capabilities, Deliver, DeviceBusy, Known
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
            Sentence(
                "the system could not start the last worker: look at its memory, and at the limits "
                "of processes and open files"
            )
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

    async def forget_unknown(
        self, known: Known, idle_for: timedelta, *, dry_run: bool = False
    ) -> list[DeviceId]:
        """See `Engine.forget_unknown`.

        A link that begins cannot lose its file. Its session's row names the device before the
        worker is started, the worker holds the device's lock before it looks at the file, and here
        the file is deleted only while that lock is ours, and nobody named the device after we took
        it. So either we see the row and leave the file, or the worker comes after us and begins
        with nothing, as a link does. A bot's own device is in a row all the time.
        """
        idle = await asyncio.to_thread(self._credentials.idle, idle_for)
        unknown = set(idle) - set(await known(idle)) - set(self._links)
        if dry_run:
            return sorted(unknown)
        gone = []
        for device in sorted(unknown):
            with contextlib.suppress(DeviceBusy):
                async with self._alone_with(device):
                    if device not in await known([device]):
                        await asyncio.to_thread(self._credentials.erase, device)
                        gone.append(device)
        return gone

    @contextlib.asynccontextmanager
    async def _alone_with(self, device: DeviceId) -> AsyncIterator[None]:
        """Hold the device's lock, if nobody else does."""
        held = self._credentials.hold(device, timedelta())
        await asyncio.to_thread(held.__enter__)
        try:
            yield
        finally:
            await asyncio.to_thread(held.__exit__, None, None, None)

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
