"""By which trunk a call came and a contact was called, and which limit kept one from being called: those hold over all
nodes.

Of what there was before the trunk is not known.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("call", sa.Column("trunk", sa.String(length=32), server_default="", nullable=False))
    op.add_column("dialling", sa.Column("trunk", sa.String(length=32), server_default="", nullable=False))
    op.add_column("dialling", sa.Column("refused", sa.String(length=8), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("dialling", "refused")
    op.drop_column("dialling", "trunk")
    op.drop_column("call", "trunk")
