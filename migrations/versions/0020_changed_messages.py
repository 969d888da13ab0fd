"""A message that was changed after it was sent is on its secretary's open list."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import text

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

COLUMNS = ["secretary_id", "begun_at"]


def upgrade() -> None:
    op.add_column("message", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index("ix_message_open", "message")
    _index(text("sent_at IS NULL OR changed_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_message_open", "message")
    op.drop_column("message", "changed_at")
    _index(text("sent_at IS NULL"))


def _index(condition: sa.TextClause) -> None:
    op.create_index("ix_message_open", "message", COLUMNS, sqlite_where=condition, postgresql_where=condition)
