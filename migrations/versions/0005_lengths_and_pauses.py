"""How long a call took is kept once, for everybody who tells of it; a secretary may be paused by the system."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Seconds between two instants, to a tenth, never less than none.
BETWEEN = {
    "sqlite": "max(0, round((julianday({until}) - julianday({since})) * 86400.0, 1))",
    "postgresql": "greatest(0, round(extract(epoch from {until} - {since})::numeric, 1))",
}


def upgrade() -> None:
    op.add_column("call", sa.Column("talked", sa.Float(), nullable=True))
    op.add_column("call", sa.Column("transferred", sa.Float(), nullable=True))
    between = BETWEEN[op.get_bind().dialect.name]
    talked = between.format(since="answered_at", until="coalesce(handed_over_at, ended_at)")
    transferred = between.format(since="handed_over_at", until="ended_at")
    op.execute(f"UPDATE call SET talked = {talked} WHERE answered_at IS NOT NULL AND ended_at IS NOT NULL")
    op.execute(f"UPDATE call SET transferred = {transferred} WHERE handed_over_at IS NOT NULL AND ended_at IS NOT NULL")
    op.add_column("secretary", sa.Column("paused_why", sa.String(length=16), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("secretary", "paused_why")
    op.drop_column("call", "transferred")
    op.drop_column("call", "talked")
