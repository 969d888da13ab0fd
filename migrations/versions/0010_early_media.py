"""Whether a trunk's callers hear what we play before the answer.

Carriers let them, as a rule: trunks that are there already count so, too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trunk", sa.Column("early_media", sa.Boolean(), server_default=sa.text("true"), nullable=False))


def downgrade() -> None:
    op.drop_column("trunk", "early_media")
