"""Reads the files that go with letters: left messages from recordings/, reports and invoices from documents/."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import structlog

from pbx_control.domain.notices.messages import DOCUMENTS
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.files import open_below
from pbx_control.settings import Home

log = structlog.get_logger()

# Mail servers commonly refuse more than 25 MB, which base64 makes of 18; Telegram's bots may send 50.
LARGEST = 15 * 1024 * 1024

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
        return KINDS.get(PurePosixPath(self.name).suffix.lower(), STRANGE)

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
    below_documents = path.startswith(DOCUMENTS)
    top = home.documents if below_documents else home.recordings
    try:
        with open_below(top, path.removeprefix(DOCUMENTS) if below_documents else path) as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        log.error("attachment.unreadable", path=path, why=error.strerror)
        return None
    if len(content) > LARGEST:
        raise DeliveryFailed(
            "the file {name} is too large for a letter", Fault.TOO_LARGE, name=PurePosixPath(path).name
        )
    return Attached(PurePosixPath(path).name, content)
