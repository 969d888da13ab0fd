"""Deletes one file below recordings/ so that it is that very file and no other, whatever else happens there.

Every part of its path is opened as it is, never through a link. The file is first set aside under a name that nobody
else uses (`.going.NAME`), then read, and only then removed: so its SHA-256 is that of the inode which is unlinked.
What a crash leaves set aside is found by the next run.
"""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pbx_control.errors import ClientMistake
from pbx_control.files import FOLDER

ASIDE = ".going."
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # without O_NONBLOCK a named pipe would wait for ever


@dataclass(frozen=True, slots=True)
class Found:
    """What lies somewhere below recordings/. `aside`: set aside by a deletion that was broken off."""

    path: str  # below recordings/; of what was set aside, where it lay before
    kind: str  # file | link | other
    size: int = 0
    modified: float = 0.0  # seconds since 1970
    aside: bool = False


class OpenFolders:
    """The folders that a group of deletions has opened. `sync` makes what was done in them durable."""

    def __init__(self, top: Path) -> None:
        self._folders = {"": os.open(top, FOLDER)}  # the top may be a link: an admin may keep it on another disk

    def folder(self, path: str) -> int:
        """A handle on that folder below the top. Raises OSError if a part of it is absent, a link or no folder."""
        if path not in self._folders:
            above, _, name = path.rpartition("/")
            self._folders[path] = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=self.folder(above))
        return self._folders[path]

    def sync(self) -> None:
        for handle in self._folders.values():
            os.fsync(handle)

    def close(self) -> None:
        for handle in self._folders.values():
            os.close(handle)


class SetAsideFile:
    """An ordinary file that is set aside, open, with its content's SHA-256 and size: to be removed, or put back.

    Making one raises OSError, and leaves all as it was, if there is no ordinary file or it changes meanwhile.
    """

    def __init__(self, folder: int, name: str, aside: bool) -> None:
        self._folder, self._name = folder, name
        self._aside = ASIDE + name
        self._handle = os.open(self._aside if aside else name, READ, dir_fd=folder)
        try:
            self._facts = os.fstat(self._handle)
            if not stat.S_ISREG(self._facts.st_mode):
                raise OSError(errno.EINVAL, "it is no ordinary file")
            if not aside:
                self._set_aside()
            self.sha256 = self._read()
        except OSError:
            os.close(self._handle)
            raise
        self.size = self._facts.st_size

    @property
    def links(self) -> int:
        """How many names the file has, here or elsewhere: its content outlives the deletion of one of them."""
        return self._facts.st_nlink

    def remove(self) -> None:
        """Deletes it. That somebody else was quicker is no failure."""
        with suppress(FileNotFoundError):
            os.unlink(self._aside, dir_fd=self._folder)

    def put_back(self) -> None:
        """Gives it its name again. Raises OSError if something else has taken that meanwhile."""
        os.link(self._aside, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder, follow_symlinks=False)
        os.unlink(self._aside, dir_fd=self._folder)

    def close(self) -> None:
        os.close(self._handle)

    def _set_aside(self) -> None:
        """The name is then ours alone: what is looked at from now on is what will be removed."""
        if _exists(self._folder, self._aside):
            raise OSError(errno.EEXIST, "an unfinished deletion is in its way")
        os.rename(self._name, self._aside, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        if not os.path.samestat(self._facts, os.stat(self._aside, dir_fd=self._folder, follow_symlinks=False)):
            self.put_back()
            raise OSError(errno.EBUSY, "another file took its place")

    def _read(self) -> str:
        try:
            with os.fdopen(self._handle, "rb", closefd=False) as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if _content(os.fstat(self._handle)) != _content(self._facts):
                raise OSError(errno.EBUSY, "it is being written to")
            return digest
        except OSError:
            self.put_back()
            raise


@contextmanager
def open_folders(top: Path) -> Iterator[OpenFolders]:
    """The folders of a group of deletions, open for the length of a block."""
    opened = OpenFolders(top)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def alone(top: Path) -> Iterator[None]:
    """Keeps other deletions out for the length of a block; a process that dies lets go by that.

    Raises ClientMistake if one is under way.
    """
    handle = os.open(top, FOLDER)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


def mark_for_deletion(on: OpenFolders, path: str, *, aside: bool = False) -> SetAsideFile:
    """Sets the ordinary file at that path aside (`aside`: it is already) and reads it.

    Raises FileNotFoundError if there is nothing, and another OSError if there is something else, or a link on the way.
    """
    folder, name = _parts(path)
    return SetAsideFile(on.folder(folder), name, aside)


def size_of(on: OpenFolders, path: str) -> int | None:
    """The bytes of the ordinary file that lies there, reached through no link; None if none does."""
    try:
        folder, name = _parts(path)
        found = os.stat(name, dir_fd=on.folder(folder), follow_symlinks=False)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def walk(top: Path) -> Iterator[Found]:
    """Everything below recordings/ but folders, folder by folder, sorted. No link is followed."""
    if not top.is_dir():
        return
    handle = os.open(top, FOLDER)
    try:
        for folder, folders, files, at in os.fwalk(".", dir_fd=handle, follow_symlinks=False):
            folders.sort()
            links = [name for name in folders if _is_link(name, at)]
            below = folder.removeprefix(".").removeprefix("/")
            for name in sorted([*files, *links]):
                found = _found(below, name, at)
                if found is not None:
                    yield found
    finally:
        os.close(handle)


def drop_folder(on: OpenFolders, path: str) -> None:
    """Removes a folder if it is empty; one that is not, stays."""
    above, _, name = path.rpartition("/")
    try:
        os.rmdir(name, dir_fd=on.folder(above))
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ClientMistake("recordings are being deleted at this moment: try again in a minute") from None


def _parts(path: str) -> tuple[str, str]:
    """Folder and name. None of a path's parts begins with a dot, so none of them leads up or hides."""
    if any(not part or part.startswith(".") or "\0" in part for part in path.split("/")):
        raise OSError(errno.EINVAL, "it is no name of a recording")
    folder, _, name = path.rpartition("/")
    return folder, name


def _found(folder: str, name: str, at: int) -> Found | None:
    try:
        facts = os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:  # removed meanwhile
        return None
    aside = name.startswith(ASIDE)
    path = "/".join(filter(None, [folder, name.removeprefix(ASIDE)]))
    kind = "file" if stat.S_ISREG(facts.st_mode) else "link" if stat.S_ISLNK(facts.st_mode) else "other"
    return Found(path, kind, facts.st_size, facts.st_mtime, aside)


def _is_link(name: str, at: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _content(facts: os.stat_result) -> tuple[int, int]:
    """Changes with what the file holds."""
    return facts.st_size, facts.st_mtime_ns
