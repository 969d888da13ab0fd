"""By which token a webhook was made, with which it ends; and the secret that a renewed one had before."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

OF_TOKEN = "fk_webhook_token_id"


def upgrade() -> None:
    with op.batch_alter_table("webhook") as webhook:
        webhook.add_column(sa.Column("token_id", sa.Integer))
        webhook.add_column(sa.Column("former_secret", sa.String(80), nullable=False, server_default=""))
        webhook.add_column(sa.Column("rotated_at", sa.DateTime(timezone=True)))
        webhook.create_foreign_key(OF_TOKEN, "api_token", ["token_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("webhook") as webhook:
        webhook.drop_constraint(OF_TOKEN, type_="foreignkey")
        for name in ("rotated_at", "former_secret", "token_id"):
            webhook.drop_column(name)
