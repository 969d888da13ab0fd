"""What the secretaries are to do: what clients' people ask about a call, and what is to be settled about an
appointment, until one of them has done it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from pbx_control.domain.desk.tasks import TaskKind
from pbx_control.errors import ClientMistake, Code
from pbx_control.store import remotes, tasks
from pbx_control.store.remotes import AppointmentTask
from pbx_control.store.tasks import Asked, Task

__all__ = [
    "AppointmentTask",
    "Asked",
    "Task",
    "about",
    "about_appointments",
    "appointment_settled",
    "ask",
    "done",
    "mark_of_appointments",
    "open_for",
]


def open_for(conn: Connection, secretary_id: int) -> Sequence[Task]:
    """The open ones of the clients for whom she answers, the oldest first."""
    return tasks.open_for(conn, secretary_id)


def about(conn: Connection, call_id: str) -> Sequence[Asked]:
    """What has been asked about a call, the oldest first."""
    return tasks.about(conn, call_id)


def ask(conn: Connection, client_id: int, call_id: str, who: str, at: datetime) -> bool:
    """The secretaries are asked to call who called; False if that stands on their desks already."""
    return tasks.add(conn, client_id, call_id, TaskKind.CALL_BACK, who, at)


def done(conn: Connection, task_id: int, secretary_id: int, at: datetime) -> None:
    """She has done it; whoever asked sees that. Raises ClientMistake if it is done, or was never one of hers."""
    hers = any(one.id == task_id for one in tasks.open_for(conn, secretary_id))
    if not hers or not tasks.done(conn, task_id, secretary_id, at):
        raise ClientMistake("this is done already", Code.NOTHING_TO_DO)


def about_appointments(conn: Connection, secretary_id: int, at: datetime) -> Sequence[AppointmentTask]:
    """What does not agree between coming appointments and clients' own calendars, for the clients for whom she answers;
    the next appointment first."""
    return remotes.tasks_for(conn, secretary_id, at)


def mark_of_appointments(conn: Connection) -> tuple[int, int]:
    """Another one when something else is to be settled about appointments than a moment ago."""
    return remotes.mark_of_tasks(conn)


def appointment_settled(conn: Connection, task_id: int, secretary_id: int, at: datetime) -> None:
    """She has settled it. Raises ClientMistake if it is settled, or was never one of hers."""
    hers = any(one.id == task_id for one in remotes.tasks_for(conn, secretary_id, at))
    if not hers or not remotes.task_done(conn, task_id, secretary_id, at):
        raise ClientMistake("this is done already", Code.NOTHING_TO_DO)
