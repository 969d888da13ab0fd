"""How many calls each half hour of a week will bring: as in past weeks, and what newly sold plans will add.

Half hours are those of the office's wall clock. A day that is a holiday for everybody is a kind of day of its own.
Reasons: docs/decisions/staffing.md.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from pbx_control.domain.opening.hours import ALWAYS, Week

HALF = timedelta(minutes=30)
# So many half hours has a day of the wall clock.
HALVES = 48
# The kinds of days: 0 is Monday.
HOLIDAY = 7
WEEKS_A_MONTH = 365.25 / 12 / 7
# A client that has called for fewer days shows nothing yet of how much it will call.
SETTLED = 14
# What a plan is used by if nobody has shown it yet: the whole of it.
UNKNOWN_SHARE = 1.0


class Slot(NamedTuple):
    """A half hour of a kind of day: 0 is 00:00."""

    kind: int
    half: int


@dataclass(frozen=True, slots=True)
class Sold:
    """A client, what it was sold, and what it has called in the window."""

    client_id: int
    slug: str
    week: Week
    calls: int | None  # of its plan, a month; None: it has none, and is answered all the same
    plan: str = ""
    came: int = 0  # calls on usual days of the window
    days: int = 0  # usual days of the window since its first call
    changed: bool = False  # it had another plan for a part of the window, or will have another one
    gone: bool = False  # it will not be there any more

    @property
    def settled(self) -> bool:
        """Whether what it has called tells what it will call."""
        return self.days >= SETTLED and not self.changed

    @property
    def as_before(self) -> float:
        """Calls a week since its first one."""
        return 7 * self.came / self.days if self.days else 0.0


@dataclass(frozen=True, slots=True)
class Profile:
    """Calls that are expected in each half hour. `open_on_holidays`: which share of them comes on a holiday, too, as
    far as none has been seen yet."""

    calls: Mapping[Slot, float]
    holidays_known: bool
    open_on_holidays: float

    def at(self, at: datetime, zone: tzinfo, holidays: Collection[date]) -> float:
        """Calls that the half hour from that instant on will bring."""
        slot = slot_of(at, zone, holidays)
        if slot.kind != HOLIDAY or self.holidays_known:
            return self.calls.get(slot, 0.0)
        usual = slot_of(at, zone, ())
        return self.calls.get(usual, 0.0) * self.open_on_holidays


def slot_of(at: datetime, zone: tzinfo, holidays: Collection[date]) -> Slot:
    """Which half hour of the wall clock an instant lies in."""
    wall = at.astimezone(zone)
    kind = HOLIDAY if wall.date() in holidays else wall.weekday()
    return Slot(kind, wall.hour * 2 + wall.minute // 30)


def half_hours(first: date, days: int, zone: tzinfo) -> list[datetime]:
    """When the half hours of these days begin, in UTC: a day on which clocks change has two more or fewer."""
    begins, ends = (datetime.combine(day, time.min, zone).astimezone(UTC) for day in (first, first + timedelta(days)))
    return [begins + HALF * number for number in range(max(0, (ends - begins) // HALF))]


def means(
    counts: Mapping[datetime, float], halves: Iterable[datetime], zone: tzinfo, holidays: Collection[date]
) -> dict[Slot, float]:
    """What each half hour had on average; one that is not in `counts` had nothing."""
    sums, numbers = defaultdict[Slot, float](float), defaultdict[Slot, int](int)
    for at in halves:
        slot = slot_of(at, zone, holidays)
        sums[slot] += counts.get(at, 0.0)
        numbers[slot] += 1
    return {slot: total / numbers[slot] for slot, total in sums.items()}


def expected(past: Mapping[Slot, float], days: int, clients: Sequence[Sold]) -> Profile:
    """What will come: `past` as it was, of a window with `days` usual days, and for each client what it will call more
    or less than is in that, in its hours."""
    weekly = _weekly(clients)
    calls = dict(past)
    more = defaultdict[Week, float](float)
    for one in clients:
        in_past = 7 * one.came / days if days else 0.0
        more[one.week] += weekly[one.client_id] - in_past
    for week, extra in more.items():
        _spread(calls, past, _slots(week), extra)
    holidays_known = any(slot.kind == HOLIDAY for slot in past)
    if holidays_known:
        _spread(calls, past, [Slot(HOLIDAY, half) for half in range(HALVES)], more.get(ALWAYS, 0.0) / 7)
    total = sum(weekly.values())
    always = sum(weekly[one.client_id] for one in clients if one.week == ALWAYS)
    return Profile(
        {slot: max(0.0, count) for slot, count in calls.items()}, holidays_known, always / total if total else 0.0
    )


def sold(clients: Sequence[Sold], slug: str, plan: str, calls: int) -> list[Sold]:
    """The clients if that one is given that plan. One that calls without a plan goes on calling as it did."""
    return [
        replace(one, plan=plan, calls=calls, changed=one.changed or (one.calls not in (None, calls)))
        if one.slug == slug
        else one
        for one in clients
    ]


def shares(clients: Sequence[Sold]) -> tuple[dict[str, float], float]:
    """How much of its calls a plan's clients really use, by plan, and for plans that nobody shows it of."""
    used, bought = defaultdict[str, float](float), defaultdict[str, float](float)
    for one in clients:
        if one.calls and one.settled:
            used[one.plan] += one.as_before
            bought[one.plan] += one.calls / WEEKS_A_MONTH
    of_all = sum(used.values()) / sum(bought.values()) if bought else UNKNOWN_SHARE
    return {plan: used[plan] / bought[plan] for plan in used}, of_all


def _weekly(clients: Sequence[Sold]) -> dict[int, float]:
    """How much each will call a week."""
    by_plan, of_all = shares(clients)
    return {one.client_id: _of_one(one, by_plan.get(one.plan, of_all)) for one in clients}


def _of_one(one: Sold, share: float) -> float:
    if one.gone:
        return 0.0
    if one.calls is None or one.settled:
        return one.as_before
    return one.calls / WEEKS_A_MONTH * share


def _slots(week: Week) -> list[Slot]:
    """The half hours in the middle of which a client with that week is open."""
    return [
        Slot(span.weekday, half)
        for span in week
        for half in range(HALVES)
        if span.opens <= time(half // 2, half % 2 * 30 + 15) < span.closes
    ]


def _spread(calls: dict[Slot, float], past: Mapping[Slot, float], slots: Sequence[Slot], extra: float) -> None:
    """Adds calls to these half hours, in the proportions of the past; evenly if nothing came in them."""
    if not slots or abs(extra) < 1e-9:
        return
    weights = [past.get(slot, 0.0) for slot in slots]
    total = sum(weights)
    for slot, weight in zip(slots, weights, strict=True):
        part = weight / total if total > 0 else 1 / len(slots)
        calls[slot] = calls.get(slot, 0.0) + extra * part
