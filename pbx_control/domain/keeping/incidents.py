"""Incidents with clients' data: what the register says of each. By Ley 21.719 a processor reports them to clients."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# Characters. All three texts must fit into one chat message with what stands around them.
LONGEST_TITLE, LONGEST_WHAT, LONGEST_DATA, LONGEST_MEASURES = 120, 1800, 500, 800


class EntryKind(StrEnum):
    """What was added to an incident; the names are those of the table `incident_entry`."""

    NOTE = "note"
    SENT = "sent"  # one client was written to
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident, as it was registered."""

    id: int
    title: str
    happened_at: datetime
    known_at: datetime  # when it was entered
    what: str
    data: str  # which data, of whom; may be empty
    measures: str  # what was done against it; may be empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was added to it."""

    at: datetime
    who: str
    kind: EntryKind
    text: str
    client: str | None  # slug, of who was written to
