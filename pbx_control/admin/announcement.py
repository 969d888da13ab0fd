"""`announcement`: what a client's callers hear from the switch."""

from pathlib import Path
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, reading_command
from pbx_control.admin.language import spoken
from pbx_control.admin.provisioning import change_heard, client_argument, examples, noting, tell_change
from pbx_control.catalogue import N_
from pbx_control.domain.office import AnnouncementKind, Client
from pbx_control.services import texts
from pbx_control.services.work import Work
from pbx_control.store import clients
from pbx_control.store.engine import reading
from pbx_control.store.snapshot import read_client

kind_argument = click.argument("kind", type=click.Choice([kind.value for kind in AnnouncementKind]))


@click.group()
def announcement() -> None:
    """What a client's callers hear from the switch.

    \b
    welcome    before the ringing (none unless set)
    closed     outside the hours
    exhausted  suspended, or out of calls
    recording  that the call is recorded, before the ringing
    busy       nobody can take the call and no message is taken
    message    please leave a message after the tone
    """


@announcement.command(
    "set",
    epilog=examples(
        'announcement set andes closed --text "{name} atiende {hours}. Gracias por llamar."',
        "announcement set andes welcome --audio bienvenida.mp3",
    ),
)
@client_argument
@kind_argument
@click.option("--text", metavar="T", help="Spoken by the house's voice; {hours} and {name} are filled in.")
@click.option("--audio", metavar="FILE", type=click.Path(path_type=Path), help="A recording: WAV, FLAC, OGG or MP3.")
@pass_door
def set_(door: Door, slug: str, kind: str, text: str | None, audio: Path | None) -> None:
    """Puts a client's own announcement in place of the house's."""
    if (text is None) == (audio is None):
        raise click.UsageError(spoken("give either --text or --audio"))
    values = {"text": text} if text is not None else {"audio": _upload(door, slug, audio)}

    def act(work: Work) -> None:
        texts.put_announcement(work, clients.find(work.conn, slug).id, AnnouncementKind(kind), **values)

    changed = change_heard(door, slug, noting(act))
    tell_change(door, changed, N_("the announcement `{kind}` of {slug} is changed"), kind=kind, slug=slug)


@announcement.command(epilog=examples("announcement show andes", "announcement show andes closed"))
@client_argument
@click.argument("kind", required=False, metavar="[KIND]", type=click.Choice([kind.value for kind in AnnouncementKind]))
@reading_command(["kind", "origin", "text", "sound"])
def show(door: Door, slug: str, kind: str | None) -> list[dict[str, Any]]:
    """What callers hear, with everything filled in. `sound` is a file under the home, without its ending."""
    with reading(door.engine) as connection:
        client = read_client(connection, slug, clock.now())
    return [_heard(client, one) for one in AnnouncementKind if kind in (None, one.value)]


@announcement.command(epilog=examples("announcement reset andes closed"))
@client_argument
@kind_argument
@pass_door
def reset(door: Door, slug: str, kind: str) -> None:
    """Goes back to the house's own text."""

    def act(work: Work) -> None:
        texts.forget_announcement(work, clients.find(work.conn, slug).id, AnnouncementKind(kind))

    change_heard(door, slug, act)
    door.tell("the announcement `{kind}` of {slug} is the house's own again", kind=kind, slug=slug)


def _upload(door: Door, slug: str, path: Path | None) -> str:
    """The audio name of a converted upload; the client is looked up first, so that nothing is kept for a stranger."""
    from pbx_control.media.prompts import store_upload

    door.about_to_change()
    with reading(door.engine) as connection:
        clients.find(connection, slug)
    return store_upload(door.home, path or Path())


def _heard(client: Client, kind: AnnouncementKind) -> dict[str, Any]:
    from pbx_control.domain.sounds import announcement_sound, announcement_text

    own = client.announcement(kind)
    origin = "house" if own is None else "text" if own.text else "audio"
    sound = announcement_sound(client, kind)
    return {
        "kind": kind.value,
        "origin": origin if sound else "none",
        "text": announcement_text(client, kind),
        "sound": sound,
    }
