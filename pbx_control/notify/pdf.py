"""What our PDF documents have in common: colours, paragraphs that show whatever was written, numbered pages."""

import unicodedata
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, Literal
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, TableStyle

from pbx_control.domain.words.wording import clean_line

# Of a paragraph: left or right.
Align = Literal[0, 2]

INK = HexColor("#1a2230")
FAINT = HexColor("#5a6675")
RULE = HexColor("#c9d0d8")
SHADE = HexColor("#f3f5f7")

MARGIN = 18 * mm
FOOT = 20 * mm  # below the text, for the pages' numbers
WIDTH = LETTER[0] - 2 * MARGIN

TEXT_LIMIT = 300  # characters of any one text


def document(parts: Iterable[Flowable], *, title: str, author: str, language: str, foot: str, page_of: str) -> bytes:
    """A PDF of these parts, numbered at the foot; the same parts, the same bytes: no clock and no setting goes in."""
    content = BytesIO()
    page = SimpleDocTemplate(
        content,
        pagesize=LETTER,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=FOOT,
        title=title,
        author=printable(author),
        lang=language,
        invariant=1,  # no date of making, no random name
    )
    page.build(list(parts), canvasmaker=numbering(foot, page_of))
    return content.getvalue()


def text(
    words: str,
    *,
    size: float = 10,
    bold: bool = False,
    colour: Color = INK,
    align: Align = TA_LEFT,
    limit: int = TEXT_LIMIT,
) -> Paragraph:
    """A paragraph of whatever was written: what means something in a PDF's markup is text."""
    looks = ParagraphStyle(
        "text",
        fontName="Helvetica-Bold" if bold else "Helvetica",
        fontSize=size,
        leading=size * 1.35,
        textColor=colour,
        alignment=align,
    )
    return Paragraph(escape(printable(words, limit)), looks)


def style(*lines: tuple[Any, ...], pad: float = 0.0, side: float = 0.0) -> TableStyle:
    """A table's style: what concerns all of it (as `lines`), and the room within its cells."""
    everything = ((0, 0), (-1, -1))
    looks = TableStyle([(name, *everything, *values) for name, *values in lines])
    looks.add("VALIGN", *everything, "TOP")
    for edge in ("TOPPADDING", "BOTTOMPADDING"):
        looks.add(edge, *everything, pad)
    for edge in ("LEFTPADDING", "RIGHTPADDING"):
        looks.add(edge, *everything, side)
    return looks


def printable(text: str, limit: int = TEXT_LIMIT) -> str:
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


def numbering(foot: str, page_of: str) -> Callable[..., Canvas]:
    """A canvas that writes the page's number under each page ("Página 1 de 3"), once it knows how many there are."""

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
            self.drawRightString(LETTER[0] - MARGIN, 12 * mm, page_of.format(number=number, count=len(self._finished)))

    return Numbered
