"""The iCalendar text of an invitation, read by another program than the one that writes it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.agenda.clock_changes import Yearly, observances
from pbx_control.domain.agenda.invitation import Invitation, Method, method_of, written
from pbx_control.errors import ClientMistake

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ZONES = ("America/Santiago", "America/Coyhaique", "America/Punta_Arenas", "Europe/Madrid")

VISIT = Invitation(
    method=Method.REQUEST,
    uid="7b1e@agenda.sur.example",
    sequence=2,
    at=datetime(2026, 11, 30, 12, 0, tzinfo=UTC),
    starts=datetime(2026, 12, 1, 13, 0, tzinfo=UTC),
    ends=datetime(2026, 12, 1, 13, 30, tzinfo=UTC),
    zone="America/Santiago",
    title="Clínica Andes: consulta",
    text="Dra. Soto\nPara cambiarla, llame al +56 2 2345 6789; gracias, adiós",
    place="Av. Apoquindo 1234, of. 5; Las Condes",
    organizer="avisos@sur.example",
    organizer_name="Clínica Andes",
    attendee="maria@ñandú.example",
    attendee_name="María Ñandú",
)


def read(text: str) -> vobject.base.Component:
    """Reads a text by its own VTIMEZONE: vobject would keep what an earlier one said of the zone."""
    for zone in re.findall(r"^TZID:(\S+)\r$", text, re.MULTILINE):
        vobject.icalendar.registerTzid(zone, None)
    return vobject.readOne(text)


def instants(text: str) -> tuple[datetime, datetime]:
    """When it begins and ends."""
    event = read(text).vevent
    return event.dtstart.value.astimezone(UTC), event.dtend.value.astimezone(UTC)


def test_request_says_what_a_calendar_must_know():
    calendar = read(written(VISIT))
    event = calendar.vevent
    assert (calendar.version.value, calendar.method.value) == ("2.0", "REQUEST")
    assert event.uid.value == "7b1e@agenda.sur.example"
    assert event.sequence.value == "2"
    assert event.dtstamp.value == VISIT.at
    assert event.summary.value == VISIT.title
    assert event.description.value == VISIT.text
    assert event.location.value == VISIT.place
    assert (event.status.value, event.transp.value) == ("CONFIRMED", "OPAQUE")
    assert event.organizer.value == "mailto:avisos@sur.example"
    assert event.organizer.params["CN"] == ["Clínica Andes"]
    assert event.attendee.value == "mailto:maria@xn--and-6ma2c.example"
    assert event.attendee.params["RSVP"] == ["FALSE"]
    assert event.attendee.params["CN"] == ["María Ñandú"]
    assert event.dtstart.params["X-VOBJ-ORIGINAL-TZID"] == ["America/Santiago"]
    assert instants(written(VISIT)) == (VISIT.starts, VISIT.ends)
    assert "DTSTART;TZID=America/Santiago:20261201T100000\r\n" in written(VISIT)


def test_cancel_is_about_the_same_appointment_and_takes_no_time():
    text = written(replace(VISIT, method=Method.CANCEL, sequence=3))
    calendar = read(text)
    assert (calendar.method.value, method_of(text)) == ("CANCEL", "CANCEL")
    assert (calendar.vevent.uid.value, calendar.vevent.sequence.value) == (VISIT.uid, "3")
    assert (calendar.vevent.status.value, calendar.vevent.transp.value) == ("CANCELLED", "TRANSPARENT")
    assert len(calendar.vevent.attendee_list) == 1


def test_written_twice_it_is_the_same_text():
    assert written(VISIT) == written(VISIT)
    assert method_of(written(VISIT)) == "REQUEST"
    assert method_of("") == ""


def test_what_is_no_address_makes_no_invitation():
    with pytest.raises(ClientMistake):
        written(replace(VISIT, attendee="maria@x.example\r\nATTENDEE:mailto:eva@x.example"))


# --- whatever a stranger says is text ---------------------------------------------------------------------

HOSTILE = st.text(max_size=900) | st.sampled_from(
    [
        "Juan\r\nATTENDEE:mailto:eva@x.example",
        "Juan\nEND:VEVENT\nBEGIN:VEVENT",
        'Juan";X-EVIL="1:mailto:eva@x.example',
        "a\\nATTENDEE:mailto:eva@x.example",
        "Juan\u2028ATTENDEE:x\u2029y\x85z\x0bq\x0c",
        "a,b;c:d\\e^n^'f",
        "\ud800 half",
        "ñ" * 200,
        "👩‍⚕️" * 40,
    ]
)
LINES = re.compile(r"\r\n(?! )")


@given(title=HOSTILE, text=HOSTILE, place=HOSTILE, name=HOSTILE, office=HOSTILE)
def test_hostile_words_add_no_property_and_no_line_is_too_long(title, text, place, name, office):
    said = {"title": title, "text": text, "place": place, "attendee_name": name, "organizer_name": office}
    raw = written(replace(VISIT, **said))
    assert raw.encode().decode() == raw
    assert raw.endswith("END:VCALENDAR\r\n")
    assert all(len(line.encode()) <= 75 for line in raw.split("\r\n"))
    assert "\n" not in raw.replace("\r\n", "")
    assert "\r" not in raw.replace("\r\n", "")
    event = read(raw).vevent
    times = {"dtstamp", "dtstart", "dtend"}
    expected = {"uid", "sequence", "summary", "status", "transp", "organizer", "attendee"} | times
    assert set(event.contents) - {"description", "location"} == expected
    assert all(len(there) == 1 for there in event.contents.values())
    assert set(event.attendee.params) - {"CN"} == {"CUTYPE", "ROLE", "PARTSTAT", "RSVP"}
    assert set(event.organizer.params) <= {"CN"}
    assert event.attendee.value == "mailto:maria@xn--and-6ma2c.example"
    names = [LINES.split(raw)[n].partition(":")[0].partition(";")[0] for n in range(len(LINES.split(raw)))]
    assert names.count("BEGIN") == names.count("END") == 5


# --- clocks -----------------------------------------------------------------------------------------------


def changes(zone: str) -> Iterator[datetime]:
    """Each hour of 2026 to 2028 at which the zone's clocks are set, found by looking at every one of them."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    while at.year < 2029:
        if at.astimezone(ZoneInfo(zone)).utcoffset() != (at + HOUR).astimezone(ZoneInfo(zone)).utcoffset():
            yield at + HOUR
        at += HOUR


@pytest.mark.parametrize(("zone", "count"), [(ZONES[0], 6), (ZONES[1], 0), (ZONES[2], 0), (ZONES[3], 6)])
def test_appointments_around_every_clock_change_are_read_as_they_were_meant(zone, count):
    days = list(changes(zone))
    assert len(days) == count
    quiet = [datetime(year, month, 15, 12, tzinfo=UTC) for year in (2026, 2027, 2028) for month in range(1, 13)]
    for day in days + quiet:
        for minutes in range(-26 * 60, 26 * 60, 30):
            starts = day + minutes * MINUTE
            visit = replace(VISIT, zone=zone, starts=starts, ends=starts + 45 * MINUTE)
            assert instants(written(visit)) == (visit.starts, visit.ends), (zone, starts)


@pytest.mark.parametrize("zone", ["Africa/Casablanca", "Pacific/Easter", "Europe/Dublin", "Asia/Kolkata", "UTC"])
def test_zones_with_other_rules_are_told_too(zone):
    for day in (datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(0, 3 * 365, 5)):
        visit = replace(VISIT, zone=zone, starts=day, ends=day + HOUR)
        assert instants(written(visit)) == (visit.starts, visit.ends)


def test_rules_are_those_that_programs_know():
    santiago = {each.yearly for each in observances(ZoneInfo("America/Santiago"), 2028, 2028)}
    madrid = {each.yearly for each in observances(ZoneInfo("Europe/Madrid"), 2026, 2026)}
    assert santiago == {Yearly(4, 1, "SU"), Yearly(9, 1, "SU")}
    assert madrid == {Yearly(3, -1, "SU"), Yearly(10, -1, "SU")}


def test_change_on_another_sunday_than_the_year_before_is_told_by_its_date():
    [back, _] = observances(ZoneInfo("America/Santiago"), 2029, 2029)
    assert back.yearly is None
    assert [f"{onset:%Y-%m-%d}" for onset in back.onsets] == ["2028-04-02", "2029-04-08"]
    starts = datetime(2029, 4, 5, 13, tzinfo=UTC)
    assert instants(written(replace(VISIT, starts=starts, ends=starts + HOUR)))[0] == starts


def test_appointment_over_new_year_is_read_as_it_was_meant():
    starts = datetime(2027, 1, 1, 2, 30, tzinfo=UTC)
    assert starts.astimezone(ZoneInfo("America/Santiago")).year == 2026
    visit = replace(VISIT, starts=starts, ends=starts + HOUR)
    assert instants(written(visit)) == (visit.starts, visit.ends)


def test_time_that_comes_twice_is_told_in_utc():
    twice = datetime(2026, 4, 5, 2, 30, tzinfo=UTC)  # 23:30 in Santiago, for the first time
    for starts in (twice, twice + HOUR):
        visit = replace(VISIT, starts=starts, ends=starts + 10 * MINUTE)
        text = written(visit)
        assert instants(text) == (visit.starts, visit.ends)
        assert "VTIMEZONE" not in text
