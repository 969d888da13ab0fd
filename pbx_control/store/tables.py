"""The whole schema on one page (SQLAlchemy Core). Instants are UTC, money is integer pesos, numbers are E.164."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
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
    Column("sensitive", Boolean, nullable=False, server_default=text("false")),  # letters have a link, and no content
    Column("campaigns", Boolean, nullable=False, server_default=text("true")),  # callers who show an 809 number come in
    Column("takes_messages", Boolean, nullable=False, server_default=text("true")),
    Column("early_media", String(5), nullable=False, server_default="trunk"),  # yes | no | trunk: as the trunk says
    # Who calls again within so many seconds of a conversation shorter than so many is not charged.
    Column("repeat_within", Integer, nullable=False, server_default="60"),
    Column("short_call", Integer, nullable=False, server_default="10"),
    Column("calls_out_at_once", Integer, nullable=False, server_default="3"),
    Column("calls_out_a_day", Integer, nullable=False, server_default="100"),  # of contacts; a UTC day
    # Of an urgent message that nobody has seen: the next one is told again after so many seconds, each so often.
    Column("urgent_interval", Integer, nullable=False, server_default="300"),
    Column("urgent_rounds", Integer, nullable=False, server_default="3"),
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

opening_override = Table(
    # What a client has said for today; no row is deleted, so that it can be told who said what.
    "opening_override",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("kind", String(9), nullable=False),  # closed | open | announced
    Column("text", Text, nullable=False, server_default=""),  # of announced: what callers hear first
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False, index=True),
    Column("said_by", Text, nullable=False, server_default=""),
    Column("ended_at", Instant),  # before its end: it was taken back, or gave way to another one
    Column("ended_by", Text, nullable=False, server_default=""),
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
    Column("browser_telephone", Boolean, nullable=False, server_default=text("false")),  # one in her page, too
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
    Column("away_until", Instant),  # not to be consulted before
    UniqueConstraint("client_id", "name"),
    UniqueConstraint("client_id", "key"),
)

rota_rule = Table(
    # One line of who is on call: shifts of a week, and whose they are (domain.opening.rota).
    "rota_rule",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("department", Text, nullable=False),  # "": the firm
    Column("number", Integer, nullable=False),  # its place among the lines of the department
    Column("shifts", Text, nullable=False),  # as people write them, in English
    Column("starts", Date),  # the first turn begins on that day; before it nobody is on call by this line
    UniqueConstraint("client_id", "department", "number"),
)

rota_turn = Table(
    "rota_turn",
    metadata,
    Column("rule_id", ForeignKey("rota_rule.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("contact_id", ForeignKey("contact.id"), nullable=False, index=True),
)

rota_swap = Table(
    # Somebody is on call for a while instead of somebody else.
    "rota_swap",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("department", Text, nullable=False),  # "": the firm
    Column("contact_id", ForeignKey("contact.id"), nullable=False, index=True),
    Column("instead_of_id", ForeignKey("contact.id"), index=True),  # NULL: of whoever it would be
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("said_by", Text, nullable=False, server_default=""),
)

recipient = Table(
    "recipient",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("channel", String(8), nullable=False),  # email | telegram
    Column("address", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),  # a chat's, as Telegram gave it
    # domain.notices.kinds.About: what he is sent
    Column("gets_calls", Boolean, nullable=False, server_default=text("true")),
    Column("gets_usage", Boolean, nullable=False, server_default=text("true")),
    Column("gets_invoices", Boolean, nullable=False, server_default=text("true")),
    Column("gets_appointments", Boolean, nullable=False, server_default=text("true")),
    Column("place", Integer, nullable=False, server_default="0"),  # on the client's list; of equal ones the older first
    UniqueConstraint("client_id", "channel", "address"),
)

recipient_request = Table(
    # A recipient that one of a client's people has asked for, until the address itself has said yes.
    "recipient_request",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("user_id", ForeignKey("account_user.id"), nullable=False),  # who asked
    Column("channel", String(8), nullable=False),
    Column("address", Text, nullable=False, server_default=""),  # "": the chat that the code comes from
    Column("secret_hash", String(64), nullable=False, unique=True),  # SHA-256 of the link's or the chat's code
    Column("gets_calls", Boolean, nullable=False, server_default=text("true")),
    Column("gets_usage", Boolean, nullable=False, server_default=text("true")),
    Column("gets_invoices", Boolean, nullable=False, server_default=text("true")),
    Column("gets_appointments", Boolean, nullable=False, server_default=text("true")),
    Column("asked_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("settled_at", Instant),  # used, or withdrawn
)

telegram_account = Table(
    # Which Telegram account belongs to one of a client's people: what it writes is that person's.
    "telegram_account",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("account_user.id"), nullable=False, index=True),
    Column("telegram_id", String(20), nullable=False, index=True),
    Column("bound_at", Instant, nullable=False),
    Column("ended_at", Instant),
)
_partial_index(
    "uq_telegram_account_bound",
    telegram_account.c.telegram_id,
    telegram_account.c.user_id,
    unique=True,
    where="ended_at IS NULL",
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
    Column("queued_at", Instant),  # when he joined the line, the welcome being over; NULL: he did not, or nobody saw it
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
# A client's calls, the newest first, as its people read them.
Index("ix_call_of_client", call.c.client_id, call.c.arrived_at, call.c.id)
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

quarter_hour = Table(
    # How many calls became what (domain.figures.levels), by the quarter hour of their arrival; added to when a call is
    # over, in the transaction that ends it. Each node adds to rows of its own: no daemon waits for another's.
    "quarter_hour",
    metadata,
    Column("client_id", Integer, primary_key=True, autoincrement=False),  # 0: all clients together
    Column("starts", Instant, primary_key=True),
    Column("node", String(19), primary_key=True),
    *(Column(name, Integer, nullable=False) for name in ("in_time", "late", "abandoned", "brief", "unanswered")),
    Column("waited", BigInteger, nullable=False),  # by those who were answered, tenths of a second
    Column("talked", BigInteger, nullable=False),
)

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
    Column("client_role", String(8)),  # domain.users.ClientRole, with role client
    Column("password_hash", Text, nullable=False),  # argon2
    Column("language", String(2), nullable=False, server_default=""),  # chosen; "": the browser's
    Column("email", Text, nullable=False, server_default=""),  # where a forgotten password is set anew from; "": none
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

supervisor_telephone = Table(
    # By which a supervisor, or an admin, is in calls. It is offered none.
    "supervisor_telephone",
    metadata,
    Column("user_id", ForeignKey("account_user.id"), primary_key=True),
    Column("user", String(40), nullable=False, unique=True),
    Column("password", Text, nullable=False),
    Column("secure", Boolean, nullable=False, server_default=text("false")),
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
    Column("agent", String(250), nullable=False, server_default=""),  # what the browser calls itself
)

half_sign_in = Table(
    # A sign-in with the right password that waits for its code: no session.
    "half_sign_in",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),  # SHA-256 of what the cookie has
    Column("user_id", ForeignKey("account_user.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("password_hash", Text, nullable=False),  # the one that was right: another one ends this
    Column("ends_at", Instant, nullable=False),
    Column("origin", String(120), nullable=False, server_default=""),
    Column("agent", String(250), nullable=False, server_default=""),
    Column("language", String(2), nullable=False, server_default=""),  # chosen at the sign-in
    Column("wrong", Integer, nullable=False, server_default="0"),  # codes
)

second_factor = Table(
    # A person's authenticator app. Without `confirmed_at` it waits for its first code, and no sign-in asks for it.
    "second_factor",
    metadata,
    Column("user_id", ForeignKey("account_user.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("secret", String(64), nullable=False),  # base32, as the app has it
    Column("session_id", Integer),  # the only one that is shown the secret, until it is confirmed
    Column("begun_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    Column("last_step", Integer, nullable=False, server_default="0"),  # of 30 s: codes up to it have been used
)

passkey = Table(
    # A second factor that a person's telephone, computer or security key keeps (WebAuthn).
    "passkey",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("account_user.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("credential", Text, nullable=False, unique=True),  # its id, base64url
    Column("public_key", Text, nullable=False),  # COSE, base64url
    Column("sign_count", BigInteger, nullable=False, server_default="0"),  # as it said last
    Column("name", String(60), nullable=False),  # the person's own
    Column("added_at", Instant, nullable=False),
    Column("used_at", Instant),
)

passkey_challenge = Table(
    # What a passkey is to sign next, at one session or half a sign-in: good once.
    "passkey_challenge",
    metadata,
    Column("place", String(40), primary_key=True),  # "session 5", "sign-in 7"
    Column("user_id", ForeignKey("account_user.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("challenge", String(120), nullable=False),  # base64url
    Column("ends_at", Instant, nullable=False),
)

recovery_code = Table(
    # For whoever has lost his app or passkey: each is good once.
    "recovery_code",
    metadata,
    Column("user_id", ForeignKey("account_user.id", ondelete="CASCADE"), primary_key=True),
    Column("code_hash", String(64), primary_key=True),  # SHA-256
    Column("used_at", Instant),
)

sign_in_link = Table(
    # A link by which somebody sets a password without the old one.
    "sign_in_link",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),  # SHA-256 of what the link has
    Column("user_id", ForeignKey("account_user.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("made_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("ended_at", Instant),  # used, or in the place of a newer one, or the sign-in was changed
)

# --- programs ---------------------------------------------------------------------------------------------

api_token = Table(
    # By which a program of the office's, or of one client's, uses the API. Who is revoked stays, as entries name it.
    "api_token",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("client_id", ForeignKey("client.id"), index=True),  # whose it is; NULL: the office's
    Column("token_hash", String(64), nullable=False, unique=True),  # SHA-256 of what the program shows
    Column("scopes", Text, nullable=False),  # domain.tokens.Scope, with blanks between
    Column("created_at", Instant, nullable=False),
    Column("ends_at", Instant),  # good until then; NULL: until it is revoked
    Column("used_at", Instant),  # noted once in a while
    Column("revoked_at", Instant),
)
_partial_index("uq_api_token_name", api_token.c.name, unique=True, where="revoked_at IS NULL")

api_once = Table(
    # What a program has asked for with an Idempotency-Key, and what came of it: the same key does nothing twice.
    # Forgotten after a day.
    "api_once",
    metadata,
    Column("token_id", ForeignKey("api_token.id", ondelete="CASCADE"), primary_key=True),
    Column("key_hash", String(64), primary_key=True),  # SHA-256
    Column("asked", String(64), nullable=False),  # SHA-256 of the way and of what was sent
    Column("at", Instant, nullable=False, index=True),
    Column("came_of_it", String(64), nullable=False, server_default=""),  # an appointment's number, a call's id
)

webhook = Table(
    # Where a program is told of events: the office's, or (`client_id`) of one client's calls alone.
    "webhook",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), index=True),
    Column("token_id", ForeignKey("api_token.id")),  # made by it; NULL: by a command
    Column("url", Text, nullable=False),
    Column("secret", String(80), nullable=False),  # must be read again to sign; "" once removed
    Column("former_secret", String(80), nullable=False, server_default=""),  # signs, too, for a day after `rotated_at`
    Column("rotated_at", Instant),  # when the secret was renewed
    Column("events", Text, nullable=False, server_default=""),  # domain.webhooks.EventType, by blanks; "": all
    Column("created_at", Instant, nullable=False),
    Column("delivered_at", Instant),  # the last event that was taken
    Column("failing_since", Instant),  # the first try that failed since
    Column("last_error", Text, nullable=False, server_default=""),  # a sentence (domain.words.sentences)
    Column("lost", Integer, nullable=False, server_default="0"),  # events that were never taken
    Column("stopped_at", Instant),  # nothing is told any more, until a test is taken
    Column("removed_at", Instant),
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

proposal = Table(
    # A change of greeting or protocol that somebody has asked for in writing, and what was decided. Never deleted but
    # with the client.
    "proposal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("subject", String(8), nullable=False),  # domain.desk.proposals.Subject
    Column("content", Text, nullable=False),  # the greeting, or the protocol as its file is written
    Column("way", String(8), nullable=False),  # domain.desk.proposals.Way
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("secret_hash", String(64), unique=True),  # SHA-256 of the confirming link's secret; NULL: there is none
    Column("link_ends_at", Instant),
    Column("starts_at", Instant),  # NULL: as soon as it is confirmed
    Column("decision", String(9)),  # domain.desk.proposals.Decision; NULL: nobody has decided
    Column("decided_at", Instant),
    Column("decided_by", Text, nullable=False, server_default=""),
    Column("applied_at", Instant),
)
_partial_index("ix_proposal_due", proposal.c.starts_at, where="applied_at IS NULL AND decision = 'confirmed'")

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
    Column("taken_at", Instant),  # one of the client's people has said that he sees to it
    Column("taken_by", Text, nullable=False, server_default=""),
    Column("urgent_at", Instant),  # she has said that it is urgent
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

# As programs read them, the newest first.
_partial_index("ix_message_sent", message.c.sent_at, message.c.call_id, where="version > 0")

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

urgency = Table(
    # An urgent message that has gone: until somebody has seen it, one recipient after the other is told again.
    "urgency",
    metadata,
    Column("call_id", ForeignKey("message.call_id", ondelete="CASCADE"), primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("began_at", Instant, nullable=False),
    Column("due_at", Instant),  # when the next one is told; NULL: it is over
    Column("waits_channel", String(8), nullable=False, server_default=""),  # who was told last
    Column("waits_address", Text, nullable=False, server_default=""),  # "": it went to all of them at once
    Column("seen_at", Instant),
    Column("seen_by", Text, nullable=False, server_default=""),
    Column("given_up_at", Instant),  # nobody was left to be told
)
_partial_index("ix_urgency_due", urgency.c.due_at, where="due_at IS NOT NULL")

urgent_step = Table(
    # Who was told again of an urgent message, in which round.
    "urgent_step",
    metadata,
    Column("call_id", ForeignKey("urgency.call_id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("channel", String(8), nullable=False),
    Column("address", Text, nullable=False),
    Column("round", Integer, nullable=False),
)

opened = Table(
    # Which calls one of a client's people has opened: the others are new to him.
    "opened",
    metadata,
    Column("call_id", ForeignKey("call.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", ForeignKey("account_user.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Instant, nullable=False),
)

task = Table(
    # What a client's person has asked the secretaries to do about a call.
    "task",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("call_id", ForeignKey("call.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(12), nullable=False),  # domain.desk.tasks.TaskKind
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("done_at", Instant),
    Column("done_by", ForeignKey("secretary.id")),
)
_partial_index("uq_task_open", task.c.call_id, task.c.kind, unique=True, where="done_at IS NULL")

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

attendance = Table(
    # Who was there: how long each secretary was in one state, as the daemon saw it. Nothing stands for nobody.
    "attendance",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("secretary_id", ForeignKey("secretary.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("state", String(8), nullable=False),  # domain.desk.duty.Present
    Column("began_at", Instant, nullable=False),
    Column("until", Instant, nullable=False, index=True),  # when it was last seen so
)

# --- the outbox -------------------------------------------------------------------------------------------

letter = Table(
    "letter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", ForeignKey("call.id"), index=True),
    Column("client_id", ForeignKey("client.id")),
    Column("kind", String(8), nullable=False, server_default=""),  # domain.notices.messages.Kind
    Column("channel", String(8), nullable=False),
    Column("address", Text, nullable=False),
    Column("message_id", String(120), nullable=False, unique=True),  # stable: derived from call and recipient
    Column("in_reply_to", String(120), nullable=False, server_default=""),  # message_id of the letter it adds to
    Column("subject", Text, nullable=False, server_default=""),
    Column("body_text", Text, nullable=False),
    Column("body_html", Text, nullable=False, server_default=""),
    Column("attachment", Text, nullable=False, server_default=""),  # domain.messages.Letter
    Column("invitation", Text, nullable=False, server_default=""),  # iCalendar (domain.agenda.invitation)
    Column("acts", Text, nullable=False, server_default=""),  # the buttons beneath it (domain.notices.acts), by commas
    Column("language", String(2), nullable=False, server_default=""),  # of its buttons
    Column("receipt", String(40), nullable=False, server_default=""),  # what its server knows it by
    Column("seen_at", Instant),  # somebody there has said that he has read it
    Column("seen_by", Text, nullable=False, server_default=""),
    Column("node", String(19), nullable=False, server_default=""),  # where the attachment lies; "": there is none
    Column("linked_at", Instant),  # since when it goes with a link to the attachment, which is too large for it
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

link_key = Table(
    # By which links to letters' files are signed.
    "link_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False),
)

mailbox = Table(
    # What is amiss with an address or chat; one that is well, or was never written to, has no row.
    "mailbox",
    metadata,
    Column("channel", String(8), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("paused_until", Instant),  # its server asked to wait
    Column("failing_since", Instant),  # when the first letter was given up; until one arrives
    Column("last_error", Text, nullable=False, server_default=""),
    Column("bounced_at", Instant),  # when a letter came back last that a mail server had taken
)

mail_in = Table(
    # Mails that have come in, and what became of them: none is dealt with twice.
    "mail_in",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("place", Text, nullable=False),  # the mailbox
    Column("validity", String(10), nullable=False),  # its UIDVALIDITY
    Column("uid", String(10), nullable=False),
    Column("at", Instant, nullable=False),
    Column("sender", Text, nullable=False, server_default=""),  # as From says
    Column("subject", Text, nullable=False, server_default=""),
    Column("message_id", Text, nullable=False, server_default="", index=True),
    Column("digest", String(64), nullable=False, server_default="", index=True),  # domain.mail_in.mails.Mail.digest
    Column("outcome", String(10), nullable=False),  # store.mail_in.Outcome
    Column("why", Text, nullable=False, server_default=""),
    Column("client_id", ForeignKey("client.id"), index=True),
    Column("answered", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("place", "validity", "uid", name="uq_mail_in_uid"),
)
_partial_index("uq_mail_in_taken", mail_in.c.digest, unique=True, where="outcome IN ('changed', 'asked')")

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

client_order = Table(
    # What a client has ordered on its page; one of each kind waits at a time.
    "client_order",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("kind", String(4), nullable=False),  # domain.money.orders.OrderKind
    Column("calls", Integer),  # of a bag
    Column("plan_id", ForeignKey("plan.id")),
    Column("price", Integer, nullable=False),  # net pesos, as the client was shown it
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", String(64), nullable=False),  # name of the user
    Column("state", String(9), nullable=False, server_default="open"),  # domain.money.orders.OrderState
    Column("decided_at", Instant),
    Column("why", Text, nullable=False, server_default=""),  # of a refusal
)
_partial_index(
    "uq_client_order_open", client_order.c.client_id, client_order.c.kind, unique=True, where="state = 'open'"
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

caller_request = Table(
    # What a caller has asked for by his rights (Ley 21.719), and the answer. Once he is erased, `number` says so.
    "caller_request",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Text, nullable=False, index=True),  # as calls have it
    Column("fingerprint", String(64), nullable=False),  # domain.keeping.erasure.fingerprint of it: that of receipts
    Column("client_id", ForeignKey("client.id")),  # NULL: about the calls to all clients
    Column("kind", String(13), nullable=False),  # domain.keeping.requests.RequestKind
    Column("received_at", Instant, nullable=False),
    Column("last_day", Date, nullable=False),  # in the office's zone: the answer is late after it
    Column("note", Text, nullable=False, server_default=""),
    Column("closed_at", Instant),
    Column("answer", Text, nullable=False, server_default=""),
    Column("receipt_id", Integer),  # of the erasure that was made for it
)
_partial_index("ix_caller_request_open", caller_request.c.last_day, where="closed_at IS NULL")

caller_request_step = Table(
    # What became of a request, step by step; append-only. No caller's number, and no text about one, stands in it.
    "caller_request_step",
    metadata,
    Column("request_id", ForeignKey("caller_request.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String(10), nullable=False),  # domain.audit.ActorKind
    Column("who", String(64), nullable=False, server_default=""),
    Column("what", String(9), nullable=False),  # domain.keeping.requests.Step
    Column("sha256", String(64), nullable=False, server_default=""),  # of the note, or of the answer
)

restriction = Table(
    # Callers whose data nobody uses while a request of theirs is decided: what there was of their calls at `since`.
    "restriction",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Text, nullable=False),  # as calls have it
    Column("client_id", ForeignKey("client.id")),  # NULL: of the calls to all clients
    Column("why", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("lifted_at", Instant),
    Column("request_id", ForeignKey("caller_request.id")),
)
_partial_index("ix_restriction_open", restriction.c.number, where="lifted_at IS NULL")

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

score_sheet = Table(
    # How a supervisor judges what a secretary did in a call.
    "score_sheet",
    metadata,
    Column("call_id", ForeignKey("call.id"), primary_key=True),
    Column("secretary_id", ForeignKey("secretary.id"), nullable=False, index=True),
    Column("user_id", ForeignKey("account_user.id"), nullable=False),  # who judged last
    Column("at", Instant, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
)

score_mark = Table(
    "score_mark",
    metadata,
    Column("call_id", ForeignKey("score_sheet.call_id", ondelete="CASCADE"), primary_key=True),
    Column("criterion", String(60), primary_key=True),  # as it was called then
    Column("place", Integer, nullable=False),
    Column("points", Integer, CheckConstraint("points BETWEEN 0 AND 5", name="points"), nullable=False),
)

clock_guard = Table(
    # The latest instant that the clock has shown: a clock that went back or leapt ahead deletes nothing.
    "clock_guard",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="single"), primary_key=True),
    Column("seen_at", Instant, nullable=False),
    Column("leapt_to", Instant),  # not trusted since: where the clock stood when it was found wrong
)

lease = Table(
    # What one process does at a time, of several that could, and which of them until when.
    "lease",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", Instant, nullable=False),
)

# --- what a processor of clients' data owes them (Ley 21.719) -----------------------------------------------

incident = Table(
    # Append-only, like its entries: that one was closed is an entry.
    "incident",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("title", String(120), nullable=False),
    Column("happened_at", Instant, nullable=False),
    Column("known_at", Instant, nullable=False),  # when it was entered
    Column("what", Text, nullable=False),
    Column("data", Text, nullable=False, server_default=""),  # which data, of whom
    Column("measures", Text, nullable=False, server_default=""),
)

incident_client = Table(
    # Whom it concerns.
    "incident_client",
    metadata,
    Column("incident_id", ForeignKey("incident.id"), primary_key=True),
    Column("client_id", ForeignKey("client.id"), primary_key=True),
)

incident_entry = Table(
    "incident_entry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("who", String(64), nullable=False),
    Column("kind", String(6), nullable=False),  # domain.keeping.incidents.EntryKind
    Column("text", Text, nullable=False, server_default=""),
    Column("client_id", ForeignKey("client.id")),  # who was written to
)
_partial_index("uq_incident_entry_closed", incident_entry.c.incident_id, unique=True, where="kind = 'closed'")
_partial_index(
    # However often the key is pressed, a client is written to once.
    "uq_incident_entry_sent",
    incident_entry.c.incident_id,
    incident_entry.c.client_id,
    unique=True,
    where="kind = 'sent'",
)

incident_letter = Table(
    # Which letters told a client of it; erased with the client's people.
    "incident_letter",
    metadata,
    Column("message_id", String(64), primary_key=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False, index=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
)

subprocessor = Table(
    # Who else processes clients' data, as far as the settings do not show it: for one client, or for all.
    "subprocessor",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("purpose", String(200), nullable=False),
    Column("country", String(2), nullable=False),  # ISO 3166
    Column("client_id", ForeignKey("client.id"), index=True),
    Column("added_at", Instant, nullable=False),
    Column("removed_at", Instant),
)
_partial_index(
    "uq_subprocessor_of_all", subprocessor.c.name, unique=True, where="client_id IS NULL AND removed_at IS NULL"
)
_partial_index(
    "uq_subprocessor_of_client",
    subprocessor.c.client_id,
    subprocessor.c.name,
    unique=True,
    where="client_id IS NOT NULL AND removed_at IS NULL",
)

subprocessors_told = Table(
    # The list that a client was told last: whatever differs from it is told in one letter.
    "subprocessors_told",
    metadata,
    Column("client_id", ForeignKey("client.id"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("listed", Text, nullable=False),  # JSON
)

# --- the agenda (docs/service.md rule 14) -------------------------------------------------------------------

calendar = Table(
    # A calendar of a client's. Its row is locked by whoever books into it: one at a time.
    "calendar",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("slug", String(40), nullable=False),
    Column("name", Text, nullable=False),
    Column("resource", Text, nullable=False, server_default=""),  # the person or thing that is booked
    Column("zone", Text, nullable=False),
    Column("week", Text, nullable=False),  # bookable hours, as client.week
    Column("step", Integer, nullable=False),  # minutes
    Column("lead", Integer, nullable=False),  # minutes
    Column("horizon", Integer, nullable=False),  # days
    Column("address", Text, nullable=False, server_default=""),
    Column("map_link", Text, nullable=False, server_default=""),
    Column("questions", Text, nullable=False, server_default="[]"),  # JSON: what callers are asked
    Column("source", String(6), nullable=False, server_default="own"),  # domain.agenda.rules.Source
    Column("place_in_mail", Boolean, nullable=False, server_default=text("true")),
    Column("reminder", Boolean, nullable=False, server_default=text("false")),  # the day before, to the caller
    Column("feed_hash", String(64), unique=True),  # SHA-256 of the secret in the feed's address
    Column("created_at", Instant, nullable=False),
    Column("removed_at", Instant),  # the row stays: its appointments name it
)
_partial_index("uq_calendar_slug", calendar.c.client_id, calendar.c.slug, unique=True, where="removed_at IS NULL")

appointment_kind = Table(
    "appointment_kind",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(60), nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("buffer", Integer, nullable=False, server_default="0"),  # minutes after it
    UniqueConstraint("calendar_id", "name"),
)

appointment = Table(
    "appointment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uid", String(64), nullable=False, unique=True),  # iCalendar's, for ever
    Column("sequence", Integer, nullable=False, server_default="0"),  # iCalendar's: rises with material changes
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), nullable=False),
    Column("client_id", ForeignKey("client.id"), nullable=False),
    Column("call_id", ForeignKey("call.id", ondelete="SET NULL"), index=True),  # during which it was booked
    Column("kind", String(60), nullable=False),  # the kind's name, as it was
    Column("starts", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("blocked_until", Instant, nullable=False),  # with the buffer after it
    Column("name", Text, nullable=False),
    Column("number", Text, nullable=False, server_default="", index=True),
    Column("email", Text, nullable=False, server_default=""),  # "": he wants no letter
    Column("answers", Text, nullable=False, server_default="{}"),  # JSON: by question
    Column("note", Text, nullable=False, server_default=""),
    Column("state", String(9), nullable=False),  # domain.agenda.appointments.AppointmentState
    Column("language", String(2), nullable=False, server_default="es"),
    Column("booked_by", Text, nullable=False, server_default=""),
    Column("booked_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    # How it stands in the remote calendar.
    Column("mirrored_sequence", Integer),  # NULL: it was never there
    Column("mirror_due_at", Instant),  # NULL: there is nothing to do
    Column("mirror_attempts", Integer, nullable=False, server_default="0"),
    Column("mirror_error", Text, nullable=False, server_default=""),
    Column("mirror_place", String(255), nullable=False, server_default=""),  # its key there, if that is not ours
    CheckConstraint("starts < ends AND ends <= blocked_until", name="in_order"),
    Index("ix_appointment_calendar_id_starts", "calendar_id", "starts"),
    Index("ix_appointment_client_id_starts", "client_id", "starts"),
)
_partial_index("ix_appointment_mirror", appointment.c.mirror_due_at, where="mirror_due_at IS NOT NULL")

slot_hold = Table(
    # A slot that is nobody else's for some minutes, while the caller decides: one of each holder's in a calendar.
    "slot_hold",
    metadata,
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), primary_key=True),
    Column("holder", String(64), primary_key=True),  # a secretary's name, or an admin's
    Column("starts", Instant, nullable=False),
    Column("blocked_until", Instant, nullable=False),
    Column("until", Instant, nullable=False, index=True),
)

remote_busy = Table(
    # When the remote calendar has something else, as it was read last.
    "remote_busy",
    metadata,
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(255), primary_key=True),  # the remote event
    Column("starts", Instant, primary_key=True),
    Column("ends", Instant, nullable=False),
    Index("ix_remote_busy_calendar_id_ends", "calendar_id", "ends"),
)

remote_state = Table(
    # How far a remote calendar has been read.
    "remote_state",
    metadata,
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), primary_key=True),
    Column("token", Text, nullable=False, server_default=""),  # its own, by which it tells changes since
    Column("synced_at", Instant),
    Column("trouble", Text, nullable=False, server_default=""),  # a sentence (domain.words.sentences); "": none
    Column("trouble_kind", String(12), nullable=False, server_default=""),  # calendars.remote.TroubleKind
    Column("attempts", Integer, nullable=False, server_default="0"),  # that failed, one after the other
    Column("due_at", Instant),  # when it is read next; NULL: at once
    Column("read_until", Instant),  # so far ahead its series were expanded
    Column("odd", Integer, nullable=False, server_default="0"),  # events that nobody understands
)

remote_access = Table(
    # Where a remote calendar is, and by what it is read and written.
    "remote_access",
    metadata,
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, nullable=False),  # of CalDAV, or Google's id of the calendar
    Column("user", Text, nullable=False, server_default=""),
    Column("secret", Text, nullable=False),  # a password, or Google's key as JSON
)

appointment_task = Table(
    # What the secretaries have to settle about an appointment, because of what stands in the remote calendar.
    "appointment_task",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("appointment_id", ForeignKey("appointment.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(8), nullable=False),  # domain.agenda.clashes.ClashKind
    Column("found_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("done_by", ForeignKey("secretary.id")),
)
_partial_index(
    "uq_appointment_task_open",
    appointment_task.c.appointment_id,
    appointment_task.c.kind,
    unique=True,
    where="done_at IS NULL",
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
