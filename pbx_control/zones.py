"""Time zones: one source for our own clocks and for Asterisk's, whatever the machine has.

Two copies of the IANA's files may lie here: the machine's, and that of the package tzdata. The newer one counts.
Asterisk gets files that are made of what `zoneinfo` says: it does not understand every rule that a file may end with.
"""

import struct
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import tzdata

MACHINE = Path("/usr/share/zoneinfo")
# Its first line says which version it is: "# version 2026f".
LIST_OF_MACHINE = MACHINE / "tzdata.zi"
# What Asterisk is told of. The file's times end in January 2038; no zone changes its clocks twice within a STEP.
FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
STEP, SECOND = timedelta(days=5), timedelta(seconds=1)
# RFC 9636, version 1: counts of UT and standard indicators, leap seconds, transitions, types, letters.
HEADER = ">4s16x6l"


def use_newest() -> None:
    """Has `zoneinfo` read the newer of the two copies, before anybody has asked for a zone."""
    zoneinfo.reset_tzpath(to=[str(MACHINE)] if _version_of_machine() > tzdata.IANA_VERSION else [])


def version() -> str:
    """The version of the zones that count: "2026f"."""
    return str(max(_version_of_machine(), tzdata.IANA_VERSION))


@lru_cache
def content(name: str) -> bytes:
    """A file (TZif) with the clock of a zone of the IANA's list from FIRST to LAST, every change of it written out.

    Raises ClientMistake if there is no such zone.
    """
    # Imported here: whoever imports this package needs no zone's file yet.
    from pbx_control.domain import checks

    zone = zoneinfo.ZoneInfo(checks.timezone(name))
    found = [(FIRST, _offset(FIRST, zone)), *changes(zone, FIRST, LAST)]
    offsets = sorted({offset for _, offset in found})
    offsets.sort(key=lambda offset: offset != found[0][1])  # what holds before the first change comes first
    times = struct.pack(f">{len(found)}l", *(int(at.timestamp()) for at, _ in found))
    kinds = bytes(offsets.index(offset) for _, offset in found)
    types = b"".join(struct.pack(">lBB", offset, 0, 0) for offset in offsets)
    return struct.pack(HEADER, b"TZif", 0, 0, 0, len(found), len(offsets), 4) + times + kinds + types + b"---\0"


def changes(zone: zoneinfo.ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, int]]:
    """Each change of a zone's clock between two instants: its first second, and the offset from then on, seconds."""
    at, offset = start, _offset(start, zone)
    while at < end:
        following = min(at + STEP, end)
        if (then := _offset(following, zone)) != offset:
            yield _change(zone, at, following), then
        at, offset = following, then


def _change(zone: zoneinfo.ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The first second with the later offset."""
    before = _offset(low, zone)
    while high - low > SECOND:
        middle = low + timedelta(seconds=(high - low) // SECOND // 2)
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(at: datetime, zone: zoneinfo.ZoneInfo) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None  # a ZoneInfo always has one
    return int(offset.total_seconds())


@lru_cache
def _version_of_machine() -> str:
    try:
        with LIST_OF_MACHINE.open() as file:
            word, _, found = file.readline().removeprefix("# ").partition(" ")
    except OSError:
        return ""
    return found.strip() if word == "version" else ""
