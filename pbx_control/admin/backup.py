"""`pbx-control backup` and `restore`: a copy of the home while it is in use, and a home made of such a copy."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, json_option, pass_door, print_json
from pbx_control.admin.home import make_folders
from pbx_control.admin.progress import telling
from pbx_control.admin.provisioning import examples
from pbx_control.catalogue import counted
from pbx_control.domain.keeping.retention import LONGEST_LEAP
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Size

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    epilog=examples(
        "backup", "backup /mnt/usb/pbx.tar.gz --recordings", "restore var/backups/pbx-20260803T060000Z.tar.gz"
    )
)
@click.argument("file", metavar="[FILE]", required=False, type=FILE)
@click.option("--recordings", is_flag=True, help="Recordings and left messages, too: an hour of them takes 58 MB.")
@json_option
@pass_door
def backup(door: Door, file: Path | None, recordings: bool, as_json: bool) -> None:
    """Copies the database, the settings and the uploads into FILE, while all goes on.

    Without FILE it lies in the folder of [backup]. The copy holds passwords and callers' numbers: keep it to yourself.
    """
    from pbx_control.jobs.backup import make, usual_place

    door.about_to_change()
    at = clock.now()
    with telling(door) as tell:
        tell("copying the home")
        target = _there(file.absolute()) if file else usual_place(door.home, door.settings, at)
        made = make(door.home, door.settings, door.engine, target, at, recordings=recordings)
    if as_json:
        print_json({"file": made.file, "bytes": made.size, "files": made.files, "left_out": made.left_out})
        return
    door.tell(
        counted("{file}: {count} file, {size}", "{file}: {count} files, {size}", by="count"),
        file=made.file,
        count=made.files,
        size=Size(made.size),
    )
    if made.left_out:
        door.tell(
            counted(
                "{count} file was left out: gone meanwhile, or a link",
                "{count} files were left out: gone meanwhile, or links",
                by="count",
            ),
            count=made.left_out,
        )


@click.command(epilog=examples("restore var/backups/pbx-20260803T060000Z.tar.gz", "--home /srv/new restore pbx.tar.gz"))
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@pass_door
def restore(door: Door, file: Path | None, as_json: bool) -> None:
    """Puts the database, settings and uploads of a backup in the place of the home's.

    Daemon and Asterisk must be stopped. What is replaced is kept in the home, in .before-restore-TIME. What was erased
    or blocked since the backup was made is so again. Without FILE a restore that was broken off is finished.
    """
    from pbx_control.jobs import restore as restoring

    door.about_to_change()
    if file is None:
        _finish(door, as_json)
        return
    make_folders(door.home)
    with telling(door) as tell:
        tell("restoring the home")
        restored = restoring.restore(door.home, file.absolute(), door.actor, clock.now())
    if as_json:
        print_json(_restored(restored))
        return
    manifest = restored.manifest
    door.tell("the home {home} is as it was at {time}", home=door.home.root, time=door.plain(manifest.made_at))
    door.tell("what it replaced is in {folder}; remove that once all is well", folder=restored.kept)
    if restored.schema:
        door.tell("the former tables are in the schema {schema} of the database", schema=restored.schema)
    _tell_again(door, restored.again)
    for kind, numbers in restored.issued_since.items():
        door.tell(
            "{kind} {first} to {last} were issued after this backup: their PDFs are here, and numbers go on after them",
            kind=kind.value,
            first=numbers[0],
            last=numbers[-1],
        )
    if restored.tokens:
        door.tell(
            "these tokens are good again: {names}; revoke anew what was revoked since: pbx-control token revoke",
            names=", ".join(restored.tokens),
        )
    if restored.webhooks:
        door.tell(
            "these webhooks are told of events again: {numbers}; remove anew what was removed since: "
            "pbx-control webhook remove",
            numbers=", ".join(map(str, restored.webhooks)),
        )
    if clock.now() - manifest.made_at > LONGEST_LEAP:
        door.tell("to this database the clock has leapt: confirm it by `pbx-control recording purge --clock-is-right`")
    door.tell("next: pbx-control setup, then start Asterisk and the daemon")


def _finish(door: Door, as_json: bool) -> None:
    from pbx_control.jobs import restore as restoring

    with telling(door) as tell:
        tell("erasing again")
        again = restoring.finish(door.home, door.actor, clock.now())
    if as_json:
        print_json(asdict(again))
        return
    _tell_again(door, again)
    door.tell("the home can be used again; if the backup is not in its place yet: `pbx-control restore FILE`")


def _tell_again(door: Door, again: Any) -> None:
    if again.anything:
        door.tell(
            "erased again, as it was erased after this backup: callers {callers}, clients {clients}, "
            "recordings {recordings}",
            callers=again.callers,
            clients=again.clients,
            recordings=again.recordings,
        )
    if again.blocks:
        door.tell("callers' data blocked, or no longer, as it was said after this backup: {count}", count=again.blocks)
    for path in again.failed:
        door.tell("{file} could not be deleted: see to it", file=clean_line(path, 200))


def _there(file: Path) -> Path:
    """A disk that is not mounted must not become a folder on this one."""
    if not file.parent.is_dir():
        raise ClientMistake("there is no folder {folder}: make it, or mount the disk, first", folder=file.parent)
    return file


def _restored(restored: Any) -> dict[str, object]:
    manifest = restored.manifest
    return {
        "made_at": manifest.made_at,
        "version": manifest.version,
        "files": len(manifest.files),
        "kept": restored.kept,
        "kept_schema": restored.schema,
        "erased_again": asdict(restored.again),
        "tokens": list(restored.tokens),
        "webhooks": list(restored.webhooks),
        "issued_since": {kind.value: [numbers[0], numbers[-1]] for kind, numbers in restored.issued_since.items()},
    }
