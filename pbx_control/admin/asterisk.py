"""`pbx-control asterisk`: starts, stops and looks at the Asterisk of this home."""

from dataclasses import asdict
from datetime import timedelta

import click

from pbx_control.admin.door import Door, json_option, pass_door, print_json
from pbx_control.admin.progress import telling
from pbx_control.asterisk import runtime
from pbx_control.catalogue import counted
from pbx_control.errors import ClientMistake
from pbx_control.settings import Settings


@click.group()
def asterisk() -> None:
    """The telephone switch of this installation."""


@asterisk.command()
@click.option("--foreground", is_flag=True, help="Become Asterisk instead of starting it apart (for systemd).")
@pass_door
def start(door: Door, foreground: bool) -> None:
    """Start Asterisk and wait until it answers."""
    door.about_to_change()
    switch = runtime.choose(door.home, door.settings)
    with telling(door) as tell:
        tell("starting Asterisk")
        if foreground:
            switch.run_in_foreground(tell)
        started = switch.start(tell)
    door.tell("Asterisk answers" if started else "Asterisk runs already")


@asterisk.command()
@pass_door
def prepare(door: Door) -> None:
    """Make what a start would have to make first: a root file system or a container image."""
    # Root may, in another user's home: systemd has root do it, and what is made is given to the home's owner.
    with telling(door) as tell:
        kind = runtime.choose(door.home, door.settings).prepare(tell)
    door.tell("Asterisk can be started ({runtime})", runtime=kind)


@asterisk.command()
@pass_door
def stop(door: Door) -> None:
    """Stop Asterisk; calls that are going on are cut."""
    door.about_to_change()
    with telling(door) as tell:
        tell("stopping Asterisk")
        stopped = runtime.choose(door.home, _settings_to_stop(door)).stop()
    door.tell("Asterisk has stopped" if stopped else "Asterisk did not run")


def _settings_to_stop(door: Door) -> Settings:
    try:
        return door.settings
    except ClientMistake:
        # Which process runs is known without pbx.toml; a home that has none is no home.
        if door.home.settings_file.exists():
            return Settings()
        raise


@asterisk.command()
@pass_door
def restart(door: Door) -> None:
    """Stop Asterisk and start it anew, for changed settings of [sip] and [asterisk]; all calls end."""
    door.about_to_change()
    switch = runtime.choose(door.home, door.settings)
    with telling(door) as tell:
        tell("stopping Asterisk: all calls end")
        ended = switch.restart(tell)
    door.tell("Asterisk answers again; all calls have ended" if ended else "Asterisk answers")


@asterisk.command()
@json_option
@click.pass_context
@pass_door
def status(door: Door, context: click.Context, as_json: bool) -> None:
    """Show whether Asterisk runs and answers; exit status 1 if it does not."""
    found = runtime.choose(door.home, door.settings).status()
    if as_json:
        print_json(asdict(found))
    else:
        _tell_status(door, found)
    if not found.answers:
        context.exit(1)


@asterisk.command()
@click.option("-x", "command", metavar="COMMAND", help='One command instead of a dialogue: "core show channels".')
@pass_door
def console(door: Door, command: str | None) -> None:
    """Open Asterisk's own console (leave it with Ctrl-C)."""
    switch = runtime.choose(door.home, door.settings)
    if command:
        click.echo(switch.command(command), nl=False)
    else:
        switch.console()


def _tell_status(door: Door, found: runtime.Status) -> None:
    if found.uptime is not None:
        door.tell(
            counted(
                "Asterisk {version} ({runtime}, process {pid}) has run for {time} and has {channels} channel",
                "Asterisk {version} ({runtime}, process {pid}) has run for {time} and has {channels} channels",
                by="channels",
            ),
            version=found.version,
            runtime=found.runtime,
            pid=found.pid,
            time=timedelta(seconds=found.uptime),
            channels=found.channels,
        )
    elif found.answers:
        door.tell("Asterisk answers ({runtime})", runtime=found.runtime)
    elif found.running:
        door.tell("Asterisk runs (process {pid}) but does not answer", pid=found.pid)
    else:
        door.tell("Asterisk does not run")
