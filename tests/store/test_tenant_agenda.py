"""What a client's people do with its calendars, in both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from acting import ADMIN
from running_out import add_client
from sqlalchemy import Engine

from pbx_control.domain.agenda.appointments import AppointmentState
from pbx_control.domain.agenda.rules import Kind
from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.domain.notices.appointment_letters import House
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import calendars
from pbx_control.services.tenant_agenda import AgendaOf, NewCalendar, Order, appointments_known, changed_at
from pbx_control.services.work import booking
from pbx_control.settings import Agenda
from pbx_control.store import restrictions
from pbx_control.store.engine import writing

NOW = datetime(2026, 11, 30, 11, tzinfo=UTC)  # Monday, 8:00 in Santiago
HOUR = timedelta(hours=1)
TEN = NOW + 2 * HOUR
NUMBER = "+56912345678"


@pytest.fixture
def his(engine: Engine) -> AgendaOf:
    for client_id, slug in ((1, "andes"), (2, "lagos")):
        add_client(engine, client_id, slug)
        with booking(engine, ADMIN, NOW) as work:
            rules = {"week": "mon-fri 9:00-13:00", "lead": timedelta(0)}
            calendars.add(work, client_id, "soto", "Dra. Soto", [Kind(0, "Control", 30)], **rules)
    house = House(office="Sur", sender="avisos@sur.example")
    return AgendaOf(engine, 1, Actor(ActorKind.USER, "gerencia"), Agenda(), lambda: house, house.office)


def order(starts: datetime = TEN, **more: str) -> Order:
    return Order(client_id=2, calendar="soto", starts=starts, **{"name": "María Núñez", "number": NUMBER} | more)  # type: ignore[arg-type]


def test_he_books_for_his_own_client_whatever_is_asked(his: AgendaOf) -> None:
    assert his.book(order(), NOW).client_id == 1
    theirs = AgendaOf(his.engine, 2, his.actor, Agenda(), his.writer, his.office)
    assert theirs.book(order(), NOW).client_id == 2
    with pytest.raises(ClientMistake) as error:
        his.book(order(), NOW)
    assert error.value.code is Code.SLOT_TAKEN


def test_lists_histories_and_what_is_found(his: AgendaOf) -> None:
    first, second = (his.book(order(TEN + hours * HOUR), NOW) for hours in (0, 1))
    his.move("soto", second.id, TEN + 2 * HOUR, changed_at(second), NOW)
    for text, count in (("nunez", 2), ("912 345", 2), ("%", 0), ("", 2)):
        _, page = his.page("soto", past=False, text=text, skip=0, at=NOW)
        assert len(page.each) == count, text
    _, page = his.page("soto", past=True, text="", skip=0, at=TEN + HOUR)
    assert [one.appointment.id for one in page.each] == [first.id]
    found = his.find("soto", second.id)
    assert [one.verb for one in found.changes] == [Verb.APPOINTMENT_MOVED, Verb.APPOINTMENT_BOOKED]
    assert found.by_us
    _, changes = his.changes("soto")
    assert [one.about for one in changes] == [second.id, second.id, first.id, 0]
    (listed,) = his.all(NOW).each
    assert (listed.coming, len(listed.next)) == (2, 2)


def test_blocked_data_is_used_by_nobody(his: AgendaOf) -> None:
    one = his.book(order(), NOW)
    with writing(his.engine) as conn:
        restrictions.add(conn, NUMBER, None, "his letter", NOW)
    assert his.find("soto", one.id).noted.restricted
    _, page = his.page("soto", past=False, text="maria", skip=0, at=NOW)
    assert not page.each
    _, coming = his.leaving("soto", NOW)
    for act in (
        lambda: his.cancel("soto", one.id, changed_at(one), NOW),
        lambda: his.remove("soto", appointments_known(coming), NOW),
    ):
        with pytest.raises(ClientMistake) as error:
            act()
        assert error.value.code is Code.RESTRICTED
    assert his.find("soto", one.id).noted.appointment.state is AppointmentState.CONFIRMED


def test_a_calendar_goes_with_what_is_to_come_in_it(his: AgendaOf) -> None:
    slug = his.add(NewCalendar("Dra. Soto", "", "Control", 30), NOW)
    assert slug == "dra-soto"
    one = his.book(order(), NOW)
    with pytest.raises(ClientMistake) as error:
        his.remove("soto", appointments_known([]), NOW)
    assert error.value.code is Code.CHANGED_MEANWHILE
    _, coming = his.leaving("soto", NOW)
    assert [each.appointment.id for each in coming] == [one.id]
    his.remove("soto", appointments_known(coming), NOW)
    assert [each.calendar.slug for each in his.all(NOW).each] == ["dra-soto"]
