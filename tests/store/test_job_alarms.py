"""Who hears of jobs that came to nothing: a letter when one begins to fail, and one of what did not run in time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from pbx_control.domain.notices import job_notes
from pbx_control.domain.notices.job_notes import Trouble
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import Word
from pbx_control.jobs import alarms
from pbx_control.jobs.schedule import JOBS
from pbx_control.store import job_runs
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import letter

DUE = datetime(2026, 8, 3, 6, tzinfo=UTC)
DAY = timedelta(days=1)
DESK = AlarmDesk("admin@casa.example", "es", "Casa", "America/Santiago")
FULL = job_runs.Failure(Sentence("{file} cannot be written: {why}", file="x.gz", why=Word("No space left on device")))
DONE = Sentence("sounds removed: {count}", count=2)


def run(engine: Engine, day: int, result: Sentence, desk: AlarmDesk = DESK, job: str = "backup") -> None:
    """The job's run of that day ends like this."""
    due_at = DUE + day * DAY
    with writing(engine) as conn:
        job_runs.claim(conn, job, due_at, due_at)
        alarms.finish(conn, job, due_at, due_at + timedelta(minutes=1), result, desk)


def told(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return list(conn.scalars(select(letter.c.subject).order_by(letter.c.id)))


def test_a_job_that_begins_to_fail_is_told_at_once_and_once(engine: Engine) -> None:
    for day, result in enumerate([DONE, FULL, FULL, DONE, DONE, FULL]):
        run(engine, day, result)
    assert told(engine) == ["Falló la tarea backup"] * 2
    with reading(engine) as conn:
        text, address = conn.execute(select(letter.c.body_text, letter.c.address)).first() or ("", "")
    assert address == "admin@casa.example"
    why = "no se puede escribir x.gz: no queda espacio en el disco"
    assert f"prevista para 2026-08-04 02:00 -04, terminó así: {why}" in text
    assert "no hay respaldo nuevo" in text
    assert "    pbx-control job run backup\n" in text


def test_the_first_run_of_all_may_fail(engine: Engine) -> None:
    run(engine, 0, FULL)
    assert told(engine) == ["Falló la tarea backup"]


def test_a_job_that_fails_and_succeeds_all_day_is_told_once_a_day(engine: Engine) -> None:
    for minutes, result in enumerate([FULL, DONE, FULL, DONE, FULL]):
        at = DUE + timedelta(minutes=5 * minutes)
        with writing(engine) as conn:
            job_runs.claim(conn, "deadlines", at, at)
            alarms.finish(conn, "deadlines", at, at, result, DESK)
    assert told(engine) == ["Falló la tarea deadlines"]


def test_jobs_are_told_one_by_one_and_nobody_where_nobody_is_named(engine: Engine) -> None:
    run(engine, 0, FULL, AlarmDesk())
    assert told(engine) == []
    run(engine, 1, DONE)
    run(engine, 2, FULL)
    run(engine, 2, FULL, job="reports:America/Santiago")
    assert told(engine) == ["Falló la tarea backup", "Falló la tarea reports:America/Santiago"]


def test_what_did_not_run_in_time_is_one_letter(engine: Engine) -> None:
    missed = [Trouble("backup", DUE), Trouble("purge", DUE + DAY / 24)]
    for _ in range(2):
        with writing(engine) as conn:
            alarms.tell_missed(conn, missed, DUE + DAY / 2, DESK)
            alarms.tell_missed(conn, [], DUE + DAY / 2, DESK)
    assert told(engine) == ["Tareas que no se hicieron a su hora: 2"]
    with reading(engine) as conn:
        text = conn.scalar(select(letter.c.body_text)) or ""
    assert "backup: 2026-08-03 02:00 -04\npurge: 2026-08-03 03:00 -04" in text


@pytest.mark.parametrize("language", ["es", "en"])
def test_of_each_job_the_letter_says_what_its_failure_means(language: str) -> None:
    assert [job.name for job in JOBS if job.name not in job_notes.FAILED[language]] == []
