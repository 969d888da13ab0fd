"""Keeps Asterisk's own log from growing for ever: a stranger can have it write as many warnings as he likes."""

import asyncio
import re
from contextlib import suppress
from pathlib import Path

from pbx_control.asterisk.ami import connected
from pbx_control.errors import SwitchUnavailable
from pbx_control.settings import Home, Settings

# Asterisk begins a new file once this one is larger, bytes, and so many full ones are kept: 50 MB together.
LARGEST = 10_000_000
KEPT = 4
_FULL = re.compile(r"messages\.log\.(\d+)")


def turn_over(home: Home, settings: Settings) -> int:
    """Has Asterisk begin a new file if that is due, and removes what is older than the newest; gives how many bytes the
    present one has."""
    folder = home.asterisk / "log"
    present = folder / "messages.log"
    if _size(present) > LARGEST:
        with suppress(SwitchUnavailable):  # an Asterisk that is away writes nothing; it is tried again
            asyncio.run(_begin_new(settings, home))
    for path in folder.glob("messages.log.*"):
        found = _FULL.fullmatch(path.name)
        if found and int(found[1]) >= KEPT:
            path.unlink(missing_ok=True)
    return _size(present)


async def _begin_new(settings: Settings, home: Home) -> None:
    async with connected(settings, home) as ami:
        # logger.conf: the full ones are numbered, 0 is the newest
        await ami.ask("LoggerRotate")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
