"""What can be done with plans: what is on offer, and which client has which."""

from dataclasses import replace
from datetime import datetime

from pbx_control.domain.audit import Verb
from pbx_control.domain.money.plans import MONTHS_AHEAD, Plan
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import ledger, plans
from pbx_control.store.plans import Offer, Subscription


def set_plan(work: Work, new: Plan) -> bool:
    """Keeps a plan under its name; True if it is a new one.

    Raises ClientMistake if clients have, or had, the plan of that name and its terms would change: a new price is a
    new plan, so that what a client was promised stays.
    """
    known = plans.known(work.conn, new.name)
    if known is None:
        plans.insert_plan(work.conn, new)
        work.note(Verb.PLAN_ADDED, new.name, client_id=new.client_id, new=plans.columns(new))
        return True
    if not _is_same(known.plan, new):
        _refuse_if_subscribed(work, known.plan)
        plans.update_plan(work.conn, known.plan.id, new)
        old = plans.columns(known.plan)
        work.note(Verb.PLAN_CHANGED, new.name, client_id=new.client_id, old=old, new=plans.columns(new))
    return False


def retire(work: Work, name: str) -> None:
    """No longer on offer; who has it keeps it. Raises ClientMistake if it is unknown or retired already."""
    known = plans.find(work.conn, name)
    if known.retired_at is not None:
        raise ClientMistake("the plan {name} is retired already: nothing to do", Code.NOTHING_TO_DO, name=name)
    plans.retire(work.conn, known.plan.id, work.at)
    work.note(Verb.PLAN_RETIRED, name, client_id=known.plan.client_id)


def assign(work: Work, client_id: int, name: str, *, months: int = 1, anchor_day: int | None = None) -> Subscription:
    """Gives the client a plan from now on; an earlier one ends. The first one opens its account: its months begin on
    `anchor_day`, by default the day that it is now in its zone.

    Raises ClientMistake if the client has cancelled, or the plan is unknown, retired, another client's own, or the one
    that the client has.
    """
    slug = refuse_cancelled(work.conn, client_id)
    offer = plans.find(work.conn, name)
    _refuse_if_not_offered(offer, client_id)
    monthly = offer.plan
    old = plans.current(work.conn, client_id)
    if old and old.plan.id == monthly.id and old.months == months:
        raise ClientMistake("the client has the plan {name} already: nothing to do", Code.NOTHING_TO_DO, name=name)
    _check_terms(months, anchor_day, bool(ledger.find(work.conn, client_id)))
    if old:
        plans.end(work.conn, client_id, work.at)
    paid_until = old.paid_until if old else None
    key = plans.begin(work.conn, client_id, monthly, work.at, months, paid_until)
    _account_for(work, client_id, old, monthly, anchor_day)
    was = {"plan": old.plan.name, "months": old.months} if old else {}
    work.note(Verb.PLAN_ASSIGNED, slug, client_id=client_id, old=was, new={"plan": name, "months": months})
    return Subscription(key, client_id, monthly, work.at, None, months, paid_until)


def _account_for(work: Work, client_id: int, old: Subscription | None, monthly: Plan, anchor_day: int | None) -> None:
    if ledger.find(work.conn, client_id) is None:
        ledger.open_account(work.conn, client_id, monthly, work.at, anchor_day)
    elif old is None and _came_back_later(work, client_id, work.at):
        ledger.begin_again(work.conn, client_id, monthly, work.at)
    elif old is None or old.plan.calls != monthly.calls:  # None: it had cancelled, and comes back
        ledger.change_plan(work.conn, client_id, monthly, work.at)


def _came_back_later(work: Work, client_id: int, at: datetime) -> bool:
    """Whether the client had no plan when its period began: nothing was granted for that, nor paid."""
    *_, last, _ = plans.history(work.conn, client_id)
    return last.until is not None and last.until <= ledger.up_to_date(work.conn, client_id, at).period.start


def _check_terms(months: int, anchor_day: int | None, has_account: bool) -> None:
    if months not in MONTHS_AHEAD:
        raise ClientMistake(
            "{months} months cannot be paid ahead: choose 1, 3, 6 or 12",
            Code.BAD_VALUE,
            months=months,
            field=Field("months"),
        )
    if anchor_day is not None and has_account:
        raise ClientMistake(
            "the client's months have their day already: it stays, so that no period is cut short", Code.WRONG_STATE
        )


def _refuse_if_not_offered(offer: Offer, client_id: int) -> None:
    if offer.retired_at is not None:
        raise ClientMistake("the plan {name} is retired", Code.PLAN_RETIRED, name=offer.plan.name)
    if offer.plan.client_id not in (None, client_id):
        raise ClientMistake(
            "the plan {name} was made to measure for another client", Code.NOT_FOR_THIS_CLIENT, name=offer.plan.name
        )


def _refuse_if_subscribed(work: Work, known: Plan) -> None:
    if plans.was_had(work.conn, known.id):
        raise ClientMistake("clients have the plan {name} on its terms", Code.PLAN_IN_USE, name=known.name)


def _is_same(known: Plan, new: Plan) -> bool:
    discounts = {months: percent for months, percent in new.discounts.items() if percent}
    return known == replace(new, id=known.id, discounts=discounts)
