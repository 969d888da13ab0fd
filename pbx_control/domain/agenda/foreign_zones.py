"""Time zones that strangers' events name or define (RFC 5545, 3.6.5) become zones that we know.

A foreign definition is never given to the library: that would count its rules without end, and keep it for everybody
else's events under the same name. It is read here, if it is an ordinary one, and compared with the zones we know.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

# Clocks are compared in this many years from the beginning of the window on.
COMPARED_YEARS = 2
# Of one definition, of an event's definitions, and of a calendar's.
MOST_LINES, MOST_ZONES, MOST_DEFINITIONS = 1000, 10, 200

_FOLD = re.compile(r"(?:\r?\n)+[ \t]")
_BREAK = re.compile(r"\r?\n")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?")
_WEEKDAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_PARTS: Final = frozenset({"FREQ", "INTERVAL", "BYMONTH", "BYDAY", "BYMONTHDAY", "UNTIL", "WKST"})
_NO_PLACES: Final = frozenset({"localtime", "Factory"})


@dataclass(frozen=True, slots=True)
class _Change:
    """The clocks are set, UTC; from then on they are so far from it."""

    at: datetime
    offset: timedelta


@dataclass(slots=True)
class Zones:
    """The zones of one calendar's events. `own`: that of times whose zone nobody knows. `since`: from when on they must
    be right."""

    own: ZoneInfo
    since: datetime
    _known: dict[tuple[str, ...], str | None] = field(default_factory=dict)

    def name_of(self, tzid: str, definitions: Mapping[str, Sequence[str]]) -> tuple[str, bool]:
        """The IANA name of a zone, and whether it is sure: of one that is defined, but not understood, it is not."""
        if found := named(tzid):
            return found, True
        lines = definitions.get(tzid)
        if lines is None:
            return self.own.key, True
        key = tuple(lines)
        if key not in self._known:
            if len(self._known) >= MOST_DEFINITIONS:
                return self.own.key, False
            self._known[key] = self._like(lines)
        found = self._known[key]
        return found or self.own.key, found is not None

    def _like(self, lines: Sequence[str]) -> str | None:
        """A zone whose clocks show the same in the years that count."""
        try:
            changes = sorted(_changes(lines, self.since.year), key=lambda one: one.at)
        except (ValueError, KeyError, IndexError, OverflowError):
            return None
        if not changes:
            return None
        first = datetime(self.since.year, 1, 1, tzinfo=UTC)
        last = first.replace(year=first.year + COMPARED_YEARS)
        at = [first + timedelta(days=30 * number) for number in range(12 * COMPARED_YEARS)]
        for one in [one for one in changes if first <= one.at < last][:50]:
            at += [one.at - timedelta(seconds=1), one.at]
        wanted = [(one, _offset(changes, one)) for one in at]
        alike = (
            zone
            for zone in (self.own, *_zones())
            if all(one.astimezone(zone).utcoffset() == offset for one, offset in wanted)
        )
        return next((zone.key for zone in alike), None)


def named(tzid: str) -> str | None:
    """The IANA name of the zone that is called so, by Windows or by a path of somebody's, too."""
    tzid = tzid.strip().strip("/")
    if len(tzid) > 255:
        return None
    if tzid in WINDOWS_TO_OLSON:
        return WINDOWS_TO_OLSON[tzid]
    parts = tzid.lower().split("/")
    small = _by_small_name()
    return next((small[name] for first in range(len(parts)) if (name := "/".join(parts[first:])) in small), None)


def without_zones(ical: str) -> str:
    """The text without what it defines of time zones."""
    kept: list[str] = []
    within = False
    for line in _BREAK.split(_FOLD.sub("", ical)):
        upper = line.strip().upper()
        if "VTIMEZONE" in upper and upper.startswith("BEGIN"):
            within = True
        if not within:
            kept.append(line)
        if "VTIMEZONE" in upper and upper.startswith("END"):
            within = False
    return "\r\n".join(kept)


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(available_timezones() - _NO_PLACES))


@cache
def _zones() -> tuple[ZoneInfo, ...]:
    return tuple(ZoneInfo(name) for name in _names())


@cache
def _by_small_name() -> Mapping[str, str]:
    return {name.lower(): name for name in _names()}


# --- a definition ---------------------------------------------------------------------------------------------


def _changes(lines: Sequence[str], year: int) -> Iterator[_Change]:
    """When a definition sets the clocks: by its rules from the year before on. Raises ValueError, KeyError and the like
    if it is no ordinary one."""
    if len(lines) > MOST_LINES:
        raise ValueError("too long")
    observance: dict[str, list[str]] | None = None
    for line in lines:
        head, _, value = line.partition(":")
        name, value = head.partition(";")[0].upper(), value.strip().upper()
        if name == "BEGIN" and value in ("STANDARD", "DAYLIGHT"):
            observance = {}
        elif name == "END" and observance is not None:
            yield from _changes_of(observance, year)
            observance = None
        elif observance is not None:
            observance.setdefault(name, []).append(value)


def _changes_of(observance: Mapping[str, Sequence[str]], year: int) -> Iterator[_Change]:
    starts = _local(observance["DTSTART"][0])
    before, after = _seconds(observance["TZOFFSETFROM"][0]), _seconds(observance["TZOFFSETTO"][0])
    dates = [starts, *(_local(each) for line in observance.get("RDATE", ()) for each in line.split(","))]
    rules = observance.get("RRULE", [])
    if len(rules) > 1:
        raise ValueError("several rules")
    for rule in rules:
        dates += _by_rule(rule, starts, before, range(max(year - 1, starts.year), year + COMPARED_YEARS + 1))
    for local in dates:
        at = local - before if local.year > 1 else local
        yield _Change(at.replace(tzinfo=UTC), after)


def _by_rule(rule: str, starts: datetime, before: timedelta, years: range) -> Iterator[datetime]:
    parts = dict(each.split("=") for each in rule.rstrip(";").split(";"))
    if parts["FREQ"] != "YEARLY" or not parts.keys() <= _PARTS or parts.get("INTERVAL", "1") != "1":
        raise ValueError(rule)
    until = _local(parts["UNTIL"]) if "UNTIL" in parts else None
    if until and parts["UNTIL"].endswith("Z"):
        until += before
    month = int(parts.get("BYMONTH", starts.month))
    days = [int(each) for each in parts["BYMONTHDAY"].split(",")] if "BYMONTHDAY" in parts else None
    if days is None and "BYDAY" not in parts:
        days = [starts.day]
    for year in years:
        for day in _days(year, month, days, parts.get("BYDAY")):
            at = datetime.combine(day, starts.time())
            if at >= starts and (until is None or at <= until):
                yield at


def _days(year: int, month: int, days: Sequence[int] | None, weekday: str | None) -> Iterator[date]:
    """The days of a month that a rule means: days of the month, one weekday, or both."""
    following = date(year + month // 12, month % 12 + 1, 1)
    length = (following - date(year, month, 1)).days
    found = [date(year, month, day) for day in range(1, length + 1)]
    if days is not None:
        found = [one for one in found if one.day in days or one.day - length - 1 in days]
    if weekday is not None:
        said = _WEEKDAY.fullmatch(weekday)
        if said is None:
            raise ValueError(weekday)
        found = [one for one in found if one.weekday() == _WEEKDAYS.index(said[2])]
        if said[1]:
            number = int(said[1])
            found = found[number - 1 : number] if number > 0 else found[number:][:1]
    yield from found


def _offset(changes: Sequence[_Change], at: datetime) -> timedelta:
    found = changes[0].offset
    for one in changes:
        if one.at > at:
            break
        found = one.offset
    return found


def _local(text: str) -> datetime:
    text = text.rstrip("Z")
    return datetime.strptime(text, "%Y%m%dT%H%M%S" if "T" in text else "%Y%m%d")


def _seconds(text: str) -> timedelta:
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise ValueError(text)
    size = timedelta(hours=int(found[2]), minutes=int(found[3]), seconds=int(found[4] or 0))
    if size >= timedelta(days=1):
        raise ValueError(text)
    return -size if found[1] == "-" else size
