"""How an invoice is issued and credited: once for each cause, whole, and never more than there is left (rule 15).

The client's row is taken first: two that issue for the same cause, or credit the same invoice, come one after the
other.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from pbx_control.domain import checks
from pbx_control.domain.money.billing import (
    PART,
    Cause,
    Draft,
    Invoice,
    InvoiceKind,
    Line,
    LineKind,
    Party,
    Purpose,
    note_sums,
    sums,
)
from pbx_control.domain.notices.kinds import About
from pbx_control.domain.notices.messages import Channel
from pbx_control.errors import ClientMistake, Code, Field, Fields, Pesos, Word
from pbx_control.settings import Settings
from pbx_control.store import clients, invoices, recipients
from pbx_control.store.clients import Client

WHY_LIMIT = 200  # characters of a credit note's reason


def issue(conn: Connection, draft: Draft, now: datetime) -> Invoice:
    """The invoice for the draft's cause: a new one, or the one that is there already.

    Raises ClientMistake if a factura lacks what it must show, ValueError if there is nothing to pay.
    """
    invoices.take_client(conn, draft.client_id)
    if (there := invoices.by_cause(conn, draft.cause)) is not None:
        return there
    owed = sums(draft.lines)
    if owed.net == 0:
        raise ValueError("an invoice of nothing")
    if draft.kind is InvoiceKind.FACTURA:
        _refuse_incomplete(conn, draft)
    return invoices.add(conn, draft, owed, list(enumerate(draft.lines, start=1)), now)


def credit(
    conn: Connection, settings: Settings, wrong: Invoice, places: Sequence[int] | None, why: str, now: datetime
) -> Invoice:
    """A credit note for some lines of an invoice (by their place, from 1), or for all that is left of it.

    Raises ClientMistake if a line is unknown or credited already, or the note would be more than what is left.
    """
    why = checks.line(why, "why", WHY_LIMIT)
    invoices.take_client(conn, wrong.client_id)
    _refuse_note(wrong)
    lines = _rest(conn, wrong) if places is None else _chosen(conn, wrong, places)
    cause = Cause(key=f"credit:{wrong.id}:{len(invoices.notes(conn, wrong)) + 1}", purpose=Purpose.CREDIT)
    return _credit(conn, settings, wrong, lines, why, cause, now)


def credit_part(
    conn: Connection, settings: Settings, wrong: Invoice, net: int, why: str, cause: Cause, now: datetime
) -> Invoice:
    """A credit note for a part of an invoice's net sum; the one that is there already if the cause was credited.

    Raises ClientMistake if that is more than what is left of it.
    """
    invoices.take_client(conn, wrong.client_id)
    if (there := invoices.by_cause(conn, cause)) is not None:
        return there
    return _credit(conn, settings, wrong, [(PART, Line(LineKind.CREDIT, why, 1, net))], why, cause, now)


def issuer(settings: Settings) -> Party:
    """Who issues. Raises ClientMistake, saying what to write where, while the settings have no RUT."""
    billing = settings.billing
    if not billing.issuer_rut:
        raise ClientMistake(
            "no invoices can be issued while [billing] in pbx.toml has no issuer_rut: write it there, with "
            "issuer_name, issuer_business and issuer_address",
            Code.NO_ISSUER,
        )
    name = billing.issuer_name or settings.office.name
    return Party(name=name, rut=billing.issuer_rut, business=billing.issuer_business, address=billing.issuer_address)


def buyer(conn: Connection, client: Client) -> Party:
    """Who pays: the client as it stands on an invoice, with its first e-mail recipient."""
    people = recipients.of_client(conn, client.id, About.INVOICES)
    return Party(
        name=client.legal_name or client.name,
        rut=client.rut,
        business=client.business,
        address=client.address,
        email=next((one.address for one in people if one.channel is Channel.EMAIL), ""),
    )


def _refuse_incomplete(conn: Connection, draft: Draft) -> None:
    """A factura shows RUT, razón social, giro and address of who pays."""
    row = clients.get(conn, draft.client_id)
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
    net, still = sum(line.amount for _, line in lines), invoices.left(conn, wrong)
    if not 0 < net <= still:
        raise ClientMistake(
            "{net} net cannot be credited: of the {kind} {number}, {left} net is left",
            Code.MORE_THAN_LEFT,
            net=Pesos(net),
            kind=Word(wrong.kind.value),
            number=wrong.number,
            left=Pesos(still),
        )
    draft = Draft(
        kind=InvoiceKind.CREDIT_NOTE,
        client_id=wrong.client_id,
        issuer=issuer(settings),
        buyer=wrong.buyer,
        lines=(),
        cause=cause,
        day=settings.office.day(now),
        period=wrong.period,
    )
    return invoices.add(conn, draft, note_sums(net, wrong.sums.net - still), lines, now, corrects=wrong.id, why=why)


def _refuse_note(wrong: Invoice) -> None:
    if wrong.kind is InvoiceKind.CREDIT_NOTE:
        raise ClientMistake(
            "the credit note {number} cannot be credited: a new invoice for what was credited wrongly corrects it",
            Code.WRONG_STATE,
            number=wrong.number,
        )


def _rest(conn: Connection, wrong: Invoice) -> list[tuple[int, Line]]:
    """All lines, or, where a part has been credited before, one line for what is left."""
    if not invoices.notes(conn, wrong):
        return list(enumerate(wrong.lines, start=1))
    return [(PART, Line(LineKind.CREDIT, "Saldo no acreditado antes", 1, invoices.left(conn, wrong)))]


def _chosen(conn: Connection, wrong: Invoice, places: Sequence[int]) -> list[tuple[int, Line]]:
    done = invoices.credited_places(conn, wrong)
    for place in places:
        if not 1 <= place <= len(wrong.lines):
            raise ClientMistake(
                "the {kind} {number} has no line {place}: it has 1 to {count}",
                Code.NO_SUCH_LINE,
                kind=Word(wrong.kind.value),
                number=wrong.number,
                place=place,
                count=len(wrong.lines),
            )
        if place in done:
            raise ClientMistake(
                "line {place} of the {kind} {number} has been credited already",
                Code.WRONG_STATE,
                place=place,
                kind=Word(wrong.kind.value),
                number=wrong.number,
            )
    return [(place, wrong.lines[place - 1]) for place in sorted(set(places))]
