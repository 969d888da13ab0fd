"""Goes round clients' remote calendars, each once a minute; a process of its own, of which one at a time works.

What became of several calendars is kept in one transaction: live calls share the database's writer.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from pbx_control.clock import now
from pbx_control.errors import StoreUnavailable
from pbx_control.services import calendar_sync, leases
from pbx_control.services.calendar_sync import Connect, Turn
from pbx_control.store import remotes
from pbx_control.store.engine import reading

# Seconds from one look for what is due to the next.
LOOK = 1.0
# So many calendars at once: most of a turn is waiting for the other side.
AT_ONCE = 16
# Calendars of one client's server: one that hangs holds up no other's for longer than its limit of time.
LEASE, LEASE_NAME = timedelta(seconds=60), "remote-calendars"
RENEW = LEASE / 3
# What is under way gets so long when the process ends, seconds.
GOODBYE = 5.0

log = structlog.get_logger()


class Mirroring:
    """The round. `holder` names this process among several; `clock` gives the present instant."""

    def __init__(self, engine: Engine, connect: Connect, holder: str, clock: Callable[[], datetime] = now) -> None:
        self._engine = engine
        self._connect = connect
        self._holder = holder
        self._clock = clock
        self._under_way: dict[int, Future[Turn | None]] = {}
        self._leased_until: datetime | None = None
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ends `run` soon; may be called from a signal's handler."""
        self._stopping.set()

    def run(self) -> None:
        """Goes round until it is stopped. Whatever goes wrong, it goes on."""
        pool = ThreadPoolExecutor(AT_ONCE, "calendar")
        while not self._stopping.is_set():
            try:
                if self._is_ours():
                    self.go_round(pool)
            except StoreUnavailable as error:
                log.warning("mirroring.store_away", why=str(error))
            except Exception:
                log.exception("mirroring.failed")
            self._stopping.wait(LOOK)
        pool.shutdown(wait=False, cancel_futures=True)
        self._wait_for_last()

    def go_round(self, pool: ThreadPoolExecutor) -> None:
        """Keeps what has ended, and begins what is due."""
        self._keep_ended()
        free = AT_ONCE - len(self._under_way)
        if free <= 0:
            return
        with reading(self._engine) as conn:
            due = remotes.due(conn, self._clock(), free + len(self._under_way))
        for calendar_id in [one for one in due if one not in self._under_way][:free]:
            self._under_way[calendar_id] = pool.submit(
                calendar_sync.take_turn, self._engine, self._connect, calendar_id, self._clock
            )

    def _keep_ended(self) -> None:
        ended = {one: future for one, future in self._under_way.items() if future.done()}
        calendar_sync.keep(self._engine, [turn for one, future in ended.items() if (turn := _result(one, future))])
        for one in ended:
            del self._under_way[one]

    def _is_ours(self) -> bool:
        """Whether this process goes round: of several one does. What is under way ends before its lease does."""
        at = self._clock()
        if self._leased_until is None or self._leased_until - at < LEASE - RENEW:
            is_taken = leases.take(self._engine, LEASE_NAME, self._holder, LEASE, at)
            self._leased_until = at + LEASE if is_taken else None
        return self._leased_until is not None

    def _wait_for_last(self) -> None:
        ends = time.monotonic() + GOODBYE
        while self._under_way and time.monotonic() < ends:
            try:
                self._keep_ended()
            except StoreUnavailable as error:
                log.warning("mirroring.store_away", why=str(error))
                return
            time.sleep(0.05)


def _result(calendar_id: int, future: "Future[Turn | None]") -> Turn | None:
    if future.cancelled():
        return None
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, StoreUnavailable):
        log.error("calendar.failed", calendar=calendar_id, exc_info=error)
    return None
