"""What a client orders on its page, bags and another plan, and what the office makes of it (rules 10 and 11)."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.money.billing import Invoice
from pbx_control.domain.money.orders import ClientOrder, OrderKind, OrderState
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.notices.order_notes import compose_order
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import accounts, invoicing, subscriptions
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.settings import Settings
from pbx_control.store import client_orders, clients, invoices, letters, plans

if TYPE_CHECKING:
    from pbx_control.domain.staffing.outlook import Gap


def order_bag(work: Work, settings: Settings, client_id: int, calls: int) -> ClientOrder:
    """Orders a bag of one of the sizes on offer, at the plan's price of a call. The same once more is no other order.

    Raises ClientMistake if the client has cancelled or has no plan, the size is not on offer, or another bag waits.
    """
    slug = refuse_cancelled(work.conn, client_id)
    current = plans.current(work.conn, client_id)
    if current is None:
        raise ClientMistake("the client {slug} has no plan", Code.NO_PLAN, slug=slug)
    if calls not in settings.billing.bag_sizes:
        raise ClientMistake("this bag is not on offer", Code.BAD_VALUE, field=Field("calls"))
    waits = _waiting(work, client_id, OrderKind.BAG)
    if waits and waits.calls == calls:
        return waits
    _refuse_second(waits)
    price = calls * current.plan.extra_call
    made = client_orders.add(work.conn, client_id, OrderKind.BAG, price, work.at, work.actor.name, calls=calls)
    return _placed(work, settings, made)


def staffing_before(conn: Connection, settings: Settings, client_id: int, name: str, at: datetime) -> "Sequence[Gap]":
    """Where too few secretaries would be there if this plan were ordered and confirmed: for the letter to the office.

    It is reckoned for a while, so not in the transaction that orders; not at all for what will be no new order.
    """
    waits = client_orders.open_of(conn, client_id, OrderKind.PLAN)
    if waits or not settings.office.alarms_to or name not in {one.name for one in on_offer(conn, client_id)}:
        return ()
    return _worse(conn, settings, [(clients.get(conn, client_id).slug, name)], at)[0]


def staffing_of(
    conn: Connection, settings: Settings, orders: Sequence[ClientOrder], at: datetime
) -> "list[Sequence[Gap]]":
    """The same for each of these orders, as it is by now: nothing for bags, and for what has been decided."""
    sales = [(one.client, (one.plan or "") if one.state is OrderState.OPEN else "") for one in orders]
    return _worse(conn, settings, sales, at)


def _worse(
    conn: Connection, settings: Settings, sales: Sequence[tuple[str, str]], at: datetime
) -> "list[Sequence[Gap]]":
    if not any(plan for _, plan in sales):
        return [() for _ in sales]
    # Imported here: it reckons with matrices, which nothing else about orders does.
    from pbx_control.services import staffing

    changes = [staffing.selling(conn, slug, plan) if plan else [] for slug, plan in sales]
    return [*staffing.what_gets_worse(conn, ZoneInfo(settings.office.timezone), at, changes)]


def order_plan(work: Work, settings: Settings, client_id: int, name: str, worse: "Sequence[Gap]" = ()) -> ClientOrder:
    """Orders another plan. The same once more is no other order. The office is warned of `worse` (`staffing_before`).

    Raises ClientMistake if the client has cancelled, the plan is not on offer for it, or is the one that it has, or
    another one waits.
    """
    refuse_cancelled(work.conn, client_id)
    wanted = next((one for one in on_offer(work.conn, client_id) if one.name == name), None)
    if wanted is None:
        raise ClientMistake("this plan is not on offer", Code.BAD_VALUE, field=Field("plan"))
    waits = _waiting(work, client_id, OrderKind.PLAN)
    if waits and waits.plan == name:
        return waits
    _refuse_second(waits)
    made = client_orders.add(
        work.conn, client_id, OrderKind.PLAN, wanted.price, work.at, work.actor.name, plan_id=wanted.id
    )
    return _placed(work, settings, made, worse)


def on_offer(conn: Connection, client_id: int) -> list[Plan]:
    """The plans that a client may have besides its own, the smallest first; those made to measure for it included."""
    current = plans.current(conn, client_id)
    found = [plans.find(conn, name) for name in plans.names(conn)]
    offered = [one.plan for one in found if one.plan.client_id in (None, client_id)]
    return sorted((one for one in offered if not current or one.id != current.plan.id), key=lambda one: one.calls)


def withdraw(work: Work, client_id: int, order_id: int) -> None:
    """The client wants it no more. Raises ClientMistake if it is none of its orders, or has been decided."""
    order = client_orders.get(work.conn, order_id)
    if order.client_id != client_id:
        raise ClientMistake("there is no order {id}", Code.NO_SUCH_ORDER, id=order_id)
    _decide(work, order, OrderState.WITHDRAWN, Verb.ORDER_WITHDRAWN)


def refuse(work: Work, order_id: int, why: str) -> ClientOrder:
    """The office does not do it, and says why. Raises ClientMistake if there is none such, or it has been decided."""
    order = client_orders.get(work.conn, order_id)
    _decide(work, order, OrderState.REFUSED, Verb.ORDER_REFUSED, checks.reason(why))
    return order


def confirm(work: Work, settings: Settings, order_id: int) -> tuple[ClientOrder, Sequence[Invoice]]:
    """The office does it, at the price that the client was shown; gives the order and what was invoiced for it.

    Raises ClientMistake if there is none such, it has been decided, its price holds no more, or what it is for cannot
    be done.
    """
    order = client_orders.get(work.conn, order_id)
    _decide(work, order, OrderState.CONFIRMED, Verb.ORDER_CONFIRMED)
    if order.kind is OrderKind.BAG:
        _, issued, _ = accounts.sell_bag(work, settings, order.client, order.calls or 0, order.price)
        return order, [issued] if issued else []
    if plans.get(work.conn, order.plan or "").price != order.price:
        raise ClientMistake(
            "the plan {name} costs something else by now: refuse the order, and have it ordered anew",
            Code.CHANGED_MEANWHILE,
            name=order.plan,
        )
    subscriptions.assign(work, order.client_id, order.plan or "")
    return order, invoicing.charge_plan(work, settings, order.client)


def _decide(work: Work, order: ClientOrder, state: OrderState, verb: Verb, why: str = "") -> None:
    if not client_orders.decide(work.conn, order.id, state, work.at, why):
        raise ClientMistake("order {id} has been decided already: nothing to do", Code.NOTHING_TO_DO, id=order.id)
    work.note(verb, order.client, client_id=order.client_id, new={"order": order.what})


def _waiting(work: Work, client_id: int, kind: OrderKind) -> ClientOrder | None:
    """The order of that kind that waits. Two that order at the same instant come one after the other."""
    invoices.take_client(work.conn, client_id)
    return client_orders.open_of(work.conn, client_id, kind)


def _refuse_second(waits: ClientOrder | None) -> None:
    if waits:
        raise ClientMistake("another order waits to be confirmed: withdraw it first", Code.WRONG_STATE)


def _placed(work: Work, settings: Settings, order: ClientOrder, worse: "Sequence[Gap]" = ()) -> ClientOrder:
    office = settings.office
    desk = AlarmDesk(office.alarms_to, office.language, office.name, office.timezone)
    if desk.address:
        name = clients.get(work.conn, order.client_id).name
        letters.add(work.conn, [compose_order(order, name, desk, worse)])
    told = {"order": order.what, "price": order.price}
    work.note(Verb.ORDER_PLACED, order.client, client_id=order.client_id, new=told)
    return order
