"""What a processor owes its clients: incidents are registered and told, sub-processors listed and announced."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
ONLY_APPEND = ("incident", "incident_client", "incident_entry")


def upgrade() -> None:
    _incidents()
    _subprocessors()
    for table in ONLY_APPEND:
        _only_append(table)


def downgrade() -> None:
    for table in ONLY_APPEND:
        _no_longer_only_append(table)
    for table in ("subprocessors_told", "subprocessor", "incident_letter", *reversed(ONLY_APPEND)):
        op.drop_table(table)


def _incidents() -> None:
    op.create_table(
        "incident",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.String(120), nullable=False),
        sa.Column("happened_at", INSTANT, nullable=False),
        sa.Column("known_at", INSTANT, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False, server_default=""),
        sa.Column("measures", sa.Text, nullable=False, server_default=""),
    )
    op.create_table("incident_client", _incident(primary_key=True), _client(primary_key=True))
    op.create_table(
        "incident_entry",
        sa.Column("id", sa.Integer, primary_key=True),
        _incident(nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(6), nullable=False),
        sa.Column("text", sa.Text, nullable=False, server_default=""),
        _client(),
    )
    _unique("uq_incident_entry_closed", "incident_entry", ["incident_id"], "kind = 'closed'")
    _unique("uq_incident_entry_sent", "incident_entry", ["incident_id", "client_id"], "kind = 'sent'")
    op.create_table(
        "incident_letter",
        sa.Column("message_id", sa.String(64), primary_key=True),
        _incident(nullable=False),
        _client(nullable=False),
    )
    for table, column in (
        ("incident_entry", "incident_id"),
        ("incident_letter", "incident_id"),
        ("incident_letter", "client_id"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])


def _subprocessors() -> None:
    op.create_table(
        "subprocessor",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("purpose", sa.String(200), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        _client(),
        sa.Column("added_at", INSTANT, nullable=False),
        sa.Column("removed_at", INSTANT),
    )
    op.create_index("ix_subprocessor_client_id", "subprocessor", ["client_id"])
    _unique("uq_subprocessor_of_all", "subprocessor", ["name"], "client_id IS NULL AND removed_at IS NULL")
    _unique(
        "uq_subprocessor_of_client",
        "subprocessor",
        ["client_id", "name"],
        "client_id IS NOT NULL AND removed_at IS NULL",
    )
    op.create_table(
        "subprocessors_told",
        _client(primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("listed", sa.Text, nullable=False),
    )


def _incident(**how: bool) -> sa.Column[int]:
    return sa.Column("incident_id", sa.Integer, sa.ForeignKey("incident.id"), **how)


def _client(**how: bool) -> sa.Column[int]:
    return sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), **how)


def _unique(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=True, sqlite_where=condition, postgresql_where=condition)


def _only_append(table: str) -> None:
    """What has been written is never changed or deleted, whoever asks."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {table}_only_append() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_only_append BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_only_append()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _no_longer_only_append(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER {table}_only_append ON {table}")
        op.execute(f"DROP FUNCTION {table}_only_append()")
        return
    for verb in ("update", "delete"):
        op.execute(f"DROP TRIGGER {table}_no_{verb}")
