"""A client's people add recipients, who say yes themselves; chats answer letters and ask for things by buttons."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

KINDS = ("gets_calls", "gets_usage", "gets_invoices")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("recipient", _text("name"))
    for kind in KINDS:
        op.add_column("recipient", _yes(kind))
    op.create_table(
        "recipient_request",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), nullable=False),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("account_user.id"), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        _text("address"),
        sa.Column("secret_hash", sa.String(64), nullable=False, unique=True),
        *map(_yes, KINDS),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("settled_at", INSTANT),
    )
    op.create_index("ix_recipient_request_client_id", "recipient_request", ["client_id"])
    op.create_table(
        "telegram_account",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("account_user.id"), nullable=False),
        sa.Column("telegram_id", sa.String(20), nullable=False),
        sa.Column("bound_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
    )
    op.create_index("ix_telegram_account_user_id", "telegram_account", ["user_id"])
    op.create_index("ix_telegram_account_telegram_id", "telegram_account", ["telegram_id"])
    _unique_while("uq_telegram_account_bound", "telegram_account", ["telegram_id", "user_id"], "ended_at IS NULL")
    op.create_table(
        "task",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), nullable=False),
        sa.Column("call_id", sa.String(64), sa.ForeignKey("call.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("done_at", INSTANT),
        sa.Column("done_by", sa.Integer, sa.ForeignKey("secretary.id")),
    )
    op.create_index("ix_task_client_id", "task", ["client_id"])
    _unique_while("uq_task_open", "task", ["call_id", "kind"], "done_at IS NULL")
    op.create_table(
        "proposal",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), nullable=False),
        sa.Column("subject", sa.String(8), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("way", sa.String(8), nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("secret_hash", sa.String(64), unique=True),
        sa.Column("link_ends_at", INSTANT),
        sa.Column("starts_at", INSTANT),
        sa.Column("decision", sa.String(9)),
        sa.Column("decided_at", INSTANT),
        _text("decided_by"),
        sa.Column("applied_at", INSTANT),
    )
    op.create_index("ix_proposal_client_id", "proposal", ["client_id"])
    due = sa.text("applied_at IS NULL AND decision = 'confirmed'")
    op.create_index("ix_proposal_due", "proposal", ["starts_at"], sqlite_where=due, postgresql_where=due)
    op.create_table(
        "lease",
        sa.Column("name", sa.String(20), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
    )
    op.add_column("letter", _text("acts"))
    op.add_column("letter", sa.Column("language", sa.String(2), nullable=False, server_default=""))
    op.add_column("letter", sa.Column("receipt", sa.String(40), nullable=False, server_default=""))
    op.add_column("letter", sa.Column("seen_at", INSTANT))
    op.add_column("letter", _text("seen_by"))
    op.add_column("message", sa.Column("taken_at", INSTANT))
    op.add_column("message", _text("taken_by"))


def downgrade() -> None:
    for column in ("taken_by", "taken_at"):
        op.drop_column("message", column)
    for column in ("seen_by", "seen_at", "receipt", "language", "acts"):
        op.drop_column("letter", column)
    for table in ("proposal", "lease", "task", "telegram_account", "recipient_request"):
        op.drop_table(table)
    for column in (*reversed(KINDS), "name"):
        op.drop_column("recipient", column)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _yes(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.text("true"))


def _unique_while(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=True, sqlite_where=condition, postgresql_where=condition)
