"""Tables line by line: the first rows decide how wide the columns are, so a long list shows its first page at once."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice

from rich.cells import cell_len, set_cell_size

from pbx_control.domain.words.characters import harmless

# Rows that are measured before the first line is printed: more than any screen shows.
MEASURED_ROWS = 200
# Blanks between two columns.
GAP = 2
# Narrower than this no column is made, characters.
LEAST_WIDTH = 10


def lines(
    headings: Sequence[str], rows: Iterable[Sequence[str]], room: int | None, cut: Collection[int] = ()
) -> Iterator[str]:
    """The table's lines, the headings first.

    `room` is the terminal's width; None: no line is folded. The columns at the places in `cut` are shortened to an
    ellipsis, the other ones go on in the next line where the room is too small.
    """
    rest = ([harmless(cell) for cell in row] for row in rows)
    first = [headings, *islice(rest, MEASURED_ROWS)]
    widths = [max(map(cell_len, cells)) for cells in zip(*first, strict=True)]
    if room is not None:
        widths = _fitted(widths, room, cut)
    for row in chain(first, rest):
        if room is None:
            # A file has room: from here on the column is wider.
            widths = [max(width, cell_len(cell)) for width, cell in zip(widths, row, strict=True)]
        yield from _row_lines(row, widths, cut)


def _fitted(widths: Sequence[int], room: int, cut: Collection[int]) -> list[int]:
    """Widths that fit into the room if that is possible: first what may be cut gives way, then the widest."""
    fitted = list(widths)
    missing = sum(fitted) + GAP * (len(fitted) - 1) - room
    for group in (cut, range(len(fitted))):
        while missing > 0 and (wide := [place for place in group if fitted[place] > LEAST_WIDTH]):
            fitted[max(wide, key=lambda place: fitted[place])] -= 1
            missing -= 1
    return fitted


def _row_lines(row: Sequence[str], widths: Sequence[int], cut: Collection[int]) -> Iterator[str]:
    """One row, usually one line."""
    if all(cell_len(cell) <= width for cell, width in zip(row, widths, strict=True)):
        yield _line(row, widths)
        return
    cells = [
        [_shortened(cell, width)] if place in cut else _folded(cell, width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    for number in range(max(map(len, cells))):
        yield _line([cell[number] if number < len(cell) else "" for cell in cells], widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (set_cell_size(cell, width) for cell, width in zip(cells, widths, strict=True))
    return (" " * GAP).join(padded).rstrip()


def _shortened(cell: str, width: int) -> str:
    return cell if cell_len(cell) <= width else set_cell_size(cell, width - 1).rstrip() + "…"


def _folded(cell: str, width: int) -> list[str]:
    """A cell's lines: between words where that is possible."""
    if cell_len(cell) <= width:
        return [cell]
    # Imported here: most tables fold nothing.
    from rich.console import Console
    from rich.text import Text

    return [line.plain.rstrip() for line in Text(cell).wrap(Console(), width, overflow="fold")]
