"""Invoices are numbered without gaps, issued once for each cause, never changed, and credited down to zero at most."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from acting import by_admin
from sqlalchemy import Connection, Engine, delete, select, update
from sqlalchemy.exc import DBAPIError

from pbx_control.domain.money import billing
from pbx_control.domain.money.billing import Cause, Draft, Invoice, InvoiceKind, Line, LineKind, Party, Purpose
from pbx_control.domain.money.plans import Plan
from pbx_control.errors import ClientMistake
from pbx_control.services import charging, clientele, issuing, numbers, subscriptions
from pbx_control.settings import Billing, Settings
from pbx_control.store import invoices, ledger, plans
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import client, invoice, invoice_line, invoice_series, subscription

NOW = datetime(2026, 11, 10, 15, tzinfo=UTC)  # noon in Santiago
SANTIAGO = ZoneInfo("America/Santiago")
ISSUER = Party(name="Secretariado SpA", rut="76.086.428-5", business="Servicios", address="Santiago")
SETTINGS = Settings(billing=Billing(issuer_name="Secretariado SpA", issuer_rut="76.086.428-5"))
NO_ISSUER = Settings()
BOLETA, FACTURA, NOTE = InvoiceKind


def a_plan(name: str = "Inicial", price: int = 30_000, **terms: Any) -> Plan:
    usual = {"calls": 100, "extra_call": 350, "contacts": 2, "calendars": 1, "did_prices": {"CL": 6_000}}
    return Plan(name=name, price=price, **(usual | terms))


@pytest.fixture
def andes(engine: Engine) -> int:
    """A client without a plan; three plans are on offer."""
    with writing(engine) as conn:
        for plan in (
            a_plan(discounts={12: 20}),
            a_plan("Pyme", 60_000, discounts={12: 20}),
            a_plan("Gratis", 0),
        ):
            subscriptions.set_plan(by_admin(conn), plan)
        numbers.add(by_admin(conn), ["+56225550101", "+56225550102", "+56225550103", "+12025550101"], None)
        return clientele.add(by_admin(conn, NOW), "andes", name="Andes Ltda")


def a_draft(client_id: int, cause: str, price: int = 1_000, **others: Any) -> Draft:
    usual: dict[str, Any] = {
        "kind": BOLETA,
        "issuer": ISSUER,
        "buyer": Party(name="Andes Ltda"),
        "lines": (Line(LineKind.BAG, "Bolsa", 1, price), Line(LineKind.BAG, "Otra bolsa", 2, price)),
        "day": date(2026, 11, 10),
    }
    return Draft(client_id=client_id, cause=Cause(key=cause, purpose=Purpose.BAG), **(usual | others))


def issue(engine: Engine, draft: Draft) -> Invoice:
    with writing(engine) as conn:
        return issuing.issue(conn, draft, NOW)


def assign(engine: Engine, client_id: int, plan: str, at: datetime = NOW, **terms: Any) -> list[Invoice]:
    with writing(engine) as conn:
        subscriptions.assign(by_admin(conn, at), client_id, plan, **terms)
        return charging.invoice_plan_change(conn, SETTINGS, client_id, at)


def renew(engine: Engine, client_id: int, at: datetime, settings: Settings = SETTINGS) -> list[Invoice]:
    with writing(engine) as conn:
        return charging.renew(conn, settings, client_id, at)


def all_of(engine: Engine) -> list[Invoice]:
    with reading(engine) as conn:
        return invoices.issued(conn)[::-1]


def last_numbers(conn: Connection) -> dict[InvoiceKind, int]:
    """The last number that was given, by kind."""
    query = select(invoice_series.c.kind, invoice_series.c.last).order_by(invoice_series.c.kind)
    return {InvoiceKind(row.kind): row.last for row in conn.execute(query)}


def numbers_of(engine: Engine, kind: InvoiceKind = BOLETA) -> list[int]:
    return [found.number for found in all_of(engine) if found.kind is kind]


# --- numbers ----------------------------------------------------------------------------------------------


def test_each_kind_counts_for_itself(engine: Engine, andes: int) -> None:
    whole = Party(name="Andes Limitada", rut="76.086.428-5", business="Comercio", address="Calle 1")
    with writing(engine) as conn:
        conn.execute(update(client).values(legal_name="Andes Limitada"))
    for number in (1, 2, 3):
        assert issue(engine, a_draft(andes, f"boleta:{number}")).number == number
    assert issue(engine, a_draft(andes, "factura", kind=FACTURA, buyer=whole)).number == 1
    with reading(engine) as conn:
        assert last_numbers(conn) == {BOLETA: 3, FACTURA: 1}


def test_the_sums_are_net_iva_and_total(engine: Engine, andes: int) -> None:
    found = issue(engine, a_draft(andes, "x", 83))
    assert (found.sums.net, found.sums.vat, found.sums.total) == (249, 47, 296)
    assert (found.day, found.issued_at, found.client) == (date(2026, 11, 10), NOW, "andes")


def test_a_cause_is_invoiced_once(engine: Engine, andes: int) -> None:
    first = issue(engine, a_draft(andes, "bag:1"))
    assert issue(engine, a_draft(andes, "bag:1", 9_999, kind=FACTURA)) == first
    assert numbers_of(engine) == [1]


def test_what_is_rolled_back_leaves_no_gap(engine: Engine, andes: int) -> None:
    issue(engine, a_draft(andes, "first"))
    with reading(engine) as conn:
        before = last_numbers(conn)
    with engine.connect() as conn:  # never committed
        assert issuing.issue(conn, a_draft(andes, "lost"), NOW).number == 2
    with reading(engine) as conn:
        assert last_numbers(conn) == before
    assert issue(engine, a_draft(andes, "second")).number == 2


def test_an_invoice_of_nothing_takes_no_number(engine: Engine, andes: int) -> None:
    with pytest.raises(ValueError, match="nothing"):
        issue(engine, a_draft(andes, "nothing", 0))
    assert issue(engine, a_draft(andes, "first")).number == 1


def test_many_at_once_leave_no_gap_and_no_double(engine: Engine, andes: int) -> None:
    with ThreadPoolExecutor(8) as crowd:
        found = list(crowd.map(lambda n: issue(engine, a_draft(andes, f"cause:{n % 20}")), range(60)))
    assert numbers_of(engine) == list(range(1, 21))
    assert len({each.cause: each.number for each in found}) == 20
    assert len({(each.cause, each.number) for each in found}) == 20


def test_many_clients_at_once_leave_no_gap(engine: Engine, andes: int) -> None:
    with writing(engine) as conn:
        others = [clientele.add(by_admin(conn, NOW), f"client-{n}", name="Otra") for n in range(6)]
    with ThreadPoolExecutor(6) as crowd:
        list(crowd.map(lambda n: issue(engine, a_draft(others[n % 6], f"cause:{n}")), range(30)))
    assert numbers_of(engine) == list(range(1, 31))


ISSUER_PROCESS = """
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from pbx_control.domain.money import billing
from pbx_control.domain.money.billing import Cause, Draft, InvoiceKind, Line, LineKind, Party, Purpose
from pbx_control.services import issuing
from pbx_control.settings import Database, Home, Settings
from pbx_control.store.engine import open_engine, writing

url, cause, until = sys.argv[1:]
engine = open_engine(Home(Path(".")), Settings(database=Database(url=url)))
draft = Draft(
    kind=InvoiceKind.BOLETA, client_id=1, issuer=Party(name="S"), buyer=Party(name="A"),
    lines=(Line(LineKind.BAG, "Bolsa", 1, 1000),), cause=Cause(key=cause, purpose=Purpose.BAG), day=date(2026, 11, 10),
)
with writing(engine) as conn:
    print(issuing.issue(conn, draft, datetime(2026, 11, 10, tzinfo=UTC)).number, flush=True)
    if until == "killed":
        sys.stdin.read()
"""


def issued_apart(engine: Engine, cause: str, until: str) -> subprocess.Popen[str]:
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", ISSUER_PROCESS, url, cause, until]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_process_killed_while_it_issues_leaves_no_gap(engine: Engine, andes: int) -> None:
    issue(engine, a_draft(andes, "before"))
    with issued_apart(engine, "killed", "killed") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "2\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert numbers_of(engine) == [1]
    assert issue(engine, a_draft(andes, "after")).number == 2


def test_processes_at_once_leave_no_gap_and_no_double(engine: Engine, andes: int) -> None:
    processes = [issued_apart(engine, f"cause:{n % 2}", "done") for n in range(4)]
    told = [process.communicate()[0].strip() for process in processes]
    assert sorted(told) == ["1", "1", "2", "2"]
    assert numbers_of(engine) == [1, 2]


# --- never changed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        update(invoice).values(net=1),
        delete(invoice),
        update(invoice_line).values(text="other"),
        delete(invoice_line),
    ],
    ids=["update", "delete", "update of a line", "delete of a line"],
)
def test_what_is_issued_is_never_changed(engine: Engine, andes: int, change: Any) -> None:
    before = issue(engine, a_draft(andes, "x"))
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as conn:
        conn.execute(change)
    assert all_of(engine) == [before]


def test_issuer_and_buyer_stay_as_they_were(engine: Engine, andes: int) -> None:
    (first,) = assign(engine, andes, "Inicial")
    with writing(engine) as conn:
        clientele.change(by_admin(conn), "andes", name="Otro Nombre")
    assert all_of(engine) == [first]
    assert first.buyer.name == "Andes Ltda"
    assert first.issuer == Party(name="Secretariado SpA", rut="76.086.428-5")


# --- credit notes -----------------------------------------------------------------------------------------


def credit(engine: Engine, wrong: Invoice, places: list[int] | None = None) -> Invoice:
    with writing(engine) as conn:
        return issuing.credit(conn, SETTINGS, wrong, places, "mal cobrado", NOW)


def test_a_credit_note_names_what_it_corrects(engine: Engine, andes: int) -> None:
    wrong = issue(engine, a_draft(andes, "x"))
    note = credit(engine, wrong)
    assert (note.kind, note.number, note.sums, note.lines) == (NOTE, 1, wrong.sums, wrong.lines)
    assert note.corrects is not None
    assert (note.corrects.kind, note.corrects.number, note.corrects.day) == (BOLETA, 1, wrong.day)
    assert note.why == "mal cobrado"


def test_lines_are_credited_once_each_and_their_iva_adds_up(engine: Engine, andes: int) -> None:
    wrong = issue(engine, a_draft(andes, "x", 83))
    notes = [credit(engine, wrong, [2]), credit(engine, wrong, [1])]
    assert [note.sums.net for note in notes] == [166, 83]
    assert sum(note.sums.vat for note in notes) == wrong.sums.vat
    with pytest.raises(ClientMistake, match="line 2 of the boleta 1 has been credited already"):
        credit(engine, wrong, [2])
    with pytest.raises(ClientMistake, match="of the boleta 1, 0 net is left"):
        credit(engine, wrong)
    assert numbers_of(engine, NOTE) == [1, 2]


def test_the_rest_is_credited_after_a_part(engine: Engine, andes: int) -> None:
    wrong = issue(engine, a_draft(andes, "x"))
    credit(engine, wrong, [1])
    rest = credit(engine, wrong)
    assert rest.sums.net == 2_000
    assert rest.lines == (Line(LineKind.CREDIT, "Saldo no acreditado antes", 1, 2_000),)


@pytest.mark.parametrize("places", [[0], [3], [1, 99]])
def test_a_line_that_is_not_there_is_not_credited(engine: Engine, andes: int, places: list[int]) -> None:
    wrong = issue(engine, a_draft(andes, "x"))
    with pytest.raises(ClientMistake, match="has no line"):
        credit(engine, wrong, places)
    assert numbers_of(engine, NOTE) == []


def test_a_discount_alone_is_not_credited(engine: Engine, andes: int) -> None:
    lines = (Line(LineKind.PLAN, "Plan", 1, 1_000), Line(LineKind.DISCOUNT, "Descuento", 1, -100))
    wrong = issue(engine, a_draft(andes, "x", lines=lines))
    with pytest.raises(ClientMistake, match="-100 net cannot be credited"):
        credit(engine, wrong, [2])
    with pytest.raises(ClientMistake, match="1000 net cannot be credited"):
        credit(engine, wrong, [1])


def test_a_credit_note_is_not_credited(engine: Engine, andes: int) -> None:
    note = credit(engine, issue(engine, a_draft(andes, "x")))
    with pytest.raises(ClientMistake, match="the credit note 1 cannot be credited"):
        credit(engine, note)


def test_two_that_credit_at_once_never_credit_twice(engine: Engine, andes: int) -> None:
    wrong = issue(engine, a_draft(andes, "x"))

    def attempt(_: int) -> str:
        try:
            return str(credit(engine, wrong).number)
        except ClientMistake as refused:
            return refused.template

    with ThreadPoolExecutor(4) as crowd:
        told = list(crowd.map(attempt, range(4)))
    assert told.count("1") == 1
    assert numbers_of(engine, NOTE) == [1]


# --- a factura --------------------------------------------------------------------------------------------


def test_a_factura_says_what_it_lacks(engine: Engine, andes: int) -> None:
    with writing(engine) as conn:  # a row that the command would have refused
        conn.execute(update(client).values(invoice_as="factura", rut="76.086.428-5"))
    with pytest.raises(ClientMistake) as refused:
        assign(engine, andes, "Inicial")
    assert str(refused.value) == "a factura for andes cannot be issued without legal_name, business, address"
    assert all_of(engine) == []
    with reading(engine) as conn:
        assert plans.current(conn, andes) is None
    whole = {"legal_name": "Andes Limitada", "business": "Comercio", "address": "Calle 1"}
    with writing(engine) as conn:
        conn.execute(update(client).values(whole))
    (factura,) = assign(engine, andes, "Inicial")
    assert (factura.kind, factura.number, factura.buyer.name) == (FACTURA, 1, "Andes Limitada")


def test_a_factura_needs_a_rut_that_is_one(engine: Engine, andes: int) -> None:
    with writing(engine) as conn:
        conn.execute(update(client).values(legal_name="Andes Limitada"))
    buyer = Party(name="Andes Limitada", rut="76.086.428-6", business="Comercio", address="Calle 1")
    with pytest.raises(ClientMistake, match="is no RUT"):
        issue(engine, a_draft(andes, "x", kind=FACTURA, buyer=buyer))


# --- renewals ---------------------------------------------------------------------------------------------


def days(found: Invoice) -> tuple[str, str]:
    assert found.period is not None
    return tuple(str(at.astimezone(SANTIAGO).date()) for at in (found.period.start, found.period.end))


def test_the_first_period_is_invoiced_when_the_plan_is_assigned(engine: Engine, andes: int) -> None:
    (first,) = assign(engine, andes, "Inicial")
    assert (first.kind, first.sums.net, days(first)) == (BOLETA, 30_000, ("2026-11-10", "2026-12-10"))
    assert renew(engine, andes, NOW) == []


def test_each_period_is_invoiced_once_at_its_beginning(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    before = datetime(2026, 12, 9, 23, 59, tzinfo=SANTIAGO)
    assert renew(engine, andes, before) == []
    with reading(engine) as conn:
        assert invoices.to_charge(conn, before) == []
        assert [due.slug for due in invoices.to_charge(conn, before + timedelta(minutes=1))] == ["andes"]
    (second,) = renew(engine, andes, before + timedelta(minutes=1))
    assert days(second) == ("2026-12-10", "2027-01-10")
    assert renew(engine, andes, before + timedelta(minutes=2)) == []


def test_periods_that_were_missed_are_made_up(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial", datetime(2026, 1, 31, 12, tzinfo=UTC))
    made_up = renew(engine, andes, datetime(2026, 4, 30, 12, tzinfo=UTC))
    assert [days(each) for each in made_up] == [
        ("2026-02-28", "2026-03-31"),
        ("2026-03-31", "2026-04-30"),
        ("2026-04-30", "2026-05-31"),
    ]


def test_months_ahead_are_invoiced_at_once(engine: Engine, andes: int) -> None:
    (year,) = assign(engine, andes, "Inicial", months=12)
    assert (year.sums.net, days(year)) == (288_000, ("2026-11-10", "2027-11-10"))
    assert renew(engine, andes, NOW + timedelta(days=300)) == []
    assert len(renew(engine, andes, NOW + timedelta(days=366))) == 1


def test_two_at_once_issue_a_period_once(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    with ThreadPoolExecutor(4) as crowd:
        found = list(crowd.map(lambda _: renew(engine, andes, NOW + timedelta(days=35)), range(4)))
    assert [len(each) for each in found].count(1) == 1
    assert numbers_of(engine) == [1, 2]


def give(engine: Engine, client_id: int, number: str, at: datetime = NOW) -> None:
    with writing(engine) as conn:
        numbers.assign(by_admin(conn, at), number, client_id)


def test_numbers_beyond_the_first_are_charged_by_country(engine: Engine, andes: int) -> None:
    for number in ("+56225550101", "+56225550102", "+56225550103"):
        give(engine, andes, number)
    (first,) = assign(engine, andes, "Inicial")
    assert [(line.kind, line.quantity, line.amount) for line in first.lines] == [
        (LineKind.PLAN, 1, 30_000),
        (LineKind.DID, 2, 12_000),
    ]


def test_a_country_without_price_stops_that_client_alone(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    give(engine, andes, "+56225550101")
    give(engine, andes, "+12025550101", NOW + timedelta(minutes=1))
    later = NOW + timedelta(days=35)
    with pytest.raises(ClientMistake, match="no price for further numbers of US"):
        renew(engine, andes, later)
    assert numbers_of(engine) == [1]
    with reading(engine) as conn:
        assert [due.slug for due in invoices.to_charge(conn, later)] == ["andes"]


def test_a_number_added_within_the_period_is_charged_once_for_its_days(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    give(engine, andes, "+56225550101")
    added = datetime(2026, 11, 25, 15, tzinfo=UTC)
    give(engine, andes, "+56225550102", added)
    with reading(engine) as conn:
        assert [due.slug for due in invoices.to_charge(conn, added)] == ["andes"]
    (extra,) = renew(engine, andes, added + timedelta(hours=12))
    assert (extra.sums.net, days(extra)) == (3_000, ("2026-11-25", "2026-12-10"))
    assert renew(engine, andes, added + timedelta(days=1)) == []
    (renewal,) = renew(engine, andes, NOW + timedelta(days=31))
    assert renewal.sums.net == 36_000


def test_a_number_added_on_the_periods_last_day_is_charged_with_the_next_renewal_at_hand(
    engine: Engine, andes: int
) -> None:
    assign(engine, andes, "Inicial")
    give(engine, andes, "+56225550101")
    give(engine, andes, "+56225550102", datetime(2026, 12, 9, 15, tzinfo=UTC))
    extra, renewal = renew(engine, andes, datetime(2026, 12, 10, 6, tzinfo=UTC))
    assert (extra.sums.net, renewal.sums.net) == (200, 36_000)


def test_a_free_plan_is_never_invoiced(engine: Engine, andes: int) -> None:
    assert assign(engine, andes, "Gratis") == []
    assert renew(engine, andes, NOW + timedelta(days=100)) == []
    assert all_of(engine) == []


def test_who_has_a_year_for_nothing_may_leave_and_pays_a_larger_plan_for_all_that_is_left(
    engine: Engine, andes: int
) -> None:
    assert assign(engine, andes, "Gratis", months=12) == []
    (rest,) = assign(engine, andes, "Inicial", NOW + timedelta(days=61), months=12)
    assert rest.sums.net == 10 * 30_000  # from the third month on: ten are no year, and have no discount
    with writing(engine) as conn:
        plans.end(conn, andes, NOW + timedelta(days=61))
        (note,) = charging.credit_paid_ahead(conn, SETTINGS, andes, NOW + timedelta(days=61))
    assert note.sums.net == billing.share(300_000, 304 - 31, 304)  # the month under way is not credited


def test_who_has_a_year_for_nothing_may_leave_at_once(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Gratis", months=12)
    with writing(engine) as conn:
        plans.end(conn, andes, HALFWAY)
        assert charging.credit_paid_ahead(conn, SETTINGS, andes, HALFWAY) == []


def test_a_suspended_client_is_not_charged_and_not_charged_later(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    with writing(engine) as conn:
        clientele.suspend(by_admin(conn), "andes")
    for month in (1, 2, 3):
        assert renew(engine, andes, NOW + timedelta(days=31 * month)) == []
    with writing(engine) as conn:
        clientele.resume(by_admin(conn), "andes")
    (back,) = renew(engine, andes, datetime(2027, 2, 15, tzinfo=UTC))
    assert days(back) == ("2027-02-10", "2027-03-10")


def test_without_an_issuer_nothing_is_charged(engine: Engine, andes: int) -> None:
    with writing(engine) as conn:
        subscriptions.assign(by_admin(conn, NOW), andes, "Inicial")
        assert charging.invoice_plan_change(conn, NO_ISSUER, andes, NOW) == []
        assert charging.invoice_bag(conn, NO_ISSUER, andes, 1, 25, 8_750, NOW) is None
    assert renew(engine, andes, NOW + timedelta(days=65), NO_ISSUER) == []
    assert [days(each) for each in renew(engine, andes, NOW + timedelta(days=66))] == [("2027-01-10", "2027-02-10")]


def test_a_client_that_has_cancelled_is_not_renewed(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    with writing(engine) as conn:
        plans.end(conn, andes, NOW)
    assert renew(engine, andes, NOW + timedelta(days=60)) == []


def test_a_bag_is_invoiced_once(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    with writing(engine) as conn:
        bag_id = ledger.add_bag(conn, andes, 25, 8_750, NOW)
        twice = [charging.invoice_bag(conn, SETTINGS, andes, bag_id, 25, 8_750, NOW) for _ in range(2)]
    assert twice[0] == twice[1]
    assert numbers_of(engine) == [1, 2]


def test_a_bag_that_was_sold_while_no_issuer_was_set_is_made_up_within_the_month_once(
    engine: Engine, andes: int
) -> None:
    assign(engine, andes, "Inicial")
    with writing(engine) as conn:
        for price in (8_750, 0):
            bag_id = ledger.add_bag(conn, andes, 25, price, NOW)
            assert charging.invoice_bag(conn, NO_ISSUER, andes, bag_id, 25, price, NOW) is None
    later = NOW + timedelta(days=2)
    with reading(engine) as conn:
        assert [due.client_id for due in invoices.to_charge(conn, later)] == [andes]
    (made_up,) = renew(engine, andes, later)
    assert (made_up.sums.net, renew(engine, andes, later)) == (8_750, [])
    with reading(engine) as conn:
        assert invoices.to_charge(conn, later) == []


def test_a_bag_of_an_earlier_month_is_not_made_up(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    with writing(engine) as conn:
        ledger.add_bag(conn, andes, 25, 8_750, NOW)
    (plan,) = renew(engine, andes, NOW + timedelta(days=31))
    assert plan.cause.purpose is Purpose.RENEWAL


# --- changes of plan --------------------------------------------------------------------------------------

HALFWAY = datetime(2026, 11, 25, 15, tzinfo=UTC)  # 15 of 30 days are left


def test_a_larger_plan_is_charged_for_the_rest_of_the_period(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    (more,) = assign(engine, andes, "Pyme", HALFWAY)
    assert (more.kind, more.sums.net, days(more)) == (BOLETA, 15_000, ("2026-11-25", "2026-12-10"))
    assert renew(engine, andes, HALFWAY) == []
    (renewal,) = renew(engine, andes, NOW + timedelta(days=31))
    assert renewal.sums.net == 60_000


def test_a_smaller_plan_is_credited_for_the_rest_of_the_period(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Pyme")
    (note,) = assign(engine, andes, "Inicial", HALFWAY)
    assert (note.kind, note.sums.net, note.why) == (NOTE, 15_000, "Cambio del plan Pyme al plan Inicial")
    assert note.corrects is not None
    assert note.corrects.number == 1


def test_up_and_down_again_on_one_day_comes_to_nothing(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    (more,) = assign(engine, andes, "Pyme", HALFWAY)
    (note,) = assign(engine, andes, "Inicial", HALFWAY + timedelta(hours=1))
    assert note.sums == more.sums
    assert note.corrects is not None
    assert note.corrects.number == more.number


def test_what_goes_back_is_spread_over_what_was_paid(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    assign(engine, andes, "Pyme", HALFWAY)
    notes = assign(engine, andes, "Gratis", HALFWAY + timedelta(hours=1))
    assert [(note.sums.net, note.corrects and note.corrects.number) for note in notes] == [(15_000, 2), (15_000, 1)]
    with reading(engine) as conn:
        paid = invoices.find(conn, 1, BOLETA)
        assert invoices.left(conn, paid) == 15_000


def test_no_more_goes_back_than_is_left(engine: Engine, andes: int) -> None:
    (paid,) = assign(engine, andes, "Pyme")
    credit(engine, paid)
    assert assign(engine, andes, "Inicial", HALFWAY) == []


def test_a_change_on_the_periods_first_day_before_it_is_invoiced(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    (renewal,) = assign(engine, andes, "Pyme", datetime(2026, 12, 10, 0, 5, tzinfo=SANTIAGO))
    assert (renewal.sums.net, days(renewal)) == (60_000, ("2026-12-10", "2027-01-10"))


def test_a_change_within_a_year_paid_ahead(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial", months=12)
    (more,) = assign(engine, andes, "Pyme", HALFWAY, months=12)
    assert more.sums.net == billing.share(576_000, 350, 365) - billing.share(288_000, 350, 365)
    assert renew(engine, andes, NOW + timedelta(days=300)) == []


def test_months_ahead_are_credited_when_the_client_leaves(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial", months=12)
    with writing(engine) as conn:
        plans.end(conn, andes, HALFWAY)
        (note,) = charging.credit_paid_ahead(conn, SETTINGS, andes, HALFWAY)
        assert charging.credit_paid_ahead(conn, SETTINGS, andes, HALFWAY) == []
    assert note.sums.net == round(288_000 * 335 / 365)


def test_a_month_that_has_begun_is_not_credited(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    with writing(engine) as conn:
        plans.end(conn, andes, HALFWAY)
        assert charging.credit_paid_ahead(conn, SETTINGS, andes, HALFWAY) == []


def test_who_comes_back_within_what_is_paid_pays_the_difference(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    with writing(engine) as conn:
        plans.end(conn, andes, HALFWAY)
    (more,) = assign(engine, andes, "Pyme", HALFWAY + timedelta(hours=1))
    assert more.sums.net == 15_000


def test_what_stays_of_months_ahead_stays_at_their_discount(engine: Engine, andes: int) -> None:
    """Else who leaves and comes back to a cheaper plan would get more back for his month than he has paid for it."""
    assign(engine, andes, "Pyme", months=12)  # 48 000 a month, not 60 000
    with writing(engine) as conn:
        plans.end(conn, andes, HALFWAY)
        charging.credit_paid_ahead(conn, SETTINGS, andes, HALFWAY)
    (back,) = assign(engine, andes, "Inicial", HALFWAY + timedelta(hours=1))
    assert back.sums.net == 9_000


def test_who_comes_back_later_begins_anew(engine: Engine, andes: int) -> None:
    assign(engine, andes, "Inicial")
    with writing(engine) as conn:
        plans.end(conn, andes, HALFWAY)
    (renewal,) = assign(engine, andes, "Pyme", NOW + timedelta(days=90))
    assert (renewal.sums.net, days(renewal)[0]) == (60_000, "2027-01-10")


# --- looking for one --------------------------------------------------------------------------------------


def test_a_number_of_two_kinds_must_say_which(engine: Engine, andes: int) -> None:
    wrong = issue(engine, a_draft(andes, "x"))
    note = credit(engine, wrong)
    with reading(engine) as conn:
        assert invoices.find(conn, 1, NOTE) == note
        with pytest.raises(ClientMistake, match="1 may be boleta-1, nota_credito-1: write one of these"):
            invoices.find(conn, 1)
        with pytest.raises(ClientMistake, match="there is no invoice 9"):
            invoices.find(conn, 9)


def test_invoices_are_found_by_day_and_client(engine: Engine, andes: int) -> None:
    for day in (1, 2, 3):
        issue(engine, replace(a_draft(andes, f"x:{day}"), day=date(2026, 11, day)))
    with reading(engine) as conn:
        found = invoices.issued(conn, since=date(2026, 11, 2), until=date(2026, 11, 3))
        assert [each.day.day for each in found] == [3, 2]
        assert len(invoices.issued(conn, client_id=andes, limit=2)) == 2
        assert invoices.issued(conn, client_id=andes + 1) == []


def test_a_period_is_paid_by_one_renewal_even_if_the_row_was_lost(engine: Engine, andes: int) -> None:
    """Restored from an old backup, or set by hand: what is invoiced for a period is not invoiced for it again."""
    (first,) = assign(engine, andes, "Inicial")
    with writing(engine) as conn:
        conn.execute(update(subscription).values(paid_until=None))
    assert renew(engine, andes, NOW + timedelta(days=1)) == []
    assert all_of(engine) == [first]
