"""How calls are counted, against a model that knows nothing of accounts: a list of what was granted and used."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pbx_control.domain.money import quota
from pbx_control.domain.money.periods import Period, midnight, period_of
from pbx_control.domain.money.quota import Account, Bag, Kind, LedgerEntry, Limits, Source, Threshold

SANTIAGO = ZoneInfo("America/Santiago")
AT = datetime(2026, 8, 10, 15, tzinfo=UTC)
AUGUST = period_of(1, SANTIAGO, AT)
LIMITS = Limits()


def account(left: int = 10, *bags: int, calls: int = 10) -> Account:
    return Account(AUGUST, calls, left, tuple(Bag(number, size) for number, size in enumerate(bags, 1)))


# --- which calls are used ---------------------------------------------------------------------------------


def test_the_periods_calls_go_first() -> None:
    after, entry = quota.charge(account(1, 5), "c1", AT)
    assert (after.period_left, after.bags, entry.source) == (0, (Bag(1, 5),), Source.PERIOD)


def test_then_the_oldest_bag() -> None:
    after, entry = quota.charge(account(0, 1, 5), "c1", AT)
    assert (after.bags, entry.source, entry.bag_id) == ((Bag(2, 5),), Source.BAG, 1)


def test_what_the_switch_answered_alone_may_overdraw() -> None:
    after, entry = quota.charge(account(0), "c1", AT)
    assert (after.left, entry.units) == (-1, -1)


def test_a_debt_is_paid_by_the_next_period() -> None:
    after, entries = quota.roll_over(account(-3), 1, SANTIAGO, 10, AUGUST.end)
    assert after.period_left == 7
    assert [(entry.kind, entry.units) for entry in entries] == [(Kind.GRANT, 10)]


def test_a_reversed_charge_goes_back_to_its_bag_though_that_was_empty() -> None:
    charged, entry = quota.charge(account(0, 1, 5), "c1", AT)
    after, counter = quota.reverse(charged, entry, 7, "wrong number", AT)
    assert (after.bags, counter.units, counter.reverses) == ((Bag(1, 1), Bag(2, 5)), 1, 7)


def test_a_periods_charge_that_is_reversed_after_its_end_counts_for_the_period_that_runs() -> None:
    charged, entry = quota.charge(account(1), "c1", AT)
    rolled, _ = quota.roll_over(charged, 1, SANTIAGO, 10, AUGUST.end)
    after, _ = quota.reverse(rolled, entry, 7, "wrong number", AUGUST.end)
    assert after.period_left == 11


def test_reserved_units_are_not_free() -> None:
    assert replace(account(3), reserved=3).free == 0


# --- periods ----------------------------------------------------------------------------------------------


def test_the_periods_calls_do_not_carry_over_and_bags_do() -> None:
    after, entries = quota.roll_over(account(4, 5), 1, SANTIAGO, 10, AUGUST.end)
    assert (after.period_left, after.bags) == (10, (Bag(1, 5),))
    assert [(entry.kind, entry.units) for entry in entries] == [(Kind.EXPIRY, -4), (Kind.GRANT, 10)]


@pytest.mark.parametrize("zone", ["Pacific/Easter", "Pacific/Honolulu", "Europe/Madrid", "Asia/Tokyo"])
def test_a_client_that_has_moved_to_another_zone_is_granted_each_month_once(zone: str) -> None:
    after, entries = quota.roll_over(account(), 1, ZoneInfo(zone), 10, AUGUST.end + timedelta(days=1))
    assert [entry.kind for entry in entries] == [Kind.EXPIRY, Kind.GRANT]
    assert after.period == Period(AUGUST.end, midnight(date(2026, 10, 1), ZoneInfo(zone)))


def test_months_that_nobody_called_in_are_made_up() -> None:
    after, entries = quota.roll_over(account(4), 1, SANTIAGO, 10, AUGUST.end + timedelta(days=70))
    assert after.period == period_of(1, SANTIAGO, AUGUST.end + timedelta(days=70))
    assert [entry.kind for entry in entries] == [Kind.EXPIRY, Kind.GRANT] * 3


@pytest.mark.parametrize(
    ("at", "first", "last"),
    [
        (datetime(2026, 1, 31, 12, tzinfo=UTC), date(2026, 1, 31), date(2026, 2, 28)),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), date(2026, 2, 28), date(2026, 3, 31)),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), date(2028, 2, 29), date(2028, 3, 31)),
        (datetime(2026, 4, 29, 12, tzinfo=UTC), date(2026, 3, 31), date(2026, 4, 30)),
    ],
)
def test_the_31st_falls_on_the_last_day_of_a_shorter_month(at: datetime, first: date, last: date) -> None:
    assert period_of(31, SANTIAGO, at) == Period(midnight(first, SANTIAGO), midnight(last, SANTIAGO))


@given(st.integers(1, 31), st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1)))
def test_every_instant_is_in_one_period_and_periods_touch(day: int, naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    period = period_of(day, SANTIAGO, at)
    assert at in period
    assert period_of(day, SANTIAGO, period.end).start == period.end
    assert period_of(day, SANTIAGO, period.start - timedelta(seconds=1)).end == period.start


def test_a_day_whose_midnight_does_not_exist_begins_at_one() -> None:
    # Chile's clocks leap from 24:00 to 01:00 on 6 September 2026.
    start = midnight(date(2026, 9, 6), SANTIAGO)
    assert start.astimezone(SANTIAGO).hour == 1
    assert (start - timedelta(minutes=1)).astimezone(SANTIAGO).date() == date(2026, 9, 5)


# --- another plan -----------------------------------------------------------------------------------------


def test_an_upgrade_in_the_midst_grants_the_difference_in_proportion() -> None:
    # 22 of 31 days are left on the 10th, that day among them.
    after, entry = quota.change_plan(account(2, calls=10), 41, SANTIAGO, AT)
    assert (entry.units, after.period_left, after.period_calls) == (22, 24, 41)


def test_a_downgrade_takes_back_what_is_used_already_as_a_debt() -> None:
    after, entry = quota.change_plan(account(2, calls=41), 10, SANTIAGO, AT)
    assert (entry.units, after.period_left) == (-22, -20)


def test_going_up_and_down_again_brings_no_calls_for_nothing() -> None:
    large, _ = quota.change_plan(account(10, calls=10), 1000, SANTIAGO, AUGUST.start)
    for number in range(990):
        large, _ = quota.charge(large, f"c{number}", AUGUST.start)
    small, _ = quota.change_plan(large, 10, SANTIAGO, AUGUST.start)
    assert small.left == 10 - 990


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 30))
def test_up_and_down_again_on_the_same_day_changes_nothing(old: int, new: int, day: int) -> None:
    at = AUGUST.start + timedelta(days=day, hours=10)
    before = account(5, calls=old)
    there, _ = quota.change_plan(before, new, SANTIAGO, at)
    back, _ = quota.change_plan(there, old, SANTIAGO, at)
    assert back == before


# --- telling ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "told"), [(21, Threshold.SHARE), (20, None), (6, Threshold.LAST), (1, Threshold.NONE), (50, None)]
)
def test_who_has_used_80_percent_or_has_5_left_is_told(left: int, told: Threshold | None) -> None:
    before = account(left, calls=100)
    after, _ = quota.charge(before, "c1", AT)
    assert quota.reached(before, after, LIMITS) == told


def test_a_bag_in_hand_is_counted_before_anybody_is_told() -> None:
    before = account(21, 50, calls=100)
    after, _ = quota.charge(before, "c1", AT)
    assert quota.reached(before, after, LIMITS) is None


def test_the_forecast_is_the_day_on_which_the_calls_run_out() -> None:
    # 9.6 days are over: 48 used, 5 a day.
    at = AUGUST.start + timedelta(days=9, hours=14, minutes=24)
    assert quota.forecast(account(50), 48, SANTIAGO, at) == date(2026, 8, 20)
    assert quota.forecast(account(500), 48, SANTIAGO, at) is None
    assert quota.forecast(account(50), 0, SANTIAGO, at) is None
    assert quota.forecast(account(0), 48, SANTIAGO, at) == date(2026, 8, 10)


# --- any month --------------------------------------------------------------------------------------------


@dataclass
class Ledger:
    """The model: every entry ever written, and what a client may count on."""

    entries: list[LedgerEntry] = field(default_factory=list)
    bags: dict[int, int] = field(default_factory=dict)

    def add(self, *entries: LedgerEntry) -> None:
        for entry in entries:
            self.entries.append(entry)
            if entry.bag_id is not None:
                self.bags[entry.bag_id] = self.bags.get(entry.bag_id, 0) + entry.units

    @property
    def balance(self) -> int:
        return sum(entry.units for entry in self.entries)


class AnyMonths(RuleBasedStateMachine):
    """Calls, bags, plans and months in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.account = Account(AUGUST, 10, 0)
        self.ledger = Ledger()
        self.at = AUGUST.start
        self.calls = 10
        self.count = 0
        self.reversed: set[int] = set()
        self.book((replace(self.account, period_left=10), LedgerEntry(at=self.at, kind=Kind.GRANT, units=10)))

    def book(self, booked: quota.Booked) -> None:
        self.account, entry = booked
        self.ledger.add(entry)

    @rule(hours=st.integers(1, 24 * 40))
    def time_passes(self, hours: int) -> None:
        self.at += timedelta(hours=hours)
        self.account, entries = quota.roll_over(self.account, 31, SANTIAGO, self.calls, self.at)
        self.ledger.add(*entries)

    @precondition(lambda self: self.account.free > 0)
    @rule()
    def a_call_is_answered(self) -> None:
        before, had_bags = self.account, dict(self.ledger.bags)
        self.count += 1
        self.book(quota.charge(before, f"c{self.count}", self.at))
        used = self.ledger.entries[-1]
        if before.period_left > 0:
            assert used.source is Source.PERIOD
        elif used.bag_id is not None:
            assert used.bag_id == min(bag for bag, left in had_bags.items() if left > 0)

    @rule()
    def the_switch_answers_one_alone(self) -> None:
        self.count += 1
        self.book(quota.charge(self.account, f"c{self.count}", self.at))

    @rule(size=st.integers(1, 30))
    def a_bag_is_bought(self, size: int) -> None:
        self.book(quota.add_bag(self.account, Bag(len(self.ledger.bags) + 1, size), self.at))

    @rule(calls=st.integers(0, 60))
    def the_plan_changes(self, calls: int) -> None:
        self.calls = calls
        self.book(quota.change_plan(self.account, calls, SANTIAGO, self.at))

    @rule(data=st.data())
    def a_charge_is_reversed(self, data: st.DataObject) -> None:
        charges = [n for n, e in enumerate(self.ledger.entries) if e.kind is Kind.CHARGE and n not in self.reversed]
        if charges:
            number = data.draw(st.sampled_from(charges))
            self.reversed.add(number)
            self.book(quota.reverse(self.account, self.ledger.entries[number], number, "mistake", self.at))

    @invariant()
    def the_balance_is_the_sum(self) -> None:
        assert self.account.left == self.ledger.balance

    @invariant()
    def bags_hold_what_the_ledger_says(self) -> None:
        assert {bag.id: bag.left for bag in self.account.bags} == {b: n for b, n in self.ledger.bags.items() if n}
        assert all(bag.left > 0 for bag in self.account.bags)

    @invariant()
    def the_instant_is_in_the_period(self) -> None:
        assert self.at in self.account.period


AnyMonths.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestAnyMonths = AnyMonths.TestCase
