"""Calls and clients as whoever plans the secretaries' time reads them. Only calls for which a secretary was wanted
count: not those of closed clients, of clients out of calls, of blocked callers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, cast, extract, func, literal_column, select

from pbx_control.domain.call.model import Outcome
from pbx_control.domain.opening.hours import Week, parse_week
from pbx_control.domain.staffing.erlang import WITHIN
from pbx_control.domain.staffing.outlook import Sampled
from pbx_control.store.tables import call as calls
from pbx_control.store.tables import client, plan, secretary, subscription

QUARTER = 900
WANTED = (Outcome.ANSWERED, Outcome.MISSED, Outcome.LEFT_MESSAGE)
# So many of the latest calls show how long callers talk and wait.
SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class Counted:
    """Calls of a quarter of an hour."""

    at: datetime
    calls: int
    answered: int
    in_time: int


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A client that has not cancelled, and its plan (None: it has none)."""

    client_id: int
    slug: str
    week: Week
    plan: str | None
    calls: int | None
    plan_since: datetime | None
    first_call: datetime | None
    had_plan_before: bool


def by_quarter(conn: Connection, since: datetime, until: datetime) -> list[Counted]:
    """The calls of clients that are still there, by quarters of an hour in which some came."""
    # No parameter: PostgreSQL would not see that it groups by the same.
    quarter = _epoch(calls.c.arrived_at) // literal_column(str(QUARTER), BigInteger)
    waited = _epoch(calls.c.answered_at) - _epoch(calls.c.arrived_at)
    answered = calls.c.outcome == Outcome.ANSWERED.value
    in_time = and_(answered, waited <= WITHIN)
    query = (
        select(
            quarter.label("quarter"),
            func.count().label("calls"),
            func.sum(case((answered, 1), else_=0)).label("answered"),
            func.sum(case((in_time, 1), else_=0)).label("in_time"),
        )
        .select_from(calls.join(client))
        .where(*_wanted(since, until), client.c.cancelled_at.is_(None))
        .group_by(quarter)
        .order_by(quarter)
    )
    return [
        Counted(datetime.fromtimestamp(int(row.quarter) * QUARTER, UTC), row.calls, int(row.answered), int(row.in_time))
        for row in conn.execute(query)
    ]


def by_client(conn: Connection, since: datetime, until: datetime) -> dict[int, int]:
    """How many calls each client had."""
    query = select(calls.c.client_id, func.count()).where(*_wanted(since, until)).group_by(calls.c.client_id)
    return {client_id: count for client_id, count in conn.execute(query) if client_id is not None}


def sample(conn: Connection, since: datetime, until: datetime) -> list[Sampled]:
    """The latest calls: how long their callers waited, and talked."""
    columns = calls.c.arrived_at, calls.c.answered_at, calls.c.hung_up_at, calls.c.ended_at, calls.c.talked
    query = select(*columns).where(*_wanted(since, until)).order_by(calls.c.arrived_at.desc()).limit(SAMPLE)
    found = []
    for row in conn.execute(query):
        if end := row.answered_at or row.hung_up_at or row.ended_at:
            talked = None if row.answered_at is None else row.talked or 0.0
            found.append(Sampled(max((end - row.arrived_at) / timedelta(seconds=1), 0.0), talked))
    return found


def subscribers(conn: Connection) -> Sequence[Subscriber]:
    """All clients that have not cancelled, by id."""
    running = and_(subscription.c.client_id == client.c.id, subscription.c.until.is_(None))
    began = select(func.min(calls.c.arrived_at)).where(calls.c.client_id == client.c.id).scalar_subquery()
    earlier = (
        select(func.count())
        .where(subscription.c.client_id == client.c.id, subscription.c.until.is_not(None))
        .correlate(client)
        .scalar_subquery()
    )
    query = (
        select(
            client.c.id,
            client.c.slug,
            client.c.week,
            plan.c.name,
            plan.c.calls,
            subscription.c.since,
            began.label("first_call"),
            earlier.label("earlier"),
        )
        .select_from(client.outerjoin(subscription, running).outerjoin(plan, plan.c.id == subscription.c.plan_id))
        .where(client.c.cancelled_at.is_(None))
        .order_by(client.c.id)
    )
    return [
        Subscriber(
            row.id, row.slug, parse_week([row.week]), row.name, row.calls, row.since, row.first_call, bool(row.earlier)
        )
        for row in conn.execute(query)
    ]


def usual_wrap_up(conn: Connection) -> float:
    """What secretaries have after each call by their own setting, on average, seconds."""
    there = secretary.c.removed_at.is_(None)
    return float(conn.scalar(select(func.avg(secretary.c.wrap_up)).where(there)) or 0.0)


def _wanted(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        calls.c.arrived_at >= since,
        calls.c.arrived_at < until,
        calls.c.outcome.in_([one.value for one in WANTED]),
        calls.c.turned_away.is_(None),
    )


def _epoch(column: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(extract("epoch", column), BigInteger)
