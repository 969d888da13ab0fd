"""`pbx-control job`: the calendar jobs, when they run, what came of them, and running one by hand."""

from datetime import datetime
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, json_option, pass_door, print_json, table_options
from pbx_control.admin.progress import telling
from pbx_control.admin.provisioning import examples
from pbx_control.catalogue import N_
from pbx_control.errors import ClientMistake
from pbx_control.store import job_runs
from pbx_control.store.engine import reading
from pbx_control.store.job_runs import Ending

COLUMNS = ("job", "what", "when", "next", "last", "state", "result")


@click.group(help="Calendar jobs: list them, run one by hand.")
def job() -> None:
    pass


@job.command("list", epilog=examples("job list", "job list --json"))
@table_options
@pass_door
def list_jobs(door: Door, as_json: bool) -> None:
    """Every job: what it does, when, when next and last, and what came of that.

    The daemon runs them; a job that was missed while it was away runs at its next start.
    """
    from pbx_control.jobs import schedule

    with reading(door.engine) as conn:
        known = schedule.tasks(door.settings, job_runs.zones(conn))
        latest = {name: run for name, run in job_runs.latest(conn).items() if run.ending is not Ending.FIRST_SEEN}
    rows = [_row(task, latest.get(task.name), clock.now()) for task in known]
    if as_json:
        print_json(rows)
        return
    said = [_said(door, task, row, latest.get(task.name)) for task, row in zip(known, rows, strict=True)]
    door.table(COLUMNS, [[row[column] for column in COLUMNS] for row in said])


@job.command(epilog=examples("job run backup", "job run purge --json"))
@click.argument("name")
@json_option
@pass_door
def run(door: Door, name: str, as_json: bool) -> None:
    """Runs a job now, whatever its time; exit status 1 if it fails."""
    from pbx_control.jobs import run as jobs
    from pbx_control.jobs import schedule

    door.about_to_change()
    with reading(door.engine) as conn:
        wanted = schedule.find(schedule.tasks(door.settings, job_runs.zones(conn)), name)
    place = jobs.JobHome(door.home, door.settings)
    with telling(door) as tell:
        tell("working")
        outcomes = [(task, jobs.run_by_hand(task, place, door.engine, door.actor)) for task in wanted]
    if as_json:
        print_json(
            [{"job": task.name, "failed": outcome.failed, "result": outcome.result} for task, outcome in outcomes]
        )
    for task, outcome in outcomes:
        if outcome.failed:
            raise ClientMistake("the job {name}: {result}", name=task.name, result=outcome.sentence)
        if not as_json:
            door.tell("the job {name}: {result}", name=task.name, result=outcome.sentence)


def _row(task: Any, last: job_runs.Run | None, now: datetime) -> dict[str, Any]:
    return {
        "job": task.name,
        "what": task.job.what,
        "when": task.when,
        "next": task.next(now),
        "last": last.due_at if last else None,
        "began": last.began_at if last else None,
        "ended": last.ended_at if last else None,
        "state": _state(last),
        "result": last.result if last else "",
    }


def _said(door: Door, task: Any, row: dict[str, Any], last: job_runs.Run | None) -> dict[str, Any]:
    """A row for a person."""
    result = last.sentence.said(door.language) if last else ""
    when = task.when if task.by_wall_clock else door.say("every {time}", time=task.when)
    return row | {"what": door.say(row["what"]), "when": when, "state": door.say(row["state"]), "result": result}


def _state(last: job_runs.Run | None) -> str:
    if last is None:
        return N_("not yet")
    if last.ended_at is None:
        return N_("under way")
    return "failed" if last.failed else "done"
