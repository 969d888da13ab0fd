"""What a secretary's page may do in a client's calendars: for the client of her call, and for no other's."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from acting import ADMIN, HOUSE
from browsing import AT, Browser, Place, asks, at_desk
from msgspec.structs import replace
from sqlalchemy import insert

from pbx_control import clock
from pbx_control.domain.agenda.appointments import AppointmentState
from pbx_control.domain.agenda.rules import Kind
from pbx_control.domain.agenda.slots import Taken
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Phase, Seat
from pbx_control.domain.call.saving import Save
from pbx_control.services import appointments, calendars, messages
from pbx_control.services.steps import Rules, save
from pbx_control.services.work import booking, changing
from pbx_control.store import agenda, clients, restrictions
from pbx_control.store.engine import reading, writing
from pbx_control.store.secretaries import find
from pbx_control.store.tables import seat_claim
from pbx_control.web.desk.room import Stream

NOW = AT + timedelta(minutes=5)  # Monday, 12:05 in Santiago
TUESDAY_AT_10, TUESDAY_AT_11 = "2026-01-06T13:00:00Z", "2026-01-06T14:00:00Z"
HOSTILE = "<img src=x onerror=alert(1)>"
KEY = "7d444840-9dc0-11d1-b245-5ffdce74fad2"


@pytest.fixture(autouse=True)
def agendas(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clients with a calendar each."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    with changing(place.engine, ADMIN, NOW) as work:
        for name, calendar in (("andes", "dra-soto"), ("lagos", "sala")):
            whole: dict[str, Any] = {"week": "mon-fri 9:00-13:00", "questions": ["¿Primera vez?"]}
            kinds = [Kind(0, "Consulta", 30), Kind(0, "Control", 60, 30)]
            calendars.add(work, clients.find(work.conn, name).id, calendar, f"Agenda {name}", kinds, **whole)


@pytest.fixture
def evas(place: Place, talking: Call) -> str:
    """A call to the same client that Eva talks in."""
    with writing(place.engine) as conn:
        eva = find(conn, "Eva")
        seat = Seat(eva.id, eva.user, "Eva")
        call = replace(talking, id="pbx-2.2", phase=Phase.TALKING, seat=seat, answered_by=seat)
        save(conn, [Save(call, True, (Line(1, AT, "X", {}),), ())], Rules())
        messages.open_draft(conn, call.id, eva.id, AT)
    return call.id


def order(**more: Any) -> dict[str, Any]:
    """What the page sends when she presses «Agendar»."""
    slot = {"key": KEY, "calendar": "dra-soto", "kind": "Consulta", "starts": TUESDAY_AT_10}
    whom = {"name": "María Soto", "number": "+56223334455", "email": "", "answers": {}, "note": ""}
    return slot | whom | more


def slot(**more: Any) -> dict[str, Any]:
    return {"calendar": "dra-soto", "kind": "Consulta", "starts": TUESDAY_AT_10} | more


async def panel(browser: Browser, call: str, **query: str) -> Any:
    answer = await browser.get(f"/desk/agenda/{call}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def week(browser: Browser, call: str, **query: str) -> Any:
    query = {"calendar": "dra-soto", "kind": "Consulta", "days": "7"} | query
    answer = await browser.get(f"/desk/agenda/{call}/week", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def kept(place: Place) -> list[Any]:
    with reading(place.engine) as conn:
        return list(agenda.page_after(conn, clients.find(conn, "andes").id, 0, 100))


# --- what she sees ----------------------------------------------------------------------------------------


async def test_she_sees_the_clients_calendars_and_what_is_free_next(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")
    told = await panel(ana, call)
    (calendar,) = told["calendars"]
    assert (calendar["slug"], calendar["name"]) == ("dra-soto", "Agenda andes")
    assert calendar["questions"] == ["¿Primera vez?"]
    assert [one["name"] for one in calendar["kinds"]] == ["Consulta", "Control"]
    assert (told["calendar"], told["kind"], told["zone"]) == ("dra-soto", "Consulta", "America/Santiago")
    assert told["caller"] == {"name": "María", "number": "+56223334455"}
    assert [one["day"] for one in told["days"]] == ["2026-01-06", "2026-01-07", "2026-01-08"]
    tomorrow = told["days"][0]
    assert tomorrow["words"] == "tomorrow, Tuesday 6 January"
    assert tomorrow["slots"][2] == {"starts": TUESDAY_AT_10, "time": "10:00"}
    assert (told["held"], told["appointments"], told["trouble"]) == (None, [], "")


async def test_a_longer_kind_is_free_less_often(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")
    told = await panel(ana, call, calendar="dra-soto", kind="Control")
    assert told["kind"] == "Control"
    assert [one["time"] for one in told["days"][0]["slots"]][-1] == "12:00"


async def test_the_week_is_told_by_the_calendars_clock(place: Place, call: str) -> None:
    with writing(place.engine) as conn:
        there = calendars.get(conn, clients.find(conn, "andes").id, "dra-soto")
        since = NOW.replace(hour=2, minute=0) + timedelta(days=2)  # Tuesday 23:00
        agenda.put_busy(conn, there.id, "x", [Taken(since, since + timedelta(hours=11))])
    ana = await at_desk(place, "ana")
    await asks(ana, f"/desk/agenda/{call}/book", order())
    told = await week(ana, call)
    assert (told["from"], told["days"], told["today"]) == ("2026-01-05", 7, "2026-01-05")
    assert told["now"] == "2026-01-05T12:05"
    assert (told["opens"], told["closes"], told["offset"]) == ("09:00", "13:00", "-03:00")
    assert told["busy"] == [
        {"from": "2026-01-06T23:00", "until": "2026-01-07T00:00"},
        {"from": "2026-01-07T00:00", "until": "2026-01-07T10:00"},
    ]
    (one,) = told["appointments"]
    assert (one["from"], one["until"], one["state"], one["synced"]) == (
        "2026-01-06T10:00",
        "2026-01-06T10:30",
        "confirmed",
        True,
    )
    free = [one["from"] for one in told["free"]]
    assert "2026-01-06T09:30" in free
    assert not {"2026-01-06T10:00", "2026-01-07T09:30", "2026-01-05T13:00"}.intersection(free)
    assert (await week(ana, call, **{"from": "2026-01-08"}, days="1"))["free"][0]["from"] == "2026-01-08T09:00"


async def test_appointments_of_this_caller_are_listed_and_no_other_callers(place: Place, call: str) -> None:
    with booking(place.engine, ADMIN, NOW) as work:
        whose: dict[str, Any] = {"client_id": clients.find(work.conn, "andes").id, "calendar": "dra-soto"}
        for starts, number, name in (
            (TUESDAY_AT_10, "+56223334455", "María"),
            (TUESDAY_AT_11, "+56911112222", "Pedro"),
        ):
            begins = NOW.fromisoformat(starts)
            whom = {"kind": "Consulta", "starts": begins, "name": name, "number": number}
            appointments.book(work, appointments.Order(**whose, **whom), house=HOUSE)
    ana = await at_desk(place, "ana")
    (one,) = (await panel(ana, call))["appointments"]
    assert (one["name"], one["time"], one["day"], one["may_change"], one["booked_now"]) == (
        "María",
        "10:00",
        "Tuesday 6 January 2026",
        True,
        False,
    )
    assert {one["name"] for one in (await week(ana, call))["appointments"]} == {"María", "Pedro"}


# --- hers only --------------------------------------------------------------------------------------------

HERS = [
    ("hold", slot()),
    ("release", {"calendar": "dra-soto"}),
    ("book", order()),
    ("move", {"appointment": 1, "starts": TUESDAY_AT_11}),
    ("cancel", {"appointment": 1}),
]


@pytest.mark.parametrize(("what", "content"), HERS)
async def test_nothing_is_done_for_another_secretarys_call(place: Place, call: str, what: str, content: Any) -> None:
    ana, eva = await at_desk(place, "ana"), await at_desk(place, "eva")
    await asks(ana, f"/desk/agenda/{call}/book", order(key=str(uuid4()), starts="2026-01-07T13:00:00Z"))
    before = kept(place)
    answer = await asks(eva, f"/desk/agenda/{call}/{what}", content)
    assert answer.status_code == 409
    assert "not on this desk" in answer.json()["words"]
    assert kept(place) == before


async def test_another_secretarys_call_shows_nothing(place: Place, call: str) -> None:
    eva = await at_desk(place, "eva")
    for path in (f"/desk/agenda/{call}", f"/desk/agenda/{call}/week?days=7"):
        answer = await eva.get(path)
        assert answer.status_code == 409
        assert not [word for word in ("dra-soto", "María", "Consulta") if word in answer.text]


async def test_when_the_message_is_settled_the_calendars_are_shut(
    place: Place, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await at_desk(place, "ana")
    with writing(place.engine) as conn:
        messages.close_without_words(conn, call, find(conn, "Ana").id, NOW, Rules())
    assert (await ana.get(f"/desk/agenda/{call}")).status_code == 200
    monkeypatch.setattr(clock, "now", lambda: NOW + messages.STAYS_FOR)
    assert (await ana.get(f"/desk/agenda/{call}")).status_code == 409
    assert (await asks(ana, f"/desk/agenda/{call}/book", order())).status_code == 409
    with writing(place.engine) as conn:  # the contact to whom it was handed over has given it back
        conn.execute(insert(seat_claim).values(secretary_id=find(conn, "Ana").id, call_id=call))
    assert (await ana.get(f"/desk/agenda/{call}")).status_code == 200


async def test_another_clients_calendar_and_appointments_are_not_there(place: Place, call: str) -> None:
    with booking(place.engine, ADMIN, NOW) as work:
        lagos = clients.find(work.conn, "lagos").id
        wanted = {"calendar": "sala", "kind": "Consulta", "starts": NOW.fromisoformat(TUESDAY_AT_10), "name": "Ajena"}
        theirs = appointments.book(work, appointments.Order(client_id=lagos, **wanted), house=HOUSE)
    ana = await at_desk(place, "ana")
    for what, content in (
        ("hold", slot(calendar="sala")),
        ("book", order(calendar="sala")),
        ("release", {"calendar": "sala"}),
        ("move", {"appointment": theirs.id, "starts": TUESDAY_AT_11}),
        ("cancel", {"appointment": theirs.id}),
    ):
        answer = await asks(ana, f"/desk/agenda/{call}/{what}", content)
        assert answer.status_code == 422
        assert "Ajena" not in answer.text
    answer = await ana.get(f"/desk/agenda/{call}/week", params={"calendar": "sala", "days": "7"})
    assert answer.status_code == 422
    with reading(place.engine) as conn:
        now = agenda.find_appointment(conn, theirs.id)
    assert now == theirs


async def test_what_is_blocked_is_neither_shown_nor_changed(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")
    booked = (await asks(ana, f"/desk/agenda/{call}/book", order(number="+56911112222"))).json()["appointment"]
    with writing(place.engine) as conn:
        restrictions.add(conn, "+56911112222", None, "lo pide", NOW)
    (one,) = (await week(ana, call))["appointments"]
    assert (one["name"], one["number"], one["may_change"]) == ("blocked while a request is decided", "", False)
    answer = await asks(ana, f"/desk/agenda/{call}/cancel", {"appointment": booked["id"]})
    assert (answer.status_code, "blocked" in answer.json()["words"]) == (422, True)


# --- booking ----------------------------------------------------------------------------------------------


async def test_one_key_books_once(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")
    wanted = order(email="maria@example.com", answers={"¿Primera vez?": "sí"}, note="trae examen")
    first, second = [await asks(ana, f"/desk/agenda/{call}/book", wanted) for _ in range(2)]
    assert first.json() == second.json()
    (one,) = kept(place)
    assert (one.uid, one.call_id, one.booked_by, one.name) == (KEY, call, "ana", "María Soto")
    assert (one.email, one.answers, one.note) == ("maria@example.com", {"¿Primera vez?": "sí"}, "trae examen")
    (listed,) = (await panel(ana, call))["appointments"]
    assert (listed["uid"], listed["booked_now"], listed["may_change"]) == (KEY, True, True)


async def test_what_she_booked_she_moves_and_cancels(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")
    booked = (await asks(ana, f"/desk/agenda/{call}/book", order())).json()["appointment"]
    moved = await asks(ana, f"/desk/agenda/{call}/move", {"appointment": booked["id"], "starts": TUESDAY_AT_11})
    assert moved.json()["appointment"]["time"] == "11:00"
    for _ in range(2):
        cancelled = await asks(ana, f"/desk/agenda/{call}/cancel", {"appointment": booked["id"]})
        assert cancelled.json()["appointment"]["state"] == "cancelled"
    (one,) = kept(place)
    assert one.state is AppointmentState.CANCELLED
    (listed,) = (await panel(ana, call))["appointments"]
    assert (listed["state"], listed["may_change"]) == ("cancelled", False)


async def test_what_she_holds_another_sees_as_taken_until_she_gives_it_up(place: Place, call: str, evas: str) -> None:
    ana, eva = await at_desk(place, "ana"), await at_desk(place, "eva")
    held = await asks(ana, f"/desk/agenda/{call}/hold", slot())
    assert held.json() == {"until": "2026-01-05T15:10:00Z"}
    mine, theirs = await panel(ana, call), await panel(eva, evas)
    assert mine["held"] == {"starts": TUESDAY_AT_10, "until": "2026-01-05T15:10:00Z"}
    assert TUESDAY_AT_10 in [one["starts"] for one in mine["days"][0]["slots"]]
    assert TUESDAY_AT_10 not in [one["starts"] for one in theirs["days"][0]["slots"]]
    (shown,) = (await week(eva, evas))["held"]
    assert shown == {"from": "2026-01-06T10:00", "until": "2026-01-06T10:30", "holder": "Ana"}
    assert (await week(ana, call))["held"] == []
    for what, content in (("hold", slot()), ("book", order())):
        refused = await asks(eva, f"/desk/agenda/{evas}/{what}", content)
        told = refused.json()
        assert (refused.status_code, told["code"], told["words"]) == (
            409,
            "slot-taken",
            "Ana is booking this time just now.",
        )
        assert [one["time"] for one in told["near"]] == ["09:00", "09:30", "10:30", "11:00"]
        assert told["near"][0]["words"] == "tomorrow, Tuesday 6 January"
    await asks(ana, f"/desk/agenda/{call}/release", {"calendar": "dra-soto"})
    assert (await asks(eva, f"/desk/agenda/{evas}/book", order())).status_code == 200
    refused = await asks(ana, f"/desk/agenda/{call}/book", order(key=str(uuid4())))
    assert refused.json()["words"] == "eva has booked this time."


async def test_a_hold_runs_out_by_itself(
    place: Place, call: str, evas: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, eva = await at_desk(place, "ana"), await at_desk(place, "eva")
    await asks(ana, f"/desk/agenda/{call}/hold", slot())
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=5))
    assert (await asks(eva, f"/desk/agenda/{evas}/hold", slot())).status_code == 200


async def test_a_move_to_a_taken_time_says_who_has_it(place: Place, call: str, evas: str) -> None:
    ana, eva = await at_desk(place, "ana"), await at_desk(place, "eva")
    booked = (await asks(ana, f"/desk/agenda/{call}/book", order())).json()["appointment"]
    await asks(eva, f"/desk/agenda/{evas}/hold", slot(starts=TUESDAY_AT_11))
    refused = await asks(ana, f"/desk/agenda/{call}/move", {"appointment": booked["id"], "starts": TUESDAY_AT_11})
    assert refused.json()["words"] == "Eva is booking this time just now."
    assert len(refused.json()["near"]) == 4


async def test_what_is_wrong_is_told_with_its_field(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")
    for wrong, field in (({"name": " "}, "name"), ({"number": "x"}, "number"), ({"email": "maria"}, "email")):
        answer = await asks(ana, f"/desk/agenda/{call}/book", order(**wrong))
        assert (answer.status_code, answer.json().get("field")) == (422, field), answer.text
        assert answer.json()["words"]
    assert kept(place) == []


async def test_hostile_names_stay_text(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")
    with changing(place.engine, ADMIN, NOW) as work:
        andes = clients.find(work.conn, "andes").id
        calendars.change(work, andes, "dra-soto", name=HOSTILE, questions=[HOSTILE])
        calendars.put_kind(work, andes, "dra-soto", HOSTILE, 30)
    answer = await asks(ana, f"/desk/agenda/{call}/book", order(kind=HOSTILE, name=HOSTILE, note=HOSTILE))
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["appointment"]["name"] == HOSTILE
    page = (await ana.get(f"/desk?call={call}")).text
    assert "<img" not in page
    told = await panel(ana, call, calendar="dra-soto", kind=HOSTILE)
    assert told["calendars"][0]["name"] == HOSTILE


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("hold", {}),
        ("hold", slot(starts="2026-01-06T13:00:00")),
        ("hold", slot(starts="0001-01-01T00:00:00Z")),
        ("hold", slot(starts="mañana")),
        ("hold", slot(more=1)),
        ("hold", slot(kind="x" * 101)),
        ("book", order(key="1")),
        ("book", order(answers=[])),
        ("book", order(note="x" * 4001)),
        ("move", {"appointment": 10**400, "starts": TUESDAY_AT_10}),
        ("move", {"appointment": -1, "starts": TUESDAY_AT_10}),
        ("cancel", {"appointment": "1"}),
        ("release", {"calendar": 1}),
    ],
)
async def test_what_no_page_sends_is_refused(place: Place, call: str, what: str, content: Any) -> None:
    ana = await at_desk(place, "ana")
    answer = await asks(ana, f"/desk/agenda/{call}/{what}", content)
    assert answer.status_code == 400
    assert kept(place) == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"days": "7", "from": "x"}, 400),
        ({"days": "٧"}, 400),
        ({"days": "-1"}, 400),
        ({"days": "0"}, 422),
        ({"days": "8"}, 422),
        ({"days": "7", "from": "0001-01-01"}, 422),
        ({"days": "7", "from": "9999-12-31"}, 422),
        ({"days": "7", "kind": "nada"}, 422),
        ({"days": "7", "calendar": "nada"}, 422),
    ],
)
async def test_days_that_there_are_not_are_refused(place: Place, call: str, query: Any, status: int) -> None:
    ana = await at_desk(place, "ana")
    answer = await ana.get(f"/desk/agenda/{call}/week", params={"calendar": "dra-soto"} | query)
    assert answer.status_code == status


async def test_desks_of_that_client_are_told_to_look(place: Place, call: str, evas: str) -> None:
    room, (same, other) = place.site.room, (Stream(2, 1), Stream(3, 1))
    with reading(place.engine) as conn:
        same.client_id, other.client_id = clients.find(conn, "andes").id, clients.find(conn, "lagos").id
    ana = await at_desk(place, "ana")
    with room.page_open(same), room.page_open(other):
        await asks(ana, f"/desk/agenda/{call}/hold", slot())
        assert (same.agenda, same.news.is_set(), other.agenda) == (True, True, False)
