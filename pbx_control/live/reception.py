"""What the daemon does around its calls: adopts live ones, receives callers, keeps the configuration current."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Engine

from pbx_control.asterisk.ari import Ari, path
from pbx_control.asterisk.translate import Arrival
from pbx_control.clock import now
from pbx_control.domain.call.commands import Dial, InspectMessage
from pbx_control.domain.call.events import FilesInspected, MessageInspected
from pbx_control.domain.call.model import Call, Caller, Limit
from pbx_control.domain.office import Office
from pbx_control.domain.telephony import loops
from pbx_control.domain.telephony.loops import Arriving
from pbx_control.domain.telephony.numbering import caller_number, country_of, numbers_in
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.errors import StoreUnavailable
from pbx_control.live.directory import Directory
from pbx_control.live.kept_running import AGAIN_AFTER
from pbx_control.live.switchboard import Inspection, Switchboard
from pbx_control.live.writer import SLOW
from pbx_control.media import recordings
from pbx_control.settings import Home
from pbx_control.store import calls, limits
from pbx_control.store.engine import node_here, reading, writing
from pbx_control.store.snapshot import read_office

log = structlog.get_logger()

T = TypeVar("T")

# So many calls are looked at: the two ways of one differ by seconds at most.
MOST_REQUESTS = 1000


async def adopt_live_calls(board: Switchboard, engine: Engine, index: Callable[[Office], Directory]) -> None:
    """Staffs the floor and adopts the calls that an earlier daemon left. `index` makes a directory of an office."""
    known = await asyncio.to_thread(_remembered, engine)
    for call in known.live:
        board.adopt(call, known.journals.get(call.id, 0))
    board.dialled_before(known.dialled)
    board.staff(index(known.office), known.idle_since)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the store knows when a daemon starts."""

    office: Office
    live: list[Call]
    journals: dict[str, int]  # a live call's id -> the length of its journal
    idle_since: dict[int, datetime]  # a secretary's id -> the end of her last conversation
    dialled: dict[int, int]  # a client's id -> how often its contacts were called today (UTC)


def _remembered(engine: Engine) -> Remembered:
    with writing(engine) as conn:
        calls.release_forgotten_seats(conn)
    with reading(engine) as conn:
        live = calls.live(conn, node_here(conn))
        return Remembered(
            office=read_current_office(engine),
            live=live,
            journals=calls.journal_lengths(conn, [call.id for call in live]),
            idle_since=calls.last_conversations(conn),
            dialled=calls.dialled_today(conn, now().astimezone(UTC).date()),
        )


def read_current_office(engine: Engine) -> Office:
    """The office as the store has it now."""
    with reading(engine) as conn:
        return read_office(conn, now().date())


def caller_of(arrival: Arrival) -> Caller:
    """Who calls, cleaned: a number as the DID's country dials it, a name of printable characters."""
    number = caller_number(arrival.number, country_of(arrival.did) or "CL")
    return Caller(number, clean_line(arrival.name, NAME_LIMIT))


def came_back(board: Switchboard, arrival: Arrival) -> str | None:
    """Whether it is no caller but a consultation of ours that a contact's telephone forwards to us, and of which call:
    see `domain.loops.came_back`."""
    return loops.came_back(_arriving(arrival), board.calls) if board.directory else None


def _arriving(arrival: Arrival) -> Arriving:
    country = country_of(arrival.did) or "CL"
    forwarded_by = frozenset(numbers_in(arrival.diverted_by, country))
    return Arriving(arrival.did, caller_number(arrival.number, country), forwarded_by, arrival.mark)


class FromElsewhere:
    """Asks the database whether an arriving call is a consultation of another daemon's that came back. Few calls look
    like one; whoever hung up meanwhile is nobody's."""

    def __init__(
        self,
        engine: Engine,
        board: Switchboard,
        serve: Callable[[Arrival], None],
        refuse: Callable[[Arrival, str], None],
    ) -> None:
        self._engine = engine
        self._board = board
        self._serve = serve
        self._refuse = refuse
        self._asking: dict[str, asyncio.Task[None]] = {}

    def looks_at(self, arrival: Arrival) -> bool:
        """Whether it takes the call over: then it is served or refused in a moment."""
        if arrival.channel not in self._asking:
            arriving = _arriving(arrival)
            directory = self._board.directory
            if not loops.may_have_come_back(arriving, directory.contacts_of(arrival.did) if directory else ()):
                return False
            self._asking[arrival.channel] = asyncio.create_task(self._look(arrival, arriving))
        return True

    def gone(self, channel: str) -> None:
        """A channel has ended."""
        if looking := self._asking.pop(channel, None):
            looking.cancel()

    async def _look(self, arrival: Arrival, arriving: Arriving) -> None:
        call_id = await _in_time(partial(self._came_back, arriving))
        del self._asking[arrival.channel]
        if call_id is None:
            self._serve(arrival)
        else:
            self._refuse(arrival, call_id)

    def _came_back(self, arriving: Arriving) -> str | None:
        with reading(self._engine) as conn:
            return loops.came_back(arriving, calls.asking_elsewhere(conn, node_here(conn)))


async def _in_time(ask: Callable[[], T]) -> T | None:
    """What the database says; None if it does not within a moment: a caller waits."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(ask), SLOW)
    except (StoreUnavailable, TimeoutError):
        return None
    except Exception:
        log.exception("what the database was asked about a call failed")
        return None


async def limit_reached(engine: Engine, dial: Dial) -> Limit | None:
    """Which limit, over all daemons that share the database, the contact's leg is beyond; None if none is, or if the
    database does not tell in time: the switch counts its own trunk's calls besides."""

    def ask() -> Limit | None:
        with writing(engine) as conn:
            return limits.reached(conn, dial)

    return await _in_time(ask)


class Requests:
    """The requests of calls that are there: one that comes by two ways is one call (RFC 3261 8.2.2.2)."""

    def __init__(self) -> None:
        self._first: OrderedDict[str, str] = OrderedDict()  # a request -> the channel by which it came first
        self._of: dict[str, str] = {}  # such a channel -> its request

    def is_merged(self, arrival: Arrival) -> bool:
        """Whether the call's request has come by another channel, which is still there."""
        if not arrival.request:
            return False
        first = self._first.setdefault(arrival.request, arrival.channel)
        if first == arrival.channel:
            self._of[first] = arrival.request
        if len(self._first) > MOST_REQUESTS:
            self._of.pop(self._first.popitem(last=False)[1], None)
        return first != arrival.channel

    def gone(self, channel: str) -> None:
        """A channel has ended: a carrier that tries another way after that makes a new call."""
        self._first.pop(self._of.pop(channel, ""), None)


def refuse(ari: Ari, arrival: Arrival, why: str) -> None:
    """No call of anybody's begins. `why`: an extension of [refusal] in the dialplan, where refusals are counted."""
    log.warning("an arriving call is refused", why=why, channel=arrival.channel, did=arrival.did)
    target = path("channels", arrival.channel, "continue")
    ari.request("POST", target, context="refusal", extension=why, priority=1)


def send_to_fallback(ari: Ari, arrival: Arrival) -> None:
    """The daemon cannot serve this call at present: the generated dialplan does."""
    log.warning("a call goes to the fallback", call=arrival.channel, did=arrival.did)
    target = path("channels", arrival.channel, "continue")
    ari.request("POST", target, context="fallback", extension=arrival.did, priority=1)


async def look_at_files(home: Home, board: Switchboard, call_id: str, command: Inspection) -> None:
    """Posts to a call what its files hold. A look that fails is begun anew as long as the call is there: the call's own
    deadline says for how long it waits."""
    while True:
        try:
            found = await asyncio.to_thread(inspect, home, command)
        except Exception:
            what = type(command).__name__
            log.exception("a call's files could not be looked at; it is tried again", call=call_id, command=what)
        else:
            board.post(call_id, found)
            return
        if board.call(call_id) is None:
            return
        await asyncio.sleep(AGAIN_AFTER)


def inspect(home: Home, command: Inspection) -> FilesInspected | MessageInspected:
    """Looks at a call's files, or at a message that was left just now. Runs in a thread; a file that cannot be read
    counts as missing."""
    room = recordings.has_room(home.recordings)
    if isinstance(command, InspectMessage):
        # Not settled: Asterisk may not have closed it yet.
        found = recordings.inspect(home.recordings / command.message)
        return MessageInspected(now(), found.seconds if found.has_header else None, room)
    message = _seconds(home.recordings, command.message)
    if message and not recordings.is_spoken(home.recordings / command.message):
        message = 0.0  # he waited for the tone and said nothing
    return FilesInspected(now(), _seconds(home.recordings, command.recording), message, room)


def _seconds(folder: Path, name: str) -> float | None:
    if not name:
        return None
    found = recordings.settle(folder / name)
    return found.seconds if found.has_header else None
