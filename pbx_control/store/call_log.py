"""What happened: calls and their journals, as people ask for them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, or_, select, tuple_

from pbx_control.domain.words.characters import printable
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code
from pbx_control.store import restrictions
from pbx_control.store.tables import call, client, journal, secretary

# The switch's own calls enter the journal when they are over: who follows looks at calls that arrived so lately.
LATELY = timedelta(hours=1)
# Calls that an ambiguous part of an id is answered with.
SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """A call as `call list --json` shows it; the names are a promise to whoever reads that.

    The same call reads the same whether the daemon served it or the switch alone, but for `id` and `hosted_by`.
    """

    id: str
    client: str  # slug
    did: str
    caller: str
    caller_name: str
    outcome: str  # domain.call.model.Outcome; "" while it is not known
    secretary: str  # the name of who answered
    transferred_to: str  # the contact's name; "" if the call was not handed over
    arrived_at: datetime
    answered_at: datetime | None
    handed_over_at: datetime | None
    ended_at: datetime | None
    waited: float | None  # seconds until somebody answered, or it was over; None while he waits
    talked: float | None  # seconds with secretaries; None while they talk, or if nobody answered
    transferred: float | None  # seconds with the contact; None while they talk, or if there was no transfer
    recording: str  # path under recordings/, "" where there is none
    recording_flaw: str  # missing | short | long; "" is sound
    message: str  # path under recordings/ of a left message
    message_flaw: str  # lost | cut; "" is sound, or none was left
    hosted_by: str  # daemon | switch
    live: bool
    phase: str  # domain.call.model.Phase
    restricted: bool = False  # a request of the caller's is being decided


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a call's journal."""

    call_id: str
    seq: int
    at: datetime
    event: str
    details: Mapping[str, Any]


def newest(
    conn: Connection,
    *,
    slug: str | None = None,
    since: datetime | None = None,
    live: bool = False,
    limit: int = 100,
    after: LoggedCall | None = None,
) -> list[LoggedCall]:
    """The newest calls, newest first: of one client, since an instant, or only those that last still.

    With `after` those that come in that list after that call.
    """
    query = _calls().order_by(call.c.arrived_at.desc(), call.c.id.desc()).limit(limit)
    if slug is not None:
        query = query.where(client.c.slug == slug)
    if since is not None:
        query = query.where(call.c.arrived_at >= since)
    if live:
        query = query.where(call.c.state.is_not(None))
    if after is not None:
        query = query.where(tuple_(call.c.arrived_at, call.c.id) < tuple_(after.arrived_at, after.id))
    return [_shown(_logged(row)) for row in conn.execute(query)]


def shown(conn: Connection, part: str) -> LoggedCall:
    """The same as `find`, for somebody who reads it. Raises ClientMistake (RESTRICTED) while a request of the caller's
    is decided."""
    found = find(conn, part)
    if found.restricted:
        raise restrictions.refusal(found.id)
    return found


def find(conn: Connection, part: str) -> LoggedCall:
    """The call of that id, or the only one whose id begins or ends so.

    Raises ClientMistake if there is none, or more than one.
    """
    shown = clean_line(part, 64)
    found = _named(conn, part) if part and printable(part) else []
    if not found:
        raise ClientMistake("there is no call {call}", Code.NO_SUCH_CALL, call=shown or '""')
    if len(found) > 1:
        some = ", ".join(one.id for one in found)
        raise ClientMistake(
            "more than one call is meant by {call}: {some} …; write more of it", Code.AMBIGUOUS, call=shown, some=some
        )
    return found[0]


def journal_of(conn: Connection, call_id: str) -> list[Line]:
    """A call's journal, in order."""
    query = select(journal).where(journal.c.call_id == call_id).order_by(journal.c.seq)
    return [_line(row) for row in conn.execute(query)]


class Following:
    """Follows all journals: each `look` gives the lines written since the last one.

    It remembers how far it has read each call that is not over, so no line is missed or told twice, whichever order
    calls are saved in.
    """

    def __init__(self, conn: Connection, at: datetime) -> None:
        self._read: dict[str, int] = {}
        # What is over already is no news; of what lasts, the story so far is.
        self._over = {call_id for call_id, over in _lately(conn, at).items() if over}

    def look(self, conn: Connection, at: datetime) -> list[Line]:
        """The new lines, by time. `at` is now."""
        now = _lately(conn, at)
        open_ones = [call_id for call_id in now if call_id not in self._over]
        query = select(journal).where(journal.c.call_id.in_(open_ones)).order_by(journal.c.at, journal.c.seq)
        lines = [_line(row) for row in conn.execute(query) if row.seq > self._read.get(row.call_id, 0)]
        self._read = {call_id: self._read.get(call_id, 0) for call_id in open_ones if not now[call_id]}
        self._read |= {line.call_id: line.seq for line in lines if not now[line.call_id]}
        self._over = {call_id for call_id, over in now.items() if over}
        return lines

    def heard(self, lines: Iterable[Line], over: Iterable[str]) -> list[Line]:
        """Those of the lines, told by the daemon, that `look` has not given; `over`: calls that have ended by then."""
        new = [line for line in lines if line.seq > self._read.get(line.call_id, 0) and line.call_id not in self._over]
        self._read |= {line.call_id: line.seq for line in new}
        for call_id in over:
            self._read.pop(call_id, None)
            self._over.add(call_id)
        return new


def _lately(conn: Connection, at: datetime) -> dict[str, bool]:
    """The ids of the calls that last or arrived lately, each with whether it is over."""
    query = select(call.c.id, call.c.ended_at).where(or_(call.c.state.is_not(None), call.c.arrived_at >= at - LATELY))
    return {row.id: row.ended_at is not None for row in conn.execute(query.order_by(call.c.arrived_at))}


def _named(conn: Connection, part: str) -> list[LoggedCall]:
    exact = conn.execute(_calls().where(call.c.id == part)).first()
    if exact:
        return [_logged(exact)]
    alike = or_(call.c.id.startswith(part, autoescape=True), call.c.id.endswith(part, autoescape=True))
    return [_logged(row) for row in conn.execute(_calls().where(alike).order_by(call.c.arrived_at.desc()).limit(SHOWN))]


def _calls() -> Select[Any]:
    people = call.outerjoin(client, call.c.client_id == client.c.id).outerjoin(
        secretary, call.c.secretary_id == secretary.c.id
    )
    columns = (client.c.slug, secretary.c.name.label("secretary"), restrictions.covers().label("restricted"))
    return select(call, *columns).select_from(people)


def _shown(one: LoggedCall) -> LoggedCall:
    """The call as a list may show it: without who called, if a request of his is being decided."""
    if not one.restricted:
        return one
    return replace(one, caller="", caller_name="", transferred_to="", recording="", message="")


def _logged(row: Row[Any]) -> LoggedCall:
    until = row.answered_at or row.ended_at
    return LoggedCall(
        id=row.id,
        client=row.slug or "",
        did=row.did,
        caller=row.caller,
        caller_name=row.caller_name,
        outcome=row.outcome,
        secretary=row.secretary or "",
        transferred_to=row.transferred_to,
        arrived_at=row.arrived_at,
        answered_at=row.answered_at,
        handed_over_at=row.handed_over_at,
        ended_at=row.ended_at,
        waited=_seconds(until - row.arrived_at) if until else None,
        talked=row.talked,
        transferred=row.transferred,
        recording=row.recording,
        recording_flaw=row.recording_flaw,
        message_flaw=row.message_flaw,
        message=row.message,
        hosted_by=row.hosted_by,
        live=row.state is not None,
        phase=row.phase,
        restricted=bool(row.restricted),
    )


def _seconds(length: timedelta) -> float:
    return round(max(0.0, length.total_seconds()), 1)


def _line(row: Row[Any]) -> Line:
    return Line(row.call_id, row.seq, row.at, row.event, msgspec.json.decode(row.details))
