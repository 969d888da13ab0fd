"""Letters carry invitations, and recipients may be told of appointments."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

TOLD = ("recipient", "recipient_request")


def upgrade() -> None:
    op.add_column("letter", sa.Column("invitation", sa.Text, nullable=False, server_default=""))
    for table in TOLD:
        op.add_column(
            table, sa.Column("gets_appointments", sa.Boolean, nullable=False, server_default=sa.text("true"))
        )


def downgrade() -> None:
    for table in TOLD:
        op.drop_column(table, "gets_appointments")
    op.drop_column("letter", "invitation")
