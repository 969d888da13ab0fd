"""What is committed here is told to the daemons of other machines, and the reverse: by LISTEN and NOTIFY of the one
PostgreSQL that they share.

Two connections of its own, in the loop; the calls' way only puts a line into a queue. What is too long for a
notification is not sent: the others are told to look into the database.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec
import psycopg
import structlog
from msgspec import Struct
from msgspec.structs import replace
from psycopg.conninfo import make_conninfo

from pbx_control.live.news import Answered, CallNow, Desks, Instruct, MessageNow

log = structlog.get_logger()

NOTICES = "pbx_control"
# NOTIFY takes less than 8000 bytes (PostgreSQL's manual, NOTIFY).
LONGEST_NOTICE = 7900
# So many calls are told in one notification: one has some 500 bytes.
CALLS_IN_ONE = 10
# So many notifications wait while the database is away; who comes back tells everything anew.
MOST_WAITING = 1000
# A database that is away is tried again so often, seconds.
RETRY_EVERY = 2.0
# A connection that died without a word is found out after this, seconds.
KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}

Connection = psycopg.AsyncConnection[tuple[object, ...]]


class Notice(Struct, frozen=True, omit_defaults=True):
    """One notification."""

    node: str  # whose it is
    calls: tuple[CallNow, ...] = ()
    messages: tuple[MessageNow, ...] = ()
    look: bool = False  # more is in the database
    began: bool = False  # it has just connected: forget its calls, and tell it yours
    ask: Instruct | None = None  # for whoever has that call; its `id` is repeated in the answer
    answer: Answered | None = None
    to: str = ""  # the node that asked
    loop: str = ""  # a call whose consultation has come back here as a call
    desks: Desks | None = None  # those of its web processes, all of them
    freed: int = 0  # the id of a secretary whose after-call work is over
    freed_call: str = ""  # of that call only


class Here(Protocol):
    """The channel, as the relay sees it."""

    def own_calls(self) -> Sequence[CallNow]: ...

    def node_began(self, node: str) -> None: ...

    def all_tell_anew(self) -> None: ...

    def told_by(self, node: str, calls: Sequence[CallNow], messages: Sequence[MessageNow], *, look: bool) -> None: ...

    def asked_by(self, node: str, ask: Instruct) -> None: ...

    def answered_by(self, answer: Answered) -> None: ...

    def loop_found(self, call_id: str) -> None: ...

    def own_desks(self) -> Desks: ...

    def desks_at(self, node: str, desks: Desks) -> None: ...

    def freed_elsewhere(self, secretary_id: int, call_id: str) -> None: ...


class Relay:
    """`run` works until it is cancelled; `tell`, `ask` and `answer` return at once. `node` names this daemon, also
    after its restart; `address` is libpq's."""

    def __init__(self, address: str, node: str, here: Here) -> None:
        self._address = address
        self.node = node
        self._here = here
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._something = asyncio.Event()

    # --- to the others ------------------------------------------------------------------------------------

    def tell(self, calls: Sequence[CallNow], messages: Sequence[MessageNow] = (), *, look: bool = False) -> None:
        """What was committed here."""
        for place in range(0, len(calls), CALLS_IN_ONE):
            self._put(Notice(self.node, calls=tuple(calls[place : place + CALLS_IN_ONE])))
        for place in range(0, len(messages), CALLS_IN_ONE):
            self._put(Notice(self.node, messages=tuple(messages[place : place + CALLS_IN_ONE])))
        if look:
            self._put(Notice(self.node, look=True))

    def ask(self, instruct: Instruct) -> None:
        """Something for a call that does not live here."""
        self._put(Notice(self.node, ask=instruct))

    def answer(self, answer: Answered, node: str) -> None:
        """To the daemon that asked."""
        self._put(Notice(self.node, answer=answer, to=node))

    def tell_loop(self, call_id: str) -> None:
        """To whoever has that call: its consultation has come back here."""
        self._put(Notice(self.node, loop=call_id))

    def tell_desks(self, desks: Desks) -> None:
        """Whose pages are open, or lost, at the web processes here."""
        self._put(Notice(self.node, desks=desks))

    def tell_freed(self, secretary_id: int, call_id: str) -> None:
        """Her after-call work is over; the row says so already."""
        self._put(Notice(self.node, freed=secretary_id, freed_call=call_id))

    def _put(self, notice: Notice) -> None:
        self._waiting.extend(_lines(notice))
        self._something.set()

    # --- the connections ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connects, and connects again."""
        told = False
        while True:
            try:
                async with await self._connected() as ear, await self._connected() as mouth:
                    told = False
                    await self._serve(ear, mouth)
            except* (psycopg.Error, OSError) as group:
                if not told:
                    log.warning("other daemons hear nothing at present", why=str(group.exceptions[0]).strip())
                told = True
            await asyncio.sleep(RETRY_EVERY)

    async def _connected(self) -> Connection:
        return await psycopg.AsyncConnection.connect(make_conninfo(self._address, **KEEPALIVE), autocommit=True)

    async def _serve(self, ear: Connection, mouth: Connection) -> None:
        """Listens first, then says that it is here: nothing is lost between the two."""
        await ear.execute(f"LISTEN {NOTICES}")
        self._waiting.clear()
        # What ended meanwhile is not told any more; who is there tells its calls anew when it hears of this one.
        self._here.all_tell_anew()
        self._put(Notice(self.node, began=True, look=True))
        self.tell(self._here.own_calls())
        self.tell_desks(self._here.own_desks())
        self._here.told_by(self.node, (), (), look=True)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._hear(ear))
            both.create_task(self._speak(mouth))

    async def _speak(self, mouth: Connection) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                await mouth.execute("SELECT pg_notify(%s, %s)", (NOTICES, self._waiting.popleft().decode()))

    async def _hear(self, ear: Connection) -> None:
        async for heard in ear.notifies():
            try:
                notice = msgspec.json.decode(heard.payload, type=Notice)
            except (msgspec.DecodeError, RecursionError):
                log.warning("a notification of another version, or of nobody's", length=len(heard.payload))
                continue
            if notice.node != self.node:
                self._take(notice)

    def _take(self, notice: Notice) -> None:
        if notice.began:
            self._here.node_began(notice.node)
            self.tell(self._here.own_calls())
            self.tell_desks(self._here.own_desks())
        if notice.desks:
            self._here.desks_at(notice.node, notice.desks)
        if notice.freed:
            self._here.freed_elsewhere(notice.freed, notice.freed_call)
        if notice.calls or notice.messages or notice.look:
            self._here.told_by(notice.node, notice.calls, notice.messages, look=notice.look)
        if notice.ask:
            self._here.asked_by(notice.node, notice.ask)
        if notice.loop:
            self._here.loop_found(notice.loop)
        if notice.answer and notice.to == self.node:
            self._here.answered_by(notice.answer)


def _lines(notice: Notice) -> Iterator[bytes]:
    """The notice as it travels: in halves if it is too long; what is too long by itself is looked up."""
    line = msgspec.json.encode(notice)
    if len(line) <= LONGEST_NOTICE:
        yield line
    elif len(notice.calls) > 1:
        half = len(notice.calls) // 2
        yield from _lines(replace(notice, calls=notice.calls[:half]))
        yield from _lines(replace(notice, calls=notice.calls[half:]))
    else:
        yield msgspec.json.encode(Notice(notice.node, look=True))
