"""This daemon among those that share its database: it takes its name at the start, and tells that it lives."""

import asyncio
import socket
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import structlog
from sqlalchemy import Engine

from pbx_control.errors import ClientMistake, StoreUnavailable
from pbx_control.settings import Home, Settings
from pbx_control.store import nodes
from pbx_control.store.engine import reading, writing
from pbx_control.store.nodes import BEAT_EVERY, Node

log = structlog.get_logger()

# A new name for each start of the machine; two that were cloned have different ones.
BOOT = Path("/proc/sys/kernel/random/boot_id")
# Whether another daemon still lives shows within this, in looks of a second each.
LOOKS, LOOK_EVERY = round(1.5 * BEAT_EVERY.total_seconds()), 1.0
# Claims of letters run out after a minute, and are judged by each node's own clock.
CLOCKS_DIFFER = timedelta(seconds=10)


class Membership:
    """`take_name` before any call is adopted; then `run`, for ever; `leave` at the end."""

    def __init__(self, home: Home, settings: Settings, engine: Engine) -> None:
        self._home = home
        self._name = settings.node.name
        self._engine = engine
        self.process = str(uuid4())  # the daemon, until it ends
        self._place = place_of(home)
        self._clock_told = False

    async def take_name(self) -> None:
        """Raises ClientMistake if another daemon lives under this one's name: one of the homes is a copy.

        One that was killed on another machine, or in another folder, is waited for: it gives no more signs of life.
        """
        first = await asyncio.to_thread(self._another)
        for _ in range(LOOKS if first else 0):
            await asyncio.sleep(LOOK_EVERY)
            found = await asyncio.to_thread(self._another)
            if found is None:
                break
            if first and found.seen_at > first.seen_at:
                raise ClientMistake(
                    "another daemon runs as node {node}, on {place}: give this home a name of its own, "
                    "[node] name in {file}",
                    node=self._name,
                    place=found.place,
                    file=self._home.settings_file,
                )
        await asyncio.to_thread(self._take)

    async def run(self) -> None:
        """Gives signs of life."""
        while True:
            await asyncio.sleep(BEAT_EVERY.total_seconds())
            with suppress(StoreUnavailable):  # the writer tells of a database that is away
                await asyncio.to_thread(self._beat)

    async def leave(self) -> None:
        """Nobody shall wait for this daemon's signs of life."""
        with suppress(StoreUnavailable):
            await asyncio.to_thread(self._stop)

    def _another(self) -> Node | None:
        """Who may run under this name elsewhere. In this very home nobody does: its lock is ours."""
        with reading(self._engine) as conn:
            found = nodes.find(conn, self._name)
        return found if found and found.is_alive and found.place != self._place else None

    def _take(self) -> None:
        with writing(self._engine) as conn:
            nodes.take(conn, self._name, self._place, self.process)

    def _beat(self) -> None:
        with writing(self._engine) as conn:
            self._look_at_clock(nodes.clock_ahead(conn))
            if nodes.beat(conn, self._name, self.process):
                return
            found = nodes.find(conn, self._name)
            if found is None or found.retired_at:
                # People talk on here: better a call without its last lines than one that is cut.
                log.error("this node was retired while it could not be heard: its calls are settled", node=self._name)
                nodes.take(conn, self._name, self._place, self.process)
                return
        log.error("another daemon has taken this node's name", node=self._name, place=found.place)

    def _look_at_clock(self, ahead: timedelta) -> None:
        if abs(ahead) < CLOCKS_DIFFER:
            self._clock_told = False
        elif not self._clock_told:
            self._clock_told = True
            log.warning(
                "this machine's clock and the database's differ: what several nodes share may be done twice",
                seconds_ahead=round(ahead.total_seconds()),
            )

    def _stop(self) -> None:
        with writing(self._engine) as conn:
            nodes.stop(conn, self._name, self.process)


def place_of(home: Home) -> str:
    """Where a home's daemon runs: machine, its boot, folder; and which folder that is, since two containers that have
    the machine's name may each have one of their own at that path."""
    boot = BOOT.read_text().strip()[:8] if BOOT.exists() else "?"
    folder = home.root.stat() if home.root.exists() else None
    which = f"{folder.st_dev:x}-{folder.st_ino:x}" if folder else "?"
    return f"{socket.gethostname()} ({boot}, {which}) {home.root}"
