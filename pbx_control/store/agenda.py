"""Clients' calendars and the appointments in them (docs/service.md rule 14)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from pbx_control.domain.agenda.appointments import Appointment, AppointmentState
from pbx_control.domain.agenda.rules import AgendaCalendar, Kind, Place, Source
from pbx_control.domain.agenda.slots import Taken
from pbx_control.store import restrictions
from pbx_control.store.engine import new_id
from pbx_control.store.tables import appointment as appointments
from pbx_control.store.tables import appointment_kind as kinds
from pbx_control.store.tables import calendar as calendars
from pbx_control.store.tables import call, client, remote_access, remote_busy, remote_state, slot_hold

# What is always named in lists; a hold that has run out is nobody's.
_THERE = calendars.c.removed_at.is_(None)
# So begins the key of where the client has moved an appointment of ours to, until that is settled; its id follows.
MOVED = "moved:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A slot that is somebody's until an instant."""

    holder: str
    starts: datetime
    blocked_until: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """How an appointment stands in the remote calendar."""

    sequence: int | None  # of what is there; None: nothing
    due_at: datetime | None  # when it is tried again; None: it stands there as it should
    attempts: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCalendar:
    """A calendar as lists show it."""

    client: str  # slug
    calendar: str  # slug
    name: str
    resource: str
    source: Source
    week: str
    zone: str
    kinds: Sequence[str]
    coming: int  # appointments
    feed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAppointment:
    """An appointment as lists show it, with whose calendar it is in."""

    id: int
    client: str  # slug
    calendar: str  # slug
    zone: str
    starts: datetime
    ends: datetime
    kind: str
    name: str
    number: str
    email: str
    state: AppointmentState
    booked_by: str
    synced: bool  # it stands in the remote calendar as it should, or there is none


# --- calendars --------------------------------------------------------------------------------------------


def insert_calendar(conn: Connection, values: Mapping[str, Any]) -> int:
    """Keeps a calendar, given by columns; gives its id."""
    return new_id(conn, calendars, values)


def update_calendar(conn: Connection, calendar_id: int, values: Mapping[str, Any]) -> None:
    """Changes columns of a calendar."""
    conn.execute(update(calendars).where(calendars.c.id == calendar_id).values(values))


def lock(conn: Connection, calendar_id: int) -> None:
    """Waits for whoever books into the calendar, and lets nobody else until the transaction ends. On SQLite whoever
    writes has the database for himself already (`store.engine`)."""
    conn.execute(select(calendars.c.id).where(calendars.c.id == calendar_id).with_for_update())


def calendars_of(conn: Connection, client_id: int) -> list[AgendaCalendar]:
    """A client's calendars, by short name."""
    query = select(calendars).where(calendars.c.client_id == client_id, _THERE).order_by(calendars.c.slug)
    return [_calendar(row) for row in conn.execute(query)]


def calendar_by_slug(conn: Connection, client_id: int, slug: str) -> AgendaCalendar | None:
    """The client's calendar of that short name."""
    return _one_calendar(conn, calendars.c.client_id == client_id, calendars.c.slug == slug, _THERE)


def calendar_by_id(conn: Connection, calendar_id: int, client_id: int | None = None) -> AgendaCalendar | None:
    """The calendar, also one that was removed; if `client_id` is given, that client's only."""
    mine = () if client_id is None else (calendars.c.client_id == client_id,)
    return _one_calendar(conn, calendars.c.id == calendar_id, *mine)


def calendar_by_feed(conn: Connection, feed_hash: str) -> AgendaCalendar | None:
    """The calendar whose feed has that secret."""
    return _one_calendar(conn, calendars.c.feed_hash == feed_hash, _THERE)


def is_there(conn: Connection, calendar_id: int) -> bool:
    """Whether the calendar was not removed."""
    return conn.scalar(select(calendars.c.id).where(calendars.c.id == calendar_id, _THERE)) is not None


def slugs(conn: Connection, client_id: int) -> list[str]:
    """The short names of a client's calendars."""
    return list(
        conn.scalars(select(calendars.c.slug).where(calendars.c.client_id == client_id, _THERE).order_by("slug"))
    )


def listed_calendars(conn: Connection, at: datetime, client_id: int | None = None) -> list[ListedCalendar]:
    """The calendars of one client or of all, with how many appointments are to come."""
    coming = (
        select(func.count())
        .where(appointments.c.calendar_id == calendars.c.id, appointments.c.ends > at, _CONFIRMED)
        .scalar_subquery()
        .label("coming")
    )
    query = select(calendars, client.c.slug.label("client"), coming).join_from(calendars, client).where(_THERE)
    if client_id is not None:
        query = query.where(calendars.c.client_id == client_id)
    return [
        ListedCalendar(
            client=row.client,
            calendar=row.slug,
            name=row.name,
            resource=row.resource,
            source=Source(row.source),
            week=row.week,
            zone=row.zone,
            kinds=[one.name for one in kinds_of(conn, row.id)],
            coming=row.coming,
            feed=row.feed_hash is not None,
        )
        for row in conn.execute(query.order_by(client.c.slug, calendars.c.slug)).all()
    ]


def delete_holds_of(conn: Connection, calendar_id: int) -> None:
    """Nothing is held in the calendar any more, and nothing of a remote one is known."""
    for table in (slot_hold, remote_busy, remote_state, remote_access):
        conn.execute(delete(table).where(table.c.calendar_id == calendar_id))


# --- kinds ------------------------------------------------------------------------------------------------


def kinds_of(conn: Connection, calendar_id: int) -> list[Kind]:
    """A calendar's kinds of appointment, in the order in which they were added."""
    query = select(kinds.c.id, kinds.c.name, kinds.c.minutes, kinds.c.buffer)
    return [Kind(*row) for row in conn.execute(query.where(kinds.c.calendar_id == calendar_id).order_by(kinds.c.id))]


def insert_kind(conn: Connection, calendar_id: int, name: str, minutes: int, buffer: int) -> int:
    """Keeps a kind; gives its id."""
    return new_id(conn, kinds, {"calendar_id": calendar_id, "name": name, "minutes": minutes, "buffer": buffer})


def update_kind(conn: Connection, kind_id: int, values: Mapping[str, Any]) -> None:
    """Changes columns of a kind; appointments that were booked stay as they are."""
    conn.execute(update(kinds).where(kinds.c.id == kind_id).values(values))


def delete_kind(conn: Connection, kind_id: int) -> None:
    """Takes a kind away; its appointments stay."""
    conn.execute(delete(kinds).where(kinds.c.id == kind_id))


# --- what is taken ----------------------------------------------------------------------------------------


def taken(
    conn: Connection,
    calendar_id: int,
    since: datetime,
    until: datetime,
    now: datetime,
    *,
    holder: str = "",
    but: int | None = None,
    holds: bool = True,
) -> list[Taken]:
    """What takes a calendar's time between two instants: its appointments, what others than `holder` hold (unless
    `holds` is false), and what the remote calendar has. The appointment `but` is left out, also where the client has
    moved it to: it is to be moved."""
    overlaps = appointments.c.starts < until, appointments.c.blocked_until > since
    booked = select(appointments.c.starts, appointments.c.blocked_until).where(
        appointments.c.calendar_id == calendar_id, appointments.c.state != AppointmentState.CANCELLED.value, *overlaps
    )
    held = select(slot_hold.c.starts, slot_hold.c.blocked_until).where(
        slot_hold.c.calendar_id == calendar_id, slot_hold.c.until > now, slot_hold.c.holder != holder
    )
    busy = select(remote_busy.c.starts, remote_busy.c.ends).where(
        remote_busy.c.calendar_id == calendar_id, remote_busy.c.starts < until, remote_busy.c.ends > since
    )
    if but is not None:
        booked = booked.where(appointments.c.id != but)
        busy = busy.where(remote_busy.c.key != f"{MOVED}{but}")
    queries = (booked, held, busy) if holds else (booked, busy)
    return [Taken(starts, ends) for query in queries for starts, ends in conn.execute(query)]


def put_hold(conn: Connection, calendar_id: int, hold: Hold) -> None:
    """Keeps what a holder holds, in place of what he held in that calendar before."""
    release(conn, calendar_id, hold.holder)
    row = {"calendar_id": calendar_id, "holder": hold.holder, "starts": hold.starts}
    conn.execute(insert(slot_hold).values(row | {"blocked_until": hold.blocked_until, "until": hold.until}))


def release(conn: Connection, calendar_id: int, holder: str) -> bool:
    """Gives back what a holder holds in the calendar; whether that was something."""
    his = slot_hold.c.calendar_id == calendar_id, slot_hold.c.holder == holder
    return conn.execute(delete(slot_hold).where(*his)).rowcount > 0


def forget_holds(conn: Connection, now: datetime) -> int:
    """Forgets the holds that have run out; how many."""
    return conn.execute(delete(slot_hold).where(slot_hold.c.until <= now)).rowcount


def put_busy(conn: Connection, calendar_id: int, key: str, spans: Sequence[Taken]) -> None:
    """Keeps when an event of the remote calendar takes time, in place of what was known of it."""
    mine = remote_busy.c.calendar_id == calendar_id, remote_busy.c.key == key
    conn.execute(delete(remote_busy).where(*mine))
    # Of two that begin at one instant the longer one decides.
    longest = {one.starts: one.ends for one in sorted(spans)}
    if longest:
        rows = [
            {"calendar_id": calendar_id, "key": key, "starts": starts, "ends": ends} for starts, ends in longest.items()
        ]
        conn.execute(insert(remote_busy), rows)


# --- appointments -----------------------------------------------------------------------------------------

_CONFIRMED = appointments.c.state == AppointmentState.CONFIRMED.value
_OWN = ("uid", "sequence", "calendar_id", "client_id", "call_id", "kind", "starts", "ends", "blocked_until")
_WHO = ("name", "number", "email", "note", "language", "booked_by", "booked_at", "changed_at")


def insert_appointment(conn: Connection, new: Appointment) -> int:
    """Keeps a new appointment; gives its id."""
    return new_id(conn, appointments, _columns(new))


def update_appointment(conn: Connection, new: Appointment) -> None:
    """Keeps an appointment as it is now."""
    conn.execute(update(appointments).where(appointments.c.id == new.id).values(_columns(new)))


def put_mirror_due(conn: Connection, appointment_id: int, at: datetime) -> None:
    """The remote calendar is to be told from that instant on how an appointment stands."""
    values = {"mirror_due_at": at, "mirror_attempts": 0, "mirror_error": ""}
    conn.execute(update(appointments).where(appointments.c.id == appointment_id).values(values))


def names_of(conn: Connection, appointment_id: int) -> tuple[str, str] | None:
    """The short names of the client and of the calendar that an appointment is in."""
    query = select(client.c.slug, calendars.c.slug).join(calendars, calendars.c.client_id == client.c.id)
    query = query.join(appointments, appointments.c.calendar_id == calendars.c.id)
    row = conn.execute(query.where(appointments.c.id == appointment_id)).one_or_none()
    return (row[0], row[1]) if row else None


def caller_of(conn: Connection, call_id: str, client_id: int) -> str | None:
    """The number that called, "" if it was withheld; None if the call is none to that client."""
    return conn.scalar(select(call.c.caller).where(call.c.id == call_id, call.c.client_id == client_id))


def find_appointment(conn: Connection, appointment_id: int, client_id: int | None = None) -> Appointment | None:
    """The appointment; if `client_id` is given, that client's only."""
    mine = () if client_id is None else (appointments.c.client_id == client_id,)
    return _one_appointment(conn, appointments.c.id == appointment_id, *mine)


def appointment_by_uid(conn: Connection, uid: str) -> Appointment | None:
    """The appointment of that UID."""
    return _one_appointment(conn, appointments.c.uid == uid)


def appointments_between(
    conn: Connection, calendar_id: int, since: datetime, until: datetime, *, cancelled: bool = True
) -> list[Appointment]:
    """A calendar's appointments that overlap a time, the first one first; with those that are cancelled, or without."""
    which = appointments.c.calendar_id == calendar_id, appointments.c.starts < until, appointments.c.ends > since
    query = select(appointments).where(*which)
    if not cancelled:
        query = query.where(appointments.c.state != AppointmentState.CANCELLED.value)
    rows = conn.execute(query.order_by(appointments.c.starts, appointments.c.id))
    return [appointment_of(row) for row in rows]


def coming(conn: Connection, client_id: int, at: datetime, *, number: str = "") -> list[Appointment]:
    """A client's confirmed appointments that are not over, the next one first; those of one caller's number only, if
    that is given."""
    query = select(appointments).where(appointments.c.client_id == client_id, appointments.c.ends > at, _CONFIRMED)
    if number:
        query = query.where(appointments.c.number == number)
    return [appointment_of(row) for row in conn.execute(query.order_by(appointments.c.starts, appointments.c.id))]


def page_after(conn: Connection, client_id: int, after: int, limit: int) -> list[Appointment]:
    """Some of a client's appointments, of all times and states, that have a later id."""
    query = select(appointments).where(appointments.c.client_id == client_id, appointments.c.id > after)
    return [appointment_of(row) for row in conn.execute(query.order_by(appointments.c.id).limit(limit))]


def to_remind(conn: Connection, zone: str, due_at: datetime, at: datetime) -> list[Appointment]:
    """The confirmed appointments in calendars of that zone whose callers are to be reminded, that were booked by
    `due_at`, and begin after `at` within the two days after `due_at`; the first one first."""
    query = select(appointments).join(calendars, calendars.c.id == appointments.c.calendar_id)
    wanted = calendars.c.zone == zone, calendars.c.reminder, appointments.c.email != "", _CONFIRMED
    soon = appointments.c.starts > max(due_at, at), appointments.c.starts < due_at + timedelta(days=2, hours=2)
    query = query.where(*wanted, *soon, appointments.c.booked_at <= due_at)
    return [appointment_of(row) for row in conn.execute(query.order_by(appointments.c.starts, appointments.c.id))]


def all_calendars_of(conn: Connection, client_id: int) -> dict[int, AgendaCalendar]:
    """A client's calendars by id, with those that were removed."""
    query = select(calendars).where(calendars.c.client_id == client_id).order_by(calendars.c.id)
    return {row.id: _calendar(row) for row in conn.execute(query)}


def first_and_last(conn: Connection, client_id: int) -> list[datetime]:
    """When a client's first and last appointments begin; empty if it has none."""
    query = select(func.min(appointments.c.starts), func.max(appointments.c.starts))
    return [at for at in conn.execute(query.where(appointments.c.client_id == client_id)).one() if at is not None]


def without_blocked(conn: Connection, found: Sequence[Appointment]) -> list[Appointment]:
    """Appointments, without who it is where he is blocked while a request of his is decided."""
    theirs = appointments.c.id.in_([one.id for one in found]), restrictions.covers_appointment()
    blocked = set(conn.scalars(select(appointments.c.id).where(*theirs))) if found else set()
    return [
        replace(one, name="", number="", email="", answers={}, note="") if one.id in blocked else one for one in found
    ]


def has_coming(conn: Connection, calendar_id: int, at: datetime) -> int:
    """How many confirmed appointments of a calendar are not over."""
    query = select(func.count()).where(appointments.c.calendar_id == calendar_id, appointments.c.ends > at, _CONFIRMED)
    return conn.scalar(query) or 0


def last_change(conn: Connection, calendar_id: int) -> tuple[int, datetime | None]:
    """How many appointments a calendar has, and when one was changed last: what tells one state from the next."""
    query = select(func.count(), func.max(appointments.c.changed_at)).where(appointments.c.calendar_id == calendar_id)
    count, changed_at = conn.execute(query).one()
    return count, changed_at


def listed_appointments(
    conn: Connection,
    *,
    client_id: int | None = None,
    calendar_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cancelled: bool = True,
    limit: int = 1000,
) -> list[ListedAppointment]:
    """Appointments as lists show them, by when they begin."""
    query = (
        select(appointments, client.c.slug.label("client"), calendars.c.slug.label("calendar"), calendars.c.zone)
        .join_from(appointments, calendars)
        .join(client, client.c.id == appointments.c.client_id)
    )
    wanted: list[ColumnElement[bool]] = []
    if client_id is not None:
        wanted.append(appointments.c.client_id == client_id)
    if calendar_id is not None:
        wanted.append(appointments.c.calendar_id == calendar_id)
    if since is not None:
        wanted.append(appointments.c.ends > since)
    if until is not None:
        wanted.append(appointments.c.starts < until)
    if not cancelled:
        wanted.append(appointments.c.state != AppointmentState.CANCELLED.value)
    rows = conn.execute(query.where(*wanted).order_by(appointments.c.starts, appointments.c.id).limit(limit))
    return [_listed(row) for row in rows]


def mirror_of(conn: Connection, appointment_id: int) -> Mirror:
    """How an appointment that is there stands in the remote calendar."""
    columns = ("mirrored_sequence", "mirror_due_at", "mirror_attempts", "mirror_error")
    query = select(*(appointments.c[name] for name in columns)).where(appointments.c.id == appointment_id)
    row = conn.execute(query).one()
    return Mirror(
        sequence=row.mirrored_sequence,
        due_at=row.mirror_due_at,
        attempts=row.mirror_attempts,
        error=row.mirror_error,
    )


# --- how it is kept ---------------------------------------------------------------------------------------


def _one_calendar(conn: Connection, *which: ColumnElement[bool]) -> AgendaCalendar | None:
    row = conn.execute(select(calendars).where(*which)).one_or_none()
    return _calendar(row) if row else None


def _calendar(row: Row[Any]) -> AgendaCalendar:
    return AgendaCalendar(
        id=row.id,
        client_id=row.client_id,
        slug=row.slug,
        name=row.name,
        resource=row.resource,
        zone=row.zone,
        week=row.week,
        step=row.step,
        lead=timedelta(minutes=row.lead),
        horizon=timedelta(days=row.horizon),
        place=Place(row.address, row.map_link),
        questions=tuple(json.loads(row.questions)),
        source=Source(row.source),
        place_in_mail=row.place_in_mail,
        reminder=row.reminder,
        has_feed=row.feed_hash is not None,
    )


def _one_appointment(conn: Connection, *which: ColumnElement[bool]) -> Appointment | None:
    row = conn.execute(select(appointments).where(*which)).one_or_none()
    return appointment_of(row) if row else None


def appointment_of(row: Row[Any]) -> Appointment:
    """The appointment that a row of the table tells."""
    same = {name: getattr(row, name) for name in (*_OWN, *_WHO)}
    return Appointment(id=row.id, answers=json.loads(row.answers), state=AppointmentState(row.state), **same)


def _columns(one: Appointment) -> dict[str, Any]:
    same = {name: getattr(one, name) for name in (*_OWN, *_WHO)}
    return same | {"answers": json.dumps(dict(one.answers), ensure_ascii=False), "state": one.state.value}


def _listed(row: Row[Any]) -> ListedAppointment:
    same = ("id", "client", "calendar", "zone", "starts", "ends", "kind", "name", "number", "email", "booked_by")
    return ListedAppointment(
        **{name: getattr(row, name) for name in same},
        state=AppointmentState(row.state),
        synced=row.mirror_due_at is None,
    )
