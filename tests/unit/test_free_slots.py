"""Free slots of a calendar, against an oracle that looks at each minute for itself."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pbx_control import zones
from pbx_control.domain.agenda.rules import STEPS, Kind, Rules
from pbx_control.domain.agenda.slots import Slot, Taken, free_slots, is_free
from pbx_control.domain.opening.hours import Week, parse_week

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SANTIAGO, COYHAIQUE, MADRID = (ZoneInfo(name) for name in ("America/Santiago", "America/Coyhaique", "Europe/Madrid"))
FROM, TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
NEVER_TOO_SOON = datetime(2025, 12, 1, tzinfo=UTC)
FAR = timedelta(days=5000)
CHANGES = [
    pytest.param(zone, at, id=f"{zone.key} {at:%Y-%m-%d}")
    for zone in (SANTIAGO, COYHAIQUE, MADRID)
    for at, _ in zones.changes(zone, FROM, TO)
]


# --- the oracle -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wall:
    """What a clock shows at a minute."""

    day: date
    minute: int  # of the day

    @classmethod
    def at(cls, instant: datetime, zone: ZoneInfo) -> "Wall":
        local = instant.astimezone(zone)
        return cls(local.date(), local.hour * 60 + local.minute)

    def span(self, rules: Rules) -> int | None:
        """The minute at which the span begins that it lies in."""
        if self.day in rules.holidays:
            return None
        for one in rules.week:
            opens = one.opens.hour * 60 + one.opens.minute
            closes = 1440 if one.closes == time.max else one.closes.hour * 60 + one.closes.minute
            if one.weekday == self.day.weekday() and opens <= self.minute < closes:
                return opens
        return None


def oracle(
    rules: Rules, kind: Kind, taken: list[Taken], since: datetime, until: datetime, now: datetime
) -> list[datetime]:
    """When an appointment may begin, found by looking at every minute."""
    return list(_found(rules, kind, taken, since, until, now))


def _found(
    rules: Rules, kind: Kind, taken: list[Taken], since: datetime, until: datetime, now: datetime
) -> Iterator[datetime]:
    first = since - timedelta(hours=4)
    count = (until - first) // MINUTE + kind.minutes + kind.buffer + 1
    shown = [Wall.at(first + index * MINUTE, rules.zone) for index in range(count)]
    closed = [0, *accumulate(one.span(rules) is None for one in shown)]
    busy = [0] * count
    for one in taken:
        low, high = (one.starts - first) // MINUTE, (one.ends - first) // MINUTE
        for index in range(max(0, low), min(count, high)):
            busy[index] = 1
    taken_until = [0, *accumulate(busy)]
    seen: set[Wall] = set()
    for index, wall in enumerate(shown[: (until - first) // MINUTE]):
        at, again = first + index * MINUTE, wall in seen
        seen.add(wall)
        begins = wall.span(rules)
        fits = (
            at >= since
            and not again
            and begins is not None
            and (wall.minute - begins) % rules.step == 0
            and closed[index + kind.minutes] == closed[index]
            and taken_until[index + kind.minutes + kind.buffer] == taken_until[index]
            and now + rules.lead <= at < now + rules.horizon
        )
        if fits:
            yield at


def starts(
    rules: Rules, kind: Kind, taken: list[Taken], since: datetime, until: datetime, now: datetime
) -> list[datetime]:
    """What is to be tested."""
    found = free_slots(rules, kind, taken, since, until, now)
    assert all(one.ends - one.starts == kind.length for one in found)
    return [one.starts for one in found]


# --- random calendars -------------------------------------------------------------------------------------

MINUTES_OF_DAY = st.integers(0, 95).map(lambda quarter: quarter * 15)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def weeks(draw: st.DrawFn) -> Week:
    """One or two spans a day, or a night, for some days; odd minutes as well."""
    days = draw(st.lists(st.sampled_from(("mon", "tue", "wed", "thu", "fri", "sat", "sun")), min_size=1, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, 1439), min_size=2, max_size=4, unique=True)))
    spans = " ".join(f"{_clock(opens)}-{_clock(closes)}" for opens, closes in pairwise(cuts))
    night = draw(st.booleans())
    text = f"{','.join(days)} " + (f"{_clock(cuts[-1])}-{_clock(cuts[0])}" if night and cuts[0] else spans)
    return parse_week([text])


@st.composite
def days_at_work(draw: st.DrawFn) -> tuple[Rules, Kind, list[Taken], datetime]:
    zone = draw(st.sampled_from((SANTIAGO, COYHAIQUE, MADRID)))
    since = FROM + draw(st.integers(0, 3 * 365 * 24)) * timedelta(hours=1)
    holidays = {since.date() + draw(st.integers(0, 2)) * DAY: "Feriado"} if draw(st.booleans()) else {}
    rules = Rules(
        zone=zone,
        week=draw(st.one_of(weeks(), st.just(parse_week(["always"])))),
        holidays=holidays,
        step=draw(st.sampled_from(STEPS)),
        lead=draw(st.integers(0, 600)) * MINUTE,
        horizon=draw(st.integers(1, 6)) * DAY,
    )
    kind = Kind(1, "Consulta", draw(st.integers(1, 300)), draw(st.integers(0, 90)))
    spans = draw(st.lists(st.tuples(st.integers(-600, 4 * 1440), st.integers(0, 700)), max_size=8))
    taken = [Taken(since + low * MINUTE, since + (low + length) * MINUTE) for low, length in spans]
    return rules, kind, taken, since


@given(days_at_work(), st.integers(-2000, 500))
@settings(max_examples=60)
def test_slots_are_those_that_looking_at_each_minute_finds(
    drawn: tuple[Rules, Kind, list[Taken], datetime], ahead: int
) -> None:
    rules, kind, taken, since = drawn
    now, until = since + ahead * MINUTE, since + 3 * DAY
    assert starts(rules, kind, taken, since, until, now) == oracle(rules, kind, taken, since, until, now)


@given(days_at_work(), st.lists(st.integers(0, 50), min_size=1, max_size=12))
@settings(max_examples=50)
def test_whatever_is_booked_one_after_the_other_overlaps_nothing(
    drawn: tuple[Rules, Kind, list[Taken], datetime], choices: list[int]
) -> None:
    rules, kind, taken, since = drawn
    rules, booked = replace(rules, lead=timedelta(0)), list(taken)
    for choice in choices:
        # Each with another buffer: one's reaches into no other, whichever came first.
        other = replace(kind, buffer=(kind.buffer * (choice + 1)) % 91)
        found = free_slots(rules, other, booked, since, since + 3 * DAY, since)
        if not found:
            break
        slot = found[choice % len(found)]
        assert is_free(rules, other, booked, slot.starts, since)
        blocked = Taken(slot.starts, slot.ends + other.after)
        assert not any(
            one.starts < blocked.ends and blocked.starts < one.ends for one in booked if one.starts < one.ends
        )
        booked.append(blocked)
        assert not is_free(rules, other, booked, slot.starts, since)


# --- every change of clocks -------------------------------------------------------------------------------

ABOUT_CHANGES = (
    "always",
    "mon-sun 00:00-04:00",
    "mon-sun 22:00-03:00",
    "mon-sun 00:30-02:30 03:10-23:30",
    "sat,sun 01:00-02:00",
)


def test_the_changes_are_those_that_are_known() -> None:
    """Aysén has stayed at UTC-3 since 2025; the others change twice a year."""
    by_zone = [sum(one.values[0] is zone for one in CHANGES) for zone in (SANTIAGO, COYHAIQUE, MADRID)]
    assert by_zone == [6, 0, 6]


@pytest.mark.parametrize("week", ABOUT_CHANGES)
@pytest.mark.parametrize(("zone", "change"), CHANGES)
def test_slots_about_each_change_of_clocks(zone: ZoneInfo, change: datetime, week: str) -> None:
    for minutes, buffer, step in ((30, 0, 15), (60, 20, 30), (150, 0, 45), (45, 60, 20)):
        rules = Rules(zone, parse_week([week]), step=step, lead=timedelta(0), horizon=FAR)
        kind, since, until = Kind(1, "Consulta", minutes, buffer), change - DAY, change + DAY
        busy = [Taken(change + 50 * MINUTE, change + 95 * MINUTE)]
        for taken in ([], busy):
            found = starts(rules, kind, taken, since, until, NEVER_TOO_SOON)
            assert found == oracle(rules, kind, taken, since, until, NEVER_TOO_SOON)
            walls = [one.astimezone(zone).replace(tzinfo=None) for one in found]
            assert len(set(walls)) == len(walls), "two slots that nobody could tell apart"


@pytest.mark.parametrize("zone", [SANTIAGO, COYHAIQUE, MADRID], ids=str)
def test_aysen_and_all_others_are_booked_at_ten_o_clock_the_whole_three_years(zone: ZoneInfo) -> None:
    rules = Rules(zone, parse_week(["mon-sun 10:00-11:00"]), step=60, lead=timedelta(0), horizon=FAR)
    found = starts(rules, Kind(1, "Consulta", 60), [], FROM, TO, NEVER_TOO_SOON)
    local = [one.astimezone(zone) for one in found]
    assert len(found) == (TO - FROM).days
    assert {one.time() for one in local} == {time(10)}
    assert [after.date() - before.date() for before, after in pairwise(local)] == [DAY] * (len(local) - 1)


def test_a_wall_time_that_does_not_exist_is_no_beginning() -> None:
    """Santiago, 6 September 2026: at 00:00 it is 01:00."""
    rules = Rules(SANTIAGO, parse_week(["sun 00:00-03:00"]), step=30, lead=timedelta(0), horizon=FAR)
    since = datetime(2026, 9, 6, 4, tzinfo=UTC)
    found = free_slots(rules, Kind(1, "Consulta", 30), [], since - DAY, since + DAY, NEVER_TOO_SOON)
    assert [f"{one.starts.astimezone(SANTIAGO):%H:%M}" for one in found] == ["01:00", "01:30", "02:00", "02:30"]


def test_a_wall_time_that_comes_twice_is_one_beginning_its_first() -> None:
    """Santiago, 4 April 2026: at 24:00 it is 23:00 again."""
    rules = Rules(SANTIAGO, parse_week(["sat 22:00-24:00"]), step=30, lead=timedelta(0), horizon=FAR)
    since = datetime(2026, 4, 4, 12, tzinfo=UTC)
    found = free_slots(rules, Kind(1, "Consulta", 30), [], since, since + DAY, NEVER_TOO_SOON)
    local = [one.starts.astimezone(SANTIAGO) for one in found]
    assert [f"{one:%H:%M} {one:%z}" for one in local] == ["22:00 -0300", "22:30 -0300", "23:00 -0300", "23:30 -0300"]


# --- single rules -----------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 30, 15, tzinfo=UTC)  # Monday, 12:00 in Santiago
OFFICE = Rules(SANTIAGO, parse_week(["mon-fri 09:00-13:00 15:00-18:00"]), step=30, lead=timedelta(hours=2))
VISIT = Kind(1, "Consulta", 30, 15)


def clocks(found: list[Slot]) -> list[str]:
    return [f"{one.starts.astimezone(SANTIAGO):%H:%M}" for one in found]


def test_the_last_one_ends_when_the_hours_do_and_its_buffer_may_reach_beyond() -> None:
    found = free_slots(OFFICE, VISIT, [], NOON, NOON + timedelta(hours=12), NOON)
    assert clocks(found) == ["15:00", "15:30", "16:00", "16:30", "17:00", "17:30"]


def test_its_buffer_reaches_into_nothing_that_is_taken_to_the_second() -> None:
    at = datetime(2026, 11, 30, 19, 15, tzinfo=UTC)  # 16:15 in Santiago
    for second, free in ((-1, False), (0, True)):
        taken = [Taken(at + timedelta(seconds=second), at + timedelta(minutes=15))]
        assert is_free(OFFICE, VISIT, taken, at - timedelta(minutes=45), NOON) is free


@example(0)
@given(st.integers(0, 59))
def test_what_takes_no_time_takes_nothing(minute: int) -> None:
    at = datetime(2026, 11, 30, 18, minute, tzinfo=UTC)
    assert is_free(OFFICE, VISIT, [Taken(at, at)], datetime(2026, 11, 30, 18, tzinfo=UTC), NOON)


def test_nothing_is_offered_sooner_than_the_lead_or_later_than_the_horizon() -> None:
    rules = replace(OFFICE, lead=timedelta(hours=3), horizon=timedelta(days=1))
    found = free_slots(rules, VISIT, [], NOON - DAY, NOON + 10 * DAY, NOON)
    assert clocks(found) == ["15:00", "15:30", "16:00", "16:30", "17:00", "17:30", *(
        "09:00", "09:30", "10:00", "10:30", "11:00", "11:30")]  # fmt: skip
    assert free_slots(rules, VISIT, [], NOON, NOON - DAY, NOON) == []


def test_holidays_have_no_slots() -> None:
    rules = replace(OFFICE, holidays={date(2026, 12, 1): "Feriado"}, horizon=timedelta(days=2))
    found = free_slots(rules, VISIT, [], NOON, NOON + 10 * DAY, NOON)
    assert {one.starts.astimezone(SANTIAGO).date() for one in found} == {date(2026, 11, 30), date(2026, 12, 2)}


def test_a_long_appointment_does_not_reach_over_the_pause_at_noon() -> None:
    found = free_slots(OFFICE, Kind(1, "Operación", 180), [], NOON, NOON + DAY, NOON)
    assert clocks(found) == ["15:00", "09:00", "09:30", "10:00"]
