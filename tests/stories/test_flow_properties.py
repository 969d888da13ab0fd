"""No order of events breaks a call: three callers at a time, three secretaries, two clients, played by hypothesis.

Unlike in test_any_day.py nothing here behaves as a switch does: legs that never rang are answered, prompts end twice.
"""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from books import Books, account
from hypothesis import given, note, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from story import MORNING, NOTICE, SOUNDS, USUAL, WELCOME, speaks

from pbx_control.domain.call import commands as c
from pbx_control.domain.call import events as e
from pbx_control.domain.call import flow, transfer
from pbx_control.domain.call.board import WITH_CONTACT, Board, Stepped
from pbx_control.domain.call.ending import deserves_letters
from pbx_control.domain.call.model import (
    Admission,
    Call,
    Caller,
    Deadline,
    Facts,
    Limit,
    Outcome,
    Phase,
    SupervisionMode,
    Unit,
)
from pbx_control.domain.call.supervision import SUPERVISED
from pbx_control.domain.money.quota import Account, Kind

AT_ONCE, IN_ALL = 3, 8  # callers
NAMES = ("ana", "eva", "isa")
# For 90 s at most telephones ring in vain, and he hears his position every 30 s; then he may leave a message.
ROUNDS_TO_THE_END = 150
# The one phase that waits for people alone: it has no deadline.
PEOPLE_TALK = (Phase.TALKING,)
# What each of the others waits for, where no prompt plays.
DEADLINES: dict[Phase, set[Deadline]] = {
    Phase.WAITING: {Deadline.WAIT_LIMIT},
    Phase.OFFERING: {Deadline.OFFER},
    Phase.WITHDRAWING: {Deadline.WITHDRAWAL},
    Phase.CALLING_CONTACT: {Deadline.CONTACT},
    Phase.CONSULTING: {Deadline.CONSULTATION},
    Phase.HANDED_OVER: {Deadline.CAP},
    Phase.TAKING_MESSAGE: {Deadline.MESSAGE},
    Phase.ENDING: {Deadline.SETTLING},
}

T = TypeVar("T")


class Choices:
    """Chooses by the bytes that hypothesis drew: a draw for each choice would take ten times as long."""

    def __init__(self, drawn: bytes) -> None:
        self._left = list(reversed(drawn))

    def __bool__(self) -> bool:
        return bool(self._left)

    def of(self, *options: T) -> T:
        return options[(self._left.pop() if self._left else 0) % len(options)]

    def yes(self) -> bool:
        return self.of(False, True)

    def seconds(self) -> float | None:
        return self.of(None, 0.0, 0.5, 3.0, 40.0, 300.0)


def facts(choose: Choices) -> Facts:
    """A client of which something is left or not; three of twelve callers are let in no further."""
    outgoing = USUAL.outgoing
    assert outgoing
    return replace(
        USUAL,
        client_id=choose.of(1, 1, 2),
        sounds=choose.of(SOUNDS, WELCOME, NOTICE),
        early_media=choose.yes(),
        admission=choose.of(*[Admission.OPEN] * 9, Admission.CLOSED, Admission.EXHAUSTED, Admission.BLOCKED),
        metered=choose.of(True, True, False),
        exhausted_messages=choose.yes(),
        exhausted_report=choose.yes(),
        recording=choose.yes(),
        music=choose.yes(),
        takes_messages=choose.yes(),
        summary_closed=choose.yes(),
        wait_limit=choose.of(timedelta(seconds=90), timedelta(seconds=10)),
        outgoing=choose.of(outgoing, replace(outgoing, at_once=1)),
    )


def an_account(choose: Choices) -> Account:
    """What is left of a client's month, and of its bags."""
    return account(choose.of(2, 1, 0), *choose.of((), (1,), (2, 1)), at=MORNING)


SCREEN = [kind for kind in transfer.FROM_SCREEN if kind is not e.ConsultationAsked]
KEYS = ("*1", "*1", "*1", "*2", "##", "*0", "*7", "*8", "*9", "*#", "*", "5")


def what_may_come_next(call: Call, at: datetime) -> list[e.Event]:
    """Events of what the call has now, whatever its phase."""
    hers, his = call.secretary_leg, call.contact_leg
    return [
        *[e.SecretaryAnswered(at, hers), e.ContactAnswered(at, his), e.PromptEnded(at, call.prompt)] * 4,
        *[e.HandOverAsked(at)] * 3,
        e.SecretaryRinging(at, hers),
        e.SecretaryLeft(at, hers, 21),
        e.SecretaryLeft(at, hers, 44),
        e.Held(at, hers),
        e.Unheld(at, hers),
        e.ContactLeft(at, his, 17),
        e.CallerLeft(at, 16),
        e.RecordingEnded(at, call.message),
        e.MessageInspected(at, 4.0),
        e.FilesInspected(at, 4.0, 4.0),
        e.SpamAsked(at, secretary_id=call.seat.secretary_id if call.seat else 0),
        e.UnmarkAsked(at, secretary_id=call.seat.secretary_id if call.seat else 0),
        e.SupervisionAsked(at, 1, SupervisionMode.LISTEN, "jefa"),
        e.SupervisionAsked(at, 1, SupervisionMode.BARGE, "jefa"),
        e.SupervisorAnswered(at, call.supervisor_leg),
        e.SupervisorLeft(at, call.supervisor_leg, 16),
        *(e.NewStream(at, leg) for leg in (call.id, call.secretary_leg, call.contact_leg, call.supervisor_leg)),
        e.SnoopEnded(at, call.snoop),
    ]


def anything_at_all(call_id: str, at: datetime, choose: Choices) -> e.Event:
    """Also what makes no sense: of legs that the call never had, a second time, too late."""
    number = choose.of(0, 1, 2, 3)
    hers, his, cause = f"{call_id}-secretary-{number}", f"{call_id}-contact-{number}", choose.of(0, 16, 17, 21, 44)
    file = choose.of("", "-message", "-message-2", "-of-nobody")
    found = [choose.yes() for _ in range(6)]
    return choose.of(
        e.CallArrived(at, USUAL, Caller()),
        e.CallerLeft(at, cause),
        e.CallerTakenOver(at),
        e.SecretaryRinging(at, hers),
        e.SecretaryAnswered(at, hers),
        e.SecretaryLeft(at, hers, cause),
        e.Held(at, hers),
        e.Unheld(at, hers),
        e.ContactRinging(at, his),
        e.ContactAnswered(at, his),
        e.ContactLeft(at, his, cause),
        e.KeyPressed(at, hers, "*"),
        e.ConsultationAsked(at, number, secretary_id=number),
        choose.of(*SCREEN)(at, secretary_id=number),
        e.SupervisionAsked(at, number, choose.of(*SupervisionMode), choose.of("", "jefa"), secretary_id=number or None),
        e.SupervisionEndAsked(at, number, found[0]),
        e.SupervisorAnswered(at, f"{call_id}-supervisor-{number}"),
        e.SupervisorLeft(at, f"{call_id}-supervisor-{number}", cause),
        e.NewStream(at, choose.of(call_id, hers, his, f"{call_id}-supervisor-{number}")),
        e.SnoopEnded(at, f"{call_id}-snoop-{number}"),
        e.DiallingRefused(at, his, choose.of(Limit.AT_ONCE, Limit.A_DAY)),
        e.LoopFound(at),
        e.PromptEnded(at, f"{call_id}-prompt-{number}", failed=found[0]),
        e.RecordingEnded(at, f"2026/08/03/{call_id}{file}.wav"),
        e.MessageInspected(at, choose.seconds(), found[0]),
        e.DeadlinePassed(at, choose.of(*Deadline), 1 + number),
        e.SwitchRefused(at, "Play", "no"),
        e.Recovered(at, *found),
        e.Recovered(at, *found),
    )


class House:
    """Inboxes as the switchboard has them, around a board; the books answer as the store does."""

    def __init__(self, choose: Choices) -> None:
        self.choose = choose
        self.at = MORNING
        self.board = Board()
        self.books = Books(accounts={1: an_account(choose), 2: an_account(choose)})
        self.granted = {number: one.left for number, one in self.books.accounts.items()}
        self.inboxes: dict[str, deque[e.Event]] = {}
        self.commands: dict[str, list[c.Command]] = {}
        self.music: dict[str, str] = {}  # call id -> the leg whose hold began it; "" for that of one who waits
        self.on_hold = False
        self.told: list[str] = []
        seats = [speaks("Ana"), speaks("Eva", "es", "en", wrap_up=20), speaks("Isa", "en", clients=[1])]
        self.board.staff(replace(one, seat=replace(one.seat, secretary_id=n)) for n, one in enumerate(seats, 1))

    # --- what happens

    def something_happens(self) -> None:
        self.at += timedelta(seconds=self.choose.of(0, 0.1, 1, 3, 9, 20))
        kind = self.choose.of(*range(12))
        if kind == 11:
            self.to_the_house()
        else:
            call_id = self.choose.of(*self.lasting())
            self.to_a_call(call_id, anything=kind == 10)
            if self.choose.of(True, True, False):  # else it waits for what follows
                self.pump(call_id)
        self.look_at_floor()
        self.check()

    def lasting(self) -> list[str]:
        """The calls that are not over, and one that has not begun if there is room for it."""
        live = [call.id for call in self.board.calls.values() if call.phase is not Phase.ENDED]
        number = len(self.inboxes) + 1
        return [*live, f"c{number}"] if len(live) < AT_ONCE and number <= IN_ALL else live or ["c1"]

    def to_the_house(self) -> None:
        name, so = self.choose.of(*NAMES), self.choose.yes()
        match self.choose.of("registered", "busy", "paused", "claimed elsewhere", "nobody knows what the switch has"):
            case "claimed elsewhere":
                self.books.taken_elsewhere = {1 + NAMES.index(name)}
            case "nobody knows what the switch has":
                self.on_hold = so
            case field:
                self.board.change_telephone(name, **{field: so})

    def to_a_call(self, call_id: str, *, anything: bool) -> None:
        if call_id not in self.inboxes:
            self.board.arrive(call_id)
            self.inboxes[call_id] = deque([e.CallArrived(self.at, facts(self.choose), Caller())])
            self.commands[call_id] = []
        elif anything:
            self.inboxes[call_id].append(anything_at_all(call_id, self.at, self.choose))
        elif fitting := self.what_fits(self.board.calls[call_id]):
            self.inboxes[call_id] += self.choose.of(*fitting)

    def what_fits(self, call: Call) -> list[list[e.Event]]:
        """What may happen next to a call; her keys by pairs."""
        events = what_may_come_next(call, self.at)
        if not self.on_hold and (passed := self.board.deadline_passed(call.id, self.at)):
            events.append(passed)
        fitting = [
            [one]
            for one in events
            if (call.phase, flow.key_of(one)) in flow.TABLE
            and not flow.is_stale(call, one)
            and (call.inspected or not isinstance(one, e.FilesInspected))  # it is an answer
        ]
        if (call.phase, e.KeyPressed) in flow.TABLE:
            keys = self.choose.of(*KEYS)
            fitting += 3 * [[e.KeyPressed(self.at, call.secretary_leg, key) for key in keys]]
        return fitting

    def pump(self, call_id: str) -> None:
        inbox = self.inboxes[call_id]
        while inbox:
            steps = []
            while inbox and not (steps and isinstance(steps[-1].event, e.Offered)):
                event = inbox.popleft()
                self.at = max(self.at, event.at)  # a deadline's
                steps.append(self.board.step(call_id, event))
                self.told.append(
                    f"{self.at:%M:%S.%f} {call_id} {event} -> {steps[-1].after.phase} {steps[-1].commands}"
                )
                self.look_at_floor()
            for place, stepped in enumerate(steps):
                if not self.books.grant(stepped.after, stepped.commands, self.at):
                    inbox.extendleft(reversed(self.board.undo(call_id, steps[place:], self.at)))
                    break
                assert sum(isinstance(one, c.Reply) for one in stepped.commands) == isinstance(stepped.event, e.Asked)
                if stepped.before.phase is Phase.ENDED:
                    assert all(isinstance(command, c.HangUp | c.Reply) for command in stepped.commands)
                self.commands[call_id] += stepped.commands
                self.note_music(call_id, stepped)

    def note_music(self, call_id: str, stepped: Stepped) -> None:
        for command in stepped.commands:
            if isinstance(command, c.StartMusic):
                self.music[call_id] = stepped.event.leg if isinstance(stepped.event, e.Held) else ""
            elif isinstance(command, c.StopMusic | c.Play):
                self.music.pop(call_id, None)

    def look_at_floor(self) -> None:
        if self.on_hold:
            return
        free = {chair.seat.secretary_id for chair in self.board.chairs.values() if chair.free_at(self.at)}
        for call_id, offered in self.board.offers(self.at)[0]:
            free.remove(offered.seat.secretary_id)  # who is offered a call was free, and is offered one
            self.inboxes[call_id].append(offered)

    # --- how it ends

    def comes_to_an_end(self, hangs_up: bool) -> None:
        """Nobody does anything any more, but that callers leave (`hangs_up`); or else people talk out, and the switch
        does what it is told."""
        self.on_hold = False
        for call_id in self.inboxes:
            if hangs_up:
                self.inboxes[call_id].append(e.CallerLeft(self.at, 16))
            for _ in range(ROUNDS_TO_THE_END):
                self.pump_all()
                if self.board.calls[call_id].phase is Phase.ENDED:
                    break
                self.inboxes[call_id].append(self.next_of(self.board.calls[call_id], hangs_up))
        self.pump_all()

    def pump_all(self) -> None:
        self.look_at_floor()
        while waiting := [call_id for call_id, inbox in self.inboxes.items() if inbox]:
            for call_id in waiting:
                self.pump(call_id)
        self.check()

    def next_of(self, call: Call, hangs_up: bool) -> e.Event:
        if not hangs_up or call.phase is Phase.CALLER_GONE:
            if call.phase is Phase.ENDING and call.caller_here:
                return e.CallerLeft(self.at, 16)
            if call.phase is Phase.ENDING and call.contact_here:
                return e.ContactLeft(self.at, call.contact_leg, 16)
            if call.prompt_playing:
                return e.PromptEnded(self.at, call.prompt)
            if call.phase in PEOPLE_TALK or (call.phase is Phase.ENDING and call.seat):
                return e.SecretaryLeft(self.at, call.secretary_leg, 16)
        passed = self.board.deadline_passed(call.id, self.at)
        assert passed, f"{call.id} waits for nothing in {call.phase}"
        self.at = passed.at
        return passed

    # --- what always holds

    def check(self) -> None:
        calls = self.board.calls.values()
        self.a_seat_is_held_by_one_call()
        self.accounts_are_the_sum_of_their_ledgers()
        for call in calls:
            if not self.inboxes[call.id]:
                self.it_waits_for_something(call)
                self.it_holds_what_it_says(call)
                self.music_ends_with_the_wait(call)
                assert call.supervision is None or (call.phase in SUPERVISED and call.seat), call
        for client in (1, 2):
            mine = [call for call in calls if call.facts and call.facts.client_id == client]
            with_contact = [call for call in mine if call.phase in WITH_CONTACT]
            assert len(with_contact) <= max((call.known.outgoing.at_once for call in with_contact), default=0)

    def a_seat_is_held_by_one_call(self) -> None:
        seated = [(call.seat.secretary_id, call.id) for call in self.board.calls.values() if call.seat]
        assert sorted(seated) == sorted(self.books.claims.items())
        for who, call_id in seated:
            assert self.board.chairs[who].held_by == call_id
        for who, chair in self.board.chairs.items():
            on_its_way = any(
                isinstance(event, e.Offered) and event.seat.secretary_id == who
                for event in self.inboxes.get(chair.held_by, ())
            )
            assert not chair.held_by or on_its_way or (who, chair.held_by) in seated

    def accounts_are_the_sum_of_their_ledgers(self) -> None:
        for number, mine in self.books.accounts.items():
            calls = [call for call in self.board.calls.values() if call.facts and call.known.client_id == number]
            booked = [entry.units for entry in self.books.ledger if entry.call_id in {call.id for call in calls}]
            assert mine.left == self.granted[number] + sum(booked)
            assert mine.reserved == sum(call.unit is Unit.RESERVED for call in calls)
            assert mine.free >= 0

    def it_waits_for_something(self, call: Call) -> None:
        """Nobody is left without a deadline, a prompt that plays, or somebody to talk to."""
        if call.phase is Phase.TALKING:
            assert call.seat
            assert call.caller_here
        elif call.phase not in (Phase.ARRIVING, Phase.ENDED):
            deadline = DEADLINES.get(call.phase, set()) & set(call.deadlines)
            assert deadline or call.prompt_playing

    def it_holds_what_it_says(self, call: Call) -> None:
        if call.phase is Phase.ENDED:
            assert (call.seat, call.deadlines, call.unit is Unit.RESERVED) == (None, {}, False)
        assert (call.id in self.books.charged) == (call.unit is Unit.CHARGED)
        assert (call.id in self.books.reserved) == (call.unit is Unit.RESERVED)

    def music_ends_with_the_wait(self, call: Call) -> None:
        """It does not drown who talks with him now; she may have him on hold."""
        if call.phase is Phase.TALKING:
            assert self.music.get(call.id, call.secretary_leg) == call.secretary_leg

    def count(self, call_id: str, *kinds: type[c.Command]) -> int:
        return sum(isinstance(command, kinds) for command in self.commands[call_id])


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=200, max_size=600))
def test_whatever_happens_in_whatever_order_every_call_ends_in_good_order(drawn: bytes) -> None:
    choose = Choices(drawn)
    house = House(choose)
    hangs_up = choose.yes()
    try:
        while choose:
            house.something_happens()
        house.comes_to_an_end(hangs_up)
        for call_id in house.inboxes:
            ended_in_good_order(house, house.board.calls[call_id])
        assert house.books.claims == house.books.reserved == {}
    finally:
        note("\n".join(house.told))


def ended_in_good_order(house: House, call: Call) -> None:
    assert call.phase is Phase.ENDED
    assert call.taken_over or (call.outcome is not None and call.ended_at is not None)
    commands = house.commands[call.id]
    its_letters_are_written_once(house, call)
    it_is_charged_once(house, call)
    no_leg_is_made_twice(commands)
    assert house.count(call.id, c.Dial) == house.count(call.id, c.NoteDialling)
    if house.count(call.id, c.Join) and not call.taken_over:
        last = [type(one) for one in commands if isinstance(one, (c.Join, c.RemoveBridge))][-1]
        assert last is c.RemoveBridge
    if call.known.admission is not Admission.OPEN:
        assert house.count(call.id, c.Ring, c.ClaimSeat, c.ReserveUnit, c.ChargeUnit, c.Dial) == 0
    if call.known.admission is Admission.BLOCKED:
        a_blocked_caller_is_only_hung_up(house, call)


def its_letters_are_written_once(house: House, call: Call) -> None:
    told = call.letters_written or (not call.taken_over and deserves_letters(replace(call, letters_written=False)))
    assert house.count(call.id, c.WriteLetters) == (1 if told else 0)


def it_is_charged_once(house: House, call: Call) -> None:
    """Once, when the first secretary answers; by a mark of hers it is given back."""
    answered = call.answered_at is not None and call.known.metered and call.known.admission is Admission.OPEN
    charges = [entry for entry in house.books.ledger if entry.call_id == call.id and entry.kind is Kind.CHARGE]
    assert house.count(call.id, c.ChargeUnit) == len(charges) == (1 if answered else 0)
    assert house.count(call.id, c.ReturnUnit) == (1 if answered and (call.wrong_number or call.spam) else 0)


def no_leg_is_made_twice(commands: Iterable[c.Command]) -> None:
    made = [command.leg for command in commands if isinstance(command, (c.Ring, c.Dial))]
    assert len(made) == len(set(made))


def a_blocked_caller_is_only_hung_up(house: House, call: Call) -> None:
    assert call.outcome is Outcome.BLOCKED or call.taken_over
    assert house.count(call.id, c.HangUp, c.Reply) == len(house.commands[call.id]) > 0
