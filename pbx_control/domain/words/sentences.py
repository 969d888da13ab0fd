"""Lines for people: an English template with its values, kept until it is known in which language they are read.

What came of a job, or why a letter was not delivered, is written down now and read later by somebody else: it is kept
as template and values, and said in the reader's language at the door.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pbx_control.catalogue import Counted, counted, translated, translated_count
from pbx_control.domain.words.wording import clean_line, decimal, size
from pbx_control.errors import Field, Fields, PbxError, Pesos, Size, Word

# What stands between several sentences that are one value.
BETWEEN = "; "
# What a kept sentence with values begins with; one without them is kept as it is.
KEPT = "["


class Sentence:
    """An English template and what is filled in; a value may be a sentence, or a tuple of them."""

    def __init__(self, template: str, /, **values: Any) -> None:
        self.template = template
        self.values = values

    def __str__(self) -> str:
        """The sentence in English, as logs and programs read it."""
        return self.said("en")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sentence) and (self.template, self.values) == (other.template, other.values)

    def __hash__(self) -> int:
        return hash(self.template)

    def said(self, language: str) -> str:
        """The sentence in a person's language."""
        return said(language, self.template, self.values)


def sentence_of(error: PbxError) -> Sentence:
    """What an error says."""
    return Sentence(error.template, **error.values)


def said(language: str, template: str, values: Mapping[str, Any]) -> str:
    """A line in a person's language, in the singular where it tells of one; words, money and other
    numbers among its values, too."""
    if isinstance(template, Counted):
        wording = translated_count(template, values.get(template.by), language)
    else:
        wording = translated(template, language)
    return wording.format(**{name: _worded(value, language) for name, value in values.items()}) if values else wording


def kept(sentence: Sentence, limit: int) -> str:
    """The sentence as text for the store, each of its texts harmless and of at most `limit` characters."""
    if not sentence.values and not sentence.template.startswith(KEPT):
        return clean_line(sentence.template, limit)
    return json.dumps(_packed(sentence, limit), ensure_ascii=False)


def read_kept(text: str) -> Sentence:
    """The sentence that was kept as this text; a text of another origin is a sentence without values."""
    unpacked = None
    if text.startswith(KEPT):
        with suppress(ValueError):
            unpacked = _unpacked(json.loads(text))
    return unpacked if isinstance(unpacked, Sentence) else Sentence(text)


def _worded(value: object, language: str) -> Any:
    if isinstance(value, Sentence):
        return value.said(language)
    if isinstance(value, Fields):
        return ", ".join(translated(each, language) for each in value)
    if isinstance(value, tuple) and value and all(isinstance(each, Sentence) for each in value):
        return BETWEEN.join(each.said(language) for each in value)
    if isinstance(value, Word):
        return translated(value, language)
    if isinstance(value, Pesos):
        from pbx_control.domain.money.billing import pesos

        return pesos(value, language)
    if isinstance(value, Size):
        return size(value, language)
    return decimal(value, language) if isinstance(value, float) else value


def _packed(value: object, limit: int) -> object:
    if isinstance(value, Sentence):
        values = {name: _packed(each, limit) for name, each in value.values.items()}
        return [_packed_template(value.template) if values else clean_line(value.template, limit), values]
    if isinstance(value, Fields):
        return {"fields": list(value)}
    if isinstance(value, tuple):
        return {"each": [_packed(each, limit) for each in value]}
    if isinstance(value, Word):
        return {"word": clean_line(value, limit)}
    if isinstance(value, Pesos):
        return {"pesos": int(value)}
    if isinstance(value, Size):
        return {"bytes": int(value)}
    return value if isinstance(value, (int, float)) else clean_line(str(value), limit)


def _packed_template(template: str) -> object:
    return [template.one, template, template.by] if isinstance(template, Counted) else template


def _unpacked(value: Any) -> Any:
    match value:
        case [str() as template, dict() as values]:
            return Sentence(template, **{name: _unpacked(each) for name, each in values.items()})
        case [[str() as one, str() as many, str() as by], dict() as values]:
            return Sentence(counted(one, many, by), **{name: _unpacked(each) for name, each in values.items()})
        case {"each": list() as each}:
            return tuple(_unpacked(one) for one in each)
        case {"fields": list() as fields}:
            return Fields(map(Field, map(str, fields)))
        case {"word": str() as word}:
            return Word(word)
        case {"pesos": int() as amount}:
            return Pesos(amount)
        case {"bytes": int() as count}:
            return Size(count)
    return value
