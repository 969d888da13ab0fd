"""The three ways in which a call is set up, on one Asterisk: by pbx-control, by bare Dial(), by a FastAGI script."""

import asyncio
import itertools
import sys
from asyncio.subprocess import create_subprocess_exec
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import fastagi
from bench.lab import DID, FASTAGI_PORT, Lab

PBX_CONTROL, DIAL, FASTAGI = "pbx-control", "Dial()", "FastAGI"
ROOT = Path(__file__).parents[1]
# A trunk's calls come without a number, which the generated dialplan reads by itself; telephones know calls by it.
CALLER = "Set(CALLERID(num)=${CUT(CUT(PJSIP_HEADER(read,From),:,2),@,1)})"
# How long the FastAGI script may take to start, seconds.
START = 10.0


@dataclass(frozen=True, slots=True)
class Way:
    """One way: what the carrier dials for so many calls, and the process (if any) that controls them."""

    name: str
    targets: Callable[[int], list[str]]
    control: psutil.Process | None = None
    by_the_daemon: bool = False


@asynccontextmanager
async def ways(lab: Lab) -> AsyncIterator[list[Way]]:
    """The three ways, ready, for the length of the block.

    Bare Dial() is told the telephone by the number that the carrier dials: it does not even choose.
    """
    await lab.extension("_dial!", CALLER, "Dial,PJSIP/${EXTEN:4}")
    await lab.extension("fastagi", CALLER, f"AGI,agi://{fastagi.ADDRESS}:{FASTAGI_PORT}/")
    users = itertools.cycle(lab.users)
    async with _script(lab.users) as script:
        yield [
            Way(PBX_CONTROL, lambda calls: [DID] * calls, lab.daemon, by_the_daemon=True),
            Way(DIAL, lambda calls: [f"dial{next(users)}" for _ in range(calls)]),
            Way(FASTAGI, lambda calls: ["fastagi"] * calls, script),
        ]


@asynccontextmanager
async def _script(users: list[str]) -> AsyncIterator[psutil.Process]:
    words = (sys.executable, "-m", "bench.fastagi", str(FASTAGI_PORT), *users)
    process = await create_subprocess_exec(*words, cwd=ROOT)
    try:
        await asyncio.wait_for(_listens(), START)
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        await process.wait()


async def _listens() -> None:
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(fastagi.ADDRESS, FASTAGI_PORT)
            writer.close()
            return
        await asyncio.sleep(0.05)
