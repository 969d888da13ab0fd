"""Signing in with a code besides the password, passwords set anew by e-mail, and browsers by their names."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account_user", sa.Column("email", sa.Text, nullable=False, server_default=""))
    op.add_column("web_session", sa.Column("agent", sa.String(250), nullable=False, server_default=""))
    op.create_table(
        "half_sign_in",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("token_hash", sa.String(64), nullable=False),
        _whose(nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.String(120), nullable=False, server_default=""),
        sa.Column("agent", sa.String(250), nullable=False, server_default=""),
        sa.Column("language", sa.String(2), nullable=False, server_default=""),
        sa.Column("wrong", sa.Integer, nullable=False, server_default="0"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_half_sign_in_token_hash")),
    )
    op.create_index(op.f("ix_half_sign_in_user_id"), "half_sign_in", ["user_id"])
    op.create_table(
        "second_factor",
        _whose(primary_key=True, autoincrement=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("session_id", sa.Integer),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("last_step", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_table(
        "recovery_code",
        _whose(primary_key=True),
        sa.Column("code_hash", sa.String(64), primary_key=True),
        sa.Column("used_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "sign_in_link",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("token_hash", sa.String(64), nullable=False),
        _whose(nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_in_link_token_hash")),
    )
    op.create_index(op.f("ix_sign_in_link_user_id"), "sign_in_link", ["user_id"])


def downgrade() -> None:
    for table in ("sign_in_link", "recovery_code", "second_factor", "half_sign_in"):
        op.drop_table(table)
    op.drop_column("web_session", "agent")
    op.drop_column("account_user", "email")


def _whose(**options: object) -> sa.Column[int]:
    return sa.Column("user_id", sa.Integer, sa.ForeignKey("account_user.id", ondelete="CASCADE"), **options)
