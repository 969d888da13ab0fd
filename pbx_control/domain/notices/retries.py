"""What becomes of a letter after a try that failed: when it is tried again, or that it is given up; pure.

The rules are written down in docs/decisions/outbox.md.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pbx_control.catalogue import N_
from pbx_control.domain.notices.messages import next_try
from pbx_control.domain.words.sentences import Sentence, sentence_of
from pbx_control.errors import DeliveryFailed, Fault

# However long the other side asks to wait: it is asked again then, and an absurd number stops nothing.
SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(days=1)
# A letter that may have arrived is sent once more: with it there are two copies at most. A server that answers nobody
# has hardly taken any: no letter is given up for that.
MOST_UNCONFIRMED = 1
UNCONFIRMED_TWICE = N_("sent again without an answer, so it may have arrived: {why}")
# A letter that is put off for what it holds keeps its place for so many tries, an hour; then others may overtake it.
# While the server takes nothing from anybody it is not the letter's fault: so many, a day.
PATIENT_TRIES, PATIENT_TRIES_OF_ALL = 6, 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What is kept of a letter after a try that failed."""

    due_at: datetime | None  # the next try; None: it is given up
    why: Sentence
    counts: bool = True  # as a try; one that the server refused for reasons of its own does not
    pause_until: datetime | None = None  # so long its recipient is sent nothing
    moved_to: str = ""  # where its recipient is reached from now on
    # Of a letter that was sent and is put off; None: as they were.
    aside: bool | None = None  # others may overtake it
    server_away: bool | None = None  # it waits only for the server
    unconfirmed: int | None = None  # how often it may have arrived


def after_failure(
    failure: DeliveryFailed,
    tries: int,
    unconfirmed: int,
    at: datetime,
    *,
    others_taken: bool = True,
    passed_over: bool = False,
) -> Retry:
    """What becomes of a letter that has been tried so often, this time included. `others_taken`: the server has taken
    other letters since this one's try before, so that it is not the server's trouble; `passed_over`: several times."""
    why = sentence_of(failure)
    match failure.fault:
        case Fault.BUSY:
            return Retry(due_at=at, why=why, counts=False)
        case Fault.PAUSE:
            until = at + min(max(failure.retry_after, SHORTEST_WAIT), LONGEST_WAIT)
            return Retry(due_at=until, why=why, counts=False, pause_until=until)
        case Fault.MOVED:
            return Retry(due_at=at, why=why, moved_to=failure.moved_to)
        case Fault.FINAL | Fault.TOO_LARGE:
            return Retry(due_at=None, why=why)
        case Fault.UNCONFIRMED if others_taken and unconfirmed >= MOST_UNCONFIRMED:
            return Retry(due_at=None, why=Sentence(UNCONFIRMED_TWICE, why=why))
    due_at = next_try(tries, at)
    if due_at is None:
        return Retry(due_at=None, why=why)
    return Retry(
        due_at=due_at,
        why=why,
        aside=failure.fault is Fault.LETTER and tries >= (PATIENT_TRIES if others_taken else PATIENT_TRIES_OF_ALL),
        server_away=failure.fault in (Fault.SERVER, Fault.UNCONFIRMED) and not passed_over,
        unconfirmed=unconfirmed + (failure.fault is Fault.UNCONFIRMED),
    )
