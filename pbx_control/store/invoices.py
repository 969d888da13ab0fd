"""Invoices in the store: numbered without gaps, never changed once issued, corrected by credit notes (rule 15).

A number is counted in the transaction that writes its invoice, so one that is rolled back leaves no gap.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, exists, insert, or_, select

from pbx_control.domain.money.billing import (
    PART,
    Cause,
    Corrected,
    Draft,
    Invoice,
    InvoiceKind,
    Line,
    LineKind,
    Party,
    Purpose,
    Sums,
)
from pbx_control.domain.money.periods import Period
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.engine import insert_into, new_id
from pbx_control.store.tables import bag, client, did, invoice, invoice_line, invoice_series, subscription

# No client's month is longer; the exact one is looked at client by client.
LONGEST_MONTH = timedelta(days=32)
# How many invoices' lines are read at once.
CHUNK = 500

NOTE = InvoiceKind.CREDIT_NOTE


@dataclass(frozen=True, slots=True)
class ToCharge:
    """A client for which there may be something to invoice."""

    client_id: int
    slug: str


# --- writing ----------------------------------------------------------------------------------------------


def take_client(conn: Connection, client_id: int) -> None:
    """Waits for whoever else issues for the client. (SQLite's transactions come one after the other anyway.)"""
    # As "no key update", so that rows that only name the client, such as its calls, can be written meanwhile.
    conn.execute(select(client.c.id).where(client.c.id == client_id).with_for_update(key_share=True))


def add(
    conn: Connection,
    draft: Draft,
    owed: Sums,
    lines: Sequence[tuple[int, Line]],
    now: datetime,
    corrects: int | None = None,
    why: str = "",
) -> Invoice:
    """Keeps an invoice under the next number of its kind. `lines`: each with its place; `corrects`: of a credit note,
    the invoice that it is for."""
    values = _values(draft, owed, now) | {"corrects": corrects, "why": why, "number": _next_number(conn, draft.kind)}
    key = new_id(conn, invoice, values)
    conn.execute(insert(invoice_line), [_line_row(key, place, line) for place, line in lines])
    return _invoices(conn, _with_client().where(invoice.c.id == key))[0]


# --- reading ----------------------------------------------------------------------------------------------


def find(conn: Connection, number: int, kind: InvoiceKind | None = None, to_credit: bool = False) -> Invoice:
    """The invoice of that number. `to_credit`: credit notes, which nobody can credit, are not meant where another has
    the number. Raises ClientMistake if there is none, or several kinds have one.
    """
    query = _with_client().where(invoice.c.number == number)
    if kind is not None:
        query = query.where(invoice.c.kind == kind.value)
    found = _invoices(conn, query.order_by(invoice.c.id))
    if not found:
        raise ClientMistake("there is no invoice {number}", Code.NO_SUCH_INVOICE, number=number)
    if to_credit:
        found = [each for each in found if each.kind is not NOTE] or found
    if len(found) > 1:
        several = ", ".join(f"{each.kind.value}-{number}" for each in found)
        raise ClientMistake(
            "{number} may be {several}: write one of these", Code.AMBIGUOUS, number=number, several=several
        )
    return found[0]


def by_cause(conn: Connection, cause: Cause) -> Invoice | None:
    """The invoice that was issued for this, or None."""
    found = _invoices(conn, _with_client().where(invoice.c.cause == cause.key))
    return found[0] if found else None


def renewals(conn: Connection, client_id: int) -> list[Invoice]:
    """A client's invoices for months of its plan, the oldest first."""
    query = _with_client().where(invoice.c.client_id == client_id, invoice.c.purpose == Purpose.RENEWAL.value)
    return _invoices(conn, query.order_by(invoice.c.id))


def given_back(conn: Connection, client_id: int, cause: Cause) -> list[Invoice]:
    """The credit notes by which a client got money back for a change of plan or when it left, the oldest first."""
    same = invoice.c.purpose == cause.purpose.value, invoice.c.subscription_id == cause.subscription_id
    query = _with_client().where(invoice.c.client_id == client_id, invoice.c.kind == NOTE.value, *same)
    return _invoices(conn, query.order_by(invoice.c.id))


def issued(
    conn: Connection,
    *,
    client_id: int | None = None,
    since: date | None = None,
    until: date | None = None,
    limit: int | None = None,
) -> list[Invoice]:
    """The invoices and notes of these days (both included, of the office's zone), the newest first."""
    query = _with_client().order_by(invoice.c.id.desc()).limit(limit)
    if client_id is not None:
        query = query.where(invoice.c.client_id == client_id)
    if since is not None:
        query = query.where(invoice.c.day >= since)
    if until is not None:
        query = query.where(invoice.c.day <= until)
    return _invoices(conn, query)


def to_charge(conn: Connection, now: datetime) -> list[ToCharge]:
    """The clients whose paid time is over, that got a number within it, or a bag that nobody invoiced; by slug."""
    unpaid = or_(subscription.c.paid_until.is_(None), subscription.c.paid_until <= now)
    added, bags = client.c.id.in_(_with_added_numbers()), client.c.id.in_(_with_bags(now))
    query = (
        select(client.c.id, client.c.slug)
        .join_from(client, subscription)
        .where(subscription.c.until.is_(None), or_(unpaid, added, bags))
        .order_by(client.c.slug)
    )
    return [ToCharge(row.id, row.slug) for row in conn.execute(query)]


def count_on(conn: Connection, kind: InvoiceKind, number: int) -> range:
    """Sees to it that `number` is not given again, for a store that was set back to a time before it was issued.

    Gives the numbers that the store knows nothing of and will never give: none if it has counted so far itself.
    """
    known = conn.scalar(select(invoice_series.c.last).where(invoice_series.c.kind == kind.value)) or 0
    if number > known:
        conn.execute(delete(invoice_series).where(invoice_series.c.kind == kind.value))
        conn.execute(insert(invoice_series).values(kind=kind.value, last=number))
    return range(known + 1, number + 1)


def left(conn: Connection, found: Invoice) -> int:
    """What of an invoice's net sum has not been credited."""
    return found.sums.net - sum(net for _, net in notes(conn, found))


def notes(conn: Connection, found: Invoice) -> list[tuple[int, int]]:
    """The credit notes of an invoice: id and net sum."""
    query = select(invoice.c.id, invoice.c.net).where(invoice.c.corrects == found.id).order_by(invoice.c.id)
    return [(row.id, row.net) for row in conn.execute(query)]


def credited_places(conn: Connection, found: Invoice) -> set[int]:
    """The lines of an invoice, by their place, that have been credited."""
    query = select(invoice_line.c.seq).join_from(invoice_line, invoice).where(invoice.c.corrects == found.id)
    return set(conn.scalars(query)) - {PART}


# --- rows -------------------------------------------------------------------------------------------------


def _next_number(conn: Connection, kind: InvoiceKind) -> int:
    """Counts: one statement, whose row stays taken until the transaction has ended."""
    counting = (
        insert_into(conn.dialect.name, invoice_series)
        .values(kind=kind.value, last=1)
        .on_conflict_do_update(index_elements=["kind"], set_={"last": invoice_series.c.last + 1})
        .returning(invoice_series.c.last)
    )
    return int(conn.execute(counting).scalar_one())


def _values(draft: Draft, owed: Sums, now: datetime) -> dict[str, Any]:
    return {
        "kind": draft.kind.value,
        "client_id": draft.client_id,
        "issued_at": now,
        "day": draft.day,
        "period_start": draft.period.start if draft.period else None,
        "period_end": draft.period.end if draft.period else None,
        "net": owed.net,
        "vat": owed.vat,
        "total": owed.total,
        "issuer": _as_json(draft.issuer),
        "buyer": _as_json(draft.buyer),
        "cause": draft.cause.key,
        "purpose": draft.cause.purpose.value,
        "subscription_id": draft.cause.subscription_id,
        "bag_id": draft.cause.bag_id,
    }


def _with_bags(now: datetime) -> Select[int | None]:
    """The clients that may have a bag without invoice which was sold in the month under way."""
    unpaid = ~exists().where(invoice.c.bag_id == bag.c.id).correlate(bag)
    return select(bag.c.client_id).where(bag.c.price > 0, bag.c.bought_at > now - LONGEST_MONTH, unpaid)


def _with_added_numbers() -> Select[int | None]:
    """The clients that have a number which was added after their last renewal."""
    renewed = (
        select(invoice.c.issued_at)
        .where(invoice.c.client_id == did.c.client_id, invoice.c.purpose == Purpose.RENEWAL.value)
        .order_by(invoice.c.id.desc())
        .limit(1)
        .correlate(did)
        .scalar_subquery()
    )
    return select(did.c.client_id).where(did.c.main.is_(False), did.c.assigned_at > renewed)


def _with_client() -> Select[Any]:
    corrected = invoice.alias("corrected")
    return (
        select(
            invoice,
            client.c.slug,
            client.c.timezone,
            corrected.c.kind.label("corrected_kind"),
            corrected.c.number.label("corrected_number"),
            corrected.c.day.label("corrected_day"),
            corrected.c.net.label("corrected_net"),
        )
        .join_from(invoice, client)
        .outerjoin(corrected, invoice.c.corrects == corrected.c.id)
    )


def _invoices(conn: Connection, query: Select[Any]) -> list[Invoice]:
    rows = conn.execute(query).all()
    lines = _lines(conn, [row.id for row in rows])
    return [_as_invoice(row, tuple(lines.get(row.id, ()))) for row in rows]


def _lines(conn: Connection, ids: Sequence[int]) -> dict[int, list[Line]]:
    found: dict[int, list[Line]] = {}
    for first in range(0, len(ids), CHUNK):
        query = select(invoice_line).where(invoice_line.c.invoice_id.in_(ids[first : first + CHUNK]))
        for row in conn.execute(query.order_by(invoice_line.c.invoice_id, invoice_line.c.seq)):
            line = Line(LineKind(row.kind), row.text, row.quantity, row.unit_price)
            found.setdefault(row.invoice_id, []).append(line)
    return found


def _as_invoice(row: Row[Any], lines: tuple[Line, ...]) -> Invoice:
    return Invoice(
        id=row.id,
        kind=InvoiceKind(row.kind),
        number=row.number,
        client_id=row.client_id,
        client=row.slug,
        timezone=row.timezone,
        issued_at=row.issued_at,
        day=row.day,
        period=Period(row.period_start, row.period_end) if row.period_start else None,
        sums=Sums(row.net, row.vat),
        issuer=Party(**json.loads(row.issuer)),
        buyer=Party(**json.loads(row.buyer)),
        lines=lines,
        cause=Cause(
            key=row.cause,
            purpose=Purpose(row.purpose),
            subscription_id=row.subscription_id,
            bag_id=row.bag_id,
        ),
        corrects=_corrected(row),
        why=row.why,
    )


def _corrected(row: Row[Any]) -> Corrected | None:
    if row.corrects is None:
        return None
    return Corrected(
        kind=InvoiceKind(row.corrected_kind),
        number=row.corrected_number,
        day=row.corrected_day,
        net=row.corrected_net,
    )


def _line_row(invoice_id: int, place: int, line: Line) -> dict[str, Any]:
    return {
        "invoice_id": invoice_id,
        "seq": place,
        "kind": line.kind.value,
        "text": line.text,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "amount": line.amount,
    }


def _as_json(party: Party) -> str:
    return json.dumps(asdict(party), ensure_ascii=False, sort_keys=True)
