"""Keeps who is there, and when, for whoever plans the secretaries' time (docs/staffing.md)."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sqlalchemy import Engine

from pbx_control.domain.desk.duty import PRESENT, Present, state_of
from pbx_control.live.news import SecretaryNow
from pbx_control.store import attendance
from pbx_control.store.engine import writing

# Seconds between looks; half hours are planned, so a state that lasts less is not missed.
LOOK_EVERY = 15.0
# That everything is as it was is written down so often: a daemon that is killed loses no more.
WRITE_EVERY = timedelta(minutes=1)
# Nobody looked for so long (the machine slept): what was before is over.
LOST = timedelta(minutes=5)


class Attending:
    """Looks at the secretaries for ever."""

    def __init__(
        self, engine: Engine, secretaries: Callable[[], Iterable[SecretaryNow]], clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._secretaries = secretaries
        self._clock = clock
        self._kept: dict[int, tuple[Present, int]] = {}
        self._seen_at: datetime | None = None

    async def run(self) -> None:
        """A database that is away ends it: whoever runs it begins it anew."""
        while True:
            there = present(self._secretaries(), self._clock())
            await asyncio.to_thread(self.note, there, self._clock())
            await asyncio.sleep(LOOK_EVERY)

    def note(self, there: dict[int, Present], at: datetime) -> None:
        """Keeps who is there at that instant, if that has changed or is due."""
        if self._seen_at and at - self._seen_at > LOST:
            self._kept = {}
        same = {who: state for who, (state, _) in self._kept.items()} == there
        if same and (not there or (self._seen_at and at - self._seen_at < WRITE_EVERY)):
            return
        with writing(self._engine) as conn:
            known = attendance.known_secretaries(conn, there)
            there = {who: state for who, state in there.items() if who in known}
            self._kept = attendance.see(conn, self._kept, there, at)
        self._seen_at = at


def present(secretaries: Iterable[SecretaryNow], at: datetime) -> dict[int, Present]:
    """Those who are there: what each does. Nobody is whose telephone or page is away."""
    states = {who.id: state_of(who, at).state for who in secretaries}
    return {who: PRESENT[state] for who, state in states.items() if state in PRESENT}
