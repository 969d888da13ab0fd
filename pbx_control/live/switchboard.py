"""The runner: an event enters its call's inbox, the flow decides, the writer remembers, the switch is told.

One inbox for each call instead of locks. Nothing here decides what happens to a call: that is domain/call/flow.py,
and domain/floor.py says who is offered it.
"""

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import structlog
from msgspec.structs import replace

from pbx_control import faults
from pbx_control.clock import now
from pbx_control.domain import floor
from pbx_control.domain.call import flow, journal
from pbx_control.domain.call.commands import (
    ClaimSeat,
    Command,
    FreeSeat,
    InspectFiles,
    InspectMessage,
    NoteDialling,
    NoteForward,
    PauseSeat,
    ReserveUnit,
    Ring,
    StoreCommand,
    SwitchCommand,
)
from pbx_control.domain.call.events import (
    Asked,
    CallArrived,
    DeadlinePassed,
    Event,
    KeyPressed,
    Offered,
    OfferLost,
    SeatClaimed,
    Surroundings,
)
from pbx_control.domain.call.model import Call, Caller, Phase, Seat
from pbx_control.domain.floor import Chair
from pbx_control.live.directory import Directory, chair_of
from pbx_control.store.calls import Entry, Save
from pbx_control.store.writer import SLOW, Writer

log = structlog.get_logger()

# Whom another daemon has claimed is not tried again for so long.
PAUSE_AFTER_LOST_CLAIM = timedelta(seconds=1)
# Phases in which a contact is called or talked with.
WITH_CONTACT = (Phase.CALLING_CONTACT, Phase.CONSULTING, Phase.HANDED_OVER)

# Phases in which a secretary's telephone is in a conversation.
WITH_HER = (Phase.TALKING, Phase.CALLING_CONTACT, Phase.CONSULTING)

# The loop's clock and the wall's may differ by a hair.
CLOCKS_DIFFER = timedelta(milliseconds=50)

Inspection = InspectFiles | InspectMessage
Perform = Callable[[str, Command], None]


@dataclass(slots=True)
class LiveCall:
    """A call under way: its state, what has happened and waits to be stepped, and its place in the journal."""

    call: Call
    saved: bool = False  # whether the store has a row of it
    seq: int = 0  # last line written to its journal
    inbox: deque[Event] = field(default_factory=deque)
    pumping: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it is under way."""
        return not (self.pumping or self.inbox)


@dataclass(slots=True)
class Stepped:
    """One step: what it came from, what is to be saved of it, and what is to be performed once it is saved."""

    event: Event
    before: Call
    save: Save | None
    commands: list[SwitchCommand]
    lines: int = 0  # that it adds to the journal


@dataclass(slots=True)
class Dialled:
    """How often each client's contacts were dialled on one UTC day, by the client's id."""

    day: date = date.min
    times: dict[int, int] = field(default_factory=dict)

    def today(self, client_id: int, at: datetime) -> int:
        """So often for that client on the day of `at`."""
        return self.times.get(client_id, 0) if at.astimezone(UTC).date() == self.day else 0

    def count(self, client_id: int, at: datetime) -> None:
        """Once more."""
        times = self.today(client_id, at) + 1
        if at.astimezone(UTC).date() != self.day:
            self.day, self.times = at.astimezone(UTC).date(), {}
        self.times[client_id] = times


class Switchboard:
    """All live calls and the floor. Every method runs in the event loop and returns at once.

    `perform(call id, command)` tells the switch; `inspect(call id, command)` has the files looked at.
    """

    def __init__(self, writer: Writer, perform: Perform, inspect: Callable[[str, Inspection], None]) -> None:
        self._writer = writer
        self._perform = perform
        self._inspect = inspect
        self._calls: dict[str, LiveCall] = {}
        self._waiting: set[str] = set()  # ids of the calls in WAITING
        self._chairs: dict[int, Chair] = {}
        self._sits_at: dict[str, int] = {}  # a telephone's user -> the secretary's id
        self._floor_timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_hold = False
        self._dialled = Dialled()
        self.directory: Directory | None = None

    # --- what it knows ------------------------------------------------------------------------------------

    @property
    def calls(self) -> Iterable[Call]:
        """The live calls."""
        return [live.call for live in self._calls.values()]

    def call(self, call_id: str) -> Call | None:
        """A live call, or None."""
        live = self._calls.get(call_id)
        return live.call if live else None

    @property
    def chairs(self) -> Iterable[Chair]:
        """The floor."""
        return self._chairs.values()

    def unreachable_legs(self) -> list[str]:
        """The legs of secretaries who talk by a telephone that no longer answers the switch."""
        held = (self.call(chair.held_by) for chair in self._chairs.values() if chair.held_by and not chair.registered)
        return [call.secretary_leg for call in held if call and call.seat and call.phase in WITH_HER]

    def settled(self) -> dict[str, Call]:
        """The calls of which nothing is under way at this moment: what they want is what the switch was told."""
        return {call_id: live.call for call_id, live in self._calls.items() if live.is_settled}

    def settled_call(self, call_id: str) -> Call | None:
        """One of them, or None."""
        live = self._calls.get(call_id)
        return live.call if live and live.is_settled else None

    # --- what happens to it -------------------------------------------------------------------------------

    def arrive(self, call_id: str, did: str, caller: Caller, *, early_media: bool = False) -> bool:
        """A caller has entered; `early_media`: his carrier lets him hear us before the answer. False if this call
        cannot be served here and belongs into the dialplan's fallback: its DID is not known yet, or steps cannot be
        saved at present."""
        if call_id in self._calls:  # a comparison found him before his own event came
            return True
        facts = self.directory.facts(did, at := now(), caller.number) if self.directory else None
        if facts is None or self._writer.stalled:
            return False
        self._calls[call_id] = LiveCall(Call(call_id))
        self.post(call_id, CallArrived(at, replace(facts, early_media=early_media), caller))
        return True

    def post(self, call_id: str, event: Event) -> None:
        """Puts an event into its call's inbox. One for a call that is over is dropped."""
        live = self._calls.get(call_id)
        if live is None:
            return
        live.inbox.append(event)
        if not live.pumping:
            live.pumping = True
            self._spawn(self._pump(live))

    def adopt(self, call: Call, seq: int) -> None:
        """Takes over a live call that the store remembers from an earlier daemon; `seq` is its journal's length."""
        self._calls[call.id] = LiveCall(call, saved=True, seq=seq)
        if call.seat:
            self._hold(call.seat.secretary_id, call.id)
        self._note_phase(call)
        self._set_timer(self._calls[call.id])

    def staff(self, directory: Directory, idle_since: dict[int, datetime]) -> None:
        """Takes over a new revision of the office; what is known of telephones and calls stays."""
        self.directory = directory
        at = now()
        old = self._chairs
        self._chairs = {
            secretary.id: self._reseated(chair_of(secretary, idle_since.get(secretary.id, at)), old.get(secretary.id))
            for secretary in directory.office.secretaries
        }
        self._sits_at = {chair.seat.user: secretary_id for secretary_id, chair in self._chairs.items()}
        self.look_at_floor()

    def dialled_before(self, today: dict[int, int]) -> None:
        """How often each client's contacts (by the client's id) were dialled today (UTC) by earlier daemons."""
        self._dialled = Dialled(now().astimezone(UTC).date(), dict(today))

    def registered(self, user: str, is_registered: bool) -> None:
        """A telephone has registered or gone."""
        self._change_chair(user, lambda chair: replace(chair, registered=is_registered))

    def busy(self, user: str, is_busy: bool) -> None:
        """A telephone is (no longer) in a conversation that is not one of ours: one of the fallback's."""
        self._change_chair(user, lambda chair: replace(chair, busy=is_busy))

    def tried_again(self, user: str) -> None:
        """A pause of the system's is over: one more refusal pauses her anew."""
        once_more = {"paused": False, "refusals": flow.REFUSALS_BEFORE_PAUSE - 1}
        self._change_chair(user, lambda chair: replace(chair, **once_more))

    def hold(self) -> None:
        """Nobody knows at present what the switch has: deadlines and offers wait. What people did meanwhile must be
        known before a telephone that somebody may have answered is given up."""
        self._on_hold = True
        for live in self._calls.values():
            self._set_timer(live)

    def resume(self) -> None:
        """What the switch has is known again: what fell due meanwhile happens now, after what was found."""
        self._on_hold = False
        for live in self._calls.values():
            self._set_timer(live)
        self.look_at_floor()

    async def drained(self) -> None:
        """Waits until every step under way is saved and told."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    # --- one call's steps ---------------------------------------------------------------------------------

    async def _pump(self, live: LiveCall) -> None:
        try:
            while live.inbox:
                steps = self._take_steps(live)
                remembered = await self._saved([stepped.save for stepped in steps if stepped.save])
                if refused := _beyond(steps, remembered):
                    steps = steps[: -len(refused)]
                    self._undo(live, refused)
                for command in _in_telling_order(steps):
                    self._tell_switch(live.call.id, command)
                if faults.ARMED:
                    faults.reach_soon(faults.AFTER_PERFORMING, live.call)
        finally:
            live.pumping = False
            self._set_timer(live)
            if live.call.phase is Phase.ENDED:
                self._calls.pop(live.call.id, None)

    def _take_steps(self, live: LiveCall) -> list[Stepped]:
        """Steps what is in the inbox; all of it is saved by one commit. An offer is the last of its batch, since its
        claim may turn out to be lost."""
        steps = []
        while live.inbox:
            event = live.inbox.popleft()
            steps.append(self._step(live, event))
            if isinstance(event, Offered):
                break
        return steps

    def _step(self, live: LiveCall, event: Event) -> Stepped:
        before = live.call
        stale = flow.is_stale(before, event)
        if isinstance(event, KeyPressed | Asked):
            event = dataclasses.replace(event, around=self._surroundings(before, event.at))
        after, commands = flow.step(before, event)
        if isinstance(event, Offered) and before is after:
            self._offer_declined(event)
            stale = True
        if stale:
            return Stepped(event, before, None, _for_switch(commands))
        entries = self._entry(live, event, before, after)
        if any(isinstance(command, ClaimSeat) for command in commands):
            claimed = SeatClaimed(event.at)
            middle, (after, more) = after, flow.step(after, claimed)
            entries += self._entry(live, claimed, middle, after)
            commands = [*commands, *more]
        live.call = after
        self._count_dialling(after, commands, event.at)
        self._mind_the_floor(after, commands, event.at)
        if after is before and not entries:  # a key of hers that is passed on, say: nothing to remember
            return Stepped(event, before, None, _for_switch(commands))
        save = Save(after, not live.saved, tuple(entries), _for_store(commands), only_noted=after is before)
        live.saved = True
        return Stepped(event, before, save, _for_switch(commands), len(entries))

    def _offer_declined(self, event: Offered) -> None:
        """The call went elsewhere while the offer was on its way: she is free for the next one."""
        self._change(event.seat.secretary_id, lambda chair: replace(chair, held_by=""))
        self.look_at_floor()

    def _entry(self, live: LiveCall, event: Event, before: Call, after: Call) -> list[Entry]:
        """The journal's line about an event; none about what is not worth keeping."""
        details = journal.details(event, before, after)
        if details is None:
            return []
        live.seq += 1
        return [Entry(live.seq, event.at, type(event).__name__, details)]

    def _surroundings(self, call: Call, at: datetime) -> Surroundings:
        """What a command of hers depends on outside its call."""
        if call.facts is None:
            return Surroundings()
        client = call.facts.client_id
        others = (each for each in self.calls if each.id != call.id and each.phase in WITH_CONTACT)
        dialled_now = sum(each.known.client_id == client for each in others)
        return Surroundings(dialled_now, self._dialled.today(client, at), self._languages_beside(call))

    def _languages_beside(self, call: Call) -> frozenset[str]:
        """What those speak who may answer the call and are there, she who has it left out."""
        others = (chair for chair in self._chairs.values() if not (call.seat and chair.seat.user == call.seat.user))
        there = (chair for chair in others if chair.registered and not chair.paused and chair.may_answer(call))
        return frozenset(language for chair in there for language in chair.languages)

    def _count_dialling(self, call: Call, commands: Iterable[Command], at: datetime) -> None:
        for command in commands:
            if isinstance(command, NoteDialling):
                self._dialled.count(call.known.client_id, at)

    async def _saved(self, steps: Sequence[Save]) -> int:
        """How many of the steps may be performed: those from the first on whose claim was lost may not. A database
        that is slow or away does not hold up a live call: its steps are saved in order when it is back. One that
        needs a unit of its client's calls is not live yet; if it waits too long the switch serves it alone."""
        if not steps:
            return 0
        saved = self._writer.saved(steps)
        if _needs_unit(steps[0]):
            return await saved
        await asyncio.wait([saved], timeout=0 if self._writer.stalled else SLOW)
        return saved.result() if saved.done() else len(steps)

    def _undo(self, live: LiveCall, refused: Sequence[Stepped]) -> None:
        """Steps that the store did not remember have never been. Either the first one's offer was lost to another
        daemon, or the arriving call's client had no unit left for it: then the call arrives anew."""
        first, *later = refused
        if isinstance(first.event, CallArrived):
            self._turn_away(live, first, later)
        else:
            self._offer_lost(live, first)

    def _turn_away(self, live: LiveCall, arrival: Stepped, later: Sequence[Stepped]) -> None:
        again: list[Event] = [flow.turned_away(arrival.event)]
        for stepped in later:
            if isinstance(stepped.event, Offered):
                self._offer_declined(stepped.event)
            else:
                again.append(stepped.event)
        live.call, live.saved, live.seq = arrival.before, False, 0
        self._note_phase(live.call)
        live.inbox.extendleft(reversed(again))

    def _offer_lost(self, live: LiveCall, stepped: Stepped) -> None:
        """Another daemon on the same store claimed her first: the offer has never been. She is not offered anything
        for a moment: the floor would try her again at once."""
        offered, at = live.call, now()
        live.seq -= stepped.lines
        live.call = replace(stepped.before, phase=Phase.OFFERING, seat=offered.seat, offers=offered.offers)
        if offered.seat:
            taken = {"held_by": "", "free_from": at + PAUSE_AFTER_LOST_CLAIM}
            self._change(offered.seat.secretary_id, lambda chair: replace(chair, **taken))
        live.inbox.appendleft(OfferLost(at))

    def _tell_switch(self, call_id: str, command: SwitchCommand) -> None:
        if isinstance(command, InspectFiles | InspectMessage):
            self._inspect(call_id, command)
        else:
            self._perform(call_id, command)

    def _set_timer(self, live: LiveCall) -> None:
        if live.timer:
            live.timer.cancel()
            live.timer = None
        if self._on_hold:
            return
        if nearest := live.call.next_deadline:
            delay = (nearest[1] - now()).total_seconds()
            live.timer = asyncio.get_running_loop().call_later(max(0.0, delay), self._deadline, live)

    def _deadline(self, live: LiveCall) -> None:
        nearest = live.call.next_deadline
        if nearest is None:
            return
        name, due = nearest
        if due - now() > CLOCKS_DIFFER:  # the timer was for an earlier one, which has gone while a step was being saved
            self._set_timer(live)
            return
        place = floor.position(live.call, self.calls, self._chairs.values()) if name == "position" else 1
        self.post(live.call.id, DeadlinePassed(max(now(), due), name, place))

    # --- the floor ----------------------------------------------------------------------------------------

    def look_at_floor(self) -> None:
        """Offers waiting calls to free secretaries; called after each step that touches either side."""
        if self._on_hold or not self._waiting:
            return
        at = now()
        waiting = floor.queue(self._calls[call_id].call for call_id in self._waiting)
        pairs, again_at = floor.assign(waiting, self._chairs.values(), at)
        for call_id, seat in pairs:
            self._waiting.discard(call_id)
            self._hold(seat.secretary_id, call_id)
            self.post(call_id, Offered(at, seat))
        if self._waiting:
            self._look_again([each for each in (again_at, floor.next_free(self._chairs.values(), at)) if each])

    def _look_again(self, instants: Sequence[datetime]) -> None:
        if self._floor_timer:
            self._floor_timer.cancel()
            self._floor_timer = None
        if instants:
            delay = max(0.0, (min(instants) - now()).total_seconds())
            self._floor_timer = asyncio.get_running_loop().call_later(delay, self.look_at_floor)

    def _mind_the_floor(self, call: Call, commands: Iterable[Command], at: datetime) -> None:
        self._note_phase(call)
        for command in commands:
            if isinstance(command, FreeSeat):
                self._free(command, call.id, at)
            elif isinstance(command, PauseSeat):
                self._change(command.secretary_id, lambda chair: replace(chair, paused=True))
                log.warning("a telephone refuses every call: its secretary is paused", secretary=command.name)
            elif isinstance(command, NoteForward):
                self._note_forward(command)
        if self._waiting:
            self.look_at_floor()

    def _note_forward(self, command: NoteForward) -> None:
        self._change(command.secretary_id, lambda chair: replace(chair, forwards=command.forwards))

    def _note_phase(self, call: Call) -> None:
        if call.phase is Phase.WAITING:
            self._waiting.add(call.id)
        else:
            self._waiting.discard(call.id)

    def _hold(self, secretary_id: int, call_id: str) -> None:
        self._change(secretary_id, lambda chair: replace(chair, held_by=call_id))

    def _free(self, command: FreeSeat, call_id: str, at: datetime) -> None:
        def freed(chair: Chair) -> Chair:
            if chair.held_by != call_id:
                return chair
            refusals = command.refusals
            return replace(chair, held_by="", idle_since=at, free_from=command.free_from, refusals=refusals)

        self._change(command.secretary_id, freed)

    def _change(self, secretary_id: int, change: Callable[[Chair], Chair]) -> None:
        if chair := self._chairs.get(secretary_id):
            self._chairs[secretary_id] = change(chair)

    def _change_chair(self, user: str, change: Callable[[Chair], Chair]) -> None:
        secretary_id = self._sits_at.get(user, 0)
        before = self._chairs.get(secretary_id)
        self._change(secretary_id, change)
        if self._chairs.get(secretary_id) != before:
            self.look_at_floor()

    def _reseated(self, chair: Chair, old: Chair | None) -> Chair:
        if old is None:
            held = next((c.id for c in self.calls if _has(c, chair.seat)), "")
            return replace(chair, held_by=held)
        return replace(
            chair,
            registered=old.registered,
            busy=old.busy,
            held_by=old.held_by,
            idle_since=old.idle_since,
            free_from=max(old.free_from, chair.free_from),
            refusals=0 if old.paused else old.refusals,
            forwards=old.forwards,
        )

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a call's step failed", exc_info=error)


def _needs_unit(step: Save) -> bool:
    return any(isinstance(command, ReserveUnit) for command in step.commands)


def _beyond(steps: Sequence[Stepped], remembered: int) -> Sequence[Stepped]:
    """The steps from the first one on that was to be remembered and was not."""
    for place, stepped in enumerate(steps):
        if stepped.save is not None:
            if remembered == 0:
                return steps[place:]
            remembered -= 1
    return []


def _has(call: Call, seat: Seat) -> bool:
    return call.seat is not None and call.seat.secretary_id == seat.secretary_id


def _in_telling_order(steps: Iterable[Stepped]) -> list[SwitchCommand]:
    """The commands of some steps; her telephone's ringing first, since what the caller hears meanwhile can wait for
    the time of a request."""
    commands = [command for stepped in steps for command in stepped.commands]
    return sorted(commands, key=lambda command: not isinstance(command, Ring))


def _for_store(commands: Iterable[Command]) -> tuple[StoreCommand, ...]:
    return tuple(command for command in commands if isinstance(command, StoreCommand))


def _for_switch(commands: Iterable[Command]) -> list[SwitchCommand]:
    return [command for command in commands if isinstance(command, SwitchCommand)]
