"""Which secretaries were there, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attendance",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("secretary_id", sa.Integer, sa.ForeignKey("secretary.id", ondelete="CASCADE"), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(op.f("ix_attendance_secretary_id"), "attendance", ["secretary_id"])
    op.create_index(op.f("ix_attendance_until"), "attendance", ["until"])


def downgrade() -> None:
    op.drop_table("attendance")
