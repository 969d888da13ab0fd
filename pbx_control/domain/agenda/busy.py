"""When a remote calendar is busy: its events, as iCalendar (RFC 5545), become spans of time within a window.

Events are strangers' work. Of each only the lines that tell of time are read, what would take too long to expand is
refused, and an event that cannot be understood hides no other: its key is told.
"""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import recurring_ical_events
from dateutil.rrule import rrulestr
from icalendar import Calendar, Event

from pbx_control.domain.agenda.foreign_zones import MOST_ZONES, Zones
from pbx_control.domain.agenda.remote_events import Busy, RemoteEvent

__all__ = ["Busy", "Reading", "RemoteEvent", "TooLateError", "busy_spans", "uid_of"]

# Of an event as it comes, and of its lines that tell of time, characters: a series of years with exceptions has 20 kB.
LONGEST, LONGEST_OF_TIME = 4 * 1024 * 1024, 64 * 1024
# Spans of one event within a window: one for each hour of a year.
MOST_SPANS = 9000
# Spans of a calendar: so many hours are seven years.
MOST_SPANS_OF_ALL = 60_000
# Series of a calendar that are expanded, and rules of one event.
MOST_SERIES, MOST_RULES = 5000, 10
# How much counting one series may take, and all of a calendar; 40,000 days are 110 years, and take a second.
MOST_STEPS, MOST_STEPS_OF_ALL = 40_000, 2_000_000
# What one costs that is refused: a tenth of a second.
STEPS_OF_REFUSED = 20_000

_EVENT_LINES: Final = frozenset(
    {"UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "SEQUENCE", "STATUS", "TRANSP"}
)
_FOLD = re.compile(r"(?:\r?\n)+[ \t]")
_NAME = re.compile(r"[A-Za-z0-9-]+")
_LINE = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:]*))*):(.*)')
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=(?:"([^"]*)"|([^";:]*))')
_WORD = re.compile(r"[A-Za-z-]+")
_PART = re.compile(r"([A-Z]+)=([^;]*)")
# Of these frequencies nobody has appointments; each candidate would be counted.
_TOO_OFTEN = ("MINUTELY", "SECONDLY")
# A rule is tried shortly before the end of all calendars, where counting ends soon: so many years before it.
_TRIED_YEARS = {"HOURLY": 2}
_TRIED_YEARS_OF_OTHERS = 29
# Weekdays and leap years repeat after so many years.
_CYCLE = 28

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood of events, and the keys of those that were not."""

    busy: tuple[Busy, ...] = ()
    odd: tuple[str, ...] = ()


class TooLateError(Exception):
    """The time for reading is over."""


class _OddError(ValueError):
    """This event cannot be understood, or would take too long."""


@dataclass(frozen=True, slots=True)
class _Text:
    """What an event says of time, with zones that we know; `is_sure`: whether all its zones were understood."""

    ical: str
    has_rule: bool
    is_sure: bool


def busy_spans(
    events: Iterable[RemoteEvent],
    zone: ZoneInfo,
    since: datetime,
    until: datetime,
    own: Container[str] = frozenset(),
    *,
    most: int = MOST_SPANS_OF_ALL,
    late: Callable[[], bool] = lambda: False,
) -> Reading:
    """When these events are busy between two instants. Whole days, and times without a zone, are those of `zone`.

    Transparent and cancelled events, and those whose UID is in `own`, take no time. Spans of an event that touch or
    overlap are one span. What is beyond `most` spans is odd; so is an event whose zone is defined, but not understood:
    its times are taken as those of `zone`. Raises TooLateError when `late` says that the time for reading is over.
    """
    reader = _Reader(Zones(zone, since), since, until, most, late)
    for event in events:
        if event.uid not in own:
            reader.read(event)
    reader.expand()
    return Reading(tuple(sorted(reader.busy)), tuple(reader.odd))


class _Reader:
    """Reads a calendar's events one by one; series are kept, those that take little time come first then."""

    def __init__(self, zones: Zones, since: datetime, until: datetime, most: int, late: Callable[[], bool]) -> None:
        self.busy: list[Busy] = []
        self.odd: list[str] = []
        self._zones = zones
        self._since, self._until = since, until
        self._most = most
        self._late = late
        self._left = MOST_STEPS_OF_ALL
        self._series: list[tuple[int, str, _Text]] = []

    def read(self, event: RemoteEvent) -> None:
        self._require_time()
        text = None
        try:
            text = _text_of(event.ical, self._zones)
            if self._left < 0 and text.has_rule:
                raise _OddError("among too many that are refused")
            calendar = _parsed(text)
            steps = _steps_of(calendar, self._until)
            if not steps:
                self._keep(event.key, text, _single(calendar, self._zones.own))
            elif len(self._series) < MOST_SERIES:
                self._series.append((steps, event.key, text))
            else:
                raise _OddError("among too many series")
        except Exception:
            # Whatever the library stumbles over, the other events are read.
            self.odd.append(event.key)
            self._left -= STEPS_OF_REFUSED if text and text.has_rule else 0

    def expand(self) -> None:
        for steps, key, text in sorted(self._series, key=lambda one: one[:2]):
            self._require_time()
            self._left -= steps
            try:
                if self._left < 0:
                    raise _OddError(key)
                self._keep(key, text, _expanded(_parsed(text), self._zones.own, self._since, self._until))
            except Exception:
                self.odd.append(key)

    def _keep(self, key: str, text: _Text, spans: Iterable[tuple[datetime, datetime]]) -> None:
        merged = _merged(key, _clipped(spans, self._since, self._until))
        if len(self.busy) + len(merged) > self._most:
            raise _OddError("too many times of all")
        self.busy += merged
        if merged and not text.is_sure:
            self.odd.append(key)

    def _require_time(self) -> None:
        if self._late():
            raise TooLateError


def uid_of(ical: str) -> str:
    """The UID of the first event in it; empty if there is none."""
    within = False
    for line in _FOLD.sub("", ical[:LONGEST]).splitlines():
        if line.upper().startswith("BEGIN:VEVENT"):
            within = True
        elif within and line[:4].upper() in ("UID:", "UID;"):
            return line.partition(":")[2].strip()
    return ""


# --- reading --------------------------------------------------------------------------------------------------


def _parsed(text: _Text) -> Calendar:
    calendar = Calendar.from_ical(text.ical)
    if not isinstance(calendar, Calendar) or calendar.errors or any(one.errors for one in _events(calendar)):
        raise _OddError("broken")
    for event in _events(calendar):
        for rule in _rules(event):
            if "COUNT" in rule and "UNTIL" in rule:
                del rule["COUNT"]  # only one of them may be there; the other takes more time
    return calendar


def _text_of(ical: str, zones: Zones) -> _Text:
    """Its events, without what tells nothing of time: long texts, attachments, alarms."""
    if len(ical) > LONGEST:
        raise _OddError("too long")
    lines: list[str] = []
    definitions: dict[str, list[str]] = {}
    defined: list[str] = []
    path: list[str] = []
    for line in _FOLD.sub("", ical).splitlines():
        found = _NAME.match(line)
        name = found[0].upper() if found else ""
        what = line.partition(":")[2].strip().upper()
        if name == "BEGIN":
            path.append(what)
        match path:
            case ["VCALENDAR", "VTIMEZONE", *_]:
                defined.append(line)
            case ["VCALENDAR", "VEVENT"] if name in ("BEGIN", "END"):
                lines.append(f"{name}:VEVENT")
            case ["VCALENDAR", "VEVENT"] if name in _EVENT_LINES:
                lines.append(line)
        if name == "END":
            if path == ["VCALENDAR", "VTIMEZONE"] and len(definitions) < MOST_ZONES:
                definitions.setdefault(_tzid(defined), defined)
            defined = defined if len(path) > 2 else []
            if not path or path.pop() != what:
                raise _OddError("its components are not nested")
    if path:
        raise _OddError("cut off")
    if sum(len(line) for line in lines) > LONGEST_OF_TIME:
        raise _OddError("too many exceptions")
    return _with_known_zones(lines, definitions, zones)


def _tzid(lines: Sequence[str]) -> str:
    return next((line.partition(":")[2].strip() for line in lines if line[:5].upper() in ("TZID:", "TZID;")), "")


def _with_known_zones(lines: Sequence[str], definitions: dict[str, list[str]], zones: Zones) -> _Text:
    """Each line anew, of what it may have: the library is to understand nothing else than was understood here."""
    text = ["BEGIN:VCALENDAR"]
    has_rule, is_sure = False, True
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            raise _OddError("no line")
        name, value = found[1].upper(), found[3]
        said = {key.upper(): quoted or bare for key, quoted, bare in _PARAMETER.findall(found[2])}
        head = name
        if "VALUE" in said and _WORD.fullmatch(said["VALUE"]):
            head += f";VALUE={said['VALUE'].upper()}"
        if said.get("RANGE", "").upper() == "THISANDFUTURE":
            head += ";RANGE=THISANDFUTURE"
        if "TZID" in said and name not in ("UID", "RRULE") and said.get("VALUE", "").upper() != "DATE":
            zone, sure = zones.name_of(said["TZID"].strip(), definitions)
            head += f";TZID={zone}"
            is_sure = is_sure and sure
        has_rule = has_rule or name == "RRULE"
        text.append(f"{head}:{value}")
    return _Text("\r\n".join([*text, "END:VCALENDAR"]), has_rule, is_sure)


def _events(calendar: Calendar) -> list[Event]:
    return [one for one in calendar.subcomponents if isinstance(one, Event)]


# --- how long it would take -----------------------------------------------------------------------------------


def _steps_of(calendar: Calendar, until: datetime) -> int:
    """How much counting its series take; 0 of what is no series. Raises if that is too much."""
    if sum(len(_rules(one)) for one in _events(calendar)) > MOST_RULES:
        raise _OddError("too many rules")
    return sum(_steps(one, until) for one in _events(calendar))


def _steps(event: Any, until: datetime) -> int:
    rules = _rules(event)
    if len(rules) > 2:
        raise _OddError("too many rules")
    steps = sum(_steps_of_rule(rule.to_ical().decode(), event["DTSTART"].dt, until) for rule in rules)
    dates = sum(len(each.dts) for name in ("RDATE", "EXDATE") for each in _listed(event, name))
    return steps + dates + int("RDATE" in event or "RECURRENCE-ID" in event or "EXDATE" in event)


def _rules(event: Any) -> list[Any]:
    return _listed(event, "RRULE")


def _listed(event: Any, name: str) -> list[Any]:
    found = event.get(name, [])
    return found if isinstance(found, list) else [found]


def _steps_of_rule(rule: str, starts: date, until: datetime) -> int:
    parts = dict(_PART.findall(rule.upper()))
    frequency, interval = parts.get("FREQ", ""), int(parts.get("INTERVAL", 1))
    if frequency in _TOO_OFTEN or interval < 1:  # with 0 the library would count for ever
        raise _OddError("too often")
    days = max(1, (until.date() - date(starts.year, starts.month, starts.day)).days)
    each_day = 24 if frequency == "HOURLY" else 1
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        each_day *= len(parts[name].split(",")) if name in parts else 1
    steps = days * each_day // (interval if frequency in ("DAILY", "HOURLY") else 1) + 1
    if steps > MOST_STEPS:
        raise _OddError("too many steps")
    _require_sometimes(parts, starts)
    return steps


def _require_sometimes(parts: dict[str, str], starts: date) -> None:
    """Refuses a rule that never gives a day, the 31st of February: the library would count to the year 9999."""
    bare = ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("UNTIL", "COUNT"))
    years = _TRIED_YEARS.get(parts["FREQ"], _TRIED_YEARS_OF_OTHERS)
    cycles = (date.max.year - years - starts.year) // _CYCLE
    tried = datetime(starts.year, starts.month, starts.day)
    if years > _CYCLE:
        tried = tried.replace(year=starts.year + cycles * _CYCLE)
    else:
        tried = datetime(date.max.year - years + 1, starts.month, min(starts.day, 28))
    if isinstance(starts, datetime):
        tried = tried.replace(hour=starts.hour, minute=starts.minute, second=starts.second)
    if next(iter(rrulestr(bare, dtstart=tried)), None) is None:
        raise _OddError("never")


# --- spans ----------------------------------------------------------------------------------------------------


def _single(calendar: Calendar, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    for event in _events(calendar):
        yield from _span(event, zone)


def _expanded(
    calendar: Calendar, zone: ZoneInfo, since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Each occurrence; a day more on both sides, as the library compares days and times without a zone its own way."""
    for event in recurring_ical_events.of(calendar).between(since - _DAY, until + _DAY):
        yield from _span(event, zone)


def _span(event: Any, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    if str(event.get("TRANSP", "")).upper() == "TRANSPARENT" or str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    starts = event["DTSTART"].dt
    if "DTEND" in event:
        ends = event["DTEND"].dt
    elif "DURATION" in event:
        ends = starts + event["DURATION"].dt
    else:
        ends = starts if isinstance(starts, datetime) else starts + _DAY
    yield _instant(starts, zone), _instant(ends, zone)


def _instant(at: date, zone: ZoneInfo) -> datetime:
    if not isinstance(at, datetime):
        at = datetime.combine(at, time.min)
    aware = at if at.tzinfo else at.replace(tzinfo=zone)
    try:
        return aware.astimezone(UTC)
    except OverflowError:  # beyond all calendars: "for ever"
        return at.replace(tzinfo=UTC)


def _clipped(
    spans: Iterable[tuple[datetime, datetime]], since: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime]]:
    for starts, ends in spans:
        first, last = max(starts, since), min(ends, until)
        if first < last:
            yield first, last


def _merged(key: str, spans: Iterable[tuple[datetime, datetime]]) -> list[Busy]:
    merged: list[Busy] = []
    for starts, ends in sorted(spans):
        if merged and starts <= merged[-1].ends:
            merged[-1] = Busy(key, merged[-1].starts, max(merged[-1].ends, ends))
        else:
            merged.append(Busy(key, starts, ends))
    if len(merged) > MOST_SPANS:
        raise _OddError("too many times")
    return merged
