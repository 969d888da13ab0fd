"""`dialplan`: Asterisk's generated configuration: what is in force, what would change, bringing it into force."""

import click

from pbx_control.admin.door import Door, json_option, pass_door, print_json
from pbx_control.admin.provisioning import examples
from pbx_control.asterisk import publish
from pbx_control.asterisk.confcheck import check
from pbx_control.asterisk.dialplan import render
from pbx_control.errors import ClientMistake


@click.group()
def dialplan() -> None:
    """Asterisk's configuration, generated from what is provisioned; never edited by hand.

    The daemon publishes each change by itself within two seconds.
    """


@dialplan.command(epilog=examples("dialplan show extensions.conf"))
@click.argument("file", required=False)
@json_option
@pass_door
def show(door: Door, file: str | None, as_json: bool) -> None:
    """Shows the configuration in force: the names of its files, or one FILE. Secrets are left out."""
    files = publish.current(door.home)
    if file and file not in files:
        raise ClientMistake(
            "there is no file {file} in force: `pbx-control dialplan show` lists those that are", file=file
        )
    texts = {name: publish.without_secrets(text) for name, text in files.items() if file in (None, name)}
    if as_json:
        print_json(texts)
    else:
        click.echo(texts[file] if file else "\n".join(texts) or door.say("nothing to show"))


@dialplan.command(epilog=examples("dialplan diff"))
@json_option
@pass_door
def diff(door: Door, as_json: bool) -> None:
    """Shows what `apply` would change, as a unified diff; of a secret only that it changes."""
    office = publish.read_provisioned(door.home, door.settings)
    files = render(office, door.settings, door.home)
    check(files)
    lines = publish.difference(door.home, files)
    if as_json:
        print_json({"revision": office.revision, "diff": lines})
    else:
        click.echo("\n".join(lines) if lines else door.say("what is provisioned is in force"))


@dialplan.command(epilog=examples("dialplan apply"))
@json_option
@pass_door
def apply(door: Door, as_json: bool) -> None:
    """Brings what is provisioned into force: no call is cut, and if Asterisk refuses it the old one comes back."""
    door.about_to_change()
    done = publish.publish(door.home, door.settings)
    if as_json:
        print_json({name: getattr(done, name) for name in done.__dataclass_fields__})
        return
    if not done.changed and not done.reloaded:
        door.tell("what is provisioned is in force")
    elif done.running:
        door.tell("revision {revision} is in force: {files}", revision=done.revision, files=", ".join(done.changed))
    else:
        door.tell(
            "revision {revision} is written; Asterisk does not run and reads it at its start", revision=done.revision
        )
    if done.needs_restart:
        door.tell("these take effect at Asterisk's next start only: {files}", files=", ".join(done.needs_restart))
