"""`calendar` and `appointment`: set up, booked, moved, cancelled; one line for each mistake."""

import re
from datetime import timedelta

import pytest
from terminal import Admin

from pbx_control.admin import calendar_remote
from pbx_control.domain.agenda.clashes import Clash, ClashKind
from pbx_control.domain.agenda.remote_events import Busy
from pbx_control.settings import Home, Settings
from pbx_control.store import agenda as agenda_
from pbx_control.store import remotes
from pbx_control.store.engine import open_engine, writing

ALWAYS = ("--hours", "always", "--lead", "0m")


@pytest.fixture
def agenda(office: Admin) -> Admin:
    """andes has a calendar that is open at any time."""
    told = office.does(
        *("calendar", "add", "andes", "soto", "--name", "Dra. Soto", "--kind", "Consulta=30+10"),
        *("--kind", "Control=15", "--question", "¿RUT?", *ALWAYS),
    )
    assert told.strip() == "calendar soto of andes added"
    return office


def first_slot(admin: Admin, kind: str = "Consulta") -> str:
    return str(admin.reads("appointment", "slots", "andes", "soto", "--kind", kind, "--day", "tomorrow")[0]["at"])


def book(admin: Admin, at: str, *more: str) -> str:
    who = ("--name", "Juan Pérez", "--number", "9 8123 4567", "--kind", "Consulta")
    return admin.does("appointment", "book", "andes", "soto", at, *who, *more)


def test_a_calendar_is_shown_listed_changed_and_removed(agenda: Admin) -> None:
    shown = agenda.reads("calendar", "show", "andes", "soto")
    assert (shown["name"], shown["week"], shown["lead"], shown["questions"]) == ("Dra. Soto", "always", 0, ["¿RUT?"])
    assert shown["kinds"] == [
        {"name": "Consulta", "minutes": 30, "buffer": 10},
        {"name": "Control", "minutes": 15, "buffer": 0},
    ]
    assert "asked: ¿RUT?" in agenda.does("calendar", "show", "andes", "soto")
    told = agenda.does(
        *(
            "calendar",
            "set",
            "andes",
            "soto",
            "--hours",
            "L-V 9-13",
            "--kind",
            "Consulta=45",
            "--remove-kind",
            "Control",
        ),
        *("--address", "Av. Matta 12", "--map", "https://maps.example/x", "--no-questions", "--reminder"),
    )
    assert told.strip() == "calendar soto of andes changed"
    assert "nothing was changed" in agenda.does("calendar", "set", "andes", "soto", "--hours", "mon-fri 9-13")
    shown = agenda.reads("calendar", "show", "andes", "soto")
    assert (shown["week"], shown["questions"], shown["reminder"]) == ("mon-fri 09:00-13:00", [], True)
    assert shown["kinds"] == [{"name": "Consulta", "minutes": 45, "buffer": 0}]
    (row,) = agenda.reads("calendar", "list", "--client", "andes")
    assert (row["calendar"], row["kinds"], row["coming"], row["source"]) == ("soto", ["Consulta"], 0, "own")
    assert "Dra. Soto" in agenda.does("calendar", "list")
    assert "removed" in agenda.does("calendar", "remove", "andes", "soto")
    assert agenda.reads("calendar", "list") == []


def test_an_appointment_from_its_slot_to_its_end(agenda: Admin) -> None:
    at = first_slot(agenda)
    assert re.match(
        r"appointment 1: \d{4}-\d\d-\d\d 00:00, Consulta, Juan Pérez", book(agenda, at, "--answer", "¿RUT?=1-9")
    )
    assert first_slot(agenda) != at
    (row,) = agenda.reads("appointment", "list", "--client", "andes", "--calendar", "soto")
    assert (row["name"], row["number"], row["state"]) == ("Juan Pérez", "+56981234567", "confirmed")
    assert "Juan Pérez" in agenda.does("appointment", "list")
    assert "is still to come" in agenda.is_refused("calendar", "remove", "andes", "soto")
    later = first_slot(agenda)
    assert "appointment 1 is on" in agenda.does("appointment", "move", "1", later)
    assert "has not begun yet" in agenda.is_refused("appointment", "no-show", "1")
    assert "appointment 1 is cancelled" in agenda.does("appointment", "cancel", "1")
    assert "nothing was changed" in agenda.does("appointment", "cancel", "1")
    assert agenda.reads("appointment", "list") == []
    (row,) = agenda.reads("appointment", "list", "--all", "--since", "today", "--until", "tomorrow")
    assert row["state"] == "cancelled"
    assert "cancelled" in agenda.does("appointment", "list", "--all")


def test_the_feed_s_address_is_shown_once(agenda: Admin) -> None:
    first, second = (agenda.does("calendar", "feed", "andes", "soto").strip() for _ in range(2))
    assert re.fullmatch(r"https?://.+/agenda/[A-Za-z0-9_-]{43}\.ics", first)
    assert first != second
    assert agenda.reads("calendar", "show", "andes", "soto")["feed"] is True
    assert "has no feed any more" in agenda.does("calendar", "feed", "andes", "soto", "--stop")
    assert "nothing was changed" in agenda.does("calendar", "feed", "andes", "soto", "--stop")
    told = agenda.does("audit", "list")
    assert first.rpartition("/")[2].removesuffix(".ics") not in told


def test_what_is_wrong_is_said_in_one_line(agenda: Admin) -> None:
    at = first_slot(agenda)
    book(agenda, at)
    who = ("--name", "Eva", "--kind", "Consulta")
    refused = agenda.is_refused("appointment", "book", "andes", "soto", at, *who)
    assert "is taken in soto; free next:" in refused
    assert "they begin every 30 minutes" in agenda.is_refused(
        "appointment", "book", "andes", "soto", at[:14] + "07" + at[16:], *who
    )
    assert "is no time" in agenda.is_refused("appointment", "book", "andes", "soto", "whenever", *who)
    assert "it has Consulta, Control" in agenda.is_refused(
        "appointment", "book", "andes", "soto", at, "--name", "Eva", "--kind", "Operación"
    )
    assert "it has soto" in agenda.is_refused("calendar", "show", "andes", "nadie")
    assert "`appointment list` shows them" in agenda.is_refused("appointment", "cancel", "77")
    assert "write it like" in agenda.is_refused("appointment", "book", "andes", "soto", at, *who, "--answer", "nada")
    assert "--calendar needs --client" in agenda.is_refused("appointment", "list", "--calendar", "soto")
    assert "--step" in agenda.types("calendar", "set", "andes", "soto", "--step", "x").stderr
    assert "is no step" in agenda.is_refused("calendar", "set", "andes", "soto", "--step", "7")
    assert "--lead is out of bounds" in agenda.is_refused("calendar", "set", "andes", "soto", "--lead", "99d")
    assert "is no length of time" in agenda.is_refused("calendar", "set", "andes", "soto", "--lead", "soon")
    assert "60 of what? Write 60m" in agenda.is_refused("calendar", "set", "andes", "soto", "--horizon", "60")
    for day in ("tomorrow", "01/12/2030", "2030-12-01"):
        refused = agenda.is_refused("appointment", "book", "andes", "soto", day, *who)
        assert f"write it like '{day} 10:00'" in refused
    assert "say what is to be changed" in agenda.types("calendar", "set", "andes", "soto").stderr


@pytest.mark.parametrize(
    "wrong", ["Consulta", "Consulta=", "Consulta=abc", "Consulta=99999", "Consulta=30+-5", "=30", " =30", "A=B=30", ""]
)
def test_a_kind_is_a_name_and_minutes_or_nothing_changes(agenda: Admin, wrong: str) -> None:
    before = agenda.reads("calendar", "show", "andes", "soto")
    told = agenda.is_refused("calendar", "set", "andes", "soto", "--kind", "Nueva=20", "--kind", wrong)
    assert "write it like Consulta=30 or Consulta=30+10" in told
    assert agenda.reads("calendar", "show", "andes", "soto") == before
    told = agenda.types("calendar", "add", "andes", "sala", "--name", "Sala", "--kind", wrong)
    assert told.exit_code != 0
    assert [one["calendar"] for one in agenda.reads("calendar", "list")] == ["soto"]


def test_where_there_are_several_kinds_one_is_to_be_named(agenda: Admin) -> None:
    at = first_slot(agenda)
    told = agenda.is_refused("appointment", "book", "andes", "soto", at, "--name", "Eva")
    assert "soto has several kinds of appointment: say which one with --kind: Consulta, Control" in told
    told = agenda.is_refused("--lang", "es", "appointment", "slots", "andes", "soto")
    assert "soto tiene varios tipos de cita: diga cuál con --kind: Consulta, Control" in told


def test_what_is_no_number_and_what_nobody_asks_is_refused(agenda: Admin) -> None:
    at = first_slot(agenda)
    order = ("appointment", "book", "andes", "soto", at, "--name", "Eva", "--kind", "Consulta")
    assert "this is no telephone number: write it like" in agenda.is_refused(*order, "--number", "abc")
    assert "soto does not ask 'RUT': it asks ¿RUT?" in agenda.is_refused(*order, "--answer", "RUT=1")
    agenda.does("calendar", "set", "andes", "soto", "--no-questions")
    assert "soto does not ask 'RUT': it asks –" in agenda.is_refused(*order, "--answer", "RUT=1")
    assert agenda.reads("appointment", "list") == []


def test_who_moves_it_to_where_it_is_is_told_so(agenda: Admin) -> None:
    at = first_slot(agenda)
    book(agenda, at)
    assert "it is so already: nothing was changed" in agenda.does("appointment", "move", "1", at)


def test_where_a_calendar_is_kept_is_told_in_words(agenda: Admin) -> None:
    shown = agenda.does("--lang", "es", "calendar", "show", "andes", "soto")
    assert re.search(r"^dónde se lleva +se lleva aquí$", shown, re.MULTILINE)
    listed = agenda.does("--lang", "es", "calendar", "list").splitlines()
    assert (listed[0].endswith("dónde se lleva"), listed[1].endswith("se lleva aquí")) == (True, True)
    connected = ("--caldav", "https://dav.example/soto/", "--user", "soto", "--password", "geheim", "--unchecked")
    agenda.does("calendar", "connect", "andes", "soto", *connected)
    assert "CalDAV" in agenda.does("calendar", "show", "andes", "soto")
    assert "dónde se lleva: se lleva aquí → CalDAV" in agenda.does("--lang", "es", "audit", "list")
    assert agenda.reads("calendar", "show", "andes", "soto")["source"] == "caldav"


def test_a_turn_is_told_of_without_a_daemon(agenda: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    connected = ("--caldav", "https://dav.example/soto/", "--user", "soto", "--password", "geheim", "--unchecked")
    agenda.does("calendar", "connect", "andes", "soto", *connected)
    monkeypatch.setattr(calendar_remote, "_try", lambda *_: None)
    told = agenda.does("calendar", "sync", "andes", "soto")
    assert "soto of andes has its turn as soon as the daemon runs: none does now" in told


def test_it_speaks_spanish(agenda: Admin) -> None:
    at = first_slot(agenda)
    told = agenda.does("--lang", "es", "appointment", "book", "andes", "soto", at, "--name", "Eva", "--kind", "Control")
    assert told.startswith("cita 1: ")
    again = agenda.is_refused(
        "--lang", "es", "appointment", "book", "andes", "soto", at, "--name", "Eva", "--kind", "Control"
    )
    assert "está ocupado en soto; libres enseguida:" in again


def test_client_that_leaves_is_told_what_becomes_of_its_appointments(agenda: Admin) -> None:
    agenda.does("recipient", "add", "andes", "--email", "gerencia@andes.example")
    book(agenda, first_slot(agenda))
    before = len(agenda.reads("message", "list"))
    told = agenda.does("client", "cancel", "andes")
    assert "1 appointment is to come: it stays as it is, and is erased after 20" in told
    assert "the client is written to how to take them along from the portal (letters: 1)" in told
    assert len(agenda.reads("message", "list")) == before + 1
    [one] = agenda.reads("appointment", "list", "--client", "andes")
    assert one["state"] == "confirmed"


def test_client_that_leaves_may_have_its_appointments_cancelled(agenda: Admin) -> None:
    book(agenda, first_slot(agenda), "--email", "juan@correo.cl")
    before = len(agenda.reads("message", "list"))
    told = agenda.does("client", "cancel", "andes", "--cancel-appointments")
    assert "1 appointment was to come: it is cancelled, and whom it concerns is written to" in told
    assert agenda.reads("appointment", "list", "--client", "andes") == []
    assert len(agenda.reads("message", "list")) == before + 1


def test_nobody_to_tell_is_said(agenda: Admin) -> None:
    book(agenda, first_slot(agenda))
    assert "nobody could be written to: `appointment list --client andes" in agenda.does("client", "cancel", "andes")


def test_what_does_not_agree_with_the_client_s_calendar_is_listed(agenda: Admin) -> None:
    book(agenda, first_slot(agenda))
    assert agenda.reads("appointment", "list", "--clashes") == []
    engine = open_engine(Home(agenda.home), Settings())
    with writing(engine) as conn:
        one = agenda_.find_appointment(conn, 1)
        assert one
        remotes.add_task(conn, Clash(1, ClashKind.MOVED), one.booked_at - timedelta(hours=3))
        later = one.starts + timedelta(hours=5)
        remotes.put_moved(conn, one.calendar_id, 1, [Busy("x", later, later + timedelta(minutes=30))])
    engine.dispose()
    [row] = agenda.reads("appointment", "list", "--clashes")
    assert [each["kind"] for each in row["clashes"]] == ["moved"]
    assert re.search(r"the client has moved it to \d{4}-\d\d-\d\d 05:00", agenda.does("appointment", "list"))


def test_an_appointment_s_story_is_shown(agenda: Admin) -> None:
    book(agenda, first_slot(agenda), "--email", "juan@correo.cl", "--answer", "¿RUT?=1-9")
    agenda.does("appointment", "move", "1", first_slot(agenda))
    shown = agenda.reads("appointment", "show", "1")
    assert (shown["client"], shown["calendar"], shown["name"]) == ("andes", "soto", "Juan Pérez")
    assert [row["what"] for row in shown["story"]] == ["appointment booked", "appointment moved"]
    assert [row["address"] for row in shown["letters"]] == ["juan@correo.cl"] * 2
    told = agenda.does("appointment", "show", "1")
    for words in ("Juan Pérez", "¿RUT?", "appointment moved", "juan@correo.cl", "waiting", "01:00–01:30"):
        assert words in told
    assert "`appointment list` shows them" in agenda.is_refused("appointment", "show", "7")


def test_two_equal_questions_are_refused(agenda: Admin) -> None:
    said = agenda.is_refused("calendar", "set", "andes", "soto", "--question", "¿Edad?", "--question", "¿EDAD?")
    assert "is asked twice" in said


def test_a_plan_with_less_room_than_calendars_says_so(agenda: Admin) -> None:
    agenda.does("calendar", "add", "andes", "sala", "--name", "Sala", "--kind", "Reunión=60")
    costs = ("--price", "1000", "--extra-call", "100", "--contacts", "9")
    agenda.does("plan", "set", "chico", "--calls", "10", *costs, "--calendars", "1")
    told = agenda.does("plan", "assign", "andes", "chico")
    assert "it has room for calendars: 1; the client has 2: all stay, and none can be added" in told
