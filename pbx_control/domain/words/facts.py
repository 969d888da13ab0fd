"""Facts as people read them: states in words, weeks in their language, instants in a zone."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from pbx_control.catalogue import N_
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import decimal

# What a rollback keeps as its asker (services/texts.py, services/protocols.py).
_ROLLBACK = re.compile(r"rollback to ([0-9]+)")
# Facts whose values are words of ours, the same for programs in every language.
WORDS = frozenset({"channel", "origin", "registration", "telephone", "client_role"})


def fact(name: str, value: object, language: str, zone: ZoneInfo) -> str:
    """A fact of that name as text; words of ours are said in the person's language, weeks are written in it."""
    if isinstance(value, str) and name in WORDS:
        return said(language, value, {})
    if isinstance(value, str) and name == "asked_by":
        return asker(value, language) or plain(value)
    return week(value, language) if isinstance(value, str) and name == "week" else readable(value, language, zone)


def asker(text: str, language: str) -> str:
    """Who asked for a text, as it is kept: a person's words, or that an earlier version was put in force again."""
    again = _ROLLBACK.fullmatch(text)
    return said(language, N_("back to version {number}"), {"number": again[1]}) if again else text


def week(text: str, language: str) -> str:
    """A canonical week as people of the language write it: "lun-vie 09:00-18:00"."""
    # Imported here: most commands show no week.
    from pbx_control.domain.opening.hours import parse_week, week_text

    return week_text(parse_week([text]), language)


def readable(cell: object, language: str, zone: ZoneInfo) -> str:
    """A fact as text: instants in the zone and with its offset ("2026-08-03 12:00:00 -04"), numbers as the language
    writes them."""
    if isinstance(cell, float):
        return decimal(cell, language)
    return f"{cell.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}" if isinstance(cell, datetime) else plain(cell)


def plain(cell: object) -> str:
    """What is no instant as text: lists joined, a dash for nothing."""
    if cell is None or cell == "":
        return "–"
    if isinstance(cell, bool):
        return "✓" if cell else "–"
    if isinstance(cell, (list, tuple, set, frozenset)):
        return ", ".join(str(item) for item in cell) or "–"
    return str(cell)
