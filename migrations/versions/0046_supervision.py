"""Telephones of supervisors, and the score sheets of calls."""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "supervisor_telephone",
        sa.Column("user_id", sa.Integer, sa.ForeignKey("account_user.id"), primary_key=True),
        sa.Column("user", sa.String(40), nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("secure", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.UniqueConstraint("user", name=op.f("uq_supervisor_telephone_user")),
    )
    op.create_table(
        "score_sheet",
        sa.Column("call_id", sa.String(64), sa.ForeignKey("call.id"), primary_key=True),
        sa.Column("secretary_id", sa.Integer, sa.ForeignKey("secretary.id"), nullable=False),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("account_user.id"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
    )
    op.create_index(op.f("ix_score_sheet_secretary_id"), "score_sheet", ["secretary_id"])
    op.create_table(
        "score_mark",
        sa.Column(
            "call_id", sa.String(64), sa.ForeignKey("score_sheet.call_id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("criterion", sa.String(60), primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("points", sa.Integer, nullable=False),
        sa.CheckConstraint("points BETWEEN 0 AND 5", name=op.f("ck_score_mark_points")),
    )


def downgrade() -> None:
    op.drop_table("score_mark")
    op.drop_table("score_sheet")
    op.drop_table("supervisor_telephone")
