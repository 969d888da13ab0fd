"""An invoice as a PDF to print and file, in Spanish; the same invoice, the same bytes.

It is the house's own statement, and must not be taken for the document that the SII knows: it has no red box with the
RUT, and says in its title what it is.
"""

import unicodedata
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, Literal
from xml.sax.saxutils import escape

from babel.dates import format_date
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from pbx_control.domain.money.billing import VAT_PERCENT, Invoice, InvoiceKind, pesos
from pbx_control.domain.words.wording import clean_line

# Of a paragraph: left or right.
Align = Literal[0, 2]

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

INK = HexColor("#1a2230")
FAINT = HexColor("#5a6675")
RULE = HexColor("#c9d0d8")
SHADE = HexColor("#f3f5f7")

MARGIN = 18 * mm
FOOT = 20 * mm  # below the text, for the pages' numbers
WIDTH = LETTER[0] - 2 * MARGIN
LABELS = 42 * mm
COLUMNS = (WIDTH - 82 * mm, 20 * mm, 31 * mm, 31 * mm)

TEXT_LIMIT = 300  # characters of any one text


def render(invoice: Invoice) -> bytes:
    """The PDF of an invoice or credit note. No clock and no setting goes in: it never changes."""
    content = BytesIO()
    title = f"{TITLES[invoice.kind].capitalize()}, {_own_name(invoice)}"
    page = SimpleDocTemplate(
        content,
        pagesize=LETTER,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=FOOT,
        title=title,
        author=_printable(invoice.issuer.name),
        lang="es-CL",
        invariant=1,  # no date of making, no random name
    )
    page.build(list(_parts(invoice)), canvasmaker=_numbering(f"{title} · {_printable(invoice.issuer.name, 60)}"))
    return content.getvalue()


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
    left = [_text(issuer.name, size=15, bold=True)]
    rut = f"R.U.T. {issuer.rut}" if issuer.rut else ""
    left += [_text(fact, colour=FAINT) for fact in (rut, issuer.business, issuer.address) if fact]
    not_this = NOT_OF_THE_SII.format(name=NAMES[invoice.kind])
    right = [
        _text(TITLES[invoice.kind], size=14, bold=True, align=TA_RIGHT),
        _text(_own_name(invoice), size=12, align=TA_RIGHT),
        _text(not_this, size=9, colour=FAINT, align=TA_RIGHT),
    ]
    return Table([[left, right]], colWidths=[WIDTH - 80 * mm, 80 * mm], style=_style())


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
    shown = [[_text(label, colour=FAINT), _text(value)] for label, value in rows if value]
    return Table(
        shown,
        colWidths=[LABELS, WIDTH - LABELS],
        style=_style(("BOX", 0.6, RULE), ("BACKGROUND", SHADE), pad=1.3 * mm, side=4 * mm),
    )


def _lines(invoice: Invoice) -> Table:
    head = [_text("Detalle", bold=True)]
    head += [_text(word, bold=True, align=TA_RIGHT) for word in ("Cantidad", "Precio neto", "Total neto")]
    rows = [
        [
            _text(line.text),
            _text(str(line.quantity), align=TA_RIGHT),
            _text(pesos(line.unit_price), align=TA_RIGHT),
            _text(pesos(line.amount), align=TA_RIGHT),
        ]
        for line in invoice.lines
    ]
    style = _style(pad=1.8 * mm, side=2 * mm)
    style.add("LINEBELOW", (0, 0), (-1, 0), 1, INK)
    style.add("LINEBELOW", (0, 1), (-1, -1), 0.5, RULE)
    return Table([head, *rows], colWidths=COLUMNS, repeatRows=1, style=style)


def _sums(invoice: Invoice) -> Table:
    rows = [
        ("Neto", invoice.sums.net, False),
        (f"IVA {VAT_PERCENT} %", invoice.sums.vat, False),
        ("Total", invoice.sums.total, True),
    ]
    shown = [
        [
            "",
            _text(label, bold=last, size=12 if last else 10),
            _text(pesos(amount), bold=last, size=12 if last else 10, align=TA_RIGHT),
        ]
        for label, amount, last in rows
    ]
    style = _style(pad=1.6 * mm, side=2 * mm)
    style.add("LINEABOVE", (1, 2), (2, 2), 1, INK)
    style.add("BACKGROUND", (1, 2), (2, 2), SHADE)
    return Table(shown, colWidths=[WIDTH - 72 * mm, 36 * mm, 36 * mm], style=style)


def _end(invoice: Invoice) -> list[Flowable]:
    said = _text(DISCLAIMER.format(issuer=_printable(invoice.issuer.name)), size=8, colour=FAINT, limit=1000)
    return [Table([[said]], colWidths=[WIDTH], style=_style())]


def _period(invoice: Invoice) -> str:
    """ "10-11-2026 al 09-12-2026"; "" if the invoice is for no period."""
    return " al ".join(f"{day:%d-%m-%Y}" for day in invoice.days or ())


# --- how it looks -----------------------------------------------------------------------------------------


def _text(
    text: str,
    *,
    size: float = 10,
    bold: bool = False,
    colour: Color = INK,
    align: Align = TA_LEFT,
    limit: int = TEXT_LIMIT,
) -> Paragraph:
    style = ParagraphStyle(
        "text",
        fontName="Helvetica-Bold" if bold else "Helvetica",
        fontSize=size,
        leading=size * 1.35,
        textColor=colour,
        alignment=align,
    )
    return Paragraph(escape(_printable(text, limit)), style)


def _style(*lines: tuple[Any, ...], pad: float = 0.0, side: float = 0.0) -> TableStyle:
    """A table's style: what concerns all of it (as `lines`), and the room within its cells."""
    everything = ((0, 0), (-1, -1))
    style = TableStyle([(name, *everything, *values) for name, *values in lines])
    style.add("VALIGN", *everything, "TOP")
    for edge in ("TOPPADDING", "BOTTOMPADDING"):
        style.add(edge, *everything, pad)
    for edge in ("LEFTPADDING", "RIGHTPADDING"):
        style.add(edge, *everything, side)
    return style


def _printable(text: str, limit: int = TEXT_LIMIT) -> str:
    """What the PDF's standard fonts can show (Windows-1252): other letters lose their marks, the rest is "?"."""
    return "".join(_shown(character) for character in clean_line(text, limit))


def _shown(character: str) -> str:
    if _has_glyph(character):
        return character
    bare = "".join(part for part in unicodedata.normalize("NFKD", character) if _has_glyph(part))
    return bare or "?"


def _has_glyph(character: str) -> bool:
    try:
        return bool(character.encode("cp1252"))
    except UnicodeEncodeError:
        return False


def _numbering(foot: str) -> Callable[..., Canvas]:
    """A canvas that writes "Página 1 de 3" under each page, once it knows how many there are."""

    class Numbered(Canvas):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._finished: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._finished.append(dict(self.__dict__))
            self._startPage()  # type: ignore[attr-defined]  # it has one, which its types leave out

        def save(self) -> None:
            for number, page in enumerate(self._finished, start=1):
                self.__dict__.update(page)
                self._write_foot(number)
                super().showPage()
            super().save()

        def _write_foot(self, number: int) -> None:
            self.setFont("Helvetica", 8)
            self.setFillColor(FAINT)
            self.drawString(MARGIN, 12 * mm, foot)
            self.drawRightString(LETTER[0] - MARGIN, 12 * mm, f"Página {number} de {len(self._finished)}")

    return Numbered
