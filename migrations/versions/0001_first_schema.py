"""The first schema: provisioning, calls with their journal, the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# In the order in which they can be made; each refers only to earlier ones.
TABLES = (
    "client",
    "refusal",
    "revision",
    "secretary",
    "trunk",
    "announcement",
    "call",
    "contact",
    "did",
    "greeting",
    "holiday",
    "recipient",
    "secretary_client",
    "journal",
    "letter",
    "seat_claim",
)


def upgrade() -> None:
    _client()
    _refusal()
    _revision()
    _secretary()
    _trunk()
    _announcement()
    _call()
    _contact()
    _did()
    _greeting()
    _holiday()
    _recipient()
    _secretary_client()
    _journal()
    _letter()
    _seat_claim()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _client() -> None:
    op.create_table(
        "client",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=2), server_default="es", nullable=False),
        sa.Column("timezone", sa.Text(), server_default="America/Santiago", nullable=False),
        sa.Column("state", sa.String(length=9), server_default="active", nullable=False),
        sa.Column("rut", sa.String(length=12), server_default="", nullable=False),
        sa.Column("week", sa.Text(), nullable=False),
        sa.Column("recording", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("music", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("wait_limit", sa.Integer(), server_default="90", nullable=False),
        sa.Column("summary_closed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("takes_messages", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client")),
        sa.UniqueConstraint("slug", name=op.f("uq_client_slug")),
    )


def _refusal() -> None:
    op.create_table(
        "refusal",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "hour", "reason", name=op.f("pk_refusal")),
    )


def _revision() -> None:
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_revision_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
    )


def _secretary() -> None:
    op.create_table(
        "secretary",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user", sa.String(length=40), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("languages", sa.Text(), server_default="es", nullable=False),
        sa.Column("all_clients", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("wrap_up", sa.Integer(), server_default="0", nullable=False),
        sa.Column("free_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("secure", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secretary")),
        sa.UniqueConstraint("user", name=op.f("uq_secretary_user")),
    )
    op.create_index(
        "uq_secretary_name",
        "secretary",
        ["name"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )


def _trunk() -> None:
    op.create_table(
        "trunk",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("match", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), server_default="", nullable=False),
        sa.Column("user", sa.Text(), server_default="", nullable=False),
        sa.Column("password", sa.Text(), server_default="", nullable=False),
        sa.Column("register", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("transport", sa.String(length=3), server_default="udp", nullable=False),
        sa.Column("codecs", sa.Text(), server_default="alaw,ulaw", nullable=False),
        sa.Column("identity", sa.String(length=4), server_default="from", nullable=False),
        sa.Column("number_format", sa.String(length=8), server_default="e164", nullable=False),
        sa.Column("country", sa.String(length=2), server_default="CL", nullable=False),
        sa.Column("did_from", sa.String(length=7), server_default="request", nullable=False),
        sa.Column("max_calls", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trunk")),
        sa.UniqueConstraint("name", name=op.f("uq_trunk_name")),
    )


def _announcement() -> None:
    op.create_table(
        "announcement",
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=9), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("audio", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("(text = '') <> (audio = '')", name=op.f("ck_announcement_text_or_audio")),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_announcement_client_id")),
        sa.PrimaryKeyConstraint("client_id", "kind", name=op.f("pk_announcement")),
    )


def _call() -> None:
    op.create_table(
        "call",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("did", sa.String(length=16), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("caller_name", sa.Text(), server_default="", nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=12), server_default="", nullable=False),
        sa.Column("secretary_id", sa.Integer(), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recording", sa.Text(), server_default="", nullable=False),
        sa.Column("recording_flaw", sa.Text(), server_default="", nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("hosted_by", sa.String(length=8), server_default="daemon", nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_call_client_id")),
        sa.ForeignKeyConstraint(["secretary_id"], ["secretary.id"], name=op.f("fk_call_secretary_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call")),
    )
    op.create_index(op.f("ix_call_arrived_at"), "call", ["arrived_at"], unique=False)
    op.create_index(op.f("ix_call_client_id"), "call", ["client_id"], unique=False)
    op.create_index(
        "ix_call_live",
        "call",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state IS NOT NULL"),
        postgresql_where=sa.text("state IS NOT NULL"),
    )


def _contact() -> None:
    op.create_table(
        "contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("then_number", sa.String(length=16), server_default="", nullable=False),
        sa.Column("department", sa.Text(), server_default="", nullable=False),
        sa.Column("key", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_contact_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("client_id", "key", name=op.f("uq_contact_client_id_key")),
        sa.UniqueConstraint("client_id", "name", name=op.f("uq_contact_client_id_name")),
    )
    op.create_index(op.f("ix_contact_client_id"), "contact", ["client_id"], unique=False)


def _did() -> None:
    op.create_table(
        "did",
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("trunk_id", sa.Integer(), nullable=True),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("area", sa.String(length=5), nullable=False),
        sa.Column("main", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("free_from", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_did_client_id")),
        sa.ForeignKeyConstraint(["trunk_id"], ["trunk.id"], name=op.f("fk_did_trunk_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_did")),
    )
    op.create_index(op.f("ix_did_client_id"), "did", ["client_id"], unique=False)
    op.create_index(
        "uq_did_main", "did", ["client_id"], unique=True, sqlite_where=sa.text("main"), postgresql_where=sa.text("main")
    )


def _greeting() -> None:
    op.create_table(
        "greeting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_greeting_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_greeting")),
    )
    op.create_index(op.f("ix_greeting_client_id"), "greeting", ["client_id"], unique=False)


def _holiday() -> None:
    op.create_table(
        "holiday",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("observed", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_holiday_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holiday")),
        sa.UniqueConstraint("day", "client_id", name=op.f("uq_holiday_day_client_id")),
    )


def _recipient() -> None:
    op.create_table(
        "recipient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_recipient_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipient")),
        sa.UniqueConstraint("client_id", "channel", "address", name=op.f("uq_recipient_client_id_channel_address")),
    )
    op.create_index(op.f("ix_recipient_client_id"), "recipient", ["client_id"], unique=False)


def _secretary_client() -> None:
    op.create_table(
        "secretary_client",
        sa.Column("secretary_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_secretary_client_client_id")),
        sa.ForeignKeyConstraint(
            ["secretary_id"], ["secretary.id"], name=op.f("fk_secretary_client_secretary_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secretary_id", "client_id", name=op.f("pk_secretary_client")),
    )


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("details", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_journal_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "seq", name=op.f("pk_journal")),
    )


def _letter() -> None:
    op.create_table(
        "letter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=True),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("message_id", sa.String(length=120), nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("body_text", sa.Text(), nullable=False),
        sa.Column("body_html", sa.Text(), server_default="", nullable=False),
        sa.Column("attachment", sa.Text(), server_default="", nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_letter_call_id")),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_letter_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter")),
        sa.UniqueConstraint("message_id", name=op.f("uq_letter_message_id")),
    )
    op.create_index(op.f("ix_letter_call_id"), "letter", ["call_id"], unique=False)
    op.create_index(op.f("ix_letter_due_at"), "letter", ["due_at"], unique=False)


def _seat_claim() -> None:
    op.create_table(
        "seat_claim",
        sa.Column("secretary_id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["call.id"],
            name=op.f("fk_seat_claim_call_id"),
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["secretary_id"], ["secretary.id"], name=op.f("fk_seat_claim_secretary_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secretary_id", name=op.f("pk_seat_claim")),
    )
    op.create_index(op.f("ix_seat_claim_call_id"), "seat_claim", ["call_id"], unique=False)
