"""Tells stories of calls: real rules and floor, a clock of its own, and a switch written by hand.

    Story("Ana", "Eva").caller_dials("andes").rings("Ana").nobody_answers().expect(RecordMessage)

Sentences are about the call that was mentioned last (`caller_dials`, `about`). Calls are run by the daemon's own board;
`books` answers as the store would. `daemon_dies` and `daemon_returns` leave the switch alone for a while.
"""

import dataclasses
import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Self

from books import Books, account
from fake_switch import BUSY, NORMAL, REDIRECTED, REJECTED, RTP_TIMEOUT, FakeSwitch
from msgspec.structs import replace

from pbx_control.asterisk.dialplan import UNTAKEN
from pbx_control.domain.call import flow
from pbx_control.domain.call.board import Board
from pbx_control.domain.call.commands import (
    Command,
    NoteDialling,
    RaiseAlarm,
    Refusal,
    RemoveBridge,
    Reply,
    ReportLoss,
    SwitchCommand,
    WriteLetters,
)
from pbx_control.domain.call.events import Asked, CallArrived, ConsultationAsked, Event, Held, KeyPressed, Unheld
from pbx_control.domain.call.model import (
    Admission,
    Call,
    Caller,
    Contact,
    Facts,
    Outcome,
    Outgoing,
    Phase,
    Seat,
    Sounds,
)
from pbx_control.domain.floor import Chair
from pbx_control.live.recovery import RECORDED_AFTER, differences

MORNING = datetime(2026, 8, 3, 14, tzinfo=UTC)
# More events at one instant than any story needs: something goes round in circles.
TOO_MANY = 2000
SOUNDS = Sounds(
    closed="closed",
    exhausted="exhausted",
    busy="busy",
    message="leave a message",
    thanks="thanks",
    not_taken="not taken",
    positions=tuple(f"position {number}" for number in range(1, 22)),
)
WELCOME = replace(SOUNDS, welcome=("welcome", "notice"), notice="notice", notice_text="Se graba")
NOTICE = replace(WELCOME, welcome=("notice",))
# A recorded client whose carrier lets callers hear us before the answer.
EARLY: dict[str, Any] = {"recording": True, "sounds": NOTICE, "early_media": True}
OURS = "+56225550101"
BOSS, SALES = "+56987654321", "+56225559876"  # two contacts
BOSS_AT_HOME = "+56322555555"
USUAL = Facts(
    OURS,
    1,
    "andes",
    "Andes Ltda",
    "es",
    "America/Santiago",
    Admission.OPEN,
    SOUNDS,
    contacts=(
        Contact(1, "Boss", (BOSS,), 1),
        Contact(2, "Sales", (SALES, BOSS_AT_HOME), 2),
        Contact(3, "Tax", (BOSS,)),
    ),
    outgoing=Outgoing("trunk-carrier", "e164", "CL", OURS, at_once=3, a_day=100),
)


def speaks(name: str, *languages: str, clients: Iterable[int] | None = None, wrap_up: float = 0) -> Chair:
    """A secretary whose telephone is registered. `clients`: ids of those she answers for, None for all."""
    number = sum(ord(char) << 8 * place for place, char in enumerate(name[:3]))
    return Chair(
        seat=Seat(number, name.lower(), name, timedelta(seconds=wrap_up)),
        languages=languages or ("es",),
        clients=None if clients is None else frozenset(clients),
        idle_since=MORNING - timedelta(hours=1),
        free_from=MORNING - timedelta(hours=1),
        registered=True,
    )


@dataclass(order=True)
class Coming:
    """Something that the switch or a person will do."""

    at: datetime
    number: int
    act: Callable[[], None] = field(compare=False)


class Story:
    """A day in the house. Secretaries by name, or as `speaks` makes them; who comes first has been idle longest."""

    def __init__(self, *secretaries: str | Chair) -> None:
        self.now = MORNING
        self.board = Board()
        self.books = Books(accounts={USUAL.client_id: account(1000, at=MORNING)})
        self.letters: list[str] = []
        self.alarms: list[str] = []
        self.losses: list[str] = []  # messages and recordings that could not be kept, as the office is told
        self.replies: list[Reply] = []  # to who asked from a screen
        self.dialled: list[str] = []  # numbers of contacts, as the store remembers them
        self.told: list[str] = []
        self.switch = FakeSwitch(lambda: self.now, self._later, self._hear)
        self.daemon_lives = True
        self.connected = True
        self._will_die = False
        self._last_beat: datetime | None = None
        self._habits: dict[str, Callable[[str], object]] = {}
        self._numbers = count()
        self._coming: list[Coming] = []
        self._floor_at: datetime | None = None
        self._mark: dict[str, int] = {}
        self._at_once = 0
        self.current = ""
        self.board.staff(_seated(secretary, place) for place, secretary in enumerate(secretaries))

    @property
    def calls(self) -> dict[str, Call]:
        return self.board.calls

    @property
    def chairs(self) -> Iterable[Chair]:
        return self.board.chairs.values()

    @property
    def units(self) -> int:
        """How many calls the usual client has left that nobody has reserved."""
        return self.books.accounts[USUAL.client_id].free

    @units.setter
    def units(self, left: int) -> None:
        self.books.accounts[USUAL.client_id] = account(left, at=self.now)

    @property
    def charged(self) -> list[str]:
        """The calls that cost a unit."""
        return self.books.charged

    # --- what callers do ----------------------------------------------------------------------------------

    def caller_dials(self, client: str = "andes", who: str = "maria", **facts: Any) -> Self:
        """A caller enters; `facts` differ from the usual client's: open, Spanish, with music and messages."""
        known = replace(USUAL, slug=client, **facts)
        self.current = who
        self._mark[who] = 0
        self.board.arrive(who)
        self.switch.caller_enters(who, timedelta(seconds=UNTAKEN))
        self._step(who, CallArrived(self.now, known, Caller("+56912345678", who.title())))
        return self

    def caller_hangs_up(self) -> Self:
        self.switch.leaves(self.current)
        return self

    def speaks_a_message(self, seconds: float) -> Self:
        """He speaks after the tone, so long, and is then silent."""
        self.hears("tone").passes(seconds)
        self.switch.message_ends(self.current)
        return self.passes(0.1)

    # --- what secretaries do ------------------------------------------------------------------------------

    def answers(self, name: str) -> Self:
        self.switch.answers(self._telephone(name))
        return self

    def refuses(self, name: str) -> Self:
        self.switch.leaves(self._telephone(name), REJECTED)
        return self

    def forwards(self, name: str) -> Self:
        """Her telephone answers with a 302."""
        self.switch.leaves(self._telephone(name), REDIRECTED)
        return self

    def always_refuses(self, name: str) -> Self:
        """Her telephone declines every call a second after it began to ring."""
        self._habits[name.lower()] = lambda leg: self._later(
            timedelta(seconds=1), lambda: self.switch.leaves(leg, BUSY)
        )
        return self

    def holds(self, name: str) -> Self:
        """By her telephone's own key."""
        leg = self._telephone(name)
        self.switch.holding.add(leg)
        self._hear(self.current, Held(self.now, leg))
        return self

    def resumes(self, name: str) -> Self:
        leg = self._telephone(name)
        self.switch.holding.remove(leg)
        self._hear(self.current, Unheld(self.now, leg))
        return self

    def hangs_up(self, name: str) -> Self:
        self.switch.leaves(self._telephone(name))
        return self

    def network_dies(self, name: str) -> Self:
        """No BYE comes from her: Asterisk ends the leg when no sound has come for a while."""
        self.switch.leaves(self._telephone(name), RTP_TIMEOUT)
        return self

    def sits_down(self, secretary: str | Chair) -> Self:
        """Her telephone registers."""
        self.board.staff([*self.chairs, _seated(secretary, 0)])
        self._look_at_floor()
        return self

    def presses(self, name: str, keys: str) -> Self:
        """She presses keys of her telephone, one right after the other."""
        for key in keys:
            self._step(self.current, KeyPressed(self.now, self._telephone(name), key))
        return self

    def asks_from_the_desk(self, name: str, contact_id: int) -> Self:
        self._step(self.current, ConsultationAsked(self.now, contact_id))
        return self

    def asks(self, name: str, kind: type[Asked], by: int | None = None) -> Self:
        """Somebody asks from a screen: the secretary `by`, else an admin, about the call that she has."""
        self._step(self.current, kind(self.now, ticket=7, secretary_id=by, asker=name))
        return self

    # --- what contacts do ---------------------------------------------------------------------------------

    def contact_answers(self) -> Self:
        self.switch.answers(self.call.contact_leg)
        return self

    def contact_leaves(self, cause: int = NORMAL) -> Self:
        """Busy, rejecting, hanging up: by the Q.850 cause."""
        self.switch.leaves(self.call.contact_leg, cause)
        return self

    def consults(self, name: str = "Ana", keys: str = "*1") -> Self:
        """She talks with the contact of that key, and the caller hears music."""
        return self.presses(name, keys).contact_answers().is_in(Phase.CONSULTING)

    def is_back(self, name: str) -> Self:
        """Her telephone registers anew, or an admin makes her available: a pause of the system's is over."""
        self._change(name, paused=False, refusals=0)
        self._look_at_floor()
        return self

    def is_tried_again(self, name: str) -> Self:
        """A pause of the system's has lasted long enough."""
        self._change(name, paused=False, refusals=flow.REFUSALS_BEFORE_PAUSE - 1)
        self._look_at_floor()
        return self

    def pauses(self, name: str) -> Self:
        """She asks for a pause at her desk."""
        self._change(name, paused=True)
        return self

    def desks(self, *, open_: Iterable[str] = (), lost: Iterable[str] = ()) -> Self:
        """Whose page is open, and whose has vanished: all of them."""
        self.board.desks(*([self._chair(name).seat.secretary_id for name in names] for names in (open_, lost)))
        self._look_at_floor()
        return self

    def is_done(self, name: str, call_id: str) -> Self:
        """The message of that call is sent after its end, or she presses the key for it ("")."""
        self.board.end_work(self._chair(name).seat.secretary_id, call_id, self.now)
        self._look_at_floor()
        return self

    def unplugs(self, name: str) -> Self:
        """Her telephone is no longer registered; what it is in the middle of goes on."""
        self._change(name, registered=False)
        return self

    def nobody_answers(self) -> Self:
        """Every telephone rings in vain until the wait limit, and the caller is still there."""
        return self.passes(self.call.known.wait_limit.total_seconds() + 16)

    # --- what happens around them -------------------------------------------------------------------------

    def passes(self, seconds: float) -> Self:
        """Time passes; whatever is due happens, in order."""
        until = self.now + timedelta(seconds=seconds)
        while (due := self._next_due()) and due[0] <= until:
            self._at_once = self._at_once + 1 if due[0] <= self.now else 0
            assert self._at_once < TOO_MANY, f"goes round in circles:\n{self.so_far}"
            self.now = max(self.now, due[0])
            due[1]()
        self.now = until
        return self

    def another_daemon_takes(self, name: str) -> Self:
        """Her next offer is lost: another daemon on the same store has claimed her."""
        self.books.taken_elsewhere.add(self._chair(name).seat.secretary_id)
        return self

    def daemon_dies(self) -> Self:
        """Nobody listens to the switch, and no deadline is kept."""
        self.daemon_lives = self.connected = False
        self._last_beat = self.now
        return self

    def connection_breaks(self) -> Self:
        """The daemon goes on, and keeps its deadlines, but neither hears the switch nor is heard."""
        self.connected = False
        return self

    def daemon_dies_before_performing(self) -> Self:
        """The next step is saved, but what it commands is not done any more."""
        self._will_die = True
        return self

    def daemon_returns(self) -> Self:
        """A new daemon (or connection) adopts what was saved and compares it with the switch."""
        self.daemon_lives, self.connected, self._will_die = True, True, False
        self.compares(newly_connected=True)
        return self

    def compares(self, *, newly_connected: bool = False) -> Self:
        """The comparison that is made every minute, and after each new connection."""
        found = self.switch.found({})
        if newly_connected:
            found = dataclasses.replace(found, holding=frozenset(self.switch.holding))
        if newly_connected and self._last_beat:
            found = dataclasses.replace(found, unrecorded_until=self._last_beat + RECORDED_AFTER)
        for call in list(self.calls.values()):
            if call.phase is not Phase.ENDED:
                for event in differences(call, found, self.now, newly_connected):
                    self._step(call.id, event)
        self._remove_strays()
        self._look_at_floor()
        return self

    def _remove_strays(self) -> None:
        """As pbx_control/live/recovery.py does: legs and bridges that no call wants."""
        over = {call.id for call in self.calls.values() if call.phase is Phase.ENDED}
        for key, leg in list(self.switch.legs.items()):
            call = self.calls[leg.call]
            wanted = {call.secretary_leg} if call.seat else set()
            wanted |= {call.contact_leg} if call.contact_here else set()
            if leg.user and (leg.call in over or key not in wanted):
                self.switch.leaves(key)
        for call_id in over:
            self.switch.perform(call_id, RemoveBridge(self.calls[call_id].bridge))

    def happens(self, event: Event) -> Self:
        """Any event of the current call, out of the blue."""
        self._step(self.current, event)
        return self

    # --- what is expected ---------------------------------------------------------------------------------

    @property
    def call(self) -> Call:
        """The call that the story is about at the moment."""
        return self.calls[self.current]

    def about(self, who: str) -> Self:
        self.current = who
        return self

    def expect(self, kind: type[SwitchCommand], **fields: object) -> Self:
        """That command was done for the call after what was last expected."""
        mine = [command for call, command in self.switch.done if call == self.current]
        for place in range(self._mark[self.current], len(mine)):
            if isinstance(mine[place], kind) and all(getattr(mine[place], key) == fields[key] for key in fields):
                self._mark[self.current] = place + 1
                return self
        raise AssertionError(f"no {kind.__name__} {fields} in:\n{self.so_far}")

    def is_told(self, refusal: Refusal | None = None) -> Self:
        """Whoever asked last from a screen is told that it is done, or why not."""
        assert self.replies[-1].refusal is refusal, self.so_far
        return self

    def never(self, kind: type[SwitchCommand]) -> Self:
        """That command was not done for the call after what was last expected."""
        mine = [command for call, command in self.switch.done if call == self.current]
        assert not [one for one in mine[self._mark[self.current] :] if isinstance(one, kind)], self.so_far
        return self

    def rings(self, *names: str) -> Self:
        """For this call these telephones ring (one, or none), and no other."""
        leg = self.switch.legs.get(self.call.secretary_leg)
        ringing = {leg.user} if leg and not leg.up else set()
        assert ringing == {name.lower() for name in names}, f"{ringing} ring:\n{self.so_far}"
        return self

    def hears(self, what: str) -> Self:
        """What the caller hears at this moment."""
        heard = self.switch.heard_by(self.current)
        assert heard == what, f"the caller hears {heard}, not {what}:\n{self.so_far}"
        return self

    def she_hears(self, what: str) -> Self:
        """What the secretary of this call hears at this moment, as `hears`."""
        heard = self.switch.heard_by(self.call.secretary_leg)
        assert heard == what, f"she hears {heard}, not {what}:\n{self.so_far}"
        return self

    def contact_hears(self, what: str) -> Self:
        heard = self.switch.heard_by(self.call.contact_leg)
        assert heard == what, f"the contact hears {heard}, not {what}:\n{self.so_far}"
        return self

    def was_told(self, who: str, word: str) -> Self:
        """That word or tone was the last one told to her (her user name), a contact (his number) or the caller ("")."""
        last = [told for user, told in self.switch.told if user == who][-1:]
        assert last == [word], f"{who} was told {last}, not {word}:\n{self.so_far}"
        return self

    def missed(self, contact: str, why: str) -> Self:
        """Her page is told that her last consultation, with that contact, came to nothing, and why."""
        missed = self.call.missed
        assert missed, self.so_far
        assert (missed.contact, missed.why) == (contact, why.removeprefix("contact_")), self.so_far
        return self

    def missed_nobody(self) -> Self:
        """Her page is told of no consultation that came to nothing."""
        assert self.call.missed is None, self.so_far
        return self

    def hears_nobody(self) -> Self:
        """The caller's leg is gone."""
        assert self.current not in self.switch.legs, self.so_far
        return self

    def is_in(self, phase: Phase) -> Self:
        assert self.call.phase is phase, f"{self.call.phase}:\n{self.so_far}"
        return self

    def ended(self, outcome: Outcome, *, letters: int = 1) -> Self:
        """The call is over with that outcome, so many letters were written, and nothing of it is left anywhere."""
        self.is_in(Phase.ENDED)
        assert self.call.outcome is outcome, f"{self.call.outcome}:\n{self.so_far}"
        assert self.letters.count(self.current) == letters, self.so_far
        return self.nothing_is_left()

    def nothing_is_left(self) -> Self:
        """No leg, bridge or seat of the call is left."""
        assert [key for key, leg in self.switch.legs.items() if leg.call == self.current] == [], self.so_far
        assert [bridge for bridge in self.switch.bridges if bridge.startswith(f"{self.current}-")] == [], self.so_far
        assert self.current not in self.books.claims.values(), self.so_far
        assert [chair for chair in self.chairs if chair.held_by == self.current] == [], self.so_far
        return self

    def is_free(self, name: str) -> Self:
        chair = self._chair(name)
        assert chair.free_at(self.now), f"{chair}\n{self.so_far}"
        return self

    @property
    def so_far(self) -> str:
        """What has happened, for whoever reads a failure."""
        return "\n".join(self.told)

    # --- how the switchboard does it ------------------------------------------------------------------------

    def _hear(self, call: str, event: Event) -> None:
        if self.connected:
            self._step(call, event)

    def _step(self, call_id: str, event: Event) -> None:
        stepped = self.board.step(call_id, event)
        before, after, commands = stepped.before, stepped.after, stepped.commands
        self.told.append(f"{self.now:%M:%S.%f} {call_id} {before.phase} {event} -> {after.phase} {commands}")
        if not self.books.grant(after, commands, self.now):
            self.told.append("  the store does not grant it")
            for instead in self.board.undo(call_id, [stepped], self.now):
                self._step(call_id, instead)
            return
        self._remember(call_id, commands)
        self._perform(call_id, commands)
        if self.daemon_lives:
            self._look_at_floor()

    def _remember(self, call_id: str, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case WriteLetters():
                    self.letters.append(call_id)
                case NoteDialling(number=number):
                    self.dialled.append(number)
                case ReportLoss(what=what):
                    self.losses.append(what)
                case RaiseAlarm(why=why):
                    self.alarms.append(why)
                case Reply():
                    self.replies.append(command)

    def _perform(self, call_id: str, commands: Iterable[Command]) -> None:
        if self._will_die:
            self.daemon_dies()
        for command in commands:
            if self.connected and isinstance(command, SwitchCommand):
                self.switch.perform(call_id, command)
                self._follow_habits(command)

    def _follow_habits(self, command: SwitchCommand) -> None:
        if habit := self._habits.get(getattr(command, "user", "")):
            habit(command.leg)  # type: ignore[attr-defined]

    def _look_at_floor(self) -> None:
        offers, self._floor_at = self.board.offers(self.now)
        for call_id, offered in offers:
            self._step(call_id, offered)

    def _next_due(self) -> tuple[datetime, Callable[[], None]] | None:
        due: list[tuple[datetime, Callable[[], None]]] = []
        if self._coming:
            due.append((self._coming[0].at, lambda: heapq.heappop(self._coming).act()))
        if self.daemon_lives:
            due += [(at, self._deadline(call)) for call in self.calls.values() if (at := _nearest(call))]
            if self._floor_at:
                due.append((max(self._floor_at, self.now), self._look_at_floor))
        return min(due, key=lambda each: each[0], default=None)

    def _deadline(self, call: Call) -> Callable[[], None]:
        def pass_it() -> None:
            if passed := self.board.deadline_passed(call.id, self.now):
                self._step(call.id, passed)

        return pass_it

    def _later(self, delay: timedelta, act: Callable[[], None]) -> None:
        heapq.heappush(self._coming, Coming(self.now + delay, next(self._numbers), act))

    # --- who sits where -----------------------------------------------------------------------------------

    def _chair(self, name: str) -> Chair:
        return next(chair for chair in self.chairs if chair.seat.name == name)

    def _change(self, name: str, **fields: bool | int) -> None:
        self.board.change_telephone(name.lower(), **fields)

    def _telephone(self, name: str) -> str:
        leg = self.switch.telephone(name.lower())
        assert leg, f"{name}'s telephone neither rings nor talks:\n{self.so_far}"
        return leg


def _seated(secretary: str | Chair, place: int) -> Chair:
    chair = speaks(secretary) if isinstance(secretary, str) else secretary
    return replace(chair, idle_since=chair.idle_since + timedelta(minutes=place))


def _nearest(call: Call) -> datetime | None:
    return call.next_deadline[1] if call.next_deadline else None
