"""What becomes of a call in the figures, and how good the service was: each definition once, with its source.

Time is told by instants that are known afterwards, so that a figure can be computed anew from the rows of the calls.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pbx_control.domain.call.model import Outcome

# Whoever is answered within so long was answered in time. Source: "80 % within 20 s", what the house measures itself by
# (docs/wallboard.md). At exactly 20 s he was, as Asterisk's app_queue has it (now - start <= servicelevel).
IN_TIME_WITHIN = timedelta(seconds=20)
# Whoever gives up sooner was never to be served: a wrong number, a change of mind. Told apart, and in no percentage.
BRIEF_BELOW = timedelta(seconds=5)
# A letter to a client's recipient is undelivered when it has not arrived so long after it was written. One that was
# given up is told of for GIVEN_UP_SHOWN: by then somebody has seen to it, or never will.
DELIVERED_WITHIN, GIVEN_UP_SHOWN = timedelta(minutes=1), timedelta(days=7)
# The house's goal for the service level, a share.
GOAL = 0.8
# Tenths of a second in a second: lengths are summed up as whole numbers, so that every order of adding gives the same.
TENTHS = 10


class Became(StrEnum):
    """What became of a call that was meant for a secretary; the names are those of the columns of `quarter_hour`."""

    IN_TIME = "in_time"  # answered within IN_TIME_WITHIN
    LATE = "late"  # answered later
    ABANDONED = "abandoned"  # nobody answered, and he left no message
    BRIEF = "brief"  # the same, but he had gone before BRIEF_BELOW
    UNANSWERED = "unanswered"  # nobody answered, and he left a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known of a call afterwards."""

    outcome: str  # domain.call.model.Outcome; "": it is not over
    arrived_at: datetime
    queued_at: datetime | None = None  # when he joined the line, the welcome being over
    answered_at: datetime | None = None  # by the first secretary
    over_at: datetime | None = None  # when he left
    talked: float | None = None  # seconds with secretaries


def waits_from(one: Told) -> datetime:
    """Since when he waits for a secretary: from when he joined the line, as app_queue counts (`start` is set when a
    caller joins a queue). Where that is not known (the switch served him alone, he left during the welcome, the call is
    of an older version) from his arrival: never less than he waited."""
    return one.queued_at or one.arrived_at


def became(one: Told) -> Became | None:
    """What became of it; None: it counts nowhere, as it was not meant for a secretary (closed, out of calls, blocked),
    or nobody knows yet.

    A call that was answered was answered, whatever became of it later: service levels look at the first answer.
    """
    if one.answered_at is not None:
        waited = one.answered_at - waits_from(one)
        return Became.IN_TIME if waited <= IN_TIME_WITHIN else Became.LATE
    if one.outcome == Outcome.LEFT_MESSAGE:
        return Became.UNANSWERED
    if one.outcome != Outcome.MISSED or one.over_at is None:
        return None
    return Became.BRIEF if one.over_at - waits_from(one) < BRIEF_BELOW else Became.ABANDONED


@dataclass(frozen=True, slots=True)
class Sums:
    """So many calls became what; `waited` and `talked` are of those that were answered, in tenths of a second."""

    in_time: int = 0
    late: int = 0
    abandoned: int = 0
    brief: int = 0
    unanswered: int = 0
    waited: int = 0
    talked: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def __sub__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, one.name) - getattr(other, one.name) for one in fields(self)))

    @classmethod
    def of(cls, some: Iterable["Sums"]) -> Self:
        """All of them together."""
        return cls(*map(sum, zip(*map(astuple, some), strict=True)))

    @property
    def answered(self) -> int:
        """By a secretary, in time or not."""
        return self.in_time + self.late

    @property
    def counted(self) -> int:
        """The calls that the service level is a share of: all that were meant for a secretary but the brief ones.

        Source: Asterisk's second service level (app_queue, ServicelevelPerf2), which has the abandoned ones below the
        line, too. It has those given up within 20 s above it as well; here they are no success of anybody's.
        """
        return self.answered + self.abandoned + self.unanswered

    @property
    def calls(self) -> int:
        """All that were meant for a secretary."""
        return self.counted + self.brief

    @property
    def level(self) -> float | None:
        """The service level: the share of those answered in time; None: there was no call."""
        return self.in_time / self.counted if self.counted else None

    @property
    def mean_wait(self) -> float | None:
        """Of those answered, seconds."""
        return self.waited / TENTHS / self.answered if self.answered else None


def sums_of(one: Told) -> Sums | None:
    """What one call adds; None: nothing."""
    kind = became(one)
    if kind is None:
        return None
    if one.answered_at is None:
        return Sums(**{kind.value: 1})
    waited = max(one.answered_at - waits_from(one), timedelta(0))
    lengths = {"waited": round(waited.total_seconds() * TENTHS), "talked": round((one.talked or 0.0) * TENTHS)}
    return Sums(**{kind.value: 1} | lengths)
