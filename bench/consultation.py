"""Supervised transfers on the wire: how long after a secretary's second key a contact's INVITE leaves.

Every call is a whole transfer: answered, consulted, handed over, ended by the caller.
"""

import asyncio
import itertools
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from bench.keys import Keypad, Keypads, Pressed
from bench.lab import KEYS_PORT, Firm, Lab
from bench.measure import cpu_ms, percentile
from bench.sipp import Dialled
from pbx_control.world.installation import PBX, PHONES

# From her telephone's INVITE to her first command, and from that to the hand-over; the contact answers after 1 s.
TALK, PRIVATE = 1.0, 1.8
# The caller hangs up so long after the answer, when all that is over, milliseconds.
CALLER_STAYS = 5000
# How often it is looked whose telephone has rung, seconds.
LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Order:
    """What the secretary who gets a call is to press, and the contact's number that must ring for it."""

    did: str
    keys: str
    contact: str


@dataclass(frozen=True, slots=True)
class Consultations:
    """What came of a round of transfers. Times in milliseconds, CPU in milliseconds a call."""

    rate: int
    calls: int
    failed: int
    from_end: Sequence[float]  # from the packet that ends the second key's event, which is when Asterisk tells of it
    from_beginning: Sequence[float]  # from its first packet: longer by the finger's 100 ms
    reached: float  # transfers a second
    control_cpu: float
    asterisk_cpu: float

    @property
    def p50(self) -> float:
        return percentile(self.from_end, 50)

    @property
    def p99(self) -> float:
        return percentile(self.from_end, 99)


async def consulted(lab: Lab, rate: int, seconds: float) -> Consultations:
    """Has `rate` calls a second transferred for so many seconds, and waits until nothing of them is left."""
    calls = math.ceil(rate * seconds)
    wanted = orders(lab.firms, calls)
    asterisk = await lab.asterisk()
    handed_over_before = await lab.handed_over()
    before = cpu_ms(lab.daemon), cpu_ms(asterisk)
    dialled, presses = await _played(lab, wanted, rate)
    handed_over = await lab.handed_over() - handed_over_before
    after = cpu_ms(lab.daemon), cpu_ms(asterisk)
    paired = pairs(presses, lab.contacts.rung_at())
    return Consultations(
        rate,
        calls,
        failed=calls - min(dialled.good, len(paired), handed_over),
        from_end=[(rang - pressed.ended) * 1000 for pressed, rang in paired],
        from_beginning=[(rang - pressed.began) * 1000 for pressed, rang in paired],
        reached=_rate([rang for _, rang in paired]),
        control_cpu=(after[0] - before[0]) / calls,
        asterisk_cpu=(after[1] - before[1]) / calls,
    )


async def _played(lab: Lab, wanted: Sequence[Order], rate: int) -> tuple[Dialled, dict[str, list[Pressed]]]:
    """The calls, and when each contact's key was pressed."""
    presses: dict[str, list[Pressed]] = defaultdict(list)
    by_caller = dict(zip(lab.carrier.callers(len(wanted)), wanted, strict=True))
    secretaries = asyncio.create_task(_secretaries(lab, by_caller, presses))
    try:
        dialled = await lab.carrier.dial([order.did for order in wanted], rate, CALLER_STAYS)
    finally:
        secretaries.cancel()
    with suppress(asyncio.CancelledError):
        await secretaries
    return dialled, presses


def orders(firms: Sequence[Firm], calls: int) -> list[Order]:
    """What so many calls are about: each contact of each firm in turn, so that no telephone soon rings again."""
    keys = range(1, 1 + len(firms[0].contacts))
    everybody = [Order(firm.did, f"*{key}", firm.contacts[key - 1]) for key in keys for firm in firms]
    return list(itertools.islice(itertools.cycle(everybody), calls))


async def _secretaries(lab: Lab, by_caller: Mapping[str, Order], presses: dict[str, list[Pressed]]) -> None:
    """Everybody who gets a call of these callers transfers it, until cancelled."""
    with closing(Keypads((PHONES, KEYS_PORT))) as keypads:
        async with asyncio.TaskGroup() as group:
            while True:
                for rung in lab.phones.newly_rung():
                    if order := by_caller.get(rung.number):
                        keypad = keypads.leg((PBX, rung.audio))
                        group.create_task(_transfer(keypad, order, presses[order.contact]))
                await asyncio.sleep(LOOK)


async def _transfer(keypad: Keypad, order: Order, presses: list[Pressed]) -> None:
    await asyncio.sleep(TALK)
    presses.append(await keypad.press(order.keys))
    await asyncio.sleep(PRIVATE)
    await keypad.press("##")


def pairs(
    presses: Mapping[str, Iterable[Pressed]], rung_at: Mapping[str, Sequence[float]]
) -> list[tuple[Pressed, float]]:
    """Each press with the first INVITE for its contact that came before the contact's key was pressed again."""
    found = []
    for contact, mine in presses.items():
        rang = sorted(rung_at.get(contact, ()))
        in_order = sorted(mine, key=lambda pressed: pressed.ended)
        for pressed, later in itertools.zip_longest(in_order, in_order[1:]):
            place = bisect_left(rang, pressed.began)
            if place < len(rang) and (later is None or rang[place] < later.began):
                found.append((pressed, rang[place]))
    return found


def _rate(instants: Sequence[float]) -> float:
    """How many a second, from the first to the last; 0 if that says nothing."""
    return (len(instants) - 1) / (max(instants) - min(instants)) if len(instants) > 1 else 0.0
