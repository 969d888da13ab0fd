"""Zones that strangers' events define cost nothing, move nobody else's times, and are understood if ordinary."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pbx_control.domain.agenda.busy import MOST_SPANS, Reading, RemoteEvent, TooLateError, busy_spans
from pbx_control.domain.agenda.foreign_zones import named
from pbx_control.domain.agenda.mirrored import sequence_in

SANTIAGO = ZoneInfo("America/Santiago")
SINCE, UNTIL = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC)


def zone(name: str, *parts: tuple[str, str, str, str]) -> str:
    """A definition: of each part its kind, its offsets, and what else it says."""
    lines = [f"BEGIN:VTIMEZONE\nTZID:{name}"]
    for kind, before, after, more in parts:
        lines.append(f"BEGIN:{kind}\nTZOFFSETFROM:{before}\nTZOFFSETTO:{after}\n{more}\nEND:{kind}")
    return "\n".join([*lines, "END:VTIMEZONE"])


def event(definition: str, name: str, day: str = "20261130", more: str = "") -> RemoteEvent:
    text = (
        f"BEGIN:VCALENDAR\nVERSION:2.0\n{definition}\nBEGIN:VEVENT\nUID:u\nDTSTART;TZID={name}:{day}T100000\n"
        f"DTEND;TZID={name}:{day}T110000\n{more}END:VEVENT\nEND:VCALENDAR\n"
    )
    return RemoteEvent("key", "u", text.replace("\n", "\r\n"))


def read(*events: RemoteEvent) -> Reading:
    return busy_spans(events, SANTIAGO, SINCE, UNTIL)


def begins(found: Reading) -> list[str]:
    return [f"{one.starts:%m-%dT%H:%M}" for one in found.busy]


EVERY_SECOND = "DTSTART:20261101T000000\nRRULE:FREQ=SECONDLY"
WITHOUT_END = [
    zone("Evil", ("STANDARD", "-0400", "-0300", EVERY_SECOND), ("DAYLIGHT", "-0300", "-0400", EVERY_SECOND)),
    zone("Evil", ("STANDARD", "-0400", "-0300", "DTSTART:19700101T000000\nRRULE:FREQ=YEARLY;BYSECOND=1,2")),
    zone("Evil", ("STANDARD", "-0400", "-0300", "DTSTART:19700101T000000\nRRULE:FREQ=YEARLY;BYMONTH=13")),
    zone("Evil", ("STANDARD", "-0400", "+9900", "DTSTART:19700101T000000")),
    zone("Evil", ("STANDARD", "-0400", "+0517", "DTSTART:19700101T000000")),  # nobody has such clocks
    zone("Evil"),
]


@pytest.mark.parametrize("definition", WITHOUT_END)
def test_a_definition_that_is_none_is_told_and_its_events_block_by_the_calendars_own_zone(definition: str) -> None:
    began = time.process_time()
    found = read(event(definition, "Evil"))
    assert begins(found) == ["11-30T13:00"]
    assert found.odd == ("key",)
    assert time.process_time() - began < 5


def test_an_appointment_of_ours_with_such_a_definition_costs_nothing_either() -> None:
    began = time.process_time()
    assert sequence_in(event(WITHOUT_END[0], "Evil", more="X-PBX-SEQUENCE:3\n").ical, "u") == 3
    assert time.process_time() - began < 5


def test_a_definition_moves_nobody_elses_times() -> None:
    name = "Customized Time Zone"
    attackers = zone(name, ("STANDARD", "+0500", "+0500", "DTSTART:16010101T000000"))
    his = zone(name, ("STANDARD", "-0300", "-0300", "DTSTART:16010101T000000"))
    sequence_in(event(attackers, name).ical, "u")
    assert begins(read(event(attackers, name))) == ["11-30T05:00"]
    assert begins(read(event(his, name))) == ["11-30T13:00"]
    assert begins(read(event("", name))) == ["11-30T13:00"]


def test_ordinary_definitions_are_understood_summer_time_included() -> None:
    central = zone(
        "Home",
        ("DAYLIGHT", "+0100", "+0200", "DTSTART:19700329T020000\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"),
        ("STANDARD", "+0200", "+0100", "DTSTART:19701025T030000\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"),
    )
    for day, expected in (("20261130", "11-30T09:00"), ("20270615", "06-15T08:00")):
        found = read(event(central, "Home", day))
        assert (begins(found), found.odd) == ([expected], ())
    chile = zone(
        "Chile here",
        (
            "STANDARD",
            "-0300",
            "-0400",
            "DTSTART:20230402T000000\nRRULE:FREQ=YEARLY;BYMONTH=4;BYMONTHDAY=2,3,4,5,6,7,8;BYDAY=SU",
        ),
        (
            "DAYLIGHT",
            "-0400",
            "-0300",
            "DTSTART:20230903T000000\nRRULE:FREQ=YEARLY;BYMONTH=9;BYMONTHDAY=2,3,4,5,6,7,8;BYDAY=SU",
        ),
    )
    found = busy_spans([event(chile, '"Chile here"', "20270615")], ZoneInfo("Europe/Madrid"), SINCE, UNTIL)
    assert (begins(found), found.odd) == (["06-15T14:00"], ())
    half = zone("Half", ("STANDARD", "+0530", "+0530", "DTSTART:19700101T000000"))
    assert begins(read(event(half, "Half"))) == ["11-30T04:30"]


def test_zones_are_known_by_windows_by_a_path_and_in_small_letters() -> None:
    assert named("Pacific SA Standard Time") == "America/Santiago"
    assert named("/freeassociation.sourceforge.net/America/Argentina/Buenos_Aires") == "America/Argentina/Buenos_Aires"
    assert named("europe/madrid") == "Europe/Madrid"
    assert named("../../etc/passwd") is None
    assert named("x" * 100_000) is None


def test_a_calendar_of_definitions_without_number_costs_little() -> None:
    ours = zone("Mine", ("STANDARD", "-0300", "-0300", "DTSTART:19700101T000000"))
    events = []
    for minutes in range(1, 2001):
        his = zone("Mine", ("STANDARD", "-0300", f"-02{minutes % 60:02}{minutes // 60:02}", "DTSTART:19700101T000000"))
        events.append(event(his, "Mine"))
    began = time.process_time()
    found = read(event(ours, "Mine"), *events)
    assert len(found.odd) >= 1800
    assert len(found.busy) == 2001
    assert time.process_time() - began < 20


NEVER = "DTSTART:20260101T130000Z\r\n{}FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31"


@pytest.mark.parametrize("name", ["RRULE:", "rrule:", "RR\r\n ULE:", "R\r\n\tRULE;X-A=b:"])
def test_refused_series_cost_the_same_however_they_are_written(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr(
        "pbx_control.domain.agenda.busy.rrulestr", lambda rule, dtstart: tried.append(rule) or iter(())
    )
    ical = f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{NEVER.format(name)}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    found = read(*(RemoteEvent(str(number), "u", ical) for number in range(300)))
    assert len(found.odd) == 300
    assert len(tried) == 101


def test_what_is_beyond_a_calendars_spans_is_odd() -> None:
    events = [
        RemoteEvent(str(number), "u", event("", "Europe/Madrid", f"202701{number + 1:02}").ical) for number in range(9)
    ]
    found = busy_spans(events, SANTIAGO, SINCE, UNTIL, most=5)
    assert len(found.busy) == 5
    assert found.odd == ("5", "6", "7", "8")


def test_listed_dates_count_as_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbx_control.domain.agenda.busy.MOST_STEPS_OF_ALL", 10)
    dates = ",".join(f"202612{day:02}T130000Z" for day in range(1, 12))
    found = read(event("", "Europe/Madrid", more=f"RDATE:{dates}\n"))
    assert found == Reading((), ("key",))
    assert MOST_SPANS > 10


def test_series_beyond_the_most_are_odd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbx_control.domain.agenda.busy.MOST_SERIES", 2)
    found = read(*[event("", "Europe/Madrid", more="RRULE:FREQ=DAILY;COUNT=2\n")] * 3)
    assert len(found.odd) == 1


def test_reading_ends_when_its_time_is_over() -> None:
    answers = iter([False, False, True])
    with pytest.raises(TooLateError):
        busy_spans([event("", "UTC")] * 9, SANTIAGO, SINCE, UNTIL, late=lambda: next(answers))
