"""The agenda: clients' calendars, and the appointments in them."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _calendars()
    _appointments()
    op.create_table(
        "slot_hold",
        _calendar(primary_key=True),
        sa.Column("holder", sa.String(64), primary_key=True),
        _instant("starts"),
        _instant("blocked_until"),
        _instant("until"),
    )
    op.create_index("ix_slot_hold_until", "slot_hold", ["until"])
    op.create_table(
        "remote_busy",
        _calendar(primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("starts", sa.DateTime(timezone=True), primary_key=True),
        _instant("ends"),
    )
    op.create_index("ix_remote_busy_calendar_id_ends", "remote_busy", ["calendar_id", "ends"])
    op.create_table(
        "remote_state",
        _calendar(primary_key=True),
        _text("token"),
        sa.Column("synced_at", sa.DateTime(timezone=True)),
        _text("trouble"),
    )


def downgrade() -> None:
    for table in ("remote_state", "remote_busy", "slot_hold", "appointment", "appointment_kind", "calendar"):
        op.drop_table(table)


def _calendars() -> None:
    op.create_table(
        "calendar",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), nullable=False),
        sa.Column("slug", sa.String(40), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        _text("resource"),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("week", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("step", "lead", "horizon")),
        _text("address"),
        _text("map_link"),
        sa.Column("questions", sa.Text, nullable=False, server_default="[]"),
        sa.Column("source", sa.String(6), nullable=False, server_default="own"),
        sa.Column("place_in_mail", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("reminder", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("feed_hash", sa.String(64)),
        _instant("created_at"),
        sa.Column("removed_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("feed_hash", name=op.f("uq_calendar_feed_hash")),
    )
    op.create_index("ix_calendar_client_id", "calendar", ["client_id"])
    there = sa.text("removed_at IS NULL")
    op.create_index(
        "uq_calendar_slug", "calendar", ["client_id", "slug"], unique=True, sqlite_where=there, postgresql_where=there
    )
    op.create_table(
        "appointment_kind",
        sa.Column("id", sa.Integer, primary_key=True),
        _calendar(nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("buffer", sa.Integer, nullable=False, server_default="0"),
        sa.UniqueConstraint("calendar_id", "name", name=op.f("uq_appointment_kind_calendar_id_name")),
    )


def _appointments() -> None:
    op.create_table(
        "appointment",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("uid", sa.String(64), nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False, server_default="0"),
        _calendar(nullable=False),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), nullable=False),
        sa.Column("call_id", sa.String(64), sa.ForeignKey("call.id", ondelete="SET NULL")),
        sa.Column("kind", sa.String(60), nullable=False),
        *(_instant(name) for name in ("starts", "ends", "blocked_until")),
        sa.Column("name", sa.Text, nullable=False),
        _text("number"),
        _text("email"),
        sa.Column("answers", sa.Text, nullable=False, server_default="{}"),
        _text("note"),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("language", sa.String(2), nullable=False, server_default="es"),
        _text("booked_by"),
        _instant("booked_at"),
        _instant("changed_at"),
        sa.Column("mirrored_sequence", sa.Integer),
        sa.Column("mirror_due_at", sa.DateTime(timezone=True)),
        sa.Column("mirror_attempts", sa.Integer, nullable=False, server_default="0"),
        _text("mirror_error"),
        sa.CheckConstraint("starts < ends AND ends <= blocked_until", name=op.f("ck_appointment_in_order")),
        sa.UniqueConstraint("uid", name=op.f("uq_appointment_uid")),
    )
    op.create_index("ix_appointment_calendar_id_starts", "appointment", ["calendar_id", "starts"])
    op.create_index("ix_appointment_client_id_starts", "appointment", ["client_id", "starts"])
    for column in ("call_id", "number"):
        op.create_index(f"ix_appointment_{column}", "appointment", [column])
    due = sa.text("mirror_due_at IS NOT NULL")
    op.create_index("ix_appointment_mirror", "appointment", ["mirror_due_at"], sqlite_where=due, postgresql_where=due)


def _calendar(**more: bool) -> "sa.Column[int]":
    return sa.Column("calendar_id", sa.Integer, sa.ForeignKey("calendar.id", ondelete="CASCADE"), **more)


def _instant(name: str) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False, server_default="")
