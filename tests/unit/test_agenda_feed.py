"""A calendar's iCalendar text, read by another package than the one that wrote it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import vobject
from icalendar import Calendar

from pbx_control import zones
from pbx_control.domain.agenda.appointments import Appointment, cancelled, missed
from pbx_control.domain.agenda.feed import feed_text, title_of
from pbx_control.domain.agenda.rules import AgendaCalendar, Place, Source
from pbx_control.domain.agenda.vtimezone import vtimezone

NOW = datetime(2026, 11, 30, 11, tzinfo=UTC)
TEN = datetime(2026, 11, 30, 13, tzinfo=UTC)  # 10:00 in Santiago
HALF, DAY = timedelta(minutes=30), timedelta(days=1)
SOTO = AgendaCalendar(
    id=1,
    client_id=1,
    slug="soto",
    name="Dra. Soto",
    resource="",
    zone="America/Santiago",
    week="always",
    step=30,
    lead=HALF,
    horizon=DAY,
    place=Place("Av. Matta 12, of. 3; Santiago", "https://maps.example/1"),
    questions=("¿RUT?",),
    source=Source.OWN,
    place_in_mail=True,
    reminder=False,
    has_feed=True,
)
VISIT = Appointment(
    id=7,
    uid="5e2a1c9e-98a6-4d5c-a1d5-cf0d4d1a7b11",
    calendar_id=1,
    client_id=1,
    kind="Consulta",
    starts=TEN,
    ends=TEN + HALF,
    blocked_until=TEN + HALF,
    name="Juan Pérez",
    number="+56981234567",
    email="juan@correo.example",
    answers={"¿RUT?": "1-9"},
    note="llega tarde",
    booked_at=NOW,
    changed_at=NOW,
)


def read(*appointments: Appointment, calendar: AgendaCalendar = SOTO, **more: Any) -> Any:
    """As the other package reads it, by the text's own VTIMEZONE: it keeps those that it has read before."""
    vars(vobject.icalendar)["__tzidMap"].pop(calendar.zone, None)
    return vobject.readOne(feed_text(calendar, appointments, "es", **more).decode())


def test_another_package_reads_what_it_says() -> None:
    found = read(VISIT)
    event = found.vevent
    assert (found.method.value, found.x_wr_calname.value) == ("PUBLISH", "Dra. Soto")
    assert found.vtimezone.tzid.value == "America/Santiago"
    assert (event.uid.value, event.sequence.value, event.status.value) == (VISIT.uid, "0", "CONFIRMED")
    assert (event.summary.value, event.location.value) == ("Consulta: Juan Pérez", "Av. Matta 12, of. 3; Santiago")
    assert event.description.value.splitlines() == [
        "Nombre: Juan Pérez",
        "Teléfono: +56 9 8123 4567",
        "Correo: juan@correo.example",
        "¿RUT? 1-9",
        "llega tarde",
    ]
    assert (event.dtstart.value, event.dtend.value) == (TEN, TEN + HALF)
    assert (event.transp.value, event.color.value) == ("OPAQUE", "green")


def test_what_is_cancelled_is_still_to_be_seen_and_takes_no_time() -> None:
    event = read(cancelled(VISIT, NOW + HALF)).vevent
    assert event.summary.value == "CANCELADA Consulta: Juan Pérez"
    assert (event.status.value, event.transp.value, event.color.value) == ("CONFIRMED", "TRANSPARENT", "red")
    assert int(event.sequence.value) > VISIT.sequence
    assert event.uid.value == VISIT.uid


def test_who_did_not_come_is_told() -> None:
    event = read(missed(VISIT, TEN)).vevent
    assert event.summary.value == "NO VINO Consulta: Juan Pérez"
    assert title_of(missed(VISIT, TEN), "en") == "NO-SHOW Consulta: Juan Pérez"


def test_a_discreet_one_names_nobody() -> None:
    text = feed_text(SOTO, [VISIT, cancelled(VISIT, NOW)], "es", discreet=True).decode()
    for secret in ("Juan", "8123", "juan@", "1-9", "tarde"):
        assert secret not in text
    assert "SUMMARY:Consulta\r\n" in text


@pytest.mark.parametrize(
    "hostile", ["x\r\nEND:VEVENT\r\nBEGIN:VALARM", "a;b,c\\n:d", "\u202e\u0000\x07", "x" * 5000, '";TZID=x:"', "🗓️" * 40]
)
def test_what_strangers_say_changes_no_structure(hostile: str) -> None:
    one = replace(VISIT, name=hostile, kind=hostile, note=hostile, email=hostile, answers={hostile: hostile})
    calendar = replace(SOTO, name=hostile, place=Place(hostile, hostile))
    found = Calendar.from_ical(feed_text(calendar, [one], "es"))
    assert [part.name for part in found.subcomponents] == ["VTIMEZONE", "VEVENT"]
    (event,) = found.walk("VEVENT")
    assert event.subcomponents == []
    assert event["uid"] == VISIT.uid
    assert all(len(line) <= 75 for line in feed_text(calendar, [one], "es").split(b"\r\n"))
    assert read(one, calendar=calendar).vevent.uid.value == VISIT.uid


@pytest.mark.parametrize("zone", ["America/Santiago", "America/Coyhaique", "Europe/Madrid"])
def test_every_instant_about_each_change_of_clocks_is_read_as_it_was_written(zone: str) -> None:
    """By the text's own VTIMEZONE, which vobject goes by. The hour that comes twice begins no appointment."""
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
    about = [at + n * HALF for at, _ in zones.changes(ZoneInfo(zone), since, until) for n in range(-8, 9)]
    begun = [at for at in [*about, TEN, TEN + 180 * DAY] if at.astimezone(ZoneInfo(zone)).fold == 0]
    visits = [
        replace(VISIT, uid=f"{number}", starts=at, ends=at + HALF, blocked_until=at + HALF)
        for number, at in enumerate(begun)
    ]
    found = read(*visits, calendar=replace(SOTO, zone=zone))
    for visit, event in zip(visits, found.vevent_list, strict=True):
        # Python holds a time about a change to be equal to none of another zone.
        starts = event.dtstart.value.astimezone(UTC)
        assert starts == visit.starts
        length = event.duration.value if hasattr(event, "duration") else event.dtend.value.astimezone(UTC) - starts
        assert length == HALF


def test_the_same_calendar_gives_the_same_text() -> None:
    assert feed_text(SOTO, [VISIT], "es") == feed_text(SOTO, [replace(VISIT)], "es")
    assert feed_text(SOTO, [VISIT], "es") != feed_text(SOTO, [replace(VISIT, name="Juana")], "es")


def test_one_without_appointments_is_a_calendar_too() -> None:
    assert read().x_wr_calname.value == "Dra. Soto"


@pytest.mark.parametrize("name", ["America/Santiago", "America/Coyhaique", "Europe/Madrid"])
def test_a_zone_s_changes_are_written_at_the_wall_time_that_ends(name: str) -> None:
    """RFC 5545, 3.6.5: DTSTART is a local time by TZOFFSETFROM."""
    since, until = datetime(2025, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
    first, *parts = vtimezone(name, 2026, 2026).subcomponents
    found = [
        ((part["DTSTART"].dt - part["TZOFFSETFROM"].td).replace(tzinfo=UTC), part["TZOFFSETTO"].td.total_seconds())
        for part in parts
    ]
    assert found == list(zones.changes(ZoneInfo(name), since, until))
    assert first["TZOFFSETTO"].td == since.astimezone(ZoneInfo(name)).utcoffset()
