"""Days and instants as people type them: on the office's clock, and never guessed."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.words.written_time import read_day, read_end, read_instant, read_month
from pbx_control.errors import ClientMistake

SANTIAGO = ZoneInfo("America/Santiago")
# Saturday, 00:30 in Chile: another day than in UTC's evening before would be.
NOW = datetime(2026, 11, 28, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("today", "2026-11-28T00:00-03:00"),
        ("hoy", "2026-11-28T00:00-03:00"),
        ("Ayer", "2026-11-27T00:00-03:00"),
        ("yesterday 9:30", "2026-11-27T09:30-03:00"),
        ("ayer a las 15:00", "2026-11-27T15:00-03:00"),
        ("anteayer", "2026-11-26T00:00-03:00"),
        ("mañana 10:00", "2026-11-29T10:00-03:00"),
        ("2h", "2026-11-27T22:30-03:00"),
        ("30m", "2026-11-28T00:00-03:00"),
        ("1h 30min", "2026-11-27T23:00-03:00"),
        ("3d", "2026-11-25T00:30-03:00"),
        ("hace 3 días", "2026-11-25T00:30-03:00"),
        ("2 hours ago", "2026-11-27T22:30-03:00"),
        ("1w", "2026-11-21T00:30-03:00"),
        ("28/11/2026", "2026-11-28T00:00-03:00"),
        ("5/6/2026", "2026-06-05T00:00-04:00"),
        ("28-11-2026 09:30", "2026-11-28T09:30-03:00"),
        ("28.11.2026 9:30", "2026-11-28T09:30-03:00"),
        ("00:15", "2026-11-28T00:15-03:00"),
        ("now", "2026-11-28T00:30-03:00"),
        ("2026-11-28", "2026-11-28T00:00-03:00"),
        ("2026-11-28 09:30", "2026-11-28T09:30-03:00"),
        ("2026-11-28T12:30Z", "2026-11-28T09:30-03:00"),
        ("2026-11-28T12:30:05+00:00", "2026-11-28T09:30:05-03:00"),
        ("20261128", "2026-11-28T00:00-03:00"),
    ],
)
def test_instant_is_read_as_people_type_it(text: str, meant: str) -> None:
    assert read_instant(text, SANTIAGO, NOW) == datetime.fromisoformat(meant)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "soon", "11/28/2026", "31/02/2026", "28/11", "28/11/26", "2", "2x", "h", "25:00", "ayer 25:00"),
        *("999999d", "28/11/2026T9:30", "ayer ayer", "٢h", "28/11-2026", "2026-13-01", "yesterday noon", "-2h"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ClientMistake, match="is no time"):
        read_instant(text, SANTIAGO, NOW)


def test_day_whose_midnight_the_clocks_leap_over_begins_with_its_first_instant() -> None:
    assert read_instant("6/9/2026", SANTIAGO, NOW) == datetime(2026, 9, 6, 4, tzinfo=UTC)


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)).filter(lambda at: at.hour not in (0, 23)))
def test_each_way_of_writing_an_instant_means_the_same(wall: datetime) -> None:
    minute = wall.replace(second=0, microsecond=0)
    meant = minute.replace(tzinfo=SANTIAGO)
    for text in (f"{minute:%d/%m/%Y %H:%M}", f"{minute:%d-%m-%Y %H:%M}", f"{minute:%Y-%m-%dT%H:%M}"):
        assert read_instant(text, SANTIAGO, NOW) == meant


@given(st.timedeltas(timedelta(0), timedelta(days=4000)))
def test_length_of_time_is_counted_back_from_now(length: timedelta) -> None:
    minutes = length // timedelta(minutes=1)
    assert read_instant(f"{minutes // 60}h{minutes % 60}m", SANTIAGO, NOW) == NOW - timedelta(minutes=minutes)


@given(st.text(max_size=40))
def test_anything_typed_is_an_instant_or_a_mistake(text: str) -> None:
    with suppress(ClientMistake):
        assert read_instant(text, SANTIAGO, NOW).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "day"),
    [("31/12/2026", date(2026, 12, 31)), ("2026-12-31", date(2026, 12, 31)), ("hoy", date(2026, 11, 28))],
)
def test_day_is_read_as_people_type_it(text: str, day: date) -> None:
    assert read_day(text, date(2026, 11, 28)) == day


@pytest.mark.parametrize("text", ["", "12/31/2026", "2h", "2026-12-31T10:00", "day"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ClientMistake, match=f"^'{text}' is no day"):
        read_day(text, date(2026, 11, 28))


@pytest.mark.parametrize("text", ["2026-11", "11/2026", "11-2026"])
def test_month_is_read_as_people_type_it(text: str) -> None:
    assert read_month(text) == date(2026, 11, 1)


@pytest.mark.parametrize("text", ["", "2026", "13/2026", "2026-11-01", "noviembre"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ClientMistake, match="is no month"):
        read_month(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("14:00", "2026-11-28T14:00-03:00"),
        ("2h", "2026-11-28T02:30-03:00"),
        ("en 90 minutos", "2026-11-28T02:00-03:00"),
        ("hoy", "2026-11-29T00:00-03:00"),
        ("24:00", "2026-11-29T00:00-03:00"),
        ("mañana", "2026-11-30T00:00-03:00"),
        ("tomorrow 9:30", "2026-11-29T09:30-03:00"),
        ("mañana a las 9:30", "2026-11-29T09:30-03:00"),
        ("01/12/2026", "2026-12-02T00:00-03:00"),
        ("01/12/2026 10:00", "2026-12-01T10:00-03:00"),
        ("2026-12-01", "2026-12-02T00:00-03:00"),
        ("2026-12-01 10:00", "2026-12-01T10:00-03:00"),
        ("2026-12-01T10:00", "2026-12-01T10:00-03:00"),
        ("2026-12-01T10:00Z", "2026-12-01T07:00-03:00"),
        ("00:15", "2026-11-28T00:15-03:00"),  # has passed, which is not its affair
    ],
)
def test_an_end_is_read_as_people_type_it(text: str, meant: str) -> None:
    assert read_end(text, SANTIAGO, NOW) == datetime.fromisoformat(meant)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2x", "hace 2h", "2 hours ago", "tomorrow noon", "31/02/2027"])
def test_what_is_no_end_is_refused(text: str) -> None:
    with pytest.raises(ClientMistake, match="no time to come"):
        read_end(text, SANTIAGO, NOW)


@given(st.text(max_size=30))
def test_anything_typed_is_an_end_or_a_mistake(text: str) -> None:
    with suppress(ClientMistake):
        assert read_end(text, SANTIAGO, NOW).tzinfo
