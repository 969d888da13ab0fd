"""`ledger`: what each client's calls were used for, entry by entry; disputes and corrections."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, print_json, reading_command, table_options
from pbx_control.admin.provisioning import book, card, client_argument, examples
from pbx_control.admin.whole import NumberOf
from pbx_control.domain.money import quota
from pbx_control.domain.money.periods import Period, period_of
from pbx_control.domain.words.wording import clean_line, readable_number
from pbx_control.domain.words.written_time import read_month
from pbx_control.errors import ClientMistake
from pbx_control.services import accounts
from pbx_control.store import clients, ledger, plans
from pbx_control.store.engine import reading
from pbx_control.store.ledger import Dispute, Told
from pbx_control.store.rows import facts

COLUMNS = ("id", "at", "what", "units", "from", "call", "caller", "why")
ENTRY = NumberOf("ledger show CLIENT")


@click.group("ledger")
def ledger_() -> None:
    """What each client's calls were used for, entry by entry. Nothing in it is ever changed."""


@ledger_.command(epilog=examples("ledger show andes", "ledger show andes --month 2026-10", "ledger show andes --json"))
@client_argument
@click.option("--month", metavar="YYYY-MM", help="The client's month that begins in this one [that of today].")
@table_options
@pass_door
def show(door: Door, slug: str, month: str | None, as_json: bool) -> None:
    """A client's month: what it opened with, every entry with its call, what is left, and for how long."""
    now = clock.now()
    with reading(door.engine) as connection:
        row = clients.find(connection, slug)
        account = ledger.read(connection, row.id)
        zone = ZoneInfo(row.timezone)
        period = _month(connection, row.id, zone, month) if month else account.period
        said = ledger.statement(connection, row.id, period.start, period.end)
        used = ledger.used_since(connection, row.id, account.period.start)
        current = plans.current(connection, row.id)
    opening: dict[str, object] = {"period": _days(period, zone)}
    closing: dict[str, object] = {"closing": said.closing}
    if period == account.period:
        opening |= {"plan": current.plan.name if current else None}
        closing |= _standing(account, used, zone, now)
    opening |= {"opening": said.opening}
    if as_json:
        print_json(opening | closing | {"entries": list(map(facts, said.entries))})
    else:
        _print(door, opening, said.entries, closing)


@ledger_.command(epilog=examples('ledger dispute 812 --why "It was a fax"'))
@click.argument("entry", type=ENTRY)
@click.option("--why", required=True, help="What the client says.")
@pass_door
def dispute(door: Door, entry: int, why: str) -> None:
    """Notes that the client objects to a charge."""
    book(door, lambda work: accounts.dispute(work, entry, why))
    door.tell("entry {entry} is disputed: `ledger reverse {entry}` or `ledger uphold {entry}` settles it", entry=entry)


@ledger_.command(epilog=examples('ledger reverse 812 --why "A fax, as the recording shows"'))
@click.argument("entry", type=ENTRY)
@click.option("--why", required=True, help="Why the client is right.")
@pass_door
def reverse(door: Door, entry: int, why: str) -> None:
    """Takes a charge back, by an entry against it. What is in the ledger stays."""
    book(door, lambda work: accounts.reverse(work, entry, why))
    door.tell("entry {entry} is taken back", entry=entry)


@ledger_.command(epilog=examples('ledger uphold 812 --why "The recording has two minutes of conversation"'))
@click.argument("entry", type=ENTRY)
@click.option("--why", required=True, help="Why the charge stays.")
@pass_door
def uphold(door: Door, entry: int, why: str) -> None:
    """Settles a dispute: the charge stays."""
    book(door, lambda work: accounts.uphold(work, entry, why))
    door.tell("the charge of entry {entry} stays", entry=entry)


@ledger_.command(epilog=examples("ledger disputes", "ledger disputes --all"))
@click.option("--all", "everything", is_flag=True, help="Those that are settled, too.")
@reading_command(
    ["entry_id", "client", "at", "why", "call_id", "settled_at", "answer"], lambda door, row: _said(door, row)
)
def disputes(door: Door, everything: bool) -> list[Dispute]:
    """What clients object to, the oldest first."""
    with reading(door.engine) as connection:
        return ledger.disputed(connection, open_only=not everything)


def _said(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    """A dispute in the reader's words where it may not be read."""
    return row | {name: _words(door, row["restricted"], row[name]) for name in ("why", "answer")}


def _words(door: Door, restricted: bool, text: str) -> str:
    return door.say(text) if restricted and text else text


def _print(door: Door, opening: dict[str, Any], entries: Sequence[Told], closing: dict[str, Any]) -> None:
    """As an account is read: what was there, what came and went, what is left."""
    card(door, opening)
    click.echo()
    if entries:
        door.table(COLUMNS, [_line(door, entry) for entry in entries])
        click.echo()
    if "runs_out" in closing:
        closing |= {"runs_out": closing["runs_out"] or door.say("not in this month")}
    card(door, closing)


def _standing(account: quota.Account, used: int, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """How the client stands now."""
    return {
        "period_left": account.period_left,
        "bags_left": account.left - account.period_left,
        "reserved": account.reserved,
        "used": used,
        "runs_out": quota.forecast(account, used, zone, now),
    }


def _month(connection: Connection, client_id: int, zone: ZoneInfo, month: str) -> Period:
    day = ledger.anchor_day(connection, client_id)
    start = read_month(month)
    first = datetime(start.year, start.month, start.day, tzinfo=zone)
    try:
        return period_of(day, zone, period_of(day, zone, first).end) if day > 1 else period_of(day, zone, first)
    except OverflowError:  # at the ends of all time
        raise ClientMistake("{text} is no month: write it like 2026-11", text=month) from None


def _days(period: Period, zone: ZoneInfo) -> str:
    """The first and the last day."""
    first, after = (at.astimezone(zone).date() for at in (period.start, period.end))
    return f"{first} – {after - timedelta(days=1)}"


def _line(door: Door, entry: Told) -> list[object]:
    """An entry's row; what the client says against it, while that is not settled."""
    objection = "" if entry.settled_at else _words(door, entry.restricted, entry.disputed or "")
    return [
        entry.id,
        entry.at,
        door.say(entry.kind),
        f"{entry.units:+d}",
        door.say(entry.source) + (f" {entry.bag_id}" if entry.bag_id else ""),
        entry.call_id or "",
        readable_number(entry.caller) if entry.caller else "",
        door.say("disputed: {why}", why=clean_line(objection, 60)) if objection else _why(door, entry),
    ]


def _why(door: Door, entry: Told) -> str:
    """Why an entry is there; of a call that was not charged, which conversation it repeats."""
    if entry.kind != quota.Kind.REPEAT:
        if entry.restricted:
            return clean_line(_words(door, True, entry.why), 60)
        reason = entry.uncounted or ""  # its value begins what is kept
        return clean_line(door.say(reason) + entry.why.removeprefix(reason), 60)
    call, seconds = clean_line(entry.repeats or "", 80), f"{entry.repeated_seconds} s"
    return door.say("not charged: the caller called again at once after {call} ({seconds})", call=call, seconds=seconds)
