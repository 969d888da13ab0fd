"""Plans, the ledger of calls, invoices, going live, holds and receipts, calendar jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = (
    "plan",
    "plan_did",
    "subscription",
    "account",
    "bag",
    "ledger_entry",
    "unit_reservation",
    "dispute",
    "threshold_notice",
    "caller_mark",
    "invoice_series",
    "invoice",
    "invoice_line",
    "going_live",
    "recording_hold",
    "receipt",
    "clock_guard",
    "job_run",
)
OF_CLIENTS = (
    "legal_name",
    "business",
    "address",
    "invoice_as",
    "exhausted_messages",
    "exhausted_report",
    "cancelled_at",
    "erased_at",
)
KEPT = "recording <> '' OR message <> ''"
APPEND_ONLY = ("ledger_entry", "invoice", "invoice_line", "receipt")


def upgrade() -> None:
    op.create_index(op.f("ix_call_ended_at"), "call", ["ended_at"], unique=False)
    op.create_index(
        "ix_call_kept",
        "call",
        ["ended_at", "id"],
        unique=False,
        sqlite_where=sa.text(KEPT),
        postgresql_where=sa.text(KEPT),
    )
    op.add_column("call", sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("client", sa.Column("legal_name", sa.Text(), server_default="", nullable=False))
    op.add_column("client", sa.Column("business", sa.Text(), server_default="", nullable=False))
    op.add_column("client", sa.Column("address", sa.Text(), server_default="", nullable=False))
    op.add_column("client", sa.Column("invoice_as", sa.String(length=7), server_default="boleta", nullable=False))
    op.add_column(
        "client", sa.Column("exhausted_messages", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("client", sa.Column("exhausted_report", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("client", sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("client", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    # Of those who cancelled before, nobody noted when: their time begins now.
    op.execute("UPDATE client SET cancelled_at = CURRENT_TIMESTAMP WHERE state = 'cancelled'")
    _plans()
    _ledger()
    _invoices()
    _going_live()
    _deletion()
    _jobs()
    for table in APPEND_ONLY:
        _only_append(table)


def downgrade() -> None:
    for table in APPEND_ONLY:
        _no_longer_only_append(table)
    for table in reversed(TABLES):
        op.drop_table(table)
    for column in reversed(OF_CLIENTS):
        op.drop_column("client", column)
    op.drop_column("call", "reported_at")
    op.drop_index("ix_call_kept", "call")
    op.drop_index(op.f("ix_call_ended_at"), "call")


def _only_append(table: str) -> None:
    """What has been written is never changed or deleted, whoever asks."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {table}_only_append() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_only_append BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_only_append()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _no_longer_only_append(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER {table}_only_append ON {table}")
        op.execute(f"DROP FUNCTION {table}_only_append()")
        return
    for verb in ("update", "delete"):
        op.execute(f"DROP TRIGGER {table}_no_{verb}")


def _plans() -> None:
    op.create_table(
        "plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.Column("extra_call", sa.Integer(), nullable=False),
        sa.Column("contacts", sa.Integer(), nullable=False),
        sa.Column("calendars", sa.Integer(), nullable=False),
        sa.Column("recording", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("keep_days", sa.Integer(), server_default="30", nullable=False),
        sa.Column("discount_3", sa.Integer(), server_default="0", nullable=False),
        sa.Column("discount_6", sa.Integer(), server_default="0", nullable=False),
        sa.Column("discount_12", sa.Integer(), server_default="0", nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_plan_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        sa.UniqueConstraint("name", name=op.f("uq_plan_name")),
    )
    op.create_table(
        "plan_did",
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_plan_did_plan_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("plan_id", "country", name=op.f("pk_plan_did")),
    )
    op.create_table(
        "subscription",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("months", sa.Integer(), server_default="1", nullable=False),
        sa.Column("paid_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_subscription_client_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plan.id"], name=op.f("fk_subscription_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
    )
    op.create_index(op.f("ix_subscription_client_id"), "subscription", ["client_id"], unique=False)
    op.create_index(
        "uq_subscription_open",
        "subscription",
        ["client_id"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )


def _ledger() -> None:
    op.create_table(
        "account",
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("anchor_day", sa.Integer(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_calls", sa.Integer(), nullable=False),
        sa.Column("period_left", sa.Integer(), nullable=False),
        sa.Column("bags_left", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reserved", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_account_client_id")),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_account")),
    )
    op.create_table(
        "bag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.Column("bought_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_bag_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bag")),
    )
    op.create_index(op.f("ix_bag_client_id"), "bag", ["client_id"], unique=False)
    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=6), nullable=False),
        sa.Column("bag_id", sa.Integer(), nullable=True),
        sa.Column("call_id", sa.String(length=64), nullable=True),
        sa.Column("reverses", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["bag_id"], ["bag.id"], name=op.f("fk_ledger_entry_bag_id")),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_ledger_entry_call_id")),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_ledger_entry_client_id")),
        sa.ForeignKeyConstraint(["reverses"], ["ledger_entry.id"], name=op.f("fk_ledger_entry_reverses")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("reverses", name=op.f("uq_ledger_entry_reverses")),
    )
    op.create_index(op.f("ix_ledger_entry_call_id"), "ledger_entry", ["call_id"], unique=False)
    op.create_index(op.f("ix_ledger_entry_client_id"), "ledger_entry", ["client_id"], unique=False)
    op.create_index(
        "uq_ledger_entry_charge",
        "ledger_entry",
        ["call_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'charge'"),
        postgresql_where=sa.text("kind = 'charge'"),
    )
    op.create_table(
        "unit_reservation",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
            name=op.f("fk_unit_reservation_call_id"),
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_unit_reservation_client_id")),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_unit_reservation")),
    )
    op.create_index(op.f("ix_unit_reservation_client_id"), "unit_reservation", ["client_id"], unique=False)
    op.create_table(
        "dispute",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["ledger_entry.id"], name=op.f("fk_dispute_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_dispute")),
    )
    op.create_table(
        "threshold_notice",
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("threshold", sa.String(length=8), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_threshold_notice_client_id")),
        sa.PrimaryKeyConstraint("client_id", "period_start", "threshold", name=op.f("pk_threshold_notice")),
    )
    op.create_table(
        "caller_mark",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=7), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_caller_mark_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_caller_mark")),
        sa.UniqueConstraint("number", "client_id", name=op.f("uq_caller_mark_number_client_id")),
    )


def _invoices() -> None:
    op.create_table(
        "invoice_series",
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_invoice_series")),
    )
    op.create_table(
        "invoice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("net", sa.Integer(), nullable=False),
        sa.Column("vat", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("buyer", sa.Text(), nullable=False),
        sa.Column("cause", sa.String(length=80), nullable=False),
        sa.Column("corrects", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_invoice_client_id")),
        sa.ForeignKeyConstraint(["corrects"], ["invoice.id"], name=op.f("fk_invoice_corrects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice")),
        sa.UniqueConstraint("cause", name=op.f("uq_invoice_cause")),
        sa.UniqueConstraint("kind", "number", name=op.f("uq_invoice_kind_number")),
    )
    op.create_index(op.f("ix_invoice_client_id"), "invoice", ["client_id"], unique=False)
    op.create_table(
        "invoice_line",
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Integer(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_line_invoice_id")),
        sa.PrimaryKeyConstraint("invoice_id", "seq", name=op.f("pk_invoice_line")),
    )


def _going_live() -> None:
    op.create_table(
        "going_live",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("welcome_due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("welcomed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("service_due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("live_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told", sa.String(length=20), server_default="", nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_going_live_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_going_live")),
    )
    op.create_index(op.f("ix_going_live_client_id"), "going_live", ["client_id"], unique=False)
    op.create_index(
        "uq_going_live_open",
        "going_live",
        ["client_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _deletion() -> None:
    op.create_table(
        "recording_hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_recording_hold_call_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording_hold")),
    )
    op.create_index(op.f("ix_recording_hold_call_id"), "recording_hold", ["call_id"], unique=False)
    op.create_index(
        "uq_recording_hold_open",
        "recording_hold",
        ["call_id"],
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "receipt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=12), nullable=False),
        sa.Column("path", sa.Text(), server_default="", nullable=False),
        sa.Column("call_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), server_default="", nullable=False),
        sa.Column("size", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt")),
    )
    op.create_index(op.f("ix_receipt_call_id"), "receipt", ["call_id"], unique=False)
    op.create_index(op.f("ix_receipt_path"), "receipt", ["path"], unique=False)
    op.create_table(
        "clock_guard",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leapt_to", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_clock_guard_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_guard")),
    )


def _jobs() -> None:
    op.create_table(
        "job_run",
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("job", "due_at", name=op.f("pk_job_run")),
    )
