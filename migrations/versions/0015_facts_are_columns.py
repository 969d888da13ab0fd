"""What was found by searching in text gets a column: who was turned away for want of calls, why a charge was taken
back, what an invoice is for, how a job's run ended. The texts stay as they are: an older version reads them again.
"""

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OUT_OF_CALLS, OUT_OF_CALLS_IN_WORDS = "out-of-calls", "out of calls"
TURNED_AWAY = "turned_away IS NOT NULL"
# Rows that are altered by one statement of many.
PAGE = 500

call = sa.table(
    "call",
    *(sa.column(name) for name in ("id", "phase", "outcome", "state", "turned_away")),
    sa.column("hung_up_at", sa.DateTime(timezone=True)),
    sa.column("ended_at", sa.DateTime(timezone=True)),
)
journal = sa.table("journal", *(sa.column(name) for name in ("call_id", "event", "details")))
entry = sa.table(
    "ledger_entry", *(sa.column(n) for n in ("id", "kind", "why", "uncounted", "repeats", "repeated_seconds"))
)
invoice = sa.table("invoice", *(sa.column(name) for name in ("id", "cause", "purpose", "subscription_id", "bag_id")))
job_run = sa.table("job_run", *(sa.column(name) for name in ("result", "ended_at", "tries", "ending")))


def upgrade() -> None:
    _add_columns()
    _calls_over()
    _calls_turned_away()
    _calls_under_way()
    _only_this_once("ledger_entry", _entries)
    _only_this_once("invoice", _invoices)
    _runs()
    where = sa.text(TURNED_AWAY)
    op.create_index(
        "ix_call_turned_away", "call", ["ended_at", "client_id"], sqlite_where=where, postgresql_where=where
    )
    op.create_index(op.f("ix_invoice_bag_id"), "invoice", ["bag_id"], unique=False)


def downgrade() -> None:
    op.drop_column("job_run", "ending")
    op.drop_column("job_run", "tries")
    op.drop_index(op.f("ix_invoice_bag_id"), "invoice")
    for column in ("bag_id", "subscription_id", "purpose"):
        op.drop_column("invoice", column)
    for column in ("repeated_seconds", "repeats", "uncounted"):
        op.drop_column("ledger_entry", column)
    op.drop_index("ix_call_turned_away", "call")
    _calls_under_way_as_before()
    op.drop_column("call", "turned_away")
    op.drop_column("call", "hung_up_at")


def _add_columns() -> None:
    op.add_column("call", sa.Column("hung_up_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("call", sa.Column("turned_away", sa.String(length=12), nullable=True))
    op.add_column("ledger_entry", sa.Column("uncounted", sa.String(length=12), nullable=True))
    op.add_column("ledger_entry", sa.Column("repeats", sa.String(length=64), nullable=True))
    op.add_column("ledger_entry", sa.Column("repeated_seconds", sa.Integer(), nullable=True))
    op.add_column("invoice", sa.Column("purpose", sa.String(length=8), server_default="", nullable=False))
    # Alembic would add the constraints in a second step, which SQLite cannot.
    for column, table in (("subscription_id", "subscription"), ("bag_id", "bag")):
        named = f"CONSTRAINT fk_invoice_{column} REFERENCES {table} (id)"
        op.execute(f"ALTER TABLE invoice ADD COLUMN {column} INTEGER {named}")
    op.add_column("job_run", sa.Column("tries", sa.Integer(), server_default="1", nullable=False))
    op.add_column("job_run", sa.Column("ending", sa.String(length=10), nullable=True))


# --- calls ------------------------------------------------------------------------------------------------


def _calls_over() -> None:
    op.execute(call.update().where(call.c.ended_at.is_not(None)).values(hung_up_at=call.c.ended_at))


def _calls_turned_away() -> None:
    """Only an arrival's own reason counts: what else is in a journal may be a stranger's text."""
    arrivals = sa.select(call.c.id, journal.c.details).where(
        journal.c.call_id == call.c.id, journal.c.event == "CallArrived", call.c.outcome == "exhausted"
    )
    found = [row.id for row in op.get_bind().execute(arrivals) if _is_out_of_calls(json.loads(row.details))]
    _set(call, call.c.id, found, turned_away=OUT_OF_CALLS)


def _calls_under_way() -> None:
    """What lasts keeps what it knows in its own state."""
    conn = op.get_bind()
    for row in conn.execute(sa.select(call.c.id, call.c.phase, call.c.state).where(call.c.state.is_not(None))).all():
        state = json.loads(row.state)
        values: dict[str, Any] = {}
        if state.get("ended_at") and not state.get("taken_over"):
            values["hung_up_at"] = datetime.fromisoformat(state["ended_at"])
        if _is_out_of_calls(state.get("facts") or {}):
            state["facts"]["turned_away"] = values["turned_away"] = OUT_OF_CALLS
            values["state"] = _encoded(state)
        if values:
            conn.execute(call.update().where(call.c.id == row.id).values(values))


def _calls_under_way_as_before() -> None:
    conn = op.get_bind()
    lasting = call.c.state.is_not(None), call.c.turned_away.is_not(None)
    for row in conn.execute(sa.select(call.c.id, call.c.state).where(*lasting)).all():
        state = json.loads(row.state)
        (state.get("facts") or {}).pop("turned_away", None)
        conn.execute(call.update().where(call.c.id == row.id).values(state=_encoded(state)))


def _encoded(state: dict[str, Any]) -> bytes:
    return json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode()


def _is_out_of_calls(said: dict[str, Any]) -> bool:
    return said.get("admission") == "exhausted" and said.get("why") == OUT_OF_CALLS_IN_WORDS


# --- the ledger and invoices ------------------------------------------------------------------------------


def _entries() -> None:
    conn = op.get_bind()
    for reason in ("wrong-number", "test", "blocked"):
        said = sa.or_(entry.c.why == reason, entry.c.why.startswith(f"{reason}: ", autoescape=True))
        conn.execute(entry.update().where(entry.c.kind == "reversal", said).values(uncounted=reason))
    for row in conn.execute(sa.select(entry.c.id, entry.c.why).where(entry.c.kind == "repeat")).all():
        repeated, _, seconds = row.why.removesuffix(" s").rpartition(", ")
        values = {"repeats": repeated, "repeated_seconds": int(seconds)}
        conn.execute(entry.update().where(entry.c.id == row.id).values(values))


def _invoices() -> None:
    """Causes are `renewal:CLIENT:DAY`, `did:CLIENT:NUMBER:SINCE`, `bag:BAG`, `change:SUBSCRIPTION[:INVOICE]`,
    `leave:SUBSCRIPTION:INVOICE` and `credit:INVOICE:COUNT`."""
    conn = op.get_bind()
    for row in conn.execute(sa.select(invoice.c.id, invoice.c.cause)).all():
        what, first, *_ = row.cause.split(":")
        values: dict[str, object] = {"purpose": {"did": "number"}.get(what, what)}
        if what == "bag":
            values["bag_id"] = int(first)
        elif what in ("change", "leave"):
            values["subscription_id"] = int(first)
        conn.execute(invoice.update().where(invoice.c.id == row.id).values(values))


def _only_this_once(table: str, change: Any) -> None:
    """Rows of an append-only table get what their new columns say."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    if on_postgresql:
        op.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_only_append")
        change()
        op.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_only_append")
        return
    op.execute(f"DROP TRIGGER {table}_no_update")
    change()
    op.execute(
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


# --- jobs -------------------------------------------------------------------------------------------------


def _runs() -> None:
    """Each statement takes what those before it have left."""
    conn, result = op.get_bind(), job_run.c.result
    failed = sa.or_(*(result.startswith(said, autoescape=True) for said in ("failed: ", '["failed: ')))
    endings = [
        (result == "nothing to make up", {"ending": "first-seen"}),
        (result == "not finished; a later run has done its work", {"ending": "superseded"}),
        (result == "not finished, twice: the daemon died both times", {"ending": "given-up", "tries": 2}),
        (failed, {"ending": "failed"}),
        (sa.true(), {"ending": "done"}),
    ]
    over = job_run.c.ended_at.is_not(None), job_run.c.ending.is_(None)
    for which, values in endings:
        conn.execute(job_run.update().where(*over, which).values(values))
    again = job_run.c.ended_at.is_(None), result == "begun again"
    conn.execute(job_run.update().where(*again).values(tries=2))


def _set(table: sa.TableClause, key: sa.ColumnElement[Any], which: list[str], **values: object) -> None:
    for first in range(0, len(which), PAGE):
        op.execute(table.update().where(key.in_(which[first : first + PAGE])).values(values))
