"""What servers have taken and the database does not say yet: a line for each letter in a file of the home, which a
killed process leaves to the next one (docs/decisions/outbox.md)."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec
import structlog

from pbx_control.settings import Home

log = structlog.get_logger()

# As the database numbers letters and counts tries.
Number = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[!-~]+$")]
LINE = tuple[Number, Name, Number, Instant, str]


@dataclass(frozen=True, slots=True)
class Taken:
    """One of them: the letter's id and message_id, which try of it, when, and what its server knows it by."""

    letter: int
    name: str
    attempts: int
    at: datetime
    receipt: str


class TakenLetters:
    """The file; without a home nothing is kept. A line is in the kernel's hands at once: a killed process loses none, a
    machine that loses its power may."""

    def __init__(self, home: Home | None = None) -> None:
        self._path = home.run / "letters-taken" if home else None
        self._file: int | None = None
        self._empty = False

    def note(self, taken: Taken) -> None:
        """Keeps one. A disk without room is logged: the letter is well, and may come twice after a kill."""
        line = msgspec.json.encode((taken.letter, taken.name, taken.attempts, taken.at, taken.receipt)) + b"\n"
        try:
            if (file := self._open()) is not None:
                os.write(file, line)
        except OSError as error:
            log.warning("letters_taken.not_kept", why=str(error))
        self._empty = False

    def left(self) -> list[Taken]:
        """What the last process left, in order; a line that was not written whole, or is not ours, is none: nothing in
        it is to keep letters from going out."""
        if self._path is None:
            return []
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                log.warning("letters_taken.not_read", why=str(error))
            return []
        with open(file, "rb") as lines:
            return list(_read(lines.read()))

    def clear(self) -> None:
        """The database says everything."""
        if self._empty:
            return
        with suppress(OSError):
            if (file := self._open()) is not None:
                os.ftruncate(file, 0)
                self._empty = True

    def _open(self) -> int | None:
        if self._file is None and self._path is not None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(self._path, flags, 0o600)
        return self._file


def _read(text: bytes) -> Iterator[Taken]:
    for line in text.splitlines():
        with suppress(msgspec.MsgspecError, ValueError, RecursionError):
            letter, name, attempts, at, receipt = msgspec.json.decode(line, type=LINE)
            yield Taken(letter, name, attempts, at, receipt if receipt.isprintable() else "")
