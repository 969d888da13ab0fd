"""What is known of a caller, found by number; and how it is taken out of the store (Ley 21.719)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, or_, select, update

from pbx_control.domain.keeping.erasure import redacted, redacted_details
from pbx_control.domain.keeping.retention import ERASED
from pbx_control.store import holds, messages, retention
from pbx_control.store.rows import record
from pbx_control.store.tables import call, client, contact, journal, letter, recording_hold

# Rows that are read at once.
PAGE = 500
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerCall:
    """One call of a caller's."""

    id: str
    client: str  # slug
    did: str
    name: str
    arrived_at: datetime
    outcome: str
    recording: str
    message: str
    lasts: bool
    held: str  # why, "" if it is not
    elsewhere: str = ""  # the node that has its files, if that is another


@dataclass(frozen=True, slots=True)
class NamedContact:
    """A client's contact, by its name."""

    client: str  # slug
    name: str


def calls_of(conn: Connection, number: str) -> list[CallerCall]:
    """The calls from that number (as calls have it), oldest first."""
    elsewhere = retention.is_elsewhere(conn).label("elsewhere")
    query = select(call, client.c.slug, elsewhere).select_from(call.outerjoin(client)).where(call.c.caller == number)
    rows = conn.execute(query.order_by(call.c.arrived_at, call.c.id)).all()
    held = holds.reasons(conn, [row.id for row in rows])
    return [
        CallerCall(
            id=row.id,
            client=row.slug or "",
            did=row.did,
            name=row.caller_name,
            arrived_at=row.arrived_at,
            outcome=row.outcome,
            recording=row.recording,
            message=row.message,
            lasts=row.ended_at is None or row.state is not None,
            held=held.get(row.id, ""),
            elsewhere=row.node if row.elsewhere and (row.recording or row.message) else "",
        )
        for row in rows
    ]


def letters_about(conn: Connection, calls: Collection[str], *, waiting: bool = False) -> list[int]:
    """The numbers of the letters about these calls; `waiting`: only those that are still to be sent."""
    query = select(letter.c.id).where(letter.c.call_id.in_(list(calls))).order_by(letter.c.id)
    return list(conn.scalars(query.where(letter.c.due_at.is_not(None)) if waiting else query))


def contacts_with(conn: Connection, number: str) -> list[NamedContact]:
    """Contacts of clients who have that number: they are no callers' data, and stay."""
    query = select(client.c.slug.label("client"), contact.c.name).join_from(contact, client)
    query = query.where(or_(contact.c.number == number, contact.c.then_number == number))
    return [record(NamedContact, row) for row in conn.execute(query.order_by(client.c.slug, contact.c.name))]


def erase(conn: Connection, calls: Sequence[str], number: str, names: Collection[str]) -> int:
    """Takes number and names out of these calls, their journals, holds and letters, and what secretaries wrote about
    them; gives how many letters there were.

    What the ledger says of them stays: it has neither.
    """
    ids = list(calls)
    conn.execute(update(call).where(call.c.id.in_(ids)).values(caller=ERASED, caller_name=""))
    _erase_journals(conn, ids, number, names)
    _erase_reasons(conn, ids, number, names)
    to_him = messages.erase(conn, ids)
    blank = {"subject": ERASED, "body_text": ERASED, "body_html": "", "attachment": "", "due_at": None}
    about = update(letter).where(letter.c.call_id.in_(ids))
    return to_him + len(conn.execute(about.values(blank).returning(letter.c.id)).all())


def erase_from_letters(conn: Connection, number: str, names: Collection[str], after: int) -> tuple[int | None, int]:
    """Takes number and names out of a page of the letters that are about no single call: daily reports, say.

    Gives the last letter's number, to go on after it, and how many were changed; None after the last page.
    """
    fields = ("subject", "body_text", "body_html")
    query = select(letter.c.id, *(letter.c[field] for field in fields)).where(letter.c.call_id.is_(None))
    rows = conn.execute(query.where(letter.c.id > after).order_by(letter.c.id).limit(PAGE)).all()
    changed = 0
    for row in rows:
        texts = {field: redacted(getattr(row, field), number, names) for field in fields}
        if any(texts[field] != getattr(row, field) for field in fields):
            conn.execute(update(letter).where(letter.c.id == row.id).values(texts))
            changed += 1
    return (rows[-1].id if rows else None), changed


def _erase_journals(conn: Connection, ids: Sequence[str], number: str, names: Collection[str]) -> None:
    rows = conn.execute(select(journal.c.call_id, journal.c.seq, journal.c.details).where(journal.c.call_id.in_(ids)))
    changed = []
    for row in rows.all():
        details = _encode(redacted_details(msgspec.json.decode(row.details), number, names)).decode()
        if details != row.details:
            changed.append({"of": row.call_id, "line": row.seq, "new": details})
    if changed:
        line = update(journal).where(journal.c.call_id == bindparam("of"), journal.c.seq == bindparam("line"))
        conn.execute(line.values(details=bindparam("new")), changed)


def _erase_reasons(conn: Connection, ids: Sequence[str], number: str, names: Collection[str]) -> None:
    rows = conn.execute(select(recording_hold.c.id, recording_hold.c.why).where(recording_hold.c.call_id.in_(ids)))
    for row in rows.all():
        why = redacted(row.why, number, names)
        if why != row.why:
            conn.execute(update(recording_hold).where(recording_hold.c.id == row.id).values(why=why))
