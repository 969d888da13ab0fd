"""Opening hours as people type them, in Spanish and English: read into days and times, strictly.

mon-fri 09:00-13:00 14:00-18:00        L-V 9-18        lunes a viernes de 9:00 a 13:00 hrs y de 14:00 a 18:00
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time

from pbx_control.errors import ClientMistake, Code, Field

DAY_NAMES = (
    ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    ("lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo"),
)
# As Spanish timetables abbreviate. M is not here: martes, miércoles and Monday begin with it.
LETTERS = {"l": 0, "x": 2, "j": 3, "v": 4, "s": 5, "d": 6}

RANGE = frozenset({"-", "a", "al", "hasta", "to", "until", "till", "through"})
SEPARATOR = frozenset({",", ";", "y", "and", "&"})
FILLER = frozenset({"de", "desde", "el", "la", "las", "los", "from", "horas", "hrs", "hours"})
EVERY_DAY = re.compile(r"\b(todos los dias|every day|daily)\b")

_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_TOKEN = re.compile(
    r"""(?P<clock>\d{1,2}([:.]\d{2})?(?![\d:.]\d))\s*(?P<half>[ap]\.?m\b\.?)?(?P<unit>\s*(horas|hrs|hours|h)\b\.?)?
    | (?P<day>[a-z]+)\.?
    | (?P<sign>[-,;&])
    | (?P<strange>\S)""",
    re.VERBOSE | re.ASCII,
)
_ALL_DAY = re.compile(r"24(:00)?\s*(horas|hrs|hours|h)\b", re.ASCII)


@dataclass(frozen=True, slots=True)
class WrittenSpan:
    """From `opens` until `closes` on each of `days` (0 = Monday); time.max is the day's end, and a `closes` that is not
    after `opens` is the next day's. `text` is what was typed."""

    days: tuple[int, ...]
    opens: time
    closes: time
    text: str

    @property
    def passes_midnight(self) -> bool:
        return self.closes < self.opens


def read_spans(text: str, example: str) -> list[WrittenSpan]:
    """The spans that somebody typed. Raises ClientMistake, naming the word that makes no sense."""
    if not text.strip():
        raise ClientMistake(
            "no hours were given: write for example `{example}`", Code.EMPTY_VALUE, example=example, field=Field("week")
        )
    return list(_Reader(_plain(text)).spans())


def _plain(text: str) -> str:
    """Small letters without accents, one kind of dash."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return EVERY_DAY.sub("mon-sun", " ".join(_DASHES.sub("-", bare).split()))


class _Reader:
    """Reads tokens from left to right; each method leaves `_at` behind what it has read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [found for found in _TOKEN.finditer(text) if found["day"] not in FILLER]
        self._at = 0

    def spans(self) -> Iterator[WrittenSpan]:
        days: tuple[int, ...] = ()
        waiting = False  # days were named whose times are still to come
        joined = False  # a comma or "and" stands before
        while token := self._next():
            if _word(token) in SEPARATOR:
                joined = True
                continue
            if token["clock"]:
                yield self._span(token, days)
                waiting = False
            elif token["day"]:
                if waiting and not joined:
                    raise ClientMistake(
                        "the hours lack times before `{word}`, like 09:00-13:00",
                        Code.BAD_VALUE,
                        word=self._around(token),
                        field=Field("week"),
                    )
                days = (*days, *self._days(token)) if waiting else self._days(token)
                waiting = True
            else:
                raise self._senseless(token)
            joined = False
        if waiting or not days:
            raise ClientMistake(
                "the hours lack times after `{word}`, like 09:00-13:00",
                Code.BAD_VALUE,
                word=self._text.split()[-1],
                field=Field("week"),
            )

    def _days(self, first: re.Match[str]) -> tuple[int, ...]:
        start = end = self._day(first)
        if self._ranges():
            last = self._next()
            if not last or not last["day"]:
                raise self._no_days(first)
            end = self._day(last)
        return tuple((start + step) % 7 for step in range((end - start) % 7 + 1))

    def _day(self, token: re.Match[str]) -> int:
        name = token["day"] or ""
        meant = {LETTERS[name]} if name in LETTERS else _days_called(name)
        if len(meant) > 1:
            raise ClientMistake(
                "`{word}` may be several days: write more of the name, like mar, mie or mon",
                Code.BAD_VALUE,
                word=self._around(token),
                field=Field("week"),
            )
        if not meant:
            raise self._no_days(token)
        return meant.pop()

    def _no_days(self, token: re.Match[str]) -> ClientMistake:
        return ClientMistake(
            "`{word}` names no days: write mon tue wed thu fri sat sun, mon-fri or mon,wed",
            Code.BAD_VALUE,
            word=self._around(token),
            field=Field("week"),
        )

    def _span(self, first: re.Match[str], days: tuple[int, ...]) -> WrittenSpan:
        if not days:
            raise ClientMistake(
                "the hours lack days before `{word}`, like mon-fri",
                Code.BAD_VALUE,
                word=self._around(first),
                field=Field("week"),
            )
        if not self._ranges():
            if _ALL_DAY.match(first[0]):
                return WrittenSpan(days, time.min, time.max, first[0])
            raise self._no_span(first, first)
        last = self._next() or first
        opens, closes = _clock(first), _clock(last)
        if last is first or opens is None or closes is None or opens == time.max or self._ranges():
            raise self._no_span(first, last)
        typed = self._text[first.start() : last.end()].strip()
        if opens == closes:
            raise ClientMistake(
                "`{word}` ends when it begins: write 00:00-24:00 for a whole day",
                Code.BAD_VALUE,
                word=typed,
                field=Field("week"),
            )
        # Midnight as an end is this day's.
        return WrittenSpan(days, opens, time.max if closes == time.min else closes, typed)

    def _ranges(self) -> bool:
        """Whether a dash, "a" or "to" follows; it is read."""
        if self._at < len(self._tokens) and _word(self._tokens[self._at]) in RANGE:
            self._at += 1
            return True
        return False

    def _next(self) -> re.Match[str] | None:
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else None

    def _around(self, token: re.Match[str]) -> str:
        """The token with what stands beside it without a blank."""
        start = self._text.rfind(" ", 0, token.start()) + 1
        end = self._text.find(" ", token.start())
        return self._text[start : end if end >= 0 else None]

    def _no_span(self, first: re.Match[str], last: re.Match[str]) -> ClientMistake:
        start = self._text.rfind(" ", 0, first.start()) + 1
        end = self._text.find(" ", last.start())
        typed = self._text[start : end if end >= 0 else None]
        return ClientMistake(
            "`{word}` is no span of time: write it like 09:00-13:00, at most until 24:00",
            Code.BAD_VALUE,
            word=typed,
            field=Field("week"),
        )

    def _senseless(self, token: re.Match[str]) -> ClientMistake:
        return ClientMistake(
            "`{word}` is neither a day nor a time: write for example mon-fri 09:00-13:00",
            Code.BAD_VALUE,
            word=self._around(token),
            field=Field("week"),
        )


def _word(token: re.Match[str]) -> str:
    return token["day"] or token["sign"] or ""


def _days_called(name: str) -> set[int]:
    """The days whose name, in either language, begins so ("mi" is one, "m" is three), or whose plural it is."""
    for start in (name, name.removesuffix("s")):
        found = {day for names in DAY_NAMES for day, full in enumerate(names) if start and full.startswith(start)}
        if found:
            return found
    return set()


def _clock(token: re.Match[str]) -> time | None:
    """The time of a token, None if it is none. 24:00 is time.max."""
    if not token["clock"]:
        return None
    hour, _, minute = token["clock"].replace(".", ":").partition(":")
    hours, minutes = int(hour), int(minute or 0)
    if token["half"]:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if token["half"].startswith("p") else 0)
    if (hours, minutes) == (24, 0):
        return time.max
    return time(hours, minutes) if hours < 24 and minutes < 60 else None
