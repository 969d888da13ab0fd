"""Plans and subscriptions in the store: what is on offer, which client has which plan and had which."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from pbx_control.domain.money.plans import MONTHS_AHEAD, Plan
from pbx_control.errors import ClientMistake
from pbx_control.store import ledger
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


def set_plan(conn: Connection, new: Plan) -> bool:
    """Keeps a plan under its name; True if it is a new one.

    Raises ClientMistake if clients have, or had, the plan of that name and its terms would change: a new price is a
    new plan, so that what a client was promised stays.
    """
    known = find_row(conn, new.name)
    if known is None:
        plan_id = int(conn.execute(insert(plans).values(_row(new))).inserted_primary_key[0])
        _set_did_prices(conn, plan_id, new.did_prices)
        return True
    if _as_plan(conn, known) != _with_id(new, known.id):
        _refuse_if_subscribed(conn, known)
        conn.execute(update(plans).where(plans.c.id == known.id).values(_row(new)))
        _set_did_prices(conn, known.id, new.did_prices)
    return False


def retire(conn: Connection, name: str, at: datetime) -> None:
    """No longer on offer; who has it keeps it. Raises ClientMistake if it is unknown or retired already."""
    row = _known(conn, name)
    if row.retired_at is not None:
        raise ClientMistake("the plan {name} is retired already: nothing to do", name=name)
    conn.execute(update(plans).where(plans.c.id == row.id).values(retired_at=at))


def get(conn: Connection, name: str) -> Plan:
    """The plan of that name. Raises ClientMistake if there is none."""
    return _as_plan(conn, _known(conn, name))


def assign(
    conn: Connection, client_id: int, name: str, at: datetime, *, months: int = 1, anchor_day: int | None = None
) -> Subscription:
    """Gives the client a plan from now on; an earlier one ends. The first one opens its account: its months begin on
    `anchor_day`, by default the day that it is now in its zone.

    Raises ClientMistake if the plan is unknown, retired, another client's own, or the one that the client has.
    """
    row = _known(conn, name)
    _refuse_if_not_offered(row, client_id)
    monthly = _as_plan(conn, row)
    old = current(conn, client_id)
    if old and old.plan.id == monthly.id and old.months == months:
        raise ClientMistake("the client has the plan {name} already: nothing to do", name=name)
    _check_terms(months, anchor_day, bool(ledger.find(conn, client_id)))
    if old:
        conn.execute(update(subscription).where(subscription.c.id == old.id).values(until=at))
    paid_until = old.paid_until if old else None
    opened = {"client_id": client_id, "plan_id": monthly.id, "since": at, "months": months, "paid_until": paid_until}
    key = conn.execute(insert(subscription).values(opened)).inserted_primary_key[0]
    _account_for(conn, client_id, old, monthly, at, anchor_day)
    return Subscription(int(key), client_id, monthly, at, None, months, paid_until)


def end(conn: Connection, client_id: int, at: datetime) -> bool:
    """The client has cancelled: no further period is granted or invoiced. False if it has no plan."""
    running = update(subscription).where(subscription.c.client_id == client_id, subscription.c.until.is_(None))
    return conn.execute(running.values(until=at)).rowcount == 1


def current(conn: Connection, client_id: int) -> Subscription | None:
    """The client's plan now, or None."""
    query = select(subscription).where(subscription.c.client_id == client_id, subscription.c.until.is_(None))
    row = conn.execute(query).one_or_none()
    return _as_subscription(conn, row) if row else None


def history(conn: Connection, client_id: int) -> list[Subscription]:
    """All that the client has had, the oldest first."""
    query = select(subscription).where(subscription.c.client_id == client_id).order_by(subscription.c.id)
    return [_as_subscription(conn, row) for row in conn.execute(query)]


def rows(conn: Connection, *, retired: bool = False) -> list[dict[str, Any]]:
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


def find_row(conn: Connection, name: str) -> Row[Any] | None:
    """The row of the plan of that name, or None."""
    return conn.execute(select(plans).where(plans.c.name == name)).one_or_none()


# --- how it is kept ---------------------------------------------------------------------------------------


def _account_for(
    conn: Connection, client_id: int, old: Subscription | None, monthly: Plan, at: datetime, anchor_day: int | None
) -> None:
    if ledger.find(conn, client_id) is None:
        ledger.open_account(conn, client_id, monthly, at, anchor_day)
    elif old is None and _came_back_later(conn, client_id, at):
        ledger.begin_again(conn, client_id, monthly, at)
    elif old is None or old.plan.calls != monthly.calls:  # None: it had cancelled, and comes back
        ledger.change_plan(conn, client_id, monthly, at)


def _came_back_later(conn: Connection, client_id: int, at: datetime) -> bool:
    """Whether the client had no plan when its period began: nothing was granted for that, nor paid."""
    *_, last, _ = history(conn, client_id)
    return last.until is not None and last.until <= ledger.up_to_date(conn, client_id, at).period.start


def _check_terms(months: int, anchor_day: int | None, has_account: bool) -> None:
    if months not in MONTHS_AHEAD:
        raise ClientMistake("{months} months cannot be paid ahead: choose 1, 3, 6 or 12", months=months)
    if anchor_day is not None and has_account:
        raise ClientMistake("the client's months have their day already: it stays, so that no period is cut short")


def _refuse_if_not_offered(row: Row[Any], client_id: int) -> None:
    if row.retired_at is not None:
        raise ClientMistake("the plan {name} is retired: `plan list` shows those on offer", name=row.name)
    if row.client_id not in (None, client_id):
        raise ClientMistake("the plan {name} was made to measure for another client", name=row.name)


def _refuse_if_subscribed(conn: Connection, row: Row[Any]) -> None:
    if conn.scalar(select(func.count()).where(subscription.c.plan_id == row.id)):
        raise ClientMistake(
            "clients have the plan {name} on its terms: `plan retire {name}` and set another name for the new ones",
            name=row.name,
        )


def _known(conn: Connection, name: str) -> Row[Any]:
    row = find_row(conn, name)
    if row is None:
        raise ClientMistake("there is no plan {name}: `plan list` shows all", name=repr(name[:40]))
    return row


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


def _row(new: Plan) -> dict[str, Any]:
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


def _with_id(new: Plan, plan_id: int) -> Plan:
    return replace(new, id=plan_id, discounts={m: percent for m, percent in new.discounts.items() if percent})


def _as_subscription(conn: Connection, row: Row[Any]) -> Subscription:
    plan_row = conn.execute(select(plans).where(plans.c.id == row.plan_id)).one()
    return Subscription(
        row.id, row.client_id, _as_plan(conn, plan_row), row.since, row.until, row.months, row.paid_until
    )


def _listed(conn: Connection, row: Row[Any]) -> dict[str, Any]:
    monthly = _as_plan(conn, row)
    return {
        "name": monthly.name,
        "calls": monthly.calls,
        "price": monthly.price,
        "extra_call": monthly.extra_call,
        "contacts": monthly.contacts,
        "calendars": monthly.calendars,
        "recording": monthly.recording,
        "keep_days": monthly.keep_days,
        "discounts": dict(monthly.discounts),
        "dids": dict(monthly.did_prices),
        "client": row.client,
        "clients": row.clients,
        "retired_at": row.retired_at,
    }
