"""What is due is issued for all clients, kept as PDFs, and sent once to each of the client's e-mail recipients."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acting import JOB, by_admin
from sqlalchemy import Engine, insert

from pbx_control.domain.money.plans import Plan
from pbx_control.domain.notices.gone import attachment_gone
from pbx_control.notify import invoices as post
from pbx_control.notify.invoice_pdf import render
from pbx_control.services import clientele, invoicing, issuing, numbers, people, subscriptions
from pbx_control.settings import Billing, Home, Settings
from pbx_control.store import clients, invoices, letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import call

NOW = datetime(2026, 11, 10, 15, tzinfo=UTC)
LATER = NOW + timedelta(days=31)
SETTINGS = Settings(billing=Billing(issuer_name="Secretariado SpA", issuer_rut="76.086.428-5"))


@pytest.fixture
def home(engine: Engine, tmp_path: Path) -> Home:
    """Two clients with a plan: andes, which has two e-mail recipients and a chat, and luna, which has none."""
    with writing(engine) as conn:
        subscriptions.set_plan(
            by_admin(conn), Plan(name="Inicial", calls=100, price=30_000, extra_call=350, contacts=2, calendars=1)
        )
        numbers.add(by_admin(conn), ["+56225550101", "+12025550101"], None)
        for slug in ("andes", "luna"):
            client_id = clientele.add(by_admin(conn, NOW), slug, name=slug.title())
            subscriptions.assign(by_admin(conn, NOW), client_id, "Inicial")
        andes = clients.find(conn, "andes").id
        for channel, address in (("email", "a@andes.cl"), ("email", "b@andes.cl"), ("telegram", "123456789")):
            people.add_recipient(by_admin(conn), andes, channel, address)
    return Home(tmp_path / "home")


def sent(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as conn:
        return sorted((each.letter.address, each.letter.attachment) for each in letters.newest(conn))


def test_all_that_is_due_is_issued_and_sent_once(engine: Engine, home: Home) -> None:
    report = invoicing.issue_due(engine, home, SETTINGS, JOB, NOW)
    assert [each.client for each in report.issued] == ["andes", "luna"]
    assert str(report.sentence) == "issued: 2"
    boleta = "documents/invoices/2026/boleta-000001.pdf"
    assert sent(engine) == [("a@andes.cl", boleta), ("b@andes.cl", boleta)]
    for each in report.issued:
        assert (home.documents / f"invoices/2026/boleta-{each.number:06}.pdf").read_bytes() == render(each)
    assert str(invoicing.issue_due(engine, home, SETTINGS, JOB, NOW).sentence) == "issued: 0"
    assert len(sent(engine)) == 2


@pytest.mark.parametrize(("language", "says"), [("es", "El documento va adjunto"), ("en", "is attached as a PDF")])
def test_a_letter_whose_pdf_is_gone_does_not_say_that_it_is_attached(
    engine: Engine, home: Home, language: str, says: str
) -> None:
    with writing(engine) as conn:
        clientele.change(by_admin(conn), "andes", language=language)
    invoicing.issue_due(engine, home, SETTINGS, JOB, NOW)
    with reading(engine) as conn:
        written = letters.newest(conn)[0].letter
    without = attachment_gone(written)
    assert (says in written.text, says in written.html) == (True, True)
    assert (says in without.text, says in without.html, without.attachment) == (False, False, "")


def test_one_that_cannot_be_invoiced_holds_up_nobody(engine: Engine, home: Home) -> None:
    with writing(engine) as conn:
        andes = clients.find(conn, "andes").id
        for number in ("+56225550101", "+12025550101"):
            numbers.assign(by_admin(conn, NOW), number, andes)
    report = invoicing.issue_due(engine, home, SETTINGS, JOB, NOW)
    assert [each.client for each in report.issued] == ["luna"]
    assert str(report.sentence).startswith(
        "issued: 1; refused: 1: andes: the plan Inicial has no price for further numbers of US"
    )
    assert report.issued[0].number == 1


def test_what_was_issued_and_not_sent_is_sent_by_the_next_run(engine: Engine, home: Home) -> None:
    invoicing.issue_due(engine, home, SETTINGS, JOB, NOW)
    with writing(engine) as conn:
        issued = issuing.credit(conn, SETTINGS, invoices.find(conn, 1), None, "mal cobrado", NOW)
    invoicing.issue_due(engine, home, SETTINGS, JOB, NOW + timedelta(hours=1))
    note = "documents/invoices/2026/nota_credito-000001.pdf"
    assert ("a@andes.cl", note) in sent(engine)
    assert (home.documents / "invoices/2026/nota_credito-000001.pdf").read_bytes() == render(issued)


def test_what_is_long_past_is_not_sent_again(engine: Engine, home: Home) -> None:
    invoicing.issue_due(engine, home, SETTINGS, JOB, NOW)
    with writing(engine) as conn:
        people.add_recipient(by_admin(conn), clients.find(conn, "luna").id, "email", "luna@luna.cl")
    assert post.send_unsent(engine, home, SETTINGS, NOW + timedelta(days=8)) == 0
    assert post.send_unsent(engine, home, SETTINGS, NOW + timedelta(days=1)) == 1
    assert ("luna@luna.cl", "documents/invoices/2026/boleta-000002.pdf") in sent(engine)


@pytest.mark.parametrize(
    ("language", "calls", "says"),
    [
        ("es", 1, "En el mes anterior no se pasó 1 llamada de un número de campaña (809). No tuvo costo."),
        ("es", 2, "En el mes anterior no se pasaron 2 llamadas de números de campaña (809). No tuvieron costo."),
        ("en", 1, "In the month before, 1 call from a campaign's number (809) was not put through. It cost nothing."),
        (
            "en",
            2,
            "In the month before, 2 calls from campaigns' numbers (809) were not put through. They cost nothing.",
        ),
    ],
)
def test_the_months_invoice_counts_campaigns_that_were_not_put_through(
    engine: Engine, home: Home, language: str, calls: int, says: str
) -> None:
    invoicing.issue_due(engine, home, SETTINGS, JOB, NOW)
    with writing(engine) as conn:
        clientele.change(by_admin(conn), "andes", language=language)
        andes = clients.find(conn, "andes").id
        for number, at in enumerate([*(NOW + timedelta(days=n) for n in range(1, calls + 1)), NOW - timedelta(days=9)]):
            row = {"id": f"pbx-1.{number}", "client_id": andes, "did": "+56225550101", "caller": "+56809123456"}
            times = {"arrived_at": at, "ended_at": at, "phase": "ended", "outcome": "blocked"}
            conn.execute(insert(call).values(row | times))
    with reading(engine) as conn:
        assert all("809" not in each.letter.text for each in letters.newest(conn))
    invoicing.issue_due(engine, home, SETTINGS, JOB, LATER)
    with reading(engine) as conn:
        newest = letters.newest(conn)[0].letter
    assert says in newest.text
    assert says.replace("'", "&#39;") in newest.html
