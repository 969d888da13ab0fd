"""Plans and subscriptions in the store: what is on offer, which client has which plan and had which."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from pbx_control.domain.money.plans import MONTHS_AHEAD, Plan
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.engine import new_id
from pbx_control.store.tables import client as clients
from pbx_control.store.tables import did, plan_did, subscription
from pbx_control.store.tables import plan as plans


@dataclass(frozen=True, slots=True)
class Subscription:
    """A client's plan, from `since` until `until` (None: it runs)."""

    id: int
    client_id: int
    plan: Plan
    since: datetime
    until: datetime | None
    months: int  # paid ahead at once
    paid_until: datetime | None  # to where invoices reach


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan, and since when it is no longer on offer."""

    plan: Plan
    retired_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A plan as lists show it: what it costs, and how many clients have it."""

    name: str
    calls: int
    price: int
    extra_call: int
    contacts: int
    calendars: int
    recording: bool
    keep_days: int
    discounts: dict[int, int]
    dids: dict[str, int]
    client: str | None  # slug: made to measure
    clients: int
    retired_at: datetime | None


def insert_plan(conn: Connection, new: Plan) -> None:
    """Keeps a new plan."""
    plan_id = new_id(conn, plans, columns(new))
    _set_did_prices(conn, plan_id, new.did_prices)


def update_plan(conn: Connection, plan_id: int, new: Plan) -> None:
    """Changes a plan's terms."""
    conn.execute(update(plans).where(plans.c.id == plan_id).values(columns(new)))
    _set_did_prices(conn, plan_id, new.did_prices)


def retire(conn: Connection, plan_id: int, at: datetime) -> None:
    """Takes a plan off the list."""
    conn.execute(update(plans).where(plans.c.id == plan_id).values(retired_at=at))


def was_had(conn: Connection, plan_id: int) -> bool:
    """Whether a client has the plan, or had it."""
    return bool(conn.scalar(select(func.count()).where(subscription.c.plan_id == plan_id)))


def begin(
    conn: Connection, client_id: int, monthly: Plan, at: datetime, months: int, paid_until: datetime | None
) -> int:
    """Gives the client a plan from now on; gives the subscription's id."""
    opened = {"client_id": client_id, "plan_id": monthly.id, "since": at, "months": months, "paid_until": paid_until}
    return new_id(conn, subscription, opened)


def end(conn: Connection, client_id: int, at: datetime) -> bool:
    """The client has cancelled: no further period is granted or invoiced. False if it has no plan."""
    running = update(subscription).where(subscription.c.client_id == client_id, subscription.c.until.is_(None))
    return conn.execute(running.values(until=at)).rowcount == 1


def take_current(conn: Connection, client_id: int) -> None:
    """Waits for whoever changes the client's plan; a change takes this row first as well."""
    running = subscription.c.client_id == client_id, subscription.c.until.is_(None)
    conn.execute(select(subscription.c.id).where(*running).with_for_update())


def set_paid_until(conn: Connection, subscription_id: int, until: datetime) -> None:
    """To where the invoices of a subscription reach."""
    conn.execute(update(subscription).where(subscription.c.id == subscription_id).values(paid_until=until))


def current(conn: Connection, client_id: int) -> Subscription | None:
    """The client's plan now, or None."""
    query = select(subscription).where(subscription.c.client_id == client_id, subscription.c.until.is_(None))
    row = conn.execute(query).one_or_none()
    return _as_subscription(conn, row) if row else None


def history(conn: Connection, client_id: int) -> list[Subscription]:
    """All that the client has had, the oldest first."""
    query = select(subscription).where(subscription.c.client_id == client_id).order_by(subscription.c.id)
    return [_as_subscription(conn, row) for row in conn.execute(query)]


def rows(conn: Connection, *, retired: bool = False) -> list[Listed]:
    """The plans on offer, or all, by name, with what they cost and how many clients have them."""
    having = (
        select(func.count())
        .where(subscription.c.plan_id == plans.c.id, subscription.c.until.is_(None))
        .scalar_subquery()
        .label("clients")
    )
    query = select(plans, having, clients.c.slug.label("client")).select_from(plans.outerjoin(clients))
    if not retired:
        query = query.where(plans.c.retired_at.is_(None))
    return [_listed(conn, row) for row in conn.execute(query.order_by(plans.c.name))]


def names(conn: Connection, beginning: str = "") -> list[str]:
    """The names of plans on offer that begin so."""
    query = select(plans.c.name).where(
        plans.c.retired_at.is_(None), plans.c.name.startswith(beginning, autoescape=True)
    )
    return list(conn.scalars(query.order_by(plans.c.name)))


def extra_dids(conn: Connection, client_id: int) -> dict[str, int]:
    """How many numbers the client has beyond its main one, by country."""
    query = (
        select(did.c.country, func.count())
        .where(did.c.client_id == client_id, did.c.main.is_(False))
        .group_by(did.c.country)
    )
    return dict(conn.execute(query).all())


def find(conn: Connection, name: str) -> Offer:
    """The plan of that name. Raises ClientMistake if there is none."""
    found = known(conn, name)
    if found is None:
        raise ClientMistake("there is no plan {name}", Code.NO_SUCH_PLAN, name=repr(name[:40]))
    return found


def get(conn: Connection, name: str) -> Plan:
    """The plan of that name. Raises ClientMistake if there is none."""
    return find(conn, name).plan


def known(conn: Connection, name: str) -> Offer | None:
    """The plan of that name, or None."""
    row = conn.execute(select(plans).where(plans.c.name == name)).one_or_none()
    return Offer(_as_plan(conn, row), row.retired_at) if row else None


# --- how it is kept ---------------------------------------------------------------------------------------


def _set_did_prices(conn: Connection, plan_id: int, prices: Mapping[str, int]) -> None:
    conn.execute(delete(plan_did).where(plan_did.c.plan_id == plan_id))
    if prices:
        conn.execute(
            insert(plan_did),
            [{"plan_id": plan_id, "country": country, "price": price} for country, price in prices.items()],
        )


def _did_prices(conn: Connection, plan_id: int) -> dict[str, int]:
    query = select(plan_did.c.country, plan_did.c.price).where(plan_did.c.plan_id == plan_id)
    return dict(conn.execute(query.order_by(plan_did.c.country)).all())


def columns(new: Plan) -> dict[str, Any]:
    """A plan's columns, without the prices of its numbers."""
    same = ("name", "calls", "price", "extra_call", "contacts", "calendars", "recording", "keep_days", "client_id")
    return {name: getattr(new, name) for name in same} | {
        f"discount_{months}": new.discount(months) for months in MONTHS_AHEAD if months > 1
    }


def _as_plan(conn: Connection, row: Row[Any]) -> Plan:
    discounts = {months: getattr(row, f"discount_{months}") for months in MONTHS_AHEAD if months > 1}
    return Plan(
        id=row.id,
        name=row.name,
        calls=row.calls,
        price=row.price,
        extra_call=row.extra_call,
        contacts=row.contacts,
        calendars=row.calendars,
        recording=row.recording,
        keep_days=row.keep_days,
        discounts={months: percent for months, percent in discounts.items() if percent},
        did_prices=_did_prices(conn, row.id),
        client_id=row.client_id,
    )


def _as_subscription(conn: Connection, row: Row[Any]) -> Subscription:
    plan_row = conn.execute(select(plans).where(plans.c.id == row.plan_id)).one()
    return Subscription(
        row.id, row.client_id, _as_plan(conn, plan_row), row.since, row.until, row.months, row.paid_until
    )


def _listed(conn: Connection, row: Row[Any]) -> Listed:
    monthly = _as_plan(conn, row)
    return Listed(
        name=monthly.name,
        calls=monthly.calls,
        price=monthly.price,
        extra_call=monthly.extra_call,
        contacts=monthly.contacts,
        calendars=monthly.calendars,
        recording=monthly.recording,
        keep_days=monthly.keep_days,
        discounts=dict(monthly.discounts),
        dids=dict(monthly.did_prices),
        client=row.client,
        clients=row.clients,
        retired_at=row.retired_at,
    )
