"""The disks that an installation writes to, and how much room is left on each."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from pbx_control.errors import Size
from pbx_control.settings import Home, Settings

GIGABYTE = 10**9
# Below these a disk is nearly full, or will be in days: an hour of recordings takes 58 MB.
LITTLE_ROOM, SOME_ROOM = 1 * GIGABYTE, 5 * GIGABYTE


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk: which of our folders lie on it, and its room in bytes."""

    folders: tuple[Path, ...]
    free: int

    @property
    def names(self) -> str:
        """The folders, for a person."""
        return ", ".join(map(str, self.folders))

    @property
    def room(self) -> Size:
        """For a person: "83.1 GB", "6 MB"."""
        return Size(self.free)


def disks(home: Home, settings: Settings) -> list[Disk]:
    """Each disk once, that of the recordings first; a folder that is not there yet counts as the one above it."""
    by_device: dict[int, list[Path]] = {}
    for folder in _folders(home, settings):
        by_device.setdefault(os.stat(_existing(folder)).st_dev, []).append(folder)
    return [Disk(tuple(some), shutil.disk_usage(_existing(some[0])).free) for some in by_device.values()]


def _folders(home: Home, settings: Settings) -> list[Path]:
    """Where recordings, the home with its database, Asterisk's logs and spool, and backups lie."""
    backups = Path(settings.backup.folder) if settings.backup.folder else home.root / "backups"
    url = settings.database.url
    database = [Path(url.removeprefix("sqlite:///")).parent] if url.startswith("sqlite:///") else []
    return list(dict.fromkeys([home.recordings, home.root, *database, home.asterisk, backups]))


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
