"""The audit trail in the store: who changed what, when and from where; nothing in it changes but erased people."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from pbx_control.domain.audit import ABOUT_OUR_NUMBERS, ABOUT_PEOPLE, Actor, ActorKind, AuditEntry, Difference, Verb
from pbx_control.store.tables import audit, client


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it is read, with its number and the client's short name ("" where it is about none)."""

    id: int
    entry: AuditEntry
    client: str


def add(conn: Connection, entry: AuditEntry) -> None:
    """Keeps an entry, in the transaction of what it tells of."""
    values = {
        "at": entry.at,
        "actor": entry.actor.kind.value,
        "who": entry.actor.name,
        "origin": entry.actor.origin,
        "verb": entry.verb.value,
        "subject": entry.subject,
        "client_id": entry.client_id,
        "difference": json.dumps(entry.difference, ensure_ascii=False),
    }
    conn.execute(insert(audit).values(values))


def add_once(conn: Connection, entry: AuditEntry) -> None:
    """The same for what several transactions do: whichever is the first to be committed has it."""
    same = audit.c.at == entry.at, audit.c.verb == entry.verb.value, audit.c.subject == entry.subject
    if conn.execute(select(audit.c.id).where(*same).limit(1)).first() is None:
        add(conn, entry)


def newest(
    conn: Connection, *, client_id: int | None = None, since: datetime | None = None, limit: int | None = None
) -> list[Kept]:
    """The newest entries, newest first: all, those about a client, or those since an instant."""
    query = select(audit, client.c.slug).select_from(audit.outerjoin(client)).order_by(audit.c.id.desc()).limit(limit)
    if client_id is not None:
        query = query.where(audit.c.client_id == client_id)
    if since is not None:
        query = query.where(audit.c.at >= since)
    return [_kept(row) for row in conn.execute(query)]


def about(conn: Connection, client_id: int, verb: Verb, subject: str) -> list[AuditEntry]:
    """The entries of that kind about one thing of a client's, newest first."""
    query = select(audit, client.c.slug).join_from(audit, client).where(audit.c.client_id == client_id)
    found = query.where(audit.c.verb == verb.value, audit.c.subject == subject).order_by(audit.c.id.desc())
    return [_kept(row).entry for row in conn.execute(found)]


def below(conn: Connection, client_id: int, subject: str, limit: int, *, alone: bool = False) -> list[Kept]:
    """The newest entries about one thing of a client's and about those in it ("SUBJECT …"), newest first; `alone`:
    about itself only."""
    query = select(audit, client.c.slug).join_from(audit, client).where(audit.c.client_id == client_id)
    named = audit.c.subject == subject
    if not alone:
        named = or_(named, audit.c.subject.startswith(f"{subject} ", autoescape=True))
    found = query.where(named).order_by(audit.c.id.desc()).limit(limit)
    return [_kept(row) for row in conn.execute(found)]


def of_client(
    conn: Connection,
    client_id: int,
    offices: Collection[str],
    *,
    who: str = "",
    office: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int = 0,
    limit: int,
) -> list[Kept]:
    """The newest entries about a client, newest first: all that its people did, and of what others did the kinds
    `offices`. `who`: one person's alone; `office`: the others' alone; `before`: older ones than that entry."""
    theirs = audit.c.actor == ActorKind.USER.value
    query = select(audit, client.c.slug).join_from(audit, client).where(audit.c.client_id == client_id)
    if who:
        query = query.where(theirs, audit.c.who == who)
    elif office:
        query = query.where(~theirs, audit.c.verb.in_(offices))
    else:
        query = query.where(or_(theirs, audit.c.verb.in_(offices)))
    if since is not None:
        query = query.where(audit.c.at >= since)
    if until is not None:
        query = query.where(audit.c.at < until)
    if before:
        query = query.where(audit.c.id < before)
    return [_kept(row) for row in conn.execute(query.order_by(audit.c.id.desc()).limit(limit))]


def erase_people(conn: Connection, client_id: int) -> None:
    """Takes a client's people out of the entries about it: who changed what, and when, stays."""
    verbs = [verb.value for verb in ABOUT_PEOPLE]
    theirs = audit.c.client_id == client_id, audit.c.verb.in_(verbs)
    conn.execute(update(audit).where(*theirs).values(difference="{}"))


def erase_number(conn: Connection, number: str, is_told_in: Callable[[str], bool]) -> int:
    """Takes a caller's number out: it may have stood there as that of a client's contact. `is_told_in`: whether a text
    has that number, and not one of which it is a part. Gives how many entries had it."""
    ours = [verb.value for verb in ABOUT_OUR_NUMBERS]
    query = select(audit.c.id, audit.c.difference).where(audit.c.difference.contains(number, autoescape=True))
    found = conn.execute(query.where(audit.c.verb.not_in(ours))).all()
    naming = [row.id for row in found if is_told_in(row.difference)]
    conn.execute(update(audit).where(audit.c.id.in_(naming)).values(difference="{}"))
    return len(naming)


def forget(conn: Connection, before: datetime) -> int:
    """Takes away the entries that are older; gives how many."""
    return conn.execute(delete(audit).where(audit.c.at < before)).rowcount


def _kept(row: Row[Any]) -> Kept:
    entry = AuditEntry(
        at=row.at,
        actor=Actor(ActorKind(row.actor), row.who, row.origin),
        verb=Verb(row.verb),
        subject=row.subject,
        client_id=row.client_id,
        difference=_difference(json.loads(row.difference)),
    )
    return Kept(row.id, entry, row.slug or "")


def _difference(kept: Mapping[str, Any]) -> Difference:
    return {name: (old, new) for name, (old, new) in kept.items()}
