"""What callers may ask for by their rights (Ley 21.719), and until when they are answered; pure."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

# Within so many calendar days a request is answered.
LIMIT = timedelta(days=30)
# So many days before that the office is warned.
WARNED_BEFORE = timedelta(days=7)


class RequestKind(StrEnum):
    """What is asked for."""

    ACCESS = "access"
    RECTIFICATION = "rectification"
    DELETION = "deletion"
    PORTABILITY = "portability"
    BLOCKING = "blocking"
    OBJECTION = "objection"


class Step(StrEnum):
    """What became of a request."""

    RECEIVED = "received"
    BLOCKED = "blocked"  # his data is not used until it is decided
    WARNED = "warned"  # the office was told that the limit is near
    LATE = "late"  # the office was told that it has passed
    CLOSED = "closed"


class Standing(StrEnum):
    """How a request stands on a day."""

    OPEN = "open"
    NEAR = "near"  # its limit
    LATE = "late"
    CLOSED = "closed"


def last_day(received_at: datetime, zone: ZoneInfo) -> date:
    """The last day on which the answer is in time: the day on which the request came is not counted."""
    return received_at.astimezone(zone).date() + LIMIT


def standing(last: date, today: date, *, closed: bool) -> Standing:
    """How a request with that last day stands."""
    if closed:
        return Standing.CLOSED
    if today > last:
        return Standing.LATE
    return Standing.NEAR if last - today <= WARNED_BEFORE else Standing.OPEN
