"""The audit trail in a reader's language: what a change did to each field."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pbx_control.catalogue import N_
from pbx_control.domain.agenda.appointments import STATE_WORDS, AppointmentState
from pbx_control.domain.agenda.rules import SOURCES, Source, length_text
from pbx_control.domain.audit import Difference
from pbx_control.domain.keeping.subprocessors import EVERYBODY, country_in
from pbx_control.domain.money.billing import OWN_NAMES, InvoiceKind
from pbx_control.domain.notices.kinds import LABELS as KINDS
from pbx_control.domain.office import EARLY_MEDIA, EarlyMedia
from pbx_control.domain.opening.written_rota import rule_in
from pbx_control.domain.words.facts import fact, readable
from pbx_control.domain.words.programs import EVENTS, SCOPES
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import clean_line, language_in
from pbx_control.errors import Pesos

# Characters of a field's value that are shown.
VALUE_LIMIT = 60
# Fields whose values are words of ours, besides those of `facts`.
WORDS = frozenset(
    {
        *("state", "kind", "role", "subject", "way", "step", "uncounted", "reason", "paused_why"),
        *("pause_reason", "gets"),
    }
)
# Of these words, those that stand in no table of their own.
VALUES = (N_("wrong-number"), N_("signed_out"), N_("desk"), N_("mail"), N_("portal"), N_("spam"))
# What a recipient gets, as pages say it.
GETS: Mapping[str, str] = {kind.value: words for kind, words in KINDS.items()}
# Names that mean something else in an entry than in a table.
LABELS = {"note": N_("credit note"), "by": N_("decided by"), "source": N_("kept in")}
# What calendars keep as a number, and which length one is.
LENGTHS = {"step": timedelta(minutes=1), "lead": timedelta(minutes=1), "horizon": timedelta(days=1)}
# An appointment's state, and those that nothing else has.
APPOINTMENTS_STATE = "appointment_state"
APPOINTMENTS_OWN = frozenset({AppointmentState.CONFIRMED.value, AppointmentState.NO_SHOW.value})
# Net pesos.
MONEY = frozenset({"price", "extra_call", "net"})
# What the store knows things by; nobody else does.
IDS = frozenset({"id", "client_id", "trunk_id"})
# What is kept as JSON, or with commas.
LISTS = frozenset({"questions", "codecs"})
# What programs may do and are told: words of ours, never cut.
OF_PROGRAMS: Mapping[str, Mapping[str, str]] = {
    "scopes": {scope.value: words for scope, words in SCOPES.items()},
    "events": {event.value: words for event, words in EVENTS.items()},
}
ALL_EVENTS = N_("all")
# From where an answer to a letter came.
BY_MAIL = N_("mail")
# What the names of instants end with.
INSTANTS = ("_at", "_due", "_from", "until", "since", "starts", "ends")
# What jobs count, and fields, which no other table has a column for.
NAMES = (
    *(N_("deleted"), N_("accounts"), N_("entries"), N_("invoices"), N_("paid_until"), N_("months"), N_("note")),
    *(N_("assigned_at"), N_("welcomed_at"), N_("welcome_due"), N_("service_due"), N_("live_at"), N_("removed_at")),
    *(N_("retired_at"), N_("ended_at"), N_("client_id"), N_("trunk_id"), N_("all_clients"), N_("password")),
    *(N_("keep_days"), N_("discount_3"), N_("discount_6"), N_("discount_12"), N_("identity"), N_("number_format")),
    *(N_("did_from"), N_("verify"), N_("ca"), N_("srtp"), N_("sessions_ended"), N_("subprocessors")),
    *(N_("rota"), N_("on_call"), N_("instead_of"), N_("questions"), N_("map_link")),
    *(N_("told_in_order"), N_("urgent_interval"), N_("urgent_rounds"), N_("taken")),
)


# What a subject begins with that is known by a number.
NUMBERED = (N_("entry"), N_("mark"), N_("restriction"), N_("incident"), N_("request"), N_("webhook"))
_NUMBERED = re.compile(rf"({'|'.join(NUMBERED)}) ([0-9]+)")


_INVOICE = re.compile(rf"({'|'.join(InvoiceKind)})-([0-9]+)")
_COUNTRY = re.compile(r"[A-Z]{2}")


def subject(text: str, language: str, zone: ZoneInfo) -> str:
    """What a change was of: "request 7", an invoice and an instant in words, all else as it is."""
    if text == EVERYBODY:
        return said(language, N_("all clients"), {})
    if numbered := _NUMBERED.fullmatch(text):
        return f"{_word(numbered[1], language)} {numbered[2]}"
    at = _instant(text)
    told = readable(at, language, zone) if isinstance(at, datetime) else _invoice(text, language)
    return clean_line(told, VALUE_LIMIT)


def origin(text: str, language: str) -> str:
    """From where a change was made: an address or a terminal, behind the word for it where there is one."""
    way, comma, place = text.partition(", ")
    told = f"{_word(way, language)}{comma}{place}" if way == BY_MAIL else text
    return clean_line(told, VALUE_LIMIT)


def changes(difference: Difference, language: str, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Each field that was changed: its name, and what it was, if it was anything, and is; values as other tables show
    them, at that zone's time."""
    return [
        (label(name, language), _change(name, old, new, language, zone))
        for name, (old, new) in difference.items()
        if name not in IDS
    ]


def label(name: str, language: str) -> str:
    """What a field of an entry is called."""
    return _word(LABELS.get(name, name), language)


def _change(name: str, old: object, new: object, language: str, zone: ZoneInfo) -> str:
    if name == "state" and APPOINTMENTS_OWN.intersection((old, new)):
        # A client is cancelled, too, and that is another word.
        name = APPOINTMENTS_STATE
    now = _value(name, new, language, zone)
    return now if old is None else f"{_value(name, old, language, zone)} → {now}"


def _value(name: str, value: object, language: str, zone: ZoneInfo) -> str:
    if name in OF_PROGRAMS and isinstance(value, list):
        return _of_programs(name, value, language)
    if name in WORDS and isinstance(value, (str, list, tuple)):
        words = [value] if isinstance(value, str) else value
        shown = ", ".join(_word(GETS.get(one, one) if name == "gets" else one, language) for one in words)
    elif name == "rota" and isinstance(value, list):
        shown = "; ".join(rule_in(str(one), language) for one in value)
    elif name in LENGTHS and isinstance(value, int):
        shown = length_text(value * LENGTHS[name])
    elif isinstance(value, bool):
        # A dash beside an arrow would say nothing.
        shown = said(language, N_("yes") if value else N_("no"), {})
    elif name in MONEY and isinstance(value, int):
        shown = said(language, "{amount}", {"amount": Pesos(value)})
    elif isinstance(value, str):
        shown = _text(name, value, language, zone)
    elif name == "invoices" and isinstance(value, list):
        shown = ", ".join(_invoice(str(one), language) for one in value)
    else:
        shown = fact(name, value, language, zone)
    return clean_line(shown, VALUE_LIMIT) or "–"


def _of_programs(name: str, codes: Sequence[object], language: str) -> str:
    """What a token is for, or of what a webhook is told: no events are all of them."""
    known = OF_PROGRAMS[name]
    words = [said(language, known.get(str(one), ""), {}) or clean_line(str(one), VALUE_LIMIT) for one in codes]
    return "; ".join(words) or said(language, ALL_EVENTS, {})


def _text(name: str, value: str, language: str, zone: ZoneInfo) -> str:
    """A text that may be a word, a name or an instant of ours."""
    if name == "source" and value in set(Source):
        return said(language, SOURCES[Source(value)], {})
    if name == APPOINTMENTS_STATE:
        return said(language, STATE_WORDS[AppointmentState(value)], {})
    if name in ("language", "languages"):
        return ", ".join(language_in(code, language) for code in value.split(","))
    if name in LISTS:
        return ", ".join(_listed(value))
    if name == "early_media" and value in set(EarlyMedia):
        return said(language, EARLY_MEDIA[EarlyMedia(value)], {})
    if name == "country" and _COUNTRY.fullmatch(value):
        return country_in(value, language)
    if name == "order":
        kind, _, which = value.partition(" ")
        return f"{_word(kind, language)} {which}"
    if name == "note":
        return _invoice(value, language)
    return fact(name, _instant(value) if name.endswith(INSTANTS) else value, language, zone)


def _listed(text: str) -> list[str]:
    """The texts of a list that is kept as JSON, or with commas; a text that is neither as it is."""
    with suppress(ValueError):
        found = json.loads(text)
        return [str(one) for one in found] if isinstance(found, list) else [text]
    return text.split(",")


def _invoice(text: str, language: str) -> str:
    """An invoice's kind in words, with its number; any other text as it is."""
    found = _INVOICE.fullmatch(text)
    return f"{said(language, OWN_NAMES[InvoiceKind(found[1])], {})} {found[2]}" if found else text


def _word(name: str, language: str) -> str:
    """A name of ours in words: English has no other than the name itself."""
    return said(language, name, {}).replace("_", " ")


def _instant(text: str) -> datetime | str:
    with suppress(ValueError):
        if (at := datetime.fromisoformat(text)).tzinfo:
            return at
    return text
