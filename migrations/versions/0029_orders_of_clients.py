"""A client orders bags and another plan on its page; the office confirms or refuses."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "client_order",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), nullable=False),
        sa.Column("kind", sa.String(4), nullable=False),
        sa.Column("calls", sa.Integer),
        sa.Column("plan_id", sa.Integer, sa.ForeignKey("plan.id")),
        sa.Column("price", sa.Integer, nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("state", sa.String(9), nullable=False, server_default="open"),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
    )
    op.create_index(op.f("ix_client_order_client_id"), "client_order", ["client_id"])
    where = sa.text("state = 'open'")
    op.create_index(
        "uq_client_order_open",
        "client_order",
        ["client_id", "kind"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )


def downgrade() -> None:
    op.drop_table("client_order")
