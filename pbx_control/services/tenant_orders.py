"""What a client may order, and has ordered: its owner does so.

Everything goes through an object that is bound to that client, as in `services/tenant.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from pbx_control.domain.audit import Actor
from pbx_control.domain.money.orders import ClientOrder
from pbx_control.domain.money.plans import Plan
from pbx_control.services import client_orders
from pbx_control.services.work import booking
from pbx_control.settings import Settings
from pbx_control.store import client_orders as store
from pbx_control.store import clients, plans
from pbx_control.store.engine import reading

__all__ = ["Offered", "OrdersOf"]
# Orders that are shown.
LATEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What there is to order, and what was ordered of late."""

    firm: str
    timezone: str
    plan: Plan | None  # that it has
    bags: Sequence[tuple[int, int]]  # calls, and net pesos for all of it
    plans: Sequence[Plan]
    orders: Sequence[ClientOrder]  # the newest first


@dataclass(frozen=True, slots=True)
class OrdersOf:
    """One of a client's owners, and the client's orders. Each question and each change is a transaction of its own."""

    engine: Engine
    settings: Settings
    client_id: int
    actor: Actor

    def offered(self) -> Offered:
        """What there is to order."""
        with reading(self.engine) as conn:
            firm, current = clients.get(conn, self.client_id), plans.current(conn, self.client_id)
            sizes = self.settings.billing.bag_sizes if current else ()
            return Offered(
                firm=firm.name,
                timezone=firm.timezone,
                plan=current.plan if current else None,
                bags=[(size, size * current.plan.extra_call) for size in sizes if current],
                plans=client_orders.on_offer(conn, self.client_id),
                orders=store.rows(conn, client_id=self.client_id, limit=LATEST),
            )

    def bag(self, calls: int, at: datetime) -> None:
        """Orders a bag. Raises ClientMistake as `services.client_orders.order_bag`."""
        with booking(self.engine, self.actor, at) as work:
            client_orders.order_bag(work, self.settings, self.client_id, calls)

    def plan(self, name: str, at: datetime) -> None:
        """Orders another plan. Raises ClientMistake as `services.client_orders.order_plan`."""
        with reading(self.engine) as conn:
            worse = client_orders.staffing_before(conn, self.settings, self.client_id, name, at)
        with booking(self.engine, self.actor, at) as work:
            client_orders.order_plan(work, self.settings, self.client_id, name, worse)

    def withdraw(self, order_id: int, at: datetime) -> None:
        """Takes an order back. Raises ClientMistake if it is none of the client's, or has been decided."""
        with booking(self.engine, self.actor, at) as work:
            client_orders.withdraw(work, self.client_id, order_id)
