"""Mail comes in: each is dealt with once, and letters that come back mark their address."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
TAKEN = sa.text("outcome IN ('changed', 'asked')")


def upgrade() -> None:
    op.add_column("mailbox", sa.Column("bounced_at", INSTANT))
    op.create_table(
        "mail_in",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("validity", sa.String(10), nullable=False),
        sa.Column("uid", sa.String(10), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False, server_default="") for name in ("sender", "subject", "message_id")),
        sa.Column("digest", sa.String(64), nullable=False, server_default=""),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id")),
        sa.Column("answered", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.UniqueConstraint("place", "validity", "uid", name="uq_mail_in_uid"),
    )
    for name in ("message_id", "digest", "client_id"):
        op.create_index(f"ix_mail_in_{name}", "mail_in", [name])
    op.create_index("uq_mail_in_taken", "mail_in", ["digest"], unique=True, sqlite_where=TAKEN, postgresql_where=TAKEN)


def downgrade() -> None:
    op.drop_table("mail_in")
    op.drop_column("mailbox", "bounced_at")
