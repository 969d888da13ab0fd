"""A client reads its messages on a page: they are found by their words, and it is known who has opened which."""

import json
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

AT_ONCE = 500


def upgrade() -> None:
    op.add_column("message_version", sa.Column("gist", sa.Text, nullable=False, server_default=""))
    op.add_column("message_version", sa.Column("urgent", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.add_column("message_version", sa.Column("searched", sa.Text, nullable=False, server_default=""))
    _note_words()
    op.create_table(
        "opened",
        sa.Column("call_id", sa.String(64), sa.ForeignKey("call.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("account_user.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("opened")
    for column in ("searched", "urgent", "gist"):
        op.drop_column("message_version", column)


def _note_words() -> None:
    """What was sent before is found, too."""
    conn = op.get_bind()
    versions = sa.table("message_version", *(sa.column(name) for name in ("call_id", "version", "words", "searched")))
    key = versions.c.call_id, versions.c.version
    after: tuple[str, int] = ("", 0)
    while True:
        page = sa.select(*key, versions.c.words).where(sa.tuple_(*key) > after).order_by(*key).limit(AT_ONCE)
        rows = conn.execute(page).all()
        for row in rows:
            values = " ".join(value for _, value in json.loads(row.words))
            this = versions.c.call_id == row.call_id, versions.c.version == row.version
            conn.execute(sa.update(versions).where(*this).values(searched=_folded(values)))
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].call_id, rows[-1].version


def _folded(text: str) -> str:
    """As domain.words.characters.folded did when this was written."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return " ".join(plain.casefold().split())
