"""A week of opening or bookable hours as a form has it: for each day pairs of times, or that it is closed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from itertools import zip_longest
from typing import Any

from pbx_control.catalogue import N_
from pbx_control.domain.opening.hours import ALWAYS, DAYS, NEVER, Week, parse_week, week_text
from pbx_control.domain.opening.written_hours import DAY_NAMES
from pbx_control.domain.words.sentences import said
from pbx_control.errors import ClientMistake, Code, Field

# A day has so many rows to fill in, or more if it has more spans.
ROWS, MOST_ROWS = 3, 12
LONGEST_FIELD = 20
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:00)?", re.ASCII)
WEEKDAYS = (
    *(N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday"), N_("Friday"), N_("Saturday"), N_("Sunday")),
)


@dataclass(frozen=True, slots=True)
class DayAsked:
    """A day of the week as it was filled in: pairs of times."""

    closed: bool
    spans: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class WeekAsked:
    """A week as it was filled in."""

    always: bool
    days: Sequence[DayAsked]

    def week(self) -> str:
        """The week that was filled in. Raises ClientMistake whose field is the number of a day."""
        if self.always:
            return week_text(ALWAYS)
        text = self.written()
        try:
            return week_text(parse_week([text])) if text else week_text(NEVER)
        except ClientMistake as error:  # two days overlap by a night
            raise _at_day(error, _day_of(error)) from None

    def written(self) -> str:
        """The days that were filled in, as `parse_week` reads them."""
        return " ".join(filter(None, (_written(day, number) for number, day in enumerate(self.days))))


def as_asked(week: Week) -> WeekAsked:
    """The form of a week."""
    return WeekAsked(week == ALWAYS, [_day_asked(week if week != ALWAYS else NEVER, day) for day in range(7)])


def asked_week(given: Any) -> WeekAsked:
    """The week of a form: `mode` is always, or the fields are `d0-closed`, `d0-0-from`, `d0-0-to` …"""

    def typed(name: str) -> str:
        return str(given.get(name, ""))[:LONGEST_FIELD].strip()

    days = []
    for day in range(7):
        spans = [(typed(f"d{day}-{row}-from"), typed(f"d{day}-{row}-to")) for row in range(MOST_ROWS)]
        kept = [one for number, one in enumerate(spans) if number < ROWS or any(one)]
        days.append(DayAsked(given.get(f"d{day}-closed") == "1", kept))
    return WeekAsked(given.get("mode") == "always", days)


def weekdays(language: str) -> list[str]:
    """What the days are called, Monday first."""
    return [said(language, one, {}) for one in WEEKDAYS]


def _day_asked(week: Week, weekday: int) -> DayAsked:
    spans = [(f"{one.opens:%H:%M}", _end(one.closes)) for one in week if one.weekday == weekday]
    return DayAsked(not spans, [one for one, _ in zip_longest(spans, range(ROWS), fillvalue=("", ""))])


def _end(closes: time) -> str:
    """A browser's clock knows no 24:00."""
    return "00:00" if closes == time.max else f"{closes:%H:%M}"


def _written(day: DayAsked, number: int) -> str:
    """The day's hours as `parse_week` reads them; "" if it is closed."""
    spans = [_span(opens, closes, number) for opens, closes in day.spans if opens or closes]
    if day.closed:
        return ""
    if not spans:
        raise ClientMistake("fill in the times, or tick that it is closed", Code.EMPTY_VALUE, field=Field(str(number)))
    text = f"{DAYS['en'][number]} {' '.join(spans)}"
    try:
        parse_week([text])
    except ClientMistake as error:
        raise _at_day(error, number) from None
    return text


def _span(opens: str, closes: str, number: int) -> str:
    if not (_CLOCK.fullmatch(opens) and _CLOCK.fullmatch(closes)):
        raise ClientMistake(
            "give both times, from and to, like 09:00 and 13:30", Code.BAD_VALUE, field=Field(str(number))
        )
    whole_day = (opens, closes) == ("00:00", "00:00")
    return f"{opens[:5]}-{'24:00' if whole_day else closes[:5]}"


def _at_day(error: ClientMistake, number: int) -> ClientMistake:
    return ClientMistake(error.template, error.code, **error.values | {"field": Field(str(number))})


def _day_of(error: ClientMistake) -> int:
    name = str(error.values.get("day", "")).lower()
    return DAY_NAMES[0].index(name) if name in DAY_NAMES[0] else 0
