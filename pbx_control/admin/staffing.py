"""`staffing`: how many secretaries each half hour needs, and how many are there."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, print_json, table_options
from pbx_control.admin.plan import PLAN
from pbx_control.admin.provisioning import CLIENT, examples
from pbx_control.catalogue import counted
from pbx_control.domain.notices.staffing_notes import hours_of_week, span_of
from pbx_control.domain.staffing.outlook import Gap, HalfHour
from pbx_control.domain.words.wording import brief_time
from pbx_control.services import staffing as services
from pbx_control.services.staffing import Change, Outlook
from pbx_control.store.engine import reading
from pbx_control.store.rows import facts

# So many of the times at which too few are there are told in a line.
MOST_TOLD = 4


@click.group()
def staffing() -> None:
    """How many secretaries each half hour needs for 80 % of the calls answered within 20 s, and how many are there."""


@staffing.command(
    epilog=examples(
        "staffing show",
        "staffing show --week 2026-12-07 --json",
        "staffing show --with-plan pro --with-plan inicial --without sur",
    )
)
@click.option("--week", "day", metavar="DATE", help="The week with that day [the coming one].")
@click.option("--with-plan", "plans", multiple=True, type=PLAN, help="If a new client were sold that plan.")
@click.option("--without", "clients", multiple=True, type=CLIENT, metavar="CLIENT", help="If that client left.")
@table_options
@pass_door
def show(door: Door, as_json: bool, day: str | None, plans: Sequence[str], clients: Sequence[str]) -> None:
    """A week half hour by half hour: calls expected, secretaries needed and there, and the service that this gives.

    For what is still to come, as many are there as in the last four weeks.
    """
    now = clock.now()
    today = now.astimezone(door.zone).date()
    asked = door.day(day) if day else today + timedelta(days=7)
    monday = asked - timedelta(days=asked.weekday())
    with reading(door.engine) as conn:
        changes: list[Change] = [
            *(services.selling_to_somebody(conn, plan, number) for number, plan in enumerate(plans)),
            *(services.losing(conn, slug) for slug in clients),
        ]
        found = services.look(conn, door.zone, monday, 7, now, changes)
    if as_json:
        print_json(_as_json(found))
        return
    rows = [_row(door, one) for one in found.halves if one.needed or one.there or one.came]
    if not rows:
        door.tell("nothing to show: no plan is sold, and no calls came in the last weeks")
        return
    door.table(["half hour", "calls", "seconds each", "needed", "there", "in 20 s", "came", "of these in 20 s"], rows)
    _sum_up(door, found)


def tell_of(door: Door, changes: Sequence[Change]) -> None:
    """Says in one line what would break in a usual week if this were sold; nothing if it is well."""
    with reading(door.engine) as conn:
        [worse] = services.what_gets_worse(conn, door.zone, clock.now(), [changes])
    if worse:
        door.tell(
            counted(
                "too few secretaries if this is sold: fewer than 80 % answered within 20 s in {count} half hour of a "
                "usual week: {when}; see: pbx-control staffing show",
                "too few secretaries if this is sold: fewer than 80 % answered within 20 s in {count} half hours of a "
                "usual week: {when}; see: pbx-control staffing show",
                by="count",
            ),
            count=sum(gap.half_hours for gap in worse),
            when=_times(door, worse),
        )


def _times(door: Door, gaps: Sequence[Gap]) -> str:
    told = [
        door.say(
            "{when} (secretaries lacking: {count})",
            when=hours_of_week(gap, door.zone, door.language),
            count=gap.lacking,
        )
        for gap in gaps[:MOST_TOLD]
    ]
    return ", ".join([*told, "…"] if len(gaps) > MOST_TOLD else told)


def _row(door: Door, one: HalfHour) -> list[object]:
    return [
        brief_time(one.at.astimezone(door.zone), door.language),
        round(one.calls, 1),
        round(one.talk),
        one.needed,
        None if one.there is None else round(one.there, 1),
        None if one.level is None else f"{'! ' if one.breaks else ''}{100 * one.level:.0f} %",
        one.came,
        one.in_time,
    ]


def _sum_up(door: Door, found: Outlook) -> None:
    if not found.known:
        door.tell("who is there is not known yet: the daemon has noted nobody so far")
        return
    if found.level is not None:
        door.tell("answered within 20 s, expected of all: {level} %", level=round(100 * found.level))
    for gap in found.gaps:
        door.tell(
            "too few from {when}: secretaries lacking: {count}; answered in time: {level} %",
            when=span_of(gap, door.zone, door.language),
            count=gap.lacking,
            level=round(100 * gap.level),
        )
    if not found.gaps:
        door.tell("nowhere too few")


def _as_json(found: Outlook) -> dict[str, Any]:
    return {
        "level": found.level,
        "manner": facts(found.manner),
        "gaps": [facts(gap) for gap in found.gaps],
        "half_hours": [facts(one) | {"breaks": one.breaks, "lacking": one.lacking} for one in found.halves],
    }
