"""`pbx-control doctor`: what is wrong here, and how to mend it."""

import click

from pbx_control.admin.checkup import Finding, examine
from pbx_control.admin.door import Desk, json_option, pass_desk, print_json
from pbx_control.admin.progress import telling
from pbx_control.admin.provisioning import examples

COLOURS = {"ok": "green", "warn": "yellow", "bad": "red"}


@click.command(epilog=examples("doctor", "doctor --json"))
@json_option
@click.pass_context
@pass_desk
def doctor(desk: Desk, context: click.Context, as_json: bool) -> None:
    """What is wrong here and how to mend it: settings, database, sounds, Asterisk, daemon, disk, mail.

    Each line is ok, warn or bad; exit status 1 if one is bad.
    """
    with telling(desk) as tell:
        tell("looking")
        findings = list(examine(desk))
    if as_json:
        print_json([{"level": found.level, "finding": _line(desk, found)} for found in findings])
    else:
        _show(desk, findings)
    context.exit(1 if any(found.level == "bad" for found in findings) else 0)


def _show(desk: Desk, findings: list[Finding]) -> None:
    for found in findings:
        click.echo(click.style(f"{desk.say(found.level):5}", fg=COLOURS[found.level]) + _line(desk, found))
    count = sum(found.level == "bad" for found in findings)
    if count:
        desk.tell("to be mended: {count}", count=count)
    else:
        desk.tell("nothing is bad")


def _line(desk: Desk, found: Finding) -> str:
    return " ".join(desk.say(found.template, **found.values).split())
