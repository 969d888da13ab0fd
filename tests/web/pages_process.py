"""The pages' process, really started: by itself, or as the daemon's child. No Asterisk is there."""

import asyncio
import re
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pbx_control.world.installation import Installation
from pbx_control.world.legs import patience


@asynccontextmanager
async def started(office: Installation, *words: str) -> AsyncIterator[Process]:
    """A command that goes on until the block ends."""
    process = await create_subprocess_exec(*office.command, *words, env=office.environment, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def said(process: Process, pattern: str) -> str:
    """The first line of its log that has that; it is read up to there."""
    assert process.stderr
    async with asyncio.timeout(patience(30)):
        async for line in process.stderr:
            if re.search(pattern, line.decode()):
                return line.decode()
    raise AssertionError(f"it ended without saying {pattern}")
