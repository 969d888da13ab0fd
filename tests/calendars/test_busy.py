"""What a remote calendar's events take of the time, strangers' odd ones included."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_control.domain.agenda.busy import Busy, Reading, RemoteEvent, busy_spans, uid_of

SANTIAGO = ZoneInfo("America/Santiago")
SINCE, UNTIL = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)
GOOD = "DTSTART:20261110T130000Z\nDTEND:20261110T140000Z"


def calendar_of(*events: str, zones: str = "") -> str:
    parts = [f"BEGIN:VEVENT\nUID:one\nDTSTAMP:20260101T000000Z\n{each}\nEND:VEVENT" for each in events]
    text = "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//", *([zones] if zones else []), *parts])
    return f"{text}\nEND:VCALENDAR\n".replace("\n", "\r\n")


def read(*events: str, zone: ZoneInfo = SANTIAGO, zones: str = "", own: Sequence[str] = ()) -> Reading:
    return busy_spans([RemoteEvent("key", "one", calendar_of(*events, zones=zones))], zone, SINCE, UNTIL, own)


def spans(*events: str, zone: ZoneInfo = SANTIAGO, zones: str = "") -> list[tuple[str, str]]:
    found = read(*events, zone=zone, zones=zones)
    assert not found.odd
    return [(f"{each.starts:%m-%dT%H:%M}", f"{each.ends:%m-%dT%H:%M}") for each in found.busy]


def test_an_event_takes_its_time_and_no_more() -> None:
    assert spans(GOOD) == [("11-10T13:00", "11-10T14:00")]
    assert spans("DTSTART:20261110T130000Z\nDURATION:PT45M") == [("11-10T13:00", "11-10T13:45")]
    assert spans("DTSTART:20261110T130000Z") == []  # a point of time
    assert spans("DTSTART:20251110T130000Z\nDTEND:20251110T140000Z") == []


def test_one_that_reaches_beyond_the_window_is_cut_at_it() -> None:
    assert spans("DTSTART:20000101T000000Z\nDTEND:99991231T235959Z") == [("11-01T00:00", "02-01T00:00")]


def test_a_whole_day_is_that_of_the_calendars_zone() -> None:
    assert spans("DTSTART;VALUE=DATE:20261225") == [("12-25T03:00", "12-26T03:00")]
    assert spans("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261228", zone=ZoneInfo("Europe/Madrid")) == [
        ("12-24T23:00", "12-27T23:00")
    ]


def test_a_day_without_a_midnight_begins_where_the_clocks_are_set() -> None:
    # On 5 September 2027 Chile's clocks go from 24:00 to 1:00.
    since, until = datetime(2027, 9, 1, tzinfo=UTC), datetime(2027, 10, 1, tzinfo=UTC)
    event = RemoteEvent("key", "one", calendar_of("DTSTART;VALUE=DATE:20270905"))
    found = busy_spans([event], SANTIAGO, since, until)
    assert found.busy == (Busy("key", datetime(2027, 9, 5, 4, tzinfo=UTC), datetime(2027, 9, 6, 3, tzinfo=UTC)),)


def test_times_without_a_zone_are_those_of_the_calendars_zone() -> None:
    floating = "DTSTART:20261110T100000\nDTEND:20261110T110000"
    assert spans(floating) == [("11-10T13:00", "11-10T14:00")]
    assert spans(floating, zone=ZoneInfo("Europe/Madrid")) == [("11-10T09:00", "11-10T10:00")]


@pytest.mark.parametrize(
    ("zone", "begins"),
    [
        ("Europe/Madrid", "09:00"),
        ("Pacific SA Standard Time", "13:00"),  # as Outlook calls Chile's
        ("America/Punta_Arenas", "13:00"),
        ("Nowhere/At_All", "13:00"),  # none that anybody knows: the calendar's
    ],
)
def test_other_zones_are_understood(zone: str, begins: str) -> None:
    event = f"DTSTART;TZID={zone}:20261110T100000\nDTEND;TZID={zone}:20261110T110000"
    assert spans(event)[0][0] == f"11-10T{begins}"


def test_a_zone_that_the_event_brings_along_is_that_zone() -> None:
    own_zone = "\n".join(
        [
            "BEGIN:VTIMEZONE",
            "TZID:Ours",
            "BEGIN:STANDARD",
            "DTSTART:19700101T000000",
            "TZOFFSETFROM:+0500",
            "TZOFFSETTO:+0500",
            "END:STANDARD",
            "END:VTIMEZONE",
        ]
    )
    event = "DTSTART;TZID=Ours:20261110T100000\nDTEND;TZID=Ours:20261110T110000"
    assert spans(event, zones=own_zone) == [("11-10T05:00", "11-10T06:00")]


@pytest.mark.parametrize("line", ["TRANSP:TRANSPARENT", "STATUS:CANCELLED", "transp:transparent"])
def test_transparent_and_cancelled_ones_take_no_time(line: str) -> None:
    assert spans(f"{GOOD}\n{line}") == []


def test_tentative_ones_take_time() -> None:
    assert spans(f"{GOOD}\nSTATUS:TENTATIVE") == [("11-10T13:00", "11-10T14:00")]


WEEKLY = (
    "DTSTART;TZID=America/Santiago:20260105T100000\nDTEND;TZID=America/Santiago:20260105T110000\n"
    "RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261214T235959Z"
)


def test_a_series_keeps_its_wall_time() -> None:
    # Since January the clocks have been set twice.
    assert spans(WEEKLY) == [(f"{day}T13:00", f"{day}T14:00") for day in _mondays()]


def test_exceptions_take_a_day_out_move_one_cancel_one_and_free_one() -> None:
    moved = (
        "RECURRENCE-ID;TZID=America/Santiago:20261109T100000\n"
        "DTSTART;TZID=America/Santiago:20261110T150000\nDTEND;TZID=America/Santiago:20261110T160000"
    )
    cancelled = (
        "RECURRENCE-ID;TZID=America/Santiago:20261116T100000\nSTATUS:CANCELLED\n"
        "DTSTART;TZID=America/Santiago:20261116T100000\nDTEND;TZID=America/Santiago:20261116T110000"
    )
    free = "RECURRENCE-ID:20261123T130000Z\nTRANSP:TRANSPARENT\nDTSTART:20261123T130000Z\nDTEND:20261123T140000Z"
    master = f"{WEEKLY}\nEXDATE;TZID=America/Santiago:20261102T100000"
    assert spans(master, moved, cancelled, free) == [
        ("11-10T18:00", "11-10T19:00"),
        *((f"{day}T13:00", f"{day}T14:00") for day in ("11-30", "12-07", "12-14")),
    ]


def test_an_exception_whose_series_is_not_there_is_read_alone() -> None:
    assert spans(f"RECURRENCE-ID:20261109T130000Z\n{GOOD}") == [("11-10T13:00", "11-10T14:00")]


def test_a_series_of_whole_days() -> None:
    event = "DTSTART;VALUE=DATE:20261101\nRRULE:FREQ=MONTHLY;BYMONTHDAY=1"
    assert spans(event) == [
        ("11-01T03:00", "11-02T03:00"),
        ("12-01T03:00", "12-02T03:00"),
        ("01-01T03:00", "01-02T03:00"),
    ]


def test_dates_that_are_listed() -> None:
    event = f"{GOOD}\nRDATE:20261112T130000Z,20261113T130000Z"
    assert [begins for begins, _ in spans(event)] == ["11-10T13:00", "11-12T13:00", "11-13T13:00"]


def test_overlapping_times_of_one_series_are_one_span() -> None:
    event = "DTSTART:20261110T000000Z\nDTEND:20261111T120000Z\nRRULE:FREQ=DAILY;COUNT=3"
    assert spans(event) == [("11-10T00:00", "11-13T12:00")]


def test_own_ones_do_not_block_themselves() -> None:
    assert read(GOOD, own=["one"]).busy == ()
    assert len(read(GOOD, own=["other"]).busy) == 1


# --- odd ones ---------------------------------------------------------------------------------------------------

ODD = [
    "DTSTART:yesterday",
    "SUMMARY:no beginning",
    "DTSTART:20261110T130000Z\nDURATION:sometime",
    "DTSTART:20261110T130000Z\nRRULE:FREQ=SOMETIMES",
    "DTSTART:20261110T130000Z\nRRULE:FREQ=SECONDLY",
    "DTSTART:20261110T130000Z\nRRULE:FREQ=MINUTELY",
    "DTSTART:19000110T130000Z\nRRULE:FREQ=HOURLY",
    "DTSTART:19000101T130000Z\nRRULE:FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=1,2,3",
    "DTSTART:20260101T130000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
    "DTSTART:20260101T130000Z\nRRULE:FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=31",
    "DTSTART:20260101T130000Z\nRRULE:FREQ=DAILY;INTERVAL=0",
    "DTSTART:20260101T130000Z\nRRULE:FREQ=DAILY;INTERVAL=" + "9" * 5000,
    "DTSTART:20260101T130000Z\nRDATE:" + ",".join(["20261110T130000Z"] * 5000),
    "BEGIN:VEVENT\nDTSTART:20261110T130000Z",
    "DTSTART:20260101T130000Z" + "\nRRULE:FREQ=DAILY" * 20,
    "DTSTART;TZID=../../etc/passwd:20261110T130000\nDTEND:never",
]


@pytest.mark.parametrize("odd", ODD)
def test_a_broken_one_hides_no_other_and_is_told(odd: str) -> None:
    events = [
        RemoteEvent("before", "a", calendar_of(GOOD)),
        RemoteEvent("odd", "b", calendar_of(odd)),
        RemoteEvent("after", "c", calendar_of(WEEKLY)),
    ]
    found = busy_spans(events, SANTIAGO, SINCE, UNTIL)
    assert found.odd == ("odd",)
    assert {each.key for each in found.busy} == {"before", "after"}


@pytest.mark.parametrize(
    "text", ["", "nothing", "BEGIN:VCALENDAR", "BEGIN:VEVENT\r\nEND:VEVENT", "\0" * 100, "BEGIN:" * 1000]
)
def test_what_is_no_calendar_is_odd_or_empty(text: str) -> None:
    assert busy_spans([RemoteEvent("key", "one", text)], SANTIAGO, SINCE, UNTIL).busy == ()


def test_a_calendar_of_rules_that_never_come_costs_little() -> None:
    """Each would have the library count for ten seconds."""
    never = calendar_of("DTSTART:20260101T130000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31")
    events = [RemoteEvent(str(number), "u", never) for number in range(40)]
    began = datetime.now(UTC)
    found = busy_spans([*events, RemoteEvent("good", "g", calendar_of(GOOD))], SANTIAGO, SINCE, UNTIL)
    assert len(found.odd) == 40
    assert [each.key for each in found.busy] == ["good"]
    assert datetime.now(UTC) - began < timedelta(seconds=10)


def test_long_texts_and_attachments_do_not_matter() -> None:
    event = f"{GOOD}\nATTACH;ENCODING=BASE64;VALUE=BINARY:{'A' * 2_000_000}\nDESCRIPTION:\x01{'ñ' * 100_000}"
    assert spans(event) == [("11-10T13:00", "11-10T14:00")]
    alarm = "BEGIN:VALARM\nTRIGGER:nonsense\nDTSTART:nonsense\nEND:VALARM"
    assert spans(f"{GOOD}\n{alarm}") == [("11-10T13:00", "11-10T14:00")]


def test_29_february_comes_every_four_years() -> None:
    since, until = datetime(2028, 1, 1, tzinfo=UTC), datetime(2028, 12, 1, tzinfo=UTC)
    event = RemoteEvent("key", "u", calendar_of("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY"))
    assert len(busy_spans([event], SANTIAGO, since, until).busy) == 1


def test_the_uid_is_that_of_the_event_folded_or_not() -> None:
    assert uid_of(calendar_of(GOOD)) == "one"
    folded = calendar_of(GOOD).replace("UID:one", "UID:a\r\n b@x.example")
    assert uid_of(folded) == "ab@x.example"
    assert uid_of("BEGIN:VCALENDAR\r\nEND:VCALENDAR") == ""


# --- against a slow oracle --------------------------------------------------------------------------------------


@given(
    zone=st.sampled_from(["America/Santiago", "America/Coyhaique", "Europe/Madrid", "UTC"]),
    first=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    clock=st.times(time(5), time(23)).map(lambda at: at.replace(microsecond=0, second=0)),
    minutes=st.integers(5, 300),
    days=st.sets(st.integers(0, 6), min_size=1),
    interval=st.integers(1, 3),
    left_out=st.sets(st.integers(0, 60), max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_weekly_series_are_those_of_a_calendar_on_the_wall(
    zone: str, first: date, clock: time, minutes: int, days: set[int], interval: int, left_out: set[int]
) -> None:
    here = ZoneInfo(zone)
    since = datetime.combine(first, time.min, UTC)
    until = since + timedelta(days=200)
    names = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
    exceptions = "".join(
        f"\nEXDATE;TZID={zone}:{first + timedelta(days=day):%Y%m%d}T{clock:%H%M%S}" for day in left_out if day
    )
    event = (
        f"DTSTART;TZID={zone}:{first:%Y%m%d}T{clock:%H%M%S}\nDURATION:PT{minutes}M\n"
        f"RRULE:FREQ=WEEKLY;INTERVAL={interval};BYDAY={','.join(names[day] for day in sorted(days))}{exceptions}"
    )
    monday = first - timedelta(days=first.weekday())
    expected = []
    for number in range(201):
        day = first + timedelta(days=number)
        if (day.weekday() in days and (day - monday).days // 7 % interval == 0) or number == 0:
            begins = datetime.combine(day, clock, here)
            if number not in left_out or number == 0:
                # RFC 5545, 3.3.6: a duration of minutes is exact.
                ends = begins.astimezone(UTC) + timedelta(minutes=minutes)
                expected.append((begins.astimezone(UTC), ends))
    expected = [(max(a, since), min(b, until)) for a, b in expected if a < until and b > since]
    found = busy_spans([RemoteEvent("k", "u", calendar_of(event))], here, since, until)
    assert not found.odd
    assert [(each.starts, each.ends) for each in found.busy] == expected


def _mondays() -> list[str]:
    first = date(2026, 11, 2)
    return [f"{first + timedelta(weeks=week):%m-%d}" for week in range(7)]
