"""Remote calendars: how each is reached, how far it was read, what is to be told to it, and what does not agree."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    String,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from pbx_control.domain.agenda.appointments import Appointment, AppointmentState
from pbx_control.domain.agenda.clashes import Clash, ClashKind
from pbx_control.domain.agenda.remote_events import Busy
from pbx_control.domain.agenda.rules import Source
from pbx_control.domain.agenda.slots import Taken
from pbx_control.domain.keeping.retention import ERASED
from pbx_control.store import agenda, restrictions
from pbx_control.store.engine import insert_into, is_new
from pbx_control.store.fixed import FixedQuery
from pbx_control.store.rows import record
from pbx_control.store.tables import (
    appointment,
    appointment_task,
    calendar,
    client,
    remote_access,
    remote_busy,
    remote_state,
    secretary,
    secretary_client,
)

# So begin the keys of what was seen right before a booking, until the calendar is read the next time.
SEEN = "seen:"
# Keys that are looked up at once: databases take so many values in a statement.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a remote calendar is, and by what it is read and written."""

    source: Source
    address: str
    user: str = ""
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far a remote calendar was read, and when it is read next. `trouble` is a kept sentence."""

    token: str = ""
    synced_at: datetime | None = None
    trouble: str = ""
    trouble_kind: str = ""
    attempts: int = 0  # that failed, one after the other
    due_at: datetime | None = None  # None: at once
    read_until: datetime | None = None  # so far ahead its series were expanded
    odd: int = 0  # events that nobody understands


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An appointment that the remote calendar is to be told of; `due_at` is told back when it was. `is_news`: it does
    not stand there, or has a new time, or is cancelled."""

    appointment: Appointment
    due_at: datetime
    attempts: int
    is_news: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentTask:
    """Something about an appointment that nobody has settled yet. The other times are those to which the client has
    moved it, or of what he has entered over it; None: it is known of neither."""

    id: int
    kind: ClashKind
    appointment_id: int
    client: str  # slug
    client_name: str
    calendar: str  # slug
    calendar_name: str
    zone: str
    starts: datetime
    name: str
    number: str
    found_at: datetime
    other_starts: datetime | None
    other_ends: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubled:
    """A remote calendar with which something is wrong, or that has not been read for long."""

    client: str  # slug
    calendar: str  # slug
    trouble: str
    synced_at: datetime | None
    odd: int
    waiting: int  # appointments that it has not been told of


_REMOTE = calendar.c.source != Source.OWN.value, calendar.c.removed_at.is_(None)


# --- how it is reached ------------------------------------------------------------------------------------


def put_access(conn: Connection, calendar_id: int, access: Access) -> None:
    """Keeps how a calendar is reached, in place of what was known; it is read anew from the beginning. Whether it is
    the calendar in which our appointments stand already is told by its address."""
    old = access_of(conn, calendar_id)
    is_same = old is not None and (old.source, old.address) == (access.source, access.address)
    _forget_access(conn, calendar_id)
    if not is_same:
        _stands_nowhere(conn, calendar_id)
    agenda.update_calendar(conn, calendar_id, {"source": access.source.value})
    values = {"address": access.address, "user": access.user, "secret": access.secret}
    conn.execute(insert(remote_access).values(calendar_id=calendar_id, **values))
    conn.execute(insert(remote_state).values(calendar_id=calendar_id))


def forget(conn: Connection, calendar_id: int) -> None:
    """Nothing of the remote calendar is known any more."""
    _forget_access(conn, calendar_id)
    _stands_nowhere(conn, calendar_id)


def _forget_access(conn: Connection, calendar_id: int) -> None:
    for table in (remote_access, remote_state, remote_busy):
        conn.execute(delete(table).where(table.c.calendar_id == calendar_id))
    agenda.update_calendar(conn, calendar_id, {"source": Source.OWN.value})
    waiting = appointment.c.calendar_id == calendar_id, appointment.c.mirror_due_at.is_not(None)
    conn.execute(update(appointment).where(*waiting).values(mirror_due_at=None, mirror_error=""))


def _stands_nowhere(conn: Connection, calendar_id: int) -> None:
    """What stood in another calendar was not deleted in this one."""
    there = appointment.c.calendar_id == calendar_id, appointment.c.mirrored_sequence.is_not(None)
    conn.execute(update(appointment).where(*there).values(mirrored_sequence=None))


def access_of(conn: Connection, calendar_id: int) -> Access | None:
    """How the calendar is reached; None if it is ours alone."""
    query = select(remote_access, calendar.c.source).join(calendar).where(remote_access.c.calendar_id == calendar_id)
    row = conn.execute(query.where(*_REMOTE)).one_or_none()
    if row is None:
        return None
    return Access(source=Source(row.source), address=row.address, user=row.user, secret=row.secret)


def others_of(conn: Connection, client_id: int, calendar_id: int) -> list[tuple[str, Access]]:
    """The client's other remote calendars, each by its slug."""
    query = (
        select(remote_access, calendar.c.source, calendar.c.slug)
        .join(calendar)
        .where(*_REMOTE, calendar.c.client_id == client_id, calendar.c.id != calendar_id)
        .order_by(calendar.c.slug)
    )
    return [
        (row.slug, Access(source=Source(row.source), address=row.address, user=row.user, secret=row.secret))
        for row in conn.execute(query)
    ]


def any_there(conn: Connection) -> bool:
    """Whether any client has a remote calendar."""
    return conn.scalar(select(remote_access.c.calendar_id).join(calendar).where(*_REMOTE).limit(1)) is not None


def has_source(conn: Connection, client_id: int, source: Source) -> bool:
    """Whether one of the client's calendars is mirrored at such a place."""
    mine = calendar.c.client_id == client_id, calendar.c.source == source.value, calendar.c.removed_at.is_(None)
    return conn.scalar(select(calendar.c.id).where(*mine).limit(1)) is not None


# --- how far it was read ----------------------------------------------------------------------------------

_STATE = ("token", "synced_at", "trouble", "trouble_kind", "attempts", "due_at", "read_until", "odd")


def state_of(conn: Connection, calendar_id: int) -> State:
    """How far the calendar was read; of one that never was, nothing."""
    row = conn.execute(select(*(remote_state.c[name] for name in _STATE)).where(_of(calendar_id))).one_or_none()
    return State(**row._mapping) if row else State()


def put_state(conn: Connection, calendar_id: int, state: State, access: Access) -> None:
    """Keeps how far the calendar was read, if it is still reached in that way."""
    values = {name: getattr(state, name) for name in _STATE}
    is_still = exists().where(
        remote_access.c.calendar_id == calendar_id,
        remote_access.c.address == access.address,
        remote_access.c.user == access.user,
        remote_access.c.secret == access.secret,
    )
    conn.execute(update(remote_state).where(_of(calendar_id), is_still).values(values))


def put_due(conn: Connection, calendar_id: int, at: datetime) -> None:
    """The calendar is read at that instant, whatever was wrong with it."""
    conn.execute(update(remote_state).where(_of(calendar_id)).values(due_at=at, attempts=0))


def due(conn: Connection, at: datetime, limit: int) -> list[int]:
    """The remote calendars that are to be read, or to be told something; who has waited longest comes first."""
    to_tell = appointment.c.mirror_due_at <= at, ~_waits_for_a_task(at), ~restrictions.covers_appointment()
    told = exists().where(appointment.c.calendar_id == calendar.c.id, *to_tell)
    query = (
        select(calendar.c.id)
        .join(remote_access)
        .join(remote_state, remote_state.c.calendar_id == calendar.c.id)
        .where(
            *_REMOTE,
            or_(remote_state.c.due_at.is_(None), remote_state.c.due_at <= at, (remote_state.c.attempts == 0) & told),
        )
        .order_by(remote_state.c.due_at, calendar.c.id)
        .limit(limit)
    )
    return list(conn.scalars(query))


def _of(calendar_id: int) -> ColumnElement[bool]:
    return remote_state.c.calendar_id == calendar_id


# --- when it is busy --------------------------------------------------------------------------------------


def busy_of(conn: Connection, calendar_id: int, keys: Sequence[str] | None = None) -> set[Busy]:
    """When the remote calendar is busy with the client's own events, as far as is known; of those events only, if they
    are named."""
    query = select(remote_busy.c.key, remote_busy.c.starts, remote_busy.c.ends).where(
        remote_busy.c.calendar_id == calendar_id, ~_IS_OURS
    )
    if keys is None:
        return {Busy(*row) for row in conn.execute(query)}
    found: set[Busy] = set()
    for first in range(0, len(keys), _AT_ONCE):
        some = query.where(remote_busy.c.key.in_(keys[first : first + _AT_ONCE]))
        found |= {Busy(*row) for row in conn.execute(some)}
    return found


def put_moved(conn: Connection, calendar_id: int, appointment_id: int, spans: Sequence[Busy]) -> None:
    """Keeps where the client has moved an appointment of ours to: nobody else is booked there until it is settled."""
    agenda.put_busy(conn, calendar_id, _moved(appointment_id), [Taken(one.starts, one.ends) for one in spans])


def _moved(appointment_id: int) -> str:
    return f"{agenda.MOVED}{appointment_id}"


# Between these lie the keys of our own appointments that the client has moved.
_IS_OURS = remote_busy.c.key.between(agenda.MOVED, f"{agenda.MOVED}~")


def busy_between(conn: Connection, calendar_id: int, since: datetime, until: datetime) -> set[Busy]:
    """When the remote calendar is busy between two instants, as far as is known."""
    query = select(remote_busy.c.key, remote_busy.c.starts, remote_busy.c.ends).where(
        remote_busy.c.calendar_id == calendar_id, remote_busy.c.starts < until, remote_busy.c.ends > since
    )
    return {Busy(*row) for row in conn.execute(query)}


def busy_besides(conn: Connection, calendar_id: int, keys: Sequence[str]) -> int:
    """How many spans are kept of the remote calendar's other events."""
    mine = select(func.count()).where(remote_busy.c.calendar_id == calendar_id)
    some = (keys[first : first + _AT_ONCE] for first in range(0, len(keys), _AT_ONCE))
    return (conn.scalar(mine) or 0) - sum(conn.scalar(mine.where(remote_busy.c.key.in_(each))) or 0 for each in some)


def seen(conn: Connection, calendar_id: int) -> set[Busy]:
    """What was seen right before bookings since the calendar was read."""
    first = remote_busy.c.key.between(SEEN, f"{SEEN}~")
    query = select(remote_busy.c.key, remote_busy.c.starts, remote_busy.c.ends)
    return {Busy(*row) for row in conn.execute(query.where(remote_busy.c.calendar_id == calendar_id, first))}


def add_busy(conn: Connection, calendar_id: int, spans: Iterable[Busy]) -> None:
    """Keeps that the remote calendar is busy then."""
    rows = [{"calendar_id": calendar_id, "key": one.key, "starts": one.starts, "ends": one.ends} for one in spans]
    if rows:
        adding = insert_into(conn.dialect.name, remote_busy)
        unique = [remote_busy.c.calendar_id, remote_busy.c.key, remote_busy.c.starts]
        conn.execute(adding.on_conflict_do_update(index_elements=unique, set_={"ends": adding.excluded.ends}), rows)


def drop_busy(conn: Connection, calendar_id: int, spans: Iterable[Busy]) -> None:
    """Forgets that the remote calendar is busy then."""
    rows = [{"its_key": one.key, "its_start": one.starts} for one in spans]
    if rows:
        conn.execute(
            delete(remote_busy).where(
                remote_busy.c.calendar_id == calendar_id,
                remote_busy.c.key == bindparam("its_key"),
                remote_busy.c.starts == bindparam("its_start"),
            ),
            rows,
        )


# --- what it is to be told --------------------------------------------------------------------------------


def waiting(conn: Connection, calendar_id: int, at: datetime, limit: int, *, news_only: bool = False) -> list[Due]:
    """The appointments that the remote calendar is to be told of, the oldest change first; only what is news there, if
    that is asked for. What waits for a task is not among them."""
    which = appointment.c.calendar_id == calendar_id, appointment.c.mirror_due_at <= at, ~_waits_for_a_task(at)
    query = (
        select(appointment.c.id, appointment.c.mirror_due_at, appointment.c.mirror_attempts, _IS_NEWS.label("is_news"))
        .where(*which, *([_IS_NEWS] if news_only else []))
        .where(~restrictions.covers_appointment())  # told when the request is decided
        .order_by(appointment.c.mirror_due_at, appointment.c.id)
        .limit(limit)
    )
    found: list[Due] = []
    for row in conn.execute(query).all():
        one = agenda.find_appointment(conn, row.id)
        if one:
            is_news = bool(row.is_news)
            due_one = Due(appointment=one, due_at=row.mirror_due_at, attempts=row.mirror_attempts, is_news=is_news)
            found.append(due_one)
    return found


# What stands there has another time than ours, or ours is cancelled, or nothing stands there.
_IS_NEWS = appointment.c.mirrored_sequence.is_distinct_from(appointment.c.sequence)


def _waits_for_a_task(at: datetime) -> ColumnElement[bool]:
    """Whether a change is held back: the client has moved or deleted the appointment there, nobody has settled it yet,
    and the change has no new time and is no cancellation. One that is over, or of who was erased, is not."""
    is_open = exists().where(
        appointment_task.c.appointment_id == appointment.c.id,
        appointment_task.c.done_at.is_(None),
        appointment_task.c.kind.in_([ClashKind.MOVED.value, ClashKind.DELETED.value]),
    )
    is_coming = (appointment.c.ends > at) & (appointment.c.state == AppointmentState.CONFIRMED.value)
    return is_coming & (appointment.c.name != ERASED) & ~_IS_NEWS & is_open


def told(conn: Connection, one: Due, at: datetime) -> None:
    """The remote calendar shows the appointment; one that was changed meanwhile is still to be told. News settle what
    the client had moved or deleted there."""
    done = conn.execute(
        update(appointment)
        .where(_as_it_was(one))
        .values(mirrored_sequence=one.appointment.sequence, mirror_due_at=None, mirror_attempts=0, mirror_error="")
    )
    if done.rowcount and one.is_news:
        for kind in (ClashKind.MOVED, ClashKind.DELETED):
            settle(conn, Clash(one.appointment.id, kind), at)


def not_told(conn: Connection, one: Due, due_at: datetime, why: str) -> None:
    """The remote calendar did not take the appointment; `why` is kept as `domain.words.sentences` does."""
    values = {"mirror_due_at": due_at, "mirror_attempts": one.attempts + 1, "mirror_error": why}
    conn.execute(update(appointment).where(_as_it_was(one)).values(values))


def _as_it_was(one: Due) -> ColumnElement[bool]:
    return (appointment.c.id == one.appointment.id) & (appointment.c.mirror_due_at == one.due_at)


def uids_of(conn: Connection, calendar_id: int, since: datetime) -> set[str]:
    """The UIDs of the calendar's appointments that end after an instant."""
    mine = appointment.c.calendar_id == calendar_id, appointment.c.ends > since
    return set(conn.scalars(select(appointment.c.uid).where(*mine)))


def mirrored(conn: Connection, calendar_id: int, at: datetime) -> list[Appointment]:
    """The coming appointments that stand in the remote calendar at their time, or as cancelled."""
    query = select(appointment.c.id).where(
        appointment.c.calendar_id == calendar_id, appointment.c.ends > at, ~_IS_NEWS
    )
    found = [agenda.find_appointment(conn, one) for one in conn.scalars(query).all()]
    return [one for one in found if one]


def places(conn: Connection, calendar_id: int, at: datetime) -> Mapping[str, str]:
    """The coming appointments that a program has stored there under another name than ours: by UID, which."""
    query = select(appointment.c.uid, appointment.c.mirror_place).where(
        appointment.c.calendar_id == calendar_id, appointment.c.ends > at, appointment.c.mirror_place != ""
    )
    return {row.uid: row.mirror_place for row in conn.execute(query)}


def put_place(conn: Connection, calendar_id: int, uid: str, key: str) -> None:
    """An appointment stands there under that name; "": under ours."""
    mine = appointment.c.calendar_id == calendar_id, appointment.c.uid == uid
    conn.execute(update(appointment).where(*mine).values(mirror_place=key))


def all_are_due(conn: Connection, calendar_id: int, at: datetime) -> int:
    """The remote calendar is to be told of all appointments to come; how many these are."""
    coming = appointment.c.calendar_id == calendar_id, appointment.c.ends > at
    values = {"mirror_due_at": at, "mirror_attempts": 0, "mirror_error": ""}
    return conn.execute(update(appointment).where(*coming).values(values)).rowcount


# --- what does not agree ----------------------------------------------------------------------------------


def add_task(conn: Connection, clash: Clash, at: datetime) -> bool:
    """Keeps what the secretaries have to settle; False if the same is open already."""
    values = {"appointment_id": clash.appointment_id, "kind": clash.kind.value, "found_at": at}
    return is_new(conn, appointment_task, values)


def settle(conn: Connection, clash: Clash, at: datetime) -> None:
    """It has settled itself: what was found is not so any more."""
    which = appointment_task.c.appointment_id == clash.appointment_id, appointment_task.c.kind == clash.kind.value
    conn.execute(update(appointment_task).where(*which, appointment_task.c.done_at.is_(None)).values(done_at=at))
    _free_again(conn, clash)


def _free_again(conn: Connection, clash: Clash) -> None:
    """Where the client had moved it to is no longer blocked."""
    if clash.kind is ClashKind.MOVED:
        conn.execute(delete(remote_busy).where(remote_busy.c.key == _moved(clash.appointment_id)))


def open_tasks(conn: Connection, calendar_id: int) -> set[Clash]:
    """What is open about a calendar's appointments."""
    query = (
        select(appointment_task.c.appointment_id, appointment_task.c.kind)
        .join(appointment)
        .where(appointment.c.calendar_id == calendar_id, appointment_task.c.done_at.is_(None))
    )
    return {Clash(row.appointment_id, ClashKind(row.kind)) for row in conn.execute(query)}


def decided(conn: Connection, calendar_id: int) -> set[Clash]:
    """What a secretary has settled about appointments that the remote calendar is still to be told of, as they have
    been since: ours is to stand there."""
    query = (
        select(appointment_task.c.appointment_id, appointment_task.c.kind)
        .join(appointment)
        .where(
            appointment.c.calendar_id == calendar_id,
            appointment.c.mirror_due_at.is_not(None),
            appointment_task.c.done_by.is_not(None),
            appointment_task.c.done_at >= appointment.c.changed_at,
        )
    )
    return {Clash(row.appointment_id, ClashKind(row.kind)) for row in conn.execute(query)}


def tasks_for(conn: Connection, secretary_id: int, at: datetime) -> list[AppointmentTask]:
    """What is open about coming appointments of the clients for whom that secretary answers; the next one first."""
    return _TASKS_FOR.all(conn, her=secretary_id, at=at)


def tasks_of(
    conn: Connection, at: datetime, *, client_id: int | None = None, calendar_id: int | None = None
) -> list[AppointmentTask]:
    """What is open about coming appointments of all clients, of one, or of one calendar; the next one first."""
    wanted = []
    if client_id is not None:
        wanted.append(appointment.c.client_id == client_id)
    if calendar_id is not None:
        wanted.append(appointment.c.calendar_id == calendar_id)
    return [_task(**row._mapping) for row in conn.execute(_tasks(literal(at, appointment.c.ends.type), *wanted))]


def _task(*, kind: str, **values: Any) -> AppointmentTask:
    return AppointmentTask(kind=ClashKind(kind), **values)


def _tasks(at: ColumnElement[datetime], *wanted: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            appointment_task.c.id,
            appointment_task.c.kind,
            appointment_task.c.appointment_id,
            client.c.slug.label("client"),
            client.c.name.label("client_name"),
            calendar.c.slug.label("calendar"),
            calendar.c.name.label("calendar_name"),
            calendar.c.zone,
            appointment.c.starts,
            appointment.c.name,
            appointment.c.number,
            appointment_task.c.found_at,
            _times_of_other(func.min(remote_busy.c.starts)).label("other_starts"),
            _times_of_other(func.max(remote_busy.c.ends)).label("other_ends"),
        )
        .join(appointment, appointment_task.c.appointment_id == appointment.c.id)
        .join(calendar, appointment.c.calendar_id == calendar.c.id)
        .join(client, appointment.c.client_id == client.c.id)
        .where(appointment_task.c.done_at.is_(None), appointment.c.ends > at, *wanted)
        .order_by(appointment.c.starts, appointment_task.c.id)
    )


def _times_of_other(which: ColumnElement[datetime]) -> ScalarSelect[datetime]:
    """Of where the client has moved the appointment to, or of what he has entered at its time."""
    is_moved = (appointment_task.c.kind == ClashKind.MOVED.value) & (
        remote_busy.c.key == literal(agenda.MOVED) + cast(appointment.c.id, String)
    )
    is_over_it = (
        (appointment_task.c.kind == ClashKind.OVERLAP.value)
        & (remote_busy.c.starts < appointment.c.ends)
        & (remote_busy.c.ends > appointment.c.starts)
        & ~_IS_OURS
    )
    mine = remote_busy.c.calendar_id == appointment.c.calendar_id, or_(is_moved, is_over_it)
    return select(which).where(*mine).correlate(appointment, appointment_task).scalar_subquery()


def _hers() -> ColumnElement[bool]:
    """Whether the secretary `her` answers for the appointment's client."""
    her = bindparam("her", type_=secretary.c.id.type)
    theirs = secretary_client.c.secretary_id == her, secretary_client.c.client_id == appointment.c.client_id
    return or_(exists().where(secretary.c.id == her, secretary.c.all_clients), exists().where(*theirs))


_TASKS_FOR = FixedQuery(_task, _tasks(bindparam("at", type_=appointment.c.ends.type), _hers()))


def mark_of_tasks(conn: Connection) -> tuple[int, int]:
    """What tells the open ones from those of a moment ago: how many there are, and the newest."""
    query = select(func.count(), func.max(appointment_task.c.id)).where(appointment_task.c.done_at.is_(None))
    count, newest = conn.execute(query).one()
    return count, newest or 0


def task_done(conn: Connection, task_id: int, secretary_id: int, at: datetime) -> bool:
    """Notes that it is settled; False if it was, or there is none of that number."""
    which = appointment_task.c.id == task_id, appointment_task.c.done_at.is_(None)
    query = select(appointment_task.c.appointment_id, appointment_task.c.kind).where(*which)
    row = conn.execute(query).one_or_none()
    done = conn.execute(update(appointment_task).where(*which).values(done_at=at, done_by=secretary_id)).rowcount
    if row and done:
        _free_again(conn, Clash(row.appointment_id, ClashKind(row.kind)))
    return bool(done)


# --- what is wrong ----------------------------------------------------------------------------------------


def troubled(conn: Connection, before: datetime) -> list[Troubled]:
    """The remote calendars with which something is wrong, or that were not read since an instant."""
    late = select(func.count()).where(
        appointment.c.calendar_id == calendar.c.id, appointment.c.mirror_due_at <= before, ~_waits_for_a_task(before)
    )
    query = (
        select(
            client.c.slug.label("client"),
            calendar.c.slug.label("calendar"),
            remote_state.c.trouble,
            remote_state.c.synced_at,
            remote_state.c.odd,
            late.scalar_subquery().label("waiting"),
        )
        .join(client, calendar.c.client_id == client.c.id)
        .join(remote_access, remote_access.c.calendar_id == calendar.c.id)
        .join(remote_state, remote_state.c.calendar_id == calendar.c.id)
        .where(*_REMOTE)
        .order_by(client.c.slug, calendar.c.slug)
    )
    found = [Troubled(**row._mapping) for row in conn.execute(query)]
    return [
        one for one in found if one.trouble or one.odd or one.waiting or one.synced_at is None or one.synced_at < before
    ]


@dataclass(frozen=True, slots=True)
class Arrears:
    """Appointments of which a remote calendar has still to be told: how many, and since when the first is due."""

    number: int
    since: datetime | None


def arrears(conn: Connection, at: datetime) -> Arrears:
    """What is due and has not been told."""
    columns = func.count().label("number"), func.min(appointment.c.mirror_due_at).label("since")
    due_ = appointment.c.mirror_due_at.is_not(None), appointment.c.mirror_due_at <= at
    return record(Arrears, conn.execute(select(*columns).where(*due_)).one())


def waiting_for(conn: Connection, appointment_ids: Sequence[int]) -> Mapping[int, str]:
    """Of these appointments those that the remote calendar does not show yet, and why ("": it was not tried)."""
    query = select(appointment.c.id, appointment.c.mirror_error).where(
        appointment.c.id.in_(appointment_ids), appointment.c.mirror_due_at.is_not(None)
    )
    return {row.id: row.mirror_error for row in conn.execute(query)}
