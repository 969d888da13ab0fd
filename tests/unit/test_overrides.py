"""What a client says for today goes before hours and holidays until its end, whatever the clocks do meanwhile."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.opening.hours import ALWAYS, NEVER, TODAY, parse_week, state_at
from pbx_control.domain.opening.overrides import (
    LONGEST,
    Override,
    OverrideKind,
    about_hours,
    check_end,
    end_of_day,
    on_the_clock,
    words_first,
)
from pbx_control.errors import ClientMistake

SANTIAGO, MADRID, COYHAIQUE = map(ZoneInfo, ("America/Santiago", "Europe/Madrid", "America/Coyhaique"))
USUAL = parse_week(["mon-fri 09:00-13:00 14:00-18:00"])
HOLIDAY = {date(2026, 11, 24): "Fiesta"}
CLOSED, OPEN, ANNOUNCED = OverrideKind.CLOSED, OverrideKind.OPEN, OverrideKind.ANNOUNCED


def wall(text: str, zone: ZoneInfo = SANTIAGO) -> datetime:
    """An instant by the wall clock of a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def said(kind: OverrideKind, since: str, until: str, text: str = "") -> Override:
    return Override(kind, wall(since), wall(until), text)


@pytest.mark.parametrize(
    ("kind", "since", "until", "at", "is_open", "next_change"),
    [
        # closed from now, and opened again by the usual hours
        (CLOSED, "2026-11-23T10:00", "2026-11-23T12:00", "2026-11-23T10:00", False, "2026-11-23T12:00"),
        (CLOSED, "2026-11-23T10:00", "2026-11-23T13:30", "2026-11-23T11:00", False, "2026-11-23T14:00"),
        (CLOSED, "2026-11-23T10:00", "2026-11-24T00:00", "2026-11-23T23:59", False, "2026-11-24T09:00"),
        (CLOSED, "2026-11-23T10:00", "2026-11-23T12:00", "2026-11-23T12:00", True, "2026-11-23T13:00"),
        # said in the evening for the morning
        (CLOSED, "2026-11-23T20:00", "2026-11-24T15:00", "2026-11-24T09:30", False, "2026-11-24T15:00"),
        # open beyond the hours, and within them
        (OPEN, "2026-11-23T17:00", "2026-11-23T20:00", "2026-11-23T19:00", True, "2026-11-23T20:00"),
        (OPEN, "2026-11-23T12:30", "2026-11-23T16:00", "2026-11-23T13:30", True, "2026-11-23T18:00"),
        (OPEN, "2026-11-21T10:00", "2026-11-21T14:00", "2026-11-21T12:00", True, "2026-11-21T14:00"),
    ],
)
def test_what_was_said_holds_until_its_end_and_then_the_usual(
    kind: OverrideKind, since: str, until: str, at: str, is_open: bool, next_change: str
) -> None:
    state = state_at(USUAL, {}, SANTIAGO, wall(at), [said(kind, since, until)])
    assert (state.open, state.until) == (is_open, wall(next_change))
    assert state.why == (TODAY if wall(at) < wall(until) else "hours")


def test_open_until_goes_before_a_holiday() -> None:
    override = said(OPEN, "2026-11-24T10:00", "2026-11-24T13:00")
    state = state_at(USUAL, HOLIDAY, SANTIAGO, wall("2026-11-24T12:00"), [override])
    assert (state.open, state.until, state.why, state.day_off) == (True, wall("2026-11-24T13:00"), TODAY, False)
    after = state_at(USUAL, HOLIDAY, SANTIAGO, wall("2026-11-24T13:00"), [override])
    assert (after.open, after.why) == (False, "Fiesta")


def test_of_several_the_last_one_holds() -> None:
    first = said(CLOSED, "2026-11-23T10:00", "2026-11-24T00:00")
    last = said(OPEN, "2026-11-23T11:00", "2026-11-23T12:00")
    words = said(ANNOUNCED, "2026-11-23T11:30", "2026-11-24T00:00", "Nos mudamos.")
    every = [first, last, words]
    assert about_hours(every, wall("2026-11-23T10:30")) == first
    assert about_hours(every, wall("2026-11-23T11:45")) == last
    assert words_first(every, wall("2026-11-23T11:45")) == words
    assert words_first(every, wall("2026-11-23T11:00")) is None


def test_who_is_always_or_never_open_is_so_again_afterwards() -> None:
    closed = said(CLOSED, "2026-11-23T10:00", "2026-11-23T12:00")
    state = state_at(ALWAYS, {}, SANTIAGO, wall("2026-11-23T11:00"), [closed])
    assert (state.open, state.until) == (False, wall("2026-11-23T12:00"))
    state = state_at(NEVER, {}, SANTIAGO, wall("2026-11-23T11:00"), [closed])
    assert (state.open, state.until) == (False, None)


@pytest.mark.parametrize(
    ("zone", "at", "ends"),
    [
        (SANTIAGO, "2026-11-23T10:00-03:00", "2026-11-24T00:00-03:00"),
        # The day of 25 hours: at midnight it is eleven again.
        (SANTIAGO, "2026-04-04T23:30-03:00", "2026-04-05T00:00-04:00"),
        (SANTIAGO, "2026-04-04T23:30-04:00", "2026-04-05T00:00-04:00"),
        # The next day begins at one.
        (SANTIAGO, "2026-09-05T10:00-04:00", "2026-09-06T01:00-03:00"),
        (COYHAIQUE, "2026-09-05T10:00-03:00", "2026-09-06T00:00-03:00"),  # sets its clocks no more
        (MADRID, "2026-10-25T01:00+02:00", "2026-10-26T00:00+01:00"),
    ],
)
def test_a_day_ends_when_the_next_one_begins(zone: ZoneInfo, at: str, ends: str) -> None:
    assert end_of_day(zone, datetime.fromisoformat(at)) == datetime.fromisoformat(ends)


@pytest.mark.parametrize(
    ("zone", "clock", "now", "meant"),
    [
        (SANTIAGO, "2026-11-23T20:00", "2026-11-23T10:00-03:00", "2026-11-23T20:00-03:00"),
        # 23:30 comes twice: the first one, and once that has passed the second.
        (SANTIAGO, "2026-04-04T23:30", "2026-04-04T22:00-03:00", "2026-04-04T23:30-03:00"),
        (SANTIAGO, "2026-04-04T23:30", "2026-04-04T23:10-04:00", "2026-04-04T23:30-04:00"),
        (MADRID, "2026-10-25T02:30", "2026-10-25T01:00+02:00", "2026-10-25T02:30+02:00"),
        (MADRID, "2026-10-25T02:30", "2026-10-25T02:45+02:00", "2026-10-25T02:30+01:00"),
        # 00:30 does not come: the clocks go on to 01:30.
        (SANTIAGO, "2026-09-06T00:30", "2026-09-05T20:00-04:00", "2026-09-06T01:30-03:00"),
        (MADRID, "2026-03-29T02:30", "2026-03-28T20:00+01:00", "2026-03-29T03:30+02:00"),
    ],
)
def test_a_time_is_that_of_the_wall_clock(zone: ZoneInfo, clock: str, now: str, meant: str) -> None:
    asked = datetime.fromisoformat(clock)
    found = on_the_clock(asked.date(), asked.time(), zone, datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(meant)


NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize("until", [NOW, NOW - timedelta(hours=1), NOW + LONGEST + timedelta(seconds=1)])
def test_an_end_that_makes_no_sense_is_refused_at_its_field(until: datetime) -> None:
    with pytest.raises(ClientMistake) as refused:
        check_end(until, NOW)
    assert refused.value.values["field"] == "until"


@given(
    st.sampled_from([SANTIAGO, MADRID, COYHAIQUE]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    st.integers(1, 60 * 40),
    st.sampled_from([CLOSED, OPEN]),
    st.sampled_from([USUAL, ALWAYS, NEVER]),
)
def test_until_is_the_first_instant_at_which_it_is_otherwise(
    zone: ZoneInfo, since: datetime, minutes: int, kind: OverrideKind, week: tuple
) -> None:
    start = since.replace(second=0, microsecond=0, tzinfo=UTC)
    override = Override(kind, start, start + timedelta(minutes=minutes))
    state = state_at(week, {}, zone, start, [override])
    assert state.open is (kind is OPEN)
    if state.until is None:
        return
    assert state.until >= override.until
    just_before = state_at(week, {}, zone, state.until - timedelta(seconds=1), [override])
    assert just_before.open == state.open
    assert state_at(week, {}, zone, state.until, [override]).open != state.open
