"""Free slots of a calendar, computed from its rules and from what is taken (docs/decisions/agenda.md).

Hours are wall time, lengths are real time. A wall time that does not exist on a day is no beginning; one that comes
twice is one beginning, its first.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pbx_control.domain.agenda.rules import Kind, Rules
from pbx_control.domain.opening.hours import Span

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Taken:
    """From when until when (exclusive) nobody can be booked, UTC; an appointment's buffer is part of it."""

    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """When an appointment could be, UTC; the buffer after it is not part of it."""

    starts: datetime
    ends: datetime


def free_slots(
    rules: Rules, kind: Kind, taken: Iterable[Taken], since: datetime, until: datetime, now: datetime
) -> list[Slot]:
    """The free slots that begin from `since` until `until` (exclusive), in order.

    Each lies within the bookable hours as a whole; with its buffer it overlaps nothing that is taken. The buffer may
    reach beyond the hours.
    """
    first, last = max(since, now + rules.lead), min(until, now + rules.horizon)
    if first >= last:
        return []
    busy = _merged(taken)
    ends = [one.ends for one in busy]
    open_spans = _open_spans(rules, first - _DAY, last + kind.length + _DAY)
    beginnings = [one.starts for one in open_spans]
    slots = (Slot(starts, starts + kind.length) for starts in _beginnings(rules, first, last))
    return [
        slot
        for slot in slots
        if _is_within(slot, open_spans, beginnings) and _is_free(slot.starts, slot.ends + kind.after, busy, ends)
    ]


class WhyNot(StrEnum):
    """Why no appointment can begin at an instant, whatever is taken."""

    PAST = "past"
    TOO_SOON = "too soon"
    TOO_LATE = "too late"
    HOLIDAY = "holiday"
    CLOSED = "closed"
    OFF_STEP = "off step"
    TOO_LONG = "too long"


def why_not(rules: Rules, kind: Kind, starts: datetime, now: datetime) -> WhyNot | None:
    """Why an appointment of that kind cannot begin at that instant, as far as the rules say; None if it can."""
    if is_free(rules, kind, (), starts, now):
        return None
    if starts <= now:
        return WhyNot.PAST
    if starts < now + rules.lead:
        return WhyNot.TOO_SOON
    if starts >= now + rules.horizon:
        return WhyNot.TOO_LATE
    if starts.astimezone(rules.zone).date() in rules.holidays:
        return WhyNot.HOLIDAY
    if not any(one.starts <= starts < one.ends for one in _open_spans(rules, starts - _DAY, starts + _DAY)):
        return WhyNot.CLOSED
    begins = _beginnings(rules, starts, starts + timedelta(microseconds=1))
    return WhyNot.TOO_LONG if begins else WhyNot.OFF_STEP


def is_free(rules: Rules, kind: Kind, taken: Iterable[Taken], starts: datetime, now: datetime) -> bool:
    """Whether an appointment can begin at that instant: whether it is one of the free slots."""
    moment = timedelta(microseconds=1)
    return bool(free_slots(rules, kind, taken, starts, starts + moment, now))


# --- when it may begin ------------------------------------------------------------------------------------


def _beginnings(rules: Rules, since: datetime, until: datetime) -> list[datetime]:
    found = {
        instant
        for day, span in _spans(rules, since, until)
        for clock in _clocks(span, rules.step)
        if (instant := _instant(day, clock, rules.zone)) is not None and since <= instant < until
    }
    return sorted(found)


def _clocks(span: Span, step: int) -> Iterator[time]:
    """Every `step` minutes from the span's beginning on."""
    minute, end = span.opens.hour * 60 + span.opens.minute, _minute(span.closes)
    while minute < end:
        yield time(minute // 60, minute % 60)
        minute += step


def _minute(closes: time) -> int:
    return 24 * 60 if closes == time.max else closes.hour * 60 + closes.minute


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime | None:
    """The first instant at which the clocks of a zone show it; None if they never do."""
    instant = datetime.combine(day, clock, zone).astimezone(UTC)
    shown = instant.astimezone(zone)
    return instant if (shown.date(), shown.time()) == (day, clock) else None


def _spans(rules: Rules, since: datetime, until: datetime) -> Iterator[tuple[date, Span]]:
    """The spans of each day from one instant until another."""
    day, last = since.astimezone(rules.zone).date(), until.astimezone(rules.zone).date()
    while day <= last:
        if day not in rules.holidays:
            yield from ((day, span) for span in rules.week if span.weekday == day.weekday())
        day += _DAY


# --- within the hours -------------------------------------------------------------------------------------


def _open_spans(rules: Rules, since: datetime, until: datetime) -> list[Taken]:
    """When the hours are open, those that touch made one, in order."""
    pieces = (piece for day, span in _spans(rules, since, until) for piece in _pieces(day, span, rules.zone))
    return _merged(pieces)


def _pieces(day: date, span: Span, zone: ZoneInfo) -> Iterator[Taken]:
    """The instants at which the wall clock of a day lies in a span: one stretch for each offset that the day has."""
    closes = datetime.combine(day + _DAY, time.min) if span.closes == time.max else datetime.combine(day, span.closes)
    opens = datetime.combine(day, span.opens)
    for offset, begins, ends in _offsets(day, zone):
        piece = Taken(
            max((opens - offset).replace(tzinfo=UTC), begins), min((closes - offset).replace(tzinfo=UTC), ends)
        )
        if piece.starts < piece.ends:
            yield piece


def _offsets(day: date, zone: ZoneInfo) -> Iterator[tuple[timedelta, datetime, datetime]]:
    """The offsets that a zone has about a local day, each with the instants from and until which it has it."""
    # No zone is further from UTC than 14 hours.
    begins = datetime.combine(day, time.min, UTC) - timedelta(hours=15)
    end = datetime.combine(day, time.min, UTC) + timedelta(hours=40)
    while begins < end:
        offset = _offset(begins, zone)
        ends = _next_change(zone, begins, end, offset)
        yield offset, begins, ends
        begins = ends


def _next_change(zone: ZoneInfo, since: datetime, until: datetime, offset: timedelta) -> datetime:
    """The first second from which another offset holds, or `until`. No zone changes twice within that time."""
    if _offset(until, zone) == offset:
        return until
    low, high, second = since, until, timedelta(seconds=1)
    while high - low > second:
        middle = low + (high - low) // second // 2 * second
        low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
    return high


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None  # a ZoneInfo always has one
    return offset


def _is_within(slot: Slot, open_spans: Sequence[Taken], beginnings: Sequence[datetime]) -> bool:
    place = bisect_right(beginnings, slot.starts) - 1
    return place >= 0 and slot.ends <= open_spans[place].ends


# --- what is taken ----------------------------------------------------------------------------------------


def _merged(spans: Iterable[Taken]) -> list[Taken]:
    """Spans in order, those that overlap or touch made one; empty ones are left out."""
    merged: list[Taken] = []
    for one in sorted(spans):
        if one.ends <= one.starts:
            continue
        if merged and one.starts <= merged[-1].ends:
            merged[-1] = Taken(merged[-1].starts, max(merged[-1].ends, one.ends))
        else:
            merged.append(one)
    return merged


def _is_free(starts: datetime, ends: datetime, busy: Sequence[Taken], busy_ends: Sequence[datetime]) -> bool:
    """Whether nothing that is taken overlaps this."""
    place = bisect_right(busy_ends, starts)  # the first that ends later
    return place == len(busy) or busy[place].starts >= ends
