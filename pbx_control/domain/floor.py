"""Which free secretary is offered which waiting call. Owns no state: the queue is the calls that wait."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from pbx_control.domain.call.model import Call, Phase, Seat
from pbx_control.domain.desk.duty import PausedBy

# Who has refused a call, or let it ring, is asked for the same one again after this.
PAUSE_AFTER_REFUSAL = timedelta(seconds=5)

# Phases in which a caller waits for somebody to answer.
UNANSWERED = (Phase.WAITING, Phase.OFFERING, Phase.WITHDRAWING)


class Chair(Struct, frozen=True):
    """A secretary as the floor sees her, with what decides whether she is free."""

    seat: Seat
    languages: tuple[str, ...]
    clients: frozenset[int] | None  # None: all
    idle_since: datetime
    free_from: datetime  # end of her wrap-up, or of a short rest
    after_call: bool = False  # it is that of her after-call work
    last_call: str = ""  # whose after-call work that is; "": of an earlier daemon's
    cut: datetime | None = None  # when it would have ended, had she not been done before
    registered: bool = False
    paused: bool = False
    paused_by: PausedBy = PausedBy.ADMIN
    pause_reason: str = ""  # hers
    paused_at: datetime | None = None
    at_desk: bool = False  # her page is open
    page_lost: bool = False  # it has vanished without a sign-out
    held_by: str = ""  # the call that has her
    refusals: int = 0  # offers in a row that her telephone has refused
    forwards: bool = False  # her telephone is left on forward
    busy: bool = False  # her telephone has a channel in the switch that no call of ours knows

    @property
    def is_there(self) -> bool:
        """Whether she answers calls at all at present."""
        return self.registered and not (self.paused or self.page_lost)

    def free_at(self, at: datetime) -> bool:
        """Whether she can be offered a call now."""
        return self.is_there and not (self.held_by or self.busy) and self.free_from <= at

    def may_end_work_of(self, call_id: str, at: datetime) -> bool:
        """Whether she is in no call, and her after-call work, if any, is that call's ("": whichever it is)."""
        hers = not call_id or self.last_call in ("", call_id) or not self.works_at(at)
        return hers and not self.held_by

    def works_at(self, at: datetime) -> bool:
        """Whether she has after-call work."""
        return self.after_call and self.free_from > at

    def may_answer(self, call: Call) -> bool:
        """Whether she answers for this call's client at all."""
        return self.clients is None or call.known.client_id in self.clients


def queue(calls: Iterable[Call]) -> list[Call]:
    """The calls that wait for a secretary, next one first: who lost his secretary, then who waits longest."""
    waiting = [call for call in calls if call.phase is Phase.WAITING and call.waiting_since]
    return sorted(waiting, key=lambda call: (*_turn(call), call.id))


def position(call: Call, calls: Iterable[Call], chairs: Iterable[Chair]) -> int:
    """The caller's place among those who wait, or are offered, for somebody who may answer him too: 1 is next."""
    pool = [chair for chair in chairs if chair.may_answer(call)]
    ahead = (each for each in calls if each.id != call.id and each.phase in UNANSWERED and _turn(each) < _turn(call))
    return 1 + sum(_want_the_same(call, other, pool) for other in ahead)


def _want_the_same(call: Call, other: Call, pool: Sequence[Chair]) -> bool:
    same_client = other.known.client_id == call.known.client_id
    return same_client or any(chair.may_answer(other) for chair in pool)


def _turn(call: Call) -> tuple[bool, datetime]:
    """What callers are ordered by: who lost his secretary, then who waits longest."""
    return not call.first_in_line, call.waiting_since or call.arrived_at or _NEVER


def assign(
    waiting: Iterable[Call], chairs: Iterable[Chair], at: datetime
) -> tuple[list[tuple[str, Seat]], datetime | None]:
    """Pairs of (call id, seat) to be offered now, and when to look again if nothing else happens.

    `waiting` in the order of `queue`. For each call: who has not refused it first, then who speaks its language,
    then who has been idle longest. Who refused is asked again only when every other free one has refused too.
    """
    free = {chair.seat.secretary_id: chair for chair in chairs if chair.free_at(at)}
    pairs: list[tuple[str, Seat]] = []
    wakes: list[datetime] = []
    for call in waiting:
        able = [chair for chair in free.values() if chair.may_answer(call)]
        rested = [chair for chair in able if _asked_again_from(call, chair) <= at] if call.refused_at else able
        if rested:
            best = _best(call, rested)
            del free[best.seat.secretary_id]
            pairs.append((call.id, _offered_seat(best)))
        elif able:
            wakes.append(min(_asked_again_from(call, chair) for chair in able))
    return pairs, min(wakes, default=None)


def _offered_seat(chair: Chair) -> Seat:
    """Her seat, with what is true of her now."""
    return replace(chair.seat, refusals=chair.refusals, forwards=chair.forwards, at_desk=chair.at_desk)


def next_free(chairs: Iterable[Chair], at: datetime) -> datetime | None:
    """The nearest end of a wrap-up: the floor looks again then."""
    return min((chair.free_from for chair in chairs if chair.free_from > at and chair.registered), default=None)


def _best(call: Call, chairs: Sequence[Chair]) -> Chair:
    """Who refused it longest ago or never, then who speaks its language, then who has been idle longest.

    Narrowed down step by step: with hundreds of free secretaries a key for each of them takes three times as long.
    """
    if call.refused_at:
        longest_ago = min(_refused_at(call, chair) for chair in chairs)
        chairs = [chair for chair in chairs if _refused_at(call, chair) == longest_ago]
    language = call.language or call.known.language
    fluent = [chair for chair in chairs if language in chair.languages]
    return min(fluent or chairs, key=attrgetter("idle_since"))


def _refused_at(call: Call, chair: Chair) -> datetime:
    return call.refused_at.get(chair.seat.secretary_id, _NEVER)


def _asked_again_from(call: Call, chair: Chair) -> datetime:
    refused = call.refused_at.get(chair.seat.secretary_id)
    return refused + PAUSE_AFTER_REFUSAL if refused else _NEVER


_NEVER = datetime.min.replace(tzinfo=UTC)
