"""Calls that the switch served alone enter the store: row, journal and letters in one transaction, each once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, func, insert, or_, select, update

from pbx_control.domain.call.model import Outcome
from pbx_control.domain.money.repeats import Arrived
from pbx_control.domain.notices.messages import CallSummary
from pbx_control.store import calls, ledger
from pbx_control.store.calls import Rules
from pbx_control.store.engine import node_here
from pbx_control.store.tables import call as call_table
from pbx_control.store.tables import caller_mark, client, did, journal, secretary

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchEvent:
    """One thing that the dialplan told of a call: entered, closed, exhausted, recording, answered, lost, message …"""

    at: datetime
    name: str
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchCall:
    """A call that the switch served, wholly or from some moment on, and that is over."""

    id: str
    did: str
    client_id: int | None = None  # whose number it was when the call came; None if the switch did not tell
    caller: str
    caller_name: str
    arrived_at: datetime
    ended_at: datetime
    outcome: Outcome
    answered_by: str = ""  # user of the secretary's telephone
    answered_at: datetime | None = None
    talked: timedelta = timedelta(0)  # with one secretary after another
    recording: str = ""
    recording_flaw: str = ""
    recording_lost: bool = False  # and there is no room where recordings lie
    message: str = ""
    message_flaw: str = ""
    message_kept: timedelta = timedelta(0)
    wrong_number: bool = False
    events: Sequence[SwitchEvent] = ()


def take_in(conn: Connection, one: SwitchCall, rules: Rules) -> bool:
    """Remembers the call and writes its letters; one that is in the store to its end already is left as it is.

    A call that the daemon had begun is completed, and what the daemon saw of it stays. False if the daemon has not
    let go of it yet: then nothing is done, and it must be tried again.
    """
    row = conn.execute(select(call_table).where(call_table.c.id == one.id)).mappings().first()
    if row and row["state"] is not None:
        return False
    if row and row["ended_at"]:
        return True
    one = _with_what_the_daemon_saw(conn, one, row) if row else one
    values = _row(conn, one)
    if row:
        began = {"arrived_at", "did", "client_id", "caller", "caller_name"}
        conn.execute(
            update(call_table)
            .where(call_table.c.id == one.id)
            .values({key: value for key, value in values.items() if key not in began})
        )
    else:
        conn.execute(insert(call_table).values(id=one.id, node=node_here(conn), **values))
    _add_journal(conn, one)
    _charge(conn, one, row, values["client_id"], rules)
    _write_letters(conn, one, values["client_id"], rules.office_name)
    _tell_losses(conn, one, values["client_id"], rules)
    return True


def settle_unended(conn: Connection, node: str, at: datetime, rules: Rules) -> int:
    """Ends the calls that the switch of that node has taken over and will tell nothing more of; gives how many. `at`:
    when the node was last seen."""
    open_ones = call_table.c.node == node, call_table.c.state.is_(None), call_table.c.ended_at.is_(None)
    rows = conn.execute(select(call_table).where(*open_ones)).all()
    for row in rows:
        over = max(at, row.answered_at or row.arrived_at)
        one = SwitchCall(
            id=row.id,
            did=row.did,
            client_id=row.client_id,
            caller=row.caller,
            caller_name=row.caller_name,
            arrived_at=row.arrived_at,
            ended_at=over,
            outcome=Outcome.MISSED,
            recording=row.recording,
            recording_flaw="missing" if row.recording else "",
            events=[SwitchEvent(at=over, name="retired", details=node)],
        )
        take_in(conn, one, rules)
    return len(rows)


def _with_what_the_daemon_saw(conn: Connection, one: SwitchCall, row: RowMapping) -> SwitchCall:
    """The whole call, of which the switch tells the rest: who has talked with a secretary was answered, whatever became
    of him afterwards. How long the switch's part of a recording should be is not known then."""
    if row["answered_at"] is None:
        return one
    her = conn.scalar(select(secretary.c.user).where(secretary.c.id == row["secretary_id"]))
    return replace(
        one,
        outcome=Outcome.ANSWERED,
        answered_at=row["answered_at"],
        talked=one.talked + _talked_before(one, row),
        answered_by=one.answered_by or her or "",
        recording=one.recording or row["recording"],
        recording_flaw="" if one.recording_flaw != "missing" or row["recording"] else "missing",
        wrong_number=ledger.is_wrong_number(conn, one.id),
    )


def _talked_before(one: SwitchCall, row: RowMapping) -> timedelta:
    """How long he had talked with a secretary when the switch took him over: the daemon knows, or had gone by then."""
    if row["talked"] is not None:
        return timedelta(seconds=row["talked"])
    until = next((event.at for event in one.events if event.name == "entered"), one.ended_at)
    before: timedelta = until - row["answered_at"]
    return max(before, timedelta(0))


def _charge(conn: Connection, one: SwitchCall, row: RowMapping | None, client_id: int | None, rules: Rules) -> None:
    """The switch asks for no unit before somebody answers; what it served is charged now, as a debt if need be. `row`:
    what the daemon knew of the call before."""
    if client_id is None or one.answered_at is None or is_marked(conn, one.caller, client_id):
        return
    caller, at = (row["caller"], row["arrived_at"]) if row else (one.caller, one.arrived_at)
    calls.charge(conn, client_id, Arrived(one.id, caller, at), one.answered_at, rules)


def is_marked(conn: Connection, caller: str, client_id: int) -> bool:
    """Whether the caller is a tester, or blocked, for that client or for all: neither costs it anything (rule 10).
    One who was blocked a moment ago may still have been let in."""
    marks = select(caller_mark.c.id).where(
        caller_mark.c.number == caller, or_(caller_mark.c.client_id == client_id, caller_mark.c.client_id.is_(None))
    )
    return conn.scalar(marks.limit(1)) is not None


def _row(conn: Connection, one: SwitchCall) -> dict[str, Any]:
    her = conn.execute(select(secretary.c.id).where(secretary.c.user == one.answered_by)).scalar()
    return {
        "client_id": _owner(conn, one),
        "did": one.did,
        "caller": one.caller,
        "caller_name": one.caller_name,
        "phase": "ended",
        "outcome": one.outcome.value,
        "secretary_id": her,
        "arrived_at": one.arrived_at,
        "answered_at": one.answered_at,
        "hung_up_at": one.ended_at,
        "ended_at": one.ended_at,
        "talked": calls.seconds(one.talked) if one.answered_at else None,
        "recording": one.recording,
        "recording_flaw": one.recording_flaw,
        "message": one.message,
        "message_flaw": one.message_flaw,
        "hosted_by": "switch",
        "state": None,
    }


def _owner(conn: Connection, one: SwitchCall) -> int | None:
    """Whose call it was. A number may have got another client since: his is the call least of all."""
    if one.client_id is not None:
        return conn.scalar(select(client.c.id).where(client.c.id == one.client_id))
    return conn.scalar(select(did.c.client_id).where(did.c.number == one.did))


def _add_journal(conn: Connection, one: SwitchCall) -> None:
    last = conn.execute(select(func.max(journal.c.seq)).where(journal.c.call_id == one.id)).scalar() or 0
    rows = [
        {
            "call_id": one.id,
            "seq": last + number,
            "at": event.at,
            "event": "ServedByTheSwitch",
            "details": _encode({"what": event.name, "details": event.details}).decode(),
        }
        for number, event in enumerate(one.events, start=1)
    ]
    if rows:
        conn.execute(insert(journal), rows)


def _tell_losses(conn: Connection, one: SwitchCall, client_id: int | None, rules: Rules) -> None:
    """The admin hears of a message that was lost or cut, and of a recording if the disk is full still."""
    what = "message" if one.message_flaw else "recording" if one.recording_lost else ""
    if not what:
        return
    name = conn.scalar(select(client.c.name).where(client.c.id == client_id)) or ""
    calls.tell_loss(conn, what, one.id, name, one.caller, one.ended_at, rules)


def _write_letters(conn: Connection, one: SwitchCall, client_id: int | None, office_name: str) -> None:
    owner = conn.execute(select(client).where(client.c.id == client_id)).mappings().first()
    if owner is None or one.outcome is Outcome.BLOCKED:
        return
    if one.outcome is Outcome.CLOSED and not owner["summary_closed"]:
        return
    her = conn.execute(select(secretary.c.name).where(secretary.c.user == one.answered_by)).scalar()
    until = one.answered_at or one.ended_at
    summary = CallSummary(
        call_id=one.id,
        client_id=owner["id"],
        client_name=owner["name"],
        language=owner["language"],
        timezone=owner["timezone"],
        did=one.did,
        caller=one.caller,
        caller_name=one.caller_name,
        outcome=one.outcome,
        secretary=her or "",
        arrived_at=one.arrived_at,
        ended_at=one.ended_at,
        waited=max(until - one.arrived_at, timedelta(0)),
        talked=one.talked,
        recording_flaw=one.recording_flaw,
        message=one.message,
        message_flaw=one.message_flaw,
        message_kept=one.message_kept,
        wrong_number=one.wrong_number,
    )
    calls.write_letters(conn, summary, office_name)
