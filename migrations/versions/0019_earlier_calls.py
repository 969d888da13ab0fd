"""Earlier calls of a caller are found in a large store, too: a pop asks for them while the telephone rings."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_call_of_caller", "call", ["client_id", "caller", "arrived_at"])
    op.drop_index("ix_call_client_id", "call")  # the new one begins with the same column


def downgrade() -> None:
    op.create_index("ix_call_client_id", "call", ["client_id"])
    op.drop_index("ix_call_of_caller", "call")
