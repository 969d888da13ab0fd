"""The PDF of an invoice, its letter and its export: the same each time, whatever stands in it."""

import csv
import io
import re
import subprocess
import sys
import zlib
from base64 import a85decode
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_control.domain.money.billing import (
    Cause,
    Corrected,
    Invoice,
    InvoiceKind,
    Line,
    LineKind,
    Party,
    Purpose,
    sums,
)
from pbx_control.domain.money.invoice_export import COLUMNS, as_csv, as_record
from pbx_control.domain.money.periods import period_of
from pbx_control.domain.notices.invoice_letters import compose_invoice
from pbx_control.domain.words.characters import printable
from pbx_control.notify.invoice_pdf import render

NOW = datetime(2026, 11, 10, 15, tzinfo=UTC)
LINES = (
    Line(LineKind.PLAN, "Plan Inicial, 100 llamadas al mes", 12, 30_000),
    Line(LineKind.DISCOUNT, "Descuento de 20 % por 12 meses pagados por adelantado", 1, -72_000),
)
FACTURA = Invoice(
    id=1,
    kind=InvoiceKind.FACTURA,
    number=12,
    client_id=1,
    client="andes",
    timezone="America/Santiago",
    issued_at=NOW,
    day=date(2026, 11, 10),
    period=period_of(10, ZoneInfo("America/Santiago"), NOW),
    sums=sums(LINES),
    issuer=Party(name="Ñandú SpA", rut="76.086.428-5", business="Secretariado", address="Av. Matta 12, Santiago"),
    buyer=Party(name="Andes Limitada", rut="77.123.456-7", business="Ferretería", address="Talca", email="a@andes.cl"),
    lines=LINES,
    cause=Cause(key="renewal:1:2026-11-10", purpose=Purpose.RENEWAL),
)
NOTE = replace(
    FACTURA,
    kind=InvoiceKind.CREDIT_NOTE,
    number=3,
    corrects=Corrected(kind=InvoiceKind.FACTURA, number=12, day=date(2026, 11, 10), net=FACTURA.sums.net),
    why="plan equivocado",
)


def streams(pdf: bytes) -> str:
    """What a PDF writes on its pages: each a deflated stream, in base 85."""
    found = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.S)
    return "".join(zlib.decompress(a85decode(b"<~" + each.strip(), adobe=True)).decode("latin-1") for each in found)


def words(pdf: bytes) -> list[str]:
    """The pieces of text on its pages, octal escapes read."""
    pieces = re.findall(r"\((.*?)(?<!\\)\) Tj", streams(pdf))
    return [re.sub(r"\\(\d{3})", lambda code: bytes([int(code[1], 8)]).decode("cp1252"), piece) for piece in pieces]


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_it_shows_who_pays_whom_what_and_for_what() -> None:
    shown = words(render(FACTURA))
    for text in ("R.U.T. 76.086.428-5", "factura interna N° 12", "Ñandú SpA", "Andes Limitada", "77.123.456-7"):
        assert text in shown
    for text in ("10 de noviembre de 2026", "10-11-2026 al 09-12-2026", "$30.000", "-$72.000"):
        assert text in shown
    assert [shown[shown.index(label) + 1] for label in ("Neto", "IVA 19 %", "Total")] == [
        "$288.000",
        "$54.720",
        "$342.720",
    ]
    assert "DTE" in " ".join(shown)


@pytest.mark.parametrize(
    ("kind", "title", "name"),
    [
        (InvoiceKind.BOLETA, "COMPROBANTE DE COBRO", "boleta"),
        (InvoiceKind.FACTURA, "COMPROBANTE DE COBRO", "factura"),
        (InvoiceKind.CREDIT_NOTE, "COMPROBANTE DE ABONO", "nota de crédito"),
    ],
)
def test_nobody_takes_it_for_a_document_of_the_sii(kind: InvoiceKind, title: str, name: str) -> None:
    """No red box with the RUT, no title of a tax document; it says what it is not, on the page and in the mail."""
    pdf = render(replace(FACTURA, kind=kind))
    shown = words(pdf)
    assert {title, f"{name} interna N° 12", f"No es la {name} electrónica del SII"} <= set(shown)
    assert not {"BOLETA", "FACTURA", "NOTA DE CRÉDITO"} & set(shown)
    assert ".784314 .062745 .180392" not in streams(pdf)
    letter = compose_invoice(replace(FACTURA, kind=kind), "a@andes.cl", "es", "Casa", NOW)
    assert f"No es la {name} electrónica del SII" in letter.text
    assert f"{name} interna N° 12" in letter.subject


def test_a_credit_note_says_what_it_corrects_and_why() -> None:
    shown = words(render(NOTE))
    assert {"COMPROBANTE DE ABONO", "factura interna N° 12 del 10-11-2026", "plan equivocado"} <= set(shown)


def test_the_same_invoice_is_the_same_bytes_in_another_process() -> None:
    program = (
        "import sys; sys.path[:0] = ['tests/unit']; from test_invoice_pdf import FACTURA, render; "
        "sys.stdout.buffer.write(render(FACTURA))"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    assert other == render(FACTURA)


def test_many_lines_go_over_pages_and_each_is_there() -> None:
    lines = tuple(Line(LineKind.DID, f"Número {n} " + "largo " * (n % 40), n, 1_000) for n in range(1, 80))
    pdf = render(replace(FACTURA, lines=lines, sums=sums(lines)))
    shown = words(pdf)
    assert pages(pdf) > 2
    assert f"Página {pages(pdf)} de {pages(pdf)}" in shown
    assert shown.count("Detalle") == pages(pdf)
    assert all(any(text.startswith(f"Número {n} ") or text == f"Número {n}" for text in shown) for n in range(1, 80))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=400))
def test_nothing_from_outside_breaks_it(name: str, address: str, text: str) -> None:
    lines = (Line(LineKind.PLAN, text, 1, 1_000),)
    strange = replace(NOTE, buyer=Party(name=name, rut=text, business=name, address=address), lines=lines, why=text)
    assert render(strange).startswith(b"%PDF-")
    assert printable(compose_invoice(strange, "a@andes.cl", "es", name, NOW).subject)
    (row,) = csv.DictReader(io.StringIO(as_csv([strange]), newline=""))
    assert not row["buyer_name"].startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Łódź <b>Ltda</b> 🎉", "?ódz <b>Ltda</b> ?"), ("Šarić & Cía", "Šaric & Cía"), ("Uno\u202eDos\x00", "UnoDos")],
)
def test_letters_that_the_font_lacks_are_told_as_well_as_can_be(name: str, shown: str) -> None:
    assert shown in "".join(words(render(replace(FACTURA, buyer=Party(name=name)))))


# --- the letter -------------------------------------------------------------------------------------------


def test_the_letter_has_the_sums_and_the_pdf() -> None:
    letter = compose_invoice(FACTURA, "a@andes.cl", "es", "Secretariado", NOW)
    assert letter.subject == "Secretariado: factura interna N° 12 por $342.720"
    assert letter.attachment == "documents/invoices/2026/factura-000012.pdf"
    assert "Total: $342.720" in letter.text
    assert "IVA 19 %: $54.720" in letter.text
    assert letter.message_id == compose_invoice(FACTURA, "a@andes.cl", "en", "Otra", NOW).message_id
    assert letter.message_id != compose_invoice(NOTE, "a@andes.cl", "es", "Secretariado", NOW).message_id


def test_the_letter_of_a_credit_note_says_what_it_corrects() -> None:
    spanish = compose_invoice(NOTE, "a@andes.cl", "es", "Secretariado", NOW)
    english = compose_invoice(NOTE, "a@andes.cl", "en", "Secretariado", NOW)
    assert "Corrige la factura interna N° 12: plan equivocado." in spanish.text
    assert "It corrects the invoice (factura) No. 12: plan equivocado." in english.text


# --- the export -------------------------------------------------------------------------------------------


def record(invoice: Invoice) -> dict[str, Any]:
    return as_record(invoice)


def test_a_record_has_what_a_provider_needs() -> None:
    found = record(FACTURA)
    assert (found["sii_type"], found["reference"], found["currency"]) == (33, "factura-12", "CLP")
    assert found["issuer"]["rut"] == "76086428-5"
    assert found["buyer"] == {
        "rut": "77123456-7",
        "name": "Andes Limitada",
        "business": "Ferretería",
        "address": "Talca",
        "email": "a@andes.cl",
    }
    assert (found["net"], found["vat"], found["total"]) == (288_000, 54_720, 342_720)
    assert (found["period_first"], found["period_last"]) == (date(2026, 11, 10), date(2026, 12, 9))
    assert [line["amount"] for line in found["lines"]] == [360_000, -72_000]
    assert record(replace(FACTURA, kind=InvoiceKind.BOLETA))["sii_type"] == 39


def test_a_credit_note_refers_to_what_it_cancels_or_corrects() -> None:
    assert record(NOTE)["sii_type"] == 61
    assert record(NOTE)["corrects"] == {
        "sii_type": 33,
        "number": 12,
        "day": date(2026, 11, 10),
        "code": 1,
        "why": "plan equivocado",
    }
    part = LINES[1:]
    assert record(replace(NOTE, lines=part, sums=replace(NOTE.sums, net=1)))["corrects"]["code"] == 3


def test_csv_has_a_row_for_each_line() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([FACTURA, NOTE]), newline="")))
    assert list(rows[0]) == list(COLUMNS)
    assert [(row["reference"], row["line"], row["line_amount"]) for row in rows] == [
        ("factura-12", "1", "360000"),
        ("factura-12", "2", "-72000"),
        ("nota_credito-3", "1", "360000"),
        ("nota_credito-3", "2", "-72000"),
    ]
    assert (rows[0]["corrects_sii_type"], rows[2]["corrects_sii_type"]) == ("", "33")
