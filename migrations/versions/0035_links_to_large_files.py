"""A file that is too large for its letter is fetched by a signed link."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "link_key",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
    )
    op.add_column("letter", sa.Column("linked_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("letter", "linked_at")
    op.drop_table("link_key")
