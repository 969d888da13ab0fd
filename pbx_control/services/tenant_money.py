"""What a client's calls cost: its ledger and its invoices, as its owner reads them; and what he objects to.

Everything goes through an object that is bound to that client, as in `services/tenant.py`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Actor
from pbx_control.domain.money import quota
from pbx_control.domain.money.billing import Invoice, InvoiceKind
from pbx_control.domain.money.periods import Period, period_of
from pbx_control.domain.money.quota import Account
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import accounts
from pbx_control.services.work import booking
from pbx_control.store import clients, invoices, ledger, missed, plans
from pbx_control.store.engine import reading
from pbx_control.store.ledger import ListedBag, Told

__all__ = ["Account", "Invoice", "LedgerOf", "ListedBag", "MoneyOf", "Told"]
# Invoices that are listed.
MOST_INVOICES = 200
# Characters of a name that an error shows.
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerOf:
    """A month of a client's ledger, and how the client stands."""

    firm: str
    zone: ZoneInfo
    plan: str  # "": none, and nothing is counted
    period: Period | None
    running: bool  # it is the month under way
    before: datetime | None  # in the month before; None: there was none
    after: datetime | None  # in the month after
    opening: int
    closing: int
    campaigns: int  # callers of mass calls who were not put through in it
    entries: Sequence[Told]  # the newest first
    reversed: frozenset[int]  # the charges among them that were taken back
    account: Account | None
    bags: Sequence[ListedBag]  # with something left
    runs_out: date | None  # at this pace; None: not in this month


@dataclass(frozen=True, slots=True)
class MoneyOf:
    """One of a client's owners, and what the client pays for. Each question is a transaction of its own."""

    engine: Engine
    client_id: int
    actor: Actor

    def ledger(self, within: datetime | None, at: datetime) -> LedgerOf:
        """The month that has that instant; the one under way if none is given."""
        with reading(self.engine) as conn:
            firm = clients.get(conn, self.client_id)
            zone, account = ZoneInfo(firm.timezone), ledger.find(conn, self.client_id)
            if account is None:
                return _uncounted(firm.name, zone)
            period = self._period(conn, zone, within) if within else account.period
            said = ledger.statement(conn, self.client_id, period.start, period.end)
            current = plans.current(conn, self.client_id)
            first = ledger.first_at(conn, self.client_id)
            charges = [one.id for one in said.entries]
            return LedgerOf(
                firm=firm.name,
                zone=zone,
                plan=current.plan.name if current else "",
                period=period,
                running=period == account.period,
                before=period.start if first and first < period.start else None,
                after=period.end if period.end <= account.period.start else None,
                opening=said.opening,
                closing=said.closing,
                campaigns=missed.campaigns(conn, self.client_id, period.start, period.end),
                entries=said.entries[::-1],
                reversed=frozenset(ledger.reversed_of(conn, charges)),
                account=account,
                bags=[bag for bag in ledger.bag_rows(conn, self.client_id) if bag.left],
                runs_out=quota.forecast(
                    account, ledger.used_since(conn, self.client_id, account.period.start), zone, at
                ),
            )

    def dispute(self, entry_id: int, why: str, at: datetime) -> None:
        """Objects to a charge. Raises ClientMistake if it is none of his, cannot be disputed, or has been before."""
        with booking(self.engine, self.actor, at) as work:
            if ledger.client_of(work.conn, entry_id) != self.client_id:
                raise ClientMistake("there is no entry {id} in any ledger", Code.NO_SUCH_ENTRY, id=entry_id)
            accounts.dispute(work, entry_id, why)

    def invoices(self) -> tuple[str, Sequence[Invoice]]:
        """The firm's name, and its invoices and credit notes, the newest first."""
        with reading(self.engine) as conn:
            found = invoices.issued(conn, client_id=self.client_id, limit=MOST_INVOICES)
            return clients.get(conn, self.client_id).name, found

    def invoice(self, name: str) -> Invoice:
        """The one of that name ("boleta-12"). Raises ClientMistake if it has none of it."""
        kind, _, number = name.partition("-")
        known = kind in {one.value for one in InvoiceKind} and number.isascii() and number.isdecimal()
        if known and len(number) < 10:
            with reading(self.engine) as conn, suppress(ClientMistake):
                found = invoices.find(conn, int(number), InvoiceKind(kind))
                if found.client_id == self.client_id:
                    return found
        raise ClientMistake("there is no invoice {number}", Code.NO_SUCH_INVOICE, number=repr(name[:SHOWN]))

    def _period(self, conn: Connection, zone: ZoneInfo, within: datetime) -> Period:
        return period_of(ledger.anchor_day(conn, self.client_id), zone, within)


def _uncounted(firm: str, zone: ZoneInfo) -> LedgerOf:
    return LedgerOf(
        firm=firm,
        zone=zone,
        plan="",
        period=None,
        running=True,
        before=None,
        after=None,
        opening=0,
        closing=0,
        campaigns=0,
        entries=(),
        reversed=frozenset(),
        account=None,
        bags=(),
        runs_out=None,
    )
