"""Sends invoices: each is kept as a PDF and goes to the client's e-mail recipients."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.domain.money.billing import Invoice, Purpose
from pbx_control.domain.money.periods import period_of
from pbx_control.domain.notices.invoice_letters import compose_invoice, document, letter_id
from pbx_control.domain.notices.kinds import About
from pbx_control.domain.notices.messages import DOCUMENTS, Channel
from pbx_control.files import write_below
from pbx_control.settings import Home, Settings
from pbx_control.store import clients, invoices, ledger, letters, missed, recipients
from pbx_control.store.engine import reading, writing

# An invoice whose letter was not written, because the machine stopped in between, is sent by the next run within this.
MAKE_UP = timedelta(days=7)


def send(engine: Engine, home: Home, settings: Settings, issued: Sequence[Invoice], now: datetime) -> None:
    """Writes the PDFs of invoices and puts their letters into the outbox; those that are there already stay.

    To be called after the transaction that issued them: a PDF takes longer than live calls should wait for the
    database. If this is broken off, `send_unsent` does the rest.
    """
    # Imported here: most commands that may issue an invoice issue none, and it brings a library of fonts with it.
    from pbx_control.notify.invoice_pdf import render

    for each in issued:
        write_below(home.documents, document(each).removeprefix(DOCUMENTS), render(each))
        with writing(engine) as conn:
            language = clients.get(conn, each.client_id).language
            name = settings.office.name
            blocked = _campaigns(conn, each)
            written = [
                compose_invoice(each, address, language, name, now, blocked) for address in _addresses(conn, each)
            ]
            letters.add(conn, written)


def send_unsent(engine: Engine, home: Home, settings: Settings, now: datetime) -> int:
    """Sends the invoices of the last days of which no letter has been written; how many."""
    with reading(engine) as conn:
        recent = invoices.issued(conn, since=settings.office.day(now - MAKE_UP))
        unsent = [each for each in reversed(recent) if _is_unsent(conn, each)]
    send(engine, home, settings, unsent, now)
    return len(unsent)


def _is_unsent(conn: Connection, issued: Invoice) -> bool:
    """Whether somebody is to get it and nobody has."""
    names = [letter_id(issued, address) for address in _addresses(conn, issued)]
    return bool(names) and not letters.is_there(conn, names)


def _campaigns(conn: Connection, issued: Invoice) -> int:
    """How many callers of mass calls were not put through in the month that ended when the invoice's began."""
    if issued.cause.purpose is not Purpose.RENEWAL or issued.period is None:
        return 0
    end = issued.period.start
    month = period_of(ledger.anchor_day(conn, issued.client_id), ZoneInfo(issued.timezone), end - timedelta(seconds=1))
    return missed.campaigns(conn, issued.client_id, month.start, end)


def _addresses(conn: Connection, issued: Invoice) -> list[str]:
    people = recipients.of_client(conn, issued.client_id, About.INVOICES)
    return [person.address for person in people if person.channel is Channel.EMAIL]
