"""What pages show of clients' calendars beside free slots (docs/service.md rule 14): who holds what, what is busy, and
what the remote calendar does not know yet."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from pbx_control.domain.agenda.appointments import Appointment
from pbx_control.domain.agenda.slots import Taken
from pbx_control.store import agenda
from pbx_control.store.agenda import Hold
from pbx_control.store.tables import appointment as appointments
from pbx_control.store.tables import remote_busy, remote_state, slot_hold


@dataclass(frozen=True, slots=True)
class Remote:
    """How far a remote calendar has been read: when last, and what keeps it from being read ("": nothing)."""

    synced_at: datetime | None
    trouble: str


def busy_between(conn: Connection, calendar_id: int, since: datetime, until: datetime) -> list[Taken]:
    """What the remote calendar has between two instants, in order."""
    which = remote_busy.c.calendar_id == calendar_id, remote_busy.c.starts < until, remote_busy.c.ends > since
    query = select(remote_busy.c.starts, remote_busy.c.ends).where(*which).order_by(remote_busy.c.starts)
    return [Taken(*row) for row in conn.execute(query)]


def holds_between(conn: Connection, calendar_id: int, since: datetime, until: datetime, now: datetime) -> list[Hold]:
    """What is held now of a time, in order."""
    which = slot_hold.c.calendar_id == calendar_id, slot_hold.c.until > now
    within = slot_hold.c.starts < until, slot_hold.c.blocked_until > since
    query = select(slot_hold.c.holder, slot_hold.c.starts, slot_hold.c.blocked_until, slot_hold.c.until)
    return [Hold(**row._mapping) for row in conn.execute(query.where(*which, *within).order_by(slot_hold.c.starts))]


def hold_of(conn: Connection, calendar_id: int, holder: str, now: datetime) -> Hold | None:
    """What somebody holds in a calendar now."""
    which = slot_hold.c.calendar_id == calendar_id, slot_hold.c.until > now, slot_hold.c.holder == holder[:64]
    query = select(slot_hold.c.holder, slot_hold.c.starts, slot_hold.c.blocked_until, slot_hold.c.until)
    row = conn.execute(query.where(*which)).one_or_none()
    return Hold(**row._mapping) if row else None


def not_mirrored(conn: Connection, ids: Collection[int]) -> Mapping[int, str]:
    """Those of the appointments of which the remote calendar is still to be told, each with what went wrong ("":
    nothing has)."""
    query = select(appointments.c.id, appointments.c.mirror_error)
    due = query.where(appointments.c.id.in_(list(ids)), appointments.c.mirror_due_at.is_not(None))
    return {row.id: row.mirror_error for row in conn.execute(due)}


def concerning_call(conn: Connection, client_id: int, call_id: str, number: str, at: datetime) -> list[Appointment]:
    """A client's appointments that a call is about, by when they begin: those that were booked during it, also where
    they are cancelled, and those of the caller's number ("": he has none) that are confirmed and not over."""
    coming = agenda.coming(conn, client_id, at, number=number) if number else []
    mine = appointments.c.client_id == client_id, appointments.c.call_id == call_id
    ids = set(conn.scalars(select(appointments.c.id).where(*mine, appointments.c.ends > at)))
    booked = [agenda.find_appointment(conn, one, client_id) for one in ids - {one.id for one in coming}]
    return sorted([*coming, *filter(None, booked)], key=lambda one: (one.starts, one.id))


def remote_of(conn: Connection, calendar_id: int) -> Remote:
    """How far the calendar's remote one has been read."""
    query = select(remote_state.c.synced_at, remote_state.c.trouble).where(remote_state.c.calendar_id == calendar_id)
    row = conn.execute(query).one_or_none()
    return Remote(row.synced_at, row.trouble) if row else Remote(None, "")


def occupant(
    conn: Connection, calendar_id: int, since: datetime, until: datetime, now: datetime, *, but: str
) -> tuple[str, bool] | None:
    """Who has a time of a calendar, other than the holder `but`: his name, and whether he has booked it or only holds
    it. None if no appointment and no hold is in the way."""
    held = next((one for one in holds_between(conn, calendar_id, since, until, now) if one.holder != but), None)
    booked = agenda.appointments_between(conn, calendar_id, since, until, cancelled=False)
    if booked:
        return booked[0].booked_by, True
    return (held.holder, False) if held else None
