"""The limits of outgoing calls over all daemons that share the database, asked before a contact is dialled."""

from datetime import UTC, datetime, time, timedelta

from sqlalchemy import Connection, Select, func, select, update

from pbx_control.domain.call.commands import Dial
from pbx_control.domain.call.model import WITH_CONTACT, Limit
from pbx_control.store.tables import call, dialling

# Under this lock of PostgreSQL's one daemon after the other decides.
LOCK = 7_304_118_552

_ALIVE = call.c.state.is_not(None)


def reached(conn: Connection, dial: Dial) -> Limit | None:
    """Which limit the contact's leg is beyond; None: it may be dialled. Its step is committed already.

    Whatever is committed counts until it is refused. So no two legs get the last place, and the one that is asked for
    last gets it.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(select(func.pg_advisory_xact_lock(LOCK)))
    own = conn.execute(select(dialling.c.client_id, dialling.c.at).where(dialling.c.leg == dial.leg)).one_or_none()
    if own is None:
        return None  # the database was away when it was to be written
    limit = _beyond(conn, dial, own.client_id, own.at)
    if limit:
        conn.execute(update(dialling).where(dialling.c.leg == dial.leg).values(refused=limit.value))
    return limit


def _beyond(conn: Connection, dial: Dial, client_id: int, at: datetime) -> Limit | None:
    if dial.a_day and _count(conn, _since_midnight(client_id, at)) > dial.a_day:
        return Limit.A_DAY
    if dial.at_once and _count(conn, _with_contact().where(dialling.c.client_id == client_id)) > dial.at_once:
        return Limit.AT_ONCE
    if dial.most and _lines(conn, dial.trunk) > dial.most:
        return Limit.TRUNK
    return None


def _lines(conn: Connection, trunk: str) -> int:
    """The trunk's calls, both ways together."""
    callers = select(func.count()).where(_ALIVE, call.c.trunk == trunk, call.c.hung_up_at.is_(None))
    return _count(conn, callers) + _count(conn, _with_contact().where(dialling.c.trunk == trunk))


def _with_contact() -> Select[int]:
    """How many calls have a contact's leg."""
    legs = select(func.count(dialling.c.call_id.distinct())).join(call, call.c.id == dialling.c.call_id)
    return legs.where(_ALIVE, call.c.phase.in_(WITH_CONTACT), dialling.c.refused == "")


def _since_midnight(client_id: int, at: datetime) -> Select[int]:
    """How many contacts of the client were called on that UTC day."""
    midnight = datetime.combine(at.astimezone(UTC).date(), time(), UTC)
    on_that_day = dialling.c.at >= midnight, dialling.c.at < midnight + timedelta(days=1)
    return select(func.count()).where(dialling.c.client_id == client_id, *on_that_day, dialling.c.refused == "")


def _count(conn: Connection, query: Select[int]) -> int:
    return conn.execute(query).scalar_one()
