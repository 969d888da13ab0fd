"""The whole schema on one page (SQLAlchemy Core). Instants are UTC, money is integer pesos, numbers are E.164."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite, which knows no zones, keeps it naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant must be aware")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


# --- provisioning -----------------------------------------------------------------------------------------

revision = Table(
    # One row: counts every change of provisioning, so that the daemon sees in one read that it must publish.
    "revision",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="single"), primary_key=True),
    Column("number", Integer, nullable=False),
)

trunk = Table(
    "trunk",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("match", Text, nullable=False),  # addresses or networks, comma-separated
    Column("host", Text, nullable=False, server_default=""),
    Column("user", Text, nullable=False, server_default=""),
    Column("password", Text, nullable=False, server_default=""),
    Column("register", Boolean, nullable=False, server_default=text("false")),
    Column("transport", String(3), nullable=False, server_default="udp"),
    Column("codecs", Text, nullable=False, server_default="alaw,ulaw"),
    Column("identity", String(4), nullable=False, server_default="from"),
    Column("number_format", String(8), nullable=False, server_default="e164"),
    Column("country", String(2), nullable=False, server_default="CL"),
    Column("did_from", String(7), nullable=False, server_default="request"),
    Column("max_calls", Integer, nullable=False, server_default="0"),
)

client = Table(
    "client",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", String(40), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("language", String(2), nullable=False, server_default="es"),
    Column("timezone", Text, nullable=False, server_default="America/Santiago"),
    Column("state", String(9), nullable=False, server_default="active"),
    Column("rut", String(12), nullable=False, server_default=""),
    Column("week", Text, nullable=False),  # as `hours set` takes it, normalised: "mon-fri 09:00-13:00 14:00-18:00"
    Column("recording", Boolean, nullable=False, server_default=text("false")),
    Column("music", Boolean, nullable=False, server_default=text("true")),
    Column("wait_limit", Integer, nullable=False, server_default="90"),  # seconds
    Column("summary_closed", Boolean, nullable=False, server_default=text("false")),
    Column("takes_messages", Boolean, nullable=False, server_default=text("true")),
    Column("calls_out_at_once", Integer, nullable=False, server_default="3"),
    Column("calls_out_a_day", Integer, nullable=False, server_default="100"),  # of contacts; a UTC day
    Column("created_at", Instant, nullable=False),
)

did = Table(
    "did",
    metadata,
    Column("number", String(16), primary_key=True),
    Column("trunk_id", ForeignKey("trunk.id")),
    Column("client_id", ForeignKey("client.id"), index=True),
    Column("country", String(2), nullable=False),
    Column("area", String(5), nullable=False),  # first group of the international format: 2, 32, 41 …
    Column("main", Boolean, nullable=False, server_default=text("false")),
    Column("assigned_at", Instant),
    Column("free_from", Instant),  # quarantine after a release: not offered before
)
Index("uq_did_main", did.c.client_id, unique=True, sqlite_where=text("main"), postgresql_where=text("main"))

holiday = Table(
    # Public holidays come from the `holidays` package; rows here add days, or (observed = false) take one away.
    "holiday",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("day", Date, nullable=False),
    Column("client_id", ForeignKey("client.id")),  # NULL: for every client
    Column("name", Text, nullable=False, server_default=""),
    Column("observed", Boolean, nullable=False, server_default=text("true")),
    UniqueConstraint("day", "client_id"),
)

greeting = Table(
    # Never updated: the newest row is in force, a rollback writes the old text anew (SERVICE.md rule 4).
    "greeting",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("asked_by", Text, nullable=False, server_default=""),  # who asked for the change in writing
)

announcement = Table(
    "announcement",
    metadata,
    Column("client_id", ForeignKey("client.id"), primary_key=True),
    Column("kind", String(9), primary_key=True),
    Column("text", Text, nullable=False, server_default=""),
    Column("audio", Text, nullable=False, server_default=""),  # name under prompts/ of a converted upload
    CheckConstraint("(text = '') <> (audio = '')", name="text_or_audio"),
)

secretary = Table(
    "secretary",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("user", String(40), nullable=False, unique=True),
    Column("password", Text, nullable=False),
    Column("languages", Text, nullable=False, server_default="es"),
    Column("all_clients", Boolean, nullable=False, server_default=text("true")),
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    Column("wrap_up", Integer, nullable=False, server_default="0"),  # seconds
    Column("free_from", Instant),  # end of her last wrap-up
    Column("secure", Boolean, nullable=False, server_default=text("false")),
    Column("removed_at", Instant),  # she has left; the row stays because the calls she answered name it
)
Index(
    "uq_secretary_name",
    secretary.c.name,
    unique=True,
    sqlite_where=text("removed_at IS NULL"),
    postgresql_where=text("removed_at IS NULL"),
)

secretary_client = Table(
    "secretary_client",
    metadata,
    Column("secretary_id", ForeignKey("secretary.id", ondelete="CASCADE"), primary_key=True),
    Column("client_id", ForeignKey("client.id"), primary_key=True),
)

contact = Table(
    "contact",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("number", String(16), nullable=False),
    Column("then_number", String(16), nullable=False, server_default=""),
    Column("department", Text, nullable=False, server_default=""),
    Column("key", Integer),  # 1-6: the digit after * on her telephone
    UniqueConstraint("client_id", "name"),
    UniqueConstraint("client_id", "key"),
)

recipient = Table(
    "recipient",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("channel", String(8), nullable=False),  # email | telegram
    Column("address", Text, nullable=False),
    UniqueConstraint("client_id", "channel", "address"),
)

# --- calls ------------------------------------------------------------------------------------------------

call = Table(
    "call",
    metadata,
    Column("id", String(64), primary_key=True),  # the caller's channel id
    Column("client_id", ForeignKey("client.id"), index=True),
    Column("did", String(16), nullable=False),
    Column("caller", Text, nullable=False),  # E.164 where it could be read as a number, else cleaned text
    Column("caller_name", Text, nullable=False, server_default=""),
    Column("phase", String(16), nullable=False),
    Column("outcome", String(12), nullable=False, server_default=""),  # domain.call.model.Outcome
    Column("secretary_id", ForeignKey("secretary.id")),  # who answered
    Column("arrived_at", Instant, nullable=False, index=True),
    Column("answered_at", Instant),  # when a secretary answered
    Column("ended_at", Instant),
    Column("recording", Text, nullable=False, server_default=""),  # path under recordings/
    Column("recording_flaw", Text, nullable=False, server_default=""),  # missing | short | long; "" is sound
    Column("message", Text, nullable=False, server_default=""),  # path under recordings/ of a left message
    Column("transferred_to", Text, nullable=False, server_default=""),  # the contact's name, from the hand-over on
    Column("handed_over_at", Instant),
    Column("hosted_by", String(8), nullable=False, server_default="daemon"),  # daemon | switch (the fallback)
    Column("state", LargeBinary),  # the live call (domain.call.model.Call) as JSON; NULL once it has ended
)
Index("ix_call_live", call.c.id, sqlite_where=text("state IS NOT NULL"), postgresql_where=text("state IS NOT NULL"))

seat_claim = Table(
    # A secretary holds one call at a time: the primary key is what makes two offers at once impossible.
    "seat_claim",
    metadata,
    Column("secretary_id", ForeignKey("secretary.id", ondelete="CASCADE"), primary_key=True),
    # deferred: the claim is taken before the call's own row is written in the same transaction
    Column(
        "call_id",
        ForeignKey("call.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        nullable=False,
        index=True,
    ),
)

journal = Table(
    # Append-only: every event of a call, in order.
    "journal",
    metadata,
    Column("call_id", ForeignKey("call.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("event", String(32), nullable=False),
    Column("details", Text, nullable=False, server_default="{}"),  # JSON object
)

dialling = Table(
    # Every contact that was called, written before the telephone rings: what a client may dial in a day is counted.
    "dialling",
    metadata,
    Column("leg", String(96), primary_key=True),  # the contact's channel id
    Column("call_id", ForeignKey("call.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("client_id", ForeignKey("client.id"), nullable=False),
    Column("number", String(16), nullable=False),
    Column("shown", String(16), nullable=False),  # the DID that the contact's telephone showed
    Column("at", Instant, nullable=False, index=True),
)

refusal = Table(
    # What the switch refused, counted per source and hour: a scanner fills one row an hour, not the disk.
    "refusal",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("reason", String(32), primary_key=True),
    Column("count", Integer, nullable=False),
)

# --- the outbox -------------------------------------------------------------------------------------------

letter = Table(
    "letter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", ForeignKey("call.id"), index=True),
    Column("client_id", ForeignKey("client.id")),
    Column("channel", String(8), nullable=False),
    Column("address", Text, nullable=False),
    Column("message_id", String(120), nullable=False, unique=True),  # stable: derived from call and recipient
    Column("in_reply_to", String(120), nullable=False, server_default=""),  # message_id of the letter it adds to
    Column("subject", Text, nullable=False, server_default=""),
    Column("body_text", Text, nullable=False),
    Column("body_html", Text, nullable=False, server_default=""),
    Column("attachment", Text, nullable=False, server_default=""),  # path under recordings/
    Column("written_at", Instant, nullable=False),
    Column("due_at", Instant, index=True),  # next try; NULL: delivered or given up
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("delivered_at", Instant),
    Column("last_error", Text, nullable=False, server_default=""),
)
