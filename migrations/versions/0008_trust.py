"""Whom a trunk over TLS trusts, and whether what is spoken over it is encrypted; only zones of the IANA's list.

From now on certificates are verified, those of trunks that are there already, too. What is spoken over these was
encrypted if the carrier wanted it: that stays (`optional`), as an upgrade must refuse no calls.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("trunk", sa.Column("verify", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("trunk", sa.Column("ca", sa.Text(), server_default="", nullable=False))
    op.add_column("trunk", sa.Column("srtp", sa.String(length=8), server_default="", nullable=False))
    # The same clocks under their names in the IANA's list; nobody knows what a machine meant by the others.
    op.execute(
        "UPDATE client SET timezone = substr(timezone, 7) WHERE timezone LIKE 'right/%' OR timezone LIKE 'posix/%'"
    )
    local = "('localtime', 'posixrules', 'Factory')"
    op.execute(f"UPDATE client SET timezone = 'America/Santiago' WHERE timezone IN {local}")
    op.execute("UPDATE trunk SET srtp = 'optional' WHERE transport = 'tls'")


def downgrade() -> None:
    for name in ("srtp", "ca", "verify"):
        op.drop_column("trunk", name)
