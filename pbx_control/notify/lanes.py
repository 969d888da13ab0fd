"""A lane of the outbox: what is in flight to one server, and how much of it that server takes at once."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from pbx_control.domain.notices.messages import Channel, Letter
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.store.letters import Head, Posted

MOST_SLOTS = 16  # letters in flight in one lane, each to another recipient
# After so many letters without a refusal one more at once is tried again.
GROW_AFTER = 20
# How long a server is left alone that refuses even a single session: longer each time.
FIRST_HOLD, LONGEST_HOLD = timedelta(seconds=1), timedelta(minutes=1)


class Sender(Protocol):
    """Hands letters over by one channel: notify.mail.Mailer, notify.telegram.Telegrammer."""

    async def send(self, letter: Letter) -> None:
        """Raises DeliveryFailed if the letter was not taken, or may not have been."""

    async def rest(self) -> None:
        """There is nothing to send for now: connections can be let go."""


@dataclass(slots=True)
class Flight:
    """A letter that is being sent, and when its claim must be renewed."""

    posted: Posted
    renew_at: datetime
    task: asyncio.Task[None]
    alone: bool = False  # nothing else was sent beside it


@dataclass(frozen=True, slots=True)
class Room:
    """What a lane can send now: `free` letters, to nobody who is `busy` with one, and after `held_until` more."""

    channel: Channel
    free: int
    busy: frozenset[str]
    held_until: datetime | None

    @property
    def enough(self) -> int:
        """How many of the letters that are first in line show which can be sent, and when the next one is due."""
        return 2 * (self.free + len(self.busy)) + 2

    def choose(self, heads: Iterable[Head], at: datetime) -> tuple[list[int], datetime | None]:
        """Which letters to send now, one to each recipient, and when to look again; None: when one has ended."""
        ids: list[int] = []
        busy = set(self.busy)
        for head in heads:
            if head.address in busy:
                continue
            if head.due_at > at:
                return ids, head.due_at
            if len(ids) >= self.free:
                return ids, self.held_until
            ids.append(head.id)
            busy.add(head.address)
        return ids, None


class Lane:
    """One channel's way to its server; `clock` gives the present instant, aware.

    A server that refuses a session because it has enough of them gets fewer at once; the letters wait for their turn
    and are no worse for it.
    """

    def __init__(self, channel: Channel, sender: Sender, clock: Callable[[], datetime]) -> None:
        self.channel = channel
        self.sender = sender
        self.in_flight: dict[str, Flight] = {}  # by address
        self._clock = clock
        self._slots = MOST_SLOTS
        self._accepted = 0  # since the last refusal, or since a slot was added
        self._hold = FIRST_HOLD
        self._held_until: datetime | None = None
        self._server_away = False
        self._rested = True

    def room(self, at: datetime) -> Room:
        """What can be sent now."""
        busy = frozenset(self.in_flight)
        if self._held_until and at < self._held_until:
            return Room(self.channel, 0, busy, self._held_until)
        return Room(self.channel, max(0, self._slots - len(busy)), busy, None)

    def begin(self, flight: Flight) -> None:
        """Note that a letter is being sent."""
        flight.alone = self._slots == 1
        self.in_flight[flight.posted.letter.address] = flight
        self._rested = False

    def ended(self, flight: Flight, failure: DeliveryFailed | None) -> bool:
        """Learn from how a letter ended that is still `in_flight`; returns whether the server is back."""
        if failure is None:
            return self._learn_success()
        if failure.fault is Fault.BUSY:
            self._learn_busy(flight)
        self._server_away |= failure.fault is Fault.SERVER
        return False

    async def rest_if_idle(self) -> None:
        """Let connections go if nothing is in flight."""
        if not self._rested and not self.in_flight:
            self._rested = True
            await self.sender.rest()

    def _learn_success(self) -> bool:
        self._hold, self._held_until = FIRST_HOLD, None
        self._accepted += 1
        if self._accepted >= GROW_AFTER:
            self._slots, self._accepted = min(MOST_SLOTS, self._slots + 1), 0
        was_away, self._server_away = self._server_away, False
        return was_away

    def _learn_busy(self, refused: Flight) -> None:
        self._slots, self._accepted = max(1, len(self.in_flight) - 1), 0
        # One that is the last of a crowd by now says nothing: the server was busy with those others.
        if refused.alone:
            self._held_until = self._clock() + self._hold
            self._hold = min(LONGEST_HOLD, 2 * self._hold)
