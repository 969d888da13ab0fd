"""How the house stands at this moment: who waits, and what each secretary does."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pbx_control.domain.call.model import Phase
from pbx_control.domain.desk.duty import DeskState, Duty, Known, state_of

# Who waits for a secretary: he is in line, or a telephone rings for him. Who hears the welcome does not yet.
WAITING = frozenset({Phase.WAITING.value, Phase.OFFERING.value, Phase.WITHDRAWING.value})


class CallKnown(Protocol):
    """What is known of a call; `live.news.CallNow` has it."""

    @property
    def phase(self) -> str: ...
    @property
    def waiting_since(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Line:
    """How many wait, and since when the first of them: from when he joined the line, or lost his secretary."""

    waiting: int
    since: datetime | None


def line_of(calls: Iterable[CallKnown]) -> Line:
    """Who waits at this moment."""
    waiting = [one.waiting_since for one in calls if one.phase in WAITING]
    return Line(len(waiting), min(filter(None, waiting), default=None))


@dataclass(frozen=True, slots=True)
class Since:
    """A secretary's state, and since when she has been in it; `at_least`: she may have been so for longer."""

    duty: Duty
    since: datetime
    at_least: bool = False


def since_when(
    known: Mapping[int, Since], now: Mapping[int, Known], at: datetime, told: Mapping[int, datetime]
) -> dict[int, Since]:
    """Each secretary's state at that instant, by her id. `known`: what was found before; `told`: since when she has
    been so, where somebody has noted it (her pause, the answer of her call).

    Whoever is seen for the first time may have been so for long; after that a change is noticed when it happens.
    """
    found = {}
    for her, who in now.items():
        duty, before = state_of(who, at), known.get(her)
        if before and before.duty.state is duty.state:
            found[her] = Since(duty, told.get(her, before.since), before.at_least and her not in told)
        elif her in told:
            found[her] = Since(duty, told[her])
        else:
            # A time of after-call work has ended by itself: when is known to the second.
            ended = before.duty.until if before and before.duty.until and before.duty.until <= at else None
            found[her] = Since(duty, ended or at, at_least=before is None)
    return found


def by_state(some: Iterable[Since]) -> dict[DeskState, int]:
    """How many secretaries are in each state; those in which nobody is have a nought."""
    counts = Counter(one.duty.state for one in some)
    return {state: counts[state] for state in DeskState}
