"""What clients are charged, and when: renewals, numbers added, bags, changes of plan, and what goes back to them.

Each function works in the transaction of what it charges for, and is harmless when it is repeated: every invoice has a
cause, and a cause is invoiced once. The rules are written down in docs/decisions/billing.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pbx_control.domain.money import billing
from pbx_control.domain.money.billing import Cause, Draft, Invoice, InvoiceKind, Line, Purpose
from pbx_control.domain.money.periods import INTO_THE_DAY, Period, period_of, periods_ahead
from pbx_control.domain.office import ClientState
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.services import issuing
from pbx_control.settings import Settings
from pbx_control.store import clients, dids, invoices, ledger, plans
from pbx_control.store.clients import Client
from pbx_control.store.dids import Did
from pbx_control.store.plans import Subscription


@dataclass(frozen=True, slots=True)
class _Payer:
    """A client with what its charges depend on."""

    client: Client
    anchor_day: int

    @property
    def id(self) -> int:
        return self.client.id

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.client.timezone)

    def period(self, at: datetime) -> Period:
        return period_of(self.anchor_day, self.zone, at)


def renew(conn: Connection, settings: Settings, client_id: int, now: datetime) -> list[Invoice]:
    """Issues all that is due for a client now; each period once, however often this is called.

    A client that is suspended is not charged, nor is anybody while no issuer is set: periods that have gone by
    meanwhile are passed over. Raises ClientMistake if an invoice cannot be made: nothing is issued then.
    """
    plans.take_current(conn, client_id)
    current = plans.current(conn, client_id)
    if current is None:
        return []
    payer = _payer(conn, client_id)
    if payer.client.state != ClientState.ACTIVE or not settings.billing.issuer_rut:
        _pass_over(conn, payer, current, now)
        return []
    added = _added_numbers(conn, settings, payer, current, now)
    return added + _renewals(conn, settings, payer, current, now) + _bags(conn, settings, payer, now)


def invoice_bag(
    conn: Connection, settings: Settings, client_id: int, bag_id: int, calls: int, price: int, now: datetime
) -> Invoice | None:
    """The invoice for a bag; `price` is net, of the whole bag. None if it is free, or no issuer is set: once one is,
    `renew` makes it up within the client's month."""
    lines = billing.bag_lines(calls, price)
    if not settings.billing.issuer_rut:
        return None
    return _issue(conn, settings, _payer(conn, client_id), lines, _bag_cause(bag_id), now)


def invoice_plan_change(conn: Connection, settings: Settings, client_id: int, now: datetime) -> list[Invoice]:
    """To be called when a plan has been assigned, in the same transaction: what follows from it for the client.

    Within time that is paid already, the difference for the rest of it: an invoice, or credit notes if it is negative.
    Then all that is due now, which is the first period of a client that is new.
    """
    former, current = _two_newest(conn, client_id)
    if current is None or not settings.billing.issuer_rut:
        return []
    changed: list[Invoice] = []
    if former is not None and former.paid_until is not None and former.paid_until > now:
        plans.set_paid_until(conn, current.id, former.paid_until)
        changed = _difference(conn, settings, _payer(conn, client_id), former, current, now)
    return changed + renew(conn, settings, client_id, now)


def credit_paid_ahead(conn: Connection, settings: Settings, client_id: int, now: datetime) -> list[Invoice]:
    """To be called when a client has cancelled: credits the plan for the months that it paid ahead and that have not
    begun. The month under way is not credited."""
    _, last = _two_newest(conn, client_id)
    if last is None or last.paid_until is None or not settings.billing.issuer_rut:
        return []
    payer = _payer(conn, client_id)
    begun = payer.period(now).end
    if last.paid_until <= begun:
        return []
    paid = _paid_stretch(conn, payer, last.paid_until, now)
    net = billing.unused_ahead(last.plan, paid, begun, payer.zone)
    why = f"Meses pagados por adelantado del plan {clean_line(last.plan.name, NAME_LIMIT)}, no usados"
    plans.set_paid_until(conn, last.id, begun)
    cause = Cause(key=f"leave:{last.id}", purpose=Purpose.LEAVE, subscription_id=last.id)
    return _give_back(conn, settings, payer, paid, net, why, cause, now)


# --- renewals ---------------------------------------------------------------------------------------------


def _renewals(
    conn: Connection, settings: Settings, payer: _Payer, current: Subscription, now: datetime
) -> list[Invoice]:
    """An invoice for each stretch of months that has begun and is not paid."""
    issued: list[Invoice] = []
    start = current.paid_until or payer.period(current.since).start
    while start <= now:
        end = periods_ahead(payer.anchor_day, payer.zone, start + INTO_THE_DAY, current.months).end
        lines = billing.renewal_lines(current.plan, current.months, plans.extra_dids(conn, payer.id))
        key = f"renewal:{payer.id}:{start.astimezone(payer.zone):%Y-%m-%d}"
        cause = Cause(key=key, purpose=Purpose.RENEWAL)
        if invoices.by_cause(conn, cause) is None:
            issued += filter(None, [_issue(conn, settings, payer, lines, cause, now, Period(start, end))])
        plans.set_paid_until(conn, current.id, end)
        start = end
    return issued


def _pass_over(conn: Connection, payer: _Payer, current: Subscription, now: datetime) -> None:
    """Time that was neither served nor invoiced is not charged later; the period under way still may be."""
    reached, begun = current.paid_until or payer.period(current.since).start, payer.period(now).start
    if reached < begun:
        plans.set_paid_until(conn, current.id, begun)


# --- bags that were sold while no issuer was set ----------------------------------------------------------


def _bag_cause(bag_id: int) -> Cause:
    return Cause(key=f"bag:{bag_id}", purpose=Purpose.BAG, bag_id=bag_id)


def _bags(conn: Connection, settings: Settings, payer: _Payer, now: datetime) -> list[Invoice]:
    """An invoice for each bag of the month under way that has none."""
    sold = ledger.bags_sold_since(conn, payer.id, payer.period(now).start)
    unpaid = [each for each in sold if invoices.by_cause(conn, _bag_cause(each.id)) is None]
    made = (invoice_bag(conn, settings, payer.id, each.id, each.calls, each.price, now) for each in unpaid)
    return [each for each in made if each]


# --- numbers added within paid time -----------------------------------------------------------------------


def _added_numbers(
    conn: Connection, settings: Settings, payer: _Payer, current: Subscription, now: datetime
) -> list[Invoice]:
    """An invoice for each number beyond the first that came after the last renewal, for the rest of what that paid."""
    renewal = _last_renewal(conn, payer.id)
    if renewal is None or renewal.period is None:
        return []
    added = dids.added_since(conn, payer.id, renewal.issued_at)
    return [each for one in added if (each := _added_number(conn, settings, payer, current, renewal.period, one, now))]


def _added_number(
    conn: Connection,
    settings: Settings,
    payer: _Payer,
    current: Subscription,
    paid: Period,
    added: Did,
    now: datetime,
) -> Invoice | None:
    assigned_at = added.assigned_at or now
    key = f"did:{payer.id}:{added.number}:{assigned_at:%Y-%m-%dT%H:%M:%S}"
    cause = Cause(key=key, purpose=Purpose.NUMBER)
    if invoices.by_cause(conn, cause) is not None:
        return None
    since = min(assigned_at, paid.end)
    lines = billing.added_did_lines(current.plan, added.country, added.number, paid, since, payer.zone)
    return _issue(conn, settings, payer, lines, cause, now, Period(since, paid.end))


# --- changes of plan --------------------------------------------------------------------------------------


def _difference(
    conn: Connection, settings: Settings, payer: _Payer, former: Subscription, current: Subscription, now: datetime
) -> list[Invoice]:
    assert former.paid_until is not None
    paid = _paid_stretch(conn, payer, former.paid_until, now)
    cause = Cause(key=f"change:{current.id}", purpose=Purpose.CHANGE, subscription_id=current.id)
    bought = _months_bought(conn, payer, paid)
    lines = billing.plan_change_lines(former.plan, current.plan, paid, max(now, paid.start), payer.zone, bought)
    net = sum(line.amount for line in lines)
    if net < 0:
        names = (clean_line(each.plan.name, NAME_LIMIT) for each in (former, current))
        why = "Cambio del plan {} al plan {}".format(*names)
        return _give_back(conn, settings, payer, paid, -net, why, cause, now)
    invoiced = _issue(conn, settings, payer, lines if net else (), cause, now, Period(max(now, paid.start), paid.end))
    return [invoiced] if invoiced else []


def _give_back(
    conn: Connection, settings: Settings, payer: _Payer, paid: Period, net: int, why: str, cause: Cause, now: datetime
) -> list[Invoice]:
    """Credits so much of what was paid for the stretch, the last invoice first, and never more than there is left."""
    if done := invoices.given_back(conn, payer.id, cause):
        return done
    notes: list[Invoice] = []
    for paid_by in _paying(conn, payer.id, paid.end):
        part = min(net, invoices.left(conn, paid_by))
        if part > 0:
            of_this = replace(cause, key=f"{cause.key}:{paid_by.id}")
            notes.append(issuing.credit_part(conn, settings, paid_by, part, why, of_this, now))
            net -= part
    return notes


def _paying(conn: Connection, client_id: int, end: datetime) -> Sequence[Invoice]:
    """The invoices by which the client paid its plan up to `end`, the newest first."""
    return [
        found
        for found in invoices.issued(conn, client_id=client_id)
        if found.kind is not InvoiceKind.CREDIT_NOTE
        and found.cause.purpose in (Purpose.RENEWAL, Purpose.CHANGE)
        and found.period is not None
        and found.period.start < end <= found.period.end
    ]


def _paid_stretch(conn: Connection, payer: _Payer, end: datetime, now: datetime) -> Period:
    """What was paid at once, up to `end`: as its invoice says, or, where the plan was free, from this month on."""
    renewal = _last_renewal(conn, payer.id)
    if renewal is not None and renewal.period is not None and renewal.period.end == end:
        return renewal.period
    return Period(payer.period(min(now, end - INTO_THE_DAY)).start, end)


def _months_bought(conn: Connection, payer: _Payer, paid: Period) -> int:
    """How many months were paid at once, of which `paid` is what has stayed; 0 where no invoice says so."""
    renewal = _last_renewal(conn, payer.id)
    if renewal is None or renewal.period is None or not renewal.period.start < paid.end <= renewal.period.end:
        return 0
    return billing.months_of(renewal.period)


def _last_renewal(conn: Connection, client_id: int) -> Invoice | None:
    found = invoices.renewals(conn, client_id)
    return found[-1] if found else None


# --- what they share --------------------------------------------------------------------------------------


def _issue(
    conn: Connection,
    settings: Settings,
    payer: _Payer,
    lines: tuple[Line, ...],
    cause: Cause,
    now: datetime,
    period: Period | None = None,
) -> Invoice | None:
    """The invoice for these lines, as the client wants its invoices; None if there is nothing to pay."""
    if not sum(line.amount for line in lines):
        return None
    draft = Draft(
        kind=InvoiceKind(payer.client.invoice_as),
        client_id=payer.id,
        issuer=issuing.issuer(settings),
        buyer=issuing.buyer(conn, payer.client),
        lines=lines,
        cause=cause,
        day=settings.office.day(now),
        period=period,
    )
    return issuing.issue(conn, draft, now)


def _payer(conn: Connection, client_id: int) -> _Payer:
    return _Payer(clients.get(conn, client_id), ledger.anchor_day(conn, client_id))


def _two_newest(conn: Connection, client_id: int) -> tuple[Subscription | None, Subscription | None]:
    history = [None, None, *plans.history(conn, client_id)]
    return history[-2], history[-1]
