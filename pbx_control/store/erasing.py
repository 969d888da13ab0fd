"""What the store has of a client that cancelled long ago: found, and erased a part at a time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, bindparam, case, delete, exists, func, select, update

from pbx_control.catalogue import N_
from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.office import ClientState
from pbx_control.store import holds, restrictions, score_sheets
from pbx_control.store.tables import (
    announcement,
    api_token,
    appointment,
    calendar,
    call,
    caller_mark,
    client,
    contact,
    dialling,
    greeting,
    incident_letter,
    info_text,
    journal,
    letter,
    mail_in,
    message,
    opening_override,
    proposal,
    protocol,
    recipient,
    recipient_request,
    recording_hold,
    rota_rule,
    rota_swap,
    shown,
    task,
    webhook,
)

# What the service had of a client. Letters are about calls or, like offers and reports, about none.
PROVISIONED: Mapping[str, Table] = {
    "greetings": greeting,
    "announcements": announcement,
    N_("words for a day"): opening_override,
    N_("protocols"): protocol,
    N_("ready-made texts"): info_text,
    N_("lines of the rota"): rota_rule,
    N_("swaps of the rota"): rota_swap,
    "contacts": contact,
    "recipients": recipient,
    N_("recipients that were asked for"): recipient_request,
    N_("changes that were asked for"): proposal,
    N_("mails that came in"): mail_in,
    N_("addresses told of incidents"): incident_letter,
    N_("webhooks"): webhook,  # first of all: they name the tokens that made them
    N_("tokens of programs"): api_token,
}
MARKS = N_("marks of callers")


@dataclass(frozen=True, slots=True)
class Gone:
    """A client that cancelled long ago; `erased_at`: when its texts and people were erased."""

    id: int
    slug: str
    cancelled_at: datetime
    erased_at: datetime | None


def gone_since(conn: Connection, before: datetime) -> list[Gone]:
    """The clients that cancelled before that instant, the first one first."""
    query = select(client.c.id, client.c.slug, client.c.cancelled_at, client.c.erased_at)
    long_gone = client.c.state == ClientState.CANCELLED.value, client.c.cancelled_at <= before
    rows = conn.execute(query.where(*long_gone).order_by(client.c.id))
    return [Gone(row.id, row.slug, row.cancelled_at, row.erased_at) for row in rows]


def keep_gone(conn: Connection, client_id: int, before: datetime, *, unerased: bool = False) -> bool:
    """Looks again whether the client cancelled before that instant, and (`unerased`) still has its texts and people.
    Keeps its row until the transaction ends: nobody resumes the client while it is erased."""
    known = select(client.c.id).where(client.c.id == client_id, client.c.cancelled_at <= before)
    if unerased:
        known = known.where(client.c.erased_at.is_(None))
    return conn.execute(known.with_for_update()).first() is not None


def erase_provisioned(conn: Connection, client_id: int, at: datetime) -> dict[str, int]:
    """Erases the client's texts and people, and the letters that are about no call; how many of each."""
    _forget_versions(conn, client_id)
    gone = {
        name: conn.execute(delete(table).where(table.c.client_id == client_id)).rowcount
        for name, table in PROVISIONED.items()
    }
    gone |= erase_about_callers(conn, client_id, at)
    # One that a restore has made a client again is erased anew when it cancels.
    cancelled = client.c.id == client_id, client.c.state == ClientState.CANCELLED.value
    conn.execute(update(client).where(*cancelled).values(erased_at=at))
    return gone


def erase_about_callers(conn: Connection, client_id: int, until: datetime) -> dict[str, int]:
    """Erases what names callers beside their calls: marks, the calendars with their appointments, and the letters about
    no call that were written until then; how many of each. Nothing, while a request of one of these callers' is
    decided."""
    if restrictions.of_client(conn, client_id):
        return {}
    marks = delete(caller_mark).where(caller_mark.c.client_id == client_id)
    # With their appointments, kinds and feeds.
    agenda = delete(calendar).where(calendar.c.client_id == client_id, calendar.c.created_at <= until)
    visits = select(func.count()).where(appointment.c.client_id == client_id)
    gone = {N_("appointments"): conn.scalar(visits) or 0, N_("calendars"): conn.execute(agenda).rowcount}
    old = letter.c.client_id == client_id, letter.c.call_id.is_(None), letter.c.written_at <= until
    return gone | {MARKS: conn.execute(marks).rowcount, "letters": conn.execute(delete(letter).where(*old)).rowcount}


def calls_with_callers(conn: Connection, client_id: int, limit: int, *, lock: bool = True) -> list[str]:
    """Some of the client's calls that are over, say who called, are under no hold, and not blocked while a request is
    decided; their rows are locked, if that is asked for."""
    held = exists().where(recording_hold.c.call_id == call.c.id, recording_hold.c.released_at.is_(None))
    over = call.c.client_id == client_id, call.c.ended_at.is_not(None), call.c.state.is_(None)
    free = ~held, ~restrictions.covers()
    query = select(call.c.id).where(*over, call.c.caller != ERASED, *free).order_by(call.c.id).limit(limit)
    ids = list(conn.scalars(query.with_for_update() if lock else query))
    # Looked at once more: somebody may have held or blocked one while we waited for its row.
    stays = holds.reasons(conn, ids).keys() | restrictions.of_calls(conn, ids)
    return [one for one in ids if one not in stays]


def has_anything(conn: Connection, gone: Gone) -> bool:
    """Whether something of the client may be erased now: its texts and people, or callers of its calls."""
    return gone.erased_at is None or bool(calls_with_callers(conn, gone.id, 1, lock=False))


def is_client(conn: Connection, client_id: int, slug: str) -> bool:
    """Whether the client of that number is the one of that short name."""
    query = select(client.c.id).where(client.c.id == client_id, client.c.slug == slug)
    return conn.scalar(query) is not None


def calls_until(conn: Connection, client_id: int, until: datetime, kept: Collection[str], limit: int) -> list[str]:
    """Some of the client's calls that came until then and say who called, but for those that are kept."""
    old = call.c.client_id == client_id, call.c.arrived_at <= until, call.c.caller != ERASED
    query = select(call.c.id).where(*old, call.c.id.not_in(list(kept))).order_by(call.c.id)
    return list(conn.scalars(query.limit(limit)))


def restricted_calls(conn: Connection, client_id: int) -> int:
    """How many of the client's calls stay while a request of their callers' is decided."""
    theirs = call.c.client_id == client_id, call.c.caller != ERASED, restrictions.covers()
    return conn.scalar(select(func.count()).select_from(call).where(*theirs)) or 0


def erase_callers(conn: Connection, ids: Sequence[str], without_people: Callable[[str], str]) -> int:
    """Erases who called from these calls, their journals (`without_people` makes a line's details anew), and all that
    was written about them; gives how many letters there were."""
    handed_over = case((call.c.transferred_to == "", ""), else_=ERASED)
    nobody = {"caller": ERASED, "caller_name": "", "transferred_to": handed_over}
    conn.execute(update(call).where(call.c.id.in_(ids)).values(nobody))
    _erase_from_journals(conn, ids, without_people)
    conn.execute(delete(message).where(message.c.call_id.in_(ids)))  # its fields and versions go along
    conn.execute(delete(task).where(task.c.call_id.in_(ids)))
    score_sheets.forget_notes(conn, ids)
    conn.execute(delete(dialling).where(dialling.c.call_id.in_(ids)))
    return conn.execute(delete(letter).where(letter.c.call_id.in_(ids))).rowcount


def has_holds(conn: Connection, client_id: int) -> bool:
    """Whether a call of the client's is under a legal hold."""
    held = select(recording_hold.c.id).join_from(recording_hold, call)
    mine = call.c.client_id == client_id, recording_hold.c.released_at.is_(None)
    return conn.execute(held.where(*mine).limit(1)).first() is not None


def _forget_versions(conn: Connection, client_id: int) -> None:
    """Calls and messages no longer say which versions of the client's texts they had: those go."""
    for table, column, version in (
        (shown, shown.c.greeting_id, greeting),
        (shown, shown.c.protocol_id, protocol),
        (message, message.c.protocol_id, protocol),
    ):
        theirs = select(version.c.id).where(version.c.client_id == client_id)
        conn.execute(update(table).where(column.in_(theirs)).values({column.name: None}))


def _erase_from_journals(conn: Connection, ids: Sequence[str], without_people: Callable[[str], str]) -> None:
    rows = conn.execute(select(journal.c.call_id, journal.c.seq, journal.c.details).where(journal.c.call_id.in_(ids)))
    changed = [
        {"of": row.call_id, "line": row.seq, "kept": kept}
        for row in rows
        if (kept := without_people(row.details)) != row.details
    ]
    if changed:
        line = journal.c.call_id == bindparam("of"), journal.c.seq == bindparam("line")
        conn.execute(update(journal).where(*line).values(details=bindparam("kept")), changed)
