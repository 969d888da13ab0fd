"""Calls that a supervisor checks, and how they were judged."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, func, insert, select, tuple_, update

from pbx_control.store import restrictions
from pbx_control.store.rows import record
from pbx_control.store.tables import (
    account_user,
    call,
    client,
    message,
    message_version,
    score_mark,
    score_sheet,
    secretary,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A call that a secretary answered and that is over. Of a `restricted` one nothing else is told."""

    call_id: str
    arrived_at: datetime
    client_id: int
    client: str
    secretary_id: int
    secretary: str
    caller: str
    caller_name: str
    outcome: str  # domain.call.model.Outcome
    talked: float | None  # seconds
    recording: str
    message: str
    node: str
    gist: str
    scored: bool
    restricted: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """The points for one criterion."""

    criterion: str
    points: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """How a call was judged."""

    call_id: str
    arrived_at: datetime
    client: str
    by: str
    at: datetime
    note: str
    marks: Sequence[Mark]

    @property
    def average(self) -> float:
        """Of its points."""
        return sum(mark.points for mark in self.marks) / max(1, len(self.marks))


@dataclass(frozen=True, slots=True)
class Average:
    """A secretary's, over her calls that were judged."""

    secretary_id: int
    secretary: str
    calls: int
    points: float


Place = tuple[datetime, str]
"""Where a page of calls ends: the next one has what is older."""


def page(conn: Connection, secretary_id: int | None, limit: int, after: Place | None = None) -> list[Checked]:
    """The newest calls that secretaries answered, or that one did; with `after` those that follow it."""
    query = _calls()
    if secretary_id is not None:
        query = query.where(call.c.secretary_id == secretary_id)
    if after:
        query = query.where(tuple_(call.c.arrived_at, call.c.id) < tuple_(*after))
    query = query.order_by(call.c.arrived_at.desc(), call.c.id.desc()).limit(limit)
    return [_shown(record(Checked, row)) for row in conn.execute(query)]


def find(conn: Connection, call_id: str) -> Checked | None:
    """One of them."""
    row = conn.execute(_calls().where(call.c.id == call_id)).one_or_none()
    return _shown(record(Checked, row)) if row else None


def _calls() -> Select[Any]:
    newest = and_(message_version.c.call_id == call.c.id, message_version.c.version == message.c.version)
    names = ("arrived_at", "client_id", "secretary_id", "caller", "caller_name", "outcome", "talked", "recording")
    return (
        select(
            call.c.id.label("call_id"),
            *(call.c[name] for name in (*names, "message", "node")),
            client.c.name.label("client"),
            secretary.c.name.label("secretary"),
            func.coalesce(message_version.c.gist, "").label("gist"),
            score_sheet.c.call_id.is_not(None).label("scored"),
            restrictions.covers().label("restricted"),
        )
        .select_from(
            call.join(client, client.c.id == call.c.client_id)
            .join(secretary, secretary.c.id == call.c.secretary_id)
            .outerjoin(message, message.c.call_id == call.c.id)
            .outerjoin(message_version, newest)
            .outerjoin(score_sheet, score_sheet.c.call_id == call.c.id)
        )
        .where(call.c.ended_at.is_not(None))
    )


def _shown(one: Checked) -> Checked:
    return replace(one, caller="", caller_name="", recording="", message="", gist="") if one.restricted else one


# --- sheets -----------------------------------------------------------------------------------------------


def put(
    conn: Connection, checked: Checked, user_id: int, at: datetime, note: str, marks: Sequence[Mark]
) -> Sheet | None:
    """Keeps how a call was judged, in place of what was there; gives that."""
    before = of_call(conn, checked.call_id)
    values = {"secretary_id": checked.secretary_id, "user_id": user_id, "at": at, "note": note}
    if before:
        conn.execute(delete(score_mark).where(score_mark.c.call_id == checked.call_id))
        conn.execute(update(score_sheet).where(score_sheet.c.call_id == checked.call_id).values(values))
    else:
        conn.execute(insert(score_sheet).values(call_id=checked.call_id, **values))
    rows = [
        {"call_id": checked.call_id, "criterion": mark.criterion, "place": place, "points": mark.points}
        for place, mark in enumerate(marks)
    ]
    conn.execute(insert(score_mark), rows)
    return before


def of_call(conn: Connection, call_id: str) -> Sheet | None:
    """A call's."""
    return next(iter(_sheets(conn, _query().where(score_sheet.c.call_id == call_id))), None)


def of_secretary(conn: Connection, secretary_id: int, limit: int) -> list[Sheet]:
    """A secretary's, the newest first."""
    query = _query().where(score_sheet.c.secretary_id == secretary_id)
    return _sheets(conn, query.order_by(score_sheet.c.at.desc(), score_sheet.c.call_id).limit(limit))


def averages(conn: Connection, since: datetime, secretary_id: int | None = None) -> list[Average]:
    """Every secretary's, or that one's, of the calls that were judged since then, by name. Each mark counts alike."""
    query = (
        select(
            secretary.c.id.label("secretary_id"),
            secretary.c.name.label("secretary"),
            func.count(score_mark.c.call_id.distinct()).label("calls"),
            func.avg(score_mark.c.points).label("points"),
        )
        .select_from(score_sheet.join(score_mark).join(secretary, secretary.c.id == score_sheet.c.secretary_id))
        .where(score_sheet.c.at >= since)
        .group_by(secretary.c.id, secretary.c.name)
        .order_by(secretary.c.name)
    )
    if secretary_id is not None:
        query = query.where(score_sheet.c.secretary_id == secretary_id)
    return [Average(row.secretary_id, row.secretary, row.calls, float(row.points)) for row in conn.execute(query)]


def forget_notes(conn: Connection, call_ids: Sequence[str]) -> int:
    """Takes away what was written about these calls; the points stay. Gives how many notes there were."""
    noted = score_sheet.c.call_id.in_(list(call_ids)), score_sheet.c.note != ""
    return conn.execute(update(score_sheet).where(*noted).values(note="")).rowcount


def _query() -> Select[Any]:
    columns = (score_sheet.c.call_id, score_sheet.c.at, score_sheet.c.note, call.c.arrived_at)
    named = (client.c.name.label("client"), account_user.c.name.label("by"))
    return select(*columns, *named).select_from(
        score_sheet.join(call, call.c.id == score_sheet.c.call_id)
        .join(client, client.c.id == call.c.client_id)
        .join(account_user, account_user.c.id == score_sheet.c.user_id)
    )


def _sheets(conn: Connection, query: Select[Any]) -> list[Sheet]:
    rows = conn.execute(query).all()
    marks: dict[str, list[Mark]] = defaultdict(list)
    found = select(score_mark).where(score_mark.c.call_id.in_([row.call_id for row in rows]))
    for mark in conn.execute(found.order_by(score_mark.c.call_id, score_mark.c.place)):
        marks[mark.call_id].append(Mark(mark.criterion, mark.points))
    return [
        Sheet(row.call_id, row.arrived_at, row.client, row.by, row.at, row.note, marks[row.call_id]) for row in rows
    ]
