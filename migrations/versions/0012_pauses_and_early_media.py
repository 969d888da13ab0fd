"""When the system paused a secretary, and what a client's callers hear before the answer.

Who is paused already is tried again at once: nobody knows since when she is.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("secretary", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("client", sa.Column("early_media", sa.String(length=5), server_default="trunk", nullable=False))


def downgrade() -> None:
    op.drop_column("client", "early_media")
    op.drop_column("secretary", "paused_at")
