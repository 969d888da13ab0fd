"""Appointments as lists show them: a calendar's, coming or past, found by a part of what is known of them; and how far
its remote calendar has been told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection, Row, Select, func, select, tuple_

from pbx_control.domain.agenda.appointments import Appointment, AppointmentState
from pbx_control.domain.words.characters import folded
from pbx_control.store import agenda, restrictions
from pbx_control.store.tables import appointment, call, remote_state

# Fewer digits than these are looked for as words only.
FEWEST_DIGITS = 3
_OWN = tuple(one for one in appointment.c if not one.name.startswith("mirror"))


@dataclass(frozen=True, slots=True)
class Noted:
    """An appointment, and how it stands."""

    appointment: Appointment
    synced: bool  # the remote calendar has it as it is, or there is none
    restricted: bool  # nobody uses what is known of him while a request of his is decided


@dataclass(frozen=True, slots=True)
class Told:
    """How far a remote calendar has been read and told."""

    synced_at: datetime | None  # when it was read last
    trouble: str  # a sentence that was kept (domain.words.sentences); "": none
    waiting: int  # appointments that are not there yet as they are here
    failed: int = 0  # of these, those with which it was tried in vain


def find(conn: Connection, calendar_id: int, appointment_id: int) -> Noted | None:
    """The calendar's appointment of that number."""
    query = _query().where(appointment.c.calendar_id == calendar_id, appointment.c.id == appointment_id)
    return next((_noted(row) for row in conn.execute(query)), None)


def coming(conn: Connection, calendar_id: int, at: datetime, limit: int) -> list[Noted]:
    """The next confirmed appointments that are not over, the first one first."""
    query = _query().where(appointment.c.calendar_id == calendar_id, appointment.c.ends > at)
    mine = query.where(appointment.c.state == AppointmentState.CONFIRMED.value)
    return [_noted(row) for row in conn.execute(mine.order_by(appointment.c.starts, appointment.c.id).limit(limit))]


def page(
    conn: Connection, calendar_id: int, at: datetime, *, past: bool, text: str, skip: int, limit: int
) -> list[Noted]:
    """Some of a calendar's appointments of any state: those that are not over, the next one first, or those that are,
    the last one first; with that text somewhere in them."""
    over = appointment.c.ends <= at
    query = _query().where(appointment.c.calendar_id == calendar_id, over if past else ~over)
    starts = appointment.c.starts
    rows = conn.execute(query.order_by(starts.desc() if past else starts, appointment.c.id))
    with rows:
        return list(islice(_having(text, map(_noted, rows)), skip, skip + limit))


def between(conn: Connection, calendar_id: int, since: datetime, until: datetime) -> list[Noted]:
    """Those of any state that overlap a time, the first one first."""
    within = appointment.c.starts < until, appointment.c.ends > since
    query = _query().where(appointment.c.calendar_id == calendar_id, *within)
    return [_noted(row) for row in conn.execute(query.order_by(appointment.c.starts, appointment.c.id))]


def after(
    conn: Connection, calendar_id: int, since: datetime, until: datetime, last: tuple[datetime, int] | None, limit: int
) -> list[Noted]:
    """Those of any state that begin within a time, the first one first; with `last` those that follow that one."""
    query = _query().where(
        appointment.c.calendar_id == calendar_id, appointment.c.starts >= since, appointment.c.starts < until
    )
    if last:
        query = query.where(tuple_(appointment.c.starts, appointment.c.id) > tuple_(*last))
    return [_noted(row) for row in conn.execute(query.order_by(appointment.c.starts, appointment.c.id).limit(limit))]


def is_over(conn: Connection, call_id: str) -> bool:
    """Whether the call in which one was booked has ended: until then no page of the client's shows it."""
    return conn.scalar(select(call.c.id).where(call.c.id == call_id, call.c.ended_at.is_not(None))) is not None


def told(conn: Connection, calendar_id: int) -> Told:
    """How far the calendar's remote one has been read and told; of one that has none, nothing waits."""
    due = appointment.c.calendar_id == calendar_id, appointment.c.mirror_due_at.is_not(None)
    waiting, failed = conn.execute(
        select(func.count(), func.count().filter(appointment.c.mirror_error != "")).where(*due)
    ).one()
    query = select(remote_state.c.synced_at, remote_state.c.trouble).where(remote_state.c.calendar_id == calendar_id)
    row = conn.execute(query).one_or_none()
    synced_at, trouble = (row.synced_at, row.trouble) if row else (None, "")
    return Told(synced_at, trouble, waiting, failed)


def _query() -> Select[tuple[object, ...]]:
    synced = appointment.c.mirror_due_at.is_(None)
    return select(*_OWN, synced.label("synced"), restrictions.covers_appointment().label("restricted"))


def _noted(row: Row[tuple[object, ...]]) -> Noted:
    return Noted(agenda.appointment_of(row), bool(row.synced), bool(row.restricted))


def _having(text: str, found: Iterator[Noted]) -> Iterator[Noted]:
    # Compared here, not by the database: SQLite knows capitals of ASCII only, and neither leaves accents out.
    words = folded(text).split()
    digits = "".join(char for char in text if char.isascii() and char.isdigit()).lstrip("0")
    is_number = len(digits) >= FEWEST_DIGITS and not any(char.isalpha() for char in text)
    for noted in found:
        one = noted.appointment
        if not words:
            yield noted
        elif noted.restricted:
            continue
        elif is_number and digits in one.number:
            yield noted
        else:
            told = folded(" ".join((one.name, one.number, one.email, one.kind, one.note, *one.answers.values())))
            if all(word in told for word in words):
                yield noted
