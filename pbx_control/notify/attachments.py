"""Reads the files that go with letters: left messages from recordings/, reports and invoices from documents/."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import structlog

from pbx_control.domain.notices.messages import DOCUMENTS
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.files import open_below
from pbx_control.settings import Home

log = structlog.get_logger()

# What Telegram takes of a bot (https://core.telegram.org/bots/api#senddocument, #sendaudio, #sendvoice), bytes; what is
# larger is read for no server.
LARGEST = 50_000_000

# What mail programs are told that a file is. The CSV of a report is UTF-8 (`domain.reports`).
KINDS = {".wav": "audio/wav", ".csv": "text/csv", ".pdf": "application/pdf"}
STRANGE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that goes with a letter, by the name that its recipient sees."""

    name: str
    content: bytes

    @property
    def kind(self) -> str:
        """Its media type, "audio/wav"."""
        return kind_of(self.name)

    @property
    def is_sound(self) -> bool:
        return self.kind.startswith("audio/")


def read(home: Home, path: str) -> Attached | None:
    """The file at a letter's `attachment` (`domain.messages.Letter`), or None if there is none to send: no path,
    absent, elsewhere, behind a link.

    A letter without its attachment still tells what it tells, so that is logged and no reason to hold it back.
    Raises DeliveryFailed (TOO_LARGE) if no server would take it.
    """
    if not path:
        return None
    try:
        with open_below(*_where(home, path)) as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        log.error("attachment.unreadable", path=path, why=error.strerror)
        return None
    if len(content) > LARGEST:
        raise DeliveryFailed(
            "the file {name} is too large for a letter", Fault.TOO_LARGE, name=PurePosixPath(path).name
        )
    return Attached(PurePosixPath(path).name, content)


def place(home: Home, path: str) -> Path | None:
    """Where the file at a letter's `attachment` lies, or None if there is none to send."""
    if not path:
        return None
    top, name = _where(home, path)
    try:
        open_below(top, name).close()
    except OSError:
        return None
    return top / name


def size(home: Home, path: str) -> int | None:
    """Its size in bytes; None if there is none to send."""
    found = place(home, path)
    try:
        return found.stat().st_size if found else None
    except OSError:  # deleted just now
        return None


def kind_of(name: str) -> str:
    """The media type of a file, by its name."""
    return KINDS.get(PurePosixPath(name).suffix.lower(), STRANGE)


def _where(home: Home, path: str) -> tuple[Path, str]:
    """The folder that it is sought in, and its name there."""
    if path.startswith(DOCUMENTS):
        return home.documents, path.removeprefix(DOCUMENTS)
    return home.recordings, path
