"""How many calls became what, by quarter hours; and when each caller joined the line."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

# Rows that are read, or written, at once.
PAGE = 10_000
COUNTS = ("in_time", "late", "abandoned", "brief", "unanswered", "waited", "talked")
IN_TIME_WITHIN, BRIEF_BELOW = timedelta(seconds=20), timedelta(seconds=5)

quarter_hour = sa.table(
    "quarter_hour",
    sa.column("client_id", sa.Integer),
    sa.column("starts", sa.DateTime(timezone=True)),
    sa.column("node", sa.String(19)),
    *(sa.column(name, sa.Integer) for name in COUNTS),
)
call = sa.table(
    "call",
    *(sa.column(name) for name in ("id", "client_id", "outcome", "node", "talked")),
    *(sa.column(name, sa.DateTime(timezone=True)) for name in ("arrived_at", "answered_at", "hung_up_at", "ended_at")),
)


def upgrade() -> None:
    op.add_column("call", sa.Column("queued_at", sa.DateTime(timezone=True)))
    op.create_table(
        "quarter_hour",
        sa.Column("client_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("starts", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("node", sa.String(19), primary_key=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in COUNTS[:5]),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS[5:]),
    )
    _fill(op.get_bind())


def downgrade() -> None:
    op.drop_table("quarter_hour")
    op.drop_column("call", "queued_at")


def _fill(conn: sa.Connection) -> None:
    """From the calls that are over. When a caller joined the line nobody has noted: they are counted from their
    arrival."""
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * len(COUNTS))
    for row in _ended(conn):
        kind = _became(row)
        if kind is None:
            continue
        starts = row.arrived_at.replace(minute=row.arrived_at.minute // 15 * 15, second=0, microsecond=0)
        for client in (0, row.client_id):
            counted = sums[client, starts, row.node]
            counted[COUNTS.index(kind)] += 1
            if row.answered_at:
                waited = max(row.answered_at - row.arrived_at, timedelta(0))
                counted[5] += round(waited.total_seconds() * 10)
                counted[6] += round((row.talked or 0.0) * 10)
    names = ("client_id", "starts", "node", *COUNTS)
    rows = [dict(zip(names, (*key, *some), strict=True)) for key, some in sums.items()]
    for first in range(0, len(rows), PAGE):
        conn.execute(sa.insert(quarter_hour), rows[first : first + PAGE])


def _ended(conn: sa.Connection) -> Iterator[Any]:
    last = ""
    query = sa.select(call).where(call.c.ended_at.is_not(None), call.c.client_id.is_not(None)).order_by(call.c.id)
    while rows := conn.execute(query.where(call.c.id > last).limit(PAGE)).all():
        yield from rows
        last = rows[-1].id


def _became(row: Any) -> str | None:
    if row.answered_at:
        return "in_time" if row.answered_at - row.arrived_at <= IN_TIME_WITHIN else "late"
    if row.outcome == "left_message":
        return "unanswered"
    if row.outcome != "missed":
        return None
    return "brief" if (row.hung_up_at or row.ended_at) - row.arrived_at < BRIEF_BELOW else "abandoned"
