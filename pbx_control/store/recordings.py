"""Which calls have a recording or a left message: asked by commands and pages."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, or_, select

from pbx_control.errors import ClientMistake, Code
from pbx_control.store import restrictions
from pbx_control.store.tables import call, client


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call and its files; `recording` and `message` are paths under recordings/, "" where there is none."""

    call_id: str
    client: str  # slug
    did: str
    caller: str
    caller_name: str
    arrived_at: datetime
    talked: timedelta | None  # with secretaries; None while they talk, or if nobody answered
    recording: str
    flaw: str  # missing | short | long; "" is sound
    message: str
    restricted: bool  # a request of the caller's is being decided


def newest(conn: Connection, *, slug: str | None = None, limit: int = 100) -> list[RecordedCall]:
    """The newest calls with a recording or a left message, newest first; of one client if `slug` is given."""
    query = _query().where(or_(call.c.recording != "", call.c.message != ""))
    if slug is not None:
        query = query.where(client.c.slug == slug)
    rows = conn.execute(query.order_by(call.c.arrived_at.desc(), call.c.id.desc()).limit(limit))
    return [_shown(_recorded(row)) for row in rows]


def get(conn: Connection, call_id: str) -> RecordedCall:
    """One call with its files, for somebody who listens. Raises ClientMistake if there is no such call, or (RESTRICTED)
    a request of the caller's is being decided."""
    row = conn.execute(_query().where(call.c.id == call_id)).one_or_none()
    if row is None:
        raise ClientMistake("there is no call {call}", Code.NO_SUCH_RECORDING, call=repr(call_id[:64]))
    if row.restricted:
        raise restrictions.refusal(row.id)
    return _recorded(row)


def _shown(one: RecordedCall) -> RecordedCall:
    return replace(one, caller="", caller_name="") if one.restricted else one


def _query() -> Select[Any]:
    return select(call, client.c.slug, restrictions.covers().label("restricted")).select_from(
        call.outerjoin(client, call.c.client_id == client.c.id)
    )


def _recorded(row: Row[Any]) -> RecordedCall:
    return RecordedCall(
        call_id=row.id,
        client=row.slug or "",
        did=row.did,
        caller=row.caller,
        caller_name=row.caller_name,
        arrived_at=row.arrived_at,
        talked=None if row.talked is None else timedelta(seconds=row.talked),
        recording=row.recording,
        flaw=row.recording_flaw,
        message=row.message,
        restricted=bool(row.restricted),
    )
