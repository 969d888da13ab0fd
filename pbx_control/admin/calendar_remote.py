"""`calendar connect|check|sync|disconnect`: clients' own calendars, at Google and on CalDAV servers."""

from datetime import datetime
from pathlib import Path

import click

from pbx_control import clock
from pbx_control.admin.calendar import calendar, calendar_argument, find
from pbx_control.admin.door import Door, pass_door
from pbx_control.admin.duties import told_by_daemon
from pbx_control.admin.provisioning import book, client_argument, examples
from pbx_control.catalogue import N_
from pbx_control.domain.agenda.rules import Source
from pbx_control.errors import ClientMistake, Code, reason
from pbx_control.store import remotes
from pbx_control.store.engine import reading
from pbx_control.store.remotes import Access

# What is given as --password to be asked for it.
ASK = "-"
# Bytes of a file with a key.
LONGEST_KEY = 64_000

__all__ = ["calendar"]


@calendar.command(
    epilog=examples(
        "calendar connect andes soto --caldav https://dav.example/soto/agenda/ --user soto --password -",
        "calendar connect andes soto --google soto@gmail.com --key service-account.json",
    )
)
@client_argument
@calendar_argument
@click.option("--caldav", metavar="URL", help="The calendar's address on a CalDAV server.")
@click.option("--user", metavar="NAME", help="With --caldav.")
@click.option("--password", metavar="TEXT", help="With --caldav; - asks for it, unseen.")
@click.option("--google", metavar="ID", help="The calendar's id at Google, mostly an e-mail address.")
@click.option(
    "--key",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --google: the key of a service account, or leave by OAuth (authorized_user), as JSON.",
)
@click.option("--unchecked", is_flag=True, help="Even if it does not work at present.")
@pass_door
def connect(
    door: Door,
    slug: str,
    calendar: str,
    caldav: str | None,
    user: str | None,
    password: str | None,
    google: str | None,
    key: Path | None,
    unchecked: bool,
) -> None:
    """Has a calendar mirrored in the client's own, which is read and written from now on: what he enters there blocks
    slots, and all coming appointments are put there.

    It is tried first, and what does not work is said. Docs: docs/agenda-remote.md.
    """
    from pbx_control.services import calendar_sync  # imported here: other commands ask nothing of other servers

    if bool(caldav) == bool(google) or (caldav and (key or password is None)) or (google and not key):
        raise ClientMistake("either --caldav with --user and --password, or --google with --key")
    found = find(door, slug, calendar).calendar
    if caldav:
        secret = click.prompt("Password", hide_input=True, err=True) if password == ASK else password or ""
        access = Access(source=Source.CALDAV, address=caldav, user=user or "", secret=secret)
    else:
        assert google
        assert key
        access = Access(source=Source.GOOGLE, address=google, secret=_read(key))
    if not unchecked:
        _try(door, access)
    coming = book(door, lambda work: calendar_sync.connect(work, found.client_id, calendar, access))
    door.tell(
        "{calendar} of {slug} is connected; appointments to be put there: {count}",
        calendar=calendar,
        slug=slug,
        count=coming,
    )


@calendar.command(epilog=examples("calendar check andes soto"))
@client_argument
@calendar_argument
@pass_door
def check(door: Door, slug: str, calendar: str) -> None:
    """Whether the client's own calendar can be read and written, and else what is wrong with it."""
    _try(door, _access(door, slug, calendar)[1])
    door.tell("{calendar} of {slug} can be read and written", calendar=calendar, slug=slug)


@calendar.command(epilog=examples("calendar sync andes soto"))
@client_argument
@calendar_argument
@pass_door
def sync(door: Door, slug: str, calendar: str) -> None:
    """Has the client's own calendar read and written at once, without waiting for its turn."""
    from pbx_control.services import calendar_sync

    calendar_id, access = _access(door, slug, calendar)
    _try(door, access)
    calendar_sync.give_turn(door.engine, calendar_id, clock.now())
    runs = told_by_daemon(door.home) is not None
    told = N_("{calendar} of {slug} has its turn now")
    if not runs:
        told = N_("{calendar} of {slug} has its turn as soon as the daemon runs: none does now")
    door.tell(told, calendar=calendar, slug=slug)


@calendar.command(epilog=examples("calendar disconnect andes soto"))
@client_argument
@calendar_argument
@pass_door
def disconnect(door: Door, slug: str, calendar: str) -> None:
    """Has a calendar ours alone again; what stands in the client's own stays there."""
    from pbx_control.services import calendar_sync

    found = find(door, slug, calendar).calendar
    book(door, lambda work: calendar_sync.disconnect(work, found.client_id, calendar))
    door.tell("{calendar} of {slug} is connected no more", calendar=calendar, slug=slug)


def look_again(door: Door, slug: str, calendar: str, starts: datetime) -> None:
    """Reads what the client has entered in his own calendar meanwhile, right before a booking."""
    found = find(door, slug, calendar).calendar
    if found.source is Source.OWN:
        return
    from pbx_control.services import calendar_sync

    if not calendar_sync.look_once(door.engine, door.settings.agenda, found.client_id, calendar, starts):
        click.echo(door.say("the client's own calendar does not answer: it is told later"), err=True)


def _try(door: Door, access: Access) -> None:
    from pbx_control.services import calendar_sync

    connections = calendar_sync.Connections(door.settings.agenda)
    try:
        connections.to(access).check()
    finally:
        connections.close()


def _access(door: Door, slug: str, calendar: str) -> tuple[int, Access]:
    found = find(door, slug, calendar).calendar
    with reading(door.engine) as conn:
        access = remotes.access_of(conn, found.id)
    if access is None:
        raise ClientMistake("{calendar} is no remote calendar", Code.WRONG_STATE, calendar=calendar)
    return found.id, access


def _read(file: Path) -> str:
    try:
        with file.open("rb") as key:
            return key.read(LONGEST_KEY).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ClientMistake("{file} cannot be read: {why}", Code.BAD_FILE, file=str(file), why=reason(error)) from error
