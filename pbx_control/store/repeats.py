"""Looks for the calls by which a repetition is known (domain.money.repeats); a flood is known by the same."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from pbx_control.domain.money.repeats import Answered, Arrived, RepeatLimit, repeated
from pbx_control.domain.words.wording import is_withheld
from pbx_control.store.tables import call as calls
from pbx_control.store.tables import client as clients

# So many of a client's newest conversations tell whether people make them; a busy client has thousands in a minute.
NEWEST = 50

_ANSWERED = (
    select(
        calls.c.id,
        calls.c.caller,
        calls.c.answered_at,
        calls.c.hung_up_at,
    )
    .where(calls.c.client_id == bindparam("client"), calls.c.answered_at >= bindparam("since"))
    .order_by(calls.c.answered_at.desc())
    .limit(NEWEST)
)
# Of one caller, other than the call itself, with the client's limit.
_EARLIER = (
    _ANSWERED.add_columns(clients.c.repeat_within, clients.c.short_call)
    .join_from(calls, clients)
    .where(calls.c.caller == bindparam("caller"), calls.c.id != bindparam("call"))
)


def repeats(conn: Connection, client_id: int, call: Arrived) -> Answered | None:
    """The short conversation of the same caller with the same client that the call repeats, or None."""
    if is_withheld(call.caller):
        return None
    asked = {"client": client_id, "since": call.looks_back_to, "caller": call.caller, "call": call.call_id}
    rows = conn.execute(_EARLIER, asked).all()
    return repeated(call, _answered(rows), _limit(rows[0])) if rows else None


def answered_since(conn: Connection, client_id: int, since: datetime) -> list[Answered]:
    """The NEWEST of the client's calls that were answered since then."""
    return _answered(conn.execute(_ANSWERED, {"client": client_id, "since": since}))


def _answered(rows: Iterable[Row[Any]]) -> list[Answered]:
    return [Answered(row.id, row.caller, row.answered_at, row.hung_up_at) for row in rows]


def _limit(row: Row[Any]) -> RepeatLimit:
    return RepeatLimit(timedelta(seconds=row.repeat_within), timedelta(seconds=row.short_call))
