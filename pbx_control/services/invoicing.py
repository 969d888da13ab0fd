"""What can be done with invoices: issuing what is due, crediting what was wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine

from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.money.billing import Invoice
from pbx_control.domain.words.sentences import Sentence, sentence_of
from pbx_control.errors import ClientMistake
from pbx_control.notify import invoices as post
from pbx_control.services import charging, issuing
from pbx_control.services.work import Work, booking
from pbx_control.settings import Home, Settings
from pbx_control.store import clients, invoices, plans
from pbx_control.store.engine import reading


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run: the invoices issued, and whose could not be, with the reason."""

    issued: list[Invoice] = field(default_factory=list)
    refused: list[tuple[str, ClientMistake]] = field(default_factory=list)

    @property
    def sentence(self) -> Sentence:
        """For the list of runs: "issued: 12; refused: 1: andes: the plan …"."""
        issued = len(self.issued)
        if not self.refused:
            return Sentence("issued: {count}", count=issued)
        each = tuple(Sentence("{client}: {why}", client=slug, why=sentence_of(why)) for slug, why in self.refused)
        return Sentence("issued: {count}; refused: {refused}: {each}", count=issued, refused=len(each), each=each)


def issue_due(engine: Engine, home: Home, settings: Settings, actor: Actor, now: datetime) -> Report:
    """Issues and sends all that is due, client by client: one that cannot be invoiced holds up nobody else.

    Harmless when it is repeated or broken off: what is issued is not issued again, what was not sent is.
    """
    report = Report()
    with reading(engine) as conn:
        due = invoices.to_charge(conn, now)
    for each in due:
        try:
            with booking(engine, actor, now) as work:
                report.issued.extend(_renew(work, settings, each.client_id, each.slug))
        except ClientMistake as why:
            # Imported here: most commands that know this module issue nothing.
            import structlog

            structlog.get_logger().error("invoice.refused", client=each.slug, why=str(why))
            report.refused.append((each.slug, why))
    post.send(engine, home, settings, report.issued, now)
    post.send_unsent(engine, home, settings, now)
    return report


def renew(work: Work, settings: Settings, slug: str) -> list[Invoice]:
    """Issues all that is due for a client now; nothing twice. Raises ClientMistake if no issuer is set."""
    issuing.issuer(settings)
    return _renew(work, settings, clients.find(work.conn, slug).id, slug)


def charge_plan(work: Work, settings: Settings, slug: str) -> list[Invoice]:
    """Issues what follows from a plan that has been assigned in the same transaction."""
    client_id = clients.find(work.conn, slug).id
    issued = charging.invoice_plan_change(work.conn, settings, client_id, work.at)
    return _noted(work, Verb.INVOICE_ISSUED, slug, client_id, issued)


def credit_paid_ahead(work: Work, settings: Settings, slug: str) -> list[Invoice]:
    """Credits what a client that has cancelled, in the same transaction, paid for months that have not begun."""
    client_id = clients.find(work.conn, slug).id
    notes = charging.credit_paid_ahead(work.conn, settings, client_id, work.at)
    return _noted(work, Verb.INVOICE_CREDITED, slug, client_id, notes)


def credit(work: Work, settings: Settings, wrong: Invoice, places: Sequence[int] | None, why: str) -> Invoice:
    """A credit note for an invoice, or for some of its lines (by their place, from 1).

    Raises ClientMistake if a line is unknown or credited already, or the note would be more than what is left.
    """
    note = issuing.credit(work.conn, settings, wrong, places, why, work.at)
    work.note(
        Verb.INVOICE_CREDITED, _name(wrong), client_id=wrong.client_id, new={"note": _name(note), "net": note.sums.net}
    )
    return note


def _renew(work: Work, settings: Settings, client_id: int, slug: str) -> list[Invoice]:
    """Issues what is due. Time that is passed over without an invoice changes the subscription, too."""
    before = plans.current(work.conn, client_id)
    issued = charging.renew(work.conn, settings, client_id, work.at)
    after = plans.current(work.conn, client_id)
    if issued or before != after:
        old = {"paid_until": before.paid_until if before else None}
        new = {"paid_until": after.paid_until if after else None, "invoices": [_name(each) for each in issued]}
        work.note(Verb.INVOICE_ISSUED, slug, client_id=client_id, old=old, new=new)
    return issued


def _noted(work: Work, verb: Verb, slug: str, client_id: int, issued: list[Invoice]) -> list[Invoice]:
    if issued:
        work.note(verb, slug, client_id=client_id, new={"invoices": [_name(each) for each in issued]})
    return issued


def _name(found: Invoice) -> str:
    return f"{found.kind.value}-{found.number}"
