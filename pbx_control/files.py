"""Files below a folder of ours, opened and written without ever following a symbolic link out of it."""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path
from typing import IO, BinaryIO

from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def open_below(top: Path, name: str) -> BinaryIO:
    """Opens for reading the ordinary file that lies at `name` ("a/b.csv") below `top`.

    Each part of the name is taken as it is: a link, a pipe or a name that leads elsewhere is an OSError. The top itself
    may be a link: an admin may keep it on another disk.
    """
    *folders, file = _parts(name)
    at = _folder(top, folders)
    try:
        # Without O_NONBLOCK a named pipe would wait for ever.
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no ordinary file")
    return os.fdopen(handle, "rb")


def write_below(top: Path, name: str, content: bytes) -> None:
    """Writes the file at `name` below `top` durably, whole or not at all, in place of one that is there already.

    It is readable by its owner alone (0600), and so are folders that are missing (0700). Raises OSError.
    """
    *folders, file = _parts(name)
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = _folder(top, folders, make=True)
    try:
        _write_whole(at, file, content)
    finally:
        os.close(at)


def _parts(name: str) -> list[str]:
    """The names on the way. None begins with a dot, so none of them leads up or hides."""
    parts = name.split("/")
    if any(not part or part.startswith(".") or "\0" in part for part in parts):
        raise OSError(errno.EINVAL, "it is no name of a file of ours")
    return parts


def _folder(top: Path, folders: list[str], *, make: bool = False) -> int:
    """A handle on the folder that lies at these names below `top`."""
    at = os.open(top, FOLDER)
    for folder in folders:
        above = at
        try:
            if make:
                _make(folder, above)
            at = os.open(folder, FOLDER | os.O_NOFOLLOW, dir_fd=above)
        finally:
            os.close(above)
    return at


def _make(folder: str, above: int) -> None:
    try:
        os.mkdir(folder, 0o700, dir_fd=above)
    except FileExistsError:
        return  # opening it tells whether it is a folder


def _write_whole(at: int, file: str, content: bytes) -> None:
    unfinished = f".{file[:100]}.{secrets.token_hex(4)}"
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=at)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.replace(unfinished, file, src_dir_fd=at, dst_dir_fd=at)
    except BaseException:
        os.unlink(unfinished, dir_fd=at)
        raise
    os.fsync(at)


@contextmanager
def unfinished(target: Path, *, replacing: bool = False) -> Iterator[tuple[Path, BufferedRandom]]:
    """A new file beside `target`, for its owner alone, to be written and then put in its place by `appears_at`; gone
    when the block ends, if that was not done.

    Raises ClientMistake if there is something at `target` (unless `replacing`), OSError.
    """
    if os.path.lexists(target) and not replacing:
        raise _is_there(target)
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w+b") as out:
            yield part, out
    finally:
        part.unlink(missing_ok=True)


def appears_at(part: Path, target: Path, *, replacing: bool = False) -> None:
    """Puts a file that is written in its place, durably. Raises ClientMistake if another has taken it, OSError."""
    _sync(part, os.O_RDONLY)
    _rename(part, target, replacing=replacing)
    _sync(target.parent, FOLDER)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _rename(part: Path, target: Path, *, replacing: bool) -> None:
    if replacing:
        part.replace(target)
        return
    try:
        # Unlike a rename this never replaces anything.
        os.link(part, target)
    except FileExistsError:
        raise _is_there(target) from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP):
            raise
        part.rename(target)  # a stick that knows no links


def _is_there(target: Path) -> ClientMistake:
    shown = clean_line(str(target), 200)
    return ClientMistake("{file} is there already", Code.FILE_IS_THERE, file=shown)


def lock_shared(path: Path) -> IO[str]:
    """Holds a lock that others may share, as long as the file stays open; waits for who has it alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = path.open("a+")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def lock_alone(path: Path) -> IO[str] | None:
    """Holds it alone, as long as the file stays open; None if somebody shares it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
