"""Some twenty callers at a time, in all phases of a call; each notes what ought not to have happened to him."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import select

from chaos.house import CLOSED, PATIENT, POLITE, TALK, Firm, House
from pbx_control.domain.call.model import Outcome, Phase
from pbx_control.errors import StoreUnavailable
from pbx_control.store.engine import reading
from pbx_control.store.tables import call
from pbx_control.world import audio
from pbx_control.world.legs import DidNotHappen, Leg, Ringing

# So long may it take until the other side of a conversation hears that it is over, with the daemon away, seconds.
GOODBYE = 30.0
# Nobody waits longer than this for anything, seconds: a caller who is still there is stuck.
STUCK = 150.0
# By then a caller whom the switch serves alone has been asked for a message and speaks it, seconds from his dialling;
# one whom the daemon serves is asked again if it dies in between, but is looked after.
MESSAGE_SPOKEN = 120.0
# A message of some seconds, bytes.
ENOUGH = 40_000
# Nobody hangs up in the very instant of her answer, which may not have reached anybody yet, seconds.
FIRST_WORD = 1.0
# The closed announcement is heard to its end: it says more than this, seconds of voice.
ANNOUNCEMENT = 4.0


@dataclass(slots=True)
class Visit:
    """One call as the caller saw it: what should have become of it, and his complaints."""

    kind: str
    firm: Firm
    number: str
    outcomes: tuple[Outcome, ...]
    key: int = 0  # of the contact whom his secretary calls for him, * and this on her telephone
    complaints: list[str] = field(default_factory=list)
    over: bool = False
    goodbye: float = 0.0  # seconds from one side's end to the other's
    rings: int = 0  # how often the contact's telephone rang for him
    transferred_to: str = ""  # the contact's name, if he was handed over
    in_vain: bool = False  # nobody could be called for him: the switch served him alone


class Crowd:
    """`run` keeps so many callers of each kind calling until `closing` is set; then it waits for the last."""

    def __init__(self, house: House, kinds: "Kinds", first_number: int = 56_900_000_001) -> None:
        self.house = house
        self._kinds = kinds
        self._numbers = count(first_number)
        self.visits: list[Visit] = []
        self.closing = asyncio.Event()
        self._engine = house.engine()

    @property
    def live(self) -> int:
        """How many are on the line now."""
        return sum(not visit.over for visit in self.visits)

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for many, kind in self._kinds:
                    for _ in range(many):
                        group.create_task(self._again_and_again(kind))
        finally:
            self._engine.dispose()

    async def _again_and_again(self, kind: "Kind") -> None:
        while not self.closing.is_set():
            await asyncio.sleep(self.house.dice.uniform(0, 3))
            visit = Visit(kind.name, kind.firm, f"+{next(self._numbers)}", kind.outcomes, kind.key)
            self.visits.append(visit)
            rung_before = self._rung(kind.key)
            try:
                await kind.way(self, visit)
            except DidNotHappen as error:
                visit.complaints.append(str(error))
            visit.rings = self._rung(kind.key) - rung_before
            visit.over = True

    def _rung(self, key: int) -> int:
        """How often the telephone of the contact with that key has rung so far."""
        return len(self.house.contacts[key].calls) if key else 0

    # --- what callers do ----------------------------------------------------------------------------------

    async def talks(self, visit: Visit) -> None:
        """Talks with a secretary; then one of the two hangs up, and the other is let go."""
        if (both := await self.conversation(visit)) is None:
            return
        await asyncio.sleep(FIRST_WORD)
        await self.stays(self.house.dice.uniform(4, 18), visit, *both)
        await self.part(visit, *both)

    async def gives_up(self, visit: Visit) -> None:
        """Hears ringing, then music, and hangs up."""
        caller = await self._dial(visit)
        await caller.ringing(GOODBYE)
        await self.stays(self.house.dice.uniform(3, 28), visit, caller)
        await caller.hang_up()

    async def leaves_message(self, visit: Visit) -> None:
        """Waits until he is asked for a message, speaks some seconds, and presses # or hangs up."""
        caller = await self._dial(visit)
        until = time.monotonic() + MESSAGE_SPOKEN
        while not caller.end.at and time.monotonic() < until:
            if await asyncio.to_thread(self._has_spoken, visit):
                break
            await asyncio.sleep(1)
        if caller.end.at:
            visit.complaints.append(f"dropped, cause {caller.cause}")
        elif self.house.dice.random() < 0.5:
            await caller.hang_up()
        else:
            await caller.press("#")
            await caller.ended(STUCK)

    async def hears_announcement(self, visit: Visit) -> None:
        caller = await self._dial(visit)
        await caller.ended(STUCK)
        if (said := audio.speech(caller.heard)) < ANNOUNCEMENT:
            visit.complaints.append(f"heard only {said:.1f} s of the announcement")

    def _has_spoken(self, visit: Visit) -> bool:
        """Whether his message's file has grown; not known while the switch serves him alone or the database is away."""
        try:
            with reading(self._engine) as connection:
                name = connection.scalar(select(call.c.message).where(call.c.caller == visit.number))
        except StoreUnavailable:
            return False
        file = self.house.office.home / "recordings" / (name or "none")
        return file.is_file() and file.stat().st_size > ENOUGH

    def served_by_switch(self, visit: Visit) -> bool:
        """Whether no daemon has the call of somebody who talks, as far as the database is there to tell."""
        try:
            with reading(self._engine) as connection:
                phase = connection.scalar(select(call.c.phase).where(call.c.caller == visit.number))
        except StoreUnavailable:
            return False
        return phase in (None, Phase.ENDED.value)

    async def conversation(self, visit: Visit) -> tuple[Leg, Ringing] | None:
        """He dials and somebody answers: his leg and hers. None, and a complaint, if nobody does."""
        caller = await self._dial(visit)
        answer = asyncio.ensure_future(self.house.answered(visit.number))
        await self._wait_for(caller, answer, visit)
        if not answer.done():
            return None
        await caller.answered(GOODBYE)
        return caller, answer.result()

    async def part(self, visit: Visit, *both: Leg) -> Leg:
        """One of the two hangs up, and the other is let go; gives the leg that hung up."""
        first, second = both if self.house.dice.random() < 0.5 else both[::-1]
        began = time.monotonic()
        await first.hang_up()
        await second.ended(GOODBYE)
        visit.goodbye = time.monotonic() - began
        return first

    async def _dial(self, visit: Visit) -> Leg:
        return await self.house.world.call(visit.firm.number, visit.number, visit.kind.title())

    async def _wait_for(self, caller: Leg, answer: "asyncio.Future[object]", visit: Visit) -> None:
        end = asyncio.ensure_future(caller.end.wait())
        await asyncio.wait([answer, end], timeout=STUCK, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        if not answer.done():
            answer.cancel()
            visit.complaints.append(
                f"dropped while waiting, cause {caller.cause}" if caller.end.at else "never answered"
            )

    async def stays(self, seconds: float, visit: Visit, *legs: Leg, to_the_end: bool = False) -> None:
        """Nobody's line breaks for so long; a shorter time if the crowd is going home and he is not to stay."""
        ends = [asyncio.ensure_future(leg.end.wait()) for leg in legs]
        home = asyncio.ensure_future(asyncio.Event().wait() if to_the_end else self.closing.wait())
        await asyncio.wait([*ends, home], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for leg in legs:
            if leg.end.at:
                visit.complaints.append(f"dropped: {leg.label} ended with cause {leg.cause}")
        for one in (*ends, home):
            one.cancel()


@dataclass(frozen=True, slots=True)
class Kind:
    """What some callers do, at which firm, and what then becomes of the call."""

    name: str
    firm: Firm
    way: Callable[[Crowd, Visit], Awaitable[None]]
    outcomes: tuple[Outcome, ...]
    key: int = 0  # of the contact who is called for them; each contact serves one caller at a time


# So many of each kind.
Kinds = tuple[tuple[int, Kind], ...]

KINDS: Kinds = (
    (8, Kind("talker", TALK, Crowd.talks, (Outcome.ANSWERED,))),
    (3, Kind("greeted", POLITE, Crowd.talks, (Outcome.ANSWERED,))),
    (4, Kind("impatient", PATIENT, Crowd.gives_up, (Outcome.MISSED,))),
    (3, Kind("message", PATIENT, Crowd.leaves_message, (Outcome.LEFT_MESSAGE,))),
    (2, Kind("closed", CLOSED, Crowd.hears_announcement, (Outcome.CLOSED,))),
)
