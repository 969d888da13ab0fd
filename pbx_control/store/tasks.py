"""What clients' people have asked the secretaries to do about a call."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, or_, select, update

from pbx_control.domain.desk.tasks import TaskKind
from pbx_control.store import restrictions
from pbx_control.store.engine import is_new
from pbx_control.store.fixed import FixedQuery
from pbx_control.store.tables import call, client, secretary, secretary_client, task


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One that nobody has done yet."""

    id: int
    kind: TaskKind
    call_id: str
    client_name: str
    timezone: str
    caller: str
    caller_name: str
    asked_at: datetime
    asked_by: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What has been asked about a call, and what became of it."""

    kind: str
    asked_at: datetime
    asked_by: str
    done_at: datetime | None
    done_by: str  # a secretary's name, or ""


def add(conn: Connection, client_id: int, call_id: str, kind: TaskKind, asked_by: str, at: datetime) -> bool:
    """Keeps a task; False if the same is open already."""
    values = {"client_id": client_id, "call_id": call_id, "kind": kind.value, "asked_by": asked_by, "asked_at": at}
    return is_new(conn, task, values)


def open_for(conn: Connection, secretary_id: int) -> list[Task]:
    """The tasks that nobody has done yet, of the clients for whom that secretary answers; the oldest first."""
    return _OPEN_FOR.all(conn, her=secretary_id)


# Made once: each change on a desk asks for them.
_OPEN_FOR = FixedQuery(
    lambda kind, **rest: Task(kind=TaskKind(kind), **rest),
    select(
        task.c.id,
        task.c.kind,
        task.c.call_id,
        client.c.name.label("client_name"),
        client.c.timezone,
        call.c.caller,
        call.c.caller_name,
        task.c.asked_at,
        task.c.asked_by,
    )
    .select_from(task.join(client, task.c.client_id == client.c.id).join(call, task.c.call_id == call.c.id))
    .where(
        task.c.done_at.is_(None),
        ~restrictions.covers(),
        or_(
            exists().where(secretary.c.id == bindparam("her"), secretary.c.all_clients),
            exists().where(
                secretary_client.c.secretary_id == bindparam("her"), secretary_client.c.client_id == task.c.client_id
            ),
        ),
    )
    .order_by(task.c.id),
)


def about(conn: Connection, call_id: str) -> list[Asked]:
    """What the client's people have asked about a call, the oldest first."""
    query = (
        select(task, secretary.c.name)
        .select_from(task.outerjoin(secretary, task.c.done_by == secretary.c.id))
        .where(task.c.call_id == call_id, task.c.kind == TaskKind.CALL_BACK.value)
        .order_by(task.c.id)
    )
    return [Asked(row.kind, row.asked_at, row.asked_by, row.done_at, row.name or "") for row in conn.execute(query)]


def done(conn: Connection, task_id: int, secretary_id: int, at: datetime) -> bool:
    """Notes that it is done; False if it was, or there is none of that number."""
    which = task.c.id == task_id, task.c.done_at.is_(None)
    return bool(conn.execute(update(task).where(*which).values(done_at=at, done_by=secretary_id)).rowcount)


def settle(conn: Connection, call_id: str, kind: TaskKind, at: datetime) -> None:
    """It need not be done any more."""
    which = task.c.call_id == call_id, task.c.kind == kind.value, task.c.done_at.is_(None)
    conn.execute(update(task).where(*which).values(done_at=at))
