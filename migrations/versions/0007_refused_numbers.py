"""Refusals say which number was asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = ["source", "hour", "reason"]


def upgrade() -> None:
    with op.batch_alter_table("refusal") as refusal:
        refusal.add_column(sa.Column("number", sa.String(length=32), server_default="", nullable=False))
        refusal.drop_constraint(op.f("pk_refusal"), type_="primary")
        refusal.create_primary_key(op.f("pk_refusal"), [*KEY, "number"])


def downgrade() -> None:
    """Counts of one source's numbers become one."""
    kept = "SELECT source, hour, reason, sum(count) AS count FROM refusal GROUP BY source, hour, reason"
    op.execute(sa.text(f"CREATE TABLE refusal_counted AS {kept}"))
    op.execute(sa.text("DELETE FROM refusal"))
    op.execute(sa.text("INSERT INTO refusal (source, hour, reason, count) SELECT * FROM refusal_counted"))
    op.drop_table("refusal_counted")
    with op.batch_alter_table("refusal") as refusal:
        refusal.drop_constraint(op.f("pk_refusal"), type_="primary")
        refusal.create_primary_key(op.f("pk_refusal"), KEY)
        refusal.drop_column("number")
