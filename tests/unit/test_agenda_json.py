"""What the week view gets is the calendar's wall time, on days when its clocks are changed, too."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pbx_control.domain.agenda.appointments import Appointment
from pbx_control.domain.agenda.rules import AgendaCalendar, Kind, Place, Source
from pbx_control.domain.agenda.slots import Slot, Taken
from pbx_control.services.agenda_shown import Days, Shown
from pbx_control.store.agenda_shown import Remote
from pbx_control.web.agenda_json import day_words, week_json

HOUR = timedelta(hours=1)
SATURDAY = date(2026, 4, 4)  # at 24:00 the clocks of Santiago go back to 23:00


def calendar(week: str = "mon-sun 9:00-24:00", zone: str = "America/Santiago") -> AgendaCalendar:
    return AgendaCalendar(
        id=1,
        client_id=1,
        slug="soto",
        name="Dra. Soto",
        resource="",
        zone=zone,
        week=week,
        step=30,
        lead=HOUR,
        horizon=30 * 24 * HOUR,
        place=Place(),
        questions=(),
        source=Source.OWN,
        place_in_mail=False,
        reminder=False,
        has_feed=False,
    )


def shown(**what: Any) -> Any:
    usual = {
        "calendar": calendar(),
        "kind": Kind(1, "Consulta", 60),
        "first": SATURDAY,
        "days": 2,
        "at": datetime(2026, 4, 4, 12, tzinfo=UTC),
        "appointments": (),
        "busy": (),
        "held": (),
        "free": (),
        "remote": Remote(None, ""),
    }
    return week_json(Days(**usual | what), "es")


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 4, day, hour, minute, tzinfo=UTC)


def visit(starts: datetime, ends: datetime) -> Shown:
    whole = Appointment(
        id=1,
        uid="x",
        calendar_id=1,
        client_id=1,
        kind="Consulta",
        starts=starts,
        ends=ends,
        blocked_until=ends,
        name="A\u202eB\n<b>",
        booked_at=starts,
        changed_at=starts,
    )
    return Shown(whole, True, "", True, False)


def test_an_appointment_over_the_hour_that_comes_twice_has_its_length() -> None:
    (one,) = shown(appointments=[visit(utc(5, 2, 30), utc(5, 3, 30))])["appointments"]  # 23:30, and 23:30 again
    assert (one["from"], one["until"]) == ("2026-04-04T23:30", "2026-04-05T00:30")
    assert one["starts"] == "2026-04-05T02:30:00Z"


def test_what_a_name_hides_is_gone_and_nothing_is_markup() -> None:
    (one,) = shown(appointments=[visit(utc(4, 15), utc(4, 16))])["appointments"]
    assert one["name"] == "AB <b>"


def test_busy_time_is_cut_at_each_midnight_and_at_the_ends() -> None:
    told = shown(busy=[Taken(utc(1, 0), utc(30, 0))])["busy"]
    assert told == [
        {"from": "2026-04-04T00:00", "until": "2026-04-05T00:00"},
        {"from": "2026-04-05T00:00", "until": "2026-04-06T00:00"},
    ]
    assert shown(busy=[Taken(utc(1, 0), utc(2, 0))])["busy"] == []


def test_a_free_slot_is_drawn_until_the_next_one_begins() -> None:
    slots = [Slot(at, at + HOUR) for at in (utc(4, 13), utc(4, 13, 30), utc(4, 18))]
    told = shown(free=slots)["free"]
    assert [(one["from"][11:], one["drawn_until"][11:], one["until"][11:]) for one in told] == [
        ("10:00", "10:30", "11:00"),
        ("10:30", "11:30", "11:30"),
        ("15:00", "16:00", "16:00"),
    ]


def test_the_days_hours_and_offset_are_the_calendars() -> None:
    told = shown()
    assert (told["opens"], told["closes"], told["offset"]) == ("09:00", "24:00", "-03:00")
    east = shown(calendar=calendar("mon 8:30-12:00", "Asia/Kolkata"))
    assert (east["opens"], east["closes"], east["offset"], east["now"]) == (
        "08:30",
        "12:00",
        "+05:30",
        "2026-04-04T17:30",
    )


def test_near_days_have_a_word() -> None:
    today = datetime(2026, 4, 4, tzinfo=ZoneInfo("America/Santiago")).date()
    assert day_words(today, today, "es") == "hoy, sábado 4 de abril"
    assert day_words(today + timedelta(days=1), today, "en") == "tomorrow, Sunday 5 April"
    assert day_words(today + timedelta(days=2), today, "en") == "Monday 6 April 2026"
