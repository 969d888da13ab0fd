"""Invoices in the store: numbered without gaps, never changed once issued, corrected by credit notes (rule 15).

A number is counted in the transaction that writes its invoice, so one that is rolled back leaves no gap. The client's
row is taken first: two that issue for the same cause, or credit the same invoice, come one after the other.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, Select, delete, insert, select

from pbx_control.domain import checks
from pbx_control.domain.money.billing import (
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
    note_sums,
    sums,
)
from pbx_control.domain.money.periods import Period
from pbx_control.errors import ClientMistake, Code, Field, Fields, Pesos, Word
from pbx_control.settings import Settings
from pbx_control.store.engine import insert_into
from pbx_control.store.tables import client, invoice, invoice_line, invoice_series, recipient

WHY_LIMIT = 200  # characters of a credit note's reason
# The place of a note's line that stands for no line of the corrected invoice, but for a part of its sum.
PART = 0
# How many invoices' lines are read at once.
CHUNK = 500

NOTE = InvoiceKind.CREDIT_NOTE

# --- issuing ----------------------------------------------------------------------------------------------


def issue(conn: Connection, draft: Draft, now: datetime) -> Invoice:
    """The invoice for the draft's cause: a new one, or the one that is there already.

    Raises ClientMistake if a factura lacks what it must show, ValueError if there is nothing to pay.
    """
    _take_client(conn, draft.client_id)
    if (there := by_cause(conn, draft.cause)) is not None:
        return there
    owed = sums(draft.lines)
    if owed.net == 0:
        raise ValueError("an invoice of nothing")
    if draft.kind is InvoiceKind.FACTURA:
        _refuse_incomplete(conn, draft)
    return _write(conn, _facts(draft, owed, now), list(enumerate(draft.lines, start=1)))


def credit(
    conn: Connection, settings: Settings, wrong: Invoice, places: Sequence[int] | None, why: str, now: datetime
) -> Invoice:
    """A credit note for some lines of an invoice (by their place, from 1), or for all that is left of it.

    Raises ClientMistake if a line is unknown or credited already, or the note would be more than what is left.
    """
    why = checks.line(why, "why", WHY_LIMIT)
    _take_client(conn, wrong.client_id)
    _refuse_note(wrong)
    lines = _rest(conn, wrong) if places is None else _chosen(conn, wrong, places)
    cause = Cause(key=f"credit:{wrong.id}:{len(_notes(conn, wrong)) + 1}", purpose=Purpose.CREDIT)
    return _credit(conn, settings, wrong, lines, why, cause, now)


def credit_part(
    conn: Connection, settings: Settings, wrong: Invoice, net: int, why: str, cause: Cause, now: datetime
) -> Invoice:
    """A credit note for a part of an invoice's net sum; the one that is there already if the cause was credited.

    Raises ClientMistake if that is more than what is left of it.
    """
    _take_client(conn, wrong.client_id)
    if (there := by_cause(conn, cause)) is not None:
        return there
    return _credit(conn, settings, wrong, [(PART, Line(LineKind.CREDIT, why, 1, net))], why, cause, now)


def left(conn: Connection, found: Invoice) -> int:
    """What of an invoice's net sum has not been credited."""
    return found.sums.net - sum(net for _, net in _notes(conn, found))


def issuer(settings: Settings) -> Party:
    """Who issues. Raises ClientMistake, saying what to write where, while the settings have no RUT."""
    billing = settings.billing
    if not billing.issuer_rut:
        raise ClientMistake(
            "no invoices can be issued while [billing] in pbx.toml has no issuer_rut: write it there, with "
            "issuer_name, issuer_business and issuer_address"
        )
    name = billing.issuer_name or settings.office.name
    return Party(name=name, rut=billing.issuer_rut, business=billing.issuer_business, address=billing.issuer_address)


def buyer(conn: Connection, row: Row[Any]) -> Party:
    """Who pays: the client's row as it stands on an invoice, with its first e-mail recipient."""
    mails = select(recipient.c.address).where(recipient.c.client_id == row.id, recipient.c.channel == "email")
    return Party(
        name=row.legal_name or row.name,
        rut=row.rut,
        business=row.business,
        address=row.address,
        email=conn.scalar(mails.order_by(recipient.c.id).limit(1)) or "",
    )


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
        raise ClientMistake("{number} may be {several}: write one of these", number=number, several=several)
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


def count_on(conn: Connection, kind: InvoiceKind, number: int) -> range:
    """Sees to it that `number` is not given again, for a store that was set back to a time before it was issued.

    Gives the numbers that the store knows nothing of and will never give: none if it has counted so far itself.
    """
    known = conn.scalar(select(invoice_series.c.last).where(invoice_series.c.kind == kind.value)) or 0
    if number > known:
        conn.execute(delete(invoice_series).where(invoice_series.c.kind == kind.value))
        conn.execute(insert(invoice_series).values(kind=kind.value, last=number))
    return range(known + 1, number + 1)


# --- how it is done ---------------------------------------------------------------------------------------


def _take_client(conn: Connection, client_id: int) -> None:
    """Waits for whoever else issues for the client. (SQLite's transactions come one after the other anyway.)"""
    # As "no key update", so that rows that only name the client, such as its calls, can be written meanwhile.
    conn.execute(select(client.c.id).where(client.c.id == client_id).with_for_update(key_share=True))


def _next_number(conn: Connection, kind: InvoiceKind) -> int:
    """Counts: one statement, whose row stays taken until the transaction has ended."""
    counting = (
        insert_into(conn.dialect.name, invoice_series)
        .values(kind=kind.value, last=1)
        .on_conflict_do_update(index_elements=["kind"], set_={"last": invoice_series.c.last + 1})
        .returning(invoice_series.c.last)
    )
    return int(conn.execute(counting).scalar_one())


def _facts(draft: Draft, owed: Sums, now: datetime) -> dict[str, Any]:
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


def _write(conn: Connection, facts: dict[str, Any], lines: Sequence[tuple[int, Line]]) -> Invoice:
    number = _next_number(conn, InvoiceKind(facts["kind"]))
    key = int(conn.execute(insert(invoice).values(facts | {"number": number})).inserted_primary_key[0])
    conn.execute(insert(invoice_line), [_line_row(key, place, line) for place, line in lines])
    return _invoices(conn, _with_client().where(invoice.c.id == key))[0]


def _refuse_incomplete(conn: Connection, draft: Draft) -> None:
    """A factura shows RUT, razón social, giro and address of who pays."""
    row = conn.execute(select(client).where(client.c.id == draft.client_id)).one()
    needed = {"rut": draft.buyer.rut, "legal_name": row.legal_name, "business": draft.buyer.business}
    needed |= {"address": draft.buyer.address}
    missing = Fields(Field(name) for name, value in needed.items() if not value.strip())
    if missing:
        raise ClientMistake(
            "a factura for {slug} cannot be issued without {missing}",
            Code.BUYER_INCOMPLETE,
            slug=row.slug,
            missing=missing,
            first=missing[0],
        )
    checks.rut(draft.buyer.rut)


# --- credit notes -----------------------------------------------------------------------------------------


def _credit(
    conn: Connection,
    settings: Settings,
    wrong: Invoice,
    lines: Sequence[tuple[int, Line]],
    why: str,
    cause: Cause,
    now: datetime,
) -> Invoice:
    net, still = sum(line.amount for _, line in lines), left(conn, wrong)
    if not 0 < net <= still:
        raise ClientMistake(
            "{net} net cannot be credited: of the {kind} {number}, {left} net is left",
            net=Pesos(net),
            kind=Word(wrong.kind.value),
            number=wrong.number,
            left=Pesos(still),
        )
    draft = Draft(
        kind=NOTE,
        client_id=wrong.client_id,
        issuer=issuer(settings),
        buyer=wrong.buyer,
        lines=(),
        cause=cause,
        day=office_day(settings, now),
        period=wrong.period,
    )
    facts = _facts(draft, note_sums(net, wrong.sums.net - still), now)
    return _write(conn, facts | {"corrects": wrong.id, "why": why}, lines)


def office_day(settings: Settings, now: datetime) -> date:
    """The date that an invoice of this instant carries: the office's."""
    return now.astimezone(ZoneInfo(settings.office.timezone)).date()


def _refuse_note(wrong: Invoice) -> None:
    if wrong.kind is NOTE:
        raise ClientMistake(
            "the credit note {number} cannot be credited: a new invoice for what was credited wrongly corrects it",
            number=wrong.number,
        )


def _rest(conn: Connection, wrong: Invoice) -> list[tuple[int, Line]]:
    """All lines, or, where a part has been credited before, one line for what is left."""
    if not _notes(conn, wrong):
        return list(enumerate(wrong.lines, start=1))
    return [(PART, Line(LineKind.CREDIT, "Saldo no acreditado antes", 1, left(conn, wrong)))]


def _chosen(conn: Connection, wrong: Invoice, places: Sequence[int]) -> list[tuple[int, Line]]:
    done = _credited_places(conn, wrong)
    for place in places:
        if not 1 <= place <= len(wrong.lines):
            raise ClientMistake(
                "the {kind} {number} has no line {place}: it has 1 to {count}",
                kind=Word(wrong.kind.value),
                number=wrong.number,
                place=place,
                count=len(wrong.lines),
            )
        if place in done:
            raise ClientMistake(
                "line {place} of the {kind} {number} has been credited already",
                place=place,
                kind=Word(wrong.kind.value),
                number=wrong.number,
            )
    return [(place, wrong.lines[place - 1]) for place in sorted(set(places))]


def _notes(conn: Connection, found: Invoice) -> list[tuple[int, int]]:
    """The credit notes of an invoice: id and net sum."""
    query = select(invoice.c.id, invoice.c.net).where(invoice.c.corrects == found.id).order_by(invoice.c.id)
    return [(row.id, row.net) for row in conn.execute(query)]


def _credited_places(conn: Connection, found: Invoice) -> set[int]:
    query = select(invoice_line.c.seq).join_from(invoice_line, invoice).where(invoice.c.corrects == found.id)
    return set(conn.scalars(query)) - {PART}


# --- rows -------------------------------------------------------------------------------------------------


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
