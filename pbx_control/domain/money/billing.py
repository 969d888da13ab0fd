"""What a client is charged: an invoice's lines, their sums and IVA, by rules that docs/decisions/billing.md explains.

All amounts are whole pesos. Prices are net: IVA is added once, to the sum of an invoice's lines.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pbx_control.catalogue import N_
from pbx_control.domain.money.periods import Period
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.errors import ClientMistake, Code

VAT_PERCENT = 19  # Chile's IVA
MEAN_MONTH = timedelta(days=365.25 / 12)
# The place of a note's line that stands for no line of the corrected invoice, but for a part of its sum.
PART = 0


class LineKind(StrEnum):
    """What a line of an invoice is about; the names are those in the table `invoice_line`."""

    PLAN = "plan"
    DID = "did"  # numbers beyond the first
    BAG = "bag"
    DISCOUNT = "discount"  # for months paid ahead; negative
    PRO_RATA = "pro_rata"  # what is left of a period that has begun
    CREDIT = "credit"  # of what was paid and is not used: negative on an invoice, positive on a credit note


class InvoiceKind(StrEnum):
    """The three documents; the names are those in the tables `invoice` and `invoice_series`."""

    BOLETA = "boleta"
    FACTURA = "factura"
    CREDIT_NOTE = "nota_credito"


# What a kind is called beside its number: these numbers are this house's own, and not the SII's.
OWN_NAMES = {
    InvoiceKind.BOLETA: N_("internal boleta"),
    InvoiceKind.FACTURA: N_("internal factura"),
    InvoiceKind.CREDIT_NOTE: N_("internal credit note"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `amount` is what it adds to the net sum, negative for what is taken off."""

    kind: LineKind
    text: str  # Spanish, as all invoices are
    quantity: int
    unit_price: int

    @property
    def amount(self) -> int:
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Sums:
    net: int
    vat: int

    @property
    def total(self) -> int:
        return self.net + self.vat


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who issues an invoice or is to pay it, as he was on its day."""

    name: str
    rut: str = ""
    business: str = ""  # giro
    address: str = ""
    email: str = ""


class Purpose(StrEnum):
    """What an invoice is for; the names are those of `invoice.purpose`."""

    RENEWAL = "renewal"  # months of a plan
    NUMBER = "number"  # one more, for the rest of what is paid
    BAG = "bag"
    CHANGE = "change"  # of plan, within time that is paid
    LEAVE = "leave"  # months paid ahead go back to a client that cancels
    CREDIT = "credit"  # a correction by hand


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What an invoice is for. Nothing is invoiced twice for one `key`; nobody reads anything in it."""

    key: str
    purpose: Purpose
    subscription_id: int | None = None  # of a change or a leave: the client's last one
    bag_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An invoice that has no number yet. `cause` says what it is for: nothing is invoiced twice for one cause."""

    kind: InvoiceKind
    client_id: int
    issuer: Party
    buyer: Party
    lines: tuple[Line, ...]
    cause: Cause
    day: date  # in the office's zone
    period: Period | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """The invoice that a credit note corrects."""

    kind: InvoiceKind
    number: int
    day: date
    net: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice or credit note that has been issued: nothing of it ever changes."""

    id: int
    kind: InvoiceKind
    number: int
    client_id: int
    client: str  # slug
    timezone: str  # of the client: its periods begin at midnight there
    issued_at: datetime
    day: date  # in the office's zone
    period: Period | None
    sums: Sums
    issuer: Party
    buyer: Party
    lines: tuple[Line, ...]
    cause: Cause
    corrects: Corrected | None = None  # of a credit note
    why: str = ""  # of a credit note

    @property
    def total(self) -> int:
        """What is to be paid, IVA included."""
        return self.sums.total

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and the last day that it is for, in the client's zone; None if it is for no period."""
        if self.period is None:
            return None
        zone = ZoneInfo(self.timezone)
        first, after = (at.astimezone(zone).date() for at in (self.period.start, self.period.end))
        return first, max(first, after - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Offer:
    """A bag as it is offered: so many calls, the price of all of them, and that with IVA."""

    calls: int
    net: int
    total: int


def vat(net: int) -> int:
    """19 % of a net sum, rounded half up. Raises ValueError for a negative one: no invoice is below zero."""
    if net < 0:
        raise ValueError("a net sum is never negative")
    return share(net, VAT_PERCENT, 100)


def share(amount: int, part: int, whole: int) -> int:
    """`part` of `whole` of a positive amount, rounded half up."""
    return (2 * amount * part + whole) // (2 * whole)


def sums(lines: Iterable[Line]) -> Sums:
    """The net sum of the lines and the IVA on it. Raises ValueError if they are below zero together."""
    net = sum(line.amount for line in lines)
    return Sums(net, vat(net))


def note_sums(net: int, credited: int) -> Sums:
    """The sums of a credit note of so much net, after `credited` net has been credited by earlier ones.

    However an invoice is credited bit by bit, the IVA of all its notes is in the end the IVA that it had.
    """
    return Sums(net, vat(credited + net) - vat(credited))


def renewal_lines(plan: Plan, months: int, extra_dids: Mapping[str, int]) -> tuple[Line, ...]:
    """What is due for the months ahead: the plan, its discount on a line of its own, and the numbers beyond the first.

    `extra_dids` counts them by country. The discount is on the plan, not on numbers (the questions-and-answers page:
    "un descuento significativo en el valor del plan"). Raises ClientMistake if the plan has no price for a country.
    """
    name = clean_line(plan.name, NAME_LIMIT)
    calls = "1 llamada" if plan.calls == 1 else f"{plan.calls} llamadas"
    lines = [Line(LineKind.PLAN, f"Plan {name}, {calls} al mes", months, plan.price)]
    if off := _discount(plan, months):
        text = f"Descuento de {plan.discount(months)} % por {months} meses pagados por adelantado"
        lines.append(Line(LineKind.DISCOUNT, text, 1, -off))
    for country, count in sorted(extra_dids.items()):
        text = f"Número adicional de {country_name(country)}" + (f" ({count} por {months} meses)" if months > 1 else "")
        lines.append(Line(LineKind.DID, text, count * months, did_price(plan, country)))
    return _without_empty(lines)


def price_ahead(plan: Plan, months: int) -> int:
    """What the plan alone costs when so many months are paid at once, net."""
    return months * plan.price - _discount(plan, months)


def plan_change_lines(
    old: Plan, new: Plan, paid: Period, at: datetime, zone: ZoneInfo, bought: int = 0
) -> tuple[Line, ...]:
    """A change of plan within time that is paid: the old one's unused part back, the same part of the new one charged.

    `paid` is what was paid at once, a month or several; the part is counted in whole days of the client's zone, that
    of the change being the new plan's first (docs/service.md rule 10: at any time, at no cost). The sum may be
    negative: then it is credited. Changing there and back on one day comes to nothing.

    `bought` is how many months were paid at once, if `paid` is only what has stayed of them (the others were given back
    to a client that left): their discount was that of all.
    """
    left, days = days_left(paid, at, zone)
    months = months_of(paid)
    bought = max(bought, months)
    part = f"{left} de {days} días"
    back = share(price_ahead(old, bought) * months, left, days * bought)
    due = share(price_ahead(new, months), left, days)
    return _without_empty(
        [
            Line(LineKind.CREDIT, f"Plan {clean_line(old.name, NAME_LIMIT)}, no usado: {part}", 1, -back),
            Line(LineKind.PRO_RATA, f"Plan {clean_line(new.name, NAME_LIMIT)}: {part}", 1, due),
        ]
    )


def added_did_lines(
    plan: Plan, country: str, number: str, paid: Period, at: datetime, zone: ZoneInfo
) -> tuple[Line, ...]:
    """A number that was added within time that is paid: the part of its price from that day on.

    Raises ClientMistake if the plan has no price for its country.
    """
    left, days = days_left(paid, at, zone)
    text = f"Número adicional {clean_line(number, NAME_LIMIT)}, {country_name(country)}: {left} de {days} días"
    price = share(did_price(plan, country) * months_of(paid), left, days)
    return _without_empty([Line(LineKind.PRO_RATA, text, 1, price)])


def unused_ahead(plan: Plan, paid: Period, since: datetime, zone: ZoneInfo) -> int:
    """What goes back to a client that leaves, net: the plan's price for the days of `paid` from `since` on."""
    left, days = days_left(paid, since, zone)
    return share(price_ahead(plan, months_of(paid)), left, days)


def bag_lines(calls: int, price: int) -> tuple[Line, ...]:
    """A bag of so many calls at a price for all of them, net (docs/service.md rule 11)."""
    return _without_empty([Line(LineKind.BAG, f"Bolsa de {calls} llamadas adicionales", 1, price)])


def bags_on_offer(plan: Plan, sizes: Sequence[int]) -> tuple[Offer, ...]:
    """The bags that a client of the plan may buy, the smallest first, at what a further call costs under it."""
    return tuple(
        Offer(calls, calls * plan.extra_call, calls * plan.extra_call + vat(calls * plan.extra_call))
        for calls in sorted(set(sizes))
    )


def did_price(plan: Plan, country: str) -> int:
    """What a further number of the country costs a month. Raises ClientMistake if the plan has no price for it."""
    if country not in plan.did_prices:
        raise ClientMistake(
            "the plan {plan} has no price for further numbers of {country}",
            Code.NUMBER_WITHOUT_PRICE,
            plan=plan.name,
            country=country,
        )
    return plan.did_prices[country]


def days_left(period: Period, at: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """How many of the period's days are left at `at`, today included, and how many it has: days of the client's zone.

    Raises ValueError if `at` lies outside it.
    """
    if not period.start <= at <= period.end:
        raise ValueError("outside the period")
    start, today, end = (instant.astimezone(zone).date() for instant in (period.start, at, period.end))
    return (end - today).days, (end - start).days


def months_of(paid: Period) -> int:
    """How many months a stretch of whole months has; a change of the client's zone or of clocks does not matter."""
    return max(1, round((paid.end - paid.start) / MEAN_MONTH))


def country_name(country: str) -> str:
    """ "Estados Unidos" for "US"."""
    from babel import Locale  # imported here, as in wording.py

    return str(Locale("es").territories.get(country, country))


def pesos(amount: int, language: str = "es") -> str:
    """ "$12.345", "-$12.345": as Chile writes money; in English "CLP 12,345", which nobody takes for dollars."""
    sign = "-" if amount < 0 else ""
    return f"{sign}CLP {abs(amount):,}" if language == "en" else f"{sign}${abs(amount):,}".replace(",", ".")


def _discount(plan: Plan, months: int) -> int:
    return share(months * plan.price, plan.discount(months), 100)


def _without_empty(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(line for line in lines if line.amount)
