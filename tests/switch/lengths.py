"""Lengths that belong to a story: people speak, listen and wait for so long, and it is the point that they do.

Whatever is only waited for has an event, or is asked for again and again until `patience` ends.
"""

import asyncio
from collections.abc import Callable

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
