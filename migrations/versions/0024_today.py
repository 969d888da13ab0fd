"""A client says for today that it is closed, open, or what its callers hear first."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "opening_override",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), nullable=False),
        sa.Column("kind", sa.String(9), nullable=False),
        sa.Column("text", sa.Text, nullable=False, server_default=""),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said_by", sa.Text, nullable=False, server_default=""),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("ix_opening_override_client_id", "opening_override", ["client_id"])
    op.create_index("ix_opening_override_until", "opening_override", ["until"])


def downgrade() -> None:
    op.drop_table("opening_override")
