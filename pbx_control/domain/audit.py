"""Who changed what: the entries of the audit trail (docs/decisions/audit.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

Fact: TypeAlias = "str | int | bool | list[str] | None"
"""A field's value as an entry keeps it."""

Difference: TypeAlias = Mapping[str, tuple[Fact, Fact]]
"""What a change did to each field: what it was, and what it is."""

# The values of these are never kept: that one was changed is.
SECRET = frozenset({"password"})
HIDDEN = "***"
# Longer texts, such as a carrier's certificates, are cut to so many characters.
LONGEST = 500


class ActorKind(StrEnum):
    """Whose deed a change is."""

    ADMIN = "admin"  # somebody at the command line, by the name that the system knows
    SECRETARY = "secretary"
    USER = "user"  # one of a client's people
    JOB = "job"  # the calendar
    TOKEN = "token"  # a program of the office's, by the name of its token; a client's is its people's
    SWITCH = "switch"  # what a telephone or a carrier did


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, and from where: a terminal, an address, a job's name."""

    kind: ActorKind
    name: str = ""
    origin: str = ""


SWITCH = Actor(ActorKind.SWITCH)


class Verb(StrEnum):
    """What was done. Doors look these words up in their catalogue."""

    CLIENT_ADDED = "client added"
    CLIENT_CHANGED = "client changed"
    CLIENT_SUSPENDED = "client suspended"
    CLIENT_RESUMED = "client resumed"
    CLIENT_CANCELLED = "client cancelled"
    CLIENT_EXPORTED = "client exported"
    SECRETARY_ADDED = "secretary added"
    SECRETARY_CHANGED = "secretary changed"
    SECRETARY_REMOVED = "secretary removed"
    PASSWORD_RESET = "password reset"
    PAUSE_BEGUN = "pause begun"
    PAUSE_ENDED = "pause ended"
    TRUNK_ADDED = "trunk added"
    TRUNK_CHANGED = "trunk changed"
    TRUNK_REMOVED = "trunk removed"
    NUMBER_ADDED = "number added"
    NUMBER_ASSIGNED = "number assigned"
    NUMBER_RELEASED = "number released"
    NUMBER_REMOVED = "number removed"
    CONTACT_ADDED = "contact added"
    CONTACT_REMOVED = "contact removed"
    CONTACT_CHANGED = "contact changed"
    ROTA_CHANGED = "rota changed"
    ROTA_SWAPPED = "rota swapped"
    ROTA_SWAP_TAKEN_BACK = "rota swap taken back"
    RECIPIENT_ADDED = "recipient added"
    RECIPIENT_REMOVED = "recipient removed"
    RECIPIENT_CHANGED = "recipient changed"
    RECIPIENT_ASKED_FOR = "recipient asked for"
    RECIPIENT_REQUEST_WITHDRAWN = "recipient request withdrawn"
    TELEGRAM_ACCOUNT_CONNECTED = "telegram account connected"
    TELEGRAM_ACCOUNT_REMOVED = "telegram account removed"
    CHANGE_PROPOSED = "change proposed"
    CHANGE_CONFIRMED = "change confirmed"
    CHANGE_REFUSED = "change refused"
    GREETING_CHANGED = "greeting changed"
    PROTOCOL_CHANGED = "protocol changed"
    INFO_CHANGED = "ready-made text changed"
    INFO_REMOVED = "ready-made text removed"
    ANNOUNCEMENT_CHANGED = "announcement changed"
    ANNOUNCEMENT_RESET = "announcement reset"
    HOLIDAY_ADDED = "holiday added"
    HOLIDAY_REMOVED = "holiday removed"
    HOLIDAY_TAKEN_BACK = "holiday taken back"
    TODAY_SAID = "said for today"
    TODAY_TAKEN_BACK = "taken back for today"
    CALLER_MARKED = "caller marked"
    CALLER_UNMARKED = "caller unmarked"
    PLAN_ADDED = "plan added"
    PLAN_CHANGED = "plan changed"
    PLAN_RETIRED = "plan retired"
    PLAN_ASSIGNED = "plan assigned"
    BAG_SOLD = "bag sold"
    ORDER_PLACED = "order placed"
    ORDER_CONFIRMED = "order confirmed"
    ORDER_REFUSED = "order refused"
    ORDER_WITHDRAWN = "order withdrawn"
    CHARGE_DISPUTED = "charge disputed"
    CHARGE_REVERSED = "charge reversed"
    CHARGE_UPHELD = "charge upheld"
    CALL_UNCOUNTED = "call uncounted"
    INVOICE_ISSUED = "invoice issued"
    INVOICE_CREDITED = "invoice credited"
    CALL_HELD = "call held"
    CALL_RELEASED = "call released"
    RECORDING_HEARD = "recording heard"
    CALL_SUPERVISED = "call supervised"
    SUPERVISION_ENDED = "supervision ended"
    CALL_SCORED = "call scored"
    TELEPHONE_GIVEN = "telephone given"
    TELEPHONE_TAKEN = "telephone taken away"
    FILE_FETCHED = "file fetched"
    CLOCK_BELIEVED = "clock believed"
    CALLER_EXPORTED = "caller exported"
    CALLER_RESTRICTED = "caller's data blocked"
    CALLER_UNRESTRICTED = "caller's data unblocked"
    REQUEST_ADDED = "request added"
    REQUEST_CLOSED = "request closed"
    REQUESTS_WARNED_OF = "requests warned of"
    CALLER_ERASURE_BEGUN = "caller erasure begun"
    CALLER_ERASED = "caller erased"
    LETTERS_RESENT = "letters resent"
    INFO_SENT = "info sent"
    SUPPLEMENT_WRITTEN = "supplement written"
    REPORT_SENT = "report sent"
    MONTHS_BEGUN = "months begun"
    UNITS_RETURNED = "units returned"
    PURGE_BEGUN = "purge begun"
    RECORDINGS_PURGED = "recordings purged"
    CLIENT_ERASED = "client erased"
    ENTRIES_FORGOTTEN = "entries forgotten"
    FIGURES_PUT_RIGHT = "figures put right"
    PAYMENT_NOTED = "payment noted"
    WELCOME_NOTED = "welcome noted"
    LIVE_NOTED = "live noted"
    NODE_RETIRED = "node retired"
    BACKUP_RESTORED = "backup restored"
    ERASED_AGAIN = "erased again"
    USER_ADDED = "user added"
    USER_CHANGED = "user changed"
    USER_REMOVED = "user removed"
    USER_PASSWORD_RESET = "user password reset"
    PASSWORD_CHANGED = "password changed"
    SIGN_IN_LINK_SENT = "sign-in link sent"
    SECOND_FACTOR_ON = "second factor on"
    SECOND_FACTOR_OFF = "second factor off"
    SECOND_FACTOR_RESET = "second factor reset"
    PASSKEY_ADDED = "passkey added"
    PASSKEY_REMOVED = "passkey removed"
    RECOVERY_CODES_RENEWED = "recovery codes renewed"
    RECOVERY_CODE_USED = "recovery code used"
    SESSIONS_ENDED = "sessions ended"
    INCIDENT_ADDED = "incident added"
    INCIDENT_NOTED = "incident noted"
    INCIDENT_TOLD = "incident told"
    INCIDENT_CLOSED = "incident closed"
    SUBPROCESSOR_ADDED = "sub-processor added"
    SUBPROCESSOR_REMOVED = "sub-processor removed"
    SUBPROCESSORS_LISTED = "sub-processors listed"
    SUBPROCESSORS_TOLD = "sub-processors told"
    CALENDAR_ADDED = "calendar added"
    CALENDAR_CHANGED = "calendar changed"
    CALENDAR_REMOVED = "calendar removed"
    FEED_RENEWED = "calendar feed renewed"
    FEED_STOPPED = "calendar feed stopped"
    APPOINTMENT_BOOKED = "appointment booked"
    APPOINTMENT_MOVED = "appointment moved"
    APPOINTMENT_CHANGED = "appointment changed"
    APPOINTMENT_CANCELLED = "appointment cancelled"
    APPOINTMENT_MISSED = "appointment missed"
    APPOINTMENT_REMINDED = "appointment reminded"
    TOKEN_ADDED = "token added"
    TOKEN_REVOKED = "token revoked"
    WEBHOOK_ADDED = "webhook added"
    WEBHOOK_TESTED = "webhook tested"
    WEBHOOK_ROTATED = "webhook secret renewed"
    WEBHOOK_REMOVED = "webhook removed"
    MESSAGE_SENT = "message sent"


# What changed in these names a client's people: it is erased with them, and that it was done stays.
ABOUT_PEOPLE = frozenset(
    {
        Verb.CONTACT_ADDED,
        Verb.CONTACT_REMOVED,
        Verb.CONTACT_CHANGED,
        Verb.ROTA_CHANGED,
        Verb.ROTA_SWAPPED,
        Verb.ROTA_SWAP_TAKEN_BACK,
        Verb.RECIPIENT_ADDED,
        Verb.RECIPIENT_REMOVED,
        Verb.RECIPIENT_CHANGED,
        Verb.RECIPIENT_ASKED_FOR,
        Verb.RECIPIENT_REQUEST_WITHDRAWN,
        Verb.TELEGRAM_ACCOUNT_CONNECTED,
        Verb.TELEGRAM_ACCOUNT_REMOVED,
        Verb.CHANGE_PROPOSED,
        Verb.CHANGE_CONFIRMED,
        Verb.GREETING_CHANGED,
        Verb.PROTOCOL_CHANGED,
        Verb.INFO_CHANGED,
        Verb.INFO_REMOVED,
        Verb.ANNOUNCEMENT_CHANGED,
        Verb.ANNOUNCEMENT_RESET,
        Verb.TODAY_SAID,
        Verb.TODAY_TAKEN_BACK,
        Verb.USER_ADDED,
        Verb.USER_CHANGED,
        Verb.USER_REMOVED,
        Verb.USER_PASSWORD_RESET,
        Verb.PASSWORD_CHANGED,
        Verb.SIGN_IN_LINK_SENT,
        Verb.SECOND_FACTOR_ON,
        Verb.SECOND_FACTOR_OFF,
        Verb.SECOND_FACTOR_RESET,
        Verb.PASSKEY_ADDED,
        Verb.PASSKEY_REMOVED,
        Verb.RECOVERY_CODES_RENEWED,
        Verb.RECOVERY_CODE_USED,
        Verb.SESSIONS_ENDED,
        # Whom a calendar is booked for, and where he is.
        Verb.CALENDAR_ADDED,
        Verb.CALENDAR_CHANGED,
    }
)


# The numbers in these are the house's own, whatever number a caller shows.
ABOUT_OUR_NUMBERS = frozenset({Verb.NUMBER_ADDED, Verb.NUMBER_ASSIGNED, Verb.NUMBER_RELEASED, Verb.NUMBER_REMOVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change. `subject` is what was changed: a client's short name, a number, a call's id; never a caller."""

    at: datetime
    actor: Actor
    verb: Verb
    subject: str
    client_id: int | None = None
    difference: Difference = field(default_factory=dict)


def difference(old: Mapping[str, object], new: Mapping[str, object]) -> Difference:
    """The fields of `new` that are not as they were; all of `old`, where nothing is left of it."""
    names = new or old
    changed = {name: (_fact(name, old.get(name)), _fact(name, new.get(name))) for name in names}
    return {name: both for name, both in changed.items() if old.get(name) != new.get(name)}


def _fact(name: str, value: object) -> Fact:
    if name in SECRET:
        return HIDDEN if value else None
    match value:
        case None | bool():
            return value
        case StrEnum():
            return value.value
        case int():
            return int(value)
        case list() | tuple():
            return [str(one) for one in value]
        case datetime():
            return value.isoformat()
        case _:
            return str(value)[:LONGEST]
