"""`pbx-control call`: which calls there were, one call's whole story, and what happens now."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import PIECE, Door, json_option, pass_door, print_json, show_rows, table_options
from pbx_control.admin.provisioning import CLIENT, book, card, examples
from pbx_control.admin.whole import WholeNumber
from pbx_control.catalogue import N_
from pbx_control.domain.call.model import Phase
from pbx_control.domain.call.story import sentence
from pbx_control.domain.money.quota import Uncounted
from pbx_control.domain.words.wording import NAME_LIMIT, caller_line, clean_line, duration, readable_number
from pbx_control.live.listener import DaemonAway, Wire
from pbx_control.live.news import Listen, News, State
from pbx_control.services import accounts
from pbx_control.store import call_log, clients
from pbx_control.store.call_log import Following, Line, LoggedCall
from pbx_control.store.engine import reading
from pbx_control.store.rows import facts

# For a person; --json has everything.
COLUMNS = ("id", "client", "caller", "arrived", "outcome", "secretary", "waited", "talked")
# Where the message that she writes stands (services.messages.State).
WRITTEN = {
    "draft": N_("message not written yet"),
    "signed": N_("message written, goes at the end of the call"),
    "overdue": N_("message not written yet, overdue"),
    "sent": N_("message sent"),
    "changed": N_("message sent, and changed since"),
    "closed": N_("no message needed"),
}
# `watch` looks so often for a daemon that is away, seconds.
RETRY_EVERY = 0.3


@click.group()
def call() -> None:
    """Calls: which there were, one call's whole story, what happens now."""


@call.command("list", epilog=examples("call list --client andes", "call list --since 2026-04-01 --json"))
@click.option("--client", "slug", metavar="SLUG", type=CLIENT, help="Only those of this client.")
@click.option("--since", metavar="TIME", help="Only those since then: yesterday, 2h, 28/11/2026 9:30 …")
@click.option("--live", is_flag=True, help="Only those that last still.")
@click.option("--limit", type=WholeNumber(1, 100_000), default=100, show_default=True, help="How many at most.")
@table_options
@pass_door
def list_(door: Door, slug: str | None, since: str | None, live: bool, limit: int, as_json: bool) -> None:
    """The newest calls, newest first."""
    start = door.instant(since) if since is not None else None
    with reading(door.engine) as connection:
        if slug is not None:
            clients.find(connection, slug)
    found = _newest(door, limit, slug=slug, since=start, live=live)
    show_rows(door, COLUMNS, map(facts, found) if as_json else (_row(door, one) for one in found), as_json)


@call.command(epilog=examples("call show pbx-1795351117.3", "call show 17.3 --json"))
@click.argument("call_id", metavar="ID")
@json_option
@pass_door
def show(door: Door, call_id: str, as_json: bool) -> None:
    """One call's story, line by line. ID may be the beginning or the end of it that no other call has."""
    # Imported here: of this group's commands only this one needs it.
    from pbx_control.services import messages

    with reading(door.engine) as connection:
        found = call_log.shown(connection, call_id)
        lines = call_log.journal_of(connection, found.id)
        written = messages.state_of(connection, found.id)
    if as_json:
        print_json(facts(found) | {"written": written, "journal": [_json(door, line) for line in lines]})
        return
    card(door, _header(door, found) | ({"written": door.say(WRITTEN[written])} if written else {}))
    click.echo()
    for line in lines:
        click.echo(_told(door, line))


@call.command(epilog=examples("call watch", "call watch --json"))
@json_option
@pass_door
def watch(door: Door, as_json: bool) -> None:
    """What happens, as it happens, in all calls; until Ctrl-C. With --json one object a line."""
    with suppress(KeyboardInterrupt):
        for line in _news(door):
            if as_json:
                told = {"call": line.call_id} | _json(door, line)
                click.echo(json.dumps(told | {"at": line.at.isoformat()}, ensure_ascii=False))
            else:
                click.echo(f"{line.call_id}  {_told(door, line)}")


def _newest(door: Door, limit: int, **which: Any) -> Iterator[LoggedCall]:
    """The newest calls, some at a time: nobody waits for the last one, and no transaction lasts as long as a pager."""
    after = None
    while limit > 0:
        with reading(door.engine) as connection:
            found = call_log.newest(connection, limit=min(limit, PIECE), after=after, **which)
        yield from found
        if len(found) < PIECE:
            return
        after, limit = found[-1], limit - len(found)


def _news(door: Door) -> Iterator[Line]:
    """Every new line of every journal, for ever: as the daemon tells them; one that is away is waited for."""
    with reading(door.engine) as connection:
        following = Following(connection, clock.now())
    told = False
    while True:
        try:
            with Wire(door.home) as wire:
                told = False
                yield from _as_told(door, wire, following)
        except DaemonAway as away:
            if not told:
                click.echo(door.say("{why}; waiting for it", why=door.told(away)), err=True)
            told = True
        time.sleep(RETRY_EVERY)


def _as_told(door: Door, wire: Wire, following: Following) -> Iterator[Line]:
    """What the daemon tells until it goes away. What it did not see itself, the database has."""
    wire.say(Listen(lines=True))
    while True:
        news = wire.hear()
        if isinstance(news, State) or (isinstance(news, News) and news.look):
            with reading(door.engine) as connection:
                yield from following.look(connection, clock.now())
        if isinstance(news, News):
            lines = [Line(line.call, line.seq, line.at, line.event, line.details) for line in news.lines]
            yield from following.heard(lines, over=[call.id for call in news.calls if call.phase == Phase.ENDED])


def _row(door: Door, one: LoggedCall) -> dict[str, Any]:
    return {
        "id": one.id,
        "client": one.client,
        "caller": caller_line(one.caller_name, one.caller),
        "arrived": one.arrived_at,
        "outcome": _outcome(door, one),
        "secretary": one.secretary,
        "waited": _length(door, one.waited),
        "talked": _length(door, one.talked),
    }


def _header(door: Door, one: LoggedCall) -> dict[str, object]:
    """What a person wants to know of a call before its story."""
    flaw = f" ({door.say(one.recording_flaw)})" if one.recording_flaw else ""
    transfer = {"transferred_to": _contact(one), "transferred": _length(door, one.transferred)}
    lost = f" ({door.say(one.message_flaw)})" if one.message_flaw else ""
    files = {"recording": one.recording + flaw, "message": (one.message + lost).strip()}
    row = _row(door, one)
    return (
        {"id": one.id, "caller": row["caller"], "client": one.client, "did": readable_number(one.did)}
        | {name: value for name, value in row.items() if name not in ("id", "caller", "client")}
        | {name: value for name, value in (transfer | files).items() if value}
        | {"hosted_by": door.say("the daemon" if one.hosted_by == "daemon" else "the switch alone")}
    )


def _outcome(door: Door, one: LoggedCall) -> str:
    """What became of the call, or where it stands; and with whom he talks, or talked last, instead of a secretary."""
    outcome = door.say(one.phase if one.live else one.outcome)
    return f"{outcome} → {_contact(one)}" if one.transferred_to else outcome


def _contact(one: LoggedCall) -> str:
    return clean_line(one.transferred_to, NAME_LIMIT)


def _length(door: Door, seconds: float | None) -> str | None:
    return None if seconds is None else duration(timedelta(seconds=seconds), door.language)


def _told(door: Door, line: Line) -> str:
    return f"{line.at.astimezone(door.zone):%H:%M:%S}  {sentence(line.event, line.details, door.language)}"


def _json(door: Door, line: Line) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "at": line.at,
        "event": line.event,
        "details": line.details,
        "text": sentence(line.event, line.details, door.language),
    }


@call.command(epilog=examples('call mark pbx-1795351117.3 wrong-number --why "Asked for a pizzeria"'))
@click.argument("call_id", metavar="ID")
@click.argument("reason", type=click.Choice([reason.value for reason in Uncounted]))
@click.option("--why", default="", help="What happened, for the ledger.")
@pass_door
def mark(door: Door, call_id: str, reason: str, why: str) -> None:
    """Takes back what a call was charged: a wrong number, a test, or somebody whom `caller mark` blocks."""
    whole = book(door, lambda work: accounts.uncount(work, call_id, Uncounted(reason), why))
    door.tell("call {call} is not charged", call=whole)
