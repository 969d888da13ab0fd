"""A crowd at the daemon's channel, as a program of its own: `python -m bench.listeners HOME COUNT`.

Each reads all that it is told and throws it away. It says `ready` when all have been told the whole state.
"""

import asyncio
import sys
from pathlib import Path

from pbx_control.live.listener import socket_name
from pbx_control.live.news import Listen, line_of
from pbx_control.settings import Home

LONGEST = 16 * 1024 * 1024
CHUNK = 1024 * 1024


async def _listen(name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(name, limit=LONGEST)
    writer.write(line_of(Listen()))
    await reader.readline()
    return reader, writer  # a writer that nobody keeps closes its connection


async def _main(home: Home, count: int) -> None:
    with socket_name(home) as name:
        peers = [await _listen(name) for _ in range(count)]
    print("ready", flush=True)
    await asyncio.gather(*(_drain(reader) for reader, _ in peers))


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(CHUNK):
        pass


if __name__ == "__main__":
    asyncio.run(_main(Home(Path(sys.argv[1])), int(sys.argv[2])))
