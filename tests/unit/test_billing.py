"""Charges: sums, IVA and parts of periods add up to the peso, whatever the plan, the day and the order of changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.money import billing
from pbx_control.domain.money.billing import Line, LineKind
from pbx_control.domain.money.periods import Period, period_of, periods_ahead
from pbx_control.domain.money.plans import MONTHS_AHEAD, Plan
from pbx_control.errors import ClientMistake

SANTIAGO = ZoneInfo("America/Santiago")
NOON = datetime(2026, 11, 10, 15, tzinfo=UTC)

amounts = st.integers(0, 10_000_000)
percents = st.integers(0, 100)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))
days_of_month = st.integers(1, 31)
plans = st.builds(
    Plan,
    name=st.text(max_size=60),
    calls=st.integers(0, 10_000),
    price=amounts,
    extra_call=st.integers(0, 5_000),
    contacts=st.just(1),
    calendars=st.just(1),
    discounts=st.fixed_dictionaries({3: percents, 6: percents, 12: percents}),
    did_prices=st.just({"CL": 5_000, "US": 9_900}),
)


def a_plan(price: int = 30_000, name: str = "Inicial", **terms: object) -> Plan:
    usual = {"calls": 100, "extra_call": 350, "contacts": 2, "calendars": 1}
    return Plan(name=name, price=price, **(usual | terms))


def november() -> Period:
    return period_of(1, SANTIAGO, NOON)


def net(lines: tuple[Line, ...]) -> int:
    return sum(line.amount for line in lines)


# --- IVA --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "iva"), [(0, 0), (1, 0), (2, 0), (3, 1), (50, 10), (100, 19), (30_000, 5_700), (250, 48), (150, 29)]
)
def test_iva_is_19_percent_and_halves_round_up(amount: int, iva: int) -> None:
    assert billing.vat(amount) == iva


@given(amounts)
def test_iva_is_never_off_by_more_than_half_a_peso(amount: int) -> None:
    assert -50 < 100 * billing.vat(amount) - 19 * amount <= 50


def test_there_is_no_iva_below_zero() -> None:
    with pytest.raises(ValueError, match="never negative"):
        billing.vat(-1)


@given(st.lists(st.integers(1, 1_000_000), min_size=1, max_size=8))
def test_notes_bit_by_bit_have_the_iva_of_the_invoice(parts: list[int]) -> None:
    notes = [billing.note_sums(part, sum(parts[:before])) for before, part in enumerate(parts)]
    assert sum(note.vat for note in notes) == billing.vat(sum(parts))
    assert all(abs(note.vat - billing.vat(note.net)) <= 1 for note in notes)


# --- renewals ---------------------------------------------------------------------------------------------


def test_a_month_is_the_plan_alone() -> None:
    assert billing.renewal_lines(a_plan(), 1, {}) == (
        Line(LineKind.PLAN, "Plan Inicial, 100 llamadas al mes", 1, 30_000),
    )


def test_months_ahead_have_their_discount_on_a_line_of_its_own() -> None:
    plan = a_plan(discounts={12: 20}, did_prices={"CL": 4_000, "US": 9_900})
    assert billing.renewal_lines(plan, 12, {"US": 1, "CL": 2}) == (
        Line(LineKind.PLAN, "Plan Inicial, 100 llamadas al mes", 12, 30_000),
        Line(LineKind.DISCOUNT, "Descuento de 20 % por 12 meses pagados por adelantado", 1, -72_000),
        Line(LineKind.DID, "Número adicional de Chile (2 por 12 meses)", 24, 4_000),
        Line(LineKind.DID, "Número adicional de Estados Unidos (1 por 12 meses)", 12, 9_900),
    )


def test_a_number_of_a_country_without_price_is_refused_by_name() -> None:
    with pytest.raises(ClientMistake, match="plan Inicial has no price for further numbers of US"):
        billing.renewal_lines(a_plan(), 1, {"US": 1})


@given(plans, st.sampled_from(MONTHS_AHEAD), st.dictionaries(st.sampled_from(["CL", "US"]), st.integers(1, 9)))
def test_a_renewal_is_the_months_less_the_discount_plus_the_numbers(
    plan: Plan, months: int, extra: dict[str, int]
) -> None:
    lines = billing.renewal_lines(plan, months, extra)
    numbers = sum(count * months * plan.did_prices[country] for country, count in extra.items())
    owed = billing.sums(lines)
    assert owed.net == billing.price_ahead(plan, months) + numbers
    assert owed.total == owed.net + billing.vat(owed.net)
    assert all(line.amount for line in lines)
    off = months * plan.price - billing.price_ahead(plan, months)
    assert abs(100 * off - months * plan.price * plan.discount(months)) <= 50


# --- changes of plan --------------------------------------------------------------------------------------


def test_a_change_charges_the_days_that_are_left_today_included() -> None:
    tenth = datetime(2026, 11, 10, 23, 30, tzinfo=SANTIAGO)
    assert billing.plan_change_lines(a_plan(), a_plan(60_000, "Pyme"), november(), tenth, SANTIAGO) == (
        Line(LineKind.CREDIT, "Plan Inicial, no usado: 21 de 30 días", 1, -21_000),
        Line(LineKind.PRO_RATA, "Plan Pyme: 21 de 30 días", 1, 42_000),
    )


def test_a_change_within_months_paid_ahead_keeps_their_discount() -> None:
    year = periods_ahead(1, SANTIAGO, datetime(2026, 1, 1, 12, tzinfo=SANTIAGO), 12)
    old, new = a_plan(discounts={12: 20}), a_plan(60_000, "Pyme", discounts={12: 10})
    lines = billing.plan_change_lines(old, new, year, datetime(2026, 7, 1, 12, tzinfo=SANTIAGO), SANTIAGO)
    left = (datetime(2027, 1, 1) - datetime(2026, 7, 1)).days
    assert [line.amount for line in lines] == [
        -billing.share(12 * 24_000, left, 365),
        billing.share(12 * 54_000, left, 365),
    ]


@given(plans, plans, days_of_month, instants)
def test_up_and_down_again_on_one_day_comes_to_nothing(old: Plan, new: Plan, anchor: int, at: datetime) -> None:
    period = period_of(anchor, SANTIAGO, at)
    there = billing.plan_change_lines(old, new, period, at, SANTIAGO)
    back = billing.plan_change_lines(new, old, period, at, SANTIAGO)
    assert net(there) + net(back) == 0


@given(plans, plans, days_of_month, instants, st.sampled_from(MONTHS_AHEAD))
def test_any_day_costs_what_is_left_of_both_plans(old: Plan, new: Plan, anchor: int, at: datetime, months: int) -> None:
    paid = periods_ahead(anchor, SANTIAGO, at, months)
    left, days = billing.days_left(paid, at, SANTIAGO)
    assert 0 < left <= days
    assert billing.months_of(paid) == months
    exact = (billing.price_ahead(new, months) - billing.price_ahead(old, months)) * left / days
    assert abs(net(billing.plan_change_lines(old, new, paid, at, SANTIAGO)) - exact) <= 1


@given(plans, plans, days_of_month, instants)
def test_on_the_first_day_a_change_costs_the_whole_difference(old: Plan, new: Plan, anchor: int, at: datetime) -> None:
    period = period_of(anchor, SANTIAGO, at)
    assert net(billing.plan_change_lines(old, new, period, period.start, SANTIAGO)) == new.price - old.price
    assert billing.plan_change_lines(old, new, period, period.end, SANTIAGO) == ()


def test_every_minute_around_both_clock_changes_counts_whole_days() -> None:
    for day in (datetime(2026, 4, 4, 4, tzinfo=UTC), datetime(2026, 9, 6, 4, tzinfo=UTC)):
        for minute in range(-24 * 60, 24 * 60):
            at = day + timedelta(minutes=minute)
            period = period_of(1, SANTIAGO, at)
            local = at.astimezone(SANTIAGO).date()
            assert billing.days_left(period, at, SANTIAGO) == (31 - local.day, 30)


def test_a_moment_outside_the_period_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        billing.days_left(november(), november().end + timedelta(seconds=1), SANTIAGO)


@given(st.integers(0, 10_000_000), st.integers(1, 400), st.data())
def test_a_share_and_its_rest_make_the_whole(amount: int, whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    together = billing.share(amount, part, whole) + billing.share(amount, whole - part, whole)
    assert amount <= together <= amount + 1  # a half is rounded up on both sides
    assert billing.share(amount, whole, whole) == amount


# --- numbers and months that are added or given back -------------------------------------------------------


def test_a_number_added_within_the_period_costs_the_days_that_are_left() -> None:
    plan = a_plan(did_prices={"US": 9_000})
    lines = billing.added_did_lines(plan, "US", "+12025550101", november(), NOON, SANTIAGO)
    assert lines == (Line(LineKind.PRO_RATA, "Número adicional +12025550101, Estados Unidos: 21 de 30 días", 1, 6_300),)


def test_months_ahead_that_have_not_begun_are_unused() -> None:
    year = periods_ahead(1, SANTIAGO, datetime(2026, 1, 1, 12, tzinfo=SANTIAGO), 12)
    plan = a_plan(discounts={12: 20})
    july = period_of(1, SANTIAGO, datetime(2026, 6, 20, tzinfo=UTC)).end
    assert billing.unused_ahead(plan, year, july, SANTIAGO) == billing.share(288_000, 184, 365)
    assert billing.unused_ahead(plan, year, year.end, SANTIAGO) == 0


# --- bags and words ---------------------------------------------------------------------------------------


def test_bags_are_offered_at_what_a_further_call_costs_under_the_plan() -> None:
    assert billing.bags_on_offer(a_plan(), (100, 25, 25)) == (
        billing.Offer(25, 8_750, 10_413),
        billing.Offer(100, 35_000, 41_650),
    )


def test_a_bag_is_one_line() -> None:
    assert billing.bag_lines(25, 8_750) == (Line(LineKind.BAG, "Bolsa de 25 llamadas adicionales", 1, 8_750),)
    assert billing.bag_lines(25, 0) == ()


def test_money_is_written_as_in_chile() -> None:
    assert [billing.pesos(amount) for amount in (0, 950, 12_345, -1_000, 1_234_567)] == [
        "$0",
        "$950",
        "$12.345",
        "-$1.000",
        "$1.234.567",
    ]


def test_a_plans_name_cannot_break_a_line() -> None:
    (line,) = billing.renewal_lines(a_plan(name="Uno\nDos\x1b[2J\u202e"), 1, {})
    assert line.text == "Plan Uno Dos[2J, 100 llamadas al mes"
