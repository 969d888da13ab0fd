"""Days and instants as people type them, in Spanish and English: `ayer`, `2h`, `28/11/2026 9:30`, ISO 8601.

A day stands before its month, as in Chile; a month before its day is refused, not guessed.
"""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from pbx_control.domain.opening.overrides import on_the_clock
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code, Field

DAYS_FROM_TODAY = {
    "today": 0,
    "hoy": 0,
    "yesterday": -1,
    "ayer": -1,
    "anteayer": -2,
    "antier": -2,
    "tomorrow": 1,
    "manana": 1,
}
NOW = ("now", "ahora")
UNITS = {
    timedelta(seconds=1): ("s", "seg", "sec", "segundo", "segundos", "second", "seconds"),
    timedelta(minutes=1): ("m", "min", "mins", "minuto", "minutos", "minute", "minutes"),
    timedelta(hours=1): ("h", "hr", "hrs", "hora", "horas", "hour", "hours"),
    timedelta(days=1): ("d", "dia", "dias", "day", "days"),
    timedelta(weeks=1): ("w", "sem", "semana", "semanas", "week", "weeks"),
}
_LENGTH_OF = {name: length for length, names in UNITS.items() for name in names}

_AGO = re.compile(r"(?:hace )?((?:\d{1,6} ?[a-z]+ ?)+?)(?: ago)?", re.ASCII)
_LENGTH = re.compile(r"(?:(?:en|in) )?(?:\d{1,6} ?[a-z]+ ?)+", re.ASCII)
_AMOUNT = re.compile(r"(\d+) ?([a-z]+)", re.ASCII)
_DAY = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})", re.ASCII)
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?(?:h|hrs|horas))?", re.ASCII)
_MONTH = re.compile(r"(\d{1,2})[/.-](\d{4})", re.ASCII)


def read_instant(text: str, zone: tzinfo, now: datetime) -> datetime:
    """The instant meant, in UTC; without an offset, on the wall clock of `zone`. A day alone is its beginning, a clock
    alone is today's, a length of time ("2h", "hace 3 días") is that long before `now`.

    Raises ClientMistake if it is none.
    """
    written = _plain(text)
    try:
        found = _relative(written, now) or _on_the_wall(written, zone, now) or _iso(text.strip(), zone)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise ClientMistake(
            "{text} is no time: write it like 2026-04-01T09:30, 01/04/2026 9:30, yesterday, or 2h for two hours ago",
            Code.BAD_VALUE,
            text=_shown(text),
            field=Field("at"),
        )
    return found


def read_end(text: str, zone: tzinfo, now: datetime) -> datetime:
    """An instant that is to come, in UTC: a clock alone is today's, a day alone is its end, a length of time ("2h",
    "90 min") counts from `now`. Whether it has passed is not looked at. Raises ClientMistake if it is none.
    """
    written = _plain(text)
    try:
        found = _ahead(written, now) or _end_on_the_wall(written, zone, now) or _iso(text.strip(), zone)
    except (ValueError, OverflowError):
        raise ClientMistake(
            "{text} is no time to come: write it like 14:00, tomorrow 9:00, 01/12/2026, or 2h for in two hours",
            Code.BAD_VALUE,
            text=_shown(text),
            field=Field("until"),
        ) from None
    return found


def read_day(text: str, today: date) -> date:
    """The day meant. Raises ClientMistake if it is none."""
    try:
        found = _day(_plain(text), today) or date.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise ClientMistake(
            "{text} is no day: write it like 2026-11-01, 01/11/2026, today or yesterday",
            Code.BAD_VALUE,
            text=_shown(text),
            field=Field("day"),
        ) from None
    return found


def is_day_alone(text: str, today: date) -> bool:
    """Whether a day is written there without a time of it."""
    try:
        read_day(text, today)
    except ClientMistake:
        return False
    return True


def read_month(text: str) -> date:
    """The first day of the month meant: `2026-11` or `11/2026`. Raises ClientMistake if it is none."""
    written = text.strip()
    try:
        if found := _MONTH.fullmatch(written):
            return date(int(found[2]), int(found[1]), 1)
        return date.fromisoformat(f"{written}-01")
    except (ValueError, OverflowError):
        raise ClientMistake(
            "{text} is no month: write it like 2026-11", Code.BAD_VALUE, text=_shown(text), field=Field("month")
        ) from None


def _plain(text: str) -> str:
    """Small letters without accents, single blanks."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return " ".join("".join(char for char in decomposed if not unicodedata.combining(char)).split())


def _relative(written: str, now: datetime) -> datetime | None:
    if written in NOW:
        return now.astimezone(UTC)
    length = _length(written) if _AGO.fullmatch(written) else None
    return None if length is None else now.astimezone(UTC) - length


def _ahead(written: str, now: datetime) -> datetime | None:
    length = _length(written) if _LENGTH.fullmatch(written) else None
    return None if length is None else now.astimezone(UTC) + length


def _length(written: str) -> timedelta | None:
    """The sum of the lengths of time that are written there; None for a unit that there is not."""
    amounts = _AMOUNT.findall(written)
    lengths = [int(number) * _LENGTH_OF[unit] for number, unit in amounts if unit in _LENGTH_OF]
    return sum(lengths, timedelta(0)) if len(lengths) == len(amounts) else None


def _on_the_wall(written: str, zone: tzinfo, now: datetime) -> datetime | None:
    """A day with or without a clock, or a clock of today."""
    today = now.astimezone(zone).date()
    if _CLOCK.fullmatch(written):
        written = f"today {written}"
    first, _, rest = written.partition(" ")
    day, clock = _day(first, today), _clock(rest)
    return datetime.combine(day, clock, zone).astimezone(UTC) if day and clock is not None else None


def _end_on_the_wall(written: str, zone: tzinfo, now: datetime) -> datetime | None:
    """A clock of today, or a day with or without one."""
    today = now.astimezone(zone).date()
    if _CLOCK.fullmatch(written):
        written = "today" if written == "24:00" else f"today {written}"
    first, _, rest = written.partition(" ")
    day = _day(first, today) or (date.fromisoformat(first) if _ISO_DAY.fullmatch(first) else None)
    if day is None:
        return None
    if not rest:
        return datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
    clock = _clock(rest)
    return None if clock is None else on_the_clock(day, clock, zone, now)


def _day(written: str, today: date) -> date | None:
    if written in DAYS_FROM_TODAY:
        return today + timedelta(days=DAYS_FROM_TODAY[written])
    found = _DAY.fullmatch(written)
    return date(int(found[4]), int(found[3]), int(found[1])) if found else None


def _clock(written: str) -> time | None:
    """The time of day after a day; nothing means its beginning."""
    bare = re.sub(r"^(a las?|at) ", "", written)
    if not bare:
        return time.min
    found = _CLOCK.fullmatch(bare)
    return time(int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _iso(text: str, zone: tzinfo) -> datetime:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _shown(text: str) -> str:
    return f"'{clean_line(text, 40)}'"
