"""A client says who of its contacts is on call when."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rota_rule",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), nullable=False),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("shifts", sa.Text, nullable=False),
        sa.Column("starts", sa.Date),
        sa.UniqueConstraint("client_id", "department", "number", name=op.f("uq_rota_rule_client_id_department_number")),
    )
    op.create_index("ix_rota_rule_client_id", "rota_rule", ["client_id"])
    op.create_table(
        "rota_turn",
        sa.Column("rule_id", sa.Integer, sa.ForeignKey("rota_rule.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("contact_id", sa.Integer, sa.ForeignKey("contact.id"), nullable=False),
    )
    op.create_index("ix_rota_turn_contact_id", "rota_turn", ["contact_id"])
    op.create_table(
        "rota_swap",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer, sa.ForeignKey("client.id"), nullable=False),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("contact_id", sa.Integer, sa.ForeignKey("contact.id"), nullable=False),
        sa.Column("instead_of_id", sa.Integer, sa.ForeignKey("contact.id")),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said_by", sa.Text, nullable=False, server_default=""),
    )
    for column in ("client_id", "contact_id", "instead_of_id"):
        op.create_index(f"ix_rota_swap_{column}", "rota_swap", [column])


def downgrade() -> None:
    op.drop_table("rota_swap")
    op.drop_table("rota_turn")
    op.drop_table("rota_rule")
