"""What does not agree between an appointment and the client's own calendar stands on the desks until it is settled."""

import asyncio
from datetime import timedelta

import pytest
from acting import ADMIN, HOUSE
from browsing import Place, asks, at_desk

from pbx_control.clock import now
from pbx_control.domain.agenda.clashes import Clash, ClashKind
from pbx_control.domain.agenda.remote_events import Busy
from pbx_control.domain.agenda.rules import Kind
from pbx_control.services import appointments, calendars, clientele, staff
from pbx_control.services.appointments import Order
from pbx_control.services.work import booking, changing
from pbx_control.store import clients, remotes, secretaries
from pbx_control.store.engine import reading, writing
from pbx_control.web.desk import room
from pbx_control.web.desk.room import Stream


@pytest.fixture
def clash(place: Place) -> None:
    """The client has entered something else at the time of Juan's appointment."""
    starts = (now() + timedelta(days=3)).replace(hour=14, minute=0, second=0, microsecond=0)
    with booking(place.engine, ADMIN, now()) as work:
        andes = clients.find(work.conn, "andes").id
        calendars.add(work, andes, "soto", "Dra. <Soto>", [Kind(0, "Consulta", 30)], week="always", zone="UTC")
        order = Order(client_id=andes, calendar="soto", starts=starts, name="Juan <b>", number="+56981234567")
        one = appointments.book(work, order, house=HOUSE)
    with writing(place.engine) as conn:
        assert remotes.add_task(conn, Clash(one.id, ClashKind.OVERLAP), now())
        ends = starts + timedelta(minutes=20)
        remotes.add_busy(conn, one.calendar_id, [Busy("dentist", starts - timedelta(minutes=15), ends)])


@pytest.mark.usefixtures("clash")
async def test_a_clash_stands_on_the_desk_until_one_has_settled_it(place: Place) -> None:
    desk = await at_desk(place, "ana")
    page = (await desk.get("/desk")).text
    assert page.count("data-clash=") == 1
    for shown in ("Juan &lt;b&gt;", "Dra. &lt;Soto&gt;", 'href="tel:+56981234567"'):
        assert shown in page
    assert "13:45–14:20" in page.partition("data-other>")[2].partition("<")[0]
    name = page.partition('data-done="')[2].partition('"')[0]
    assert name.startswith("appointment-")
    assert (await asks(desk, f"/desk/tasks/{name}/done", {})).status_code == 200
    assert (await asks(desk, f"/desk/tasks/{name}/done", {})).status_code == 422
    assert "data-clash=" not in (await desk.get("/desk")).text


@pytest.mark.usefixtures("clash")
async def test_a_secretary_of_other_clients_neither_sees_nor_settles_it(place: Place) -> None:
    with changing(place.engine, ADMIN, now()) as work:
        clientele.add(work, "sur", name="Sur")
        staff.allow(work, "Eva", [clients.find(work.conn, "sur").id])
    eva = await at_desk(place, "eva")
    assert "data-clash=" not in (await eva.get("/desk")).text
    assert (await asks(eva, "/desk/tasks/appointment-1/done", {})).status_code == 422


async def test_a_clash_reaches_an_open_desk_at_once(place: Place, monkeypatch: pytest.MonkeyPatch, clash: None) -> None:
    monkeypatch.setattr(room, "TASKS_EVERY", 0.01)
    with reading(place.engine) as conn:
        ana = secretaries.find(conn, "Ana").id
        [known] = remotes.tasks_of(conn, now())
    page = Stream(ana, 0)
    with place.site.room.page_open(page):
        watching = asyncio.create_task(place.site.room._watch_tasks())
        await asyncio.sleep(0.2)  # it has looked once: nothing is new
        assert not page.news.is_set()
        with writing(place.engine) as conn:
            remotes.add_task(conn, Clash(known.appointment_id, ClashKind.MOVED), now())
        await asyncio.wait_for(page.news.wait(), 10)
        watching.cancel()
