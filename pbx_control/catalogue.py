"""The texts for people in other languages than the code's English: one gettext catalogue for every door.

The key of a text is its English template. docs/decisions/language.md tells how a template is marked and compiled.
"""

import os
from contextlib import suppress
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TypeVar

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "pbx_control"

Text = TypeVar("Text", bound=str)


def N_(text: Text) -> Text:  # gettext's name for it
    """Marks a text that is translated later, where it is shown."""
    return text


class Counted(str):
    """A template that reads otherwise of one: `str` of it is the line for many, `one` the other, `by` the place of the
    number that decides."""

    __slots__ = ("by", "one")
    one: str
    by: str


def counted(one: str, many: str, by: str) -> Counted:
    """A template for one and for many; `by` names the place that holds the number."""
    template = Counted(many)
    template.one, template.by = one, by
    return template


def translated(text: str, language: str) -> str:
    """The text in that language; as it is, if the catalogue lacks it."""
    return _catalogue(language).gettext(text) if text else text


def translated_count(template: Counted, count: object, language: str) -> str:
    """The template's line for so many, in that language."""
    # What is no whole number is never one thing.
    return _catalogue(language).ngettext(template.one, template, count if isinstance(count, int) else 2)


@cache
def _catalogue(language: str) -> NullTranslations:
    folder = LOCALE / language / "LC_MESSAGES"
    source, compiled = folder / f"{DOMAIN}.po", folder / f"{DOMAIN}.mo"
    written, made = _written(source), _written(compiled)
    if made is not None and written in (None, made):  # an installed package has no source
        return GNUTranslations(BytesIO(compiled.read_bytes()))
    return NullTranslations() if written is None else _compile(source, written, compiled)


def _written(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _compile(source: Path, written: int, compiled: Path) -> GNUTranslations:
    """Compiles the source for now and, where its folder may be written to, for the next process."""
    # Imported here: an installed package never compiles.
    from tempfile import NamedTemporaryFile

    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    made = BytesIO()
    with source.open("rb") as file:
        write_mo(made, read_po(file))
    with suppress(OSError), NamedTemporaryFile(dir=compiled.parent, delete=False) as file:
        file.write(made.getvalue())
        file.flush()
        # Of the same time as its source: that is how it is known to be the newest.
        os.utime(file.name, ns=(written, written))
        Path(file.name).replace(compiled)
    made.seek(0)
    return GNUTranslations(made)
