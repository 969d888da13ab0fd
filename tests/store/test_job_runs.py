"""Runs of calendar jobs: each due time is claimed once, by whoever comes first; what was missed is made up once."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, update

from pbx_control import clock
from pbx_control.domain.words.sentences import Sentence
from pbx_control.store import job_runs, nodes
from pbx_control.store.engine import reading, writing
from pbx_control.store.job_runs import BEGUN_AGAIN, FIRST_SEEN, GIVEN_UP, LEASE, SILENT, SUPERSEDED, Ending, Run
from pbx_control.store.tables import client, job_run, node

DUE = datetime(2026, 8, 3, 7, 30, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def claim(engine: Engine, due_at: datetime, now: datetime | None = None) -> bool:
    with writing(engine) as conn:
        return job_runs.claim(conn, "purge", due_at, now or due_at)


def claim_if_missed(engine: Engine, due_at: datetime, now: datetime) -> bool:
    with writing(engine) as conn:
        return job_runs.claim_if_missed(conn, "purge", due_at, now)


def claim_abandoned(engine: Engine, now: datetime) -> list[Run]:
    with writing(engine) as conn:
        return job_runs.claim_abandoned(conn, now)[0]


def finish(engine: Engine, due_at: datetime, result: str = "done") -> None:
    with writing(engine) as conn:
        job_runs.finish(conn, "purge", due_at, due_at + MINUTE, Sentence(result))


def last_run(engine: Engine) -> Run:
    with reading(engine) as conn:
        return job_runs.latest(conn)["purge"]


def test_a_due_time_is_claimed_once(engine: Engine) -> None:
    assert [claim(engine, DUE), claim(engine, DUE), claim(engine, DUE + DAY)] == [True, False, True]


def test_a_clock_that_goes_back_runs_nothing_twice(engine: Engine) -> None:
    claim(engine, DUE)
    finish(engine, DUE)
    assert not claim_if_missed(engine, DUE, DUE - DAY / 2)
    assert not claim(engine, DUE, DUE - DAY)


def test_a_run_ends_with_a_line(engine: Engine) -> None:
    claim(engine, DUE)
    finish(engine, DUE, "3 files deleted")
    assert last_run(engine) == Run("purge", DUE, DUE, DUE + MINUTE, "3 files deleted", Ending.DONE)


def test_a_new_installation_makes_up_nothing_but_the_next_absence(engine: Engine) -> None:
    assert not claim_if_missed(engine, DUE, DUE + DAY / 2)
    assert last_run(engine).result == FIRST_SEEN
    assert not claim_if_missed(engine, DUE, DUE + DAY / 2)
    assert claim_if_missed(engine, DUE + 3 * DAY, DUE + 3.5 * DAY)
    assert not claim_if_missed(engine, DUE + 3 * DAY, DUE + 3.6 * DAY)


def test_a_run_by_hand_stands_for_what_was_missed_before_it(engine: Engine) -> None:
    claim(engine, DUE + MINUTE)
    assert not claim_if_missed(engine, DUE, DUE + DAY / 2)


def test_a_run_of_a_time_to_come_means_nothing(engine: Engine) -> None:
    """A clock was a year ahead once: the jobs of that year run all the same."""
    claim(engine, DUE)
    claim(engine, DUE + 365 * DAY)
    assert claim_if_missed(engine, DUE + DAY, DUE + 1.5 * DAY)


def test_a_run_whose_daemon_died_is_run_once_more_after_its_lease(engine: Engine) -> None:
    claim(engine, DUE)
    assert claim_abandoned(engine, DUE + LEASE - MINUTE) == []
    again = DUE + LEASE
    assert claim_abandoned(engine, again) == [Run("purge", DUE, again, None, BEGUN_AGAIN, tries=2)]
    assert claim_abandoned(engine, again) == []


def test_a_run_is_taken_over_as_soon_as_its_daemon_is_known_to_be_gone(engine: Engine) -> None:
    """Silent for minutes, stopped, or followed by another one."""
    for name in ("living", "silent", "stopped", "followed"):
        with writing(engine) as conn:
            nodes.take(conn, name, "here", f"{name}-1")
            assert job_runs.claim(conn, name, DUE, DUE, f"{name}-1")
    with writing(engine) as conn:
        conn.execute(update(node).where(node.c.name == "silent").values(seen_at=clock.now() - 2 * SILENT))
        nodes.stop(conn, "stopped", "stopped-1")
        nodes.take(conn, "followed", "here", "followed-2")
        taken, _ = job_runs.claim_abandoned(conn, DUE + MINUTE, process="living-1")
        assert sorted(run.job for run in taken) == ["followed", "silent", "stopped"]
        assert {run.process for run in taken} == {"living-1"}
        assert job_runs.claim_abandoned(conn, DUE + MINUTE, process="followed-2") == ([], [])


def test_nobody_takes_its_own_run_over(engine: Engine) -> None:
    """The database was away for so long that it knows no sign of life."""
    with writing(engine) as conn:
        job_runs.claim(conn, "purge", DUE, DUE, "here-1")
        assert job_runs.claim_abandoned(conn, DUE + MINUTE, process="here-1") == ([], [])


def test_what_killed_its_daemon_twice_is_given_up(engine: Engine) -> None:
    claim(engine, DUE)
    claim_abandoned(engine, DUE + LEASE)
    assert claim_abandoned(engine, DUE + 2 * LEASE) == []
    assert (last_run(engine).result, last_run(engine).ended_at) == (GIVEN_UP, DUE + 2 * LEASE)


def test_a_run_that_a_later_one_has_done_is_not_repeated(engine: Engine) -> None:
    claim(engine, DUE)
    claim(engine, DUE + DAY)
    finish(engine, DUE + DAY)
    assert claim_abandoned(engine, DUE + 2 * DAY) == []
    with reading(engine) as conn:
        rows = conn.exec_driver_sql("SELECT result FROM job_run ORDER BY due_at").scalars().all()
    assert rows == [SUPERSEDED, "done"]


def test_old_runs_are_forgotten_but_not_a_job_s_latest(engine: Engine) -> None:
    for days in range(4):
        claim(engine, DUE + days * DAY)
    with writing(engine) as conn:
        assert job_runs.forget(conn, DUE + 100 * DAY) == 3
    assert last_run(engine).due_at == DUE + 3 * DAY


def test_zones_are_those_of_clients_that_have_not_cancelled(engine: Engine) -> None:
    rows = [("andes", "America/Santiago", "active"), ("pascua", "Pacific/Easter", "suspended"),
            ("sur", "America/Santiago", "active"), ("lima", "America/Lima", "cancelled")]  # fmt: skip
    with writing(engine) as conn:
        for slug, zone, state in rows:
            values = {"slug": slug, "name": slug, "week": "always", "timezone": zone, "state": state}
            conn.execute(insert(client).values(**values, created_at=DUE))
        assert job_runs.zones(conn) == ["America/Santiago", "Pacific/Easter"]


@pytest.mark.parametrize("act", ["claim", "abandoned"])
def test_of_processes_that_claim_at_once_each_run_goes_to_one(engine: Engine, tmp_path: Path, act: str) -> None:
    dues = [DUE + n * MINUTE for n in range(40)]
    if act == "abandoned":
        for n, due in enumerate(dues):
            with writing(engine) as conn:
                job_runs.claim(conn, f"job{n}", due, due)
    program = Path(__file__).with_name("claiming_process.py")
    command = [sys.executable, str(program), engine.url.render_as_string(hide_password=False), act, DUE.isoformat()]
    rivals = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
        for _ in range(3)
    ]
    for rival in rivals:
        assert rival.stdout
        assert rival.stdout.readline() == "ready\n"
    for rival in rivals:
        assert rival.stdin
        rival.stdin.write("go\n")
        rival.stdin.flush()
    taken = [line for rival in rivals for line in rival.communicate(timeout=60)[0].split()]
    assert sorted(taken) == sorted(due.isoformat() for due in dues)
    assert [rival.returncode for rival in rivals] == [0, 0, 0]


def test_the_job_of_a_daemon_that_is_killed_is_done_by_the_other(engine: Engine, tmp_path: Path) -> None:
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    with writing(engine) as conn:
        job_runs.claim(conn, "heavy", long_ago, long_ago)
        job_runs.finish(conn, "heavy", long_ago, long_ago, Sentence("then"))
    url = engine.url.render_as_string(hide_password=False)
    later = f"{clock.now() + timedelta(hours=12):%H:%M}"
    command = [sys.executable, Path(__file__).with_name("scheduling_process.py"), url, later]
    daemons = {
        name: subprocess.Popen([*command, name, tmp_path], stdout=subprocess.PIPE, text=True) for name in ("one", "two")
    }
    try:
        first = begun_by(engine)
        assert daemons[first].stdout.readline() == "begun\n"
        daemons[first].kill()
        with writing(engine) as conn:
            conn.execute(update(node).where(node.c.name == first).values(seen_at=clock.now() - 2 * SILENT))
        (other,) = (daemon for name, daemon in daemons.items() if name != first)
        assert [other.stdout.readline() for _ in range(2)] == ["begun\n", "ended\n"]
    finally:
        for daemon in daemons.values():
            daemon.kill()
            daemon.communicate()
    with reading(engine) as conn:
        run = job_runs.latest(conn)["heavy"]
    assert (run.ending, run.tries) == (Ending.DONE, 2)


def begun_by(engine: Engine) -> str:
    """The node that has begun the run, as soon as one has."""
    query = select(node.c.name).join(job_run, job_run.c.process == node.c.process)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with reading(engine) as conn:
            if found := conn.scalar(query):
                return str(found)
        time.sleep(0.05)
    raise AssertionError("nobody begins the job")
