"""/api/v1/calendars and /api/v1/appointments: what is free, what is booked; booking, moving, cancelling."""

from datetime import datetime, timedelta
from http import HTTPStatus

from pbx_control.catalogue import counted
from pbx_control.services.appointments import Order
from pbx_control.services.reach import CalendarSeen, NotedSeen, Reach
from pbx_control.services.tenant_agenda import changed_at
from pbx_control.web.api import shapes
from pbx_control.web.api.asking import Given, instant
from pbx_control.web.api.cursors import at_id, at_number, cursor
from pbx_control.web.api.done import Done
from pbx_control.web.problems import Refusal
from pbx_control.web.site import Site, take_invitation

DAY = timedelta(days=1)
# What is shown of free times and of appointments if nobody says until when, and at most.
SLOTS_FOR, MOST_OF_SLOTS = 7 * DAY, 31 * DAY
APPOINTMENTS_FOR, MOST_OF_APPOINTMENTS = 31 * DAY, 366 * DAY


def calendars(reach: Reach, given: Given, _site: Site) -> Done:
    """GET /calendars"""
    wanted: shapes.CalendarsWanted = given.query
    found = reach.calendars(wanted.client, at_id(wanted.cursor), wanted.limit + 1)
    shown = found[: wanted.limit]
    more = cursor(shown[-1].calendar.id) if len(found) > wanted.limit else None
    return Done(answer=shapes.Calendars([_calendar(one) for one in shown], more))


def slots(reach: Reach, given: Given, _site: Site) -> Done:
    """GET /calendars/CALENDAR/slots"""
    wanted: shapes.SlotsWanted = given.query
    since, until = _span(wanted.since, wanted.until, given.at, SLOTS_FOR, MOST_OF_SLOTS)
    number = given.number("calendar")
    zone, found = reach.slots(number, wanted.kind, since, until, given.at)
    return Done(answer=shapes.Slots(number, zone, [shapes.Slot(one.starts, one.ends) for one in found]))


def appointments(reach: Reach, given: Given, _site: Site) -> Done:
    """GET /calendars/CALENDAR/appointments"""
    wanted: shapes.AppointmentsWanted = given.query
    since, until = _span(wanted.since, wanted.until, given.at, APPOINTMENTS_FOR, MOST_OF_APPOINTMENTS)
    found = reach.appointments(given.number("calendar"), since, until, at_number(wanted.cursor), wanted.limit + 1)
    shown = found[: wanted.limit]
    last = shown[-1].noted.appointment if len(found) > wanted.limit else None
    more = cursor(last.starts, last.id) if last else None
    return Done(answer=shapes.Appointments([_appointment(one) for one in shown], more))


def book(reach: Reach, given: Given, site: Site) -> Done:
    """POST /calendars/CALENDAR/appointments"""
    asked: shapes.Booking = given.body
    take_invitation(site, f"token {reach.token.id}", asked.email)
    order = Order(
        client_id=0,  # the calendar's
        calendar="",
        kind=asked.kind,
        starts=instant(asked.starts),
        name=asked.name,
        number=asked.number,
        email=asked.email,
        answers=asked.answers,
        note=asked.note,
        language=asked.language,
    )
    return _changed(*reach.book(given.number("calendar"), order, given.once, given.at))


def move(reach: Reach, given: Given, _site: Site) -> Done:
    """POST /appointments/APPOINTMENT/move"""
    asked: shapes.Move = given.body
    number = given.number("appointment")
    return _changed(*reach.move(number, instant(asked.starts), asked.version, given.once, given.at))


def cancel(reach: Reach, given: Given, _site: Site) -> Done:
    """POST /appointments/APPOINTMENT/cancel"""
    asked: shapes.Cancel = given.body
    return _changed(*reach.cancel(given.number("appointment"), asked.version, given.once, given.at))


def _changed(seen: NotedSeen, again: bool) -> Done:
    return Done(answer=_appointment(seen), again=again, agenda_of=seen.noted.appointment.client_id)


def _span(
    since: datetime | None, until: datetime | None, at: datetime, usual: timedelta, most: timedelta
) -> tuple[datetime, datetime]:
    begins = instant(since) if since else at
    ends = instant(until) if until else begins + usual
    if not begins < ends <= begins + most:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "bad-value",
            counted(
                "until must be later than since, by {days} day at most",
                "until must be later than since, by {days} days at most",
                by="days",
            ),
            field="until",
            days=most // DAY,
        )
    return begins, ends


def _calendar(seen: CalendarSeen) -> shapes.Calendar:
    one = seen.calendar
    return shapes.Calendar(
        id=one.id,
        client=seen.client,
        slug=one.slug,
        name=one.name,
        resource=one.resource,
        timezone=one.zone,
        kinds=[shapes.Kind(kind.name, kind.minutes) for kind in seen.kinds],
        questions=list(one.questions),
        address=one.place.address,
        map_link=one.place.map_link,
    )


def _appointment(seen: NotedSeen) -> shapes.Appointment:
    one = seen.noted.appointment
    return shapes.Appointment(
        id=one.id,
        calendar=one.calendar_id,
        kind=one.kind,
        starts=one.starts,
        ends=one.ends,
        state=one.state.value,
        name=one.name,
        number=one.number,
        email=one.email,
        answers=dict(one.answers),
        note=one.note,
        language=one.language,
        synced=seen.noted.synced,
        version=changed_at(one),
        withheld=seen.withheld,  # type: ignore[arg-type]
    )
