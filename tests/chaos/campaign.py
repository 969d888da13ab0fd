"""One campaign: the load, the kills, and the audit, with its figures."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from chaos.auditor import Auditor
from chaos.crowd import KINDS, Crowd, Kinds
from chaos.house import House
from chaos.killer import Killer
from chaos.transfers import TRANSFERS
from pbx_control.domain.call.model import Phase
from pbx_control.faults import POINTS

# The crowd is given so long to get onto the line before the first kill, seconds.
GATHER = 6.0

# The phases that only those reach for whom a contact is called, and those that follow.
OF_TRANSFERS = (
    Phase.CALLING_CONTACT,
    Phase.CONSULTING,
    Phase.CALLER_GONE,
    Phase.HANDED_OVER,
    Phase.TALKING,
    Phase.ENDING,
)
EVERYBODY: Kinds = (*KINDS, *TRANSFERS)
# One of each kind: enough to reach all phases, and little work for a machine that does other things as well.
ONE_OF_EACH: Kinds = tuple((1, kind) for _, kind in EVERYBODY)

Shake = Callable[[Killer], Awaitable[None]]


@dataclass
class Report:
    """What a campaign found."""

    complaints: list[str] = field(default_factory=list)
    away: list[float] = field(default_factory=list)
    visits: Counter[str] = field(default_factory=Counter)
    live: list[int] = field(default_factory=list)  # calls on the line at each kill
    letters: int = 0
    twice: int = 0
    longest_goodbye: float = 0.0
    seconds: float = 0.0
    transferred: int = 0
    in_vain: int = 0

    def __str__(self) -> str:
        away = self.away or [0.0]
        live = statistics.mean(self.live or [0])
        lines = [
            f"{len(self.live)} kills in {self.seconds:.0f} s; {live:.0f} live calls on average",
            f"calls: {sum(self.visits.values())} ({', '.join(f'{n} {kind}' for kind, n in self.visits.items())})",
            f"handed over to a contact: {self.transferred}; in vain, as the switch served them alone: {self.in_vain}",
            f"away until ready again: median {statistics.median(away):.1f} s, longest {max(away):.1f} s",
            f"letters: {self.letters} delivered, {self.twice} of them twice because a kill met them in flight",
            f"longest time until the other side was let go: {self.longest_goodbye:.1f} s",
            f"complaints: {len(self.complaints)}",
        ]
        return "\n".join([*lines, *(f"  {each}" for each in self.complaints)])


async def campaign(house: House, shake: Shake, kinds: Kinds = EVERYBODY) -> Report:
    """Runs a crowd of these kinds while `shake` kills; then lets everybody go home and audits."""
    crowd = Crowd(house, kinds)
    killer = Killer(house, lambda: crowd.live)
    began = time.monotonic()
    await killer.start()
    calling = asyncio.create_task(crowd.run())
    try:
        await asyncio.sleep(GATHER)
        await shake(killer)
        crowd.closing.set()
        await calling
        complaints = await Auditor(house, crowd, killer).complaints()
    finally:
        calling.cancel()
        await killer.stop()
    return Report(
        complaints,
        killer.away,
        Counter(visit.kind for visit in crowd.visits),
        killer.live,
        sum(map(len, house.post.taken.values())),
        sum(len(times) > 1 for times in house.post.taken.values()),
        max((visit.goodbye for visit in crowd.visits), default=0),
        time.monotonic() - began,
        sum(bool(visit.transferred_to) for visit in crowd.visits),
        sum(visit.in_vain for visit in crowd.visits),
    )


def random_kills(kills: int, pause: tuple[float, float]) -> Shake:
    """So many kills, with a pause of so many seconds (from, to) after each new start."""

    async def shake(killer: Killer) -> None:
        for _ in range(kills):
            await asyncio.sleep(killer.house.dice.uniform(*pause))
            await killer.kill()

    return shake


def every_fault(faults: list[str]) -> Shake:
    """A death at each of these fault points."""

    async def shake(killer: Killer) -> None:
        await killer.die_at(faults)

    return shake


def all_faults(phases: Iterable[Phase] = tuple(Phase)) -> list[str]:
    """Each of these phases that a step can lead to, with each point."""
    return [f"{phase.value}:{point}" for phase in phases if phase is not Phase.ARRIVING for point in POINTS]
