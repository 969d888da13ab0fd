"""The texts for people in other languages than the code's English: one gettext catalogue for every door.

The key of a text is its English template. docs/decisions/language.md tells how a template is marked and compiled.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "pbx_control"
LANGUAGES = ("es", "en")

Text = TypeVar("Text", bound=str)
Table = TypeVar("Table")


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


class InContext(str):
    """A text that another language says otherwise elsewhere."""

    __slots__ = ("context",)
    context: str


def in_context(context: str, text: str) -> InContext:
    """The text as it is meant there: gettext's `pgettext`."""
    marked = InContext(text)
    marked.context = context
    return marked


class InLanguages(Mapping[str, Table]):
    """A table of texts, written in English (a dict, tuple or dataclass, one in another), by language."""

    def __init__(self, english: Table) -> None:
        self._english = english
        self._translated: dict[str, Table] = {}

    def __getitem__(self, language: str) -> Table:
        if language not in LANGUAGES:
            raise KeyError(language)
        if language not in self._translated:
            self._translated[language] = _table(self._english, language)
        return self._translated[language]

    def __iter__(self) -> Iterator[str]:
        return iter(LANGUAGES)

    def __len__(self) -> int:
        return len(LANGUAGES)


def translated(text: str, language: str) -> str:
    """The text in that language; as it is, if the catalogue lacks it."""
    if isinstance(text, InContext):
        return _catalogue(language).pgettext(text.context, text)
    return _catalogue(language).gettext(text) if text else text


def _table(texts: Any, language: str) -> Any:
    if isinstance(texts, str):
        return translated(texts, language)
    if isinstance(texts, dict):
        return {name: _table(each, language) for name, each in texts.items()}
    if is_dataclass(texts) and not isinstance(texts, type):
        return replace(texts, **{one.name: _table(getattr(texts, one.name), language) for one in fields(texts)})
    return tuple(_table(each, language) for each in texts)


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
