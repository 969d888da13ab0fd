"""Backups of a home: the database as it is at one instant, the settings, and what cannot be made again."""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from sqlalchemy import Engine

from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake
from pbx_control.files import open_below
from pbx_control.jobs.archive import NAME, Packing, packing
from pbx_control.media.recordings import listing
from pbx_control.settings import Home, Settings
from pbx_control.store.copies import NAMES, copy_database, schema_of

# The nightly copies; nothing else in their folder is ever removed.
OURS = re.compile(r"pbx-\d{8}T\d{6}Z\.tar\.gz", re.ASCII)
UNFINISHED = re.compile(r"\.pbx-backup-.*|\.pbx-.*\.part", re.ASCII)
# No backup takes as long as this.
UNFINISHED_FOR = timedelta(days=1)
UPLOADS = "prompts/audio"


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made: where it lies, its size in bytes, the number of files in it, of recordings left out."""

    file: Path
    size: int
    files: int
    left_out: int


def nightly(home: Home, settings: Settings, engine: Engine, at: datetime) -> Sentence:
    """Makes a backup in the folder of `[backup]` and removes the oldest beyond `keep`; tells what it did."""
    made = make(home, settings, engine, usual_place(home, settings, at), at)
    removed = _remove_oldest(made.file.parent, settings.backup.keep)
    _remove_unfinished(made.file.parent, at)
    return Sentence(
        "{file}: files: {files}, bytes: {size}; old ones removed: {removed}",
        file=made.file.name,
        files=made.files,
        size=made.size,
        removed=removed,
    )


def usual_place(home: Home, settings: Settings, at: datetime) -> Path:
    """Where a backup made at that time lies, if nothing else is said."""
    return home.backups(settings) / f"pbx-{at:%Y%m%dT%H%M%SZ}.tar.gz"


def make(
    home: Home, settings: Settings, engine: Engine, target: Path, at: datetime, *, recordings: bool = False
) -> Made:
    """Makes a backup at `target`, while the service runs; with the recordings only if they are asked for.

    Raises ClientMistake if there is something at `target` already, StoreUnavailable if the database cannot be copied.
    """
    if os.path.lexists(target):
        raise ClientMistake("{file} is there already: name another file", file=target)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".pbx-backup-", dir=target.parent) as folder, packing(target) as backup:
        kind = engine.dialect.name
        # The database first: every file that its rows name lies there already, or is being written.
        copy_database(engine, Path(folder, NAMES[kind]))
        with Path(folder, NAMES[kind]).open("rb") as copy:
            backup.add(NAMES[kind], copy)
        with home.settings_file.open("rb") as file:
            backup.add("pbx.toml", file)
        left_out = _add_files(backup, home, recordings)
        facts = {"made_at": at.isoformat(), "version": version("pbx-control"), "schema": schema_of(engine)}
        backup.close(facts | {"database": kind, "recordings": recordings})
    return Made(target, target.stat().st_size, len(backup.entries), left_out)


def _add_files(backup: Packing, home: Home, recordings: bool) -> int:
    """Adds the files that rows name; gives how many were gone, or no ordinary files, when their turn came."""
    left_out = _add_all(backup, home.root / UPLOADS, UPLOADS, _below(home.root / UPLOADS))
    left_out += _add_all(backup, home.documents, "documents", _below(home.documents))
    left_out += _add_all(backup, home.erased, "erased", _below(home.erased))
    if recordings:
        left_out += _add_all(backup, home.recordings, "recordings", (name for name, _ in listing(home.recordings)))
    return left_out


def _add_all(backup: Packing, top: Path, prefix: str, names: Iterator[str]) -> int:
    left_out = 0
    for name in names:
        # Restoring is as choosy: one strange name must not make a backup worthless.
        file = _opened(top, name) if NAME.fullmatch(f"{prefix}/{name}") else None
        if file is None:
            left_out += 1
            continue
        with file:
            backup.add(f"{prefix}/{name}", file)
    return left_out


def _opened(top: Path, name: str) -> BinaryIO | None:
    try:
        return open_below(top, name)
    except OSError:  # deleted since it was listed, or a link
        return None


def _below(top: Path) -> Iterator[str]:
    """The files below a folder, by their names there; what is half written (its name begins with a dot) is none."""
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (str(Path(folder, name).relative_to(top)) for name in sorted(files) if not name.startswith("."))


def _remove_oldest(folder: Path, keep: int) -> int:
    """Their names are their times: the first ones are the oldest."""
    copies = sorted(path for path in folder.iterdir() if OURS.fullmatch(path.name) and _is_file(path))
    oldest = copies[:-keep]
    for path in oldest:
        path.unlink()
    return len(oldest)


def _remove_unfinished(folder: Path, at: datetime) -> None:
    """What a backup that was killed has left behind holds the whole database."""
    for path in folder.iterdir():
        if UNFINISHED.fullmatch(path.name) and at.timestamp() - path.lstat().st_mtime > UNFINISHED_FOR.total_seconds():
            if _is_file(path):
                path.unlink()
            else:
                shutil.rmtree(path)


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)
