"""A lane of the outbox: what is in flight to one server, and how much of it that server takes at once."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from pbx_control.domain.notices.messages import Channel, Letter
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.notify.turns import LastStep, at_once
from pbx_control.store.letters import Head, Posted

MOST_SLOTS = 16  # letters in flight in one lane, each to another recipient
# After so many letters without a refusal one more at once is tried again.
GROW_AFTER = 20
# A letter that is refused so often as if the server were away, while that has taken others between its tries, keeps its
# own pauses from then on.
MOST_AT_ONCE = 3
# A receiver that takes longer, or does not answer, is slow to its next try, seconds: such get few of the slots.
SLOW = 2.0
# How long a server is left alone that refuses even a single session: longer each time.
FIRST_HOLD, LONGEST_HOLD = timedelta(seconds=1), timedelta(minutes=1)


class Sender(Protocol):
    """Hands letters over by one channel: notify.mail.Mailer, notify.telegram.Telegrammer."""

    async def send(self, letter: Letter, last_step: LastStep = at_once) -> str:
        """Gives what the server knows the letter by from now on, or "". Awaits `last_step` before the server may take
        it. Raises DeliveryFailed if it was not taken, or may not have been."""

    async def rest(self) -> None:
        """There is nothing to send for now: connections can be let go."""


@dataclass(slots=True)
class Flight:
    """A letter that is being sent, and when its claim must be renewed."""

    posted: Posted
    renew_at: datetime
    task: asyncio.Task[None]
    alone: bool = False  # nothing else was sent beside it
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Tried:
    """What the lane remembers of a letter that has failed and waits."""

    taken: int = 0  # how many letters the server had taken when it failed last
    passed_over: int = 0  # how often others had been taken between two of its tries


@dataclass(frozen=True, slots=True)
class Room:
    """What a lane can send now: `free` letters, to nobody who is `busy` with one, and after `held_until` more."""

    channel: Channel
    free: int
    busy: frozenset[str]
    held_until: datetime | None
    slow: frozenset[str] = frozenset()  # of these no more at once than
    free_for_slow: int = 0

    @property
    def enough(self) -> int:
        """How many of the letters that are first in line show which can be sent, and when the next one is due."""
        return 2 * (self.free + len(self.busy) + len(self.slow)) + 2

    def choose(self, heads: Iterable[Head], at: datetime) -> tuple[list[int], datetime | None]:
        """Which letters to send now, one to each recipient, and when to look again; None: when one has ended."""
        ids: list[int] = []
        busy, for_slow = set(self.busy), self.free_for_slow
        for head in heads:
            if head.address in busy:
                continue
            if head.due_at > at:
                return ids, head.due_at
            if len(ids) >= self.free:
                return ids, self.held_until
            if head.address in self.slow:
                if not for_slow:
                    continue  # until one of them has ended
                for_slow -= 1
            ids.append(head.id)
            busy.add(head.address)
        return ids, None


class Lane:
    """One channel's way to its server; `clock` gives the present instant, aware.

    A server that refuses a session because it has enough of them gets fewer at once; the letters wait for their turn
    and are no worse for it. One that answers nobody, or is away for several in a row, gets one letter at a
    time, and less often each time, so that as few as may be are sent twice.

    `slots_for_slow`: where each address is a server of its own, those that were slow last get no more slots than that.
    """

    def __init__(
        self, channel: Channel, sender: Sender, clock: Callable[[], datetime], slots_for_slow: int | None = None
    ) -> None:
        self.channel = channel
        self.sender = sender
        self.in_flight: dict[str, Flight] = {}  # by address
        self._clock = clock
        self._slots = MOST_SLOTS
        self._accepted = 0  # since the last refusal, or since a slot was added
        self._hold = FIRST_HOLD
        self._held_until: datetime | None = None
        self._server_away = False
        self._first = True  # letters may wait for a server that was away before this process began
        self._silent = False  # a letter was not answered, or two found nobody there, and none was taken since
        self._taken = 0
        self._tried: dict[int, Tried] = {}  # by the letter's id
        self._rested = True
        self._slots_for_slow = slots_for_slow
        self._slow: set[str] = set()  # addresses

    def room(self, at: datetime) -> Room:
        """What can be sent now."""
        busy = frozenset(self.in_flight)
        if self._held_until and at < self._held_until:
            return Room(self.channel, 0, busy, self._held_until)
        slots = 1 if self._silent else self._slots
        free = max(0, slots - len(busy))
        if self._slots_for_slow is None:
            return Room(self.channel, free, busy, None)
        for_slow = max(0, self._slots_for_slow - len(busy & self._slow))
        return Room(self.channel, free, busy, None, frozenset(self._slow), for_slow)

    def begin(self, flight: Flight) -> None:
        """Note that a letter is being sent."""
        flight.alone = self._slots == 1 or self._silent
        self.in_flight[flight.posted.letter.address] = flight
        self._rested = False

    def ended(self, flight: Flight, failure: DeliveryFailed | None) -> bool:
        """Learn from how a letter ended that is still `in_flight`; returns whether the server is back."""
        if self._slots_for_slow is not None:
            self._learn_pace(flight, failure)
        if failure is None:
            self._tried.pop(flight.posted.id, None)
            return self._learn_success()
        self._remember(flight.posted.id)
        if failure.fault is Fault.BUSY:
            self._learn_busy(flight)
        if failure.fault is Fault.SERVER:
            self._learn_away(flight)
        if failure.fault is Fault.UNCONFIRMED:
            self._learn_silence(flight)
        return False

    def has_taken_others(self, posted: Posted) -> bool:
        """Whether a letter was taken since the last failure of this one, and nobody else is without an answer since; to
        be asked before `ended`."""
        return not self._silent and self._taken > self._tried.get(posted.id, Tried()).taken

    def passes_over(self, posted: Posted) -> bool:
        """Whether the server has taken others between several tries of this one; to be asked before `ended`."""
        return self._after_failure(posted.id).passed_over >= MOST_AT_ONCE

    def _after_failure(self, letter_id: int) -> Tried:
        before = self._tried.get(letter_id)
        if before is None:
            return Tried(self._taken)
        return Tried(self._taken, before.passed_over + (self._taken > before.taken))

    def _remember(self, letter_id: int) -> None:
        self._tried[letter_id] = self._after_failure(letter_id)

    async def rest_if_idle(self) -> None:
        """Let connections go if nothing is in flight."""
        if not self._rested and not self.in_flight:
            self._rested = True
            await self.sender.rest()

    def _learn_success(self) -> bool:
        was_away = self._server_away or self._silent or self._first
        self._hold, self._held_until = FIRST_HOLD, None
        self._server_away = self._silent = self._first = False
        self._taken += 1
        self._accepted += 1
        if self._accepted >= GROW_AFTER:
            self._slots, self._accepted = min(MOST_SLOTS, self._slots + 1), 0
        return was_away

    def _learn_pace(self, flight: Flight, failure: DeliveryFailed | None) -> None:
        unanswered = failure is not None and failure.fault is Fault.LATER
        if unanswered or time.monotonic() - flight.began > SLOW:
            self._slow.add(flight.posted.letter.address)
        else:
            self._slow.discard(flight.posted.letter.address)

    def _learn_away(self, failed: Flight) -> None:
        # The first may be one letter's own trouble: a recipient whom the server does not let us write to.
        if self._server_away:
            self._silent = True
            self._hold_longer(failed)
        self._server_away = True

    def _learn_silence(self, failed: Flight) -> None:
        if self._silent:
            self._hold_longer(failed)
        self._silent = True

    def _learn_busy(self, refused: Flight) -> None:
        self._slots, self._accepted = max(1, len(self.in_flight) - 1), 0
        self._hold_longer(refused)

    def _hold_longer(self, failed: Flight) -> None:
        # One that is the last of a crowd by now says nothing: the server was busy with those others.
        if failed.alone:
            self._held_until = self._clock() + self._hold
            self._hold = min(LONGEST_HOLD, 2 * self._hold)
