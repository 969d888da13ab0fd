"""The annex on the processing of personal data as a PDF to read and sign; the same facts, the same bytes."""

from collections.abc import Iterator
from itertools import chain

from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Spacer, Table

from pbx_control.domain.keeping.annex import Annex, Section
from pbx_control.domain.words.wording import LOCALES
from pbx_control.notify.pdf import FAINT, INK, RULE, SHADE, WIDTH, document, printable, style, text

LABELS = 42 * mm
POINT = 5 * mm
SIZE = 9.5
LONGEST = 1000  # characters of a paragraph


def render(annex: Annex) -> bytes:
    """The PDF. No clock and no setting goes in: it never changes."""
    title = printable(annex.title)
    return document(
        _parts(annex),
        title=title,
        author=annex.signatures[0],
        language=LOCALES[annex.language].replace("_", "-"),
        foot=title,
        page_of=annex.page_of,
    )


def _parts(annex: Annex) -> Iterator[Flowable]:
    yield _across(text(annex.title, size=17, bold=True), below=2 * mm)
    yield _across(text(annex.subtitle, size=SIZE, colour=FAINT, limit=LONGEST), below=4 * mm)
    yield _boxed(annex.template)
    *others, last = (list(_blocks(number, section)) for number, section in enumerate(annex.sections, start=1))
    yield from (KeepTogether(block) for blocks in others for block in blocks)
    # Nobody signs a page that has nothing but room for signatures.
    yield KeepTogether([*chain.from_iterable(last), Spacer(0, 20 * mm), _signatures(annex.signatures)])


def _blocks(number: int, section: Section) -> Iterator[list[Flowable]]:
    """What is not torn apart: the heading with what comes first beneath it, then each part alone."""
    first, *rest = _body(section)
    heading = _across(text(f"{number}. {section.heading}", size=11.5, bold=True), below=1 * mm)
    yield [Spacer(0, 5 * mm), heading, first]
    yield from ([one] for one in rest)


def _across(words: Flowable, below: float) -> Table:
    """As wide as the tables are: a paragraph alone would stand a little to the right of them."""
    looks = style()
    looks.add("BOTTOMPADDING", (0, 0), (-1, -1), below)
    return Table([[words]], colWidths=[WIDTH], style=looks)


def _boxed(words: str) -> Table:
    looks = style(("BOX", 0.6, RULE), ("BACKGROUND", SHADE), pad=2.5 * mm, side=4 * mm)
    return Table([[text(words, bold=True, limit=LONGEST)]], colWidths=[WIDTH], style=looks)


def _body(section: Section) -> Iterator[Flowable]:
    for paragraph in section.paragraphs:
        yield _across(text(paragraph, size=SIZE, limit=LONGEST), below=1.2 * mm)
    for point in section.points:
        row = [[text("•", size=SIZE), text(point, size=SIZE, limit=LONGEST)]]
        yield Table(row, colWidths=[POINT, WIDTH - POINT], style=style(pad=0.5 * mm))
    if section.rows:
        yield _rows(section)


def _rows(section: Section) -> Table:
    shown = [
        [text(label, size=SIZE, colour=FAINT), text(value, size=SIZE, limit=LONGEST)] for label, value in section.rows
    ]
    looks = style(pad=1.2 * mm)
    looks.add("LINEBELOW", (0, 0), (-1, -1), 0.5, RULE)
    return Table(shown, colWidths=[LABELS, WIDTH - LABELS], style=looks)


def _signatures(names: tuple[str, str]) -> Table:
    looks = style(pad=1.5 * mm)
    for column in (0, 2):
        looks.add("LINEABOVE", (column, 0), (column, 0), 0.8, INK)
    half = (WIDTH - 16 * mm) / 2
    return Table([[text(names[0]), "", text(names[1])]], colWidths=[half, 16 * mm, half], style=looks)
