"""How a client's calls are counted: the period's first, then bags, the oldest first (docs/service.md rules 10-12).

An account and what happens to it go in, the account afterwards and the entries for its ledger come out. Whatever
happens, the account's balance is the sum of all its entries.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pbx_control.domain.money.periods import INTO_THE_DAY, Period, period_of
from pbx_control.domain.money.repeats import Answered


class Kind(StrEnum):
    """What an entry is about; the names are those of the table `ledger_entry`."""

    GRANT = "grant"  # a period's calls
    EXPIRY = "expiry"  # what was left of them: they do not carry over
    CHARGE = "charge"  # a secretary answered a call
    REPEAT = "repeat"  # a secretary answered a call, which is not charged: its caller called again at once
    REVERSAL = "reversal"  # a charge is taken back, by a counter-entry
    BAG = "bag"  # a bag was bought; its calls carry over
    CHANGE = "change"  # another plan, in the midst of a period


class Source(StrEnum):
    """Which of a client's calls an entry is about."""

    PERIOD = "period"
    BAG = "bag"


class Threshold(StrEnum):
    """When a client is told how little is left; once each in a period."""

    SHARE = "share"  # most of the period's calls are used
    LAST = "last"  # a handful is left
    NONE = "none"


class Uncounted(StrEnum):
    """Why a call that was answered is not charged after all (docs/service.md rule 10)."""

    WRONG_NUMBER = "wrong-number"
    TEST = "test"
    BLOCKED = "blocked"
    SPAM = "spam"


@dataclass(frozen=True, slots=True)
class Bag:
    """A pack of extra calls; `left` is what has not been used of it."""

    id: int
    left: int


@dataclass(frozen=True, slots=True)
class Account:
    """What is left of a client's calls. `bags` are those with something left, the oldest first.

    `period_left` may be negative: calls that the switch answered while no daemon was there are never refused, and a
    smaller plan may take back what has been used. Such a debt is paid by the next calls that the client gets.
    """

    period: Period
    period_calls: int  # granted for this period
    period_left: int
    bags: tuple[Bag, ...] = ()
    reserved: int = 0  # for calls under way that nobody has answered yet

    @property
    def left(self) -> int:
        """All that may still be used: the sum of the ledger."""
        return self.period_left + sum(bag.left for bag in self.bags)

    @property
    def free(self) -> int:
        """What a new call may have: reserved units belong to others."""
        return self.left - self.reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One line of the ledger; nothing ever changes it."""

    at: datetime
    kind: Kind
    units: int
    source: Source = Source.PERIOD
    bag_id: int | None = None
    call_id: str | None = None
    reverses: int | None = None
    why: str = ""
    uncounted: Uncounted | None = None  # of a reversal: the call should not have counted
    repeats: str | None = None  # of a repeat: the call whose conversation it repeats …
    repeated_seconds: int | None = None  # … and how long that was


@dataclass(frozen=True, slots=True)
class Limits:
    """When a client is told that its calls run out (settings [plans])."""

    share: int = 80  # percent of the period's calls that are used
    last: int = 5


Booked = tuple[Account, LedgerEntry]


def charge(account: Account, call_id: str, at: datetime) -> Booked:
    """A secretary has answered the call: one unit, of the period, else of the oldest bag, else a debt."""
    entry = LedgerEntry(at=at, kind=Kind.CHARGE, units=-1, call_id=call_id)
    if account.period_left > 0 or not account.bags:
        return replace(account, period_left=account.period_left - 1), entry
    oldest, *younger = account.bags
    rest = (replace(oldest, left=oldest.left - 1),) if oldest.left > 1 else ()
    return replace(account, bags=(*rest, *younger)), replace(entry, source=Source.BAG, bag_id=oldest.id)


def uncharged(call_id: str, again: Answered, at: datetime) -> LedgerEntry:
    """A secretary has answered a call that repeats a short conversation: no unit; the entry names that conversation
    and how many seconds it lasted."""
    seconds = round((again.talked or timedelta(0)).total_seconds())
    return LedgerEntry(
        at=at,
        kind=Kind.REPEAT,
        units=0,
        call_id=call_id,
        why=f"{again.call_id}, {seconds} s",
        repeats=again.call_id,
        repeated_seconds=seconds,
    )


def reverse(
    account: Account, charged: LedgerEntry, entry_id: int, why: str, at: datetime, uncounted: Uncounted | None = None
) -> Booked:
    """Takes a charge back. A bag's unit goes back into its bag, any other to the period that runs now: a client does
    not lose by it that the mistake was found only after its month was over."""
    entry = LedgerEntry(
        at=at,
        kind=Kind.REVERSAL,
        units=-charged.units,
        source=charged.source,
        bag_id=charged.bag_id,
        call_id=charged.call_id,
        reverses=entry_id,
        why=why,
        uncounted=uncounted,
    )
    if charged.bag_id is None:
        return replace(account, period_left=account.period_left + 1), entry
    return replace(account, bags=_put_back(account.bags, charged.bag_id)), entry


def add_bag(account: Account, bag: Bag, at: datetime) -> Booked:
    """A bag has been bought; its calls may be used from now on."""
    entry = LedgerEntry(at=at, kind=Kind.BAG, units=bag.left, source=Source.BAG, bag_id=bag.id)
    return replace(account, bags=(*account.bags, bag)), entry


def change_plan(account: Account, calls: int, zone: ZoneInfo, at: datetime) -> Booked:
    """Another plan, now: for the days that are left of the period, today among them, the difference of both plans'
    calls is granted or taken away, in proportion. What has been used already becomes a debt: who goes up, uses the
    large plan's calls and goes down again has had them for nothing otherwise."""
    units = in_proportion(calls - account.period_calls, account.period, zone, at)
    after = replace(account, period_calls=calls, period_left=account.period_left + units)
    return after, LedgerEntry(at=at, kind=Kind.CHANGE, units=units)


def in_proportion(calls: int, period: Period, zone: ZoneInfo, at: datetime) -> int:
    """So many calls a month, for what is left of the period in whole days, today among them; halves away from zero,
    so that a change and its opposite on the same day cancel each other."""
    first, last = local_day(period.start, zone), local_day(period.end, zone)
    days, rest = (last - first).days, (last - local_day(at, zone)).days
    share = (2 * abs(calls) * rest + days) // (2 * days)
    return share if calls > 0 else -share


def roll_over(
    account: Account, anchor_day: int, zone: ZoneInfo, calls: int, at: datetime
) -> tuple[Account, list[LedgerEntry]]:
    """The periods that have begun until `at`: what was left of the old one expires, the new one's calls are granted.

    A debt is carried into the new period. Nothing happens while the period still runs. For a client that has moved to
    another zone the first period ends at that zone's midnight: no month is granted twice.
    """
    entries: list[LedgerEntry] = []
    while account.period.end <= at:
        turn, expired = account.period.end, max(account.period_left, 0)
        if expired:
            entries.append(LedgerEntry(at=turn, kind=Kind.EXPIRY, units=-expired))
        entries.append(LedgerEntry(at=turn, kind=Kind.GRANT, units=calls))
        account = replace(
            account,
            period=Period(turn, period_of(anchor_day, zone, turn + INTO_THE_DAY).end),
            period_calls=calls,
            period_left=account.period_left - expired + calls,
        )
    return account, entries


def reached(before: Account, after: Account, limits: Limits) -> Threshold | None:
    """The lowest threshold that was crossed between the two, or None. Bags count: who has one left is not told that
    the month's calls are nearly used up."""
    crossed = None
    for threshold, left in thresholds(after.period_calls, limits).items():
        if before.left > left >= after.left:
            crossed = threshold
    return crossed


def thresholds(period_calls: int, limits: Limits) -> dict[Threshold, int]:
    """At how many calls left each is reached, the highest first."""
    share = period_calls - -(-period_calls * limits.share // 100)
    return {Threshold.SHARE: share, Threshold.LAST: limits.last, Threshold.NONE: 0}


def forecast(account: Account, used: int, zone: ZoneInfo, at: datetime) -> date | None:
    """The day on which the calls run out if the client goes on using them as it did in this period so far (`used`
    calls); None if they last longer than the period, since the next one brings new ones."""
    elapsed = max(at - account.period.start, timedelta(days=1))
    if account.left <= 0:
        return local_day(at, zone)
    if used <= 0:
        return None
    runs_out = at + elapsed * account.left / used
    return None if runs_out >= account.period.end else local_day(runs_out, zone)


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The day that it is in the zone."""
    return at.astimezone(zone).date()


def _put_back(bags: tuple[Bag, ...], bag_id: int) -> tuple[Bag, ...]:
    """One unit more in that bag; bags are in the order in which they were bought, which is that of their ids."""
    lefts = {bag.id: bag.left for bag in bags}
    lefts[bag_id] = lefts.get(bag_id, 0) + 1
    return tuple(Bag(one, left) for one, left in sorted(lefts.items()))
