"""The audit trail in a reader's language: what a change did to each field."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pbx_control.catalogue import N_
from pbx_control.domain.agenda.rules import SOURCES, Source, length_text
from pbx_control.domain.audit import Difference
from pbx_control.domain.notices.kinds import LABELS as KINDS
from pbx_control.domain.opening.written_rota import rule_in
from pbx_control.domain.words.facts import fact
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import clean_line

# Characters of a field's value that are shown.
VALUE_LIMIT = 60
# Fields whose values are words of ours, besides those of `facts`.
WORDS = frozenset(
    {
        *("state", "early_media", "kind", "role", "subject", "way", "step", "uncounted", "reason", "paused_why"),
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
# What is on or off: a dash beside an arrow would say nothing.
SWITCHES = frozenset({"place_in_mail", "reminder"})
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


def subject(text: str, language: str) -> str:
    """What a change was of: "request 7" in words, all else as it is."""
    numbered = _NUMBERED.fullmatch(text)
    return f"{_word(numbered[1], language)} {numbered[2]}" if numbered else clean_line(text, VALUE_LIMIT)


def changes(difference: Difference, language: str, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Each field that was changed: its name, and what it was, if it was anything, and is; values as other tables show
    them, at that zone's time."""
    return [
        (label(name, language), _change(name, old, new, language, zone)) for name, (old, new) in difference.items()
    ]


def label(name: str, language: str) -> str:
    """What a field of an entry is called."""
    return _word(LABELS.get(name, name), language)


def _change(name: str, old: object, new: object, language: str, zone: ZoneInfo) -> str:
    now = _value(name, new, language, zone)
    return now if old is None else f"{_value(name, old, language, zone)} → {now}"


def _value(name: str, value: object, language: str, zone: ZoneInfo) -> str:
    if name in WORDS and isinstance(value, (str, list, tuple)):
        words = [value] if isinstance(value, str) else value
        shown = ", ".join(_word(GETS.get(one, one) if name == "gets" else one, language) for one in words)
    elif name == "rota" and isinstance(value, list):
        shown = "; ".join(rule_in(str(one), language) for one in value)
    elif isinstance(value, str) and name == "source" and value in set(Source):
        shown = said(language, SOURCES[Source(value)], {})
    elif name in LENGTHS and isinstance(value, int):
        shown = length_text(value * LENGTHS[name])
    elif name in SWITCHES and isinstance(value, bool):
        shown = said(language, N_("yes") if value else N_("no"), {})
    elif isinstance(value, str) and name == "order":
        kind, _, which = value.partition(" ")
        shown = f"{_word(kind, language)} {which}"
    elif isinstance(value, str) and name.endswith(INSTANTS):
        shown = fact(name, _instant(value), language, zone)
    else:
        shown = fact(name, value, language, zone)
    return clean_line(shown, VALUE_LIMIT) or "–"


def _word(name: str, language: str) -> str:
    """A name of ours in words: English has no other than the name itself."""
    return said(language, name, {}).replace("_", " ")


def _instant(text: str) -> datetime | str:
    with suppress(ValueError):
        if (at := datetime.fromisoformat(text)).tzinfo:
            return at
    return text
