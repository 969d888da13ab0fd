"""Urgent messages: who was told again of one that nobody had seen, and who has seen it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.store import restrictions
from pbx_control.store.engine import is_new
from pbx_control.store.fixed import FixedQuery
from pbx_control.store.rows import record
from pbx_control.store.tables import call, client, mailbox, message, recipient, urgency, urgent_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgency:
    """How it stands with an urgent message; what the columns mean is told in `tables.urgency`."""

    call_id: str
    client_id: int
    began_at: datetime
    due_at: datetime | None
    seen_at: datetime | None
    seen_by: str
    given_up_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """That somebody was told again."""

    at: datetime
    who: Recipient
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDesk:
    """An urgent message as a secretary's list shows it."""

    call_id: str
    client_name: str
    timezone: str
    caller: str
    caller_name: str


_COLUMNS = tuple(urgency.c[name] for name in Urgency.__slots__)
_FIND = FixedQuery(Urgency, select(*_COLUMNS).where(urgency.c.call_id == bindparam("call")))
_STEPS = FixedQuery(
    lambda at, channel, address, round: Step(at=at, who=Recipient(Channel(channel), address), round=round),
    select(urgent_step.c.at, urgent_step.c.channel, urgent_step.c.address, urgent_step.c.round)
    .where(urgent_step.c.call_id == bindparam("call"))
    .order_by(urgent_step.c.number),
)


def begin(conn: Connection, call_id: str, client_id: int, at: datetime) -> bool:
    """A message is urgent from now on, and somebody has to say that he has seen it; False if it was before."""
    return is_new(conn, urgency, {"call_id": call_id, "client_id": client_id, "began_at": at, "due_at": at})


def find(conn: Connection, call_id: str) -> Urgency | None:
    """How it stands with the message about a call; None: it is not urgent, or has not gone yet."""
    return _FIND.first(conn, call=call_id)


def steps(conn: Connection, call_id: str) -> list[Step]:
    """Who was told again, the first one first."""
    return _STEPS.all(conn, call=call_id)


def claim_due(conn: Connection, at: datetime, limit: int) -> list[Urgency]:
    """Those about which something is to be done now, at most so many. Nobody else gets them, or says that he has seen
    one, until the transaction ends; of two that claim at once each gets others (SQLite has one writer anyway)."""
    due = urgency.c.due_at.is_not(None), or_(urgency.c.due_at <= at, _passed_over()), ~restrictions.covers()
    query = select(*_COLUMNS).join_from(urgency, call, call.c.id == urgency.c.call_id).where(*due)
    query = query.order_by(urgency.c.due_at, urgency.c.call_id).limit(limit)
    return [record(Urgency, row) for row in conn.execute(query.with_for_update(skip_locked=True, of=urgency))]


def _passed_over() -> ColumnElement[bool]:
    """Whether nobody who is waited for can be reached: the one who was told last, or all of them."""
    his = urgency.c.waits_channel, urgency.c.waits_address
    theirs = recipient.c.channel, recipient.c.address
    anybody = recipient.c.client_id == urgency.c.client_id, recipient.c.gets_calls, ~_fails(*theirs, recipient)
    nobody = ~exists().where(*anybody).correlate(urgency)
    return or_(_fails(*his, urgency), and_(urgency.c.waits_address == "", nobody))


def _fails(channel: ColumnElement[str], address: ColumnElement[str], of: FromClause) -> ColumnElement[bool]:
    theirs = mailbox.c.channel == channel, mailbox.c.address == address
    return exists().where(*theirs, mailbox.c.failing_since.is_not(None)).correlate(of)


def next_due(conn: Connection) -> datetime | None:
    """When something is to be done next; None: no urgent message waits to be seen."""
    return _NEXT_DUE.first(conn)


# Asked every two seconds, also where nothing is urgent. What must not be used for now wakes nobody.
_NEXT_DUE: FixedQuery[datetime | None] = FixedQuery(
    lambda due: due,
    select(func.min(case((_passed_over(), urgency.c.began_at), else_=urgency.c.due_at)).label("due"))
    .select_from(urgency.join(call, call.c.id == urgency.c.call_id))
    .where(urgency.c.due_at.is_not(None), ~restrictions.covers()),
)


def add_step(conn: Connection, call_id: str, number: int, step: Step, due_at: datetime) -> None:
    """Somebody is told again; whether somebody has seen it is looked at then."""
    who = {"channel": step.who.channel.value, "address": step.who.address}
    row = {"call_id": call_id, "number": number, "at": step.at, "round": step.round}
    conn.execute(insert(urgent_step).values(row | who))
    waits = {"waits_channel": who["channel"], "waits_address": who["address"], "due_at": due_at}
    conn.execute(update(urgency).where(urgency.c.call_id == call_id).values(waits))


def put_off(conn: Connection, call_id: str, due_at: datetime) -> None:
    """It is looked at again then."""
    conn.execute(update(urgency).where(urgency.c.call_id == call_id).values(due_at=due_at))


def give_up(conn: Connection, call_id: str, at: datetime) -> None:
    """Nobody is left to be told."""
    conn.execute(update(urgency).where(urgency.c.call_id == call_id).values(due_at=None, given_up_at=at))


def see(conn: Connection, call_id: str, who: str, at: datetime) -> bool:
    """Somebody has seen it: nobody is told again. False if somebody had before, or it is not urgent. Waits for whoever
    is about to tell the next one."""
    unseen = urgency.c.call_id == call_id, urgency.c.seen_at.is_(None)
    return bool(conn.execute(update(urgency).where(*unseen).values(seen_at=at, seen_by=who, due_at=None)).rowcount)


def failing(conn: Connection, people: Collection[Recipient]) -> set[Recipient]:
    """Those of them whose address fails."""
    wanted = [(one.channel.value, one.address) for one in people]
    query = select(mailbox.c.channel, mailbox.c.address).where(
        mailbox.c.failing_since.is_not(None), tuple_(mailbox.c.channel, mailbox.c.address).in_(wanted)
    )
    return {Recipient(Channel(row.channel), row.address) for row in conn.execute(query)} if wanted else set()


def on_desk(conn: Connection, secretary_id: int, since: datetime) -> list[OnDesk]:
    """A secretary's urgent messages that nobody has seen yet, or that ended since then, the oldest first."""
    return _ON_DESK.all(conn, her=secretary_id, since=since)


def _on_desk() -> Select[Any]:
    about = urgency.join(message, message.c.call_id == urgency.c.call_id).join(call, call.c.id == urgency.c.call_id)
    since = bindparam("since", type_=urgency.c.began_at.type)
    return (
        select(urgency.c.call_id, client.c.name.label("client_name"), client.c.timezone, call.c.caller)
        .add_columns(call.c.caller_name)
        .select_from(about.join(client, client.c.id == urgency.c.client_id))
        .where(message.c.secretary_id == bindparam("her"), ~restrictions.covers())
        .where(or_(urgency.c.due_at.is_not(None), urgency.c.seen_at >= since, urgency.c.given_up_at >= since))
        .order_by(urgency.c.began_at, urgency.c.call_id)
    )


_ON_DESK = FixedQuery(OnDesk, _on_desk())
