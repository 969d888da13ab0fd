"""Paid orders in the store: when each was paid, welcomed and answered, and what was told of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, exists, func, insert, or_, select, update

from pbx_control.domain.going_live import Order
from pbx_control.store.tables import client, did, going_live, greeting, recipient, secretary, secretary_client


def open_order(conn: Connection, client_id: int) -> Order | None:
    """The client's order, one that is done included; None if it has none."""
    open_one = going_live.c.client_id == client_id, going_live.c.ended_at.is_(None)
    row = conn.execute(_orders().where(*open_one)).one_or_none()
    return _order(row) if row else None


def under_way(conn: Connection) -> list[Order]:
    """The orders that nobody is served for yet."""
    rows = conn.execute(_orders().where(going_live.c.ended_at.is_(None), going_live.c.live_at.is_(None)))
    return [_order(row) for row in rows]


def add(conn: Connection, client_id: int, paid_at: datetime, welcome_due: datetime, service_due: datetime) -> None:
    """Keeps a new order."""
    due = {"paid_at": paid_at, "welcome_due": welcome_due, "service_due": service_due}
    conn.execute(insert(going_live).values(client_id=client_id, **due))


def mark(conn: Connection, order_id: int, step: str, values: Mapping[str, datetime]) -> bool:
    """Notes that a step (a column) is done; False if somebody else has just done so."""
    still_open = going_live.c.id == order_id, going_live.c[step].is_(None)
    return conn.execute(update(going_live).where(*still_open).values(values)).rowcount > 0


def note_told(conn: Connection, order_id: int, told: str) -> None:
    """Notes which warning the admin has had last."""
    conn.execute(update(going_live).where(going_live.c.id == order_id).values(told=told))


def end(conn: Connection, client_id: int, at: datetime) -> None:
    """The client has cancelled: its order is no longer waited for."""
    open_row = going_live.c.client_id == client_id, going_live.c.ended_at.is_(None)
    conn.execute(update(going_live).where(*open_row).values(ended_at=at))


def has_greeting(conn: Connection, client_id: int) -> bool:
    return conn.scalar(select(exists().where(greeting.c.client_id == client_id))) or False


def has_recipient(conn: Connection, client_id: int) -> bool:
    return conn.scalar(select(exists().where(recipient.c.client_id == client_id))) or False


def somebody_may_answer(conn: Connection, client_id: int) -> bool:
    """Whether a secretary who has not left may answer for the client."""
    for_it = exists().where(
        secretary_client.c.secretary_id == secretary.c.id, secretary_client.c.client_id == client_id
    )
    there = secretary.c.removed_at.is_(None), or_(secretary.c.all_clients, for_it)
    return bool(conn.scalar(select(func.count()).select_from(secretary).where(*there)))


def _orders() -> Select[Any]:
    main = and_(did.c.client_id == going_live.c.client_id, did.c.main)
    return select(going_live, client.c.slug, client.c.name, did.c.number).select_from(
        going_live.join(client, client.c.id == going_live.c.client_id).outerjoin(did, main)
    )


def _order(row: Row[Any]) -> Order:
    return Order(
        id=row.id,
        client_id=row.client_id,
        slug=row.slug,
        client_name=row.name,
        number=row.number or "",
        paid_at=row.paid_at,
        welcome_due=row.welcome_due,
        welcomed_at=row.welcomed_at,
        service_due=row.service_due,
        live_at=row.live_at,
        told=row.told,
    )
