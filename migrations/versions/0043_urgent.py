"""Urgent messages: who is told again until somebody has seen one."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("client", sa.Column("urgent_interval", sa.Integer, nullable=False, server_default="300"))
    op.add_column("client", sa.Column("urgent_rounds", sa.Integer, nullable=False, server_default="3"))
    op.add_column("recipient", sa.Column("place", sa.Integer, nullable=False, server_default="0"))
    op.add_column("message", sa.Column("urgent_at", INSTANT))
    of_message = sa.ForeignKey("message.call_id", ondelete="CASCADE")
    op.create_table(
        "urgency",
        sa.Column("call_id", sa.String(64), of_message, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT),
        sa.Column("waits_channel", sa.String(8), nullable=False, server_default=""),
        sa.Column("waits_address", sa.Text, nullable=False, server_default=""),
        sa.Column("seen_at", INSTANT),
        sa.Column("seen_by", sa.Text, nullable=False, server_default=""),
        sa.Column("given_up_at", INSTANT),
    )
    op.create_index("ix_urgency_client_id", "urgency", ["client_id"])
    waits = sa.text("due_at IS NOT NULL")
    op.create_index("ix_urgency_due", "urgency", ["due_at"], sqlite_where=waits, postgresql_where=waits)
    of_urgency = sa.ForeignKey("urgency.call_id", ondelete="CASCADE")
    op.create_table(
        "urgent_step",
        sa.Column("call_id", sa.String(64), of_urgency, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("urgent_step")
    op.drop_table("urgency")
    # A task of that kind is unknown to what was before.
    op.execute("DELETE FROM task WHERE kind = 'unseen'")
    op.drop_column("message", "urgent_at")
    op.drop_column("recipient", "place")
    for name in ("urgent_rounds", "urgent_interval"):
        op.drop_column("client", name)
