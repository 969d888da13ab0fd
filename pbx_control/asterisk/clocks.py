"""Whether Asterisk, which keeps the hours while the daemon is away, counts time as we do: it is asked itself."""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pbx_control import zones
from pbx_control.asterisk.ami import connected
from pbx_control.asterisk.dialplan import ZONES, zone_file
from pbx_control.errors import Code, SwitchUnavailable
from pbx_control.settings import Home, Settings

# How far ahead: by then a new law is known, and there is a change of the clocks or none is to come.
AHEAD = timedelta(days=400)
STEP, SECOND = timedelta(days=1), timedelta(seconds=1)
WALL = "%Y%m%d%H%M%S"
# A command does not wait longer for all answers, seconds.
PATIENCE = 20.0


def compare(home: Home, settings: Settings, names: Iterable[str], now: datetime) -> dict[str, datetime]:
    """The zones, of those, in which Asterisk's wall clock is not ours within AHEAD, each with such a moment.

    Raises SwitchUnavailable if it does not answer.
    """
    try:
        return asyncio.run(asyncio.wait_for(_compare(home, settings, names, now), PATIENCE))
    except TimeoutError:
        raise SwitchUnavailable("Asterisk does not answer on AMI", Code.SWITCH_SILENT) from None


async def _compare(home: Home, settings: Settings, names: Iterable[str], now: datetime) -> dict[str, datetime]:
    found = {}
    async with connected(settings, home) as ami:
        for name in names:
            zone, file = ZoneInfo(name), home.asterisk / "etc" / ZONES / zone_file(name)
            if not file.exists():
                found[name] = now  # not asked for: Asterisk would keep in mind that it is UTC
                continue
            for at in moments(zone, now):
                theirs = await ami.value(f"STRFTIME({int(at.timestamp())},{file},{WALL})")
                if theirs != f"{at.astimezone(zone):{WALL}}":
                    found[name] = at
                    break
    return found


def moments(zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    """Each day within AHEAD, and the seconds before and after each change of the clocks."""
    start = now.astimezone(UTC).replace(microsecond=0)
    yield from (start + n * STEP for n in range(AHEAD // STEP))
    for change, _ in zones.changes(zone, start, start + AHEAD):
        yield from (change - SECOND, change)
