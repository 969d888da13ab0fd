"""Letters keep their order, addresses have a state of their own, one address is one recipient."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WAITING, UNDELIVERED = "due_at IS NOT NULL", "delivered_at IS NULL"


def upgrade() -> None:
    op.add_column("letter", sa.Column("unconfirmed", sa.Integer(), server_default="0", nullable=False))
    op.add_column("letter", sa.Column("aside", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("letter", sa.Column("server_away", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.drop_index(op.f("ix_letter_due_at"), "letter")
    _index("ix_letter_waiting", ["channel", "address", "aside", "id"], WAITING)
    _index("ix_letter_undelivered", ["id"], UNDELIVERED)
    op.create_table(
        "mailbox",
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("channel", "address", name=op.f("pk_mailbox")),
    )
    # VENTAS@andes.cl beside ventas@andes.cl: the one that was there first stays.
    op.execute(
        "DELETE FROM recipient WHERE EXISTS (SELECT 1 FROM recipient AS first "
        "WHERE first.client_id = recipient.client_id AND first.channel = recipient.channel "
        "AND lower(first.address) = lower(recipient.address) AND first.id < recipient.id)"
    )


def downgrade() -> None:
    op.drop_table("mailbox")
    op.drop_index("ix_letter_undelivered", "letter")
    op.drop_index("ix_letter_waiting", "letter")
    op.create_index(op.f("ix_letter_due_at"), "letter", ["due_at"], unique=False)
    op.drop_column("letter", "server_away")
    op.drop_column("letter", "aside")
    op.drop_column("letter", "unconfirmed")


def _index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "letter", columns, unique=False, sqlite_where=where, postgresql_where=where)
