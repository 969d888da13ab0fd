"""One leg of a call in the outside world, from its first ring to its hang-up: what happened, and what was heard."""

import asyncio
import os
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pbx_control.world import audio
from pbx_control.world.config import saying

# Performs an AMI action and tells whether Asterisk did it.
Act = Callable[[dict[str, str]], Awaitable[bool]]

PATIENCE = 20.0  # s: how long to wait for something that should happen at once or within a ring
POLL = 0.25  # s: how often to listen
BUSY = 17  # Q.850 causes, as Asterisk translates them to and from SIP
NORMAL = 16
NETWORK_OUT_OF_ORDER = 38


class DidNotHappen(AssertionError):
    """Something that was to happen in the outside world did not, in the time that it was given."""


def patience(seconds: float) -> float:
    """How long to wait for what takes at most `seconds` on an idle machine: on one whose cores others use, longer."""
    return seconds * (1 + os.getloadavg()[0] / (os.cpu_count() or 1))


async def within(seconds: float, what: str, waited: Awaitable[Any]) -> Any:
    """Awaits something; DidNotHappen with `what` in words if it takes longer than `seconds` (see `patience`)."""
    limit = patience(seconds)
    try:
        return await asyncio.wait_for(waited, limit)
    except TimeoutError:
        raise DidNotHappen(f"{what}: not within {limit:.0f} s") from None


class Milestone:
    """Something that happens to a leg at most once; `at` is when it did."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.at: datetime | None = None
        self._reached = asyncio.Event()

    def reach(self) -> None:
        if self.at is None:
            self.at = datetime.now(UTC)
            self._reached.set()

    async def wait(self) -> None:
        await self._reached.wait()


class Leg:
    """A channel of the outside Asterisk. `channel` is its name there, `cause` why it ended (Q.850)."""

    def __init__(self, act: Act, label: str, say: Path, heard: Path, channel: str = "") -> None:
        self._act = act
        self.label, self.say, self.heard, self.channel = label, say, heard, channel
        self.cause: int | None = None
        self.keys = ""  # what the other side pressed
        self.rang, self.answer, self.end = Milestone("rings"), Milestone("is answered"), Milestone("ends")

    async def ringing(self, seconds: float = PATIENCE) -> None:
        """Waits until it rings (a caller: until the other side says that it rings)."""
        await self._reaches(self.rang, seconds)

    async def answered(self, seconds: float = PATIENCE) -> None:
        """Waits until it is answered."""
        await self._reaches(self.answer, seconds)

    async def ended(self, seconds: float = PATIENCE) -> int | None:
        """Waits until it is over and returns the cause; then the file `heard` is complete."""
        await self._reaches(self.end, seconds)
        return self.cause

    async def hears(self, hertz: float, seconds: float = PATIENCE) -> None:
        """Waits until that tone has been heard for the last second, of a leg that records what it hears."""
        raw = self.heard.with_suffix(".alaw")
        limit = time.monotonic() + patience(seconds)
        while not (raw.exists() and await asyncio.to_thread(audio.ends_with, raw, hertz)):
            if self.end.at or time.monotonic() > limit:
                raise DidNotHappen(f"{self.label} does not hear {hertz:g} Hz: {raw.name}")
            await asyncio.sleep(POLL)  # sound tells of itself by no event

    def hung_up(self, cause: int) -> None:
        """It is over, and with it the recording of what was heard."""
        self.cause = cause
        raw = self.heard.with_suffix(".alaw")
        if raw.exists():
            audio.from_alaw(raw, self.heard)
            raw.unlink()
        self.end.reach()

    async def hang_up(self, cause: int = NORMAL) -> None:
        """Hangs up (before the answer: gives up, or refuses with that cause)."""
        await self._do({"Action": "Hangup", "Cause": str(cause)})
        await self.ended()

    async def press(self, keys: str) -> None:
        """Presses keys, as RFC 4733 events."""
        for key in keys:
            await self._do({"Action": "PlayDTMF", "Digit": key, "Duration": "100"})
            await asyncio.sleep(0.25)  # a person's pace: the digits must not run together

    async def pick_up(self) -> None:
        """Answers: plays what this person says again and again, and records what he hears."""
        for name, value in conversation(self.say, self.heard).items():
            await self._do({"Action": "Setvar", "Variable": name, "Value": value})
        await self._go_to("talking")

    async def _go_to(self, context: str) -> None:
        await self._do({"Action": "Redirect", "Context": context, "Exten": "s", "Priority": "1"})

    async def _do(self, action: dict[str, str]) -> None:
        """Performs an action on this channel; one that ends in the same moment needs it no more."""
        if self.end.at is None and not await self._act({**action, "Channel": self.channel}):
            await within(1, f"{self.label}: Asterisk refused {action}, so it", self.end.wait())

    async def _reaches(self, milestone: Milestone, seconds: float) -> None:
        """Waits for a milestone, but not beyond the leg's end: what has ended rings no more."""
        either = [asyncio.ensure_future(m.wait()) for m in {milestone, self.end}]
        limit = patience(seconds)
        first = asyncio.wait(either, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        _, waiting = await first
        for one in waiting:
            one.cancel()
        if milestone.at is None:
            why = f"ended before, with cause {self.cause}" if self.end.at else f"not within {limit:.0f} s"
            raise DidNotHappen(f"{self.label} {milestone.name}: {why}")


class Ringing(Leg):
    """A call that comes in at a telephone: `number` and `name` are what its display shows.

    `sender` and `identity` are the From and P-Asserted-Identity headers as they came over the wire.
    """

    def __init__(self, act: Act, label: str, say: Path, heard: Path, event: Mapping[str, str]) -> None:
        super().__init__(act, label, say, heard, event["Channel"])
        self.number = event.get("CallerIDNum", "")
        self.name = event.get("CallerIDName", "")
        self.sender = _header(event, "From")
        self.identity = _header(event, "Identity")
        self.rang.reach()


def _header(event: Mapping[str, str], name: str) -> str:
    """A SIP header that the dialplan passed on as base64, behind a colon because nothing cannot be encoded."""
    return b64decode(event[name]).decode(errors="replace")[1:]


def conversation(say: Path, heard: Path) -> dict[str, str]:
    """The channel variables of somebody who talks: what he says, and where his ear's file goes (without the suffix)."""
    return {"SAY": saying(say), "HEARD": str(heard.with_suffix(""))}
