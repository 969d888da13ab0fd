"""A client's calls are read the newest first, however many there are."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_call_of_client", "call", ["client_id", "arrived_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_call_of_client", "call")
