"""An owner reads what the calls cost, objects to a charge, and fetches his invoices; never another client's."""

import re
from datetime import timedelta

import httpx
import pytest
from acting import ADMIN
from browsing import Browser, Place
from sqlalchemy import insert, select

from pbx_control.clock import now
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.money.quota import Limits
from pbx_control.domain.money.repeats import Arrived
from pbx_control.services import accounts, blocking, invoicing, subscriptions
from pbx_control.services.work import booking, changing
from pbx_control.settings import Billing, Settings
from pbx_control.store import clients, ledger
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import audit, call, dispute, ledger_entry

PLAN = Plan(name="small", calls=10, price=30_000, extra_call=800, contacts=2, calendars=1)
ISSUER = Settings(billing=Billing(issuer_rut="76.086.428-5", issuer_name="Casa", issuer_address="Av. 1"))
EVIL = '<script>alert("x")</script>'


@pytest.fixture
def billed(place: Place) -> Place:
    """Both clients have a plan, an invoice and a bag; each has been called once."""
    with changing(place.engine, ADMIN, now()) as work:
        subscriptions.set_plan(work, PLAN)
        for slug in ("andes", "lagos"):
            subscriptions.assign(work, clients.find(work.conn, slug).id, "small")
    for slug in ("andes", "lagos"):
        with booking(place.engine, ADMIN, now()) as work:
            invoicing.renew(work, ISSUER, slug)
        with booking(place.engine, ADMIN, now()) as work:
            accounts.sell_bag(work, Settings(), slug, 5)
        charged(place, slug, f"pbx-{slug}.1")
    return place


def charged(place: Place, slug: str, call_id: str, caller: str = "+56223334455", name: str = "María Soto") -> int:
    """An answered call; gives the number of the entry that charged it."""
    with writing(place.engine) as conn:
        client_id = clients.find(conn, slug).id
        values = {"id": call_id, "client_id": client_id, "did": "+56225550101", "caller": caller, "caller_name": name}
        times = {"arrived_at": now(), "ended_at": now(), "talked": 60.0, "phase": "ended", "outcome": "answered"}
        conn.execute(insert(call).values(values | times))
        ledger.charge(conn, client_id, Arrived(call_id, caller, now()), now(), Limits())
        found = ledger.charge_of_call(conn, call_id)
    assert found
    return found


async def owner(place: Place, who: str = "gerencia") -> Browser:
    browser = place.browser()
    await browser.sign_in(who)
    return browser


def entries(page: str) -> list[str]:
    """The units of each line, the newest first."""
    return re.findall(r'<span class="units[^"]*">([^<]*)</span>', page)


async def objects(browser: Browser, entry: object, why: str = "Era un fax") -> httpx.Response:
    return await browser.post("/portal/ledger/dispute", {"entry": str(entry), "why": why})


async def test_he_reads_what_is_left_and_each_unit_leads_to_its_call(billed: Place) -> None:
    page = (await (await owner(billed)).get("/portal/ledger")).text
    assert entries(page) == ["-1", "+5", "+10"]
    assert 'data-left="14"' in page
    assert 'href="/portal/calls/pbx-andes.1">María Soto +56 2 2333 4455</a>' in page
    assert "pbx-lagos.1" not in page
    assert "Bag of 5 calls" in page
    assert "Plan small." in page


async def test_who_has_no_plan_is_told_so(place: Place) -> None:
    page = (await (await owner(place)).get("/portal/ledger")).text
    assert "no call is counted" in page


async def test_months_follow_each_other(billed: Place) -> None:
    with writing(billed.engine) as conn:
        andes = clients.find(conn, "andes").id
        old = {"client_id": andes, "at": now() - timedelta(days=40), "kind": "grant", "units": 3, "source": "period"}
        conn.execute(insert(ledger_entry).values(old))
    browser = await owner(billed)
    page = (await browser.get("/portal/ledger")).text
    seen = entries(page)
    for _ in range(4):
        before = re.search(r'rel="prev" href="([^"]*)"', page)
        if not before:
            break
        page = (await browser.get(before[1].replace("&amp;", "&"))).text
        seen += entries(page)
    assert seen == ["-1", "+5", "+10", "+3"]
    after = re.search(r'rel="next" href="([^"]*)"', page)
    assert after
    assert (await browser.get(after[1].replace("&amp;", "&"))).status_code == 200


@pytest.mark.parametrize(
    "query",
    ["within=x", "within=9999-12-31T23:59:59%2B00:00", "within=0001-01-01T00:00:00Z", "page=99", "page=-1", "page=x"],
)
async def test_what_makes_no_sense_is_let_be(billed: Place, query: str) -> None:
    assert (await (await owner(billed)).get(f"/portal/ledger?{query}")).status_code == 200


async def test_many_entries_come_page_by_page(billed: Place) -> None:
    with writing(billed.engine) as conn:
        andes = clients.find(conn, "andes").id
        rows = [{"client_id": andes, "at": now(), "kind": "change", "units": 1, "source": "period"} for _ in range(230)]
        conn.execute(insert(ledger_entry), rows)
    browser, path, counted = await owner(billed), "/portal/ledger", []
    while path:
        page = (await browser.get(path)).text
        counted.append(len(entries(page)))
        found = re.search(r'href="(/portal/ledger\?[^"]*page=[^"]*)"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert counted == [100, 100, 33]


async def test_he_objects_once_and_reads_the_answer(billed: Place) -> None:
    browser, entry = await owner(billed), charged(billed, "andes", "pbx-2.1", "+56223334466")
    answer = await objects(browser, entry, EVIL)
    assert answer.headers["location"] == f"/portal/ledger?done=disputed#entry-{entry}"
    page = (await browser.get("/portal/ledger?done=disputed")).text
    assert 'data-dispute="open"' in page
    assert "<script>alert" not in page
    again = await objects(browser, entry)
    assert (again.status_code, "disputed already" in again.text) == (400, True)
    with booking(billed.engine, ADMIN, now()) as work:
        accounts.reverse(work, entry, "Un fax, como se oye")
    page = (await browser.get("/portal/ledger")).text
    assert "The charge was taken back." in page
    assert entries(page)[0] == "+1"
    with reading(billed.engine) as conn:
        row = conn.execute(select(audit).where(audit.c.verb == "charge disputed")).one()
    assert (row.actor, row.who, row.subject) == ("user", "gerencia", f"entry {entry}")
    assert EVIL not in row.difference


@pytest.mark.parametrize("why", ["", "   ", "x" * 300])
async def test_a_reason_is_needed_and_a_line_long(billed: Place, why: str) -> None:
    browser, entry = await owner(billed), charged(billed, "andes", "pbx-2.1", "+56223334466")
    answer = await objects(browser, entry, why)
    assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
    with reading(billed.engine) as conn:
        assert conn.execute(select(dispute)).all() == []


async def test_another_clients_charge_is_one_that_does_not_exist(billed: Place) -> None:
    theirs, browser = charged(billed, "lagos", "pbx-3.1", "+56223334477"), await owner(billed)
    with reading(billed.engine) as conn:
        grant = conn.scalar(select(ledger_entry.c.id).where(ledger_entry.c.kind == "grant"))
    there, nowhere = await objects(browser, theirs), await objects(browser, 999_999)
    assert there.status_code == nowhere.status_code == 400
    assert f"there is no entry {theirs} in any ledger" in there.text
    assert "there is no entry 999999 in any ledger" in nowhere.text
    assert len(there.text) - len(nowhere.text) in range(-6, 1)  # the number is all that differs
    for odd in ("x", "-1", "9" * 40, "", "١", grant):
        assert (await objects(browser, odd)).status_code == 400
    with reading(billed.engine) as conn:
        assert conn.execute(select(dispute)).all() == []


async def test_he_fetches_his_invoices(billed: Place) -> None:
    browser = await owner(billed)
    page = (await browser.get("/portal/invoices")).text
    (name,) = re.findall(r'data-invoice="([^"]*)"', page)
    pdf = await browser.get(f"/portal/invoices/{name}.pdf")
    assert (pdf.status_code, pdf.headers["content-type"], pdf.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert pdf.headers["content-disposition"] == f'attachment; filename="{name}.pdf"'
    assert pdf.headers["cache-control"] == "no-store"
    page = (await (await owner(billed, "lagos")).get("/portal/invoices")).text
    (theirs,) = re.findall(r'data-invoice="([^"]*)"', page)
    there = await browser.get(f"/portal/invoices/{theirs}.pdf")
    nowhere = await browser.get("/portal/invoices/boleta-99.pdf")
    assert (there.status_code, there.text) == (404, nowhere.text)
    for odd in ("x", "boleta-", "boleta-" + "9" * 30, "-1", "boleta-١", "boleta-1%00", "..%2Fx"):
        assert (await browser.get(f"/portal/invoices/{odd}.pdf")).status_code in (400, 404)


def test_the_first_entry_is_known(billed: Place) -> None:
    with reading(billed.engine) as conn:
        assert ledger.first_at(conn, clients.find(conn, "andes").id) is not None
        assert ledger.first_at(conn, 4711) is None
        assert ledger.reversed_of(conn, []) == set()


async def test_why_a_charge_was_taken_back_is_told_in_our_words(billed: Place) -> None:
    with changing(billed.engine, ADMIN, now()) as work:
        blocking.block(work, clients.find(work.conn, "andes").id, "pbx-andes.1", "portal")
    page = (await (await owner(billed)).get("/portal/ledger")).text
    assert entries(page)[0] == "+1"
    assert "you blocked the caller" in page


@pytest.mark.parametrize(
    ("language", "calls", "says"),
    [
        ("es", 1, "No se pasó 1 llamada de un número de campaña (809). No tuvo costo."),
        ("es", 2, "No se pasaron 2 llamadas de números de campaña (809). No tuvieron costo."),
        ("en", 1, "1 call from a campaign&#39;s number (809) was not put through. It cost nothing."),
        ("en", 2, "2 calls from campaigns&#39; numbers (809) were not put through. They cost nothing."),
    ],
)
async def test_the_months_page_counts_campaigns_that_were_not_put_through(
    billed: Place, language: str, calls: int, says: str
) -> None:
    with writing(billed.engine) as conn:
        for slug, count in (("andes", calls), ("lagos", 7)):
            client_id = clients.find(conn, slug).id
            for number in range(count):
                row = {"id": f"pbx-809.{slug}.{number}", "client_id": client_id, "did": "+56225550101"}
                times = {"arrived_at": now(), "ended_at": now(), "phase": "ended", "outcome": "blocked"}
                conn.execute(insert(call).values(row | times | {"caller": "+56809123456"}))
    browser = await owner(billed)
    await browser.post("/language", {"language": language, "next": "/portal/ledger"})
    page = (await browser.get("/portal/ledger")).text
    assert says in page
    assert f'data-campaigns="{calls}"' in page


async def test_where_no_campaign_was_turned_away_nothing_is_said_of_them(billed: Place) -> None:
    assert "data-campaigns" not in (await (await owner(billed)).get("/portal/ledger")).text
