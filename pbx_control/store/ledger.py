"""Accounts and their ledger in the store: units are reserved, charged and given back here, in the caller's transaction.

A reservation is one conditional statement. Everything else first takes the account's row for itself
(`SELECT FOR UPDATE`; on SQLite the transaction has the whole database), asks `domain.quota`, and writes what it says.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, case, delete, func, insert, select, update

from pbx_control.domain.money import quota
from pbx_control.domain.money.periods import Period, period_of
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.money.quota import Account, Bag, Kind, LedgerEntry, Limits, Source, Threshold, Uncounted
from pbx_control.domain.money.repeats import Arrived
from pbx_control.errors import ClientMistake, Code
from pbx_control.store import repeats, restrictions
from pbx_control.store.engine import insert_into, new_id
from pbx_control.store.fixed import Fixed
from pbx_control.store.rows import record
from pbx_control.store.tables import account as accounts
from pbx_control.store.tables import bag as bags
from pbx_control.store.tables import call as calls
from pbx_control.store.tables import client as clients
from pbx_control.store.tables import dispute as disputes
from pbx_control.store.tables import ledger_entry, plan, subscription, threshold_notice, unit_reservation


@dataclass(frozen=True, slots=True)
class Charged:
    """A unit that was used just now, and which threshold that crossed, if any."""

    client_id: int
    account: Account
    threshold: Threshold | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An entry as a statement tells it: with its call's caller, and what the client says against it."""

    id: int
    client_id: int
    at: datetime
    kind: str
    units: int
    source: str
    bag_id: int | None
    call_id: str | None
    reverses: int | None
    why: str
    uncounted: str | None
    repeats: str | None
    repeated_seconds: int | None
    caller: str | None
    caller_name: str | None
    restricted: bool  # a request of the caller's is being decided: texts are restrictions.INSTEAD
    disputed: str | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An entry as it is kept, and what was said against it and answered."""

    id: int
    at: datetime
    kind: str
    units: int
    source: str
    bag_id: int | None
    call_id: str | None
    reverses: int | None
    why: str
    disputed: str | None
    answer: str | None
    restricted: bool  # a request of the caller's is being decided: texts are restrictions.INSTEAD


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBag:
    """A bag with its client's slug, as lists show it."""

    id: int
    client_id: int
    calls: int
    left: int
    price: int
    bought_at: datetime
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """What a client objects to, and what was answered."""

    entry_id: int
    at: datetime
    why: str
    settled_at: datetime | None
    answer: str
    client: str  # slug
    call_id: str | None
    restricted: bool  # a request of the caller's is being decided: texts are restrictions.INSTEAD


@dataclass(frozen=True, slots=True)
class Statement:
    """What a ledger says of a stretch of time: from `opening` through the entries to `closing`."""

    opening: int
    entries: Sequence[Told]
    closing: int


@dataclass(frozen=True, slots=True)
class Sold:
    """A bag as it was sold."""

    id: int
    calls: int
    price: int  # net pesos


# --- calls under way --------------------------------------------------------------------------------------

_RESERVE = Fixed(
    update(accounts)
    .where(
        accounts.c.client_id == bindparam("client"),
        accounts.c.period_end > bindparam("at"),
        accounts.c.period_left + accounts.c.bags_left - accounts.c.reserved > 0,
    )
    .values(reserved=accounts.c.reserved + 1)
)
_INSERT_RESERVATION = Fixed(insert(unit_reservation))
_ACCOUNT = select(accounts).where(accounts.c.client_id == bindparam("client"))
_LOCKED_ACCOUNT = _ACCOUNT.with_for_update()
_BAGS_LEFT = (
    select(bags.c.id, bags.c.left).where(bags.c.client_id == bindparam("client"), bags.c.left > 0).order_by(bags.c.id)
)
_DECIDED = select(ledger_entry.c.id).where(
    ledger_entry.c.call_id == bindparam("call"), ledger_entry.c.kind.in_((Kind.CHARGE.value, Kind.REPEAT.value))
)
_UPDATE_ACCOUNT = Fixed(update(accounts).where(accounts.c.client_id == bindparam("client")))
_UPDATE_BAG = Fixed(update(bags).where(bags.c.id == bindparam("bag")))
_INSERT_ENTRY = Fixed(insert(ledger_entry))
_RELEASE = Fixed(
    delete(unit_reservation)
    .where(unit_reservation.c.call_id == bindparam("call"))
    .returning(unit_reservation.c.client_id)
)
_GIVE_BACK = Fixed(
    update(accounts).where(accounts.c.client_id == bindparam("client")).values(reserved=accounts.c.reserved - 1)
)


@cache
def _note_threshold(dialect: str) -> Any:
    return insert_into(dialect, threshold_notice).on_conflict_do_nothing().returning(threshold_notice.c.at)


def reserve(conn: Connection, client_id: int, call_id: str, at: datetime) -> bool:
    """Keeps a unit for the call; False if none is free. A client without an account is not counted: True."""
    asked = {"client": client_id, "at": at}
    if _RESERVE.run(conn, asked).rowcount == 0:
        if (found := _locked(conn, client_id)) is None:
            return True
        if not _roll_over(conn, found, at) or _RESERVE.run(conn, asked).rowcount == 0:
            return False
    _INSERT_RESERVATION.run(conn, {"call_id": call_id, "client_id": client_id})
    return True


def release(conn: Connection, call_id: str) -> bool:
    """Gives the call's reserved unit back; False if it has none."""
    released = _RELEASE.run(conn, {"call": call_id}).fetchone()
    if released is None:
        return False
    _GIVE_BACK.run(conn, {"client": released[0]})
    return True


def charge(conn: Connection, client_id: int, call: Arrived, at: datetime, limits: Limits) -> Charged | None:
    """A secretary answered the call at `at`: uses its reserved unit, or one without reservation, as a debt if need be.

    None if the call has been charged before, its client is not counted, or it repeats a short conversation: then an
    entry of no units says so.
    """
    row = _locked(conn, client_id)
    if row is None:
        return None
    reserved = _RELEASE.run(conn, {"call": call.call_id}).fetchone() is not None
    if not reserved and _is_charged(conn, call.call_id):  # what is charged has no reservation any more
        return None
    before = _in_period_of(conn, row, at)
    unreserved = replace(before, reserved=before.reserved - reserved)
    if again := repeats.repeats(conn, client_id, call):
        _book(conn, client_id, unreserved, unreserved, [quota.uncharged(call.call_id, again, at)])
        return None
    after, entry = quota.charge(unreserved, call.call_id, at)
    _book(conn, client_id, unreserved, after, [entry])
    return Charged(client_id, after, quota.reached(before, after, limits))


def release_forgotten(conn: Connection) -> int:
    """Gives back what calls that are over still have reserved; how many that were. None are expected."""
    over = select(calls.c.id).where(calls.c.state.is_(None))
    ids = conn.scalars(select(unit_reservation.c.call_id).where(unit_reservation.c.call_id.in_(over))).all()
    return sum(release(conn, call_id) for call_id in ids)


def note_threshold(conn: Connection, charged: Charged, at: datetime) -> bool:
    """Whether nobody has told the client yet that it crossed this threshold in this period: whoever asks does so now.

    One conditional statement: of several that cross it at once, one is the first.
    """
    row = {
        "client_id": charged.client_id,
        "period_start": charged.account.period.start,
        "threshold": (charged.threshold or Threshold.NONE).value,
        "at": at,
    }
    # Told by the row that comes back: psycopg counts none of an insert's rows.
    return conn.execute(_note_threshold(conn.dialect.name), row).first() is not None


# --- periods, plans, bags ---------------------------------------------------------------------------------


def open_account(
    conn: Connection, client_id: int, monthly: Plan, at: datetime, anchor_day: int | None = None
) -> Account:
    """The client's first plan. Its months begin on `anchor_day`, by default the day that it is now in its zone: then
    the first one begins today; else it is the month under way, granted whole."""
    zone = _zone(conn, client_id)
    anchor_day = anchor_day or quota.local_day(at, zone).day
    period = period_of(anchor_day, zone, at)
    first = {"client_id": client_id, "anchor_day": anchor_day, "period_start": period.start, "period_end": period.end}
    conn.execute(insert(accounts).values(**first, period_calls=monthly.calls, period_left=0))
    before = read(conn, client_id)
    after = Account(period, monthly.calls, monthly.calls)
    _book(conn, client_id, before, after, [LedgerEntry(at=at, kind=Kind.GRANT, units=monthly.calls)])
    return after


def change_plan(conn: Connection, client_id: int, monthly: Plan, at: datetime) -> Account:
    """Another plan, in the midst of the period: the difference of calls is granted or taken in proportion."""
    before = up_to_date(conn, client_id, at)
    after, entry = quota.change_plan(before, monthly.calls, _zone(conn, client_id), at)
    _book(conn, client_id, before, after, [entry])
    return after


def begin_again(conn: Connection, client_id: int, monthly: Plan, at: datetime) -> Account:
    """The plan of a client that comes back in a later period than it left in: that one is granted whole, as it is
    charged."""
    before = up_to_date(conn, client_id, at)
    units = monthly.calls - before.period_calls  # all of them, unless the period was begun just now
    after = replace(before, period_calls=monthly.calls, period_left=before.period_left + units)
    _book(conn, client_id, before, after, [LedgerEntry(at=at, kind=Kind.GRANT, units=units)] if units else [])
    return after


def add_bag(conn: Connection, client_id: int, size: int, price: int, at: datetime) -> int:
    """A bag of so many calls, for so many net pesos; it works from the next call on. Gives its number.

    Raises ClientMistake if the client has no plan: a bag's price depends on it.
    """
    before = up_to_date(conn, client_id, at)
    row = {"client_id": client_id, "calls": size, "left": size, "price": price, "bought_at": at}
    bag_id = new_id(conn, bags, row)
    after, entry = quota.add_bag(before, Bag(bag_id, size), at)
    _book(conn, client_id, before, after, [entry])
    return bag_id


def roll_over_due(conn: Connection, at: datetime, limit: int | None = None) -> int:
    """Begins every period whose time has come, for clients that nobody calls too; how many accounts that touched.

    `limit`: no more than so many in this transaction, which live calls wait for (5 ms each).
    """
    due = select(accounts.c.client_id).where(accounts.c.period_end <= at).order_by(accounts.c.client_id).limit(limit)
    ids = conn.scalars(due).all()
    return sum(_roll_over(conn, found, at) for client_id in ids if (found := _locked(conn, client_id)))


# --- corrections ------------------------------------------------------------------------------------------


def entry(conn: Connection, entry_id: int) -> LedgerEntry | None:
    """The entry of that number, in whoever's ledger; None if there is none."""
    row = conn.execute(select(ledger_entry).where(ledger_entry.c.id == entry_id)).one_or_none()
    return _entry(row) if row else None


def reverse(
    conn: Connection, entry_id: int, charge: LedgerEntry, why: str, at: datetime, uncounted: Uncounted | None
) -> bool:
    """Writes a counter-entry to that charge, which is the entry of that number; False if there is one already."""
    owner = client_of(conn, entry_id)
    assert owner is not None
    before = up_to_date(conn, owner, at)  # locked: two that reverse it come one after the other
    if conn.scalar(select(ledger_entry.c.id).where(ledger_entry.c.reverses == entry_id)):
        return False
    after, counter = quota.reverse(before, charge, entry_id, why, at, uncounted)
    _book(conn, owner, before, after, [counter])
    return True


def uncounted(conn: Connection, call_id: str) -> Uncounted | None:
    """Why what the call was charged has been taken back, as it should not have counted; None: it has not."""
    query = select(ledger_entry.c.uncounted).where(ledger_entry.c.uncounted.is_not(None))
    reason = conn.scalar(query.where(ledger_entry.c.call_id == call_id).limit(1))
    return Uncounted(reason) if reason else None


def blocked_since(conn: Connection, client_id: int, since: datetime) -> int:
    """How many charges have been taken back since then because the client blocked who called."""
    which = ledger_entry.c.client_id == client_id, ledger_entry.c.at >= since
    blocked = ledger_entry.c.uncounted == Uncounted.BLOCKED.value
    return conn.scalar(select(func.count()).select_from(ledger_entry).where(*which, blocked)) or 0


def charge_of_call(conn: Connection, call_id: str) -> int | None:
    """The number of the entry that charged the call; None if nothing was charged for it."""
    charge = ledger_entry.c.call_id == call_id, ledger_entry.c.kind == Kind.CHARGE.value
    found: int | None = conn.scalar(select(ledger_entry.c.id).where(*charge))
    return found


def client_of(conn: Connection, entry_id: int) -> int | None:
    """Whose entry it is; None if there is none of that number."""
    return conn.scalar(select(ledger_entry.c.client_id).where(ledger_entry.c.id == entry_id))


def is_disputed(conn: Connection, entry_id: int) -> bool:
    """Whether the client objects to that entry, or did so once."""
    return conn.scalar(select(disputes.c.entry_id).where(disputes.c.entry_id == entry_id)) is not None


def dispute(conn: Connection, entry_id: int, why: str, at: datetime) -> None:
    """Notes that the client objects to an entry."""
    conn.execute(insert(disputes).values(entry_id=entry_id, at=at, why=why))


def settle(conn: Connection, entry_id: int, answer: str, at: datetime) -> bool:
    """Notes the answer to an open dispute about an entry; False if there is none."""
    open_one = update(disputes).where(disputes.c.entry_id == entry_id, disputes.c.settled_at.is_(None))
    return conn.execute(open_one.values(settled_at=at, answer=answer)).rowcount > 0


# --- what people ask --------------------------------------------------------------------------------------


def find(conn: Connection, client_id: int) -> Account | None:
    """The client's account as it was last written; None for one that is not counted."""
    return read(conn, client_id) if _row_of(conn, client_id) else None


def read(conn: Connection, client_id: int) -> Account:
    """The client's account. Raises ClientMistake if it has none."""
    row = _row_of(conn, client_id)
    if row is None:
        raise _no_plan(conn, client_id)
    return _account(conn, row)


def up_to_date(conn: Connection, client_id: int, at: datetime) -> Account:
    """The account, taken for this transaction, its period that of `at`. Raises ClientMistake if there is none."""
    row = _locked(conn, client_id)
    if row is None:
        raise _no_plan(conn, client_id)
    return _in_period_of(conn, row, at)


def anchor_day(conn: Connection, client_id: int) -> int:
    """On which day the client's months begin. Raises ClientMistake if it has no account."""
    row = _row_of(conn, client_id)
    if row is None:
        raise _no_plan(conn, client_id)
    return int(row.anchor_day)


def bag_rows(conn: Connection, client_id: int | None) -> list[ListedBag]:
    """The bags of one client, or of all (None), the oldest first."""
    query = select(bags, clients.c.slug.label("client")).join(clients).order_by(bags.c.id)
    if client_id is not None:
        query = query.where(bags.c.client_id == client_id)
    return [record(ListedBag, row) for row in conn.execute(query)]


def bags_sold_since(conn: Connection, client_id: int, since: datetime) -> list[Sold]:
    """The client's bags that cost something and were bought since then, the oldest first."""
    sold = bags.c.client_id == client_id, bags.c.price > 0, bags.c.bought_at >= since
    rows = conn.execute(select(bags).where(*sold).order_by(bags.c.id))
    return [Sold(row.id, row.calls, row.price) for row in rows]


def used_since(conn: Connection, client_id: int, since: datetime) -> int:
    """How many units the client has used since then, what was taken back left out."""
    both = ledger_entry.c.kind.in_((Kind.CHARGE.value, Kind.REVERSAL.value))
    query = select(func.sum(-ledger_entry.c.units)).where(
        ledger_entry.c.client_id == client_id, ledger_entry.c.at >= since, both
    )
    return int(conn.scalar(query) or 0)


def statement(conn: Connection, client_id: int, since: datetime, until: datetime) -> Statement:
    """What the ledger says from `since` up to, but not including, `until`."""
    own, restricted = ledger_entry.c.client_id == client_id, restrictions.covers(calls)
    opening = conn.scalar(select(func.sum(ledger_entry.c.units)).where(own, ledger_entry.c.at < since)) or 0
    query = (
        select(
            *(column for column in ledger_entry.c if column is not ledger_entry.c.why),
            _unless_restricted(ledger_entry.c.why).label("why"),
            case((restricted, ""), else_=calls.c.caller).label("caller"),
            case((restricted, ""), else_=calls.c.caller_name).label("caller_name"),
            restricted.label("restricted"),
            _unless_restricted(disputes.c.why).label("disputed"),
            disputes.c.settled_at.label("settled_at"),
        )
        .select_from(ledger_entry.outerjoin(calls).outerjoin(disputes, disputes.c.entry_id == ledger_entry.c.id))
        .where(own, ledger_entry.c.at >= since, ledger_entry.c.at < until)
        .order_by(ledger_entry.c.at, ledger_entry.c.id)
    )
    entries = [record(Told, row) for row in conn.execute(query)]
    return Statement(int(opening), entries, int(opening) + sum(entry.units for entry in entries))


def entries_after(conn: Connection, client_id: int, after: int, limit: int) -> list[Kept]:
    """A client's entries in their order, so many that come after the entry `after`."""
    columns = [ledger_entry.c[name] for name in Kept.__slots__ if name in ledger_entry.c and name != "why"]
    texts = {"why": ledger_entry.c.why, "disputed": disputes.c.why, "answer": disputes.c.answer}
    words = [_unless_restricted(column).label(name) for name, column in texts.items()]
    query = (
        select(*columns, *words, restrictions.covers(calls).label("restricted"))
        .select_from(ledger_entry.outerjoin(calls).outerjoin(disputes, disputes.c.entry_id == ledger_entry.c.id))
        .where(ledger_entry.c.client_id == client_id, ledger_entry.c.id > after)
        .order_by(ledger_entry.c.id)
        .limit(limit)
    )
    return [record(Kept, row) for row in conn.execute(query)]


def _unless_restricted(column: ColumnElement[str]) -> ColumnElement[str]:
    """What somebody has written about an entry; of a call whose caller's request is being decided, only that he has."""
    return case((and_(restrictions.covers(calls), column != ""), restrictions.INSTEAD), else_=column)


def first_at(conn: Connection, client_id: int) -> datetime | None:
    """When the client's ledger begins; None: it has no entry."""
    of_client = ledger_entry.c.client_id == client_id
    return conn.scalar(select(ledger_entry.c.at).where(of_client).order_by(ledger_entry.c.at).limit(1))


def reversed_of(conn: Connection, ids: Collection[int]) -> set[int]:
    """Which of these entries were taken back, whenever that was."""
    found: set[int] = set()
    for some in batched(ids):
        found.update(conn.scalars(select(ledger_entry.c.reverses).where(ledger_entry.c.reverses.in_(some))))
    return found


def batched(ids: Collection[int], size: int = 500) -> Iterator[list[int]]:
    """Some of them at a time: a statement has room for so many."""
    rest = list(ids)
    for begin in range(0, len(rest), size):
        yield rest[begin : begin + size]


def disputed(conn: Connection, *, open_only: bool = True) -> list[Dispute]:
    """Disputes with what they are about, the oldest first."""
    words = [_unless_restricted(column).label(column.name) for column in (disputes.c.why, disputes.c.answer)]
    others = disputes.c.entry_id, disputes.c.at, disputes.c.settled_at, ledger_entry.c.call_id
    query = (
        select(*others, *words, clients.c.slug.label("client"), restrictions.covers(calls).label("restricted"))
        .select_from(
            disputes.join(ledger_entry)
            .join(clients, clients.c.id == ledger_entry.c.client_id)
            .outerjoin(calls, calls.c.id == ledger_entry.c.call_id)
        )
        .order_by(disputes.c.at)
    )
    if open_only:
        query = query.where(disputes.c.settled_at.is_(None))
    return [record(Dispute, row) for row in conn.execute(query)]


def out_of_balance(conn: Connection) -> list[int]:
    """Clients (by id) whose account is not the sum of their ledger, or whose reservations do not add up: none, ever."""
    sums = dict(
        conn.execute(select(ledger_entry.c.client_id, func.sum(ledger_entry.c.units)).group_by("client_id")).all()
    )
    kept: dict[int, int] = dict(
        conn.execute(select(unit_reservation.c.client_id, func.count()).group_by(unit_reservation.c.client_id)).all()
    )
    in_bags = dict(conn.execute(select(bags.c.client_id, func.sum(bags.c.left)).group_by(bags.c.client_id)).all())
    return [
        row.client_id
        for row in conn.execute(select(accounts))
        if row.period_left + row.bags_left != sums.get(row.client_id, 0)
        or row.bags_left != in_bags.get(row.client_id, 0)
        or row.reserved != kept.get(row.client_id, 0)
    ]


# --- how it is written ------------------------------------------------------------------------------------


def _book(conn: Connection, client_id: int, before: Account, after: Account, entries: Iterable[LedgerEntry]) -> None:
    """Writes what has become of the account, and why. Its row must be locked: all of it is written."""
    new = {bag.id: bag.left for bag in after.bags}
    for bag_id in {bag.id for bag in (*before.bags, *after.bags)}:
        _UPDATE_BAG.run(conn, {"bag": bag_id, "left": new.get(bag_id, 0)})
    values = {
        "client": client_id,
        "period_start": after.period.start,
        "period_end": after.period.end,
        "period_calls": after.period_calls,
        "period_left": after.period_left,
        "bags_left": sum(new.values()),
        "reserved": after.reserved,
    }
    _UPDATE_ACCOUNT.run(conn, values)
    _INSERT_ENTRY.run_each(conn, [_row(client_id, entry) for entry in entries])


def _row(client_id: int, entry: LedgerEntry) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "at": entry.at,
        "kind": entry.kind.value,
        "units": entry.units,
        "source": entry.source.value,
        "bag_id": entry.bag_id,
        "call_id": entry.call_id,
        "reverses": entry.reverses,
        "why": entry.why,
        "uncounted": entry.uncounted,
        "repeats": entry.repeats,
        "repeated_seconds": entry.repeated_seconds,
    }


def _in_period_of(conn: Connection, row: Row[Any], at: datetime) -> Account:
    """The account, its period that of `at`. Its row must be locked."""
    return read(conn, row.client_id) if _roll_over(conn, row, at) else _account(conn, row)


def _account(conn: Connection, row: Row[Any]) -> Account:
    found = conn.execute(_BAGS_LEFT, {"client": row.client_id}) if row.bags_left else ()
    return Account(
        period=Period(row.period_start, row.period_end),
        period_calls=row.period_calls,
        period_left=row.period_left,
        bags=tuple(Bag(bag.id, bag.left) for bag in found),
        reserved=row.reserved,
    )


def _roll_over(conn: Connection, row: Row[Any], at: datetime) -> bool:
    """Begins the periods whose time has come; False if the account's still runs. Its row must be locked."""
    if row.period_end > at:
        return False
    before = _account(conn, row)
    monthly = _monthly_calls(conn, row.client_id)
    after, entries = quota.roll_over(before, row.anchor_day, _zone(conn, row.client_id), monthly, at)
    _book(conn, row.client_id, before, after, entries)
    return True


def _monthly_calls(conn: Connection, client_id: int) -> int:
    """What the client's plan grants; nothing once it has been cancelled."""
    query = select(plan.c.calls).join_from(subscription, plan, plan.c.id == subscription.c.plan_id)
    return conn.scalar(query.where(subscription.c.client_id == client_id, subscription.c.until.is_(None))) or 0


def _locked(conn: Connection, client_id: int) -> Row[Any] | None:
    return conn.execute(_LOCKED_ACCOUNT, {"client": client_id}).one_or_none()


def _row_of(conn: Connection, client_id: int) -> Row[Any] | None:
    return conn.execute(_ACCOUNT, {"client": client_id}).one_or_none()


def _is_charged(conn: Connection, call_id: str) -> bool:
    """Whether it has been decided already what the call costs."""
    return conn.scalar(_DECIDED, {"call": call_id}) is not None


def _entry(row: Row[Any]) -> LedgerEntry:
    return LedgerEntry(
        at=row.at,
        kind=Kind(row.kind),
        units=row.units,
        source=Source(row.source),
        bag_id=row.bag_id,
        call_id=row.call_id,
        reverses=row.reverses,
        why=row.why,
        uncounted=Uncounted(row.uncounted) if row.uncounted else None,
        repeats=row.repeats,
        repeated_seconds=row.repeated_seconds,
    )


def _zone(conn: Connection, client_id: int) -> ZoneInfo:
    return ZoneInfo(conn.scalar(select(clients.c.timezone).where(clients.c.id == client_id)) or "UTC")


def _no_plan(conn: Connection, client_id: int) -> ClientMistake:
    slug = conn.scalar(select(clients.c.slug).where(clients.c.id == client_id))
    return ClientMistake("the client {slug} has no plan", Code.NO_PLAN, slug=slug)
