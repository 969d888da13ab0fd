"""Opening hours: what may be written, and whether a client is open, also while the clocks are set."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pbx_control.domain.opening.hours import (
    ALWAYS,
    HORIZON,
    NEVER,
    USUAL_WEEK,
    OpenState,
    Span,
    nights,
    parse_week,
    state_at,
    week_text,
)
from pbx_control.errors import ClientMistake

SANTIAGO = ZoneInfo("America/Santiago")
USUAL = parse_week([USUAL_WEEK])
# In 2026 Chile's clocks go back on 4 April at 24:00 and forward on 6 September at 00:00.
BACK = datetime(2026, 4, 5, 3, tzinfo=UTC)
FORWARD = datetime(2026, 9, 6, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "canonical"),
    [
        (["mon-fri 09:00-13:00 14:00-18:00"], "mon-fri 09:00-13:00 14:00-18:00"),
        (["mon-fri", "9:00-13:00", "14:00-18:00"], "mon-fri 09:00-13:00 14:00-18:00"),
        (["lun-vie 09:00-18:00", "sáb 10:00-14:00"], "mon-fri 09:00-18:00 sat 10:00-14:00"),
        (["Mon,Wed 09:00-10:00 fri 09:00-10:00"], "mon,wed,fri 09:00-10:00"),
        (["fri-mon 22:00-24:00"], "mon,fri-sun 22:00-24:00"),
        (["mon 09:00-13:00 mon 13:00-14:00"], "mon 09:00-14:00"),
        (["mon-sun 00:00-24:00"], "always"),
        (["siempre"], "always"),
        (["never"], "never"),
        (["lunes-viernes 9:00-18:00"], "mon-fri 09:00-18:00"),
        (["Lunes a Viernes de 9:00 a 13:00 hrs. y de 14:00 a 18:00 horas"], "mon-fri 09:00-13:00 14:00-18:00"),
        (["L-V", "9-18", "S", "10-14"], "mon-fri 09:00-18:00 sat 10:00-14:00"),
        (["L,Mi,V 9–13"], "mon,wed,fri 09:00-13:00"),
        (["X y D 9 - 13, 14 — 18"], "wed,sun 09:00-13:00 14:00-18:00"),
        (["los sábados y domingos desde las 10 hasta las 14"], "sat-sun 10:00-14:00"),
        (["Monday to Friday 9am-1pm and 2 p.m. to 6 p.m."], "mon-fri 09:00-13:00 14:00-18:00"),
        (["todos los días 24 horas"], "always"),
        (["weds 12pm-12am"], "wed 12:00-24:00"),
        (["lun-dom 9.30-18.00"], "mon-sun 09:30-18:00"),
        (["mon-fri 22:00-06:00"], "mon 22:00-24:00 tue-fri 00:00-06:00 22:00-24:00 sat 00:00-06:00"),
        (["dom 22-6"], "mon 00:00-06:00 sun 22:00-24:00"),
        (["mon 18:00-00:00"], "mon 18:00-24:00"),
        (["24/7"], "always"),
    ],
)
def test_week_is_read_as_people_write_it(words: list[str], canonical: str) -> None:
    assert week_text(parse_week(words)) == canonical


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["mon-sun 18:00-09:00 25:00"], "25:00"),
        (["mon 18:00-09:00-10:00"], "18:00-09:00-10:00"),
        (["M 9-13"], "m"),
        (["T 9-13"], "t"),
        (["lunes a 9"], "lunes"),
        (["lunes a"], "lunes"),
        (["mon 9"], "9"),
        (["mon 24:00-06:00"], "24:00-06:00"),
        (["mon 13pm-14pm"], "13pm-14pm"),
        (["mon ab 9-13"], "ab"),
        (["mon 9-13 *"], "[*]"),
        (["sun 22:00-06:00 mon 05:00-07:00"], "Monday overlap"),
        (["mon 25:00"], "25:00"),
        (["mon 09:00-24:01"], "09:00-24:01"),
        (["mon 09:00-09:00"], "09:00-09:00"),
        (["mon-fri"], "mon-fri"),
        (["mon tue 09:00-10:00"], "tue"),
        (["09:00-10:00"], "09:00-10:00"),
        (["someday 09:00-10:00"], "someday"),
        (["mon- 09:00-10:00"], "mon-"),
        (["mon 09:00-12:00 11:00-13:00"], "overlap"),
        (["always mon"], "always"),
        (["mon ٠٩:٠٠-12:00"], "٠٩:٠٠-12:00"),
        ([""], "no hours"),
        (["mon 09:00-10:00 " * 1000], "too long"),
    ],
)
def test_hours_that_make_no_sense_are_refused_by_name(words: list[str], named: str) -> None:
    with pytest.raises(ClientMistake, match=named):
        parse_week(words)


def test_span_that_passes_midnight_is_told() -> None:
    assert nights(["mon-fri 22:00-06:00 sat 9-13 18:00-00:00", "dom 23–2"]) == ["22:00-06:00", "23-2"]
    assert nights(["always"]) == []


PIECES = (
    *("lunes", "L", "M", "Mi", "vie", "dom", "mon", "fri", "Sat", "9", "9:00", "13:30", "22:00", "06:00", "24:00"),
    *("-", "–", "a", "to", ",", "y", ";", "de", "las", "hrs", "6pm", "*"),
)
typed = st.lists(st.sampled_from(PIECES), max_size=12).flatmap(
    lambda words: st.sampled_from([" ".join(words), "".join(words)])
)


@given(st.text(max_size=60) | typed)
@example("mon 1:00-2:00-3:00")
def test_anything_written_is_a_week_or_a_mistake(text: str) -> None:
    try:
        week = parse_week([text])
    except ClientMistake:
        return
    assert parse_week([week_text(week)]) == week


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SANTIAGO).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "is_open", "until"),
    [
        ("2026-11-23T08:59", False, "2026-11-23T09:00"),
        ("2026-11-23T09:00", True, "2026-11-23T13:00"),
        ("2026-11-23T13:00", False, "2026-11-23T14:00"),
        ("2026-11-23T17:59", True, "2026-11-23T18:00"),
        ("2026-11-27T18:00", False, "2026-11-30T09:00"),  # Friday evening
    ],
)
def test_usual_hours_of_a_week(at: str, is_open: bool, until: str) -> None:
    assert state_at(USUAL, {}, SANTIAGO, instant(at)) == OpenState(is_open, instant(until), "hours")


def test_holiday_closes_and_says_its_name() -> None:
    holidays = {date(2026, 9, 18): "Independencia", date(2026, 9, 19): "Glorias"}
    state = state_at(USUAL, holidays, SANTIAGO, instant("2026-09-18T10:00"))
    assert state == OpenState(False, instant("2026-09-21T09:00"), "Independencia", day_off=True)


def test_evening_before_a_holiday_lasts_until_after_it() -> None:
    state = state_at(USUAL, {date(2026, 12, 8): "Inmaculada"}, SANTIAGO, instant("2026-12-07T20:00"))
    assert state == OpenState(False, instant("2026-12-09T09:00"), "hours")


def test_always_open_client_closes_for_a_holiday_of_its_own() -> None:
    state = state_at(ALWAYS, {date(2026, 12, 8): "Aniversario"}, SANTIAGO, instant("2026-12-07T20:00"))
    assert state == OpenState(True, instant("2026-12-08T00:00"), "hours")
    state = state_at(ALWAYS, {date(2026, 12, 8): "Aniversario"}, SANTIAGO, instant("2026-12-08T20:00"))
    assert state == OpenState(False, instant("2026-12-09T00:00"), "Aniversario", day_off=True)


def test_nothing_changes_for_who_is_always_or_never_open() -> None:
    at = instant("2026-11-23T10:00")
    assert state_at(ALWAYS, {}, SANTIAGO, at) == OpenState(True, None, "hours")
    assert state_at(NEVER, {}, SANTIAGO, at) == OpenState(False, None, "hours")


def test_hour_that_comes_twice_is_open_twice() -> None:
    week = parse_week(["sat 23:15-23:45"])
    first = BACK - timedelta(minutes=30)  # 23:30 in summer time
    assert state_at(week, {}, SANTIAGO, first) == OpenState(True, BACK - timedelta(minutes=15), "hours")
    between = BACK - timedelta(minutes=10)  # 23:50 in summer time, and 23:15 will come again
    assert state_at(week, {}, SANTIAGO, between) == OpenState(False, BACK + timedelta(minutes=15), "hours")
    second = BACK + timedelta(minutes=30)  # 23:30 in winter time
    assert state_at(week, {}, SANTIAGO, second) == OpenState(True, BACK + timedelta(minutes=45), "hours")


def test_hour_that_does_not_exist_is_passed_over() -> None:
    week = parse_week(["sun 00:15-02:00"])
    before = FORWARD - timedelta(minutes=30)  # Saturday 23:30; the next wall time after 23:59 is Sunday 01:00
    assert state_at(week, {}, SANTIAGO, before) == OpenState(False, FORWARD, "hours")
    assert state_at(week, {}, SANTIAGO, FORWARD) == OpenState(True, FORWARD + timedelta(hours=1), "hours")


def test_holiday_on_the_day_of_25_hours_is_one_whole_day() -> None:
    saturday = {date(2026, 4, 4): "Sábado Santo"}
    state = state_at(ALWAYS, saturday, SANTIAGO, BACK + timedelta(minutes=30))
    assert state == OpenState(False, BACK + timedelta(hours=1), "Sábado Santo", day_off=True)


CLOCKS = [time(hour, minute) for hour in range(24) for minute in (0, 15, 30, 45)]


@st.composite
def weeks(draw: st.DrawFn) -> tuple[Span, ...]:
    spans = []
    for day in range(7):
        clocks = sorted(draw(st.sets(st.sampled_from([*CLOCKS, time.max]), max_size=6)))
        spans += [Span(day, opens, closes) for opens, closes in zip(clocks[::2], clocks[1::2], strict=False)]
    return tuple(spans)


@given(
    week=weeks(),
    zone=st.sampled_from(["America/Santiago", "Pacific/Easter", "Europe/Madrid", "Australia/Lord_Howe", "UTC"]),
    change=st.sampled_from(
        [BACK, FORWARD, datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]
    ),
    offset=st.integers(-48 * 4, 12 * 4),
    holidays=st.sets(st.sampled_from([date(2026, 4, 4), date(2026, 4, 5), date(2026, 9, 5), date(2026, 9, 6)])),
)
def test_next_change_is_the_first_minute_that_differs(
    week: tuple[Span, ...], zone: str, change: datetime, offset: int, holidays: set[date]
) -> None:
    """Walks the quarters of an hour one by one, as a clock on the wall would, and compares."""
    closed = dict.fromkeys(holidays, "feriado")
    there = ZoneInfo(zone)
    at = change + timedelta(minutes=15 * offset)
    state = state_at(week, closed, there, at)
    assert state.open == open_on_the_wall(week, closed, at.astimezone(there))
    quarters = (at + timedelta(minutes=15 * step) for step in range(1, 4 * 24 * 3))
    expected = next(
        (one for one in quarters if open_on_the_wall(week, closed, one.astimezone(there)) != state.open), None
    )
    if expected is not None:
        assert state.until == expected
    else:
        assert state.until is None or state.until > at + timedelta(days=2)


def open_on_the_wall(week: tuple[Span, ...], closed: dict[date, str], wall: datetime) -> bool:
    minute = wall.hour * 60 + wall.minute
    return wall.date() not in closed and any(
        span.weekday == wall.weekday()
        and span.opens.hour * 60 + span.opens.minute <= minute
        and (span.closes == time.max or minute < span.closes.hour * 60 + span.closes.minute)
        for span in week
    )


def test_change_is_looked_for_within_the_horizon_only() -> None:
    week = parse_week(["mon 09:00-10:00"])
    at = instant("2026-11-23T12:00")
    holidays = {date(2026, 11, 23) + timedelta(days=day): "vacaciones" for day in range(1, 60)}
    assert state_at(week, holidays, SANTIAGO, at).until is None
    assert timedelta(days=31) == HORIZON
