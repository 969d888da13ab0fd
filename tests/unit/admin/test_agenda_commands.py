"""`calendar` and `appointment`: set up, booked, moved, cancelled; one line for each mistake."""

import re

import pytest
from terminal import Admin

from pbx_control.admin import calendar_remote

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
    assert "no appointment of soto can begin at" in agenda.is_refused(
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
    assert "is no length of time" in agenda.types("calendar", "set", "andes", "soto", "--lead", "soon").stderr
    assert "say what is to be changed" in agenda.types("calendar", "set", "andes", "soto").stderr


@pytest.mark.parametrize(
    "wrong", ["Consulta", "Consulta=", "Consulta=abc", "Consulta=99999", "Consulta=30+-5", "=30", " =30", "A=B=30", ""]
)
def test_a_kind_is_a_name_and_minutes_or_nothing_changes(agenda: Admin, wrong: str) -> None:
    before = agenda.reads("calendar", "show", "andes", "soto")
    told = agenda.types("calendar", "set", "andes", "soto", "--kind", "Nueva=20", "--kind", wrong)
    assert told.exit_code != 0
    assert "write it like Consulta=30 or Consulta=30+10" in told.stderr
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
