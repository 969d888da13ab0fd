"""What decides about files, read in pages; what a deletion changes; and the clock that was last believed."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, func, or_, select, text, update

from pbx_control.domain.keeping.retention import LONGEST_LEAP, SHORTEST_KEEP, Claim, Trust, judge, possible_owners
from pbx_control.domain.money.plans import USUAL_KEEP_DAYS
from pbx_control.store import holds, restrictions
from pbx_control.store.engine import insert_into, node_here
from pbx_control.store.tables import (
    KEPT,
    call,
    client,
    clock_guard,
    letter,
    node,
    plan,
    recording_hold,
    subscription,
)

# Rows that are read at once.
PAGE = 500
UTC_ZONE = ZoneInfo("UTC")
# In brackets and word for word: else the databases would not use the index ix_call_kept.
IS_KEPT = text(f"({KEPT})")

Odd: TypeAlias = Mapping[str, Collection[str]]
"""Files that do not lie where their call's id says: path -> the calls whose rows name it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A row's reference to a file: the call's recording, or a left message."""

    call_id: str
    path: str
    column: str  # recording | message
    ended_at: datetime
    flaw: str = ""  # missing, where the call itself noted that there was no file


def claims_on(
    conn: Connection, paths: Collection[str], odd: Odd, *, lock: bool = False
) -> dict[str, tuple[Claim, ...]]:
    """The calls that each of these files may belong to. `lock`: nobody holds or changes them until the transaction
    ends (SQLite has one writer anyway)."""
    wanted = {path: {*possible_owners(path), *odd.get(path, ())} for path in paths}
    ids = sorted(set().union(*wanted.values()))
    if lock and conn.dialect.name == "postgresql":
        # By itself: what the next statement reads is then newer than whatever this one waited for.
        conn.execute(select(call.c.id).where(call.c.id.in_(ids)).order_by(call.c.id).with_for_update()).all()
    known = of_calls(conn, ids)
    return {path: tuple(known[one] for one in sorted(owners) if one in known) for path, owners in wanted.items()}


def of_calls(conn: Connection, ids: Sequence[str]) -> dict[str, Claim]:
    """What decides about the files of these calls; unknown ones are left out."""
    columns = (call.c.id, call.c.client_id, call.c.ended_at, call.c.recording, call.c.message, client.c.timezone)
    query = select(*columns, call.c.state.is_not(None).label("live")).select_from(call.outerjoin(client))
    rows = conn.execute(query.where(call.c.id.in_(list(ids)))).all()
    held = holds.reasons(conn, ids)
    kept = keep_days(conn, {row.client_id for row in rows if row.client_id is not None})
    restricted = restrictions.of_calls(conn, ids)
    return {
        row.id: _claim(row, row.id in held, row.id in restricted, kept.get(row.client_id, USUAL_KEEP_DAYS))
        for row in rows
    }


def keep_days(conn: Connection, clients: Collection[int]) -> dict[int, int]:
    """How long the recordings of these clients are kept: as the plan says that they have, or had last.

    Clients who never had one are left out.
    """
    query = (
        select(subscription.c.client_id, plan.c.keep_days)
        .join_from(subscription, plan, subscription.c.plan_id == plan.c.id)
        .where(subscription.c.client_id.in_(list(clients)))
        # The open one comes last, and the last one counts.
        .order_by(subscription.c.until.is_(None), subscription.c.until, subscription.c.id)
    )
    return {row.client_id: row.keep_days for row in conn.execute(query)}


def shortest_keep(conn: Connection) -> timedelta:
    """The least that any plan, or none, keeps recordings."""
    least = conn.scalar(select(func.min(plan.c.keep_days)))
    days = USUAL_KEEP_DAYS if least is None else min(least, USUAL_KEEP_DAYS)
    return max(timedelta(days=days), SHORTEST_KEEP)


def odd_references(conn: Connection) -> Odd:
    """Every reference to a file that does not bear its call's id where the software would have put it.

    There should be none; a row that was written by somebody else must not have its file taken for another call's.
    """
    found = defaultdict(set)
    for column in (call.c.recording, call.c.message):
        # 2026/08/03/ has eleven characters; the id is followed by `.wav` or `-message-1.wav`, never by more digits.
        ends = func.length(call.c.id)
        usual = and_(func.substr(column, 12, ends) == call.c.id, func.substr(column, 12 + ends, 1).in_((".", "-")))
        rows = conn.execute(select(call.c.id, column).where(IS_KEPT, column != "", ~usual))
        for call_id, path in rows:
            found[path].add(call_id)
    return found


def is_elsewhere(conn: Connection) -> ColumnElement[bool]:
    """Whether a call's files lie with another node that is there: only that one can tell what is missing."""
    others = select(node.c.name).where(node.c.retired_at.is_(None), node.c.name != node_here(conn))
    return call.c.node.in_(others)


def references(
    conn: Connection, until: datetime, after: tuple[datetime, str] | None = None, *, only_own: bool = False
) -> list[Reference]:
    """A page of the references of calls that ended until then, by the time they ended; `after`: the last page's end.

    Those of nodes that are gone are anybody's, unless `only_own`.
    """
    query = select(call.c.id, call.c.ended_at, call.c.recording, call.c.message, call.c.recording_flaw).where(
        IS_KEPT, call.c.ended_at <= until, call.c.state.is_(None)
    )
    if after is not None:
        ended_at, call_id = after
        query = query.where(or_(call.c.ended_at > ended_at, and_(call.c.ended_at == ended_at, call.c.id > call_id)))
    query = query.where(call.c.node == node_here(conn) if only_own else ~is_elsewhere(conn))
    rows = conn.execute(query.order_by(call.c.ended_at, call.c.id).limit(PAGE))
    return [reference for row in rows for reference in _references(row)]


def unended(conn: Connection, until: datetime, limit: int) -> list[str]:
    """Calls of this node with files that arrived before `until` and of which nobody ever told the end: their files
    stay for ever."""
    query = select(call.c.id).where(
        IS_KEPT,
        call.c.ended_at.is_(None),
        call.c.state.is_(None),
        call.c.arrived_at < until,
        call.c.node == node_here(conn),
    )
    return list(conn.scalars(query.order_by(call.c.arrived_at).limit(limit)))


def cut(conn: Connection, since: datetime, limit: int) -> list[str]:
    """Calls of this node that ended since then whose recording or message was lost, or is too short: usually a disk
    was full."""
    flawed = or_(call.c.recording_flaw.in_(("missing", "short")), call.c.message_flaw != "")
    query = select(call.c.id).where(call.c.ended_at >= since, flawed, call.c.node == node_here(conn))
    return list(conn.scalars(query.order_by(call.c.ended_at).limit(limit)))


def kept_calls(conn: Connection, client_id: int | None = None) -> list[str]:
    """The calls, of that client or of all, that are under a legal hold, or blocked while a request is decided."""
    held = select(recording_hold.c.call_id).where(recording_hold.c.released_at.is_(None))
    query = select(call.c.id).where(or_(call.c.id.in_(held), restrictions.covers()))
    if client_id is not None:
        query = query.where(call.c.client_id == client_id)
    return list(conn.scalars(query.order_by(call.c.id)))


def held_calls(conn: Connection) -> list[str]:
    """The calls that are under a legal hold."""
    return list(conn.scalars(select(recording_hold.c.call_id).where(recording_hold.c.released_at.is_(None))))


def forget(conn: Connection, gone: Collection[tuple[Claim, str]]) -> None:
    """Takes away what rows and letters say of files that are gone: pairs of a call, as it is, and a path."""
    for column in (call.c.recording, call.c.message):
        named = [{"of": claim.call_id} for claim, path in gone if getattr(claim, column.name) == path]
        if named:
            conn.execute(update(call).where(call.c.id == bindparam("of")).values({column: ""}), named)
    if gone:
        attached = update(letter).where(letter.c.call_id == bindparam("of"), letter.c.attachment == bindparam("gone"))
        conn.execute(attached.values(attachment=""), [{"of": claim.call_id, "gone": path} for claim, path in gone])


# --- the clock --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clock:
    """What is known of the clock: whether it is believed, when it last was, and where it stood when it was not."""

    trust: Trust
    seen_at: datetime
    leapt_to: datetime | None = None


def clock_at(conn: Connection, now: datetime) -> Clock:
    """Whether a clock that shows `now` may be believed; nothing is changed."""
    row = conn.execute(select(clock_guard.c.seen_at, clock_guard.c.leapt_to)).one_or_none()
    if row is not None:
        return Clock(judge(row.seen_at, now), row.seen_at, row.leapt_to)
    seen_at = _newest_sign(conn) or now
    return Clock(judge(seen_at, now), seen_at)


def note_time(conn: Connection, now: datetime) -> Clock:
    """Notes that the clock shows `now`, if it may be believed; to be called every hour while the daemon runs.

    A clock that has leapt ahead is not believed until it comes back, or an admin confirms it (`believe`).
    """
    known = clock_at(conn, now)
    conn.execute(
        insert_into(conn.dialect.name, clock_guard).values(id=1, seen_at=known.seen_at).on_conflict_do_nothing()
    )
    if known.trust is Trust.TRUSTED:
        # Looked at once more in the statement: two hosts may note the time at once, and it never goes back by that.
        steady = clock_guard.c.seen_at <= now, clock_guard.c.seen_at >= now - LONGEST_LEAP
        conn.execute(update(clock_guard).where(*steady).values(seen_at=now, leapt_to=None))
    else:
        conn.execute(update(clock_guard).where(clock_guard.c.leapt_to.is_(None)).values(leapt_to=now))
    return known


def believe(conn: Connection, now: datetime) -> None:
    """An admin has looked at the clock: `now` is right, whatever it showed before."""
    note_time(conn, now)  # there is a row from now on
    conn.execute(update(clock_guard).values(seen_at=now, leapt_to=None))


def _newest_sign(conn: Connection) -> datetime | None:
    """Where no time was noted yet, the newest call, or client, tells when the clock was last seen."""
    columns = (call.c.arrived_at, call.c.ended_at, client.c.created_at)
    times = [conn.scalar(select(func.max(column))) for column in columns]
    return max((at for at in times if at is not None), default=None)


def _claim(row: Row[Any], held: bool, restricted: bool, days: int) -> Claim:
    return Claim(
        call_id=row.id,
        client_id=row.client_id,
        ended_at=row.ended_at,
        live=bool(row.live),
        held=held,
        restricted=restricted,
        keep_days=days,
        zone=ZoneInfo(row.timezone) if row.timezone else UTC_ZONE,
        recording=row.recording,
        message=row.message,
    )


def _references(row: Any) -> Iterator[Reference]:
    if row.recording:
        yield Reference(row.id, row.recording, "recording", row.ended_at, row.recording_flaw)
    if row.message:
        yield Reference(row.id, row.message, "message", row.ended_at)
