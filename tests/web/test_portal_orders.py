"""An owner orders bags and plans; the office confirms or refuses, once, at the price that was shown."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import httpx
import pytest
from acting import ADMIN
from browsing import Browser, Place
from sqlalchemy import Engine, select
from staffed import SANTIAGO, busy_weeks

from pbx_control.clock import now
from pbx_control.domain.money.orders import OrderState
from pbx_control.domain.money.plans import Plan
from pbx_control.errors import ClientMistake
from pbx_control.services import client_orders, clientele, staffing, subscriptions
from pbx_control.services.tenant_orders import OrdersOf
from pbx_control.services.work import booking, changing
from pbx_control.settings import OfficeSettings, Settings
from pbx_control.store import client_orders as store
from pbx_control.store import clients, ledger, letters, plans
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import bag, client_order, plan

SETTINGS = Settings(office=OfficeSettings(name="Casa", alarms_to="admin@casa.example"))


def offer(engine: Engine, *slugs: str) -> None:
    """Two plans for all, one for Lagos alone; each of these clients has the small one."""
    with changing(engine, ADMIN, now()) as work:
        for name, calls, whose in (("small", 10, None), ("large", 100, None), ("measured", 50, "lagos")):
            client_id = clients.find(work.conn, whose).id if whose else None
            made = Plan(name=name, calls=calls, price=calls * 1000, extra_call=800, contacts=2, calendars=1)
            subscriptions.set_plan(work, replace(made, client_id=client_id))
        for slug in slugs:
            subscriptions.assign(work, clients.find(work.conn, slug).id, "small")


@pytest.fixture
def offered(place: Place) -> Place:
    offer(place.engine, "andes", "lagos")
    return place


async def owner(place: Place, who: str = "gerencia") -> Browser:
    browser = place.browser()
    await browser.sign_in(who)
    return browser


async def orders(browser: Browser, **fields: str) -> httpx.Response:
    return await browser.post("/portal/orders", fields)


def rows(place: Place) -> list[tuple[str, str, int]]:
    with reading(place.engine) as conn:
        return [(one.client, one.what, one.price) for one in store.rows(conn, limit=9)]


async def test_he_sees_what_there_is_to_order_for_him(offered: Place) -> None:
    page = (await (await owner(offered)).get("/portal/orders")).text
    assert 'name="calls" value="25"' in page
    assert 'name="plan" value="large"' in page
    assert 'value="small"' not in page  # he has it
    assert "measured" not in page  # made for another client
    assert 'value="measured"' in (await (await owner(offered, "lagos")).get("/portal/orders")).text


async def test_an_order_waits_and_changes_nothing(offered: Place) -> None:
    browser = await owner(offered)
    assert (await orders(browser, calls="25")).headers["location"] == "/portal/orders?done=ordered"
    assert (await orders(browser, calls="25")).status_code == 303  # pressed twice
    assert (await orders(browser, plan="large")).status_code == 303
    assert rows(offered) == [("andes", "plan large", 100_000), ("andes", "bag 25", 20_000)]
    other = await orders(browser, calls="50")
    assert (other.status_code, "withdraw it first" in other.text) == (400, True)
    with reading(offered.engine) as conn:
        assert conn.execute(select(bag)).all() == []
    page = (await browser.get("/portal/orders")).text
    assert page.count('data-state="open"') == 2
    assert 'data-order="1"' not in (await (await owner(offered, "lagos")).get("/portal/orders")).text


@pytest.mark.parametrize(
    "fields",
    [
        *({"calls": calls} for calls in ("24", "-25", "x", "٢٥", "")),
        *({"plan": name} for name in ("measured", "small", "no such", "' OR 1=1")),
        *({"withdraw": number} for number in ("x", "999")),
    ],
)
async def test_what_is_not_on_offer_is_not_ordered(offered: Place, fields: dict[str, str]) -> None:
    answer = await orders(await owner(offered), **fields)
    assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
    assert rows(offered) == []


async def test_another_clients_order_is_one_that_does_not_exist(offered: Place) -> None:
    await orders(await owner(offered, "lagos"), calls="25")
    browser = await owner(offered)
    there, nowhere = await orders(browser, withdraw="1"), await orders(browser, withdraw="2")
    assert there.status_code == nowhere.status_code == 400
    assert "there is no order 1" in there.text
    assert "there is no order 2" in nowhere.text
    with reading(offered.engine) as conn:
        assert store.get(conn, 1).state is OrderState.OPEN


async def test_he_takes_it_back_as_long_as_it_waits(offered: Place) -> None:
    browser = await owner(offered)
    await orders(browser, calls="25")
    assert (await orders(browser, withdraw="1")).headers["location"] == "/portal/orders?done=withdrawn"
    assert (await orders(browser, withdraw="1")).status_code == 400
    assert (await orders(browser, calls="50")).status_code == 303


async def test_the_office_does_it_at_the_price_that_was_shown(offered: Place) -> None:
    browser = await owner(offered)
    await orders(browser, calls="25")
    await orders(browser, plan="large")
    with writing(offered.engine) as conn:  # dearer since
        conn.execute(plan.update().where(plan.c.name == "small").values(extra_call=2_000))
    for number in (1, 2):
        with changing(offered.engine, ADMIN, now()) as work:
            client_orders.confirm(work, SETTINGS, number)
    with reading(offered.engine) as conn:
        andes = clients.find(conn, "andes").id
        (sold,) = ledger.bag_rows(conn, andes)
        current = plans.current(conn, andes)
    assert (sold.calls, sold.price) == (25, 20_000)
    assert current
    assert current.plan.name == "large"
    page = (await browser.get("/portal/orders")).text
    assert page.count('data-state="confirmed"') == 2
    with pytest.raises(ClientMistake, match="decided already"), changing(offered.engine, ADMIN, now()) as work:
        client_orders.confirm(work, SETTINGS, 1)


async def test_a_plan_that_costs_something_else_by_now_is_not_given(offered: Place) -> None:
    await orders(await owner(offered), plan="large")
    with writing(offered.engine) as conn:
        conn.execute(plan.update().where(plan.c.name == "large").values(price=1))
    with pytest.raises(ClientMistake, match="something else by now"), changing(offered.engine, ADMIN, now()) as work:
        client_orders.confirm(work, SETTINGS, 1)
    with reading(offered.engine) as conn:
        assert store.get(conn, 1).state is OrderState.OPEN


async def test_why_it_is_refused_is_read_on_the_page_as_text(offered: Place) -> None:
    browser = await owner(offered)
    await orders(browser, calls="25")
    with booking(offered.engine, ADMIN, now()) as work:
        client_orders.refuse(work, 1, "<script>alert(1)</script> falta pagar")
    page = (await browser.get("/portal/orders")).text
    assert "falta pagar" in page
    assert "<script>alert" not in page
    assert (await orders(browser, calls="50")).status_code == 303


async def test_who_has_no_plan_orders_no_bag(place: Place) -> None:
    offer(place.engine)
    browser = await owner(place)
    assert 'name="calls"' not in (await browser.get("/portal/orders")).text
    assert (await orders(browser, calls="25")).status_code == 400
    assert (await orders(browser, plan="small")).status_code == 303


async def test_two_tabs_that_order_at_once_order_one(offered: Place) -> None:
    browser = await owner(offered)
    answers = await asyncio.gather(orders(browser, calls="25"), orders(browser, calls="50"))
    assert sorted(one.status_code for one in answers) == [303, 400]
    assert len(rows(offered)) == 1


# --- on both databases ------------------------------------------------------------------------------------


@pytest.fixture
def office(engine: Engine) -> Engine:
    with changing(engine, ADMIN, now()) as work:
        for slug in ("andes", "lagos"):
            clientele.add(work, slug, name=slug.title())
    offer(engine, "andes")
    return engine


def test_the_admin_is_written_to_once(office: Engine) -> None:
    for _ in range(2):
        with booking(office, ADMIN, now()) as work:
            client_orders.order_bag(work, SETTINGS, 1, 25)
    with reading(office) as conn:
        (sent,) = letters.newest(conn)
    assert sent.letter.address == "admin@casa.example"
    assert "25" in sent.letter.subject
    assert "pbx-control order confirm 1" in sent.letter.text


def test_the_admin_is_warned_of_a_plan_for_which_too_few_secretaries_are_there(office: Engine) -> None:
    busy_weeks(office, now().astimezone(SANTIAGO).date(), each=4)
    huge = Plan(name="huge", calls=4000, price=1, extra_call=800, contacts=2, calendars=1)
    at = now() + timedelta(seconds=1)
    with changing(office, ADMIN, at) as work:
        subscriptions.set_plan(work, huge)
    his = OrdersOf(office, SETTINGS, clients_of(office)["lagos"], ADMIN)
    his.plan("huge", at)
    his.plan("huge", at)
    with reading(office) as conn:
        (sent,) = letters.newest(conn)
    lines = sent.letter.text.splitlines()
    [told] = [line for line in lines if line.startswith("Demasiado pocas secretarias si lo confirma")]
    times = [line for line in lines if re.match(r"lun \d\d:\d\d-\d\d:\d\d: ", line)]
    assert "80 %" in told
    assert 1 <= len(times) <= 8
    assert "Demasiado pocas" in sent.letter.html


def test_nothing_is_reckoned_for_what_will_be_no_order(office: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    his = OrdersOf(office, SETTINGS, clients_of(office)["andes"], ADMIN)
    his.plan("large", now())
    monkeypatch.setattr(staffing, "what_gets_worse", lambda *_: pytest.fail("it was reckoned"))
    his.plan("large", now())
    for name in ("small", "measured", "no such"):
        with pytest.raises(ClientMistake):
            his.plan(name, now())
    OrdersOf(office, Settings(), clients_of(office)["lagos"], ADMIN).plan("large", now())


def clients_of(office: Engine) -> dict[str, int]:
    with reading(office) as conn:
        return {slug: clients.find(conn, slug).id for slug in ("andes", "lagos")}


@pytest.mark.parametrize("act", ["confirm", "order"])
def test_two_at_the_same_instant_are_one(office: Engine, act: str) -> None:
    start = Barrier(2)
    if act == "confirm":
        with booking(office, ADMIN, now()) as work:
            client_orders.order_bag(work, SETTINGS, 1, 25)

    def once(number: int) -> bool:
        start.wait()
        try:
            with changing(office, ADMIN, now()) as work:
                if act == "confirm":
                    client_orders.confirm(work, SETTINGS, 1)
                else:
                    client_orders.order_bag(work, SETTINGS, 1, (25, 50)[number])
        except ClientMistake:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(once, range(2)))
    assert sorted(done) == [False, True]
    with reading(office) as conn:
        assert len(conn.execute(select(client_order)).all()) == 1
        assert len(conn.execute(select(bag)).all()) == (act == "confirm")
