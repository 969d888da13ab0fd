"""What a remote calendar has: its events as they come, and when they take time."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RemoteEvent:
    """An event of a remote calendar with all its exceptions: `key` names it there for ever, `uid` is iCalendar's,
    `ical` is a VCALENDAR that holds it. `version` changes with it."""

    key: str
    uid: str
    ical: str = field(repr=False)
    version: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Busy:
    """The remote event `key` takes the time from `starts` until `ends` (exclusive), UTC."""

    key: str
    starts: datetime
    ends: datetime
