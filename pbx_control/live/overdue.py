"""Tells clients of calls whose message was not written in time, and again of urgent ones that nobody has seen
(docs/messages.md)."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import Engine

from pbx_control.services import messages, urgent
from pbx_control.services.steps import Rules
from pbx_control.store.engine import reading, writing

# Seconds between looks; who has little time left is looked at on the dot.
LOOK_EVERY = 2.0

log = structlog.get_logger()


class Overdue:
    """Looks for messages that are overdue or unseen, for ever; `wrote` is called after each commit with letters."""

    def __init__(self, engine: Engine, rules: Rules, clock: Callable[[], datetime], wrote: Callable[[], None]) -> None:
        self._engine = engine
        self._rules = rules
        self._clock = clock
        self._wrote = wrote

    async def run(self) -> None:
        """A database that is away ends it: whoever runs it begins it anew, and nothing is lost."""
        while True:
            pause = await asyncio.to_thread(self._until_due)
            await asyncio.sleep(pause)
            if not pause and (count := await asyncio.to_thread(self._give_up)):
                log.info("clients are told of what is overdue", count=count)
                self._wrote()

    def _give_up(self) -> int:
        with writing(self._engine) as conn:
            told = messages.give_up_waiting(conn, self._clock(), self._rules)
        # Apart: neither waits for the other.
        with writing(self._engine) as conn:
            return told + urgent.go_on(conn, self._clock(), self._rules)

    def _until_due(self) -> float:
        """Seconds until there is something to do, at most LOOK_EVERY; a read does not hold up the writer."""
        with reading(self._engine) as conn:
            dues = [one for one in (messages.next_due(conn), urgent.next_due(conn)) if one]
        due = min(dues, default=None)
        return LOOK_EVERY if due is None else min(LOOK_EVERY, max(0.0, (due - self._clock()).total_seconds()))
