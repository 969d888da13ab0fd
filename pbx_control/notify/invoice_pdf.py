"""An invoice as a PDF to print and file, in Spanish; the same invoice, the same bytes.

It is the house's own statement, and must not be taken for the document that the SII knows: it has no red box with the
RUT, and says in its title what it is.
"""

from collections.abc import Iterator

from babel.dates import format_date
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Spacer, Table

from pbx_control.domain.money.billing import VAT_PERCENT, Invoice, InvoiceKind, pesos
from pbx_control.notify.pdf import FAINT, INK, RULE, SHADE, WIDTH, document, printable, style, text

TITLES = {
    InvoiceKind.BOLETA: "COMPROBANTE DE COBRO",
    InvoiceKind.FACTURA: "COMPROBANTE DE COBRO",
    InvoiceKind.CREDIT_NOTE: "COMPROBANTE DE ABONO",
}
NAMES = {
    InvoiceKind.BOLETA: "boleta",
    InvoiceKind.FACTURA: "factura",
    InvoiceKind.CREDIT_NOTE: "nota de crédito",
}
NOT_OF_THE_SII = "No es la {name} electrónica del SII"
DISCLAIMER = (
    "Documento interno emitido por {issuer}, sin validez tributaria. El documento tributario electrónico (DTE) "
    "correspondiente lo emite ante el SII el proveedor de facturación electrónica a partir de estos mismos datos; su "
    "folio puede ser distinto del número que aparece aquí."
)

PAGE_OF = "Página {number} de {count}"
LABELS = 42 * mm
COLUMNS = (WIDTH - 82 * mm, 20 * mm, 31 * mm, 31 * mm)


def render(invoice: Invoice) -> bytes:
    """The PDF of an invoice or credit note. No clock and no setting goes in: it never changes."""
    title = f"{TITLES[invoice.kind].capitalize()}, {_own_name(invoice)}"
    return document(
        _parts(invoice),
        title=title,
        author=invoice.issuer.name,
        language="es-CL",
        foot=f"{title} · {printable(invoice.issuer.name, 60)}",
        page_of=PAGE_OF,
    )


# --- the parts, from top to bottom ------------------------------------------------------------------------


def _parts(invoice: Invoice) -> Iterator[Flowable]:
    yield _head(invoice)
    yield Spacer(0, 8 * mm)
    yield _facts(invoice)
    yield Spacer(0, 7 * mm)
    yield _lines(invoice)
    yield KeepTogether([Spacer(0, 4 * mm), _sums(invoice), Spacer(0, 10 * mm), *_end(invoice)])


def _head(invoice: Invoice) -> Table:
    """The issuer at the left; at the right what this is, its number, and what it is not."""
    issuer = invoice.issuer
    left = [text(issuer.name, size=15, bold=True)]
    rut = f"R.U.T. {issuer.rut}" if issuer.rut else ""
    left += [text(fact, colour=FAINT) for fact in (rut, issuer.business, issuer.address) if fact]
    not_this = NOT_OF_THE_SII.format(name=NAMES[invoice.kind])
    right = [
        text(TITLES[invoice.kind], size=14, bold=True, align=TA_RIGHT),
        text(_own_name(invoice), size=12, align=TA_RIGHT),
        text(not_this, size=9, colour=FAINT, align=TA_RIGHT),
    ]
    return Table([[left, right]], colWidths=[WIDTH - 80 * mm, 80 * mm], style=style())


def _own_name(invoice: Invoice) -> str:
    """ "boleta interna N° 12": its kind and number in this house's own count."""
    return f"{NAMES[invoice.kind]} interna N° {invoice.number}"


def _facts(invoice: Invoice) -> Table:
    """Who pays, on which day, and for which time."""
    buyer = invoice.buyer
    rows = [("Señor(es)", buyer.name), ("R.U.T.", buyer.rut), ("Giro", buyer.business), ("Dirección", buyer.address)]
    rows += [("Fecha de emisión", format_date(invoice.day, "d 'de' MMMM 'de' y", locale="es_CL"))]
    rows += [("Período", _period(invoice))]
    if invoice.corrects is not None:
        corrected = (
            f"{NAMES[invoice.corrects.kind]} interna N° {invoice.corrects.number} del {invoice.corrects.day:%d-%m-%Y}"
        )
        rows += [("Corrige", corrected), ("Motivo", invoice.why)]
    shown = [[text(label, colour=FAINT), text(value)] for label, value in rows if value]
    return Table(
        shown,
        colWidths=[LABELS, WIDTH - LABELS],
        style=style(("BOX", 0.6, RULE), ("BACKGROUND", SHADE), pad=1.3 * mm, side=4 * mm),
    )


def _lines(invoice: Invoice) -> Table:
    head = [text("Detalle", bold=True)]
    head += [text(word, bold=True, align=TA_RIGHT) for word in ("Cantidad", "Precio neto", "Total neto")]
    rows = [
        [
            text(line.text),
            text(str(line.quantity), align=TA_RIGHT),
            text(pesos(line.unit_price), align=TA_RIGHT),
            text(pesos(line.amount), align=TA_RIGHT),
        ]
        for line in invoice.lines
    ]
    looks = style(pad=1.8 * mm, side=2 * mm)
    looks.add("LINEBELOW", (0, 0), (-1, 0), 1, INK)
    looks.add("LINEBELOW", (0, 1), (-1, -1), 0.5, RULE)
    return Table([head, *rows], colWidths=COLUMNS, repeatRows=1, style=looks)


def _sums(invoice: Invoice) -> Table:
    rows = [
        ("Neto", invoice.sums.net, False),
        (f"IVA {VAT_PERCENT} %", invoice.sums.vat, False),
        ("Total", invoice.sums.total, True),
    ]
    shown = [
        [
            "",
            text(label, bold=last, size=12 if last else 10),
            text(pesos(amount), bold=last, size=12 if last else 10, align=TA_RIGHT),
        ]
        for label, amount, last in rows
    ]
    looks = style(pad=1.6 * mm, side=2 * mm)
    looks.add("LINEABOVE", (1, 2), (2, 2), 1, INK)
    looks.add("BACKGROUND", (1, 2), (2, 2), SHADE)
    return Table(shown, colWidths=[WIDTH - 72 * mm, 36 * mm, 36 * mm], style=looks)


def _end(invoice: Invoice) -> list[Flowable]:
    said = text(DISCLAIMER.format(issuer=printable(invoice.issuer.name)), size=8, colour=FAINT, limit=1000)
    return [Table([[said]], colWidths=[WIDTH], style=style())]


def _period(invoice: Invoice) -> str:
    """ "10-11-2026 al 09-12-2026"; "" if the invoice is for no period."""
    return " al ".join(f"{day:%d-%m-%Y}" for day in invoice.days or ())
