"""What happened: calls and their journals, as people ask for them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, or_, select

from pbx_control.errors import ClientMistake
from pbx_control.store.tables import call, client, journal, secretary


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call as `call list` shows it; `recording` and `message` are paths under recordings/, "" where there is none."""

    id: str
    client: str  # slug
    did: str
    caller: str
    caller_name: str
    phase: str
    outcome: str  # "" while it lasts
    secretary: str  # who answered
    arrived_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    recording: str
    recording_flaw: str
    message: str
    hosted_by: str  # daemon | switch


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a call's journal."""

    call_id: str
    seq: int
    at: datetime
    event: str
    details: Mapping[str, Any]


def newest(
    conn: Connection, *, slug: str | None = None, since: datetime | None = None, live: bool = False, limit: int = 100
) -> list[PastCall]:
    """The newest calls, newest first: of one client, since an instant, or only those that last still."""
    query = _calls().order_by(call.c.arrived_at.desc(), call.c.id.desc()).limit(limit)
    if slug is not None:
        query = query.where(client.c.slug == slug)
    if since is not None:
        query = query.where(call.c.arrived_at >= since)
    if live:
        query = query.where(call.c.state.is_not(None))
    return [_past(row) for row in conn.execute(query)]


def get(conn: Connection, call_id: str) -> PastCall:
    """One call. Raises ClientMistake if there is no such call."""
    row = conn.execute(_calls().where(call.c.id == call_id)).one_or_none()
    if row is None:
        raise ClientMistake("there is no call {call}: `pbx-control call list` shows them", call=repr(call_id[:64]))
    return _past(row)


def story(conn: Connection, call_id: str) -> list[Told]:
    """A call's journal, in order."""
    query = select(journal).where(journal.c.call_id == call_id).order_by(journal.c.seq)
    return [_told(row) for row in conn.execute(query)]


def going_on(conn: Connection, since: datetime) -> dict[str, bool]:
    """The ids of the calls that last or arrived since an instant, oldest first, each with whether it has ended."""
    query = select(call.c.id, call.c.ended_at).where(or_(call.c.state.is_not(None), call.c.arrived_at >= since))
    return {row.id: row.ended_at is not None for row in conn.execute(query.order_by(call.c.arrived_at))}


def news(conn: Connection, seen: Mapping[str, int], ids: Iterable[str]) -> list[Told]:
    """What the journals of these calls say beyond the lines that were `seen` (call id -> number of lines), by time."""
    rows = conn.execute(select(journal).where(journal.c.call_id.in_(list(ids))).order_by(journal.c.at, journal.c.seq))
    return [_told(row) for row in rows if row.seq > seen.get(row.call_id, -1)]


def _calls() -> Select[Any]:
    people = call.outerjoin(client, call.c.client_id == client.c.id).outerjoin(
        secretary, call.c.secretary_id == secretary.c.id
    )
    return select(call, client.c.slug, secretary.c.name.label("secretary")).select_from(people)


def _past(row: Row[Any]) -> PastCall:
    return PastCall(
        id=row.id,
        client=row.slug or "",
        did=row.did,
        caller=row.caller,
        caller_name=row.caller_name,
        phase=row.phase,
        outcome=row.outcome,
        secretary=row.secretary or "",
        arrived_at=row.arrived_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        recording=row.recording,
        recording_flaw=row.recording_flaw,
        message=row.message,
        hosted_by=row.hosted_by,
    )


def _told(row: Row[Any]) -> Told:
    return Told(row.call_id, row.seq, row.at, row.event, msgspec.json.decode(row.details))
