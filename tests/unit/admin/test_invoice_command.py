"""`pbx-control invoice` as an admin types it."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from acting import by_admin
from terminal import Admin

from pbx_control import clock
from pbx_control.domain.money.plans import Plan
from pbx_control.services import clientele, people, subscriptions
from pbx_control.settings import Home, Settings
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.migrate import upgrade

NOW = datetime(2026, 11, 10, 15, tzinfo=UTC)
BILLING = """
[billing]
issuer_name = "Secretariado SpA"
issuer_rut = "76.086.428-5"
issuer_business = "Secretariado virtual"
issuer_address = "Av. Matta 12, Santiago"
"""


@pytest.fixture
def admin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Admin:
    """An admin whose client andes has a plan since today, and has not been invoiced."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.settings_file.write_text(BILLING)
    upgrade(home, Settings())
    engine = open_engine(home, Settings())
    with writing(engine) as conn:
        subscriptions.set_plan(
            by_admin(conn), Plan(name="Inicial", calls=100, price=30_000, extra_call=350, contacts=2, calendars=1)
        )
        andes = clientele.add(by_admin(conn, NOW), "andes", name="Andes Ltda")
        subscriptions.assign(by_admin(conn, NOW), andes, "Inicial")
        people.add_recipient(by_admin(conn), andes, "email", "a@andes.cl")
    engine.dispose()
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return Admin(home.root)


def test_what_is_due_is_issued_once(admin: Admin) -> None:
    said = admin.does("invoice", "issue", "andes")
    assert said.startswith("internal boleta 1 issued: CLP 35,700 (CLP 30,000 net), ")
    assert (admin.home / "documents/invoices/2026/boleta-000001.pdf").read_bytes().startswith(b"%PDF-")
    assert admin.does("invoice", "issue", "andes") == "nothing is due for andes now\n"
    (letter,) = admin.reads("message", "list")
    assert (letter["address"], letter["subject"]) == ("a@andes.cl", "Secretariado: boleta interna N° 1 por $35.700")


def test_a_dry_run_shows_the_draft_and_issues_nothing(admin: Admin) -> None:
    said = admin.does("invoice", "issue", "andes", "--dry-run")
    assert "draft: nothing has been issued" in said
    assert "Plan Inicial, 100 llamadas al mes" in said
    assert admin.reads("invoice", "issue", "andes", "--dry-run")[0]["total"] == 35_700
    assert admin.reads("invoice", "list") == []
    assert not (admin.home / "documents").exists()
    assert admin.reads("invoice", "issue", "andes")[0]["number"] == 1


def test_an_invoice_is_shown(admin: Admin) -> None:
    admin.does("invoice", "issue", "andes")
    shown = admin.does("invoice", "show", "1")
    for text in ("internal boleta 1", "Andes Ltda", "2026-11-10 – 2026-12-09", "CLP 30,000", "CLP 5,700", "CLP 35,700"):
        assert text in shown
    assert "boleta-000001.pdf" in shown
    assert "net_left" not in shown
    spanish = admin.does("--lang", "es", "invoice", "show", "1")
    assert "a nombre de" in spanish
    found = admin.reads("invoice", "show", "1")
    assert (found["net_left"], found["sii_type"], found["lines"][0]["amount"]) == (30_000, 39, 30_000)


def test_its_pdf_is_written_where_one_wants_it_and_over_nothing(admin: Admin, tmp_path: Path) -> None:
    admin.does("invoice", "issue", "andes")
    target = tmp_path / "mine.pdf"
    assert str(target) in admin.does("invoice", "show", "1", "-o", str(target))
    assert target.read_bytes() == (admin.home / "documents/invoices/2026/boleta-000001.pdf").read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    assert admin.types("invoice", "show", "1", "-o", "-").stdout_bytes == target.read_bytes()
    assert "is there already" in admin.is_refused("invoice", "show", "1", "-o", str(target))
    assert "cannot be written" in admin.is_refused("invoice", "show", "1", "-o", "/nonexistent/x.pdf")


def test_a_credit_note_corrects_it(admin: Admin) -> None:
    admin.does("invoice", "issue", "andes")
    said = admin.does("invoice", "credit", "1", "--why", "plan equivocado")
    assert said.startswith("internal credit note 1 issued: CLP 35,700")
    assert "1 may be boleta-1, nota_credito-1: write one of these" in admin.is_refused("invoice", "show", "1")
    assert "internal boleta 1" in admin.does("invoice", "show", "boleta-1").splitlines()[0]
    assert "cannot be credited" in admin.is_refused("invoice", "credit", "1", "--why", "otra vez")  # the boleta, fully
    assert "the credit note 1" in admin.is_refused("invoice", "credit", "nota_credito-1", "--why", "x")
    assert "is no invoice" in admin.types("invoice", "show", "boleta").stderr
    shown = admin.does("invoice", "show", "1", "--kind", "nota_credito")
    assert "internal boleta 1" in shown
    assert "plan equivocado" in shown
    assert "CLP 0" in admin.does("invoice", "show", "1", "--kind", "boleta")
    assert "CLP 0 net is left" in admin.is_refused("invoice", "credit", "1", "--kind", "boleta", "--why", "otra vez")
    assert len(admin.reads("message", "list")) == 2


def test_a_line_alone_is_credited(admin: Admin) -> None:
    admin.does("invoice", "issue", "andes")
    assert "has no line 2" in admin.is_refused("invoice", "credit", "1", "--line", "2", "--why", "x")
    assert admin.reads("invoice", "credit", "1", "--line", "1", "--why", "x")["corrects"]["code"] == 1


def test_invoices_are_listed_by_client_and_month(admin: Admin) -> None:
    admin.does("invoice", "issue", "andes")
    (row,) = admin.reads("invoice", "list", "--client", "andes", "--month", "2026-11")
    assert (row["kind"], row["number"], row["net"], row["vat"], row["total"]) == ("boleta", 1, 30_000, 5_700, 35_700)
    assert admin.reads("invoice", "list", "--month", "2026-10") == []
    assert "CLP 35,700" in admin.does("invoice", "list")


def test_the_export_has_every_document_of_the_days(admin: Admin) -> None:
    admin.does("invoice", "issue", "andes")
    admin.does("invoice", "credit", "1", "--why", "plan equivocado")
    rows = list(csv.DictReader(io.StringIO(admin.does("invoice", "export"), newline="")))
    assert [(row["sii_type"], row["reference"], row["corrects_number"]) for row in rows] == [
        ("39", "boleta-1", ""),
        ("61", "nota_credito-1", "1"),
    ]
    in_november = ["--since", "2026-11-10", "--until", "2026-11-10"]
    exported = admin.does("invoice", "export", "--format", "json", *in_november)
    assert '"reference": "nota_credito-1"' in exported
    assert admin.does("invoice", "export", "--until", "2026-11-09").count("\n") == 1


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["show", "9"], "there is no invoice 9"),
        (["credit", "9", "--why", "x"], "there is no invoice 9"),
        (["credit", "9", "--why", "x\x1b[2J"], "there is no invoice 9"),
        (["list", "--month", "november"], "'november' is no month"),
        (["list", "--month", "9999-13"], "is no month"),
        (["list", "--client", "nobody"], "there is no client"),
        (["export", "--since", "anteanteayer\n"], "'anteanteayer' is no day"),
        (["export", "--since", "2026-11-30", "--until", "2026-11-01"], "nothing lies between them"),
        (["issue", "nobody"], "there is no client"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else None,
)
def test_what_cannot_be_done_is_told_in_one_line(admin: Admin, words: list[str], why: str) -> None:
    assert why in admin.is_refused("invoice", *words)


def test_a_reason_that_is_no_line_is_refused(admin: Admin) -> None:
    admin.does("invoice", "issue", "andes")
    assert "control character" in admin.is_refused("invoice", "credit", "1", "--why", "x\x1b[2J")
    assert "is empty" in admin.is_refused("invoice", "credit", "1", "--why", "  ")
    assert len(admin.reads("invoice", "list")) == 1


def test_who_leaves_gets_a_note_for_the_months_paid_ahead(admin: Admin) -> None:
    admin.does("plan", "assign", "andes", "Inicial", "--months", "12")
    said = admin.does("client", "cancel", "andes")
    assert "client andes cancelled" in said
    (note, boleta) = admin.reads("invoice", "list")
    assert (boleta["net"], note["kind"], note["net"]) == (360_000, "nota_credito", 330_411)  # 335 of 365 days
    assert (admin.home / "documents/invoices/2026/nota_credito-000001.pdf").is_file()
    assert admin.reads("message", "list")[0]["subject"].startswith("Secretariado: nota de crédito interna N° 1")


def test_without_an_issuer_it_is_told_what_to_write(admin: Admin) -> None:
    (admin.home / "pbx.toml").write_text("")
    assert "[billing] in pbx.toml has no issuer_rut" in admin.is_refused("invoice", "issue", "andes")


@pytest.mark.parametrize(
    ("line", "why"),
    [('issuer_rut = "76.086.428-6"', "must be a RUT"), ('bags = "25,many"', "must be numbers of calls")],
)
def test_a_setting_that_makes_no_sense_is_named(admin: Admin, line: str, why: str) -> None:
    (admin.home / "pbx.toml").write_text(f"[billing]\n{line}\n")
    assert why in admin.is_refused("invoice", "issue", "andes")
