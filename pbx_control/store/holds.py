"""Legal holds: while one is open, nothing of the call is deleted, however old it is."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from pbx_control.store.tables import call, recording_hold


def hold(conn: Connection, call_id: str, why: str, now: datetime) -> bool:
    """Holds a call's files from now on; False if they are held already."""
    try:
        with conn.begin_nested():
            # On PostgreSQL the reference waits for a purge that has just locked the call: then what it took is gone.
            conn.execute(insert(recording_hold).values(call_id=call_id, why=why, since=now))
    except IntegrityError:
        return False
    return True


def has_something(conn: Connection, call_id: str) -> bool:
    """Whether anything of the call is recorded, still, or may yet be."""
    row = conn.execute(select(call.c.recording, call.c.message, call.c.ended_at).where(call.c.id == call_id)).one()
    return bool(row.recording or row.message or row.ended_at is None)


def release(conn: Connection, call_id: str, now: datetime) -> bool:
    """Ends a call's hold; False if it is not held."""
    ending = (
        update(recording_hold)
        .where(recording_hold.c.call_id == call_id, recording_hold.c.released_at.is_(None))
        .values(released_at=now)
        .returning(recording_hold.c.id)
    )
    return conn.execute(ending).first() is not None


def reasons(conn: Connection, call_ids: Collection[str]) -> dict[str, str]:
    """Why each of these calls is held; those that are not are left out."""
    open_ones = select(recording_hold.c.call_id, recording_hold.c.why).where(
        recording_hold.c.call_id.in_(list(call_ids)), recording_hold.c.released_at.is_(None)
    )
    return {row.call_id: row.why for row in conn.execute(open_ones)}
