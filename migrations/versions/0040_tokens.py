"""Tokens by which programs use the API, what they asked for once, and an index of the messages that were sent."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

SENT = sa.text("version > 0")
GOOD = sa.text("revoked_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), index=True),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True)),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
    )
    op.create_index("uq_api_token_name", "api_token", ["name"], unique=True, sqlite_where=GOOD, postgresql_where=GOOD)
    op.create_table(
        "api_once",
        sa.Column("token_id", sa.Integer, sa.ForeignKey("api_token.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key_hash", sa.String(64), primary_key=True),
        sa.Column("asked", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("came_of_it", sa.String(64), nullable=False, server_default=""),
    )
    op.create_index("ix_message_sent", "message", ["sent_at", "call_id"], sqlite_where=SENT, postgresql_where=SENT)


def downgrade() -> None:
    # An older version knows no such actor: what tokens did is told as the office's.
    op.execute("UPDATE audit SET actor = 'admin' WHERE actor = 'token'")
    op.drop_index("ix_message_sent", "message")
    op.drop_table("api_once")
    op.drop_table("api_token")
