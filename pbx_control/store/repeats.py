"""Looks for the calls by which a repetition is known (domain/repeats.py); `floods` looks at the same for a flood."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, case, select

from pbx_control.domain.call.model import Call, Phase
from pbx_control.domain.repeats import Answered, RepeatLimit, repeated
from pbx_control.store.tables import call as calls
from pbx_control.store.tables import client as clients

_decode = msgspec.json.Decoder(Call).decode

# So many of a client's newest conversations tell whether people make them; a busy client has thousands in a minute.
NEWEST = 50


def repeats(conn: Connection, client_id: int, call_id: str, caller: str, arrived_at: datetime) -> Answered | None:
    """The short conversation of the same caller with the same client that the call repeats, or None."""
    limit = _limit(conn, client_id)
    if not limit.within or not limit.short:
        return None
    earlier = answered_since(conn, client_id, arrived_at - limit.longest_look, caller)
    return repeated(caller, arrived_at, [one for one in earlier if one.call_id != call_id], limit)


def of_call(conn: Connection, client_id: int, call_id: str) -> Answered | None:
    """The same, of a call whose row is there."""
    row = conn.execute(select(calls.c.caller, calls.c.arrived_at).where(calls.c.id == call_id)).one()
    return repeats(conn, client_id, call_id, row.caller, row.arrived_at)


def answered_since(conn: Connection, client_id: int, since: datetime, caller: str | None = None) -> list[Answered]:
    """The NEWEST of the client's calls that were answered since then, of that caller only if one is given."""
    state = case((calls.c.phase == Phase.ENDING.value, calls.c.state)).label("state")
    query = select(calls.c.id, calls.c.caller, calls.c.answered_at, calls.c.ended_at, state)
    query = query.where(calls.c.client_id == client_id, calls.c.answered_at >= since)
    query = query.order_by(calls.c.answered_at.desc()).limit(NEWEST)
    if caller is not None:
        query = query.where(calls.c.caller == caller)
    return [
        Answered(row.id, row.caller, row.answered_at, row.ended_at or _hung_up_at(row.state))
        for row in conn.execute(query)
    ]


def _hung_up_at(ending: bytes | None) -> datetime | None:
    """When a call ended of which only the files are still looked at: its row has no end before that is done."""
    return _decode(ending).ended_at if ending else None


def _limit(conn: Connection, client_id: int) -> RepeatLimit:
    row = conn.execute(select(clients.c.repeat_within, clients.c.short_call).where(clients.c.id == client_id)).one()
    return RepeatLimit(timedelta(seconds=row.repeat_within), timedelta(seconds=row.short_call))
