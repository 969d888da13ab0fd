"""A client's people are owners or staff; who was there before may do what he could."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account_user", sa.Column("client_role", sa.String(8)))
    users = sa.table("account_user", sa.column("role"), sa.column("client_role"))
    op.execute(sa.update(users).where(users.c.role == "client").values(client_role="owner"))


def downgrade() -> None:
    op.drop_column("account_user", "client_role")
