"""An index by which the earlier conversations of one caller are found: each answered call asks for them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ANSWERED = "answered_at IS NOT NULL"


def upgrade() -> None:
    op.create_index(
        "ix_call_answered_caller",
        "call",
        ["client_id", "caller", "answered_at"],
        unique=False,
        sqlite_where=sa.text(ANSWERED),
        postgresql_where=sa.text(ANSWERED),
    )


def downgrade() -> None:
    op.drop_index("ix_call_answered_caller", "call")
