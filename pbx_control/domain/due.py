"""When a calendar job is due: on a zone's wall clock exactly once a day, through every change of that clock."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


class Rhythm(Protocol):
    """How often something is due. Instants are aware and come back in UTC; `str` says it for a person."""

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The latest due time that is not after `now`."""
        ...

    def next(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The first due time after `now`."""
        ...


@dataclass(frozen=True, slots=True)
class Daily:
    """Once on each day of the zone's calendar, at that time of its wall clock.

    A time that comes twice counts the first time; one that is leapt over is due as long after the leap as it lies
    after the leap's beginning (00:30 at 01:30 where clocks leap from 00:00 to 01:00).
    """

    at: time

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        return max(due for due in self._around(now, zone) if due <= now)

    def next(self, now: datetime, zone: ZoneInfo) -> datetime:
        return min(due for due in self._around(now, zone) if due > now)

    def _around(self, now: datetime, zone: ZoneInfo) -> list[datetime]:
        # Two days each way: one for the time of day, one for a zone that once left out a whole day.
        today = now.astimezone(zone).date()
        return [self._on(today + days * DAY, zone) for days in range(-2, 3)]

    def _on(self, day: date, zone: ZoneInfo) -> datetime:
        # fold=0 is what the docstring promises, for both kinds of change (PEP 495).
        return datetime.combine(day, self.at, zone).astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.at:%H:%M}"


@dataclass(frozen=True, slots=True)
class Every:
    """At even distances, counted in UTC from midnight; the distance divides a day."""

    distance: timedelta

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + (now - midnight) // self.distance * self.distance

    def next(self, now: datetime, zone: ZoneInfo) -> datetime:
        return self.last(now, zone) + self.distance

    def __str__(self) -> str:
        return f"{self.distance // timedelta(minutes=1)} min"
