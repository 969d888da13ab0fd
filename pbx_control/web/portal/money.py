"""`/portal/ledger` and `/portal/invoices`: what a client's calls cost, entry by entry, and what was invoiced."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from anyio.to_thread import run_sync
from babel.dates import format_date
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.money.billing import Invoice, InvoiceKind, pesos
from pbx_control.domain.money.periods import Period
from pbx_control.domain.money.quota import Kind, Source, Uncounted
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import (
    LOCALES,
    NAME_LIMIT,
    brief_time,
    caller_line,
    clean_line,
    day_in_words,
    is_withheld,
)
from pbx_control.errors import ClientMistake
from pbx_control.services.tenant import INSTEAD, actor_of
from pbx_control.services.tenant_money import LedgerOf, MoneyOf, Told
from pbx_control.web.pages import go_to, language_of, page, refusal, say
from pbx_control.web.portal.words import WITHHELD
from pbx_control.web.site import person_of, site_of

HERE = "/portal/ledger"
# Entries on one page.
PAGE = 100
# Characters of a month's place in an address, and of a reason.
LONGEST_PLACE, LONGEST_WHY = 40, 200
# Years of months that are looked for.
EARLIEST, LATEST = 2000, 2200
KINDS = {
    Kind.GRANT: N_("Calls of the month"),
    Kind.EXPIRY: N_("Not used in the month: they do not carry over"),
    Kind.CHARGE: N_("Answered call"),
    Kind.REPEAT: N_("Answered call, not charged: the caller called again at once"),
    Kind.REVERSAL: N_("Taken back"),
    Kind.BAG: N_("Bag of calls"),
    Kind.CHANGE: N_("Another plan"),
}
REASONS = {
    Uncounted.WRONG_NUMBER: N_("wrong number"),
    Uncounted.TEST: N_("test call"),
    Uncounted.BLOCKED: N_("you blocked the caller"),
    Uncounted.SPAM: N_("unwanted call"),
}
INVOICES = {
    InvoiceKind.BOLETA: N_("Boleta {number}"),
    InvoiceKind.FACTURA: N_("Factura {number}"),
    InvoiceKind.CREDIT_NOTE: N_("Credit note {number}"),
}
NO_INVOICE = N_("there is no such invoice")


@dataclass(frozen=True, slots=True)
class EntryShown:
    """One line of the ledger."""

    id: int
    at: datetime
    when: str
    what: str
    units: str
    bag: int | None
    call: str  # its id; "": it is about none
    caller: str
    why: str
    disputed: str  # what was said against it
    open: bool  # and is not answered yet
    taken_back: bool
    may_dispute: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A month."""

    firm: str
    counted: bool  # the client has a plan, or had one
    plan: str
    month: str
    before: str  # the query of the month before; "": there is none
    after: str
    running: bool
    opening: int
    closing: int
    campaigns: int
    left: int
    period_left: int
    bags: Sequence[tuple[int, int, str]]  # how many are left, of how many, bought when
    runs_out: str  # "": they last
    entries: Sequence[EntryShown]
    older: str  # the query of the next page


async def ledger(request: Request) -> Response:
    """GET /portal/ledger: the month under way, or the one that `within` falls into; `page` goes on in it."""
    return await _page(request)


async def dispute(request: Request) -> Response:
    """POST /portal/ledger/dispute, with the `entry` and `why` it is wrong."""
    fields = await request.form()
    entry, why = _number(str(fields.get("entry", ""))), str(fields.get("why", ""))[:LONGEST_WHY]
    try:
        await run_sync(_of(request).dispute, entry, why, clock.now())
    except ClientMistake as mistake:
        problem = say(request, mistake.template, **mistake.values)
        return await _page(request, problem=problem, at=entry, why=why)
    back = f"within={_place(str(fields.get('within', '')))}&" if fields.get("within") else ""
    return go_to(f"{HERE}?{back}done=disputed#entry-{entry}")


async def invoices(request: Request) -> Response:
    """GET /portal/invoices"""
    firm, found = await run_sync(_of(request).invoices)
    language = language_of(request)
    rows = [
        {
            "name": _name(one),
            "title": said(language, INVOICES[one.kind], {"number": one.number}),
            "day": day_in_words(one.day, language),
            "total": pesos(one.total, language),
            "days": _days(one, language),
            "credit": one.kind is InvoiceKind.CREDIT_NOTE,
        }
        for one in found
    ]
    return page(request, "portal/invoices.html.j2", shown={"firm": firm, "rows": rows}, here="/portal/invoices")


async def invoice(request: Request) -> Response:
    """GET /portal/invoices/NAME.pdf"""
    name = request.path_params["name"]
    try:
        found = await run_sync(_of(request).invoice, name)
    except ClientMistake:
        return refusal(request, 404, NO_INVOICE, "no-such-invoice")
    # Imported here: it takes long to load.
    from pbx_control.notify.invoice_pdf import render

    headers = {"Content-Disposition": f'attachment; filename="{_name(found)}.pdf"'}
    return Response(await run_sync(render, found), media_type="application/pdf", headers=headers)


def _of(request: Request) -> MoneyOf:
    site, person = site_of(request), person_of(request)
    assert person.client_id is not None  # who has that role has a client
    return MoneyOf(site.engine, person.client_id, actor_of(person, request.client.host if request.client else ""))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _place(text: str) -> str:
    """A month's place as addresses have it; "" for what is none."""
    try:
        at = datetime.fromisoformat(text[:LONGEST_PLACE]).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return _written(at) if EARLIEST <= at.year <= LATEST else ""


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _page(request: Request, *, problem: str = "", at: int = 0, why: str = "") -> Response:
    given, language = request.query_params, language_of(request)
    place = _place(given.get("within", ""))
    within = datetime.fromisoformat(place) if place else None
    found = await run_sync(_of(request).ledger, within, clock.now())
    shown = _shown(found, place, _number(given.get("page", "")), language)
    done = say(request, N_("It is noted. The office looks at the call and answers here.")) if "done" in given else ""
    values = {"done": done, "problem": problem, "at": at, "why": why, "within": place}
    return page(request, "portal/ledger.html.j2", status=400 if problem else 200, shown=shown, here=HERE, said=values)


def _shown(found: LedgerOf, place: str, number: int, language: str) -> Shown:
    begin = number * PAGE
    some = found.entries[begin : begin + PAGE]
    more = f"within={place}&page={number + 1}" if place else f"page={number + 1}"
    return Shown(
        firm=found.firm,
        counted=found.account is not None,
        plan=clean_line(found.plan, NAME_LIMIT),
        month=_month(found.period, found, language) if found.period else "",
        before=_query(found.before, -1),
        after=_query(found.after, 1),
        running=found.running,
        opening=found.opening,
        closing=found.closing,
        campaigns=found.campaigns,
        left=found.account.left if found.account else 0,
        period_left=found.account.period_left if found.account else 0,
        bags=[(bag.left, bag.calls, brief_time(bag.bought_at.astimezone(found.zone), language)) for bag in found.bags],
        runs_out=day_in_words(found.runs_out, language) if found.runs_out else "",
        entries=[_entry(one, found, language) for one in some],
        older=more if len(found.entries) > begin + PAGE else "",
    )


def _query(boundary: datetime | None, step: int) -> str:
    """An instant within the month before or after a boundary."""
    if boundary is None:
        return ""
    return f"within={_written(boundary + step * timedelta(days=2))}"


def _month(period: Period, found: LedgerOf, language: str) -> str:
    first, last = period.start.astimezone(found.zone), period.end.astimezone(found.zone) - timedelta(days=1)
    written = [format_date(one.date(), "d MMM y", locale=LOCALES[language]) for one in (first, last)]
    return " – ".join(written)


def _entry(one: Told, found: LedgerOf, language: str) -> EntryShown:
    disputed = _words(one, one.disputed or "", language)
    is_charge = one.kind == Kind.CHARGE
    return EntryShown(
        id=one.id,
        at=one.at,
        when=brief_time(one.at.astimezone(found.zone), language),
        what=said(language, KINDS[Kind(one.kind)], {}),
        units=f"{one.units:+d}" if one.units else "0",
        bag=one.bag_id if one.source == Source.BAG and one.kind != Kind.BAG else None,
        call=one.call_id or "",
        caller=_caller(one, language),
        why=_why(one, language),
        disputed=disputed,
        open=bool(disputed) and one.settled_at is None,
        taken_back=one.id in found.reversed,
        may_dispute=is_charge and not disputed and one.id not in found.reversed,
    )


def _why(one: Told, language: str) -> str:
    """Why a charge was taken back: a word of ours, or what the office wrote."""
    if one.uncounted:
        return said(language, REASONS[Uncounted(one.uncounted)], {})
    return _words(one, one.why, language) if one.kind == Kind.REVERSAL else ""


def _words(one: Told, text: str, language: str) -> str:
    """What somebody has written about an entry."""
    return said(language, text, {}) if one.restricted and text else clean_line(text, LONGEST_WHY)


def _caller(one: Told, language: str) -> str:
    if not one.call_id:
        return ""
    if one.restricted:
        return said(language, INSTEAD, {})
    if is_withheld(one.caller or ""):
        return clean_line(one.caller_name or "", NAME_LIMIT) or said(language, WITHHELD, {})
    return caller_line(one.caller_name or "", one.caller or "")


def _name(one: Invoice) -> str:
    return f"{one.kind.value}-{one.number}"


def _days(one: Invoice, language: str) -> str:
    if one.days is None:
        return ""
    return " – ".join(format_date(day, "d MMM y", locale=LOCALES[language]) for day in one.days)
