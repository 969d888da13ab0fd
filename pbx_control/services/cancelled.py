"""What is erased of a client that cancelled long ago, each time with a receipt (docs/decisions/cancelling.md)."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, bindparam, case, delete, exists, select, update

from pbx_control.catalogue import N_
from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.keeping.retention import ERASED, Trust, What, instant
from pbx_control.domain.office import ClientState
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import Word
from pbx_control.services.work import booking, changing
from pbx_control.settings import Home
from pbx_control.store import audit, holds, mailboxes, receipts, retention, users
from pbx_control.store.engine import reading, writing
from pbx_control.store.receipts import Receipt
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

# So long a client may come back and find everything but its number.
AFTER = timedelta(days=90)
# Calls of which the callers are erased in one transaction: the daemon saves its steps in between.
PAGE = 200
# What a call's journal says of people.
PEOPLE = ("caller", "name", "contact")

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
class _Gone:
    """A client that cancelled long ago; `erased_at`: when its texts and people were erased."""

    id: int
    slug: str
    cancelled_at: datetime
    erased_at: datetime | None


def erase_cancelled(home: Home, engine: Engine, actor: Actor, now: datetime) -> Sentence:
    """Erases what the service had of clients that cancelled AFTER ago; for the schedule, daily.

    Each client's texts and people go at once, then, a page at a time, the callers of its calls, with the letters about
    them, and at last the reports of missed calls. What is on legal hold is left out until it is released. While the
    clock is in doubt nothing is erased. Gives what was done.
    """
    with reading(engine) as conn:
        if retention.clock_at(conn, now).trust is not Trust.TRUSTED:
            return Sentence("nothing erased: the clock is not to be trusted")
        due = _due(conn, now)
    erased: Counter[str] = Counter()
    for row in due:
        erased += _erase_client(home, engine, actor, row, now)
    if not erased:
        return Sentence("nothing to erase")
    each = tuple(Sentence("{what}: {count}", what=Word(name), count=count) for name, count in sorted(erased.items()))
    return Sentence("erased: {each}", each=each)


def _due(conn: Connection, now: datetime) -> list[_Gone]:
    query = select(client.c.id, client.c.slug, client.c.cancelled_at, client.c.erased_at)
    long_gone = client.c.state == ClientState.CANCELLED.value, client.c.cancelled_at <= now - AFTER
    rows = conn.execute(query.where(*long_gone).order_by(client.c.id))
    return [_Gone(row.id, row.slug, row.cancelled_at, row.erased_at) for row in rows]


def _erase_client(home: Home, engine: Engine, actor: Actor, row: _Gone, now: datetime) -> Counter[str]:
    """What was erased of it. The texts and people have an entry of their own, what this run erased after them another:
    also if an error breaks it off."""
    first = Counter[str]()
    if row.erased_at is None:
        with changing(engine, actor, now) as work:
            if _still_cancelled(work.conn, row, now, client.c.erased_at.is_(None)):
                first = _erase_provisioned(work.conn, row, now)
                work.note(Verb.CLIENT_ERASED, row.slug, client_id=row.id, new=first)
    rest = Counter[str]()
    try:
        _erase_calls(engine, row, now, rest)
        rest += _erase_reports(engine, home.documents / "reports" / str(row.id), row, now)
    finally:
        if rest:
            with booking(engine, actor, now) as work:
                work.note(Verb.CLIENT_ERASED, row.slug, client_id=row.id, new=rest)
    return first + rest


def _erase_calls(engine: Engine, row: _Gone, now: datetime, erased: Counter[str]) -> None:
    while True:
        with writing(engine) as conn:
            page = _erase_callers(conn, row, now)
        if not page:
            return
        erased.update(page)


def _erase_provisioned(conn: Connection, row: _Gone, now: datetime) -> Counter[str]:
    _forget_versions(conn, row.id)
    gone = {
        name: conn.execute(delete(table).where(table.c.client_id == row.id)).rowcount
        for name, table in PROVISIONED.items()
    }
    gone[N_("accounts")] = users.erase_of_client(conn, row.id)
    mailboxes.forget_strangers(conn)
    audit.erase_people(conn, row.id)
    about_no_call = delete(letter).where(letter.c.client_id == row.id, letter.c.call_id.is_(None))
    gone["letters"] = conn.execute(about_no_call).rowcount
    conn.execute(update(client).where(client.c.id == row.id).values(erased_at=now))
    return _with_receipts(conn, row, gone, now)


def _forget_versions(conn: Connection, client_id: int) -> None:
    """Calls and messages no longer say which versions of the client's texts they had: those go."""
    for table, column, version in (
        (shown, shown.c.greeting_id, greeting),
        (shown, shown.c.protocol_id, protocol),
        (message, message.c.protocol_id, protocol),
    ):
        theirs = select(version.c.id).where(version.c.client_id == client_id)
        conn.execute(update(table).where(column.in_(theirs)).values({column.name: None}))


def _erase_callers(conn: Connection, row: _Gone, now: datetime) -> Counter[str]:
    """A page of the client's calls without their callers; empty if none is left, or the client has come back."""
    if not _still_cancelled(conn, row, now):
        return Counter()
    ids = _calls_with_callers(conn, row.id)
    if not ids:
        return Counter()
    handed_over = case((call.c.transferred_to == "", ""), else_=ERASED)
    nobody = {"caller": ERASED, "caller_name": "", "transferred_to": handed_over}
    conn.execute(update(call).where(call.c.id.in_(ids)).values(nobody))
    _erase_from_journals(conn, ids)
    conn.execute(delete(message).where(message.c.call_id.in_(ids)))  # its fields and versions go along
    conn.execute(delete(dialling).where(dialling.c.call_id.in_(ids)))
    letters = conn.execute(delete(letter).where(letter.c.call_id.in_(ids))).rowcount
    return _with_receipts(conn, row, {"callers": len(ids), "letters": letters}, now)


def _erase_reports(engine: Engine, folder: Path, row: _Gone, now: datetime) -> Counter[str]:
    """The files of reports (domain.reports.Report.file) name callers, too; the receipt comes before they go."""
    if folder.is_symlink() or not folder.is_dir():
        return Counter()
    with writing(engine) as conn:
        if not _still_cancelled(conn, row, now) or _has_holds(conn, row.id):
            return Counter()
        count = len(list(folder.iterdir()))
        told = _with_receipts(conn, row, {"reports": count}, now)
    shutil.rmtree(folder)
    return told


def _has_holds(conn: Connection, client_id: int) -> bool:
    held = select(recording_hold.c.id).join_from(recording_hold, call)
    mine = call.c.client_id == client_id, recording_hold.c.released_at.is_(None)
    return conn.execute(held.where(*mine).limit(1)).first() is not None


def _still_cancelled(conn: Connection, row: _Gone, now: datetime, *more: Any) -> bool:
    """Looks again, and keeps the row: nobody resumes the client while it is erased."""
    known = select(client.c.id).where(client.c.id == row.id, client.c.cancelled_at <= now - AFTER, *more)
    return conn.execute(known.with_for_update()).first() is not None


def _calls_with_callers(conn: Connection, client_id: int) -> list[str]:
    held = exists().where(recording_hold.c.call_id == call.c.id, recording_hold.c.released_at.is_(None))
    over = call.c.client_id == client_id, call.c.ended_at.is_not(None), call.c.state.is_(None)
    query = select(call.c.id).where(*over, call.c.caller != ERASED, ~held).order_by(call.c.id).limit(PAGE)
    ids = list(conn.scalars(query.with_for_update()))
    # Looked at once more: somebody may have held one while we waited for its row.
    newly_held = holds.reasons(conn, ids)
    return [one for one in ids if one not in newly_held]


def _erase_from_journals(conn: Connection, ids: Sequence[str]) -> None:
    rows = conn.execute(select(journal.c.call_id, journal.c.seq, journal.c.details).where(journal.c.call_id.in_(ids)))
    changed = [
        {"of": row.call_id, "line": row.seq, "kept": kept}
        for row in rows
        if (kept := without_people(row.details)) != row.details
    ]
    if changed:
        line = journal.c.call_id == bindparam("of"), journal.c.seq == bindparam("line")
        conn.execute(update(journal).where(*line).values(details=bindparam("kept")), changed)


def without_people(details: str) -> str:
    """A journal line's details (JSON) with nobody's number or name in them."""
    told = json.loads(details)
    people = {name: ERASED for name in PEOPLE if told.get(name)}
    return json.dumps(told | people, ensure_ascii=False) if people else details


def _with_receipts(conn: Connection, row: _Gone, gone: Mapping[str, int], now: datetime) -> Counter[str]:
    why = f"cancelled: {instant(row.cancelled_at)} + {AFTER.days} d"
    found = [
        Receipt(at=now, what=What.CLIENT_DATA, client_id=row.id, why=f"{why}; {count} {name}")
        for name, count in gone.items()
        if count
    ]
    receipts.add(conn, found)
    return Counter({name: count for name, count in gone.items() if count})
