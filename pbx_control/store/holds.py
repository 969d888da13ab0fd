"""Legal holds: while one is open, nothing of the call is deleted, however old it is."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.store.tables import call, recording_hold

WHY_LIMIT = 300  # characters of a reason


def reason(why: str) -> str:
    """A person's reason as it is kept. Raises ClientMistake if there is none."""
    kept = clean_line(why, WHY_LIMIT)
    if not kept:
        raise ClientMistake("{field} is empty: say why, for whoever asks later", field=Field("why"))
    return kept


def hold(conn: Connection, call_id: str, why: str, now: datetime) -> bool:
    """Holds a call's files from now on; False if nothing of it is recorded (any more).

    Raises ClientMistake if it is held already.
    """
    kept = reason(why)
    try:
        with conn.begin_nested():
            # On PostgreSQL the reference waits for a purge that has just locked the call: then what it took is gone.
            conn.execute(insert(recording_hold).values(call_id=call_id, why=kept, since=now))
    except IntegrityError:
        raise ClientMistake("the call {call} is held already", Code.HELD_ALREADY, call=call_id) from None
    row = conn.execute(select(call.c.recording, call.c.message, call.c.ended_at).where(call.c.id == call_id)).one()
    return bool(row.recording or row.message or row.ended_at is None)


def release(conn: Connection, call_id: str, now: datetime) -> None:
    """Ends a call's hold: its files go when they are old enough. Raises ClientMistake if it is not held."""
    ending = (
        update(recording_hold)
        .where(recording_hold.c.call_id == call_id, recording_hold.c.released_at.is_(None))
        .values(released_at=now)
        .returning(recording_hold.c.id)
    )
    if conn.execute(ending).first() is None:
        raise ClientMistake("the call {call} is not held", Code.NOT_HELD, call=call_id)


def reasons(conn: Connection, call_ids: Collection[str]) -> dict[str, str]:
    """Why each of these calls is held; those that are not are left out."""
    open_ones = select(recording_hold.c.call_id, recording_hold.c.why).where(
        recording_hold.c.call_id.in_(list(call_ids)), recording_hold.c.released_at.is_(None)
    )
    return {row.call_id: row.why for row in conn.execute(open_ones)}
