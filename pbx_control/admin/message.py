"""`pbx-control message`: what was written to the clients' recipients, and what has not reached them."""

from collections.abc import Iterator
from typing import Any

import click

from pbx_control.admin.door import Door, json_option, pass_door, print_json, show_rows, table_options
from pbx_control.admin.language import spoken
from pbx_control.admin.provisioning import book, examples
from pbx_control.admin.whole import NumberOf, WholeNumber
from pbx_control.catalogue import N_, counted
from pbx_control.domain.words.wording import caller_line, clean_line
from pbx_control.services import messages, post, urgent
from pbx_control.services.messages import OpenMessage
from pbx_control.services.urgent import Told
from pbx_control.store import letters
from pbx_control.store.engine import reading
from pbx_control.store.letters import Posted
from pbx_control.store.rows import facts

# For a person; the subject names the client. --json and `message show` have everything.
COLUMNS = ("id", "written", "address", "subject", "state")
LATE_COLUMNS = ("id", "next_try", "address", "subject", "state")
OPEN_COLUMNS = ("call", "client", "caller", "arrived", "secretary", "state", N_("due"))
OPEN_STATES = {"draft": N_("draft"), "overdue": N_("overdue"), "changed": N_("sent, changed since")}
TOLD_AGAIN = counted("{who} was told again at {when}", "{who} was told again {times} times, last at {when}", by="times")
# So much of a server's answer is shown in a list, characters.
ERROR_LIMIT = 80


@click.group(help="Messages to the clients' recipients: list them, read them, send them again.")
def message() -> None:
    pass


@message.command("list", help="The newest messages, newest first.")
@click.option("--undelivered", is_flag=True, help="Only those that have not reached their recipient (yet).")
@click.option("--open", "open_ones", is_flag=True, help="Instead: calls whose message is not written yet.")
@click.option("--client", "slug", metavar="SLUG", help="Only those of this client.")
@click.option("--limit", type=WholeNumber(1, 100_000), default=100, show_default=True, help="How many at most.")
@table_options
@pass_door
def list_messages(door: Door, undelivered: bool, open_ones: bool, slug: str | None, limit: int, as_json: bool) -> None:
    if open_ones:
        _show_open(door, slug, limit, as_json)
        return
    with reading(door.engine) as conn:
        found = letters.newest(conn, undelivered=undelivered, slug=slug, limit=limit)
    columns = LATE_COLUMNS if undelivered else COLUMNS
    rows = map(_row if as_json else _kept_row, found)
    show_rows(door, columns, rows, as_json, _said, cut=("subject", "state"))


@message.command(help="One message in full, with what became of it.")
@click.argument("message_id", metavar="ID", type=NumberOf("message list"))
@json_option
@pass_door
def show(door: Door, message_id: int, as_json: bool) -> None:
    with reading(door.engine) as conn:
        posted = letters.get(conn, message_id)
        words = messages.words_sent(conn, posted.letter.call_id) if posted.letter.call_id else ()
        urgency = urgent.told(conn, posted.letter.call_id) if posted.letter.call_id else None
    row = _row(posted) | {
        "delivered": posted.delivered_at,
        "call": posted.letter.call_id,
        "message_id": posted.letter.message_id,
        "attachment": posted.letter.attachment,
        "text": posted.letter.text,
    }
    if as_json:
        told = facts(urgency) | {"again": [facts(one) for one in urgency.again]} if urgency else None
        print_json(row | {"words": [list(pair) for pair in words], "urgent": told})
        return
    text = row.pop("text")
    row |= {"state": door.say(row["state"]), "last_error": door.kept(posted.kept_error)}
    for name, value in row.items():
        click.echo(f"{door.say(name)}: {door.plain(value)}")
    for line in _urgent(door, urgency) if urgency else ():
        click.echo(line)
    click.echo(f"\n{text.rstrip()}")
    if words:
        click.echo(f"\n{door.say('What the secretary sent last:')}")
        for label, value in words:
            click.echo(f"{label}: {value}")


def _urgent(door: Door, how: Told) -> Iterator[str]:
    """How it stands with an urgent message, line by line."""
    yield door.say("urgent since {when}", when=door.plain(how.began_at))
    for one in how.again:
        yield door.say(TOLD_AGAIN, who=one.address, times=one.times, when=door.plain(one.at))
    if how.seen_at:
        yield door.say("seen by {who} at {when}", who=how.seen_by, when=door.plain(how.seen_at))
    elif how.given_up_at:
        yield door.say("seen by nobody, given up at {when}", when=door.plain(how.given_up_at))
    elif how.next_at:
        yield door.say("seen by nobody yet, the next one is told at {when}", when=door.plain(how.next_at))


@message.command(
    epilog=examples("message resend 812 813", "message resend --to ventas@andes.cl", "message resend --client andes")
)
@click.argument("ids", metavar="[ID]...", nargs=-1, type=NumberOf("message list"))
@click.option("--to", "address", metavar="ADDRESS", default="", help="All that have not reached this address or chat.")
@click.option("--client", "slug", metavar="SLUG", help="All of this client that have not reached their recipients.")
@pass_door
def resend(door: Door, ids: tuple[int, ...], address: str, slug: str | None) -> None:
    """Sends messages once more, at once.

    By their numbers: delivered or not. With --to or --client: those that wait or were given up.
    """
    if bool(ids) == bool(address or slug):
        raise click.UsageError(spoken("give the messages' numbers, or --to or --client"))
    if ids:
        count = book(door, lambda work: post.resend(work, ids))
    else:
        count = book(door, lambda work: post.resend_undelivered(work, address=address, slug=slug))
    if count:
        door.tell("messages that are due at once: {count}; the running daemon sends them within seconds", count=count)
    else:
        door.tell("there is nothing to send again")


def _show_open(door: Door, slug: str | None, limit: int, as_json: bool) -> None:
    """The messages that secretaries have to write still, the oldest first."""
    with reading(door.engine) as conn:
        found = [one for one in messages.open_of(conn) if slug in (None, one.client)][:limit]
    show_rows(door, OPEN_COLUMNS, map(_open_row, found), as_json, _said_open)


def _open_row(one: OpenMessage) -> dict[str, Any]:
    return {
        "call": one.call_id,
        "client": one.client,
        "caller": caller_line(one.caller_name, one.caller),
        "arrived": one.at,
        "secretary": one.secretary,
        "state": one.state.value,
        "due": one.due_at,
    }


def _said_open(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    return row | {"state": door.say(OPEN_STATES[row["state"]])}


def _said(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    """A row that fits into a line: times by the minute, the server's last answer beside the state."""
    state = door.say(row["state"])
    error = clean_line(door.kept(row["kept_error"]), ERROR_LIMIT)
    times = {name: f"{row[name].astimezone(door.zone):%Y-%m-%d %H:%M}" for name in ("written", "next_try") if row[name]}
    to_caller = {"address": door.say("{address} (caller)", address=row["address"])} if row["kind"] == "info" else {}
    return row | times | to_caller | {"state": f"{state}: {error}" if error else state}


def _kept_row(posted: Posted) -> dict[str, Any]:
    return _row(posted) | {"kept_error": posted.kept_error}


def _row(posted: Posted) -> dict[str, Any]:
    return {
        "id": posted.id,
        "written": posted.letter.written_at,
        "client": posted.client,
        "kind": posted.letter.kind.value or "message",
        "channel": posted.letter.channel.value,
        "address": posted.letter.address,
        "state": posted.state,
        "attempts": posted.attempts,
        "next_try": posted.due_at,
        "subject": posted.letter.subject,
        "last_error": posted.last_error,
    }
