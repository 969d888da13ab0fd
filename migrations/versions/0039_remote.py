"""Remote calendars: how they are reached, when they are read next, and what does not agree with our appointments."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("trouble_kind", sa.String(12), nullable=False, server_default=""),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("read_until", sa.DateTime(timezone=True)),
        sa.Column("odd", sa.Integer, nullable=False, server_default="0"),
    ):
        op.add_column("remote_state", column)
    op.create_table(
        "remote_access",
        sa.Column("calendar_id", sa.Integer, sa.ForeignKey("calendar.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False, server_default=""),
        sa.Column("secret", sa.Text, nullable=False),
    )
    op.create_table(
        "appointment_task",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("appointment_id", sa.Integer, sa.ForeignKey("appointment.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("done_by", sa.Integer, sa.ForeignKey("secretary.id")),
    )
    is_open = sa.text("done_at IS NULL")
    op.create_index(
        "uq_appointment_task_open",
        "appointment_task",
        ["appointment_id", "kind"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def downgrade() -> None:
    # How they were reached is gone with the table: they are ours alone.
    op.execute("UPDATE appointment SET mirror_due_at = NULL, mirror_error = '' WHERE mirror_due_at IS NOT NULL")
    op.execute("UPDATE calendar SET source = 'own' WHERE source <> 'own'")
    op.drop_table("appointment_task")
    op.drop_table("remote_access")
    for name in ("trouble_kind", "attempts", "due_at", "read_until", "odd"):
        op.drop_column("remote_state", name)
