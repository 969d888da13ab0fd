"""Callers' rights: their requests with the answers, and data that nobody uses while one is decided."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

STEPS = "caller_request_step"


def upgrade() -> None:
    op.create_table(
        "caller_request",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id")),
        sa.Column("kind", sa.String(13), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("answer", sa.Text, nullable=False, server_default=""),
        sa.Column("receipt_id", sa.Integer),
    )
    op.create_index(op.f("ix_caller_request_number"), "caller_request", ["number"])
    _create_partial_index("ix_caller_request_open", "caller_request", "last_day", "closed_at IS NULL")
    op.create_table(
        STEPS,
        sa.Column("request_id", sa.Integer, sa.ForeignKey("caller_request.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(10), nullable=False),
        sa.Column("who", sa.String(64), nullable=False, server_default=""),
        sa.Column("what", sa.String(9), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False, server_default=""),
    )
    _only_append()
    op.create_table(
        "restriction",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id")),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True)),
        sa.Column("request_id", sa.Integer, sa.ForeignKey("caller_request.id")),
    )
    _create_partial_index("ix_restriction_open", "restriction", "number", "lifted_at IS NULL")


def downgrade() -> None:
    op.drop_table("restriction")
    op.drop_table(STEPS)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {STEPS}_only_append()")
    op.drop_table("caller_request")


def _create_partial_index(name: str, table: str, column: str, where: str) -> None:
    op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _only_append() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {STEPS}_only_append() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{STEPS} is append-only'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {STEPS}_only_append BEFORE UPDATE OR DELETE ON {STEPS} "
            f"FOR EACH ROW EXECUTE FUNCTION {STEPS}_only_append()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {STEPS}_no_{verb.lower()} BEFORE {verb} ON {STEPS} "
            f"BEGIN SELECT RAISE(ABORT, '{STEPS} is append-only'); END"
        )
