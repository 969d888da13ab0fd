"""A client's protocol: what its secretaries ask a caller, what they may tell him, and how the client is shown.

It is written as a TOML file (docs/protocol.md), kept as JSON, and read by the page and by the message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import msgspec

from pbx_control.catalogue import N_, InLanguages
from pbx_control.domain import checks
from pbx_control.domain.words.sentences import Sentence
from pbx_control.domain.words.wording import clean_line
from pbx_control.domain.words.written_time import read_day
from pbx_control.errors import ClientMistake


class FieldKind(StrEnum):
    """What may be typed into a field."""

    TEXT = "text"  # one line
    LONG = "long"  # as many lines as it takes
    NUMBER = "number"
    TELEPHONE = "telephone"
    EMAIL = "email"
    DATE = "date"
    CHOICE = "choice"


class Condition(msgspec.Struct, frozen=True):
    """Opens a field while an earlier choice has one of these values."""

    field: str
    values: tuple[str, ...]


class Field(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing to ask. `key` names it for programs, `label` for people."""

    key: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()  # of a choice alone
    when: Condition | None = None  # None: always open
    hint: str = ""  # for her, beside the field


class Protocol(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a client wants asked and told (docs/service.md rules 4 and 6)."""

    fields: tuple[Field, ...]
    may_tell: tuple[str, ...] = ()  # a line each
    must_not_tell: tuple[str, ...] = ()
    pronunciation: str = ""  # of the client's name
    colour: str = ""  # "#1d5f8a"; empty: the house chooses one
    steps_note: str = ""  # what to do in which order, in the client's words


class Problem(StrEnum):
    """Why a field's value will not do."""

    MISSING = "missing"
    TOO_LONG = "too-long"
    NO_NUMBER = "no-number"
    NO_TELEPHONE = "no-telephone"
    NO_EMAIL = "no-email"
    NO_DATE = "no-date"
    NO_CHOICE = "no-choice"


_TOLD: Mapping[Problem, str] = {
    Problem.MISSING: N_("this is asked of every caller: fill it in"),
    Problem.TOO_LONG: N_("this is too long"),
    Problem.NO_NUMBER: N_("this is no number"),
    Problem.NO_TELEPHONE: N_("this is no telephone number: write it like {within} or {abroad}"),
    Problem.NO_EMAIL: N_("this is no e-mail address"),
    Problem.NO_DATE: N_("this is no day: write it like 2026-11-01 or 01/11/2026"),
    Problem.NO_CHOICE: N_("choose one of the answers"),
}

# Most characters of a value.
LONGEST = {
    FieldKind.TEXT: 200,
    FieldKind.LONG: 4000,
    FieldKind.NUMBER: 40,
    FieldKind.TELEPHONE: 40,
    FieldKind.EMAIL: 254,
    FieldKind.DATE: 40,
    FieldKind.CHOICE: 80,
}
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[., ][0-9]+)*", re.ASCII)

# For clients that set no colour; white letters can be read on each of them.
HOUSE_COLOURS = (
    *("#1d5f8a", "#8a3b12", "#2e6b34", "#6a3d9a", "#9c1f4b", "#00695c", "#4e4a9e", "#7a5200", "#a3263a", "#37586b"),
    *("#5b6b16", "#84398a"),
)

_HOUSE = InLanguages(
    {
        "name": "Name",
        "company": "Company",
        "telephone": "Telephone",
        "reason": "Reason for the call",
        "urgent": "Is it urgent?",
        "message": "Message",
        "yes": "yes",
        "no": "no",
    }
)


@dataclass(frozen=True, slots=True)
class Local:
    """Where and when a value is typed: the client's country, for telephone numbers, and its day, for dates."""

    country: str
    today: date


def default_protocol(language: str) -> Protocol:
    """What is asked for a client that has set nothing. Nothing is required: not every caller tells everything, and what
    must be told is the client's to say."""
    words = _HOUSE[language]
    return Protocol(
        fields=(
            Field(key="name", label=words["name"]),
            Field(key="company", label=words["company"]),
            Field(key="telephone", label=words["telephone"], kind=FieldKind.TELEPHONE),
            Field(key="reason", label=words["reason"]),
            Field(key="urgent", label=words["urgent"], kind=FieldKind.CHOICE, choices=(words["yes"], words["no"])),
            Field(key="message", label=words["message"], kind=FieldKind.LONG),
        )
    )


def colour_of(protocol: Protocol, client_id: int) -> str:
    """The colour that the client is shown in: its own, else one of the house's, always the same."""
    return protocol.colour or HOUSE_COLOURS[client_id % len(HOUSE_COLOURS)]


def caller_field(protocol: Protocol) -> Field | None:
    """The field that the caller's own number is filled into: the first for a telephone number."""
    return next((field for field in protocol.fields if field.kind is FieldKind.TELEPHONE), None)


def to_json(protocol: Protocol) -> str:
    """The protocol as the store keeps it."""
    return msgspec.json.encode(protocol).decode()


def of_json(text: str) -> Protocol:
    """What `to_json` wrote."""
    return msgspec.json.decode(text, type=Protocol)


def open_fields(protocol: Protocol, values: Mapping[str, str]) -> tuple[Field, ...]:
    """The fields that are asked, given what was answered so far. A closed field's answer opens no other."""
    found: dict[str, Field] = {}
    for field in protocol.fields:
        when = field.when
        if when is None or (when.field in found and values.get(when.field, "").strip() in when.values):
            found[field.key] = field
    return tuple(found.values())


def problems(protocol: Protocol, values: Mapping[str, str], local: Local) -> dict[str, Problem]:
    """What is wrong with each open field, by its key; empty if the form can be sent."""
    found = {field.key: problem(field, values.get(field.key, ""), local) for field in open_fields(protocol, values)}
    return {key: one for key, one in found.items() if one}


def problem(field: Field, value: str, local: Local) -> Problem | None:
    """What is wrong with a field's value, or None. The value may be anything."""
    text = _clean(field, value)
    if not text:
        return Problem.MISSING if field.required else None
    if len(text) > LONGEST[field.kind]:
        return Problem.TOO_LONG
    return _unlike_its_kind(field, text, local)


def told(problem: Problem, local: Local) -> Sentence:
    """What a door says beside a field: of a telephone number how one is written there."""
    if problem is not Problem.NO_TELEPHONE:
        return Sentence(_TOLD[problem])
    # Imported here, as below.
    from pbx_control.domain.telephony.numbering import example_of

    example = example_of(local.country)
    return Sentence(_TOLD[problem], within=example.within, abroad=example.abroad)


def tidied(field: Field, value: str, local: Local) -> str:
    """The value as it is sent: harmless characters, a telephone as E.164, a date as ISO 8601.

    What cannot be read stays as it was typed.
    """
    text = _clean(field, value)
    if len(text) > LONGEST[field.kind]:
        return text
    match field.kind:
        case FieldKind.TELEPHONE:
            return _telephone(text, local) or text
        case FieldKind.EMAIL:
            return _email(text) or text
        case FieldKind.DATE:
            return _day(text, local) or text
    return text


def _unlike_its_kind(field: Field, text: str, local: Local) -> Problem | None:
    match field.kind:
        case FieldKind.NUMBER if not _NUMBER.fullmatch(text):
            return Problem.NO_NUMBER
        case FieldKind.TELEPHONE if not _telephone(text, local):
            return Problem.NO_TELEPHONE
        case FieldKind.EMAIL if not _email(text):
            return Problem.NO_EMAIL
        case FieldKind.DATE if not _day(text, local):
            return Problem.NO_DATE
        case FieldKind.CHOICE if text not in field.choices:
            return Problem.NO_CHOICE
    return None


def _clean(field: Field, value: str) -> str:
    if field.kind is not FieldKind.LONG:
        return _clean_line(value)
    return "\n".join(_clean_line(line) for line in value.splitlines()).strip()


def _clean_line(text: str) -> str:
    # Its own length as the limit: nothing is cut, a value that is too long is a problem instead.
    return clean_line(text, len(text)) if text else ""


def _telephone(text: str, local: Local) -> str:
    # Imported here: the tables of all countries are large, and few commands need them.
    from pbx_control.domain.telephony.numbering import typed_number

    return typed_number(text, local.country)


def _email(text: str) -> str:
    try:
        return checks.email(text)
    except ClientMistake:
        return ""


def _day(text: str, local: Local) -> str:
    try:
        return read_day(text, local.today).isoformat()
    except ClientMistake:
        return ""
