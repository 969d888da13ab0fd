"""Recordings on disk: opened without leaving their folder, measured, closed properly after a crash, listed.

Their names are paths under recordings/, `2026/08/03/{call id}.wav` by UTC days (`domain.call.flow.file_path`).
"""

import errno
import os
import re
import stat
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from struct import Struct
from tempfile import TemporaryFile
from typing import BinaryIO

from pbx_control.errors import ClientMistake, Code, Field, reason

# No component begins with a dot, so none of them leads up or hides.
NAME = re.compile(r"\d{4}/\d\d/\d\d/[A-Za-z0-9_+-][A-Za-z0-9._+-]*\.wav", re.ASCII)

# RIFF, its size, WAVE, "fmt ", its size, format, channels, rate, bytes a second, bytes a frame, bits, "data", its size:
# what Asterisk's format_wav writes and nothing else.
HEADER = Struct("<4sI4s4sIHHIIHH4sI")
RIFF_SIZE_AT, DATA_SIZE_AT = 4, 40
SIZE = Struct("<I")

# Silence, with a line's noise, stays below this sample value (-42 dB). A moment is 50 ms, in bytes; a word takes some.
QUIET = 260
MOMENT = 800
MOMENTS_OF_A_WORD = 4

# What Asterisk writes at a time: two seconds of sound.
ROOM_TRIED = 32768

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """What there really is of a recording."""

    exists: bool
    seconds: float = 0.0  # of sound in the file, whatever its header says
    bytes: int = 0

    @property
    def has_header(self) -> bool:
        """Whether anything could be written: Asterisk begins a file, be it of silence, with a header."""
        return self.exists and self.bytes >= HEADER.size


ABSENT = RecordingFacts(exists=False)


def inspect(path: Path) -> RecordingFacts:
    """What there is at that path. Anything but an ordinary file that we may read counts as absent."""
    try:
        with _open_below(path.parent, [path.name]) as file:
            return _facts(file)
    except OSError:
        return ABSENT


def has_room(folder: Path) -> bool:
    """Whether a second or two more of sound can be written below that folder: tried, since a quota, or blocks that are
    kept for root, show in no figure."""
    try:
        with TemporaryFile(dir=folder) as file:
            file.write(bytes(ROOM_TRIED))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    return True


def settle(path: Path) -> RecordingFacts:
    """Brings a finished recording into order: readable by its owner alone, its header true. Gives what there is.

    Asterisk writes the sizes when it closes a file (they are 0 before), so after a crash the file is whole but
    players find nothing in it. A file that is absent or not ours stays as it is.
    """
    try:
        with _open_below(path.parent, [path.name], os.O_RDWR) as file:
            os.fchmod(file.fileno(), 0o600)
            _mend(file)
            return _facts(file)
    except OSError:
        return inspect(path)


def is_spoken(path: Path) -> bool:
    """Whether somebody is heard in a recording, and not the line's noise only.

    One that cannot be read counts as spoken: nothing is thrown away for that.
    """
    try:
        with _open_below(path.parent, [path.name]) as file:
            file.seek(HEADER.size)
            moments = iter(lambda: file.read(MOMENT), b"")
            loud = (one for one in moments if len(one) == MOMENT and _peak(one) > QUIET)
            return len(list(islice(loud, MOMENTS_OF_A_WORD))) == MOMENTS_OF_A_WORD
    except OSError:
        return True


def _peak(moment: bytes) -> int:
    samples = array("h", moment)
    return max(max(samples), -min(samples))


def open_recording(recordings: Path, name: str) -> BinaryIO:
    """Opens the recording of that name for reading; no symbolic link on the way below `recordings` is followed.

    Raises ClientMistake if the name is none of a recording's, or there is no such ordinary file.
    """
    if not NAME.fullmatch(name):
        raise ClientMistake(
            "{name} is no name of a recording", Code.BAD_VALUE, name=repr(name[:120]), field=Field("name")
        )
    try:
        return _open_below(recordings, name.split("/"))
    except OSError as error:
        raise ClientMistake("the recording {name} cannot be read: {why}", name=name, why=reason(error)) from None


def listing(recordings: Path) -> Iterator[tuple[str, int]]:
    """Every recording that lies there, by name, with its size in bytes. Links and strange names are passed over."""
    for folder, folders, files in os.walk(recordings):
        folders.sort()
        for file in sorted(files):
            path = Path(folder, file)
            name = str(path.relative_to(recordings))
            with suppress(FileNotFoundError):  # removed meanwhile
                facts = path.lstat()
                if NAME.fullmatch(name) and stat.S_ISREG(facts.st_mode):
                    yield name, facts.st_size


def _open_below(top: Path, parts: list[str], flags: int = os.O_RDONLY) -> BinaryIO:
    """Opens the ordinary file that lies at these names below `top`, each taken as it is: a link is an OSError."""
    # The top itself may be a link: an admin may keep the recordings on another disk.
    at = os.open(top, FOLDER)
    try:
        for part in parts[:-1]:
            below = os.open(part, FOLDER | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        # Without O_NONBLOCK a named pipe would wait for ever.
        handle = os.open(parts[-1], flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no ordinary file")
    return os.fdopen(handle, "rb" if flags == os.O_RDONLY else "r+b")


def _facts(file: BinaryIO) -> RecordingFacts:
    size = os.fstat(file.fileno()).st_size
    header = _header(file)
    if header is None:
        return RecordingFacts(exists=True, bytes=size)
    bytes_per_second, _ = header
    return RecordingFacts(exists=True, seconds=(size - HEADER.size) / bytes_per_second, bytes=size)


def _header(file: BinaryIO) -> tuple[int, int] | None:
    """(bytes a second, size of the sound as it is written there) of a WAV that Asterisk wrote, else None."""
    file.seek(0)
    start = file.read(HEADER.size)
    if len(start) < HEADER.size:
        return None
    riff, _, form, fmt, _, _, _, rate, _, frame, _, data, written = HEADER.unpack(start)
    if (riff, form, fmt, data) != (b"RIFF", b"WAVE", b"fmt ", b"data") or not rate * frame:
        return None
    return rate * frame, written


def _mend(file: BinaryIO) -> None:
    header = _header(file)
    sound = os.fstat(file.fileno()).st_size - HEADER.size
    if header is None or header[1] == sound:
        return
    for position, value in ((RIFF_SIZE_AT, sound + HEADER.size - 8), (DATA_SIZE_AT, sound)):
        file.seek(position)
        file.write(SIZE.pack(value))
    file.flush()
