"""What the switch refused, counted per source, hour, reason and number: a scanner fills some rows, not the disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from pbx_control.store.engine import insert_into
from pbx_control.store.rows import record
from pbx_control.store.tables import refusal

Counted = tuple[str, datetime, str, str]
"""Source address, beginning of the hour (UTC), reason, number that was asked for ("" if unknown)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """How often the switch refused what came from an address, for a reason, in an hour."""

    source: str
    hour: datetime
    reason: str
    number: str  # that was asked for, as it was dialled
    count: int


def add(conn: Connection, counts: Mapping[Counted, int]) -> None:
    """Adds to the counts, in one statement each: never read-then-write."""
    entry = insert_into(conn.dialect.name, refusal)
    upsert = entry.on_conflict_do_update(
        index_elements=["source", "hour", "reason", "number"], set_={"count": refusal.c.count + entry.excluded.count}
    )
    rows = [
        {"source": source, "hour": hour, "reason": reason, "number": number, "count": times}
        for (source, hour, reason, number), times in counts.items()
    ]
    if rows:
        conn.execute(upsert, rows)


def newest(conn: Connection, since: datetime | None, limit: int) -> list[Refused]:
    """The counts, the latest hour first and in it the busiest source; none of an hour that was over at `since`."""
    query = select(refusal).order_by(refusal.c.hour.desc(), refusal.c["count"].desc(), refusal.c.source).limit(limit)
    if since is not None:
        query = query.where(refusal.c.hour >= since.replace(minute=0, second=0, microsecond=0))
    return [record(Refused, row) for row in conn.execute(query)]


def sources(conn: Connection, reason: str, since: datetime) -> dict[str, int]:
    """Who was refused for that reason, and how often, in the hours that began since then; the busiest first."""
    times = func.sum(refusal.c["count"])
    query = select(refusal.c.source, times).where(refusal.c.reason == reason, refusal.c.hour >= since)
    rows = conn.execute(query.group_by(refusal.c.source).order_by(times.desc(), refusal.c.source))
    return {source: int(number) for source, number in rows}


def forget(conn: Connection, before: datetime) -> int:
    """Removes the counts of hours that began before that instant; gives how many."""
    return int(conn.execute(delete(refusal).where(refusal.c.hour < before)).rowcount)
