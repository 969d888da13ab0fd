"""The whole schema on one page (SQLAlchemy Core). Instants are UTC, money is integer pesos, numbers are E.164."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
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

from pbx_control.settings import MAIN_NODE

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


_PARTIAL: list[Callable[[], Index]] = []


def _partial_index(name: str, *columns: Column[Any], where: str, unique: bool = False) -> None:
    """An index of some rows only. `whole_schema` makes it: naming a dialect's option loads that whole dialect, which
    a command that lists something need not wait for."""
    condition = text(where)
    _PARTIAL.append(lambda: Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition))


@cache
def whole_schema() -> MetaData:
    """All tables with all their indexes, for migrations."""
    for make in _PARTIAL:
        make()
    return metadata


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
    Column("verify", Boolean, nullable=False, server_default=text("true")),
    Column("ca", Text, nullable=False, server_default=""),  # PEM; empty: those that the system trusts
    Column("srtp", String(8), nullable=False, server_default=""),  # required | optional | off; empty: by transport
    Column("codecs", Text, nullable=False, server_default="alaw,ulaw"),
    Column("identity", String(4), nullable=False, server_default="from"),
    Column("number_format", String(8), nullable=False, server_default="e164"),
    Column("country", String(2), nullable=False, server_default="CL"),
    Column("did_from", String(7), nullable=False, server_default="request"),
    Column("max_calls", Integer, nullable=False, server_default="0"),
    Column("early_media", Boolean, nullable=False, server_default=text("true")),
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
    Column("legal_name", Text, nullable=False, server_default=""),  # razón social, for a factura
    Column("business", Text, nullable=False, server_default=""),  # giro, for a factura
    Column("address", Text, nullable=False, server_default=""),  # for a factura
    Column("invoice_as", String(7), nullable=False, server_default="boleta"),  # boleta | factura
    Column("exhausted_messages", Boolean, nullable=False, server_default=text("false")),  # out of calls: take messages
    Column("after_call", Integer, nullable=False, server_default="120"),  # seconds she has for a message after the call
    Column("exhausted_report", Boolean, nullable=False, server_default=text("true")),  # out of calls: a daily report
    Column("week", Text, nullable=False),  # as `hours set` takes it, normalised: "mon-fri 09:00-13:00 14:00-18:00"
    Column("recording", Boolean, nullable=False, server_default=text("false")),
    Column("music", Boolean, nullable=False, server_default=text("true")),
    Column("wait_limit", Integer, nullable=False, server_default="90"),  # seconds
    Column("summary_closed", Boolean, nullable=False, server_default=text("false")),
    Column("takes_messages", Boolean, nullable=False, server_default=text("true")),
    Column("early_media", String(5), nullable=False, server_default="trunk"),  # yes | no | trunk: as the trunk says
    # Who calls again within so many seconds of a conversation shorter than so many is not charged.
    Column("repeat_within", Integer, nullable=False, server_default="60"),
    Column("short_call", Integer, nullable=False, server_default="10"),
    Column("calls_out_at_once", Integer, nullable=False, server_default="3"),
    Column("calls_out_a_day", Integer, nullable=False, server_default="100"),  # of contacts; a UTC day
    Column("created_at", Instant, nullable=False),
    Column("cancelled_at", Instant),
    Column("erased_at", Instant),  # cancelled for long: what the service had of it is gone
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
_partial_index("uq_did_main", did.c.client_id, unique=True, where="main")

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
    Column("paused_why", String(16), nullable=False, server_default=""),  # domain.duty.PausedBy; "": by the admin
    Column("pause_reason", String(40), nullable=False, server_default=""),  # hers, of [desk] pause_reasons
    Column("paused_at", Instant),  # when the system did so
    Column("wrap_up", Integer, nullable=False, server_default="0"),  # seconds
    Column("free_from", Instant),  # end of her last wrap-up
    Column("forwarded_at", Instant),  # her telephone is left on forward (SIP 3xx): the last time that it said so
    Column("secure", Boolean, nullable=False, server_default=text("false")),
    Column("removed_at", Instant),  # she has left; the row stays because the calls she answered name it
)
_partial_index(
    "uq_secretary_name",
    secretary.c.name,
    unique=True,
    where="removed_at IS NULL",
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

node = Table(
    # The daemons that share this database, by the names of their homes ([node] name).
    "node",
    metadata,
    Column("name", String(19), primary_key=True),
    Column("since", Instant, nullable=False),  # when it first took calls
    Column("seen_at", Instant, nullable=False),  # its last sign of life, by the database's clock
    Column("place", Text, nullable=False),  # machine, its boot, and the home's folder
    Column("process", String(36), nullable=False, server_default=""),  # the daemon that runs it; "": it has stopped
    Column("retired_at", Instant),  # gone for good: its calls are settled
)

call = Table(
    "call",
    metadata,
    Column("id", String(64), primary_key=True),  # the caller's channel id
    Column("client_id", ForeignKey("client.id")),
    Column("did", String(16), nullable=False),
    Column("caller", Text, nullable=False),  # E.164 where it could be read as a number, else cleaned text
    Column("caller_name", Text, nullable=False, server_default=""),
    Column("phase", String(16), nullable=False),
    Column("outcome", String(12), nullable=False, server_default=""),  # domain.call.model.Outcome
    Column("secretary_id", ForeignKey("secretary.id")),  # who answered
    Column("arrived_at", Instant, nullable=False, index=True),
    Column("answered_at", Instant),  # when a secretary answered
    Column("hung_up_at", Instant),  # when the caller had left; `ended_at` follows once the files have been looked at
    Column("ended_at", Instant, index=True),
    Column("recording", Text, nullable=False, server_default=""),  # path under recordings/
    Column("recording_flaw", Text, nullable=False, server_default=""),  # missing | short | long; "" is sound
    Column("message", Text, nullable=False, server_default=""),  # path under recordings/ of a left message
    Column("message_flaw", String(4), nullable=False, server_default=""),  # lost | cut; "" is sound, or none was left
    Column("transferred_to", Text, nullable=False, server_default=""),  # the contact's name, from the hand-over on
    Column("handed_over_at", Instant),
    Column("talked", Float),  # seconds, as domain.call.lengths tells them; NULL: not known yet, or nobody answered
    Column("transferred", Float),  # seconds; NULL while they talk, or if there was no transfer
    Column("hosted_by", String(8), nullable=False, server_default="daemon"),  # daemon | switch (the fallback)
    Column("node", String(19), nullable=False, server_default=MAIN_NODE),  # whose switch has, or had, the call
    Column("trunk", String(32), nullable=False, server_default=""),  # the endpoint that it came by; "": not known
    Column("turned_away", String(12)),  # domain.call.model.TurnedAway
    Column("reported_at", Instant),  # out of calls: when a daily report told of it; each call is in one
    Column("state", LargeBinary),  # the live call (domain.call.model.Call) as JSON; NULL once it has ended
)
_partial_index("ix_call_live", call.c.id, where="state IS NOT NULL")
# What a caller wanted before, on the desk of who answers now; and all calls of a client.
Index("ix_call_of_caller", call.c.client_id, call.c.caller, call.c.arrived_at)
# The latest conversations of a client: who calls again is not charged.
Index("ix_call_answered", call.c.client_id, call.c.answered_at)
# Those of one caller.
_partial_index(
    "ix_call_answered_caller",
    call.c.client_id,
    call.c.caller,
    call.c.answered_at,
    where="answered_at IS NOT NULL",
)
# The day's missed calls.
_partial_index("ix_call_turned_away", call.c.ended_at, call.c.client_id, where="turned_away IS NOT NULL")
# What there is to delete one day; what has been deleted leaves it.
KEPT = "recording <> '' OR message <> ''"
_partial_index("ix_call_kept", call.c.ended_at, call.c.id, where=KEPT)

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
    Column("trunk", String(32), nullable=False, server_default=""),  # the carrier's endpoint; "": not known
    Column("refused", String(8), nullable=False, server_default=""),  # domain.call.model.Limit; "": he was called
)

refusal = Table(
    # What the switch refused, counted per source and hour: a scanner fills some rows an hour, not the disk.
    "refusal",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("hour", Instant, primary_key=True),
    Column("reason", String(32), primary_key=True),
    Column("number", String(32), primary_key=True, server_default=""),  # that was asked for, as it was dialled
    Column("count", Integer, nullable=False),
)

# --- people who sign in -----------------------------------------------------------------------------------

account_user = Table(
    # Somebody with a name and a password for the pages. Who is removed stays, as entries and messages name the person.
    "account_user",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("role", String(10), nullable=False),  # domain.users.UserRole
    Column("secretary_id", ForeignKey("secretary.id")),  # with role secretary
    Column("client_id", ForeignKey("client.id")),  # with role client
    Column("password_hash", Text, nullable=False),  # argon2
    Column("language", String(2), nullable=False, server_default=""),  # chosen; "": the browser's
    Column("created_at", Instant, nullable=False),
    Column("removed_at", Instant),
)
_partial_index("uq_account_user_name", account_user.c.name, unique=True, where="removed_at IS NULL")
_partial_index(
    "uq_account_user_secretary",
    account_user.c.secretary_id,
    unique=True,
    where="removed_at IS NULL AND secretary_id IS NOT NULL",
)

web_session = Table(
    "web_session",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),  # SHA-256 of what the cookie has
    Column("user_id", ForeignKey("account_user.id"), nullable=False, index=True),
    Column("began_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("ended_at", Instant),  # signed out, or revoked
    Column("origin", String(120), nullable=False, server_default=""),  # the address that signed in
)

# --- what the desk shows, and what is written there --------------------------------------------------------

protocol = Table(
    # What a client wants asked and told. Never updated: the newest row is in force, as with greetings.
    "protocol",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("content", Text, nullable=False),  # domain.desk.protocol.Protocol as JSON
    Column("since", Instant, nullable=False),
    Column("asked_by", Text, nullable=False, server_default=""),
)

info_text = Table(
    # Ready-made texts. Never updated: the newest row of a name is in force, unless it says that the text is gone.
    "info_text",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("name", String(60), nullable=False),
    Column("text", Text, nullable=False),
    Column("removed", Boolean, nullable=False, server_default=text("false")),
    Column("since", Instant, nullable=False),
    Column("asked_by", Text, nullable=False, server_default=""),
)

shown = Table(
    # Which versions a secretary had before her eyes when a call was offered to her.
    "shown",
    metadata,
    Column("call_id", ForeignKey("call.id", ondelete="CASCADE"), primary_key=True),
    Column("secretary_id", ForeignKey("secretary.id"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("greeting_id", ForeignKey("greeting.id")),  # NULL: the house's own
    Column("protocol_id", ForeignKey("protocol.id")),  # NULL: the house's own
)

message = Table(
    # What a secretary writes about a call: from the first time that it stood on her desk.
    "message",
    metadata,
    Column("call_id", ForeignKey("call.id", ondelete="CASCADE"), primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("secretary_id", ForeignKey("secretary.id"), nullable=False, index=True),  # on whose desk it is
    Column("protocol_id", ForeignKey("protocol.id")),  # whose fields it has; NULL: the house's own
    Column("begun_at", Instant, nullable=False),
    Column("signed_at", Instant),  # she pressed send
    Column("due_at", Instant),  # the call is over for her: the summary goes out then if she has not pressed it
    Column("overdue_at", Instant),  # the summary went out instead
    Column("sent_at", Instant),  # letters with her words went into the outbox
    Column("version", Integer, nullable=False, server_default="0"),  # of the words that were sent last; 0: none
    Column("changed_at", Instant),  # her last change of it since, which is not sent
)
_partial_index("ix_message_due", message.c.due_at, where="due_at IS NOT NULL")
_partial_index(
    "ix_message_open",
    message.c.secretary_id,
    message.c.begun_at,
    where="sent_at IS NULL OR changed_at IS NOT NULL",
)

message_field = Table(
    # A draft, field by field. `edit` counts what the page has sent of it: an older one does not overwrite a newer one.
    "message_field",
    metadata,
    Column("call_id", ForeignKey("message.call_id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(40), primary_key=True),
    Column("value", Text, nullable=False),
    Column("edit", Integer, nullable=False, server_default="0"),
    Column("saved_at", Instant, nullable=False),
)

message_version = Table(
    # What was sent; append-only. Later versions are amendments of the first.
    "message_version",
    metadata,
    Column("call_id", ForeignKey("message.call_id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("secretary_id", ForeignKey("secretary.id"), nullable=False),
    Column("words", Text, nullable=False),  # JSON: [[label, value], …] as it was sent
    Column("gist", Text, nullable=False, server_default=""),  # why he called, for lists
    Column("urgent", Boolean, nullable=False, server_default=text("false")),
    Column("searched", Text, nullable=False, server_default=""),  # the values, as characters.folded has them
)

opened = Table(
    # Which calls one of a client's people has opened: the others are new to him.
    "opened",
    metadata,
    Column("call_id", ForeignKey("call.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ForeignKey("account_user.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Instant, nullable=False),
)

pause = Table(
    # When secretaries were not offered calls, and why; those of the system's are not booked on her.
    "pause",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("secretary_id", ForeignKey("secretary.id"), nullable=False, index=True),
    Column("by", String(16), nullable=False),  # domain.duty.PausedBy
    Column("reason", String(40), nullable=False, server_default=""),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant),
)
_partial_index("uq_pause_open", pause.c.secretary_id, unique=True, where="ended_at IS NULL")

# --- the outbox -------------------------------------------------------------------------------------------

letter = Table(
    "letter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", ForeignKey("call.id"), index=True),
    Column("client_id", ForeignKey("client.id")),
    Column("kind", String(8), nullable=False, server_default=""),  # info: to a caller; "": to one of ours
    Column("channel", String(8), nullable=False),
    Column("address", Text, nullable=False),
    Column("message_id", String(120), nullable=False, unique=True),  # stable: derived from call and recipient
    Column("in_reply_to", String(120), nullable=False, server_default=""),  # message_id of the letter it adds to
    Column("subject", Text, nullable=False, server_default=""),
    Column("body_text", Text, nullable=False),
    Column("body_html", Text, nullable=False, server_default=""),
    Column("attachment", Text, nullable=False, server_default=""),  # domain.messages.Letter
    Column("node", String(19), nullable=False, server_default=""),  # where the attachment lies; "": there is none
    Column("written_at", Instant, nullable=False),
    Column("due_at", Instant),  # next try; NULL: delivered or given up
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("unconfirmed", Integer, nullable=False, server_default="0"),  # tries that may have arrived
    Column("aside", Boolean, nullable=False, server_default=text("false")),  # later ones to the same may overtake it
    Column("server_away", Boolean, nullable=False, server_default=text("false")),  # why it waits: nobody could get any
    Column("delivered_at", Instant),
    Column("last_error", Text, nullable=False, server_default=""),
)
# What waits, by recipient and in order: as much as is under way, however many letters have been delivered.
_partial_index(
    "ix_letter_waiting", letter.c.channel, letter.c.address, letter.c.aside, letter.c.id, where="due_at IS NOT NULL"
)
_partial_index("ix_letter_undelivered", letter.c.id, where="delivered_at IS NULL")

mailbox = Table(
    # What is amiss with an address or chat; one that is well, or was never written to, has no row.
    "mailbox",
    metadata,
    Column("channel", String(8), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("paused_until", Instant),  # its server asked to wait
    Column("failing_since", Instant),  # when the first letter was given up; until one arrives
    Column("last_error", Text, nullable=False, server_default=""),
)

# --- plans and the ledger ---------------------------------------------------------------------------------

plan = Table(
    # Prices are net pesos a month; never changed once a client has subscribed to it: a new price is a new plan.
    "plan",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("calls", Integer, nullable=False),  # a month
    Column("price", Integer, nullable=False),
    Column("extra_call", Integer, nullable=False),  # price of one call of a bag
    Column("contacts", Integer, nullable=False),
    Column("calendars", Integer, nullable=False),
    Column("recording", Boolean, nullable=False, server_default=text("false")),
    Column("keep_days", Integer, nullable=False, server_default="30"),  # recordings, from the call's end
    Column("discount_3", Integer, nullable=False, server_default="0"),  # percent, paid 3 months ahead
    Column("discount_6", Integer, nullable=False, server_default="0"),
    Column("discount_12", Integer, nullable=False, server_default="0"),
    Column("client_id", ForeignKey("client.id")),  # made to measure for one client; NULL: on offer to all
    Column("retired_at", Instant),  # no longer on offer; who has it keeps it
)

plan_did = Table(
    # What an extra number of a country costs a month under a plan.
    "plan_did",
    metadata,
    Column("plan_id", ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True),
    Column("country", String(2), primary_key=True),
    Column("price", Integer, nullable=False),
)

subscription = Table(
    # Which plan a client has, and had; the open one has no end.
    "subscription",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("plan_id", ForeignKey("plan.id"), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    Column("months", Integer, nullable=False, server_default="1"),  # paid ahead: 1, 3, 6 or 12
    Column("paid_until", Instant),  # to where invoices reach
)
_partial_index(
    "uq_subscription_open",
    subscription.c.client_id,
    unique=True,
    where="until IS NULL",
)

account = Table(
    # What is left of a client's calls, to be decided by one conditional statement; it always equals the ledger's sum.
    "account",
    metadata,
    Column("client_id", ForeignKey("client.id"), primary_key=True),
    Column("anchor_day", Integer, nullable=False),  # 1-31: the client's own day of the month, in its zone
    Column("period_start", Instant, nullable=False),
    Column("period_end", Instant, nullable=False),
    Column("period_calls", Integer, nullable=False),  # granted for this period
    Column("period_left", Integer, nullable=False),  # negative: overdrawn, by calls that the switch answered alone
    Column("bags_left", Integer, nullable=False, server_default="0"),
    Column("reserved", Integer, nullable=False, server_default="0"),  # for calls under way, not answered yet
)

bag = Table(
    "bag",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("calls", Integer, nullable=False),
    Column("left", Integer, nullable=False),
    Column("price", Integer, nullable=False),  # of the whole bag, net
    Column("bought_at", Instant, nullable=False),
)

ledger_entry = Table(
    # Append-only: triggers refuse to change or delete a row.
    "ledger_entry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(8), nullable=False),  # domain.quota.Kind
    Column("units", Integer, nullable=False),
    Column("source", String(6), nullable=False),  # period | bag
    Column("bag_id", ForeignKey("bag.id")),
    Column("call_id", ForeignKey("call.id"), index=True),
    Column("reverses", ForeignKey("ledger_entry.id"), unique=True),
    Column("why", Text, nullable=False, server_default=""),
    Column("uncounted", String(12)),  # domain.quota.Uncounted
    Column("repeats", String(64)),  # the call whose short conversation this one repeats …
    Column("repeated_seconds", Integer),  # … and how long that was
)
_partial_index(
    # A call is charged once, however often it was transferred or the daemon died.
    "uq_ledger_entry_charge",
    ledger_entry.c.call_id,
    unique=True,
    where="kind = 'charge'",
)

unit_reservation = Table(
    # A unit kept for a call under way, until a secretary answers it or it is over.
    "unit_reservation",
    metadata,
    Column(
        "call_id",
        ForeignKey("call.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        primary_key=True,
    ),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
)

dispute = Table(
    "dispute",
    metadata,
    Column("entry_id", ForeignKey("ledger_entry.id"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("why", Text, nullable=False),
    Column("settled_at", Instant),
    Column("answer", Text, nullable=False, server_default=""),
)

threshold_notice = Table(
    # Who has been told that few calls are left: once for each threshold and period.
    "threshold_notice",
    metadata,
    Column("client_id", ForeignKey("client.id"), primary_key=True),
    Column("period_start", Instant, primary_key=True),
    Column("threshold", String(8), primary_key=True),  # domain.quota.Threshold
    Column("at", Instant, nullable=False),
)

caller_mark = Table(
    # Callers whose calls are not charged (test), or who are not let in (blocked); for one client, or for all.
    "caller_mark",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", String(16), nullable=False),
    Column("client_id", ForeignKey("client.id")),
    Column("kind", String(7), nullable=False),  # test | blocked
    Column("why", Text, nullable=False, server_default=""),
    UniqueConstraint("number", "client_id"),
)

# --- invoices ---------------------------------------------------------------------------------------------

invoice_series = Table(
    # The last number given: it is counted in the transaction that issues, so that there are no gaps.
    "invoice_series",
    metadata,
    Column("kind", String(12), primary_key=True),  # boleta | factura | nota_credito
    Column("last", Integer, nullable=False),
)

invoice = Table(
    # Append-only, like its lines: corrections are credit notes.
    "invoice",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(12), nullable=False),
    Column("number", Integer, nullable=False),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("issued_at", Instant, nullable=False),
    Column("day", Date, nullable=False),  # in the office's zone
    Column("period_start", Instant),
    Column("period_end", Instant),
    Column("net", Integer, nullable=False),
    Column("vat", Integer, nullable=False),  # IVA
    Column("total", Integer, nullable=False),
    Column("issuer", Text, nullable=False),  # JSON, as it was on that day
    Column("buyer", Text, nullable=False),  # JSON, as it was on that day
    Column("cause", String(80), nullable=False, unique=True),  # nothing is invoiced twice for one
    Column("purpose", String(8), nullable=False, server_default=""),  # domain.billing.Purpose
    Column("subscription_id", ForeignKey("subscription.id")),  # of a change or a leave
    Column("bag_id", ForeignKey("bag.id"), index=True),
    Column("corrects", ForeignKey("invoice.id")),
    Column("why", Text, nullable=False, server_default=""),  # of a credit note
    UniqueConstraint("kind", "number"),
)

invoice_line = Table(
    "invoice_line",
    metadata,
    Column("invoice_id", ForeignKey("invoice.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String(12), nullable=False),  # domain.billing.LineKind
    Column("text", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price", Integer, nullable=False),
    Column("amount", Integer, nullable=False),
)

# --- going live -------------------------------------------------------------------------------------------

going_live = Table(
    # A paid order on its way to service; both deadlines are instants, counted in business hours.
    "going_live",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("paid_at", Instant, nullable=False),
    Column("welcome_due", Instant, nullable=False),  # number assigned, client called and welcomed
    Column("welcomed_at", Instant),
    Column("service_due", Instant, nullable=False),  # an hour after the welcome, or after its deadline until then
    Column("live_at", Instant),
    Column("told", String(20), nullable=False, server_default=""),  # which warning the admin has had last
    Column("ended_at", Instant),  # the client cancelled, before or after it went live
)
_partial_index(
    # A client has one order at a time.
    "uq_going_live_open",
    going_live.c.client_id,
    unique=True,
    where="ended_at IS NULL",
)

# --- what is kept and what is deleted ---------------------------------------------------------------------

recording_hold = Table(
    # Legal holds: while one is open, nothing of the call is deleted.
    "recording_hold",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", ForeignKey("call.id"), nullable=False, index=True),
    Column("why", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("released_at", Instant),
)
_partial_index(
    "uq_recording_hold_open",
    recording_hold.c.call_id,
    unique=True,
    where="released_at IS NULL",
)

receipt = Table(
    # What was deleted; append-only.
    "receipt",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("what", String(12), nullable=False),  # domain.retention.What
    Column("path", Text, nullable=False, server_default="", index=True),  # under recordings/
    Column("call_id", String(64), nullable=False, server_default="", index=True),
    Column("client_id", Integer),
    Column("why", Text, nullable=False),
    Column("sha256", String(64), nullable=False, server_default=""),
    Column("size", Integer, nullable=False, server_default="0"),  # bytes
)

audit = Table(
    # Who changed what; append-only. No caller's number or name stands in it.
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("actor", String(10), nullable=False),  # domain.audit.ActorKind
    Column("who", String(64), nullable=False, server_default=""),
    Column("origin", String(120), nullable=False, server_default=""),  # a terminal, an address, a job's name
    Column("verb", String(40), nullable=False),  # domain.audit.Verb
    Column("subject", String(200), nullable=False),
    Column("client_id", ForeignKey("client.id"), index=True),
    Column("difference", Text, nullable=False, server_default="{}"),  # JSON: field -> [what it was, what it is]
)

clock_guard = Table(
    # The latest instant that the clock has shown: a clock that went back or leapt ahead deletes nothing.
    "clock_guard",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="single"), primary_key=True),
    Column("seen_at", Instant, nullable=False),
    Column("leapt_to", Instant),  # not trusted since: where the clock stood when it was found wrong
)

# --- calendar jobs ----------------------------------------------------------------------------------------

job_run = Table(
    # Each run of a calendar job, claimed by its primary key: made up once, never twice.
    "job_run",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("due_at", Instant, primary_key=True),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("result", Text, nullable=False, server_default=""),
    Column("ending", String(10)),  # store.job_runs.Ending; NULL while it is under way
    Column("tries", Integer, nullable=False, server_default="1"),
    Column("process", String(36), nullable=False, server_default=""),  # `node.process`; "": by hand
)
