"""Callers who call again are not charged, within a client's limits; what is wrong with a left message is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("client", sa.Column("repeat_within", sa.Integer(), server_default="60", nullable=False))
    op.add_column("client", sa.Column("short_call", sa.Integer(), server_default="10", nullable=False))
    op.add_column("call", sa.Column("message_flaw", sa.String(length=4), server_default="", nullable=False))
    op.create_index("ix_call_answered", "call", ["client_id", "answered_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_call_answered", table_name="call")
    op.drop_column("call", "message_flaw")
    op.drop_column("client", "short_call")
    op.drop_column("client", "repeat_within")
