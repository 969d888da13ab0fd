"""A conversation that is handed over and that nobody ends, with the daemon killed at once: Asterisk keeps the cap."""

import asyncio
import time
from dataclasses import dataclass

from chaos.house import CONTACT, TRANSFER, House
from pbx_control.world import audio
from pbx_control.world.legs import Leg
from pbx_control.world.people import answering

# A leg may end so much earlier or later, seconds.
TOLERANCE = 2.0
# What ends later than this does not end, seconds after the cap.
PATIENCE = 10.0
# The farewell says more than this, seconds of voice.
FAREWELL = 1.0


@dataclass(frozen=True, slots=True)
class Kept:
    """When the two legs ended, in seconds from the hand-over, and how long the caller was told farewell."""

    cap: int
    caller: float
    contact: float
    farewell: float
    left: tuple[str, ...] = ()  # in the switch, after the next daemon has come

    @property
    def complaints(self) -> list[str]:
        """What is wrong, a line each."""
        legs = {"the caller's": self.caller, "the contact's": self.contact}
        wrong = [f"{leg} leg ended after {at:.1f} s" for leg, at in legs.items() if abs(at - self.cap) > TOLERANCE]
        silent = ["the caller heard no farewell"] if self.farewell < FAREWELL else []
        return [*wrong, *silent, *(f"orphan in the switch: {line}" for line in self.left)]

    def __str__(self) -> str:
        ends = f"the caller's leg ended after {self.caller:.1f} s, the contact's after {self.contact:.1f} s"
        lines = [f"a cap of {self.cap} s, kept without a daemon: {ends}", f"farewell: {self.farewell:.1f} s of voice"]
        return "\n".join([*lines, f"complaints: {len(self.complaints)}", *(f"  {each}" for each in self.complaints)])


async def kept_without_daemon(house: House, cap: int) -> Kept:
    """A hand-over in a house with that cap; the daemon is killed as soon as the secretary's leg has ended."""
    await house.office.start_daemon()
    rosa = house.contacts[1]
    rosa.conduct = answering(0.5)
    caller = await house.world.call(TRANSFER.number)
    hers = await house.answered("+56912345678")
    await caller.answered()
    await hers.press("*1")
    contact = await rosa.rung()
    await contact.answered()
    await asyncio.sleep(1)
    await hers.press("##")
    await hers.ended(2)
    await house.office.kill_daemon()
    await asyncio.gather(caller.ended(cap + PATIENCE), contact.ended(cap + PATIENCE))
    await house.office.start_daemon()
    left = await _what_is_left(house)
    return Kept(cap, _since(hers, caller), _since(hers, contact), await asyncio.to_thread(_farewell, caller), left)


async def _what_is_left(house: House) -> tuple[str, ...]:
    """What the switch still has once another daemon has been there for a while."""
    until = time.monotonic() + PATIENCE
    while (left := await house.channels()) and time.monotonic() < until:
        continue  # each look takes a command's time
    return tuple(left)


def _since(hers: Leg, leg: Leg) -> float:
    if not (hers.end.at and leg.end.at):
        raise ValueError(f"{leg.label} has not ended")
    return (leg.end.at - hers.end.at).total_seconds()


def _farewell(caller: Leg) -> float:
    """For how long he heard something after the contact."""
    last = audio.spans(caller.heard, CONTACT)[-1].end
    return sum(span.seconds for span in audio.loud(caller.heard) if span.start > last)
