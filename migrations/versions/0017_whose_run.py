"""Which daemon does a run of a job: one that is gone does it no more."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_run", sa.Column("process", sa.String(length=36), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("job_run", "process")
