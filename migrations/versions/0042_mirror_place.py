"""Under which name an appointment stands in the remote calendar, where a program has stored it under another one."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("appointment", sa.Column("mirror_place", sa.String(255), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("appointment", "mirror_place")
