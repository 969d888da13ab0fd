"""Opening hours: a week of spans in local wall time, closed on holidays (docs/service.md rule 3)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import groupby, pairwise

from pbx_control.domain.opening.overrides import Override, OverrideKind, about_hours, end_of_day
from pbx_control.domain.opening.written_hours import DAY_NAMES, WrittenSpan, read_spans
from pbx_control.errors import ClientMistake, Code, Field, Word


@dataclass(frozen=True, slots=True)
class Span:
    """Open on `weekday` (0 = Monday) from `opens` until `closes`, local wall time; time.max means the day's end."""

    weekday: int
    opens: time
    closes: time


Week = tuple[Span, ...]
"""Spans sorted by weekday and time, never overlapping. Empty: never open."""

DAYS = {
    "en": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    "es": ("lun", "mar", "mié", "jue", "vie", "sáb", "dom"),
}
ALWAYS_WORD = {"en": "always", "es": "siempre"}
NEVER_WORD = {"en": "never", "es": "nunca"}

ALWAYS: Week = tuple(Span(day, time.min, time.max) for day in range(7))
NEVER: Week = ()
# What a client has that has asked for nothing else (rule 3).
USUAL_WEEK = "mon-fri 09:00-13:00 14:00-18:00"

# Why a client is open or closed that has said so for today (domain.opening.overrides).
TODAY = "today"

# How far ahead the next opening or closing is looked for; who asks shows "for the coming month" beyond it.
HORIZON = timedelta(days=31)

_LONGEST = 2000  # characters: a sane week has a tenth of it


@dataclass(frozen=True, slots=True)
class OpenState:
    """Whether a client is open, the instant at which that changes, and why.

    `until` is None if nothing changes within HORIZON. `why` is "hours" where the weekly hours decide, TODAY where the
    client has said so (`override`), else the holiday's name; `day_off` is True in the last case.
    """

    open: bool
    until: datetime | None
    why: str
    day_off: bool = False
    override: Override | None = None


# --- the week as people write it ----------------------------------------------------------------------------


def parse_week(words: Sequence[str]) -> Week:
    """The week that an admin wrote: `mon-fri 09:00-13:00 14:00-18:00 sat 10:00-14:00`, `always` or `never`.

    How else it may be written, `written_hours` tells. A span that ends before it begins is a night: its second part is
    the next day's. Raises ClientMistake naming the word that makes no sense.
    """
    text = _checked(words).lower()
    if text in ("always", "siempre", "24/7"):
        return ALWAYS
    if text in ("never", "nunca"):
        return NEVER
    return _parse_week(text)


def nights(words: Sequence[str]) -> list[str]:
    """The spans of that week, as they were written, that pass midnight."""
    text = _checked(words)
    if text.lower() in ("always", "siempre", "24/7", "never", "nunca"):
        return []
    return [span.text for span in read_spans(text, USUAL_WEEK) if span.passes_midnight]


def _checked(words: Sequence[str]) -> str:
    text = " ".join(words)
    if len(text) > _LONGEST:
        raise ClientMistake(
            "these hours are too long: at most {longest} characters",
            Code.BAD_VALUE,
            longest=_LONGEST,
            field=Field("week"),
        )
    return " ".join(text.split())


@lru_cache(maxsize=4096)
def _parse_week(text: str) -> Week:
    spans = (part for span in read_spans(text, USUAL_WEEK) for part in _of_each_day(span))
    return _joined(sorted(spans, key=lambda span: (span.weekday, span.opens, span.closes)))


def _of_each_day(span: WrittenSpan) -> Iterator[Span]:
    for day in span.days:
        if span.passes_midnight:
            yield Span(day, span.opens, time.max)
            yield Span((day + 1) % 7, time.min, span.closes)
        else:
            yield Span(day, span.opens, span.closes)


def _joined(spans: Sequence[Span]) -> Week:
    """Sorted spans with those that touch made one. Raises ClientMistake if two overlap."""
    week: list[Span] = []
    for span in spans:
        last = week[-1] if week and week[-1].weekday == span.weekday else None
        if last is None or last.closes < span.opens:
            week.append(span)
        elif last.closes == span.opens:
            week[-1] = Span(span.weekday, last.opens, span.closes)
        else:
            raise ClientMistake(
                "the hours of {day} overlap: {one} and {other}",
                Code.BAD_VALUE,
                day=Word(DAY_NAMES[0][span.weekday].title()),
                one=_span_text(last),
                other=_span_text(span),
                field=Field("week"),
            )
    return tuple(week)


def week_text(week: Week, language: str = "en") -> str:
    """The text of a week; `parse_week` of it gives the same week. What is stored is that of "en"."""
    if week == ALWAYS:
        return ALWAYS_WORD[language]
    if week == NEVER:
        return NEVER_WORD[language]
    hours = {day: " ".join(map(_span_text, spans)) for day, spans in groupby(week, key=lambda span: span.weekday)}
    return " ".join(f"{days_text(days, DAYS[language])} {text}" for text, days in same_hours(hours))


def same_hours(hours: Mapping[int, str]) -> list[tuple[str, list[int]]]:
    """Each text of hours with the days that have it, in the order of the week."""
    together: dict[str, list[int]] = {}
    for day, text in hours.items():
        together.setdefault(text, []).append(day)
    return list(together.items())


def days_text(days: Sequence[int], names: Sequence[str]) -> str:
    """ "mon-wed,fri": weekdays in order, each run of neighbours by its ends."""
    runs: list[list[int]] = [[days[0]]]
    for before, day in pairwise(days):
        if day == before + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(names[run[0]] if len(run) == 1 else f"{names[run[0]]}-{names[run[-1]]}" for run in runs)


def _span_text(span: Span) -> str:
    closes = "24:00" if span.closes == time.max else f"{span.closes:%H:%M}"
    return f"{span.opens:%H:%M}-{closes}"


# --- open or not --------------------------------------------------------------------------------------------


def state_at(
    week: Week, holidays: Mapping[date, str], zone: tzinfo, at: datetime, overrides: Iterable[Override] = ()
) -> OpenState:
    """Whether a client is open at the instant `at` (aware), until when, and why.

    `holidays` are the days on which this client is closed, with their names (`domain.holidays.of_client`);
    `overrides` are what it has said for today, which goes before hours and holidays alike.
    """
    override = about_hours(overrides, at)
    if override is None:
        return usual_state_at(week, holidays, zone, at)
    is_open = override.kind is OverrideKind.OPEN
    after = usual_state_at(week, holidays, zone, override.until)
    until = after.until if after.open == is_open else override.until
    return OpenState(is_open, until, TODAY, override=override)


def usual_state_at(week: Week, holidays: Mapping[date, str], zone: tzinfo, at: datetime) -> OpenState:
    """The same for a client that has said nothing for today.

    The rule is one of wall time: where clocks go back, the hour that comes twice is open twice (or closed twice).
    """
    wall = at.astimezone(zone)
    holiday = holidays.get(wall.date())
    is_open = _open_on_the_wall(week, holidays, wall)
    until = _next_change(week, holidays, zone, at, is_open)
    return OpenState(is_open, until, "hours" if holiday is None else holiday, day_off=holiday is not None)


def next_opening(week: Week, holidays: Mapping[date, str], zone: tzinfo, at: datetime) -> datetime | None:
    """When the usual hours open on a later local day than that of `at`; None if not within HORIZON, or if they are open
    at midnight."""
    state = usual_state_at(week, holidays, zone, end_of_day(zone, at))
    return None if state.open else state.until


def _open_on_the_wall(week: Week, holidays: Mapping[date, str], wall: datetime) -> bool:
    if wall.date() in holidays:
        return False
    weekday, clock = wall.weekday(), wall.time()
    return any(
        span.weekday == weekday and span.opens <= clock and (clock < span.closes or span.closes == time.max)
        for span in week
    )


def _next_change(
    week: Week, holidays: Mapping[date, str], zone: tzinfo, at: datetime, is_open: bool
) -> datetime | None:
    for day in _days_that_matter(week, holidays, at.astimezone(zone).date()):
        for instant in _boundaries(week, zone, day):
            if instant > at and _open_on_the_wall(week, holidays, instant.astimezone(zone)) != is_open:
                return instant
    return None


def _days_that_matter(week: Week, holidays: Mapping[date, str], today: date) -> Iterable[date]:
    """The days, in order, on which the state may change: for who is always open, those about a holiday only."""
    if week == NEVER:
        return ()
    # Lazily: the next change is nearly always that of today or tomorrow.
    coming = (today + timedelta(days=ahead) for ahead in range(HORIZON.days + 1))
    if week != ALWAYS:
        return coming
    day = timedelta(days=1)
    return (one for one in coming if one in holidays or one - day in holidays)


@lru_cache(maxsize=4096)  # most clients share a few weeks, and each arriving call asks
def _boundaries(week: Week, zone: tzinfo, day: date) -> tuple[datetime, ...]:
    """The instants of a local day at which the wall clock passes a boundary, or is set, in order and in UTC."""
    clocks = {time.min}
    for span in week:
        if span.weekday == day.weekday():
            clocks |= {span.opens, span.closes} - {time.max}
    # A wall time may come twice: fold says which one is meant.
    instants = {
        datetime.combine(day, clock, zone).replace(fold=fold).astimezone(UTC) for clock in clocks for fold in (0, 1)
    }
    return tuple(sorted(instants | set(_clock_changes(zone, day))))


def _clock_changes(zone: tzinfo, day: date) -> Iterator[datetime]:
    """The instant within a local day at which the zone's clocks are set, to the second, if there is one."""
    low = datetime.combine(day, time.min, UTC) - timedelta(hours=16)
    high = low + timedelta(hours=56)
    before = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == before:
        return
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    if high.astimezone(zone).date() == day:
        yield high
