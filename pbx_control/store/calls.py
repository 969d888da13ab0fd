"""Calls, seats and the journal: how a daemon's steps are written, and what a daemon that starts takes up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, String, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pbx_control.domain.call.commands import FreeSeat, NoteDialling
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.lengths import lengths_of
from pbx_control.domain.call.model import Call, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.store.engine import node_here
from pbx_control.store.fixed import Fixed
from pbx_control.store.rows import facts, record
from pbx_control.store.tables import Instant, dialling, journal, pause, seat_claim, secretary
from pbx_control.store.tables import call as calls

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Call).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What is kept of a call of which the switch tells the rest."""

    id: str
    did: str
    client_id: int | None
    caller: str
    caller_name: str
    arrived_at: datetime
    answered_at: datetime | None
    answered_by: str  # user of the secretary's telephone
    ended_at: datetime | None
    talked: float | None  # seconds
    recording: str
    live: bool  # the daemon has it


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedBySwitch:
    """A call that is over, as the switch tells it; see the columns of `tables.call`."""

    id: str
    client_id: int | None
    did: str
    caller: str
    caller_name: str
    outcome: str
    secretary_id: int | None
    arrived_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    talked: timedelta | None
    recording: str
    recording_flaw: str
    message: str
    message_flaw: str


# What the daemon knows better of a call that it had begun.
_AS_BEGUN = frozenset({"arrived_at", "did", "client_id", "caller", "caller_name"})


def find(conn: Connection, call_id: str) -> Begun | None:
    """What is kept of a call, or None."""
    row = conn.execute(_begun().where(calls.c.id == call_id)).one_or_none()
    return record(Begun, row) if row else None


def node_of(conn: Connection, call_id: str) -> str:
    """The node that has, or had, the call, and its files."""
    node: str = conn.execute(select(calls.c.node).where(calls.c.id == call_id)).scalar_one()
    return node


def unended(conn: Connection, node: str) -> list[Begun]:
    """The calls of that node that its daemon has let go of and that have not ended."""
    left = calls.c.node == node, calls.c.state.is_(None), calls.c.ended_at.is_(None)
    return [record(Begun, row) for row in conn.execute(_begun().where(*left))]


def write_served_by_switch(conn: Connection, one: ServedBySwitch, *, new: bool) -> None:
    """Keeps a call as the switch tells it; what the daemon saw of one that is not new stays."""
    values = facts(one) | {
        "talked": seconds(one.talked),
        "phase": Phase.ENDED.value,
        "hung_up_at": one.ended_at,
        "hosted_by": "switch",
        "state": None,
    }
    if new:
        _INSERT_CALL.run(conn, values | {"node": node_here(conn)})
        return
    rest = {name: value for name, value in values.items() if name not in _AS_BEGUN}
    conn.execute(update(calls).where(calls.c.id == one.id).values(rest))


def add_lines(conn: Connection, call_id: str, told: Sequence[tuple[datetime, str, dict[str, str]]]) -> None:
    """Adds to a call's journal what happened: when, which event, its details."""
    last = journal_lengths(conn, [call_id]).get(call_id, 0)
    lines = [Line(last + number, at, event, details) for number, (at, event, details) in enumerate(told, start=1)]
    _INSERT_ENTRY.run_each(conn, [_entry_row(call_id, line) for line in lines])


def _begun() -> Select[Any]:
    columns = [calls.c[field.name] for field in fields(Begun) if field.name not in ("answered_by", "live")]
    hers = func.coalesce(secretary.c.user, "").label("answered_by")
    return select(*columns, hers, calls.c.state.is_not(None).label("live")).select_from(calls.outerjoin(secretary))


def dialled_today(conn: Connection, day: date) -> dict[int, int]:
    """How many contacts of each client (by its id) were called on that UTC day; clients without any are left out."""
    midnight = datetime.combine(day, time(), UTC)
    rows = conn.execute(
        select(dialling.c.client_id, func.count().label("calls"))
        .where(dialling.c.at >= midnight, dialling.c.at < midnight + timedelta(days=1), dialling.c.refused == "")
        .group_by(dialling.c.client_id)
    )
    return {row.client_id: row.calls for row in rows}


def live(conn: Connection, node: str) -> list[Call]:
    """The calls of that node that had not ended when they were last saved."""
    own = select(calls.c.state).where(calls.c.state.is_not(None), calls.c.node == node)
    return [_decode(state) for (state,) in conn.execute(own)]


def asking_elsewhere(conn: Connection, node: str) -> list[Call]:
    """The calls of other nodes in which a contact's telephone rings."""
    theirs = select(calls.c.state).where(calls.c.state.is_not(None), calls.c.node != node)
    rings = theirs.where(calls.c.phase == Phase.CALLING_CONTACT.value)
    return [_decode(state) for (state,) in conn.execute(rings)]


def journal_lengths(conn: Connection, ids: Iterable[str]) -> dict[str, int]:
    """How many lines each of these calls' journals has."""
    rows = conn.execute(
        select(journal.c.call_id, func.max(journal.c.seq).label("seq"))
        .where(journal.c.call_id.in_(list(ids)))
        .group_by(journal.c.call_id)
    )
    return {row.call_id: row.seq for row in rows}


def last_conversations(conn: Connection) -> dict[int, datetime]:
    """When each secretary's last conversation ended: who has been idle longest is asked first."""
    rows = conn.execute(select(calls.c.secretary_id, func.max(calls.c.ended_at)).group_by(calls.c.secretary_id))
    return {who: ended for who, ended in rows if who is not None and ended is not None}


def release_forgotten_seats(conn: Connection) -> None:
    """Gives back the seats of calls that have ended: a claim never outlives its call."""
    over = select(calls.c.id).where(calls.c.state.is_(None))
    conn.execute(delete(seat_claim).where(seat_claim.c.call_id.in_(over)))


# --- how a step is written --------------------------------------------------------------------------------

_INSERT_ENTRY = Fixed(insert(journal))
_INSERT_CALL = Fixed(insert(calls))
_INSERT_DIALLING = Fixed(insert(dialling))
_UPDATE_CALL = Fixed(update(calls).where(calls.c.id == bindparam("call_id")))
# Another daemon's call may have left her a wrap-up, of which only the store knows.
_FREE_SEAT = select(secretary.c.id, bindparam("call", type_=String)).where(
    secretary.c.id == bindparam("who"),
    or_(secretary.c.free_from.is_(None), secretary.c.free_from <= bindparam("at", type_=Instant)),
)
_CLAIM = {
    # Told by the row that comes back: psycopg counts none of an insert's rows.
    dialect.dialect.name: Fixed(
        dialect.insert(seat_claim)
        .from_select(["secretary_id", "call_id"], _FREE_SEAT)
        .on_conflict_do_nothing(index_elements=["secretary_id"])
        .returning(seat_claim.c.secretary_id)
    )
    for dialect in (sqlite, postgresql)
}
_FREE = Fixed(
    delete(seat_claim).where(seat_claim.c.secretary_id == bindparam("who"), seat_claim.c.call_id == bindparam("call"))
)
_REST = Fixed(update(secretary).where(secretary.c.id == bindparam("who")).values(free_from=bindparam("free_at")))
# A pause that was asked for during the call, or while her telephone rang, begins at its end.
_PAUSE_FROM_NOW = Fixed(
    update(pause)
    .where(pause.c.secretary_id == bindparam("who"), pause.c.ended_at.is_(None))
    .values(began_at=bindparam("freed_at"))
)
_PAUSED_FROM_NOW = Fixed(
    update(secretary)
    .where(secretary.c.id == bindparam("who"), secretary.c.paused)
    .values(paused_at=bindparam("freed_at"))
)


def claim_seat(conn: Connection, step: Save, secretary_id: int) -> bool:
    """Whether the step got her seat: one conditional statement, never read-then-write.

    The call's own row may follow (a deferred foreign key).
    """
    claim = {"who": secretary_id, "call": step.call.id, "at": step.entries[-1].at}
    return _CLAIM[conn.dialect.name].run(conn, claim).fetchone() is not None


def write(conn: Connection, steps: Sequence[Save]) -> None:
    """Writes what steps have made of their calls, each as the last one says, and all that their journals say."""
    last = {step.call.id: step for step in steps if not step.only_noted}
    new = {step.call.id for step in steps if step.new}
    rows = {call_id: _row(step.call) for call_id, step in last.items()}
    here = node_here(conn)
    inserts = [
        row | _arrived(last[call_id].call) | {"id": call_id, "node": here}
        for call_id, row in rows.items()
        if call_id in new
    ]
    updates = [row | {"call_id": call_id} for call_id, row in rows.items() if call_id not in new]
    _INSERT_CALL.run_each(conn, inserts)
    _UPDATE_CALL.run_each(conn, updates)
    _INSERT_ENTRY.run_each(conn, [_entry_row(step.call.id, entry) for step in steps for entry in step.entries])
    _note_dialling(conn, steps)


def free_seats(conn: Connection, steps: Sequence[Save]) -> None:
    """Gives back the seats that steps let go of; who has a wrap-up rests."""
    freed = [(step, command) for step in steps for command in step.commands if isinstance(command, FreeSeat)]
    if not freed:
        return
    _FREE.run_each(conn, [{"who": command.secretary_id, "call": step.call.id} for step, command in freed])
    resting = [
        {"who": command.secretary_id, "free_at": command.free_from}
        for step, command in freed
        if command.free_from > step.entries[-1].at
    ]
    _REST.run_each(conn, resting)
    for step, command in freed:
        end = {"who": command.secretary_id, "freed_at": step.entries[-1].at}
        if _PAUSED_FROM_NOW.run(conn, end).rowcount:
            _PAUSE_FROM_NOW.run(conn, end)


def _note_dialling(conn: Connection, steps: Sequence[Save]) -> None:
    rows = [
        {
            "leg": command.leg,
            "call_id": step.call.id,
            "client_id": step.call.known.client_id,
            "number": command.number,
            "shown": command.shown,
            "trunk": command.trunk,
            "at": step.entries[-1].at,
        }
        for step in steps
        for command in step.commands
        if isinstance(command, NoteDialling)
    ]
    _INSERT_DIALLING.run_each(conn, rows)


def seconds(length: timedelta | None) -> float | None:
    """A length as it is kept and shown to programs: to a tenth."""
    return None if length is None else round(length.total_seconds(), 1)


def _arrived(call: Call) -> dict[str, Any]:
    """What stays as it was at the arrival: written once, since each index on it costs every later step time."""
    facts = call.known
    return {
        "client_id": facts.client_id,
        "did": facts.did,
        "trunk": facts.trunk,
        "caller": call.caller.number,
        "caller_name": call.caller.name,
        "arrived_at": call.arrived_at,
        "turned_away": facts.turned_away,
    }


def _row(call: Call) -> dict[str, Any]:
    """What a step may change."""
    lengths, over = lengths_of(call), call.phase is Phase.ENDED
    return {
        "phase": call.phase.value,
        "outcome": call.outcome.value if call.outcome and not call.taken_over else "",
        "secretary_id": call.answered_by.secretary_id if call.answered_by else None,
        "queued_at": call.queued_at,
        "answered_at": call.answered_at,
        "hung_up_at": None if call.taken_over else call.ended_at,
        "ended_at": call.ended_at if over and not call.taken_over else None,
        "recording": call.recording,
        "recording_flaw": call.recording_flaw,
        "message": call.message,
        "message_flaw": call.message_flaw if over else "",
        "transferred_to": call.transferred_to,
        "handed_over_at": call.handed_over_at,
        "talked": seconds(lengths.talked),
        "transferred": seconds(lengths.transferred),
        "hosted_by": "switch" if call.taken_over else "daemon",
        "state": None if over else _encode(call),
    }


def _entry_row(call_id: str, entry: Line) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "seq": entry.seq,
        "at": entry.at,
        "event": entry.event,
        "details": _encode(entry.details).decode(),
    }
