"""What happens in calls is told to webhooks: an event enters the outbox in the transaction that makes it true."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection

from pbx_control.domain.call.events import SecretaryAnswered
from pbx_control.domain.call.lengths import lengths_of
from pbx_control.domain.call.model import Call
from pbx_control.domain.call.saving import Save
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.webhooks import MOST_WAITING, CallEvent, Listener, OfCall, answered, ended, letter_of, started
from pbx_control.store import calls, clients, letters, webhooks

ANSWER = SecretaryAnswered.__name__


def tell(conn: Connection, events: Sequence[CallEvent], url: str) -> None:
    """Writes events for each webhook that wants them; `url`: where the pages are. The same event once more is written
    once."""
    listeners = webhooks.listening(conn) if events else []
    if told := [(event, one) for event in events for one in listeners if one.wants(event)]:
        _write(conn, told, url)


def _write(conn: Connection, told: Sequence[tuple[CallEvent, Listener]], url: str) -> None:
    """All at once: a live call's step waits for each statement."""
    firms = {number: clients.get(conn, number) for number in {event.client_id for event, _ in told}}
    room = {number: _room(conn, number) for number in {one.id for _, one in told}}
    leaving, lost = list[Letter](), Counter[int]()
    for event, one in told:
        if room[one.id] > 0:
            firm = firms[event.client_id]
            leaving.append(letter_of(event, one, firm.slug, url, sensitive=firm.sensitive))
            room[one.id] -= 1
        else:
            lost[one.id] += 1
    letters.add(conn, leaving)
    for number, how_many in sorted(lost.items()):
        webhooks.count_lost(conn, number, how_many)


def _room(conn: Connection, number: int) -> int:
    """How many more may wait for a webhook."""
    return MOST_WAITING - letters.waits_for_program(conn, str(number), MOST_WAITING)


def of_beginnings(steps: Iterable[Save]) -> list[CallEvent]:
    """What there is to tell of calls that these steps begin, or by which a secretary is the first to answer one."""
    return [event for step in steps if not step.only_noted for event in _beginning(step)]


def _beginning(step: Save) -> Iterator[CallEvent]:
    call, at = step.call, step.call.answered_at
    if step.new:
        yield started(_of(call))
    if at and any(line.event == ANSWER and line.at == at for line in step.entries):
        yield answered(_of(call), at)


def of_ends(over: Iterable[Call]) -> list[CallEvent]:
    """What there is to tell of calls that have ended."""
    return [event for call in over if call.ended_at for event in ended(_of(call), call.ended_at)]


def tells(step: Save) -> bool:
    """Whether the step may have written an event."""
    return step.new or step.call.ended_at is not None or any(line.event == ANSWER for line in step.entries)


def _of(call: Call) -> OfCall:
    began = call.arrived_at or call.answered_at or call.ended_at
    assert began is not None  # it has arrived
    return OfCall(
        id=call.id,
        client_id=call.known.client_id,
        caller=call.caller.number,
        arrived_at=began,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        outcome=call.outcome.value if call.outcome else "",
        talked=calls.seconds(lengths_of(call).talked),
        recorded=bool(call.recording) and call.recording_flaw != "missing",
        left_message=bool(call.message),
    )
