"""What a client has said for today: closed, open, or words that its callers hear first. Each has an end; then the usual
holds again by itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from pbx_control.errors import ClientMistake, Code, Field

# Who closes for longer has other hours, or holidays of his own.
LONGEST = timedelta(days=31)


class OverrideKind(StrEnum):
    """What was said."""

    CLOSED = "closed"
    OPEN = "open"
    ANNOUNCED = "announced"  # words that callers hear first


# The last one of these holds: a client cannot be closed and open. What callers hear first is another matter.
ABOUT_HOURS = frozenset({OverrideKind.CLOSED, OverrideKind.OPEN})


@dataclass(frozen=True, slots=True)
class Override:
    """What a client said at `since`; it holds until `until`. `said_by`: who, by the name that he signs in with; ""
    the office."""

    kind: OverrideKind
    since: datetime
    until: datetime
    text: str = ""  # of ANNOUNCED
    said_by: str = ""

    def holds(self, at: datetime) -> bool:
        """Whether it is in force."""
        return self.since <= at < self.until


def about_hours(overrides: Iterable[Override], at: datetime) -> Override | None:
    """What the client has said about being open, if that holds at that instant; of several the last."""
    return last(one for one in overrides if one.kind in ABOUT_HOURS and one.holds(at))


def words_first(overrides: Iterable[Override], at: datetime) -> Override | None:
    """The words that callers hear first, if the client has left any for that instant."""
    return last(one for one in overrides if one.kind is OverrideKind.ANNOUNCED and one.holds(at))


def boundaries(overrides: Iterable[Override]) -> Iterable[datetime]:
    """The instants at which one of them begins or ends."""
    return (instant for one in overrides for instant in (one.since, one.until))


def last(overrides: Iterable[Override]) -> Override | None:
    """The one that was said last."""
    return max(overrides, key=lambda one: one.since, default=None)


# --- ends -------------------------------------------------------------------------------------------------


def end_of_day(zone: tzinfo, at: datetime) -> datetime:
    """The instant (UTC) at which the local day of `at` ends: the first one of the next day."""
    return datetime.combine(at.astimezone(zone).date() + timedelta(days=1), time.min, zone).astimezone(UTC)


def on_the_clock(day: date, clock: time, zone: tzinfo, now: datetime) -> datetime:
    """The instant (UTC) at which the wall clock shows that time on that day; of an hour that comes twice the first that
    is still to come. A time that the clocks leap over is the same time after the leap."""
    wall = datetime.combine(day, clock, zone)
    first, second = (wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return second if first <= now < second else first


def check_end(until: datetime, now: datetime) -> datetime:
    """The end as it may be kept. Raises ClientMistake for one that has passed, or is too far away."""
    if until <= now:
        raise ClientMistake("this time has passed: choose a later one", Code.BAD_VALUE, field=Field("until"))
    if until - now > LONGEST:
        raise ClientMistake(
            "this is more than a month away: change the hours, or enter holidays of your own",
            Code.BAD_VALUE,
            field=Field("until"),
        )
    return until
