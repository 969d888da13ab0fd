"""People who sign in, what a secretary has before her eyes, and what she writes."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("secretary_id", sa.Integer(), nullable=True),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=2), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_account_user_client_id")),
        sa.ForeignKeyConstraint(["secretary_id"], ["secretary.id"], name=op.f("fk_account_user_secretary_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_user")),
    )
    op.create_index(
        "uq_account_user_name",
        "account_user",
        ["name"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_index(
        "uq_account_user_secretary",
        "account_user",
        ["secretary_id"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL AND secretary_id IS NOT NULL"),
        postgresql_where=sa.text("removed_at IS NULL AND secretary_id IS NOT NULL"),
    )
    op.create_table(
        "info_text",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("removed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_info_text_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_info_text")),
    )
    op.create_index(op.f("ix_info_text_client_id"), "info_text", ["client_id"], unique=False)
    op.create_table(
        "pause",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secretary_id", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), server_default="", nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["secretary_id"], ["secretary.id"], name=op.f("fk_pause_secretary_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pause")),
    )
    op.create_index(op.f("ix_pause_secretary_id"), "pause", ["secretary_id"], unique=False)
    op.create_index(
        "uq_pause_open",
        "pause",
        ["secretary_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "protocol",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_protocol_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protocol")),
    )
    op.create_index(op.f("ix_protocol_client_id"), "protocol", ["client_id"], unique=False)
    op.create_table(
        "message",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("secretary_id", sa.Integer(), nullable=False),
        sa.Column("protocol_id", sa.Integer(), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_message_call_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_message_client_id")),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_message_protocol_id")),
        sa.ForeignKeyConstraint(["secretary_id"], ["secretary.id"], name=op.f("fk_message_secretary_id")),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_message")),
    )
    op.create_index(op.f("ix_message_client_id"), "message", ["client_id"], unique=False)
    op.create_index(
        "ix_message_due",
        "message",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_message_open",
        "message",
        ["secretary_id", "begun_at"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.create_index(op.f("ix_message_secretary_id"), "message", ["secretary_id"], unique=False)
    op.create_table(
        "shown",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("secretary_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("greeting_id", sa.Integer(), nullable=True),
        sa.Column("protocol_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_shown_call_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["greeting_id"], ["greeting.id"], name=op.f("fk_shown_greeting_id")),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_shown_protocol_id")),
        sa.ForeignKeyConstraint(["secretary_id"], ["secretary.id"], name=op.f("fk_shown_secretary_id")),
        sa.PrimaryKeyConstraint("call_id", "secretary_id", name=op.f("pk_shown")),
    )
    op.create_table(
        "web_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("origin", sa.String(length=120), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["account_user.id"], name=op.f("fk_web_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_web_session_token_hash")),
    )
    op.create_index(op.f("ix_web_session_user_id"), "web_session", ["user_id"], unique=False)
    op.create_table(
        "message_field",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("edit", sa.Integer(), server_default="0", nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["message.call_id"], name=op.f("fk_message_field_call_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("call_id", "key", name=op.f("pk_message_field")),
    )
    op.create_table(
        "message_version",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("secretary_id", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["message.call_id"], name=op.f("fk_message_version_call_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["secretary_id"], ["secretary.id"], name=op.f("fk_message_version_secretary_id")),
        sa.PrimaryKeyConstraint("call_id", "version", name=op.f("pk_message_version")),
    )
    op.add_column("client", sa.Column("after_call", sa.Integer(), server_default="120", nullable=False))
    op.add_column("letter", sa.Column("kind", sa.String(length=8), server_default="", nullable=False))
    op.add_column("secretary", sa.Column("pause_reason", sa.String(length=40), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("secretary", "pause_reason")
    op.drop_column("letter", "kind")
    op.drop_column("client", "after_call")
    op.drop_table("message_version")
    op.drop_table("message_field")
    op.drop_index(op.f("ix_web_session_user_id"), table_name="web_session")
    op.drop_table("web_session")
    op.drop_table("shown")
    op.drop_index(op.f("ix_message_secretary_id"), table_name="message")
    op.drop_index(
        "ix_message_open",
        table_name="message",
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.drop_index(
        "ix_message_due",
        table_name="message",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.drop_index(op.f("ix_message_client_id"), table_name="message")
    op.drop_table("message")
    op.drop_index(op.f("ix_protocol_client_id"), table_name="protocol")
    op.drop_table("protocol")
    op.drop_index(
        "uq_pause_open",
        table_name="pause",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_pause_secretary_id"), table_name="pause")
    op.drop_table("pause")
    op.drop_index(op.f("ix_info_text_client_id"), table_name="info_text")
    op.drop_table("info_text")
    op.drop_index(
        "uq_account_user_secretary",
        table_name="account_user",
        sqlite_where=sa.text("removed_at IS NULL AND secretary_id IS NOT NULL"),
        postgresql_where=sa.text("removed_at IS NULL AND secretary_id IS NOT NULL"),
    )
    op.drop_index(
        "uq_account_user_name",
        table_name="account_user",
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.drop_table("account_user")
