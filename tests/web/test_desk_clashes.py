"""What does not agree between an appointment and the client's own calendar stands on the desks until it is settled."""

from datetime import timedelta

import pytest
from acting import ADMIN
from browsing import Place, asks, at_desk

from pbx_control.clock import now
from pbx_control.domain.agenda.clashes import Clash, ClashKind
from pbx_control.domain.agenda.rules import Kind
from pbx_control.services import appointments, calendars, clientele, staff
from pbx_control.services.appointments import Order
from pbx_control.services.work import booking, changing
from pbx_control.store import clients, remotes
from pbx_control.store.engine import writing


@pytest.fixture
def clash(place: Place) -> None:
    """The client has entered something else at the time of Juan's appointment."""
    starts = (now() + timedelta(days=3)).replace(hour=14, minute=0, second=0, microsecond=0)
    with booking(place.engine, ADMIN, now()) as work:
        andes = clients.find(work.conn, "andes").id
        calendars.add(work, andes, "soto", "Dra. <Soto>", [Kind(0, "Consulta", 30)], week="always", zone="UTC")
        order = Order(client_id=andes, calendar="soto", starts=starts, name="Juan <b>", number="+56981234567")
        one = appointments.book(work, order)
    with writing(place.engine) as conn:
        assert remotes.add_task(conn, Clash(one.id, ClashKind.OVERLAP), now())


@pytest.mark.usefixtures("clash")
async def test_a_clash_stands_on_the_desk_until_one_has_settled_it(place: Place) -> None:
    desk = await at_desk(place, "ana")
    page = (await desk.get("/desk")).text
    assert page.count("data-clash=") == 1
    for shown in ("Juan &lt;b&gt;", "Dra. &lt;Soto&gt;", 'href="tel:+56981234567"'):
        assert shown in page
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
