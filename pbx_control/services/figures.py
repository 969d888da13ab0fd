"""The figures of the house: counted as calls end, read for the wallboard and the curves, compared each night."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.call.lengths import lengths_of
from pbx_control.domain.call.model import Call, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.domain.figures.days import DAY, begin_of, day_of, quarter_of
from pbx_control.domain.figures.levels import DELIVERED_WITHIN, GIVEN_UP_SHOWN, Sums, Told, sums_of
from pbx_control.services.work import booking
from pbx_control.store import calls, letters, messages, quarters
from pbx_control.store.engine import node_here, reading
from pbx_control.store.quarters import ALL, Counted, OfClient

# So far back the nightly job compares the sums with the calls.
COMPARED = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Today:
    """What the database tells of the office's day so far."""

    day: date
    all: Sums
    clients: Sequence[OfClient]  # those that had calls, by name
    undelivered: int  # letters to clients' recipients
    open_messages: int


# --- counting ---------------------------------------------------------------------------------------------


def ending(conn: Connection, steps: Iterable[Save]) -> list[Call]:
    """The calls that these steps end, before they are written: each is counted once, however often its end is saved.
    One that the switch has taken over is counted when that tells of it."""
    last = {step.call.id: step.call for step in steps if not step.only_noted}
    over = (call for call in last.values() if call.phase is Phase.ENDED and not call.taken_over)
    return [call for call in over if not quarters.has_ended(conn, call.id)]


def count(conn: Connection, over: Iterable[Call]) -> None:
    """Adds calls that have ended to their quarter hours, in the transaction that ends them; the last thing that is done
    in it."""
    here = node_here(conn)
    quarters.add(conn, [one for one in (_counted(call, here) for call in over) if one])


def count_kept(conn: Connection, call_id: str) -> None:
    """The same, for a call that is in the store now as the switch has told it."""
    if one := quarters.counted(conn, call_id):
        quarters.add(conn, [one])


def _counted(call: Call, node: str) -> Counted | None:
    if call.arrived_at is None:
        return None
    told = Told(
        outcome=call.outcome.value if call.outcome else "",
        arrived_at=call.arrived_at,
        queued_at=call.queued_at,
        answered_at=call.answered_at,
        over_at=call.ended_at,
        talked=calls.seconds(lengths_of(call).talked),
    )
    sums = sums_of(told)
    return Counted(call.known.client_id, call.arrived_at, node, sums) if sums else None


# --- reading ----------------------------------------------------------------------------------------------


def today(conn: Connection, zone: ZoneInfo, at: datetime) -> Today:
    """The office's day until now; `zone` is the office's."""
    day = day_of(at, zone)
    since, until = begin_of(day, zone), begin_of(day + DAY, zone)
    live = quarters.answered_and_live(conn, since)
    return Today(
        day,
        Sums.of([quarters.total(conn, since, until), *live.values()]),
        _with_live(conn, quarters.by_client(conn, since, until), live),
        letters.count_undelivered(conn, at - DELIVERED_WITHIN, at - GIVEN_UP_SHOWN),
        messages.count_open(conn),
    )


def _with_live(conn: Connection, clients: Iterable[OfClient], live: Mapping[int, Sums]) -> list[OfClient]:
    """The clients' sums with those of the calls that are not over."""
    known = {one.client_id: one for one in clients}
    first = quarters.clients_with_calls(conn, live.keys() - known.keys())
    known |= {client_id: OfClient(client_id, *names, Sums()) for client_id, names in first.items()}
    added = [replace(one, sums=one.sums + live.get(one.client_id, Sums())) for one in known.values()]
    return sorted(added, key=lambda one: (one.name, one.client_id))


def of_days(conn: Connection, first: date, days: int, zone: ZoneInfo, client_id: int = ALL) -> Mapping[datetime, Sums]:
    """What the calls of so many days became, by the quarter hours in which they came."""
    return quarters.by_quarter(conn, begin_of(first, zone), begin_of(first + days * DAY, zone), client_id)


# --- comparing --------------------------------------------------------------------------------------------


def compare(engine: Engine, actor: Actor, at: datetime) -> int:
    """Compares the sums of the last weeks with the calls, and puts right what is wrong; gives how many rows that were.

    Nobody waits while it reads; what is put right is added, so that calls that end meanwhile stay counted.
    """
    with reading(engine) as conn:
        found = quarters.differences(conn, quarter_of(at - COMPARED))
    if found:
        with booking(engine, actor, at) as work:
            quarters.add_rows(work.conn, {key: right - kept for key, (kept, right) in found.items()})
            work.note(Verb.FIGURES_PUT_RIGHT, "", new={"entries": len(found)})
    return len(found)
