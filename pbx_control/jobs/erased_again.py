"""What was erased or blocked since a backup was made is so again when that is restored, before anybody reads it.

docs/decisions/retention.md. Whatever stops it can be begun anew: what is erased already is found no more.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.keeping.retention import instant
from pbx_control.errors import ClientMistake, Code
from pbx_control.media import erased, erasure, purge
from pbx_control.media.erased import Blocked, CallerErased, ClientErased, Purged, Remembered
from pbx_control.media.erasure import Again, ErasureOrder
from pbx_control.services import cancelled, restricting
from pbx_control.services.work import booking
from pbx_control.settings import Home, Settings
from pbx_control.store import callers
from pbx_control.store.engine import reading

# A backup may be made while something is erased, part by part.
OVERLAP = timedelta(days=1)
# Nothing was due so long ago.
NO_PURGE = Purged(at=datetime(1970, 1, 1, tzinfo=UTC))


@dataclass(slots=True)
class DoneAgain:
    """How much a restore has erased again, and how many blocks of callers' data it has begun or ended again."""

    callers: int = 0
    clients: int = 0
    recordings: int = 0
    blocks: int = 0
    failed: list[str] = field(default_factory=list)  # files that cannot be deleted

    @property
    def anything(self) -> bool:
        return bool(self.callers or self.clients or self.recordings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoring:
    """A restore under way: of what, and which recordings it has brought back."""

    home: Home
    settings: Settings
    actor: Actor
    made_at: datetime  # the backup
    added: Collection[str] = ()  # paths below recordings/


def is_needed(restoring: Restoring) -> bool:
    """Whether anything was erased or blocked that the backup may have otherwise."""
    return any(True for _ in _since(restoring))


def do(restoring: Restoring, engine: Engine, now: datetime) -> DoneAgain:
    """Does everything again that is not in the backup, in the order in which it was done: what was blocked when a
    client was erased is so again by then. Raises StoreUnavailable, OSError; ClientMistake if another deletion is under
    way."""
    restoring.home.recordings.mkdir(mode=0o700, parents=True, exist_ok=True)
    done, due = DoneAgain(), list(_since(restoring))
    with reading(engine) as conn:
        # Before the first one is erased: he may be blocked afterwards, as he has called again.
        numbers = callers.numbers(conn)
    for one in due:
        if isinstance(one, ClientErased):
            papers = one.at >= restoring.made_at
            home, actor = restoring.home, restoring.actor
            done.clients += bool(cancelled.erase_again(home, engine, actor, one, now, papers=papers))
        elif isinstance(one, CallerErased | Blocked):
            _of_caller(restoring, engine, one, numbers, now, done)
    _recordings(restoring, engine, [one for one in due if isinstance(one, Purged)], now, done)
    if done.anything:
        counts = {"callers": done.callers, "clients": done.clients, "recordings": done.recordings}
        with booking(engine, restoring.actor, now) as work:
            work.note(Verb.ERASED_AGAIN, "", new=counts)
    return done


def _since(restoring: Restoring) -> Iterable[Remembered]:
    return (one for one in erased.recall(restoring.home) if one.at >= restoring.made_at - OVERLAP)


def _of_caller(
    restoring: Restoring,
    engine: Engine,
    was: CallerErased | Blocked,
    numbers: Sequence[str],
    now: datetime,
    done: DoneAgain,
) -> None:
    """Of whom the backup has no number it has nothing that could be erased, or blocked."""
    number = next((number for number in numbers if was.means(number)), None)
    if number is None:
        return
    if isinstance(was, CallerErased):
        done.callers += _caller(restoring, engine, was, number, now)
        return
    with booking(engine, restoring.actor, now) as work:
        done.blocks += restricting.do_again(work, was, number)


def _caller(restoring: Restoring, engine: Engine, was: CallerErased, number: str, now: datetime) -> bool:
    """Whether there was anything of him."""
    papers = was.papers and was.at >= restoring.made_at
    heeds = was.at < restoring.made_at
    again = Again(until=was.at, kept=frozenset(was.kept), spared=frozenset(was.spared), papers=papers, heeds=heeds)
    order = ErasureOrder(
        number=number,
        why=f"again after a restore, first on {instant(was.at)}",
        key=restoring.settings.secrets.ari_password,
        actor=restoring.actor,
        again=again,
    )
    try:
        erasure.erase(restoring.home, engine, order, now)
    except ClientMistake as error:
        if error.code is Code.NO_SUCH_CALLER:
            return False
        raise
    return True


def _recordings(restoring: Restoring, engine: Engine, due: Collection[Purged], now: datetime, done: DoneAgain) -> None:
    """The last purge deleted what those before it had left, so that it alone counts; what it kept stays. What has a
    receipt in the database goes in any case: the restore was broken off before it was replaced."""
    there = [path for path in restoring.added if (restoring.home.recordings / path).is_file()]
    if not there:
        return
    last = max(due, key=lambda one: one.at, default=NO_PURGE)
    deleted = purge.purge_again(restoring.home, engine, there, last, now)
    done.recordings += deleted.deleted
    done.failed += deleted.failed
