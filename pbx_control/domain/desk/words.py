"""What a secretary writes about a call, as it is told: her words field by field, and what a correction changes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, StrEnum, auto
from typing import TypeAlias

from pbx_control.domain.desk.protocol import Field, FieldKind, Local, Protocol, caller_field, open_fields, tidied
from pbx_control.domain.words.characters import folded
from pbx_control.domain.words.wording import clean_line, day_in_words, readable_number

Words: TypeAlias = tuple[tuple[str, str], ...]
"""Label and value of each field that says something, in the protocol's order."""

# Characters of one field, and of a field's name, that a letter shows.
VALUE_LIMIT, LABEL_LIMIT = 4000, 60
# Of the reason, in a letter's subject and in lists.
GIST_LIMIT = 60


# The fields that say why somebody calls, by the keys that protocols usually give them.
REASONS = ("reason", "motivo")
# The field that asks whether it is urgent, and what says so.
URGENT, YES = ("urgent", "urgente"), ("yes", "si", "urgent", "urgente")


class Goes(Enum):
    """What goes out when a call is over for the secretary, or is handed over."""

    SUMMARY = auto()  # the facts alone; nothing more is waited for
    WORDS = auto()
    LATER = auto()  # she still has some time to write
    NOTHING = auto()  # it was decided at the hand-over


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What decides about a call's letter when the call is over for the secretary, or is handed over."""

    hers: bool  # the draft is on the desk of who answered; else she works without the page, or nobody answered
    needless: bool  # a wrong number, spam, or closed by her: no message is needed
    settled: bool  # it was decided before
    signed: bool  # she pressed send
    handed_over: bool
    has_words: bool


def goes(desk: Desk) -> Goes:
    """What goes out now (docs/service.md rules 7 and 9; docs/decisions/message-with-words.md)."""
    if desk.signed and not desk.settled:
        return Goes.WORDS  # whoever has answered since, and whatever he wanted: she was told that it goes
    if desk.needless or not desk.hers:
        return Goes.SUMMARY
    if desk.settled:
        return Goes.NOTHING
    return Goes.WORDS if desk.handed_over and desk.has_words else Goes.LATER


class Stage(StrEnum):
    """How far a message had come when a letter was written."""

    SIGNED = "signed"  # she pressed send
    HANDED_OVER = "handed over"  # the words that there were when the caller was handed over to a contact
    OVERDUE = "overdue"  # not sent in time: the words so far, if any


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a letter tells of her message."""

    words: Words
    stage: Stage = Stage.SIGNED
    gist: str = ""  # why he called, for the subject
    urgent: bool = False
    version: int = 1  # of the words; 0: they do not count as sent
    before: Words | None = None  # the version before, which this one corrects
    at: datetime  # aware; the letter's date


@dataclass(frozen=True, slots=True)
class Said:
    """One field as a letter shows it. `was`: what stood there before it was corrected; None: it is as it was."""

    label: str
    value: str  # may have several lines; "": taken away
    was: str | None = None

    @property
    def changed(self) -> bool:
        return self.was is not None


def said(written: Written) -> tuple[Said, ...]:
    """Her words, harmless, each with what it was before if this is a correction that changes it."""
    now = _harmless(written.words)
    if written.before is None:
        return tuple(Said(label, value) for (label, _), value in now.items())
    before = _harmless(written.before)
    told = [Said(key[0], value, _was(before.get(key, ""), value)) for key, value in now.items()]
    gone = [Said(key[0], "", value) for key, value in before.items() if key not in now]
    return (*told, *gone)


def written_words(protocol: Protocol, values: Mapping[str, str], local: Local, language: str) -> Words:
    """What stands in the form, in the protocol's order: open fields that say something, as people of that language
    read it."""
    tidy = ((field, tidied(field, values.get(field.key, ""), local)) for field in open_fields(protocol, values))
    return tuple((field.label, _readable(field, value, language)) for field, value in tidy if value)


def says_something(protocol: Protocol, values: Mapping[str, str], local: Local, caller: str) -> bool:
    """Whether there is a word in the form, beside the caller's number, which the page filled in."""
    filled_in = caller_field(protocol)
    return any(
        value and not (field is filled_in and value == caller)
        for field in open_fields(protocol, values)
        for value in [tidied(field, values.get(field.key, ""), local)]
    )


def reason_in(protocol: Protocol, values: Mapping[str, str]) -> str:
    """Why he calls: what the field for that says, else the first long text, else the last line of text."""
    asked = [field for field in open_fields(protocol, values) if values.get(field.key, "").strip()]
    named = [field for field in asked if field.key in REASONS]
    long = [field for field in asked if field.kind is FieldKind.LONG]
    lines = [field for field in asked if field.kind is FieldKind.TEXT]
    chosen = (named[:1] or long[:1] or lines[-1:])[:1]
    return gist(values[chosen[0].key]) if chosen else ""


def is_urgent(protocol: Protocol, values: Mapping[str, str]) -> bool:
    """Whether the caller said that it is urgent, where the protocol asks for that."""
    asked = [field for field in open_fields(protocol, values) if field.key in URGENT]
    return any(folded(values.get(field.key, "")) in YES for field in asked)


def gist(reason: str) -> str:
    """The first words of a reason, in one line."""
    return clean_line(reason, GIST_LIMIT)


def _readable(field: Field, value: str, language: str) -> str:
    if field.kind is FieldKind.TELEPHONE:
        return readable_number(value)
    if field.kind is FieldKind.DATE:
        try:
            return day_in_words(date.fromisoformat(value), language)
        except ValueError:  # what cannot be read stays as it was typed
            return value
    return value


def _was(before: str, now: str) -> str | None:
    return None if before == now else before


def _harmless(words: Words) -> dict[tuple[str, int], str]:
    """The values by label; of two fields with one label each has its number."""
    return {key: _clean(value) for key, value in _numbered(words) if _clean(value)}


def _numbered(words: Words) -> Iterator[tuple[tuple[str, int], str]]:
    seen = Counter[str]()
    for label, value in words:
        shown = clean_line(label, LABEL_LIMIT)
        seen[shown] += 1
        yield (shown, seen[shown]), value


def _clean(value: str) -> str:
    """A value with its lines kept, and nothing in them that could harm; empty lines are left out."""
    lines = (clean_line(line, VALUE_LIMIT) for line in value[:VALUE_LIMIT].splitlines())
    return "\n".join(line for line in lines if line)
