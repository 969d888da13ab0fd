"""An office with past weeks: calls that came, and secretaries who were there."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, insert, select

from pbx_control.domain.desk.duty import Present
from pbx_control.domain.opening.holidays import public
from pbx_control.store.engine import writing
from pbx_control.store.tables import attendance, call, client, secretary

SANTIAGO = ZoneInfo("America/Santiago")
A_DAY = timedelta(days=1)


def working_days(until: date, weeks: int) -> list[date]:
    """Of the weeks before that day: no weekends, no holidays."""
    days = [until - A_DAY * number for number in range(1, 7 * weeks + 1)]
    return [day for day in reversed(days) if day.weekday() < 5 and day not in public(day.year)]


def on(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), SANTIAGO).astimezone(UTC)


def calls_came(conn: Connection, client_id: int, starts: list[datetime], *, talked: float = 170.0) -> None:
    """Calls that were answered after four seconds."""
    rows = []
    for number, at in enumerate(starts):
        answered = at + timedelta(seconds=4)
        ended = answered + timedelta(seconds=talked)
        rows.append(
            {"id": f"pbx-{client_id}-{at:%Y%m%d%H%M}-{number}", "client_id": client_id, "did": "+56225550101"}
            | {"caller": "+56223334455", "phase": "ended", "outcome": "answered", "arrived_at": at}
            | {"answered_at": answered, "hung_up_at": ended, "ended_at": ended, "talked": talked}
        )
    conn.execute(insert(call), rows)


def was_there(conn: Connection, secretary_id: int, since: datetime, until: datetime, state: str = "ready") -> None:
    values = {"secretary_id": secretary_id, "state": Present(state).value, "began_at": since, "until": until}
    conn.execute(insert(attendance).values(values))


def busy_weeks(engine: Engine, today: date, slug: str = "andes", *, weeks: int = 8, each: int = 10) -> None:
    """Every working day `each` calls from 10:00 to 10:30 and from 15:00 on; one secretary is there from 9 to 18."""
    with writing(engine) as conn:
        firm = conn.scalars(select(client.c.id).where(client.c.slug == slug)).one()
        hers = conn.scalars(select(secretary.c.id)).first()
        if hers is None:
            values = {"name": "Ana", "user": "ana", "password": "x"}
            hers = conn.scalars(insert(secretary).values(values).returning(secretary.c.id)).one()
        for day in working_days(today, weeks):
            calls_came(conn, firm, [on(day, hour, number * 30 // each) for hour in (10, 15) for number in range(each)])
            was_there(conn, hers, on(day, 9), on(day, 18))
