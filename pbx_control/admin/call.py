"""`pbx-control call`: which calls there were, one call's whole story, and what happens now."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Desk, json_option, pass_desk, plain, print_json
from pbx_control.admin.provisioning import examples
from pbx_control.admin.story import sentence
from pbx_control.errors import ClientMistake
from pbx_control.store import clients, history
from pbx_control.store.engine import reading
from pbx_control.store.history import PastCall, Told

# For a person; --json has everything.
COLUMNS = ("id", "client", "caller", "arrived", "outcome", "secretary", "seconds")
# `watch` looks so often, seconds: a person sees it as it happens, and the database hardly notices.
LOOK_EVERY = 0.3
# The switch's own calls enter the journal when they are over: `watch` shows those that arrived so lately.
LATELY = timedelta(hours=1)


@click.group()
def call() -> None:
    """Calls: which there were, one call's whole story, what happens now."""


@call.command("list", epilog=examples("call list --client andes", "call list --since 2026-04-01 --json"))
@click.option("--client", "slug", metavar="SLUG", help="Only those of this client.")
@click.option("--since", metavar="TIME", help="Only those that arrived since then (ISO 8601).")
@click.option("--live", is_flag=True, help="Only those that last still.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many at most.")
@json_option
@pass_desk
def list_(desk: Desk, slug: str | None, since: str | None, live: bool, limit: int, as_json: bool) -> None:
    """The newest calls, newest first."""
    start = _instant(since) if since else None
    with reading(desk.engine) as connection:
        if slug is not None:
            clients.find(connection, slug)
        found = history.newest(connection, slug=slug, since=start, live=live, limit=limit)
    if as_json:
        print_json([asdict(one) for one in found])
    elif found:
        rows = [_row(desk, one) for one in found]
        desk.table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    else:
        desk.tell("nothing to show")


@call.command(epilog=examples("call show pbx-1795351117.3"))
@click.argument("call_id", metavar="ID")
@json_option
@pass_desk
def show(desk: Desk, call_id: str, as_json: bool) -> None:
    """One call's story, line by line."""
    with reading(desk.engine) as connection:
        past, lines = history.get(connection, call_id), history.story(connection, call_id)
    if as_json:
        print_json(asdict(past) | {"journal": [asdict(line) for line in lines]})
        return
    row = _row(desk, past)
    for line in lines:
        click.echo(_line(desk, line))
    desk.tell("became of it: {outcome}", outcome=row["outcome"])


@call.command(epilog=examples("call watch"))
@pass_desk
def watch(desk: Desk) -> None:
    """What happens, as it happens; until Ctrl-C."""
    for line in _news(desk):
        click.echo(f"{line.call_id}  {_line(desk, line)}")


def _news(desk: Desk) -> Iterator[Told]:
    """Every new line of every journal, for ever."""
    seen: dict[str, int] = {}
    over = {ident for ident, ended in _calls_now(desk).items() if ended}
    while True:
        now = _calls_now(desk)
        with reading(desk.engine) as connection:
            lines = history.news(connection, seen, [ident for ident in now if ident not in over])
        for line in lines:
            seen[line.call_id] = line.seq
            yield line
        over |= {ident for ident, ended in now.items() if ended}
        time.sleep(LOOK_EVERY)


def _calls_now(desk: Desk) -> dict[str, bool]:
    with reading(desk.engine) as connection:
        return history.going_on(connection, clock.now() - LATELY)


def _row(desk: Desk, one: PastCall) -> dict[str, Any]:
    talked = one.ended_at - one.answered_at if one.ended_at and one.answered_at else None
    who = " ".join(filter(None, [one.caller_name, one.caller]))
    return {
        "id": one.id,
        "client": one.client,
        "caller": who,
        "arrived": one.arrived_at,
        "outcome": desk.say(one.outcome or one.phase),
        "secretary": one.secretary,
        "seconds": round(talked.total_seconds()) if talked else None,
    }


def _line(desk: Desk, told: Told) -> str:
    at = told.at.astimezone()
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03}  {sentence(desk, told)}"


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise ClientMistake(
            "{text} is no time: write it like 2026-04-01 or 2026-04-01T09:30", text=plain(text[:40])
        ) from None
