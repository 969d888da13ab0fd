"""The daemons that share one database, and which of them hosts a call and has a letter's attachment.

What there was before is of the node `main`: the name of every home that is given none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "node",
        sa.Column("name", sa.String(length=19), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("process", sa.String(length=36), server_default="", nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_node")),
    )
    op.add_column("call", sa.Column("node", sa.String(length=19), server_default="main", nullable=False))
    op.add_column("letter", sa.Column("node", sa.String(length=19), server_default="", nullable=False))
    op.execute("UPDATE letter SET node = 'main' WHERE attachment <> '' AND due_at IS NOT NULL")


def downgrade() -> None:
    op.drop_column("letter", "node")
    op.drop_column("call", "node")
    op.drop_table("node")
