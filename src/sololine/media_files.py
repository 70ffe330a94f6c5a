"""The folder in which the bytes of media are, each file under the id of its medium.

A file is written beside its place first and takes its name in one step, so what has a name is
whole. No name from outside ever becomes a part of a path.

    new(id) ──write──▶ .med_….part ──keep──▶ med_…

Both halves use it: uploads come in by the doors, what WhatsApp keeps is fetched by the lines. The
calls wait for the disk; in an event loop they belong on a thread.
"""

import os
import re
import secrets
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from sololine.core.ids import MediaId, is_media_id

_DRAFT: Final = re.compile(r"\.med_[0-9a-z]+\.[0-9a-f]+\.part")


class MediaFiles:
    """The files of all bots.

    Args:
        folder: made when the first file is written, for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, media: MediaId) -> Path:
        """Where the file is, or would be.

        Raises:
            ValueError: the text is no medium's id.
        """
        if not is_media_id(media):
            raise ValueError("only the id of a medium names a file")
        return self._folder / media

    def new(self, media: MediaId) -> Path:
        """A path beside the file's place, for its bytes while they come in; nothing is there yet.

        Whoever asks for it hands it to `keep`, or deletes what he wrote.
        """
        place = self.path(media)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place.with_name(f".{media}.{secrets.token_hex(4)}.part")

    def keep(self, draft: Path, media: MediaId) -> Path:
        """Give the bytes in `draft` their name, once they are on the disk; returns the path."""
        place = self.path(media)
        draft.chmod(0o600)
        _flush(draft)
        draft.replace(place)
        _flush(self._folder)  # or a power cut could take the name back
        return place

    def delete(self, media: MediaId) -> None:
        """Delete the file, if it is there."""
        self.path(media).unlink(missing_ok=True)

    def idle(self, for_: timedelta) -> tuple[list[MediaId], list[Path]]:
        """The files, and the drafts that nobody kept, which were not written to for so long."""
        files, drafts = list[MediaId](), list[Path]()
        until = time.time() - for_.total_seconds()
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                try:
                    if not entry.is_file() or entry.stat().st_mtime > until:
                        continue
                except FileNotFoundError:
                    continue  # somebody was faster
                if is_media_id(entry.name):
                    files.append(MediaId(entry.name))
                elif _DRAFT.fullmatch(entry.name):
                    drafts.append(Path(entry.path))
        return files, drafts

    def exists(self, media: MediaId) -> bool:
        """Whether the file is there."""
        return self.path(media).is_file()


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
