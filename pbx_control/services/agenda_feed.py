"""The ICS feed of a calendar: whoever has its secret address reads it (docs/decisions/agenda.md)."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from pbx_control.domain.agenda.feed import feed_text
from pbx_control.domain.office import ClientState
from pbx_control.services.calendars import feed_hash
from pbx_control.store import agenda, clients

# What a feed has of the past and of what is to come.
PAST, AHEAD = timedelta(days=90), timedelta(days=400)


def feed_of(conn: Connection, secret: str, now: datetime) -> bytes | None:
    """The feed with that secret; None if there is none (any more), or its client has cancelled."""
    calendar = agenda.calendar_by_feed(conn, feed_hash(secret))
    if calendar is None:
        return None
    client = clients.get(conn, calendar.client_id)
    if client.state is ClientState.CANCELLED:
        return None
    found = agenda.appointments_between(conn, calendar.id, now - PAST, now + AHEAD)
    shown = agenda.without_blocked(conn, found)
    return feed_text(calendar, shown, client.language, discreet=client.sensitive)
