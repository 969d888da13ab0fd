"""What was changed of a client, as its owner reads it: what its own people did, and what the office did for it.

What the office does within, for other clients or with its secretaries, is none of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pbx_control.domain.audit import ActorKind, Difference, Verb
from pbx_control.services.tenant import Tenant
from pbx_control.store import audit, users

# So many entries stand on one page.
PAGE = 40
# Whose deed an entry is, where it is nobody's of the client's.
OFFICE = "*"
# What the office did that the client is told of. A kind that is not here is not shown.
OFFICES = frozenset(
    {
        Verb.CLIENT_CHANGED,
        Verb.CLIENT_SUSPENDED,
        Verb.CLIENT_RESUMED,
        Verb.CLIENT_CANCELLED,
        Verb.CLIENT_EXPORTED,
        Verb.NUMBER_ASSIGNED,
        Verb.NUMBER_RELEASED,
        Verb.CONTACT_ADDED,
        Verb.CONTACT_REMOVED,
        Verb.RECIPIENT_ADDED,
        Verb.RECIPIENT_REMOVED,
        Verb.RECIPIENT_CHANGED,
        Verb.RECIPIENT_ASKED_FOR,
        Verb.RECIPIENT_REQUEST_WITHDRAWN,
        Verb.TELEGRAM_ACCOUNT_CONNECTED,
        Verb.TELEGRAM_ACCOUNT_REMOVED,
        Verb.CHANGE_PROPOSED,
        Verb.CHANGE_CONFIRMED,
        Verb.CHANGE_REFUSED,
        Verb.GREETING_CHANGED,
        Verb.PROTOCOL_CHANGED,
        Verb.INFO_CHANGED,
        Verb.INFO_REMOVED,
        Verb.INFO_SENT,
        Verb.ANNOUNCEMENT_CHANGED,
        Verb.ANNOUNCEMENT_RESET,
        Verb.HOLIDAY_ADDED,
        Verb.HOLIDAY_REMOVED,
        Verb.HOLIDAY_TAKEN_BACK,
        Verb.TODAY_SAID,
        Verb.TODAY_TAKEN_BACK,
        Verb.CALLER_MARKED,
        Verb.CALLER_UNMARKED,
        Verb.PLAN_ASSIGNED,
        Verb.BAG_SOLD,
        Verb.ORDER_PLACED,
        Verb.ORDER_CONFIRMED,
        Verb.ORDER_REFUSED,
        Verb.ORDER_WITHDRAWN,
        Verb.CHARGE_DISPUTED,
        Verb.CHARGE_REVERSED,
        Verb.CHARGE_UPHELD,
        Verb.CALL_UNCOUNTED,
        Verb.RECORDING_HEARD,
        Verb.CALL_SUPERVISED,
        Verb.INVOICE_ISSUED,
        Verb.INVOICE_CREDITED,
        Verb.SUPPLEMENT_WRITTEN,
        Verb.REPORT_SENT,
        Verb.USER_ADDED,
        Verb.USER_CHANGED,
        Verb.USER_REMOVED,
        Verb.USER_PASSWORD_RESET,
        Verb.TOKEN_ADDED,
        Verb.TOKEN_REVOKED,
        Verb.WEBHOOK_ADDED,
        Verb.WEBHOOK_TESTED,
        Verb.WEBHOOK_REMOVED,
        Verb.SECOND_FACTOR_RESET,
        Verb.SESSIONS_ENDED,
        Verb.INCIDENT_TOLD,
        Verb.SUBPROCESSOR_ADDED,
        Verb.SUBPROCESSOR_REMOVED,
        Verb.SUBPROCESSORS_TOLD,
        Verb.CALENDAR_ADDED,
        Verb.CALENDAR_CHANGED,
        Verb.CALENDAR_REMOVED,
        Verb.FEED_RENEWED,
        Verb.FEED_STOPPED,
        Verb.APPOINTMENT_BOOKED,
        Verb.APPOINTMENT_MOVED,
        Verb.APPOINTMENT_CHANGED,
        Verb.APPOINTMENT_CANCELLED,
        Verb.APPOINTMENT_MISSED,
    }
)
# Of these the subject is a call's id.
OF_CALLS = frozenset(
    {Verb.RECORDING_HEARD, Verb.CALL_SUPERVISED, Verb.INFO_SENT, Verb.SUPPLEMENT_WRITTEN, Verb.CALL_UNCOUNTED}
)
# What is told of an account of the client's and of itself; its other settings are the switch's.
TOLD = {
    Verb.CLIENT_CHANGED: frozenset(
        {"name", "language", "timezone", "recording", "week", "rut", "legal_name", "business", "address", "invoice_as"}
    ),
}
# Nobody of the client's knows these by their numbers.
NUMBERS = frozenset({"client_id", "trunk_id", "secretary", "role", "client", "node"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which entries are wanted; what is empty is not asked for."""

    who: str = ""  # a name to sign in with, or OFFICE
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that was done."""

    id: int
    at: datetime
    who: str  # "": the office
    origin: str  # of one of the client's people
    verb: Verb
    about: str  # "": the client itself
    is_call: bool  # what it is about is a call of that id
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """A page of entries. `next`: after which one the following page goes on; 0: there is none."""

    entries: Sequence[Entry]
    next: int
    people: Sequence[str]


def trail(tenant: Tenant, asked: Asked, before: int = 0) -> Trail:
    """The newest entries that are wanted, a page of them; with `before` those that are older than that one."""
    client_id = tenant.reader.client_id
    found = audit.of_client(
        tenant.conn,
        client_id,
        [verb.value for verb in OFFICES],
        who=asked.who if asked.who != OFFICE else "",
        office=asked.who == OFFICE,
        since=asked.since,
        until=asked.until,
        before=before,
        limit=PAGE + 1,
    )
    shown = found[:PAGE]
    return Trail(
        entries=[_entry(one, tenant.client.slug) for one in shown],
        next=shown[-1].id if len(found) > PAGE else 0,
        people=users.names_of_client(tenant.conn, client_id),
    )


def _entry(kept: audit.Kept, slug: str) -> Entry:
    entry = kept.entry
    ours = entry.actor.kind is ActorKind.USER
    return Entry(
        id=kept.id,
        at=entry.at,
        who=entry.actor.name if ours else "",
        origin=entry.actor.origin if ours else "",
        verb=entry.verb,
        about=entry.subject.removeprefix(slug).removeprefix(": ") if _of_itself(entry.subject, slug) else entry.subject,
        is_call=entry.verb in OF_CALLS,
        difference=_told(entry.verb, entry.difference),
    )


def _of_itself(subject: str, slug: str) -> bool:
    """Whether a subject names the client, which knows itself, alone or before what it is about."""
    return subject == slug or subject.startswith(f"{slug}: ")


def _told(verb: Verb, difference: Difference) -> Difference:
    known = TOLD.get(verb)
    return {name: both for name, both in difference.items() if name not in NUMBERS and (known is None or name in known)}
