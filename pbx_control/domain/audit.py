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
    RECIPIENT_ADDED = "recipient added"
    RECIPIENT_REMOVED = "recipient removed"
    GREETING_CHANGED = "greeting changed"
    PROTOCOL_CHANGED = "protocol changed"
    INFO_CHANGED = "ready-made text changed"
    INFO_REMOVED = "ready-made text removed"
    ANNOUNCEMENT_CHANGED = "announcement changed"
    ANNOUNCEMENT_RESET = "announcement reset"
    HOLIDAY_ADDED = "holiday added"
    HOLIDAY_REMOVED = "holiday removed"
    CALLER_MARKED = "caller marked"
    CALLER_UNMARKED = "caller unmarked"
    PLAN_ADDED = "plan added"
    PLAN_CHANGED = "plan changed"
    PLAN_RETIRED = "plan retired"
    PLAN_ASSIGNED = "plan assigned"
    BAG_SOLD = "bag sold"
    CHARGE_DISPUTED = "charge disputed"
    CHARGE_REVERSED = "charge reversed"
    CHARGE_UPHELD = "charge upheld"
    CALL_UNCOUNTED = "call uncounted"
    INVOICE_ISSUED = "invoice issued"
    INVOICE_CREDITED = "invoice credited"
    CALL_HELD = "call held"
    CALL_RELEASED = "call released"
    RECORDING_HEARD = "recording heard"
    CLOCK_BELIEVED = "clock believed"
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
    PAYMENT_NOTED = "payment noted"
    WELCOME_NOTED = "welcome noted"
    LIVE_NOTED = "live noted"
    NODE_RETIRED = "node retired"
    BACKUP_RESTORED = "backup restored"
    USER_ADDED = "user added"
    USER_REMOVED = "user removed"
    USER_PASSWORD_RESET = "user password reset"
    SESSIONS_ENDED = "sessions ended"


# What changed in these names a client's people: it is erased with them, and that it was done stays.
ABOUT_PEOPLE = frozenset(
    {
        Verb.CONTACT_ADDED,
        Verb.CONTACT_REMOVED,
        Verb.RECIPIENT_ADDED,
        Verb.RECIPIENT_REMOVED,
        Verb.GREETING_CHANGED,
        Verb.PROTOCOL_CHANGED,
        Verb.INFO_CHANGED,
        Verb.INFO_REMOVED,
        Verb.ANNOUNCEMENT_CHANGED,
        Verb.ANNOUNCEMENT_RESET,
        Verb.USER_ADDED,
        Verb.USER_REMOVED,
        Verb.USER_PASSWORD_RESET,
        Verb.SESSIONS_ENDED,
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
