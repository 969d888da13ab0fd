"""What pages show of a client's calendar: some days of it, and which slots are free next (docs/service.md rule 14)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pbx_control.domain.agenda.appointments import Appointment, AppointmentState
from pbx_control.domain.agenda.rules import AgendaCalendar, Kind, Source
from pbx_control.domain.agenda.slots import Slot, Taken
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import appointments, calendars
from pbx_control.store import agenda, agenda_shown, restrictions
from pbx_control.store.agenda import Hold
from pbx_control.store.agenda_shown import Remote

# So many days are shown at once, and so far from now they may be.
MOST_DAYS = 7
FURTHEST = timedelta(days=400)
DAY = timedelta(days=1)
# The next free slots: so many days that have some are listed, and so far ahead they are looked for at first.
NEXT_DAYS = 3
LOOKED_AT_FIRST = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Shown:
    """An appointment as pages show it."""

    appointment: Appointment
    synced: bool  # it stands in the remote calendar as it should, or there is none
    error: str  # what went wrong when that was told last
    may_change: bool  # it may be moved or cancelled
    blocked: bool  # nobody uses its data while a request of the caller's is decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Some days of a calendar, from `first` on, as its own clocks count them."""

    calendar: AgendaCalendar
    kind: Kind
    first: date
    days: int
    at: datetime
    appointments: Sequence[Shown]
    busy: Sequence[Taken]  # of the remote calendar
    held: Sequence[Hold]  # by others
    free: Sequence[Slot]
    remote: Remote


def days(
    conn: Connection,
    client_id: int,
    calendar: str,
    kind: str,
    first: date | None,
    count: int,
    now: datetime,
    holder: str = "",
) -> Days:
    """Some days of a client's calendar (short name), with what is free for a kind ("": its first one). `first`: None is
    the Monday of this week for a whole week, and today for less.

    Raises ClientMistake if there is no such calendar or kind, or the days are out of bounds.
    """
    found = calendars.get(conn, client_id, calendar)
    zone = ZoneInfo(found.zone)
    begins = first or _usual_first(now.astimezone(zone).date(), count)
    if not (1 <= count <= MOST_DAYS and abs(begins - now.astimezone(zone).date()) <= FURTHEST):
        raise ClientMistake("these days are out of bounds", Code.BAD_VALUE, field=Field("starts"))
    wanted = kind_or_first(conn, found, kind)
    since, until = _midnight(begins, zone), _midnight(begins + count * DAY, zone)
    inside = agenda.appointments_between(conn, found.id, since, until)
    held = agenda_shown.holds_between(conn, found.id, since, until, now)
    return Days(
        calendar=found,
        kind=wanted,
        first=begins,
        days=count,
        at=now,
        appointments=shown(conn, inside, now),
        busy=agenda_shown.busy_between(conn, found.id, since, until),
        held=[one for one in held if one.holder != holder],
        free=appointments.free(conn, client_id, found.slug, wanted.name, since, until, now, holder),
        remote=remote_of(conn, found),
    )


def next_free(
    conn: Connection, client_id: int, calendar: AgendaCalendar, kind: Kind, now: datetime, holder: str = ""
) -> Mapping[date, Sequence[Slot]]:
    """The next days of a calendar on which something is free, NEXT_DAYS at most, each with its free slots."""
    zone = ZoneInfo(calendar.zone)
    slots: list[Slot] = []
    for until in (now + LOOKED_AT_FIRST, now + calendar.horizon + DAY):
        slots = appointments.free(conn, client_id, calendar.slug, kind.name, now, until, now, holder)
        by_day = groupby(slots, key=lambda one: one.starts.astimezone(zone).date())
        found = {day: list(each) for day, each in by_day}
        if len(found) >= NEXT_DAYS:
            break
    return dict(list(found.items())[:NEXT_DAYS])


def shown(conn: Connection, found: Sequence[Appointment], now: datetime) -> list[Shown]:
    """Appointments as pages show them."""
    waiting = agenda_shown.not_mirrored(conn, [one.id for one in found])
    blocked = _blocked(conn, found)
    return [
        Shown(
            one,
            one.id not in waiting,
            waiting.get(one.id, ""),
            one.state is AppointmentState.CONFIRMED and one.ends > now and one.id not in blocked,
            one.id in blocked,
        )
        for one in found
    ]


def kind_or_first(conn: Connection, calendar: AgendaCalendar, name: str) -> Kind:
    """The calendar's kind of that name ("": its first one). Raises ClientMistake if it has none such."""
    return calendars.find_kind(conn, calendar, name) if name else agenda.kinds_of(conn, calendar.id)[0]


def remote_of(conn: Connection, calendar: AgendaCalendar) -> Remote:
    """How far the remote calendar has been read; of our own nothing lacks."""
    return Remote(None, "") if calendar.source is Source.OWN else agenda_shown.remote_of(conn, calendar.id)


def _usual_first(today: date, count: int) -> date:
    return today - today.weekday() * DAY if count == MOST_DAYS else today


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def _blocked(conn: Connection, found: Collection[Appointment]) -> set[int]:
    """Those whose caller's data nobody uses: what there was of him when that was asked for."""
    calls = restrictions.of_calls(conn, [one.call_id for one in found if one.call_id])
    asked = restrictions.in_force(conn)
    return {
        one.id
        for one in found
        if one.call_id in calls
        or any(
            one.number and each.number == one.number and each.client_id in (None, one.client_id)
            for each in asked
            if one.booked_at <= each.since
        )
    }
