"""`pbx-control invoice`: issues what is due, shows and lists it, corrects it, and hands it to other programs."""

import re
import sys
from calendar import monthrange
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.door import Door, json_option, pass_door, print_json, reading_command, table_options
from pbx_control.admin.language import spoken
from pbx_control.admin.new_file import write_new
from pbx_control.admin.provisioning import CLIENT, book, card, client_argument, examples, rehearsed
from pbx_control.admin.whole import WholeNumber
from pbx_control.domain.money.billing import OWN_NAMES, VAT_PERCENT, Invoice, InvoiceKind
from pbx_control.domain.money.invoice_export import as_csv, as_record
from pbx_control.domain.notices.invoice_letters import document
from pbx_control.domain.words.wording import clean_line
from pbx_control.domain.words.written_time import read_month
from pbx_control.errors import ClientMistake
from pbx_control.services import invoicing
from pbx_control.services.work import Work
from pbx_control.store import clients, invoices
from pbx_control.store.engine import reading

NUMBER_END = 2**31
NUMBER = WholeNumber(1, NUMBER_END - 1)
_REFERENCE = re.compile(r"(?:(boleta|factura|nota_credito)[- ])?0*([1-9]\d{0,9})", re.ASCII)


class Reference(click.ParamType[tuple[str | None, int]]):
    """An invoice as people name it: its number, or with its kind, `boleta-2`."""

    name = "number"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> tuple[str | None, int]:
        found = _REFERENCE.fullmatch(str(value).strip().lower())
        if found is None or int(found[2]) not in range(1, NUMBER_END):
            template = spoken("{value} is no invoice: write its number, or its kind too, like boleta-2")
            self.fail(template.format(value=clean_line(repr(value), 40)), parameter, context)
        return found[1], int(found[2])


REFERENCE = Reference()
LINES = ("line", "text", "quantity", "unit_price", "amount")


@click.group()
def invoice() -> None:
    """Boletas, facturas and credit notes. The daemon issues what is due each night."""


def kind_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which of the three series a number is of."""
    kinds = click.Choice([kind.value for kind in InvoiceKind])
    return click.option("--kind", type=kinds, help="Needed where two kinds have the same number.")(command)


@invoice.command(epilog=examples("invoice issue andes --dry-run", "invoice issue andes"))
@client_argument
@click.option("--dry-run", is_flag=True, help="Show what would be issued, and issue nothing.")
@table_options
@pass_door
def issue(door: Door, slug: str, dry_run: bool, as_json: bool) -> None:
    """Issues what is due for CLIENT now, and sends it. What has been invoiced is never invoiced again."""
    issued = rehearsed(door, lambda work: invoicing.renew(work, door.settings, slug)) if dry_run else _issue(door, slug)
    if as_json:
        print_json([as_record(each) for each in issued])
    elif not issued:
        door.tell("nothing is due for {slug} now", slug=slug)
    for each in [] if as_json else issued:
        if dry_run:
            _print(door, each, {"state": door.say("draft: nothing has been issued")})
        else:
            _tell_issued(door, each)


def _listed(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    """An invoice's row for a person: money as money."""
    corrects = row["corrects"] and own_name(door, *row["corrects"].split(" "))
    named = {"kind": door.say(OWN_NAMES[InvoiceKind(row["kind"])]), "corrects": corrects}
    return row | named | {sum_: door.pesos(row[sum_]) for sum_ in ("net", "vat", "total")}


@invoice.command("list", epilog=examples("invoice list --month 2026-11", "invoice list --client andes --json"))
@click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="Only those of this client.")
@click.option("--month", metavar="YYYY-MM", help="Only those issued in this month.")
@click.option("--limit", type=WholeNumber(1, 100_000), default=100, show_default=True, help="How many at most.")
@reading_command(["kind", "number", "day", "client", "net", "vat", "total", "corrects"], _listed)
def list_invoices(door: Door, slug: str | None, month: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest invoices and credit notes, newest first."""
    since, until = _month(month) if month else (None, None)
    with reading(door.engine) as conn:
        client_id = clients.find(conn, slug).id if slug else None
        found = invoices.issued(conn, client_id=client_id, since=since, until=until, limit=limit)
    return [_row(each) for each in found]


@invoice.command(epilog=examples("invoice show 12", "invoice show factura-12 -o factura-12.pdf"))
@click.argument("reference", metavar="NUMBER", type=REFERENCE)
@kind_option
@click.option("-o", "--output", metavar="FILE.pdf", help="Also write it as a PDF there; - is the standard output.")
@table_options
@pass_door
def show(door: Door, reference: tuple[str | None, int], kind: str | None, output: str | None, as_json: bool) -> None:
    """One invoice, and where its PDF lies."""
    with reading(door.engine) as conn:
        found = _find(conn, reference, kind)
        left = invoices.left(conn, found)
    if output == "-":
        sys.stdout.buffer.write(_pdf(found))
        return
    if output is not None:
        write_new(Path(output), _pdf(found))
    kept = door.home.root / document(found)
    if as_json:
        print_json(as_record(found) | {"net_left": left, "pdf": kept if kept.is_file() else None})
        return
    credited = {} if left == found.sums.net else {"net_left": door.pesos(left)}
    _print(door, found, credited | {"PDF": output or (kept if kept.is_file() else door.say("-o FILE.pdf writes it"))})


@invoice.command(
    epilog=examples(
        'invoice credit 12 --why "plan equivocado"', 'invoice credit 12 --line 2 --why "el número era gratis"'
    )
)
@click.argument("reference", metavar="NUMBER", type=REFERENCE)
@kind_option
@click.option("--why", required=True, help="The reason, as it stands on the note (in Spanish).")
@click.option("--line", "places", type=NUMBER, multiple=True, help="Only this line, from 1; may be repeated [all].")
@json_option
@pass_door
def credit(
    door: Door,
    reference: tuple[str | None, int],
    kind: str | None,
    why: str,
    places: tuple[int, ...],
    as_json: bool,
) -> None:
    """Issues and sends a credit note for an invoice, or for some of its lines: nothing issued is ever changed."""

    def act(work: Work) -> Invoice:
        wrong = _find(work.conn, reference, kind, to_credit=True)
        return invoicing.credit(work, door.settings, wrong, places or None, why)

    note = book(door, act)
    _send(door, [note])
    if as_json:
        print_json(as_record(note))
    else:
        _tell_issued(door, note)


@invoice.command(
    epilog=examples(
        "invoice export --since 2026-11-01 --until 2026-11-30 > noviembre.csv", "invoice export --format json"
    )
)
@click.option("--since", metavar="DAY", help="The first day, like 2026-11-01 [the first of all].")
@click.option("--until", metavar="DAY", help="The last day [the last of all].")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@pass_door
def export(door: Door, since: str | None, until: str | None, form: str) -> None:
    """Prints invoices and credit notes, oldest first, for the e-invoicing provider, with the SII's document codes."""
    days = {name: door.day(text) for name, text in (("since", since), ("until", until)) if text}
    if since and until and days["since"] > days["until"]:
        raise ClientMistake("--since {since} is after --until {until}: nothing lies between them", **days)
    with reading(door.engine) as conn:
        found = invoices.issued(conn, since=days.get("since"), until=days.get("until"))[::-1]
    if form == "json":
        print_json([as_record(each) for each in found])
    else:
        click.echo(as_csv(found), nl=False)


# --- issuing ----------------------------------------------------------------------------------------------


def _issue(door: Door, slug: str) -> list[Invoice]:
    issued = book(door, lambda work: invoicing.renew(work, door.settings, slug))
    _send(door, issued)
    return issued


def _send(door: Door, issued: list[Invoice]) -> None:
    # Imported here: it makes PDFs, which the other commands do not.
    from pbx_control.notify.invoices import send

    send(door.engine, door.home, door.settings, issued, clock.now())


def _find(conn: Connection, reference: tuple[str | None, int], kind: str | None, to_credit: bool = False) -> Invoice:
    named, number = reference
    wanted = named or kind
    return invoices.find(conn, number, InvoiceKind(wanted) if wanted else None, to_credit)


# --- showing ----------------------------------------------------------------------------------------------


def own_name(door: Door, kind: str, number: int | str) -> str:
    """What an invoice is called: "internal boleta 3"."""
    return f"{door.say(OWN_NAMES[InvoiceKind(kind)])} {number}"


def _tell_issued(door: Door, issued: Invoice) -> None:
    door.tell(
        "{invoice} issued: {total} ({net} net), {file}",
        invoice=own_name(door, issued.kind.value, issued.number),
        total=door.pesos(issued.sums.total),
        net=door.pesos(issued.sums.net),
        file=door.home.root / document(issued),
    )


def _print(door: Door, found: Invoice, more: dict[str, object]) -> None:
    """The invoice as a card, its lines as a table."""
    sums = {"net": door.pesos(found.sums.net), f"IVA {VAT_PERCENT} %": door.pesos(found.sums.vat)}
    card(door, _facts(door, found) | sums | {"total": door.pesos(found.sums.total)} | more)
    click.echo()
    rows = [
        (place, line.text, line.quantity, door.pesos(line.unit_price), door.pesos(line.amount))
        for place, line in enumerate(found.lines, start=1)
    ]
    door.table(LINES, rows)


def _facts(door: Door, found: Invoice) -> dict[str, object]:
    draft = own_name(door, found.kind.value, found.number)
    facts: dict[str, object] = {"invoice": draft, "client": found.client, "day": found.day, "buyer": found.buyer.name}
    facts |= {"rut": found.buyer.rut} if found.buyer.rut else {}
    if found.days:
        facts["period"] = "{} – {}".format(*found.days)
    if found.corrects:
        facts |= {"corrects": own_name(door, found.corrects.kind.value, found.corrects.number), "why": found.why}
    return facts


def _row(found: Invoice) -> dict[str, Any]:
    return {
        "kind": found.kind.value,
        "number": found.number,
        "day": found.day,
        "client": found.client,
        "net": found.sums.net,
        "vat": found.sums.vat,
        "total": found.sums.total,
        "corrects": f"{found.corrects.kind.value} {found.corrects.number}" if found.corrects else None,
        "cause": found.cause.key,
    }


# --- what people type, and files --------------------------------------------------------------------------


def _month(text: str) -> tuple[date, date]:
    """The first and the last day of a month."""
    first = read_month(text)
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def _pdf(found: Invoice) -> bytes:
    from pbx_control.notify.invoice_pdf import render

    return render(found)
