"""Whatever a client does with its plans, what it has paid is, to the peso, what each of its days cost."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from acting import by_admin
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from pbx_control.domain.money.billing import Invoice, InvoiceKind
from pbx_control.domain.money.periods import Period, period_of
from pbx_control.domain.money.plans import Plan
from pbx_control.services import charging, clientele, subscriptions
from pbx_control.settings import Billing, Settings
from pbx_control.store import invoices, plans

SANTIAGO = ZoneInfo("America/Santiago")
SETTINGS = Settings(billing=Billing(issuer_rut="76.086.428-5"))
PRICES = {"Gratis": 0, "Uno": 19_990, "Dos": 33_333, "Tres": 100_001}
LEAVE, NOTHING = "leave", "nothing"

steps = st.tuples(st.integers(0, 45), st.integers(0, 23), st.sampled_from([*PRICES, LEAVE, NOTHING]))


class Model:
    """What each day of a client costs, kept day by day, without invoices."""

    def __init__(self, anchor: int) -> None:
        self.anchor = anchor
        self.plan: str | None = None
        self.days: dict[date, Fraction] = {}
        self.paid_until: datetime | None = None
        self.changes = 0

    def period(self, at: datetime) -> Period:
        return period_of(self.anchor, SANTIAGO, at)

    def night(self, now: datetime) -> None:
        """Every period that has begun is paid at the price of the plan."""
        while self.plan is not None and (self.paid_until is None or self.paid_until <= now):
            period = self.period(self.paid_until or now)
            self._price(period, period.start)
            self.paid_until = period.end

    def assign(self, plan: str, now: datetime) -> None:
        came_back = self.plan is None and self.paid_until is not None and self.paid_until <= now
        self.paid_until = None if came_back else self.paid_until
        self.plan, self.changes = plan, self.changes + 1
        if self.paid_until is not None and self.paid_until > now:
            self._price(self.period(now), now)
        self.night(now)

    def _price(self, period: Period, since: datetime) -> None:
        first, end = (at.astimezone(SANTIAGO).date() for at in (period.start, period.end))
        day = since.astimezone(SANTIAGO).date()
        while day < end:
            self.days[day] = Fraction(PRICES[self.plan or ""], (end - first).days)
            day += timedelta(days=1)


def live(conn: Connection, anchor: int, story: list[tuple[int, int, str]]) -> tuple[Model, list[Invoice]]:
    """Lives through a story, with the store and with the model; gives the model and all that was issued."""
    model, now = Model(anchor), datetime(2026, 1, 30, 12, tzinfo=UTC)
    for name, price in PRICES.items():
        plan = Plan(name=name, calls=10, price=price, extra_call=1, contacts=1, calendars=1)
        subscriptions.set_plan(by_admin(conn), plan)
    client_id = clientele.add(by_admin(conn, now), "andes", name="Andes")
    for days, hours, action in story:
        now += timedelta(days=days, hours=hours)
        charging.renew(conn, SETTINGS, client_id, now)
        model.night(now)
        if action == LEAVE:
            plans.end(conn, client_id, now)
            charging.credit_paid_ahead(conn, SETTINGS, client_id, now)
            model.plan = None
        elif action != NOTHING and action != model.plan:
            first = plans.history(conn, client_id) == []
            subscriptions.assign(by_admin(conn, now), client_id, action, anchor_day=anchor if first else None)
            charging.invoice_plan_change(conn, SETTINGS, client_id, now)
            model.assign(action, now)
    return model, invoices.issued(conn, client_id=client_id)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 31), st.lists(steps, min_size=1, max_size=12))
def test_what_is_paid_is_what_the_days_cost(engine: Engine, anchor: int, story: list[tuple[int, int, str]]) -> None:
    with engine.connect() as conn:  # never committed: each story begins with an empty store
        model, issued = live(conn, anchor, story)
        left = {each.id: invoices.left(conn, each) for each in issued if each.kind is not InvoiceKind.CREDIT_NOTE}
        paid = sum(left.values())
        assert abs(paid - sum(model.days.values())) <= model.changes
        assert all(net >= 0 for net in left.values())
        for kind in InvoiceKind:
            of_kind = sorted(each.number for each in issued if each.kind is kind)
            assert of_kind == list(range(1, len(of_kind) + 1))
