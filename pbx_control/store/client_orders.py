"""Orders of clients in the store: bags and plans, placed on the page, decided by the office."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, select, update

from pbx_control.domain.money.orders import ClientOrder, OrderKind, OrderState
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.engine import new_id
from pbx_control.store.tables import client, client_order, plan


def add(
    conn: Connection,
    client_id: int,
    kind: OrderKind,
    price: int,
    at: datetime,
    by: str,
    *,
    calls: int | None = None,
    plan_id: int | None = None,
) -> ClientOrder:
    """Keeps a new order."""
    what = {"client_id": client_id, "kind": kind.value, "calls": calls, "plan_id": plan_id, "price": price}
    key = new_id(conn, client_order, what | {"asked_at": at, "asked_by": by})
    return get(conn, key)


def get(conn: Connection, order_id: int) -> ClientOrder:
    """One order. Raises ClientMistake if there is none of that number."""
    row = conn.execute(_orders().where(client_order.c.id == order_id)).one_or_none()
    if row is None:
        raise ClientMistake("there is no order {id}", Code.NO_SUCH_ORDER, id=order_id)
    return _order(row)


def open_of(conn: Connection, client_id: int, kind: OrderKind) -> ClientOrder | None:
    """The client's order of that kind that waits, if one does."""
    which = client_order.c.client_id == client_id, client_order.c.kind == kind.value
    row = conn.execute(_orders().where(*which, client_order.c.state == OrderState.OPEN.value)).one_or_none()
    return _order(row) if row else None


def rows(conn: Connection, *, client_id: int | None = None, open_only: bool = False, limit: int) -> list[ClientOrder]:
    """The newest orders, newest first: all, of one client, those that wait."""
    query = _orders().order_by(client_order.c.id.desc()).limit(limit)
    if client_id is not None:
        query = query.where(client_order.c.client_id == client_id)
    if open_only:
        query = query.where(client_order.c.state == OrderState.OPEN.value)
    return [_order(row) for row in conn.execute(query)]


def decide(conn: Connection, order_id: int, state: OrderState, at: datetime, why: str = "") -> bool:
    """Ends an order; False if it was over: of two that decide at the same instant one gets True."""
    waits = client_order.c.id == order_id, client_order.c.state == OrderState.OPEN.value
    values = {"state": state.value, "decided_at": at, "why": why}
    return conn.execute(update(client_order).where(*waits).values(values)).rowcount == 1


def erase_of_client(conn: Connection, client_id: int) -> None:
    """Takes away what a client has ordered: it names who did."""
    conn.execute(delete(client_order).where(client_order.c.client_id == client_id))


def _orders() -> Select[Any]:
    columns = [column for column in client_order.c if column.name != "plan_id"]
    return select(*columns, client.c.slug.label("client"), plan.c.name.label("plan")).select_from(
        client_order.join(client, client.c.id == client_order.c.client_id).outerjoin(
            plan, plan.c.id == client_order.c.plan_id
        )
    )


def _order(row: Row[Any]) -> ClientOrder:
    kinds = {"kind": OrderKind(row.kind), "state": OrderState(row.state)}
    return ClientOrder(**(dict(row._mapping) | kinds))
