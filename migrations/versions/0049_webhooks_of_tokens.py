"""By which token a webhook was made: it ends with that."""

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
        webhook.create_foreign_key(OF_TOKEN, "api_token", ["token_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("webhook") as webhook:
        webhook.drop_constraint(OF_TOKEN, type_="foreignkey")
        webhook.drop_column("token_id")
