"""A caller who calls again: what is not charged of that, and how many calls in a minute no people make.

Pure rules; `store/repeats.py` looks for the calls that they judge. docs/decisions/counting.md gives the reasons.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pbx_control.domain.words.wording import is_withheld

# A line that drops, a key pressed by mistake: who calls again at once wants what he wanted before.
REPEAT_WITHIN = timedelta(seconds=60)
SHORT_CALL = timedelta(seconds=10)
# A client may set both, up to these.
LONGEST_WITHIN = timedelta(hours=1)
LONGEST_SHORT = timedelta(minutes=5)

# Within so long …
FLOOD_WINDOW = timedelta(minutes=1)
# … a client's sixth conversation of seconds is no people's doing: a secretary says her greeting for that long.
MOST_SHORT = 5
# … nor is one number's sixth answered call: to dial, be answered and hang up takes a person ten seconds and more.
MOST_OF_ONE = 5


@dataclass(frozen=True, slots=True)
class RepeatLimit:
    """A client's limit: who calls again `within` that time of a conversation shorter than `short` is not charged."""

    within: timedelta = REPEAT_WITHIN
    short: timedelta = SHORT_CALL


@dataclass(frozen=True, slots=True)
class Arrived:
    """A call of which it is asked whether it repeats another."""

    call_id: str
    caller: str
    at: datetime  # of its arrival

    @property
    def looks_back_to(self) -> datetime:
        """A conversation that was answered before this is repeated by it under no client's limit."""
        return self.at - LONGEST_WITHIN - LONGEST_SHORT


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that a secretary has answered; `ended_at` None: it lasts."""

    call_id: str
    caller: str
    answered_at: datetime
    ended_at: datetime | None = None

    @property
    def talked(self) -> timedelta | None:
        """How long the conversation was; None while it lasts."""
        return self.ended_at - self.answered_at if self.ended_at else None

    def is_shorter(self, than: timedelta) -> bool:
        """Whether it is over, and was shorter than that."""
        return self.talked is not None and self.talked < than


@dataclass(frozen=True, slots=True)
class Flood:
    """More answered calls within FLOOD_WINDOW than people make."""

    calls: int
    short: int
    withheld: int
    callers: tuple[tuple[str, int], ...]  # numbers with how often each called, the most frequent first


def repeated(call: Arrived, earlier: Sequence[Answered], limit: RepeatLimit) -> Answered | None:
    """The conversation of the `earlier` ones that the call repeats; None if it is a call of its own.

    Who withholds his number is nobody's repetition: two of them may be two people.
    """
    if is_withheld(call.caller) or not limit.within or not limit.short:
        return None
    again = [
        one
        for one in earlier
        if one.caller == call.caller
        and one.ended_at
        and one.is_shorter(limit.short)
        and timedelta(0) <= call.at - one.ended_at <= limit.within
    ]
    return max(again, key=lambda one: one.answered_at, default=None)


def flood(recent: Sequence[Answered]) -> Flood | None:
    """What is odd about a client's calls that were answered within FLOOD_WINDOW; None if people may have made them.

    Calls of several people at once are none: they last. Short ones count whoever makes them, so that who shows another
    number each time, or none, is noticed, too.
    """
    short = sum(one.is_shorter(SHORT_CALL) for one in recent)
    numbers = Counter(one.caller for one in recent if not is_withheld(one.caller))
    most = numbers.most_common(3)
    if short <= MOST_SHORT and not (most and most[0][1] > MOST_OF_ONE):
        return None
    return Flood(len(recent), short, len(recent) - numbers.total(), tuple(most))
