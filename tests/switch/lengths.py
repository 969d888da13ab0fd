"""Lengths that belong to a story: people speak, listen and wait for so long, and it is the point that they do.

Whatever is only waited for has an event, or is asked for again and again until `patience` ends.
"""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from pbx_control.world import audio
from pbx_control.world.legs import patience


async def talking(seconds: float) -> None:
    """A conversation lasts so long: both are to be heard on the other's leg."""
    await asyncio.sleep(seconds)


async def listening(seconds: float) -> None:
    """Somebody stays on the line so long for what he is told, or speaks into it."""
    await asyncio.sleep(seconds)


async def waiting(seconds: float) -> None:
    """Somebody waits so long, or nothing is to happen in so long."""
    await asyncio.sleep(seconds)


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Waits until something holds that no event tells of."""
    async with asyncio.timeout(patience(seconds)):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def unbroken(file: Path, hertz: float) -> float:
    """How long a tone is heard without a break, seconds. Where a leg was joined anew (domain/call/streams.py) a packet
    is missing: that is none."""
    found = audio.spans(file, hertz)
    assert all(later.start - one.end < 0.2 for one, later in pairwise(found)), found
    return found[-1].end - found[0].start
