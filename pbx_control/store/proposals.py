"""Changes of greetings and protocols that somebody has asked for in writing, until they are decided and in force."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from pbx_control.domain.desk.proposals import Decision, Subject, Way
from pbx_control.store.engine import new_id
from pbx_control.store.tables import proposal as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change that was asked for. `content`: the greeting, or the protocol as its file is written."""

    id: int
    client_id: int
    subject: Subject
    content: str
    way: Way
    asked_by: str
    asked_at: datetime
    starts_at: datetime | None  # None: as soon as it is confirmed
    decision: Decision | None
    decided_at: datetime | None
    decided_by: str
    applied_at: datetime | None


def insert_row(conn: Connection, values: dict[str, object]) -> int:
    """Keeps a new one; gives its id."""
    return new_id(conn, table, values)


def find(conn: Connection, client_id: int, proposal_id: int) -> Proposal | None:
    """A client's proposal of that number."""
    return _one(conn, table.c.client_id == client_id, table.c.id == proposal_id)


def by_secret(conn: Connection, secret_hash: str, at: datetime) -> Proposal | None:
    """The undecided proposal whose link has that secret, and is not too old."""
    return _one(conn, table.c.secret_hash == secret_hash, table.c.link_ends_at > at, table.c.decision.is_(None))


def waiting(conn: Connection, client_id: int) -> list[Proposal]:
    """A client's proposals that are undecided, or confirmed for a later day; the oldest first."""
    undone = table.c.applied_at.is_(None), table.c.decision.is_distinct_from(Decision.REFUSED.value)
    query = select(table).where(table.c.client_id == client_id, *undone).order_by(table.c.id)
    return [_proposal(row) for row in conn.execute(query)]


def due(conn: Connection, at: datetime) -> list[Proposal]:
    """Those of all clients that are confirmed and whose day has come, in the order of their days."""
    which = table.c.decision == Decision.CONFIRMED.value, table.c.applied_at.is_(None), table.c.starts_at <= at
    query = select(table).where(*which).order_by(table.c.starts_at, table.c.id)
    return [_proposal(row) for row in conn.execute(query)]


def decide(conn: Connection, proposal_id: int, decision: Decision, who: str, at: datetime) -> bool:
    """Notes what was decided; False if it was decided before: of two that decide at once, one does."""
    undecided = table.c.id == proposal_id, table.c.decision.is_(None)
    values = {"decision": decision.value, "decided_by": who, "decided_at": at}
    return bool(conn.execute(update(table).where(*undecided).values(values)).rowcount)


def start_at(conn: Connection, proposal_id: int, at: datetime) -> None:
    """Keeps the day from which it is to be in force."""
    conn.execute(update(table).where(table.c.id == proposal_id).values(starts_at=at))


def withdraw(conn: Connection, proposal_id: int, who: str, at: datetime) -> bool:
    """Takes back a confirmed one that is not in force yet; False if it is."""
    unapplied = table.c.id == proposal_id, table.c.applied_at.is_(None)
    values = {"decision": Decision.REFUSED.value, "decided_by": who, "decided_at": at}
    return bool(conn.execute(update(table).where(*unapplied).values(values)).rowcount)


def applied(conn: Connection, proposal_id: int, at: datetime) -> bool:
    """Notes that it is in force; False if that was noted before."""
    unapplied = table.c.id == proposal_id, table.c.applied_at.is_(None)
    return bool(conn.execute(update(table).where(*unapplied).values(applied_at=at)).rowcount)


def _one(conn: Connection, *which: Any) -> Proposal | None:
    row = conn.execute(select(table).where(*which)).one_or_none()
    return _proposal(row) if row else None


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(
        id=row.id,
        client_id=row.client_id,
        subject=Subject(row.subject),
        content=row.content,
        way=Way(row.way),
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        starts_at=row.starts_at,
        decision=Decision(row.decision) if row.decision else None,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        applied_at=row.applied_at,
    )
