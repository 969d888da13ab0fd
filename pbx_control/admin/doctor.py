"""`pbx-control doctor`: what is wrong here, and how to mend it."""

import click

from pbx_control.admin.checkup import Finding, examine
from pbx_control.admin.door import Door, json_option, pass_door, print_json
from pbx_control.admin.progress import telling
from pbx_control.admin.provisioning import examples
from pbx_control.domain.words.characters import harmless

COLOURS = {"ok": "green", "warn": "yellow", "bad": "red"}


@click.command(epilog=examples("doctor", "doctor --json"))
@json_option
@click.pass_context
@pass_door
def doctor(door: Door, context: click.Context, as_json: bool) -> None:
    """What is wrong here and how to mend it: settings, database, sounds, Asterisk, daemon, disk, mail.

    Each line is ok, warn or bad; exit status 1 if one is bad.
    """
    with telling(door) as tell:
        tell("looking")
        findings = list(examine(door))
    if as_json:
        print_json([{"level": found.level, "finding": _line(door, found)} for found in findings])
    else:
        _show(door, findings)
    context.exit(1 if any(found.level == "bad" for found in findings) else 0)


def _show(door: Door, findings: list[Finding]) -> None:
    for found in findings:
        click.echo(click.style(f"{door.say(found.level):5}", fg=COLOURS[found.level]) + _line(door, found))
    count = sum(found.level == "bad" for found in findings)
    if count:
        door.tell("to be mended: {count}", count=count)
    else:
        door.tell("nothing is bad")


def _line(door: Door, found: Finding) -> str:
    return harmless(door.say(found.template, **found.values))
