"""`pbx-control recording purge`, `reconcile` and `receipts`: what is deleted, and what has been."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, print_json, print_json_rows, table_options
from pbx_control.admin.progress import Teller, telling
from pbx_control.admin.provisioning import book, examples
from pbx_control.admin.whole import WholeNumber
from pbx_control.catalogue import N_, counted
from pbx_control.domain.keeping.retention import Cause, Trust, instant
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Size
from pbx_control.media import purge as purging
from pbx_control.media.deletion import Found
from pbx_control.media.purge import Planned, Progress, PurgeReport, Reconciliation
from pbx_control.services import keeping
from pbx_control.store import call_log, holds, retention
from pbx_control.store import receipts as kept_receipts
from pbx_control.store.engine import reading
from pbx_control.store.receipts import Receipt
from pbx_control.store.restrictions import INSTEAD
from pbx_control.store.retention import Clock
from pbx_control.store.rows import facts

# For a person; --json has everything.
PLANNED = ("file", "call", "what", "bytes", "why")
RECEIPTS = ("at", "what", "file", "call", "why", "bytes", "sha256")
DIFFERENCES = ("what", "file", "call", "bytes", "modified")
# Characters of a path that are shown.
PATH_LIMIT = 120
# How often a long command says how far it is, seconds.
TELL_EVERY = 2.0


@click.command(epilog=examples("recording purge --dry-run", "recording purge", "recording purge --clock-is-right"))
@click.option("--dry-run", is_flag=True, help="Only show what would go, and why, and what a hold keeps.")
@click.option("--clock-is-right", is_flag=True, help="The server's clock is right, although it leapt or went back.")
@table_options
@pass_door
def purge(door: Door, dry_run: bool, clock_is_right: bool, as_json: bool) -> None:
    """Delete the recordings and messages whose time is over. The daemon does it by itself every night."""
    now = clock.now()
    if dry_run:
        _show_plan(door, now, as_json)
        return
    door.about_to_change()
    if clock_is_right:
        book(door, keeping.believe_clock)
    with telling(door) as tell:
        report = keeping.purge(door.home, door.engine, door.actor, now, progress=_progress(tell))
    if report.trust is not Trust.TRUSTED:
        raise _doubt(Clock(report.trust, report.seen_at), now)
    _tell_report(door, report, as_json)


@click.command(epilog=examples("recording reconcile", "recording reconcile --json"))
@table_options
@pass_door
def reconcile(door: Door, as_json: bool) -> None:
    """Files that belong to no call or are empty, and calls whose file is not there or was cut. Nothing is changed.

    What is younger than a day is passed over: it may still be on its way.
    """
    with telling(door) as tell:
        tell("comparing files and calls")
        found = purging.reconcile(door.home, door.engine, clock.now())
    rows = _differences(door, found)
    if as_json:
        print_json({"counts": found.counts, "differences": rows})
    elif rows:
        door.table(DIFFERENCES, [[row[column] for column in DIFFERENCES] for row in rows])
        _tell_rest(door, sum(found.counts.values()) - len(rows))
    else:
        door.tell("files and calls agree")


@click.command("receipts", epilog=examples("recording receipts --since 2026-08-01", "recording receipts --call 17.3"))
@click.option("--since", metavar="TIME", help="Only deletions since then: yesterday, 2h, 28/11/2026 9:30 …")
@click.option("--call", "call_id", metavar="ID", help="Only those of this call.")
@click.option("--limit", type=WholeNumber(1, 1_000_000), default=100, show_default=True, help="How many at most.")
@table_options
@pass_door
def receipts(door: Door, since: str | None, call_id: str | None, limit: int, as_json: bool) -> None:
    """What was deleted or handed out, when and why, newest first."""
    start = door.instant(since) if since is not None else None
    with reading(door.engine) as conn:
        call = call_log.find(conn, call_id).id if call_id is not None else None
        found = kept_receipts.newest(conn, since=start, call_id=call, limit=limit)
    if as_json:
        print_json_rows(map(facts, found))
    elif found:
        said = (_receipt_row(door, one) for one in found)
        door.table(RECEIPTS, ([row[column] for column in RECEIPTS] for row in said))
    else:
        door.tell("nothing to show")


def _show_plan(door: Door, now: datetime, as_json: bool) -> None:
    with telling(door) as tell:
        tell("looking at the recordings")
        found = list(purging.planned(door.home, door.engine, now))
    with reading(door.engine) as conn:
        known = retention.clock_at(conn, now)
        held = holds.reasons(conn, {claim.call_id for one in found for claim in one.file.claims if claim.held})
    rows = [_planned_row(one, held) for one in found]
    if as_json:
        print_json_rows(rows)
    elif rows:
        said = (row | {"what": door.say(row["what"]), "why": _why(door, row["why"])} for row in rows)
        door.table(PLANNED, ([row[column] for column in PLANNED] for row in said))
        _tell_sums(door, rows)
    else:
        door.tell("nothing is due")
    if known.trust is not Trust.TRUSTED:
        doubt = _doubt(known, now)
        click.echo(door.say(doubt.template, **doubt.values), err=True)


def _tell_sums(door: Door, rows: list[dict[str, Any]]) -> None:
    """What would go and what would not, in one line."""
    going = [row for row in rows if row["goes"]]
    door.tell(
        "would be deleted: {count} ({size}); kept by a legal hold: {held}",
        count=len(going),
        size=Size(sum(row["bytes"] for row in going)),
        held=sum(row["why"].startswith("held: ") for row in rows),
    )
    _tell_restricted(door, sum(row["why"] == INSTEAD for row in rows))


def _tell_restricted(door: Door, count: int) -> None:
    if count:
        door.tell("kept, as they are blocked while a request is decided: {count}", count=count)


def _planned_row(one: Planned, held: dict[str, str]) -> dict[str, Any]:
    owner = one.file.owner
    keeping = next((held[claim.call_id] for claim in one.file.claims if claim.call_id in held), "")
    absent = "; absent" if one.size is None else ""
    stays = {Cause.HELD: f"held: {keeping}", Cause.RESTRICTED: INSTEAD}
    return {
        "file": clean_line(one.file.path, PATH_LIMIT),
        "call": owner.call_id if owner else "",
        "what": one.what.value,
        "bytes": one.size or 0,
        "goes": one.verdict.delete,
        "why": stays.get(one.verdict.cause) or (one.verdict.why or "unfinished") + absent,
    }


def _tell_report(door: Door, report: PurgeReport, as_json: bool) -> None:
    done = report.done
    if as_json:
        print_json({"at": report.at} | asdict(done))
    else:
        door.tell(
            "deleted: {deleted} ({size}); kept by a legal hold: {held}",
            deleted=done.deleted,
            size=Size(done.freed),
            held=done.held,
        )
        _tell_restricted(door, done.restricted)
    for path, why in done.failed.items():
        line = door.say("{file} could not be deleted: {why}", file=clean_line(path, PATH_LIMIT), why=why)
        click.echo(line, err=True)
    if done.failures:
        raise ClientMistake(
            counted(
                "{count} file could not be deleted: see to its rights, or to links",
                "{count} files could not be deleted: see to their rights, or to links",
                by="count",
            ),
            count=done.failures,
        )


def _doubt(known: Clock, now: datetime) -> ClientMistake:
    """Why nothing is deleted, and what to do."""
    values = {"now": instant(now), "seen": instant(known.seen_at)}
    if known.trust is Trust.WENT_BACK:
        return ClientMistake(
            "nothing is deleted: the clock shows {now}, but it has shown {seen} before; set it right, or confirm it: "
            "`pbx-control recording purge --clock-is-right`",
            **values,
        )
    return ClientMistake(
        "nothing is deleted: the clock shows {now}, more than a day after it was last seen ({seen}); if it is right, "
        "confirm it: `pbx-control recording purge --clock-is-right`",
        **values,
    )


def _progress(tell: Teller) -> Progress:
    """Says now and then how far a purge is."""
    told = 0.0

    def progress(looked: int, deleted: int) -> None:
        nonlocal told
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            tell(
                counted(
                    "{looked} file looked at, {deleted} deleted",
                    "{looked} files looked at, {deleted} deleted",
                    by="looked",
                ),
                looked=looked,
                deleted=deleted,
            )

    return progress


def _differences(door: Door, found: Reconciliation) -> list[dict[str, Any]]:
    """A row for each file or call; those that stand for a link have their kind."""

    def row(what: str, path: str = "", call: str = "", file: Found | None = None) -> dict[str, Any]:
        shown = {"what": door.say(what), "file": clean_line(path, PATH_LIMIT), "call": call}
        return shown | {"bytes": file.size if file else None, "modified": _modified(file)}

    return [
        *(row(N_("file without call"), one.path, file=one) for one in found.without_row),
        *(row(N_("call without file"), one.path, one.call_id) for one in found.without_file),
        *(row(N_("link or no ordinary file"), one.path, file=one) for one in found.odd),
        *(row(N_("call without end"), call=call_id) for call_id in found.unended),
        *(row(N_("file of a call, without sound"), one.path, file=one) for one in found.empty),
        *(row(N_("recording or message was cut or lost"), call=call_id) for call_id in found.cut),
    ]


def _modified(file: Found | None) -> datetime | None:
    return datetime.fromtimestamp(file.modified, UTC) if file else None


def _tell_rest(door: Door, more: int) -> None:
    if more > 0:
        door.tell("and {count} more", count=more)


def _receipt_row(door: Door, one: Receipt) -> dict[str, Any]:
    return {
        "at": one.at,
        "what": door.say(one.what.value),
        "file": clean_line(one.path, PATH_LIMIT),
        "call": one.call_id,
        "why": _why(door, one.why),
        "bytes": one.size,
        "sha256": one.sha256[:12],
    }


def _why(door: Door, why: str) -> str:
    """A receipt's reason in the person's language: `age: 2026-08-03T12:00:00Z + 30 d; absent`."""
    cause, _, rest = clean_line(why, 400).partition(": ")
    first, *more = rest.split("; ")
    told = f"{door.say(cause)}: {first}" if rest else door.say(cause)
    return "; ".join([told, *(_flag(door, part) for part in more)])


def _flag(door: Door, part: str) -> str:
    return door.say(part) if part in ("absent", "again") else part
