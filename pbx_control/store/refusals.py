"""What the switch refused, counted per source, hour and reason: a scanner fills a row an hour, not the disk."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from pbx_control.store.tables import refusal

Counted = tuple[str, datetime, str]
"""Source address, beginning of the hour (UTC), reason."""


def add(conn: Connection, counts: Mapping[Counted, int]) -> None:
    """Adds to the counts, in one statement each: never read-then-write."""
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    entry = dialect.insert(refusal)
    upsert = entry.on_conflict_do_update(
        index_elements=["source", "hour", "reason"], set_={"count": refusal.c.count + entry.excluded.count}
    )
    rows = [
        {"source": source, "hour": hour, "reason": reason, "count": number}
        for (source, hour, reason), number in counts.items()
    ]
    if rows:
        conn.execute(upsert, rows)
