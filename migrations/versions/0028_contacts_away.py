"""A contact may be away until a time."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contact", sa.Column("away_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("contact", "away_until")
