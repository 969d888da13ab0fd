"""Invoices for other programs: what an e-invoicing provider needs to issue the electronic documents (DTE) of the SII.

docs/decisions/billing.md lists the fields beside those of a DTE. The folio is the provider's; our number is the
reference by which both are matched.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from pbx_control.domain.money.billing import VAT_PERCENT, Invoice, InvoiceKind, Line, Party
from pbx_control.domain.words.wording import no_formula

# The SII's codes of electronic documents.
SII_TYPES = {InvoiceKind.BOLETA: 39, InvoiceKind.FACTURA: 33, InvoiceKind.CREDIT_NOTE: 61}
# A credit note's reason in the SII's code: it cancels the document, or corrects its amounts.
CANCELS, CORRECTS_AMOUNTS = 1, 3

# Columns of the CSV, in their order: the document's, repeated for each of its lines, and the line's.
COLUMNS = (
    *("sii_type", "kind", "number", "reference", "day", "currency"),
    *("issuer_rut", "issuer_name", "issuer_business", "issuer_address"),
    *("client", "buyer_rut", "buyer_name", "buyer_business", "buyer_address", "buyer_email"),
    *("period_first", "period_last", "net", "vat_percent", "vat", "total"),
    *("corrects_sii_type", "corrects_number", "corrects_day", "corrects_code", "corrects_why"),
    *("line", "line_kind", "line_text", "line_quantity", "line_unit_price", "line_amount"),
)


def as_record(invoice: Invoice) -> dict[str, Any]:
    """An invoice as JSON has it: amounts in whole pesos, lines net; RUTs without dots, as the SII writes them."""
    first, last = invoice.days or (None, None)
    return {
        "sii_type": SII_TYPES[invoice.kind],
        "kind": invoice.kind.value,
        "number": invoice.number,
        "reference": f"{invoice.kind.value}-{invoice.number}",
        "day": invoice.day,
        "currency": "CLP",
        "issuer": _party(invoice.issuer),
        "client": invoice.client,
        "buyer": _party(invoice.buyer),
        "period_first": first,
        "period_last": last,
        "net": invoice.sums.net,
        "vat_percent": VAT_PERCENT,
        "vat": invoice.sums.vat,
        "total": invoice.sums.total,
        "corrects": _corrects(invoice),
        "lines": [_line(place, line) for place, line in enumerate(invoice.lines, start=1)],
    }


def as_csv(invoices: Iterable[Invoice]) -> str:
    """All of them as CSV (RFC 4180), a row for each line of a document."""
    out = io.StringIO()
    sheet = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    sheet.writeheader()
    for each in invoices:
        sheet.writerows(_rows(as_record(each)))
    return out.getvalue()


def _party(party: Party) -> dict[str, str]:
    return {
        "rut": party.rut.replace(".", ""),
        "name": party.name,
        "business": party.business,
        "address": party.address,
        "email": party.email,
    }


def _corrects(invoice: Invoice) -> dict[str, Any] | None:
    wrong = invoice.corrects
    if wrong is None:
        return None
    return {
        "sii_type": SII_TYPES[wrong.kind],
        "number": wrong.number,
        "day": wrong.day,
        "code": CANCELS if invoice.sums.net == wrong.net else CORRECTS_AMOUNTS,
        "why": invoice.why,
    }


def _line(place: int, line: Line) -> dict[str, Any]:
    return {
        "line": place,
        "kind": line.kind.value,
        "text": line.text,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "amount": line.amount,
    }


def _rows(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    nested = {name: record.pop(name) for name in ("issuer", "buyer", "corrects", "lines")}
    for name in ("issuer", "buyer", "corrects"):
        record |= {f"{name}_{key}": value for key, value in (nested[name] or {}).items()}
    record.pop("issuer_email")
    for line in nested["lines"]:
        yield {name: _plain(value) for name, value in (record | _named_line(line)).items()}


def _named_line(line: dict[str, Any]) -> dict[str, Any]:
    return {name if name == "line" else f"line_{name}": value for name, value in line.items()}


def _plain(value: Any) -> Any:
    """Numbers stay numbers."""
    return no_formula(value) if isinstance(value, str) else value
