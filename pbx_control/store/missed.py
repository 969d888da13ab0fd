"""Calls that nobody took because their client was out of calls, and which of them a report has told of (rule 12)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select, update

from pbx_control.domain.call.model import Outcome, TurnedAway
from pbx_control.domain.notices.reports import MissedCall
from pbx_control.domain.office import ClientState
from pbx_control.domain.telephony.campaigns import CAMPAIGN
from pbx_control.store import restrictions
from pbx_control.store.tables import call, client

_REPORTED = update(call).where(call.c.id == bindparam("told")).values(reported_at=bindparam("due"))


@dataclass(frozen=True, slots=True)
class Due:
    """A client that is to be told of calls that it missed."""

    client_id: int
    slug: str
    name: str
    language: str


def clients_due(conn: Connection, zone: ZoneInfo, since: datetime, until: datetime) -> list[Due]:
    """The clients of that zone, by slug, that want a report and have calls of that time that none has told of."""
    unreported = select(call.c.client_id).where(*_missed(since, until), call.c.reported_at.is_(None))
    query = select(client).where(
        client.c.timezone == zone.key,
        client.c.exhausted_report,
        client.c.state != ClientState.CANCELLED.value,
        client.c.id.in_(unreported),
    )
    rows = conn.execute(query.order_by(client.c.slug))
    return [Due(row.id, row.slug, row.name, row.language) for row in rows]


def missed_on(
    conn: Connection, client_id: int, since: datetime, until: datetime, *, unreported: bool = False
) -> list[MissedCall]:
    """The calls to the client that nobody took because it was out of calls, in the order in which they came: those
    that ended from `since` up to, but not including, `until`; all, or those that no report has told of yet."""
    query = select(call).where(call.c.client_id == client_id, *_missed(since, until))
    if unreported:
        query = query.where(call.c.reported_at.is_(None))
    return [
        MissedCall(
            id=row.id,
            at=row.arrived_at,
            did=row.did,
            caller=row.caller,
            caller_name=row.caller_name,
            left_message=bool(row.message),
        )
        for row in conn.execute(query.order_by(call.c.arrived_at, call.c.id))
    ]


def campaigns(conn: Connection, client_id: int, since: datetime, until: datetime) -> int:
    """How many callers with a number of mass calls the client had not put through, of those that came then."""
    blocked = call.c.client_id == client_id, call.c.outcome == Outcome.BLOCKED.value
    came = call.c.arrived_at >= since, call.c.arrived_at < until
    found = select(func.count()).where(*blocked, *came, call.c.caller.startswith(CAMPAIGN))
    return conn.scalar(found) or 0


def _missed(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    """Turned away for want of calls; a suspended client's calls end alike but do not count.

    By the end of the call: from then on its row stays as it is.
    """
    return (
        call.c.turned_away == TurnedAway.OUT_OF_CALLS.value,
        call.c.outcome == Outcome.EXHAUSTED.value,
        # Those of whom nothing is told while a request is decided are in a later report, however long that takes.
        or_(call.c.ended_at >= since, restrictions.was_lifted(since)),
        call.c.ended_at < until,
        ~restrictions.covers(),
    )


def reported(conn: Connection, calls: Sequence[MissedCall], due_at: datetime) -> None:
    """Notes which calls the report of that time tells of: each is in one."""
    conn.execute(_REPORTED, [{"told": each.id, "due": due_at} for each in calls])
