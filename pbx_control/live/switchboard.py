"""An event enters its call's inbox, the board steps it, the writer remembers, the switch is told.

One inbox for each call instead of locks. Nothing here decides: domain/call/board.py has the calls and the secretaries.
Here is what is not pure: inboxes, timers, saving and performing.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from msgspec.structs import replace

from pbx_control import faults
from pbx_control.clock import now
from pbx_control.domain.call import flow
from pbx_control.domain.call.board import Board, Stepped
from pbx_control.domain.call.commands import (
    Command,
    InspectFiles,
    InspectMessage,
    NoteSupervision,
    PauseSeat,
    ReserveUnit,
    Ring,
    RingSupervisor,
    Snoop,
    SwitchCommand,
)
from pbx_control.domain.call.events import CallArrived, Event, Offered, SupervisorLeft
from pbx_control.domain.call.model import Call, Caller, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.domain.floor import Chair
from pbx_control.live.directory import Directory, chair_of
from pbx_control.live.writer import SLOW, Writer

log = structlog.get_logger()

# Phases in which a secretary's telephone is in a conversation.
WITH_HER = (Phase.TALKING, Phase.CALLING_CONTACT, Phase.CONSULTING)

# The loop's clock and the wall's may differ by a hair.
CLOCKS_DIFFER = timedelta(milliseconds=50)

Inspection = InspectFiles | InspectMessage
Perform = Callable[[str, Command], None]


@dataclass(slots=True)
class LiveCall:
    """A call under way: what has happened and waits to be stepped, and its timer."""

    id: str
    saved: bool = False  # whether the store has a row of it
    inbox: deque[Event] = field(default_factory=deque)
    pumping: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it is under way."""
        return not (self.pumping or self.inbox)


class Switchboard:
    """All live calls and the floor. Every method runs in the event loop and returns at once.

    `perform(call id, command)` tells the switch; `inspect(call id, command)` has the files looked at.
    """

    def __init__(self, writer: Writer, perform: Perform, inspect: Callable[[str, Inspection], None]) -> None:
        self._writer = writer
        self._perform = perform
        self._inspect = inspect
        self._board = Board()
        self._calls: dict[str, LiveCall] = {}
        self._floor_timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_hold = False
        self._heard: deque[tuple[str, Event]] = deque()  # from the switch, while nobody knew what it had
        self.directory: Directory | None = None
        self.on_floor_change: Callable[[], None] = lambda: None

    # --- what it knows ------------------------------------------------------------------------------------

    @property
    def calls(self) -> Iterable[Call]:
        """The live calls."""
        return list(self._board.calls.values())

    def call(self, call_id: str) -> Call | None:
        """A live call, or None."""
        return self._board.calls.get(call_id)

    def lines_of(self, call_id: str) -> int:
        """How many lines the journal of a live call has."""
        return self._board.lines_of(call_id)

    @property
    def chairs(self) -> Iterable[Chair]:
        """The floor."""
        return self._board.chairs.values()

    def unreachable_legs(self) -> list[str]:
        """The legs of secretaries who talk by a telephone that no longer answers the switch."""
        held = (self.call(chair.held_by) for chair in self.chairs if chair.held_by and not chair.registered)
        return [call.secretary_leg for call in held if call and call.seat and call.phase in WITH_HER]

    def legs_with_her(self) -> list[str]:
        """The legs of secretaries who talk."""
        held = (self.call(chair.held_by) for chair in self.chairs if chair.held_by)
        return [call.secretary_leg for call in held if call and call.seat and call.phase in WITH_HER]

    def settled(self) -> dict[str, Call]:
        """The calls of which nothing is under way at this moment: what they want is what the switch was told."""
        return {call_id: self._board.calls[call_id] for call_id, live in self._calls.items() if live.is_settled}

    def settled_call(self, call_id: str) -> Call | None:
        """One of them, or None."""
        live = self._calls.get(call_id)
        return self._board.calls[call_id] if live and live.is_settled else None

    def telephone_of(self, user_id: int) -> str:
        """The telephone of a supervisor by her account's id; "" if she has none."""
        return self.directory.telephone_of(user_id) if self.directory else ""

    # --- what happens to it -------------------------------------------------------------------------------

    def arrive(self, call_id: str, did: str, caller: Caller, *, early_media: bool = False, trunk: str = "") -> bool:
        """A caller has entered, by that trunk; `early_media`: his carrier lets him hear us before the answer. False if
        this call cannot be served here and belongs into the dialplan's fallback: its DID is not known yet, or steps
        cannot be saved at present."""
        if call_id in self._calls:  # a comparison found him before his own event came
            return True
        facts = self.directory.facts(did, at := now(), caller.number) if self.directory else None
        if facts is None or self._writer.stalled:
            return False
        self._calls[call_id] = LiveCall(call_id)
        self._board.arrive(call_id)
        self.post(call_id, CallArrived(at, replace(facts, early_media=early_media, trunk=trunk), caller))
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

    def heard(self, call_id: str, event: Event) -> None:
        """What the switch tells. On hold it waits: the switch may have joined the two meanwhile, and who leaves then
        was answered. What a comparison finds is posted first."""
        if self._on_hold:
            self._heard.append((call_id, event))
        else:
            self.post(call_id, event)

    def adopt(self, call: Call, seq: int) -> None:
        """Takes over a live call that the store remembers from an earlier daemon; `seq` is its journal's length."""
        self._calls[call.id] = LiveCall(call.id, saved=True)
        self._board.adopt(call, seq)
        self._set_timer(self._calls[call.id])

    def staff(self, directory: Directory, idle_since: dict[int, datetime]) -> None:
        """Takes over a new revision of the office; what is known of telephones and calls stays."""
        self.directory = directory
        at = now()
        self._board.staff(chair_of(each, idle_since.get(each.id, at)) for each in directory.office.secretaries)
        self._let_go_who_may_not_listen(directory)
        self.on_floor_change()
        self.look_at_floor()

    def _let_go_who_may_not_listen(self, directory: Directory) -> None:
        """A supervisor whose telephone, or account, was taken away is in no call any more."""
        for call in list(self._board.calls.values()):
            if call.supervision and not directory.telephone_of(call.supervision.user_id):
                self.post(call.id, SupervisorLeft(now(), call.supervisor_leg))

    def dialled_before(self, today: dict[int, int]) -> None:
        """How often each client's contacts (by the client's id) were dialled today (UTC) by earlier daemons."""
        self._board.dialled_before(now().astimezone(UTC).date(), today)

    def registered(self, user: str, is_registered: bool) -> None:
        """A telephone has registered or gone."""
        self._change_telephone(user, registered=is_registered)

    def busy(self, user: str, is_busy: bool) -> None:
        """A telephone is (no longer) in a conversation that is not one of ours: one of the fallback's."""
        self._change_telephone(user, busy=is_busy)

    def desks(self, open_: Collection[int], lost: Collection[int]) -> None:
        """Whose page is open, and whose has vanished: she is offered nothing."""
        if self._board.desks(open_, lost):
            self.on_floor_change()
            self.look_at_floor()

    def may_end_work(self, secretary_id: int, call_id: str, at: datetime) -> bool:
        """Whether she is in no call, and her after-call work, if any, is that call's ("": whichever it is)."""
        chair = self._board.chairs.get(secretary_id)
        return chair is not None and chair.may_end_work_of(call_id, at)

    def end_work(self, secretary_id: int, call_id: str, at: datetime) -> None:
        """That after-call work is over."""
        if self._board.end_work(secretary_id, call_id, at):
            self.on_floor_change()
            self.look_at_floor()

    def tried_again(self, user: str) -> None:
        """A pause of the system's is over: one more refusal pauses her anew."""
        self._change_telephone(user, paused=False, refusals=flow.REFUSALS_BEFORE_PAUSE - 1)

    def _change_telephone(self, user: str, **fields: bool | int) -> None:
        if self._board.change_telephone(user, **fields):
            self.on_floor_change()
            self.look_at_floor()

    def hold(self) -> None:
        """Nobody knows at present what the switch has: deadlines, offers and what is heard wait. What people did
        meanwhile must be known before a telephone that somebody may have answered is given up."""
        self._on_hold = True
        for live in self._calls.values():
            self._set_timer(live)

    def resume(self) -> None:
        """What the switch has is known again: what fell due meanwhile happens now, after what was found."""
        self._on_hold = False
        while self._heard:
            self.post(*self._heard.popleft())
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
                saves = [self._save(live, stepped) for stepped in steps if stepped.to_be_saved]
                remembered, is_certain = await self._saved(saves)
                if remembered < len(saves):
                    refused = _beyond(steps, remembered)
                    steps = steps[: -len(refused)]
                    self._undo(live, refused)
                for command in _in_telling_order(steps if is_certain else _without_supervision(steps)):
                    self._tell_switch(live.id, command)
                if not is_certain and any(map(_is_noted, steps)):
                    live.inbox.append(SupervisorLeft(now(), self._board.calls[live.id].supervisor_leg))
                if faults.ARMED:
                    faults.reach_soon(faults.AFTER_PERFORMING, self._board.calls[live.id])
        finally:
            live.pumping = False
            self._set_timer(live)
            if self._board.calls[live.id].phase is Phase.ENDED:
                self._calls.pop(live.id, None)
                self._board.remove(live.id)

    def _take_steps(self, live: LiveCall) -> list[Stepped]:
        """Steps what is in the inbox; all of it is saved by one commit. An offer is the last of its batch, since its
        claim may turn out to be lost."""
        steps = []
        while live.inbox:
            event = live.inbox.popleft()
            steps.append(self._step(live.id, event))
            if isinstance(event, Offered):
                break
        return steps

    def _step(self, call_id: str, event: Event) -> Stepped:
        stepped = self._board.step(call_id, event)
        if self._board.anybody_waits and stepped.moves_floor:
            self.look_at_floor()
        return stepped

    def _save(self, live: LiveCall, stepped: Stepped) -> Save:
        is_new, live.saved = not live.saved, True
        commands = stepped.for_store
        for command in commands:
            if isinstance(command, PauseSeat):
                log.warning("a telephone takes no call: its secretary is paused", secretary=command.name)
        noted = stepped.after is stepped.before
        return Save(stepped.after, is_new, stepped.lines, commands, only_noted=noted)

    async def _saved(self, steps: Sequence[Save]) -> tuple[int, bool]:
        """How many of the steps may be performed: those from the first on whose claim was lost may not. A database
        that is slow or away does not hold up a live call: its steps are saved in order when it is back. One that
        needs a unit of its client's calls is not live yet; if it waits too long the switch serves it alone. And whether
        that is certain: nobody listens before it is."""
        if not steps:
            return 0, True
        saved = self._writer.saved(steps)
        if _needs_unit(steps[0]):
            return await saved, True
        await asyncio.wait([saved], timeout=0 if self._writer.stalled else SLOW)
        return (saved.result(), True) if saved.done() else (len(steps), False)

    def _undo(self, live: LiveCall, refused: Sequence[Stepped]) -> None:
        """Steps that the store did not remember have never been."""
        if isinstance(refused[0].event, CallArrived):
            live.saved = False
        live.inbox.extendleft(reversed(self._board.undo(live.id, refused, now())))

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
        if nearest := self._board.calls[live.id].next_deadline:
            delay = (nearest[1] - now()).total_seconds()
            live.timer = asyncio.get_running_loop().call_later(max(0.0, delay), self._deadline, live)

    def _deadline(self, live: LiveCall) -> None:
        at = now()
        passed = self._board.deadline_passed(live.id, at)
        if passed is None:
            return
        if passed.at - at > CLOCKS_DIFFER:  # it was for an earlier one, which has gone while a step was being saved
            self._set_timer(live)
            return
        self.post(live.id, passed)

    # --- the floor ----------------------------------------------------------------------------------------

    def look_at_floor(self) -> None:
        """Offers waiting calls to free secretaries; called after each step that touches either side."""
        if self._on_hold or not self._board.anybody_waits:
            return
        offers, again_at = self._board.offers(now())
        for call_id, offered in offers:
            self.post(call_id, offered)
        self._look_again(again_at)

    def _look_again(self, at: datetime | None) -> None:
        if self._floor_timer:
            self._floor_timer.cancel()
            self._floor_timer = None
        if at:
            delay = max(0.0, (at - now()).total_seconds())
            self._floor_timer = asyncio.get_running_loop().call_later(delay, self.look_at_floor)

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


def _is_noted(stepped: Stepped) -> bool:
    """Whether a supervisor's listening begins or changes with it, which the audit trail must have first."""
    return any(isinstance(command, NoteSupervision) for command in stepped.commands)


def _without_supervision(steps: Iterable[Stepped]) -> list[Stepped]:
    """The steps without what would let a supervisor hear, or be heard, of which no entry may be kept yet."""
    return [replace(stepped, commands=_hers_left_out(stepped)) if _is_noted(stepped) else stepped for stepped in steps]


def _hers_left_out(stepped: Stepped) -> list[Command]:
    return [command for command in stepped.commands if not isinstance(command, RingSupervisor | Snoop)]


def _beyond(steps: Sequence[Stepped], remembered: int) -> Sequence[Stepped]:
    """The steps from the first one on that was to be remembered and was not."""
    saved = [place for place, stepped in enumerate(steps) if stepped.to_be_saved]
    return steps[saved[remembered] :]


def _in_telling_order(steps: Iterable[Stepped]) -> list[SwitchCommand]:
    """The commands of some steps; her telephone's ringing first, since what the caller hears meanwhile can wait for
    the time of a request."""
    commands = [command for stepped in steps for command in stepped.for_switch]
    return sorted(commands, key=lambda command: not isinstance(command, Ring))
