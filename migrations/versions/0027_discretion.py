"""Clients that handle sensitive matters, and clients into which no campaigns come."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("client", sa.Column("sensitive", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.add_column("client", sa.Column("campaigns", sa.Boolean, nullable=False, server_default=sa.text("true")))


def downgrade() -> None:
    op.drop_column("client", "campaigns")
    op.drop_column("client", "sensitive")
