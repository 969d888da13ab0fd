"""`pbx-control call`: which calls there were, one call's whole story, and what happens now."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import PIECE, Desk, json_option, pass_desk, print_json, show_rows
from pbx_control.admin.provisioning import CLIENT, book, card, examples
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
# `watch` looks so often for a daemon that is away, seconds.
RETRY_EVERY = 0.3


@click.group()
def call() -> None:
    """Calls: which there were, one call's whole story, what happens now."""


@call.command("list", epilog=examples("call list --client andes", "call list --since 2026-04-01 --json"))
@click.option("--client", "slug", metavar="SLUG", type=CLIENT, help="Only those of this client.")
@click.option("--since", metavar="TIME", help="Only those since then: yesterday, 2h, 28/11/2026 9:30 …")
@click.option("--live", is_flag=True, help="Only those that last still.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many at most.")
@json_option
@pass_desk
def list_(desk: Desk, slug: str | None, since: str | None, live: bool, limit: int, as_json: bool) -> None:
    """The newest calls, newest first."""
    start = desk.instant(since) if since is not None else None
    with reading(desk.engine) as connection:
        if slug is not None:
            clients.find(connection, slug)
    found = _newest(desk, limit, slug=slug, since=start, live=live)
    show_rows(desk, COLUMNS, map(facts, found) if as_json else (_row(desk, one) for one in found), as_json)


@call.command(epilog=examples("call show pbx-1795351117.3", "call show 17.3 --json"))
@click.argument("call_id", metavar="ID")
@json_option
@pass_desk
def show(desk: Desk, call_id: str, as_json: bool) -> None:
    """One call's story, line by line. ID may be the beginning or the end of it that no other call has."""
    with reading(desk.engine) as connection:
        found = call_log.find(connection, call_id)
        lines = call_log.journal_of(connection, found.id)
    if as_json:
        print_json(facts(found) | {"journal": [_json(desk, line) for line in lines]})
        return
    card(desk, _header(desk, found))
    click.echo()
    for line in lines:
        click.echo(_told(desk, line))


@call.command(epilog=examples("call watch", "call watch --json"))
@json_option
@pass_desk
def watch(desk: Desk, as_json: bool) -> None:
    """What happens, as it happens, in all calls; until Ctrl-C. With --json one object a line."""
    with suppress(KeyboardInterrupt):
        for line in _news(desk):
            if as_json:
                told = {"call": line.call_id} | _json(desk, line)
                click.echo(json.dumps(told | {"at": line.at.isoformat()}, ensure_ascii=False))
            else:
                click.echo(f"{line.call_id}  {_told(desk, line)}")


def _newest(desk: Desk, limit: int, **which: Any) -> Iterator[LoggedCall]:
    """The newest calls, some at a time: nobody waits for the last one, and no transaction lasts as long as a pager."""
    after = None
    while limit > 0:
        with reading(desk.engine) as connection:
            found = call_log.newest(connection, limit=min(limit, PIECE), after=after, **which)
        yield from found
        if len(found) < PIECE:
            return
        after, limit = found[-1], limit - len(found)


def _news(desk: Desk) -> Iterator[Line]:
    """Every new line of every journal, for ever: as the daemon tells them; one that is away is waited for."""
    with reading(desk.engine) as connection:
        following = Following(connection, clock.now())
    told = False
    while True:
        try:
            with Wire(desk.home) as wire:
                told = False
                yield from _as_told(desk, wire, following)
        except DaemonAway as away:
            if not told:
                click.echo(desk.say("{why}; waiting for it", why=desk.told(away)), err=True)
            told = True
        time.sleep(RETRY_EVERY)


def _as_told(desk: Desk, wire: Wire, following: Following) -> Iterator[Line]:
    """What the daemon tells until it goes away. What it did not see itself, the database has."""
    wire.say(Listen(lines=True))
    while True:
        news = wire.hear()
        if isinstance(news, State) or (isinstance(news, News) and news.look):
            with reading(desk.engine) as connection:
                yield from following.look(connection, clock.now())
        if isinstance(news, News):
            lines = [Line(line.call, line.seq, line.at, line.event, line.details) for line in news.lines]
            yield from following.heard(lines, over=[call.id for call in news.calls if call.phase == Phase.ENDED])


def _row(desk: Desk, one: LoggedCall) -> dict[str, Any]:
    return {
        "id": one.id,
        "client": one.client,
        "caller": caller_line(one.caller_name, one.caller),
        "arrived": one.arrived_at,
        "outcome": _outcome(desk, one),
        "secretary": one.secretary,
        "waited": _length(desk, one.waited),
        "talked": _length(desk, one.talked),
    }


def _header(desk: Desk, one: LoggedCall) -> dict[str, object]:
    """What a person wants to know of a call before its story."""
    flaw = f" ({desk.say(one.recording_flaw)})" if one.recording_flaw else ""
    transfer = {"transferred_to": _contact(one), "transferred": _length(desk, one.transferred)}
    lost = f" ({desk.say(one.message_flaw)})" if one.message_flaw else ""
    files = {"recording": one.recording + flaw, "message": (one.message + lost).strip()}
    row = _row(desk, one)
    return (
        {"id": one.id, "caller": row["caller"], "client": one.client, "did": readable_number(one.did)}
        | {name: value for name, value in row.items() if name not in ("id", "caller", "client")}
        | {name: value for name, value in (transfer | files).items() if value}
        | {"hosted_by": desk.say("the daemon" if one.hosted_by == "daemon" else "the switch alone")}
    )


def _outcome(desk: Desk, one: LoggedCall) -> str:
    """What became of the call, or where it stands; and with whom he talks, or talked last, instead of a secretary."""
    outcome = desk.say(one.phase if one.live else one.outcome)
    return f"{outcome} → {_contact(one)}" if one.transferred_to else outcome


def _contact(one: LoggedCall) -> str:
    return clean_line(one.transferred_to, NAME_LIMIT)


def _length(desk: Desk, seconds: float | None) -> str | None:
    return None if seconds is None else duration(timedelta(seconds=seconds), desk.language)


def _told(desk: Desk, line: Line) -> str:
    return f"{line.at.astimezone(desk.zone):%H:%M:%S}  {sentence(line.event, line.details, desk.language)}"


def _json(desk: Desk, line: Line) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "at": line.at,
        "event": line.event,
        "details": line.details,
        "text": sentence(line.event, line.details, desk.language),
    }


@call.command(epilog=examples('call mark pbx-1795351117.3 wrong-number --why "Asked for a pizzeria"'))
@click.argument("call_id", metavar="ID")
@click.argument("reason", type=click.Choice([reason.value for reason in Uncounted]))
@click.option("--why", default="", help="What happened, for the ledger.")
@pass_desk
def mark(desk: Desk, call_id: str, reason: str, why: str) -> None:
    """Takes back what a call was charged: a wrong number, a test, or somebody whom `caller mark` blocks."""
    whole = book(desk, lambda work: accounts.uncount(work, call_id, Uncounted(reason), why))
    desk.tell("call {call} is not charged", call=whole)
