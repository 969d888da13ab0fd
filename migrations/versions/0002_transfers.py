"""Supervised transfers: limits of outgoing calls, what was dialled, to whom a call went, letters that add to others."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("client", sa.Column("calls_out_at_once", sa.Integer(), server_default="3", nullable=False))
    op.add_column("client", sa.Column("calls_out_a_day", sa.Integer(), server_default="100", nullable=False))
    op.add_column("call", sa.Column("transferred_to", sa.Text(), server_default="", nullable=False))
    op.add_column("call", sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("letter", sa.Column("in_reply_to", sa.String(length=120), server_default="", nullable=False))
    _dialling()


def downgrade() -> None:
    op.drop_table("dialling")
    op.drop_column("letter", "in_reply_to")
    op.drop_column("call", "handed_over_at")
    op.drop_column("call", "transferred_to")
    op.drop_column("client", "calls_out_a_day")
    op.drop_column("client", "calls_out_at_once")


def _dialling() -> None:
    op.create_table(
        "dialling",
        sa.Column("leg", sa.String(length=96), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("shown", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_dialling_call_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_dialling_client_id")),
        sa.PrimaryKeyConstraint("leg", name=op.f("pk_dialling")),
    )
    op.create_index(op.f("ix_dialling_call_id"), "dialling", ["call_id"], unique=False)
    op.create_index(op.f("ix_dialling_at"), "dialling", ["at"], unique=False)
