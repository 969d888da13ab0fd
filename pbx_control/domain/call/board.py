"""All live calls, the secretaries' chairs and who is held for whom, as one pure runner: no clock, no tasks, no I/O.

`step` takes an event and gives what changed and what is to be done; `offers` says which waiting call is offered to
whom. A step takes what it claims (a seat, a unit of the client's calls) for granted. The store answers afterwards, and
`undo` takes back what it did not grant. The switchboard, the stories and the property test of the flow use this runner.
"""

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from pbx_control.domain import floor
from pbx_control.domain.call import flow, journal
from pbx_control.domain.call.commands import (
    Command,
    FreeSeat,
    NoteDialling,
    NoteForward,
    PauseSeat,
    StoreCommand,
    SwitchCommand,
)
from pbx_control.domain.call.events import (
    Asked,
    CallArrived,
    DeadlinePassed,
    DiallingRefused,
    Event,
    KeyPressed,
    Offered,
    OfferLost,
    SeatClaimed,
    Supervising,
    Surroundings,
)
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import WITH_CONTACT, Call, Deadline, Phase
from pbx_control.domain.call.moves import IN_CONVERSATION
from pbx_control.domain.desk.duty import PausedBy
from pbx_control.domain.floor import Chair

# Wait before offering to a secretary whom another daemon has claimed.
PAUSE_AFTER_LOST_CLAIM = timedelta(seconds=1)


class Stepped(Struct):
    """What one event came to: the call before and after it, the journal's lines, and what is to be done, in order."""

    event: Event
    before: Call
    after: Call
    commands: list[Command]
    lines: list[Line]
    dropped: bool = False  # it was about something that the call has left behind

    @property
    def to_be_saved(self) -> bool:
        """Whether there is anything to remember; there is not of a key that is passed on, say."""
        return bool(self.lines) or self.after is not self.before

    @property
    def moves_floor(self) -> bool:
        """Whether somebody may have become free, or may have begun to wait. A dropped offer frees its secretary."""
        return not self.dropped or isinstance(self.event, Offered)

    @property
    def for_store(self) -> list[StoreCommand]:
        return [command for command in self.commands if isinstance(command, StoreCommand)]

    @property
    def for_switch(self) -> list[SwitchCommand]:
        return [command for command in self.commands if isinstance(command, SwitchCommand)]


class DiallingCount(Struct):
    """How often each client's contacts were dialled on one UTC day, by the client's id."""

    day: date = date.min
    times: dict[int, int] = field(default_factory=dict)

    def on_day_of(self, at: datetime, client_id: int) -> int:
        """So often for that client on the day of `at`."""
        return self.times.get(client_id, 0) if at.astimezone(UTC).date() == self.day else 0

    def add(self, at: datetime, client_id: int) -> None:
        """Once more."""
        times = self.on_day_of(at, client_id) + 1
        if at.astimezone(UTC).date() != self.day:
            self.day, self.times = at.astimezone(UTC).date(), {}
        self.times[client_id] = times

    def take_back(self, at: datetime, client_id: int) -> None:
        """One of that day was not dialled after all."""
        if times := self.on_day_of(at, client_id):
            self.times[client_id] = times - 1


class Board:
    """The calls by their ids and the chairs by the secretaries' ids; both are for reading."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.chairs: dict[int, Chair] = {}
        self._written: dict[str, int] = {}  # call id -> how many lines its journal has
        self._waiting: set[str] = set()  # ids of the calls in WAITING that no offer is on its way to
        self._sits_at: dict[str, int] = {}  # a telephone's user -> the secretary's id
        self._dialled = DiallingCount()
        self._open: frozenset[int] = frozenset()  # ids of the secretaries whose pages are open
        self._lost: frozenset[int] = frozenset()  # and of those whose pages have vanished

    # --- calls ----------------------------------------------------------------------------------------------

    def arrive(self, call_id: str) -> None:
        """A call that is known by its id only, until it is stepped."""
        self.calls[call_id] = Call(call_id)
        self._written[call_id] = 0

    def adopt(self, call: Call, written: int) -> None:
        """Takes over a call that lasts, whose journal has so many lines."""
        self.calls[call.id] = call
        self._written[call.id] = written
        if call.seat:
            self._change(call.seat.secretary_id, held_by=call.id)
        self._note_phase(call)

    def lines_of(self, call_id: str) -> int:
        """How many lines the call's journal has."""
        return self._written[call_id]

    def remove(self, call_id: str) -> None:
        """Forgets a call that is over."""
        del self.calls[call_id], self._written[call_id]

    def step(self, call_id: str, event: Event) -> Stepped:
        """One event of a call. An offer that the call still wants claims its secretary in the same step."""
        before = self.calls[call_id]
        if isinstance(event, KeyPressed | Asked):
            event = dataclasses.replace(event, around=self._surroundings(before, event.at))
        stale = flow.is_stale(before, event)
        after, commands = flow.step(self._seen_at_her_desk(before), event)
        if isinstance(event, Offered) and after is before:
            self._change(event.seat.secretary_id, held_by="")
            stale = True
        if stale:
            return Stepped(event, before, before, commands, [], dropped=True)
        if isinstance(event, DiallingRefused):
            self._dialled.take_back(event.at, before.known.client_id)
        lines = self._written_down(call_id, event, before, after)
        if isinstance(event, Offered):
            claimed = SeatClaimed(event.at)
            offered, (after, more) = after, flow.step(after, claimed)
            lines += self._written_down(call_id, claimed, offered, after)
            commands = [*commands, *more]
        self.calls[call_id] = after
        self._note_phase(after)
        self._note(after, commands, event.at)
        return Stepped(event, before, after, commands, lines)

    def _seen_at_her_desk(self, call: Call) -> Call:
        """Who has opened her page since the call was offered to her writes its message there, too."""
        seat = call.seat
        if seat is None or seat.at_desk or call.phase not in IN_CONVERSATION:
            return call
        chair = self.chairs.get(seat.secretary_id)
        if chair is None or not chair.at_desk:
            return call
        seen = replace(seat, at_desk=True)
        return replace(call, seat=seen, answered_by=seen if call.answered_by == seat else call.answered_by)

    def undo(self, call_id: str, refused: Sequence[Stepped], at: datetime) -> list[Event]:
        """Takes back steps, the first of which the store did not grant what it claims. Gives what is to be stepped
        instead: either the first one's offer was lost to another daemon, or the arriving call's client had no unit left
        for it, and the call arrives anew; or no entry of the audit trail could be written that a supervisor listens."""
        self._written[call_id] -= sum(len(stepped.lines) for stepped in refused)
        first, *later = refused
        if isinstance(first.event, CallArrived):
            return self._turn_away(call_id, first.before, first.event, later)
        if isinstance(first.event, Supervising):
            self.calls[call_id] = first.before
            self._note_phase(first.before)
            return [stepped.event for stepped in later]
        return [self._lose_offer(call_id, first.before, at)]

    def deadline_passed(self, call_id: str, at: datetime) -> DeadlinePassed | None:
        """The event that the call's nearest deadline passes, not before it is due; None if it has no deadline."""
        call = self.calls[call_id]
        if call.next_deadline is None:
            return None
        name, due = call.next_deadline
        asked = name is Deadline.POSITION
        place = floor.position(call, self.calls.values(), self.chairs.values()) if asked else 1
        return DeadlinePassed(max(at, due), name, place)

    def dialled_before(self, day: date, times: dict[int, int]) -> None:
        """How often each client's contacts, by the client's id, were dialled on that UTC day by earlier daemons."""
        self._dialled = DiallingCount(day, dict(times))

    # --- chairs ---------------------------------------------------------------------------------------------

    def staff(self, chairs: Iterable[Chair]) -> None:
        """Takes over who is to sit there; what is known of their telephones and calls stays."""
        old = self.chairs
        self.chairs = {chair.seat.secretary_id: self._reseated(chair, old) for chair in chairs}
        self._sits_at = {chair.seat.user: secretary_id for secretary_id, chair in self.chairs.items()}

    def change_telephone(self, user: str, **fields: bool | int) -> bool:
        """Notes something about a secretary by her telephone's name; False if that was known, or nobody has it."""
        secretary_id = self._sits_at.get(user, 0)
        before = self.chairs.get(secretary_id)
        self._change(secretary_id, **fields)
        return self.chairs.get(secretary_id) != before

    def desks(self, open_: Collection[int], lost: Collection[int]) -> bool:
        """Whose page is open, and whose has vanished without a sign-out; False if that was known."""
        before = self._open, self._lost
        self._open, self._lost = frozenset(open_), frozenset(lost) - frozenset(open_)
        for secretary_id in (self._open ^ before[0]) | (self._lost ^ before[1]):
            self._change(secretary_id, **self._desk_of(secretary_id))
        return before != (self._open, self._lost)

    def end_work(self, secretary_id: int, call_id: str, at: datetime) -> bool:
        """Her after-call work of that call ("": whichever it is) is over. False if she has no such work."""
        chair = self.chairs.get(secretary_id)
        if not (chair and chair.works_at(at) and chair.may_end_work_of(call_id, at)):
            return False
        self._change(secretary_id, free_from=at, cut=chair.free_from)
        return True

    def offers(self, at: datetime) -> tuple[list[tuple[str, Offered]], datetime | None]:
        """Each waiting call for which somebody is free, with its offer, and when to look again if nothing else happens.

        From now on she is held for that call: what becomes of the offer is known when the call is stepped.
        """
        if not self._waiting:
            return [], None
        waiting = floor.queue(self.calls[call_id] for call_id in self._waiting)
        pairs, again_at = floor.assign(waiting, self.chairs.values(), at)
        for call_id, seat in pairs:
            self._waiting.discard(call_id)
            self._change(seat.secretary_id, held_by=call_id)
        offers = [(call_id, Offered(at, seat)) for call_id, seat in pairs]
        if not self._waiting:
            return offers, None
        wakes = (again_at, floor.next_free(self.chairs.values(), at))
        return offers, min((wake for wake in wakes if wake), default=None)

    @property
    def anybody_waits(self) -> bool:
        """Whether there is a call to look for a secretary for."""
        return bool(self._waiting)

    # --- what a step does besides ---------------------------------------------------------------------------

    def _written_down(self, call_id: str, event: Event, before: Call, after: Call) -> list[Line]:
        """The journal's line about an event; none about what is not worth keeping."""
        details = journal.details(event, before, after)
        if details is None:
            return []
        self._written[call_id] += 1
        return [Line(self._written[call_id], event.at, type(event).__name__, details)]

    def _note_phase(self, call: Call) -> None:
        if call.phase is Phase.WAITING:
            self._waiting.add(call.id)
        else:
            self._waiting.discard(call.id)

    def _note(self, call: Call, commands: Iterable[Command], at: datetime) -> None:
        for command in commands:
            if isinstance(command, FreeSeat):
                self._free(command, call.id, at)
            elif isinstance(command, PauseSeat):
                self._pause(command.secretary_id, at)
            elif isinstance(command, NoteForward):
                self._change(command.secretary_id, forwards=command.forwards)
            elif isinstance(command, NoteDialling):
                self._dialled.add(at, call.known.client_id)

    def _free(self, command: FreeSeat, call_id: str, at: datetime) -> None:
        chair = self.chairs.get(command.secretary_id)
        if chair and chair.held_by == call_id:
            freed = replace(
                chair,
                held_by="",
                idle_since=at,
                free_from=command.free_from,
                refusals=command.refusals,
                after_call=command.talked,
                last_call=call_id if command.talked else chair.last_call,
            )
            # A pause that was asked for during the call begins now.
            self.chairs[command.secretary_id] = replace(freed, paused_at=at) if freed.paused else freed

    def _pause(self, secretary_id: int, at: datetime) -> None:
        """The system's; one that she is in already stays as it is."""
        if (chair := self.chairs.get(secretary_id)) and not chair.paused:
            self._change(secretary_id, paused=True, paused_by=PausedBy.REFUSALS, pause_reason="", paused_at=at)

    def _desk_of(self, secretary_id: int) -> dict[str, bool]:
        return {"at_desk": secretary_id in self._open, "page_lost": secretary_id in self._lost}

    def _change(self, secretary_id: int, **fields: object) -> None:
        if chair := self.chairs.get(secretary_id):
            self.chairs[secretary_id] = replace(chair, **fields)

    def _reseated(self, chair: Chair, before: dict[int, Chair]) -> Chair:
        who = chair.seat.secretary_id
        old = before.get(who)
        if old is None:
            held_by = next((call.id for call in self.calls.values() if call.seat and call.seat.secretary_id == who), "")
            return replace(chair, held_by=held_by, **self._desk_of(who))
        if old.cut == chair.free_from:  # read before the store knew that she was done
            chair = replace(chair, free_from=old.free_from)
        return replace(
            chair,
            at_desk=old.at_desk,
            page_lost=old.page_lost,
            registered=old.registered,
            busy=old.busy,
            held_by=old.held_by,
            idle_since=old.idle_since,
            free_from=max(old.free_from, chair.free_from),
            after_call=old.after_call or chair.free_from > old.free_from,
            cut=old.cut,
            last_call=old.last_call if old.free_from >= chair.free_from else "",
            refusals=0 if old.paused else old.refusals,
            forwards=old.forwards,
        )

    def _turn_away(self, call_id: str, before: Call, arrival: CallArrived, later: Iterable[Stepped]) -> list[Event]:
        again: list[Event] = [flow.turned_away(arrival)]
        for stepped in later:
            if isinstance(stepped.event, Offered):
                self._change(stepped.event.seat.secretary_id, held_by="")
            else:
                again.append(stepped.event)
        self.calls[call_id] = before
        self._note_phase(before)
        return again

    def _lose_offer(self, call_id: str, before: Call, at: datetime) -> OfferLost:
        """The offer has never been. She rests for a moment: the floor would try her again at once."""
        offered = self.calls[call_id]
        if offered.seat:
            rests_until = at + PAUSE_AFTER_LOST_CLAIM
            self._change(offered.seat.secretary_id, held_by="", free_from=rests_until, after_call=False)
        self.calls[call_id] = replace(before, phase=Phase.OFFERING, seat=offered.seat, offers=offered.offers)
        return OfferLost(at)

    # --- what her commands depend on ------------------------------------------------------------------------

    def _surroundings(self, call: Call, at: datetime) -> Surroundings:
        """What a command of hers depends on outside its call."""
        if call.facts is None:
            return Surroundings()
        client = call.facts.client_id
        others = (each for each in self.calls.values() if each.id != call.id and each.phase in WITH_CONTACT)
        dialled_now = sum(each.known.client_id == client for each in others)
        supervising = (each.supervision for each in self.calls.values() if each.id != call.id)
        return Surroundings(
            dialled_now,
            self._dialled.on_day_of(at, client),
            self._languages_beside(call),
            frozenset(one.user_id for one in supervising if one),
        )

    def _languages_beside(self, call: Call) -> frozenset[str]:
        """What those speak who may answer the call and are there, she who has it left out."""
        others = (chair for chair in self.chairs.values() if not (call.seat and chair.seat.user == call.seat.user))
        there = (chair for chair in others if chair.is_there and chair.may_answer(call))
        return frozenset(language for chair in there for language in chair.languages)
