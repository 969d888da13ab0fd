"""A client's calls as one of its people reads them: each with what was written about it, and whether he has opened it.

Every question names the client: no page asks for anything else.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, tuple_, union_all

from pbx_control.domain.words.characters import folded
from pbx_control.store import restrictions
from pbx_control.store.engine import insert_into
from pbx_control.store.rows import record
from pbx_control.store.tables import account_user, call, message, message_version, opened, secretary, urgency

# Fewer digits than these are no part of a number that anybody would look for.
FEWEST_DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Whose calls are asked for, and for whom: one of the client's people."""

    client_id: int
    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which calls are wanted; what is empty is not asked for."""

    text: str = ""  # of the caller's name or number, or of what was written
    unread: bool = False
    urgent: bool = False
    contact: str = ""  # to whom it was handed over
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A call of the client's."""

    call_id: str
    arrived_at: datetime
    caller: str
    caller_name: str
    outcome: str  # domain.call.model.Outcome
    secretary: str
    transferred_to: str
    answered_at: datetime | None
    handed_over_at: datetime | None
    ended_at: datetime | None  # None: it lasts still, and was handed over
    talked: float | None  # seconds
    recording: str
    recording_flaw: str
    message: str
    message_flaw: str
    node: str
    version: int  # of the words; 0: none were sent
    gist: str
    urgent: bool
    seen_by: str  # who has seen an urgent one, or ""
    unseen: bool  # it is urgent, and nobody has seen it yet
    waits: bool  # the secretary has still to write
    unread: bool
    restricted: bool = False  # a request of the caller's is being decided: nothing of it is shown


Place = tuple[datetime, str]
"""Where a page of calls ends: the next one has what is older."""


def page(conn: Connection, reader: Reader, wanted: Wanted, limit: int, after: Place | None = None) -> list[Received]:
    """The newest calls that are wanted, newest first; with `after` those that follow it."""
    query = _received(reader).where(*_conditions(reader, wanted))
    if after:
        query = query.where(tuple_(call.c.arrived_at, call.c.id) < tuple_(*after))
    query = query.order_by(call.c.arrived_at.desc(), call.c.id.desc()).limit(limit)
    return [_shown(record(Received, row)) for row in conn.execute(query)]


def find(conn: Connection, reader: Reader, call_id: str) -> Received | None:
    """One call; None if the client has none of that id."""
    row = conn.execute(_received(reader).where(call.c.id == call_id)).one_or_none()
    return _shown(record(Received, row)) if row else None


def among(conn: Connection, reader: Reader, call_ids: Collection[str]) -> list[Received]:
    """Those of these calls that are his client's."""
    query = _received(reader).where(call.c.id.in_(call_ids))
    return [_shown(record(Received, row)) for row in conn.execute(query)]


def unread(conn: Connection, reader: Reader) -> int:
    """How many calls he has not opened."""
    query = select(func.count()).select_from(_joined(reader)).where(_of(reader), _is_unread(reader))
    return conn.scalar(query) or 0


def note_opened(conn: Connection, reader: Reader, call_ids: Sequence[str], at: datetime) -> None:
    """He has opened these calls of his client's."""
    rows = [{"call_id": one, "user_id": reader.user_id, "at": at} for one in call_ids]
    if rows:
        conn.execute(insert_into(conn.dialect.name, opened).on_conflict_do_nothing(), rows)


def contacts(conn: Connection, client_id: int) -> list[str]:
    """To whom calls were handed over, by name."""
    names = select(call.c.transferred_to).where(call.c.client_id == client_id, call.c.transferred_to != "").distinct()
    return sorted(conn.scalars(names))


def _shown(one: Received) -> Received:
    """The call as it may be shown: that there was one, if a request of the caller's is being decided."""
    if not one.restricted:
        return one
    who = replace(one, caller="", caller_name="", transferred_to="", gist="", version=0, urgent=False, waits=False)
    who = replace(who, seen_by="", unseen=False)
    return replace(who, recording="", recording_flaw="", message="", message_flaw="")


def _received(reader: Reader) -> Select[Any]:
    names = ("arrived_at", "caller", "caller_name", "outcome", "transferred_to", "answered_at", "handed_over_at")
    more = ("ended_at", "talked", "recording", "recording_flaw", "message", "message_flaw", "node")
    return (
        select(
            call.c.id.label("call_id"),
            *(call.c[name] for name in (*names, *more)),
            func.coalesce(secretary.c.name, "").label("secretary"),
            func.coalesce(message.c.version, 0).label("version"),
            func.coalesce(message_version.c.gist, "").label("gist"),
            or_(func.coalesce(message_version.c.urgent, False), urgency.c.call_id.is_not(None)).label("urgent"),
            func.coalesce(urgency.c.seen_by, "").label("seen_by"),
            and_(urgency.c.call_id.is_not(None), urgency.c.seen_at.is_(None)).label("unseen"),
            _waits().label("waits"),
            _is_unread(reader).label("unread"),
            restrictions.covers().label("restricted"),
        )
        .select_from(_joined(reader))
        .where(_of(reader))
    )


def _joined(reader: Reader) -> Any:
    newest = and_(message_version.c.call_id == call.c.id, message_version.c.version == message.c.version)
    his = and_(opened.c.call_id == call.c.id, opened.c.user_id == reader.user_id)
    return (
        call.outerjoin(secretary, secretary.c.id == call.c.secretary_id)
        .outerjoin(message, message.c.call_id == call.c.id)
        .outerjoin(message_version, newest)
        .outerjoin(urgency, urgency.c.call_id == call.c.id)
        .outerjoin(opened, his)
    )


def _of(reader: Reader) -> ColumnElement[bool]:
    """The client's calls of which there is something to tell."""
    return and_(call.c.client_id == reader.client_id, told())


def told() -> ColumnElement[bool]:
    """Whether there is something to tell of a call: it is over, or was handed over."""
    return or_(call.c.ended_at.is_not(None), call.c.handed_over_at.is_not(None))


def _waits() -> ColumnElement[bool]:
    unsent = message.c.call_id.is_not(None), message.c.sent_at.is_(None)
    return and_(*unsent)


def _is_unread(reader: Reader) -> ColumnElement[bool]:
    """What came before his account was made is nothing new to him."""
    since = select(account_user.c.created_at).where(account_user.c.id == reader.user_id).scalar_subquery()
    return and_(opened.c.call_id.is_(None), call.c.arrived_at >= since)


def _conditions(reader: Reader, wanted: Wanted) -> list[ColumnElement[bool]]:
    found = []
    if wanted.text or wanted.urgent or wanted.contact:
        # That a call is found, or is not, would tell what may not be shown.
        found.append(~restrictions.covers())
    if wanted.text:
        found.append(_says(reader.client_id, wanted.text))
    if wanted.unread:
        found.append(_is_unread(reader))
    if wanted.urgent:
        marked = select(urgency.c.call_id).where(urgency.c.client_id == reader.client_id)
        found.append(call.c.id.in_(union_all(_sent(reader.client_id).where(message_version.c.urgent), marked)))
    if wanted.contact:
        found.append(call.c.transferred_to == wanted.contact)
    if wanted.since:
        found.append(call.c.arrived_at >= wanted.since)
    if wanted.until:
        found.append(call.c.arrived_at < wanted.until)
    return found


def _says(client_id: int, text: str) -> ColumnElement[bool]:
    """A part of the caller's name or number, or each word somewhere in what was written. Both are looked for apart: a
    hundred thousand calls that are joined with all that is shown of them take longer."""
    words = folded(text).split()
    written = _sent(client_id).where(
        and_(*(message_version.c.searched.contains(word, autoescape=True) for word in words))
    )
    theirs = call.alias()
    places = [theirs.c.caller_name.icontains(text.strip(), autoescape=True)]
    digits = "".join(char for char in text if char.isascii() and char.isdigit())
    if len(digits) >= FEWEST_DIGITS and not any(char.isalpha() for char in text):
        # As people write it at home, a leading 0 is no part of what the switch was told.
        places.append(theirs.c.caller.contains(digits.lstrip("0"), autoescape=True))
    calling = select(theirs.c.id).where(theirs.c.client_id == client_id, or_(*places))
    return call.c.id.in_(union_all(written, calling))


def _sent(client_id: int) -> Select[tuple[str]]:
    """The calls of which the words that were sent last are to be looked at."""
    newest = and_(message.c.call_id == message_version.c.call_id, message.c.version == message_version.c.version)
    return select(message_version.c.call_id).join(message, newest).where(message.c.client_id == client_id)
