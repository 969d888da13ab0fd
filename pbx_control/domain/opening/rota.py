"""Who of a client's contacts is on call: a week of shifts, people who take turns by weeks, and swaps with an end.

A place is one department of a client's, or the firm itself. It has one person on call at a time, or nobody.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from pbx_control.domain.opening.hours import Span, Week
from pbx_control.domain.opening.written_hours import DAY_NAMES
from pbx_control.errors import ClientMistake, Code, Field, Word

# How far ahead it is looked for who comes next.
HORIZON = timedelta(days=31)
# Of a place; of a turn.
MOST_RULES, MOST_PEOPLE = 20, 26
# A swap ends within so long: what lasts longer is a rota of its own.
LONGEST_AHEAD = timedelta(days=400)

DAY, WEEK_MINUTES = 24 * 60, 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class Shift:
    """Begins each `weekday` (0 = Monday) at `opens`, local wall time, and ends at `closes`: time.max is the day's end,
    and a `closes` that is before `opens` is the next day's."""

    weekday: int
    opens: time
    closes: time

    @property
    def minutes(self) -> tuple[int, int]:
        """Begin and end in minutes of the week; the end may lie in the next one."""
        begins = self.weekday * DAY + _minute(self.opens)
        length = _minute(self.closes) - _minute(self.opens)
        return begins, begins + (length if length > 0 else length + DAY)

    def on(self, day: date, zone: tzinfo) -> tuple[datetime, datetime]:
        """Begin and end of the shift that begins on that day."""
        last = day + timedelta(days=self.closes < self.opens)
        return instant_of(day, self.opens, zone), instant_of(last, self.closes, zone)


@dataclass(frozen=True, slots=True)
class Rule:
    """Shifts and whose they are. Of several `people` (contacts' ids) each has a week in turn, the first one that which
    begins on `starts`; a shift is his in whose week it begins. Before `starts` nobody has them."""

    shifts: tuple[Shift, ...]
    people: tuple[int, ...]
    starts: date | None = None

    def holds_on(self, day: date) -> bool:
        return self.starts is None or day >= self.starts

    def in_order(self, day: date) -> tuple[int, ...]:
        """Whose turn it is on that day, and who comes after him."""
        turn = ((day - self.starts).days // 7) % len(self.people) if self.starts else 0
        return self.people[turn:] + self.people[:turn]


@dataclass(frozen=True, slots=True)
class Swap:
    """Until its end `who` is on call: instead of one person, or (None) of whoever it would be, or of nobody."""

    who: int
    since: datetime
    until: datetime
    instead_of: int | None = None


@dataclass(frozen=True, slots=True)
class Rota:
    """Of one place. Of several swaps for one time the one that was said last holds."""

    rules: tuple[Rule, ...] = ()
    swaps: tuple[Swap, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which nothing changes; `who` None: nobody is on call. `stand_ins` come after him, in this order."""

    since: datetime
    until: datetime
    who: int | None
    stand_ins: tuple[int, ...] = ()
    swap: Swap | None = None


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is on call at an instant, and until when: None if it stays so for all of HORIZON."""

    who: int | None
    until: datetime | None
    stand_ins: tuple[int, ...]
    swap: Swap | None
    changes: datetime  # when something of it is different

    def there(self, away: Collection[int]) -> int | None:
        """Who is to be consulted, where those in `away` are not; None: nobody."""
        return next((one for one in (self.who, *self.stand_ins) if one is not None and one not in away), None)


# --- wall time --------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def instant_of(day: date, clock: time, zone: tzinfo) -> datetime:
    """The first instant (UTC) at which the wall clock shows that time or a later one; time.max is the day's end.

    So a time that comes twice is its first one, a time that the clocks leap over is the leap: shifts that follow each
    other on the wall do so always.
    """
    if clock == time.max:
        day, clock = day + timedelta(days=1), time.min
    wall = datetime.combine(day, clock, zone)
    after, before = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    return after if before >= after else _leap(before, after, zone)


def _leap(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The second between the two at which the clocks are set forward."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


# --- who it is --------------------------------------------------------------------------------------------


def on_call(rota: Rota, zone: tzinfo, at: datetime) -> OnCall:
    """Who is on call at the instant `at` (aware)."""
    for days in (2, 9, HORIZON.days):
        found = stretches(rota, zone, at, at + timedelta(days=days))
        first = found[0]
        until = next((one.since for one in found if one.who != first.who), None)
        if until:
            break
    return OnCall(first.who, until, first.stand_ins, first.swap, first.until)


def stretches(rota: Rota, zone: tzinfo, since: datetime, until: datetime) -> list[Stretch]:
    """The time from `since` to `until` (UTC, without a hole): who is on call, and when nobody is."""
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    found = list(_filled(_usual(rota.rules, zone, since, until), since, until))
    for swap in rota.swaps:
        found = [part for one in found for part in _swapped(one, swap)]
    return _joined(found)


def _usual(rules: Iterable[Rule], zone: tzinfo, since: datetime, until: datetime) -> list[Stretch]:
    """The shifts that touch that time, in order."""
    # A shift that began on the day before may last; where clocks leap, one more day.
    first, last = since.astimezone(zone).date() - timedelta(days=2), until.astimezone(zone).date()
    days = [first + timedelta(days=count) for count in range((last - first).days + 1)]
    found = (
        _stretch(rule, shift, day, zone)
        for rule in rules
        for day in days
        if rule.holds_on(day)
        for shift in rule.shifts
        if shift.weekday == day.weekday()
    )
    return sorted((one for one in found if one.since < until and one.until > since), key=lambda one: one.since)


def _stretch(rule: Rule, shift: Shift, day: date, zone: tzinfo) -> Stretch:
    begins, ends = shift.on(day, zone)
    who, *others = rule.in_order(day)
    return Stretch(begins, ends, who, tuple(dict.fromkeys(one for one in others if one != who)))


def _filled(shifts: Iterable[Stretch], since: datetime, until: datetime) -> Iterator[Stretch]:
    """The shifts within that time, and between them the gaps. Of two at one time the first one holds."""
    reached = since
    for one in shifts:
        begins, ends = max(one.since, reached), min(one.until, until)
        if begins < ends:
            if reached < begins:
                yield Stretch(reached, begins, None)
            yield replace(one, since=begins, until=ends)
            reached = ends
    if reached < until:
        yield Stretch(reached, until, None)


def _swapped(one: Stretch, swap: Swap) -> Iterator[Stretch]:
    """A stretch with what a swap makes of it."""
    begins, ends = max(one.since, swap.since), min(one.until, swap.until)
    if begins >= ends or swap.instead_of not in (None, one.who):
        yield one
        return
    if one.since < begins:
        yield replace(one, until=begins)
    # Who gave his time away does not stand in for it.
    others = tuple(each for each in one.stand_ins if each != swap.who)
    yield Stretch(begins, ends, swap.who, others, swap)
    if ends < one.until:
        yield replace(one, since=ends)


def _joined(found: Iterable[Stretch]) -> list[Stretch]:
    """Neighbours that differ in nothing but their time are one."""
    joined: list[Stretch] = []
    for one in found:
        if joined and replace(joined[-1], since=one.since, until=one.until) == one:
            joined[-1] = replace(joined[-1], until=one.until)
        else:
            joined.append(one)
    return joined


# --- a rota that may be kept ------------------------------------------------------------------------------


def check_rules(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules as they may be kept. Raises ClientMistake if two shifts are at one time, or there are too many; its
    field is the number of the rule."""
    if len(rules) > MOST_RULES:
        raise ClientMistake("a rota has at most {most} lines", Code.BAD_VALUE, most=MOST_RULES, field=Field("0"))
    for number, rule in enumerate(rules):
        if len(rule.people) > MOST_PEOPLE:
            raise ClientMistake(
                "at most {most} people take turns", Code.BAD_VALUE, most=MOST_PEOPLE, field=Field(str(number))
            )
    taken = sorted((*shift.minutes, number) for number, rule in enumerate(rules) for shift in rule.shifts)
    # The last one of the week may reach into the first one of the next.
    again = [(begins + WEEK_MINUTES, ends, number) for begins, ends, number in taken[:1]]
    for (_, ends, one), (next_begins, _, other) in pairwise([*taken, *again]):
        if next_begins < ends:
            raise ClientMistake(
                "two would be on call at one time: {day}, {time}",
                Code.BAD_VALUE,
                day=Word(DAY_NAMES[0][next_begins // DAY % 7].title()),
                time=f"{_clock(next_begins % DAY):%H:%M}",
                field=Field(str(max(one, other))),
            )
    return tuple(rules)


def check_swap(swap: Swap, now: datetime) -> Swap:
    """The swap as it may be kept. Raises ClientMistake for one that is over, without length, or far away."""
    if swap.until <= swap.since:
        raise ClientMistake("this ends before it begins", Code.BAD_VALUE, field=Field("until"))
    if swap.until <= now:
        raise ClientMistake("this time has passed: choose a later one", Code.BAD_VALUE, field=Field("until"))
    if swap.until - now > LONGEST_AHEAD:
        raise ClientMistake("this is more than a year away", Code.BAD_VALUE, field=Field("until"))
    if swap.who == swap.instead_of:
        raise ClientMistake("nobody can stand in for himself", Code.BAD_VALUE, field=Field("who"))
    return swap


def gaps(rules: Iterable[Rule]) -> Week:
    """When in a week nobody has a shift, by the wall clock."""
    taken = sorted(shift.minutes for rule in rules for shift in rule.shifts)
    # What reaches beyond Sunday covers the Monday's beginning.
    wrapped = [(0, ends - WEEK_MINUTES) for _, ends in taken if ends > WEEK_MINUTES]
    free: list[tuple[int, int]] = []
    reached = 0
    for begins, ends in sorted([*wrapped, *taken]):
        if begins > reached:
            free.append((reached, begins))
        reached = max(reached, ends)
    if reached < WEEK_MINUTES:
        free.append((reached, WEEK_MINUTES))
    return tuple(span for begins, ends in free for span in _by_day(begins, ends))


def within(week: Week, hours: Week) -> Week:
    """What of a week's spans lies within those hours."""
    both = (
        Span(one.weekday, max(one.opens, other.opens), min(one.closes, other.closes))
        for one in week
        for other in hours
        if one.weekday == other.weekday
    )
    return tuple(span for span in both if span.opens < span.closes)


def _by_day(begins: int, ends: int) -> Iterator[Span]:
    """Minutes of a week, in spans that end with their day."""
    while begins < ends:
        weekday = begins // DAY
        stop = min(ends, (weekday + 1) * DAY)
        yield Span(weekday, _clock(begins % DAY), time.max if stop % DAY == 0 else _clock(stop % DAY))
        begins = stop


def _minute(clock: time) -> int:
    return DAY if clock == time.max else clock.hour * 60 + clock.minute


def _clock(minute: int) -> time:
    return time(*divmod(minute, 60))
