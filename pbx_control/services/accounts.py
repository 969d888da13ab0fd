"""What can be done with a client's account: bags sold, charges disputed, taken back or upheld."""

from datetime import datetime

from sqlalchemy import Engine

from pbx_control.catalogue import counted
from pbx_control.domain import checks
from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.money.billing import Invoice
from pbx_control.domain.money.plans import MOST_PESOS
from pbx_control.domain.money.quota import Account, Uncounted
from pbx_control.errors import ClientMistake, Code, Pesos
from pbx_control.services import charging, corrections
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work, booking
from pbx_control.settings import Settings
from pbx_control.store import call_log, clients, ledger, plans

# Clients whose months are begun in one transaction: live calls wait for it.
AT_ONCE = 10


def sell_bag(
    work: Work, settings: Settings, slug: str, calls: int, price: int | None = None
) -> tuple[int, Invoice | None, Account]:
    """Sells a client a bag of so many calls, for so many net pesos, or so many times its plan's price of a call.

    Gives the price, the invoice (None if there is nothing to pay, or no issuer is set) and the account. Raises
    ClientMistake if the client has cancelled or has no plan, or the price is more than an invoice may say.
    """
    client_id = clients.find(work.conn, slug).id
    refuse_cancelled(work.conn, client_id)
    cost = _price(work, slug, client_id, calls) if price is None else price
    bag_id = ledger.add_bag(work.conn, client_id, calls, cost, work.at)
    issued = charging.invoice_bag(work.conn, settings, client_id, bag_id, calls, cost, work.at)
    sold = {"bag": bag_id, "calls": calls, "price": cost}
    work.note(Verb.BAG_SOLD, slug, client_id=client_id, new=sold)
    return cost, issued, ledger.read(work.conn, client_id)


def dispute(work: Work, entry_id: int, why: str) -> None:
    """Notes that the client objects to a charge. Raises ClientMistake if it cannot be disputed, or has been before."""
    corrections.dispute(work.conn, entry_id, checks.line(why, "why"), work.at)
    _note(work, Verb.CHARGE_DISPUTED, entry_id)


def reverse(work: Work, entry_id: int, why: str) -> None:
    """Takes a charge back by an entry against it. Raises ClientMistake if it is none, or has been taken back."""
    corrections.reverse(work.conn, entry_id, checks.line(why, "why"), work.at)
    _note(work, Verb.CHARGE_REVERSED, entry_id)


def uphold(work: Work, entry_id: int, why: str) -> None:
    """Settles a dispute: the charge stays. Raises ClientMistake unless an open dispute is about it."""
    corrections.uphold(work.conn, entry_id, checks.line(why, "why"), work.at)
    _note(work, Verb.CHARGE_UPHELD, entry_id)


def uncount(work: Work, call_id: str, reason: Uncounted, why: str = "") -> str:
    """Takes back what a call was charged because it should not have counted; gives the call's whole id.

    Raises ClientMistake if nothing was charged for it, or that has been taken back already.
    """
    said = checks.line(why, "why") if why else ""
    found = call_log.find(work.conn, call_id)
    entry_id = corrections.uncount(work.conn, found.id, reason, said, work.at)
    _note(work, Verb.CALL_UNCOUNTED, entry_id, call=found.id, reason=reason.value)
    return found.id


def begin_months(engine: Engine, actor: Actor, at: datetime) -> tuple[int, int]:
    """Begins the months whose time has come, and gives back what calls that are over still have reserved; how many of
    both. AT_ONCE in a transaction: live calls wait for it."""
    begun, some = 0, 1
    while some:
        with booking(engine, actor, at) as work:
            some = ledger.roll_over_due(work.conn, at, limit=AT_ONCE)
            if some:
                work.note(Verb.MONTHS_BEGUN, "", new={"accounts": some})
        begun += some
    with booking(engine, actor, at) as work:
        returned = ledger.release_forgotten(work.conn)
        if returned:
            work.note(Verb.UNITS_RETURNED, "", new={"calls": returned})
    return begun, returned


def _note(work: Work, verb: Verb, entry_id: int, **facts: str) -> None:
    """Reasons stay in the ledger: they may name callers."""
    work.note(verb, f"entry {entry_id}", client_id=ledger.client_of(work.conn, entry_id), new=facts)


def _price(work: Work, slug: str, client_id: int, calls: int) -> int:
    current = plans.current(work.conn, client_id)
    if current is None:
        raise ClientMistake("the client {slug} has no plan", Code.NO_PLAN, slug=slug)
    if (cost := calls * current.plan.extra_call) > MOST_PESOS:
        raise ClientMistake(
            counted(
                "{calls} call would cost {cost}, more than an invoice may say",
                "{calls} calls would cost {cost}, more than an invoice may say",
                by="calls",
            ),
            Code.TOO_DEAR,
            calls=calls,
            cost=Pesos(cost),
        )
    return cost
