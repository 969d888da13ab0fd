"""What can be done with invoices: issuing what is due, crediting what was wrong."""

from collections.abc import Sequence

from pbx_control.domain.audit import Verb
from pbx_control.domain.money.billing import Invoice
from pbx_control.services.work import Work
from pbx_control.settings import Settings
from pbx_control.store import charges, clients, invoices


def renew(work: Work, settings: Settings, slug: str) -> list[Invoice]:
    """Issues all that is due for a client now; nothing twice. Raises ClientMistake if no issuer is set."""
    invoices.issuer(settings)
    client_id = clients.find(work.conn, slug).id
    issued = charges.renew(work.conn, settings, client_id, work.at)
    # Also where nothing was due: time that is passed over is written down.
    work.note(Verb.INVOICE_ISSUED, slug, client_id=client_id, new={"invoices": [_name(each) for each in issued]})
    return issued


def credit(work: Work, settings: Settings, wrong: Invoice, places: Sequence[int] | None, why: str) -> Invoice:
    """A credit note for an invoice, or for some of its lines (by their place, from 1).

    Raises ClientMistake if a line is unknown or credited already, or the note would be more than what is left.
    """
    note = invoices.credit(work.conn, settings, wrong, places, why, work.at)
    work.note(
        Verb.INVOICE_CREDITED, _name(wrong), client_id=wrong.client_id, new={"note": _name(note), "net": note.sums.net}
    )
    return note


def _name(found: Invoice) -> str:
    return f"{found.kind.value}-{found.number}"
