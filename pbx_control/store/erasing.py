"""What the store has of a client that cancelled long ago: found, and erased a part at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, bindparam, case, delete, exists, select, update

from pbx_control.catalogue import N_
from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.office import ClientState
from pbx_control.store import holds
from pbx_control.store.tables import (
    announcement,
    call,
    caller_mark,
    client,
    contact,
    dialling,
    greeting,
    info_text,
    journal,
    letter,
    message,
    protocol,
    recipient,
    recording_hold,
    shown,
)

# What the service had of a client. Letters are about calls or, like offers and reports, about none.
PROVISIONED: Mapping[str, Table] = {
    "greetings": greeting,
    "announcements": announcement,
    N_("protocols"): protocol,
    N_("ready-made texts"): info_text,
    "contacts": contact,
    "recipients": recipient,
    N_("marks of callers"): caller_mark,
}


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
    about_no_call = delete(letter).where(letter.c.client_id == client_id, letter.c.call_id.is_(None))
    gone["letters"] = conn.execute(about_no_call).rowcount
    conn.execute(update(client).where(client.c.id == client_id).values(erased_at=at))
    return gone


def calls_with_callers(conn: Connection, client_id: int, limit: int) -> list[str]:
    """Some of the client's calls that are over, say who called, and are under no hold; their rows are locked."""
    held = exists().where(recording_hold.c.call_id == call.c.id, recording_hold.c.released_at.is_(None))
    over = call.c.client_id == client_id, call.c.ended_at.is_not(None), call.c.state.is_(None)
    query = select(call.c.id).where(*over, call.c.caller != ERASED, ~held).order_by(call.c.id).limit(limit)
    ids = list(conn.scalars(query.with_for_update()))
    # Looked at once more: somebody may have held one while we waited for its row.
    newly_held = holds.reasons(conn, ids)
    return [one for one in ids if one not in newly_held]


def erase_callers(conn: Connection, ids: Sequence[str], without_people: Callable[[str], str]) -> int:
    """Erases who called from these calls, their journals (`without_people` makes a line's details anew), and all that
    was written about them; gives how many letters there were."""
    handed_over = case((call.c.transferred_to == "", ""), else_=ERASED)
    nobody = {"caller": ERASED, "caller_name": "", "transferred_to": handed_over}
    conn.execute(update(call).where(call.c.id.in_(ids)).values(nobody))
    _erase_from_journals(conn, ids, without_people)
    conn.execute(delete(message).where(message.c.call_id.in_(ids)))  # its fields and versions go along
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
