"""Calls that the switch served alone enter the store: row, journal and letters in one transaction, each once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from pbx_control.domain.call.model import Outcome
from pbx_control.domain.money.quota import Uncounted
from pbx_control.domain.money.repeats import Arrived
from pbx_control.domain.notices.messages import CallSummary
from pbx_control.domain.webhooks import CallEvent, OfCall, answered, ended, started
from pbx_control.services import call_events, figures, messages, steps
from pbx_control.services.steps import Rules
from pbx_control.store import caller_marks, calls, clients, dids, ledger, secretaries
from pbx_control.store.calls import Begun, ServedBySwitch
from pbx_control.store.secretaries import Telephone


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
    spam: bool = False
    events: Sequence[SwitchEvent] = ()


def take_in(conn: Connection, one: SwitchCall, rules: Rules) -> bool:
    """Remembers the call and writes its letters; one that is in the store to its end already is left as it is.

    A call that the daemon had begun is completed, and what the daemon saw of it stays. False if the daemon has not
    let go of it yet: then nothing is done, and it must be tried again.
    """
    begun = calls.find(conn, one.id)
    if begun and begun.live:
        return False
    if begun and begun.ended_at:
        return True
    one = _with_what_the_daemon_saw(conn, one, begun) if begun else one
    owner, her = _owner(conn, one), secretaries.of_telephone(conn, one.answered_by)
    calls.write_served_by_switch(conn, _served(one, owner, her), new=begun is None)
    calls.add_lines(conn, one.id, [(event.at, "ServedByTheSwitch", _told(event)) for event in one.events])
    told = _told_of(one, begun, owner) if owner is not None else None
    if told:
        call_events.tell(conn, _before_its_end(told, begun), rules.url)
    _charge(conn, one, begun, owner, rules)
    _write_letters(conn, one, owner, her, rules)
    if told:
        call_events.tell(conn, ended(told, one.ended_at), rules.url)
    _tell_losses(conn, one, owner, rules)
    figures.count_kept(conn, one.id)
    return True


def _told_of(one: SwitchCall, begun: Begun | None, owner: int) -> OfCall:
    """What programs are told of it."""
    return OfCall(
        id=one.id,
        client_id=owner,
        caller=begun.caller if begun else one.caller,
        arrived_at=begun.arrived_at if begun else one.arrived_at,
        answered_at=one.answered_at,
        ended_at=one.ended_at,
        outcome=one.outcome.value,
        talked=calls.seconds(one.talked) if one.answered_at else None,
        recorded=bool(one.recording) and one.recording_flaw != "missing",
        left_message=bool(one.message),
    )


def _before_its_end(told: OfCall, begun: Begun | None) -> list[CallEvent]:
    """What nobody has told while the call lasted."""
    first = [] if begun else [started(told)]
    was_answered = begun is not None and begun.answered_at is not None
    return [*first, *([answered(told, told.answered_at)] if told.answered_at and not was_answered else [])]


def settle_unended(conn: Connection, node: str, at: datetime, rules: Rules) -> int:
    """Ends the calls that the switch of that node has taken over and will tell nothing more of; gives how many. `at`:
    when the node was last seen."""
    left = calls.unended(conn, node)
    for begun in left:
        over = max(at, begun.answered_at or begun.arrived_at)
        one = SwitchCall(
            id=begun.id,
            did=begun.did,
            client_id=begun.client_id,
            caller=begun.caller,
            caller_name=begun.caller_name,
            arrived_at=begun.arrived_at,
            ended_at=over,
            outcome=Outcome.MISSED,
            recording=begun.recording,
            recording_flaw="missing" if begun.recording else "",
            events=[SwitchEvent(at=over, name="retired", details=node)],
        )
        take_in(conn, one, rules)
    return len(left)


def _with_what_the_daemon_saw(conn: Connection, one: SwitchCall, begun: Begun) -> SwitchCall:
    """The whole call, of which the switch tells the rest: who has talked with a secretary was answered, whatever became
    of him afterwards. How long the switch's part of a recording should be is not known then."""
    if begun.answered_at is None:
        return one
    uncounted = ledger.uncounted(conn, one.id)
    return replace(
        one,
        outcome=Outcome.ANSWERED,
        answered_at=begun.answered_at,
        talked=one.talked + _talked_before(one, begun, begun.answered_at),
        answered_by=one.answered_by or begun.answered_by,
        recording=one.recording or begun.recording,
        recording_flaw="" if one.recording_flaw != "missing" or begun.recording else "missing",
        wrong_number=uncounted is Uncounted.WRONG_NUMBER,
        spam=uncounted is Uncounted.SPAM,
    )


def _talked_before(one: SwitchCall, begun: Begun, answered_at: datetime) -> timedelta:
    """How long he had talked with a secretary when the switch took him over: the daemon knows, or had gone by then."""
    if begun.talked is not None:
        return timedelta(seconds=begun.talked)
    until = next((event.at for event in one.events if event.name == "entered"), one.ended_at)
    return max(until - answered_at, timedelta(0))


def _charge(conn: Connection, one: SwitchCall, begun: Begun | None, owner: int | None, rules: Rules) -> None:
    """The switch asks for no unit before somebody answers; what it served is charged now, as a debt if need be.
    `begun`: what the daemon knew of the call before. Who is a tester, or blocked, costs nothing (rule 10): one who was
    blocked a moment ago may still have been let in."""
    if owner is None or one.answered_at is None or caller_marks.is_marked(conn, one.caller, owner):
        return
    caller, at = (begun.caller, begun.arrived_at) if begun else (one.caller, one.arrived_at)
    steps.charge(conn, owner, Arrived(one.id, caller, at), one.answered_at, rules)


def _served(one: SwitchCall, owner: int | None, her: Telephone | None) -> ServedBySwitch:
    return ServedBySwitch(
        id=one.id,
        client_id=owner,
        did=one.did,
        caller=one.caller,
        caller_name=one.caller_name,
        outcome=one.outcome.value,
        secretary_id=her.secretary_id if her else None,
        arrived_at=one.arrived_at,
        answered_at=one.answered_at,
        ended_at=one.ended_at,
        talked=one.talked if one.answered_at else None,
        recording=one.recording,
        recording_flaw=one.recording_flaw,
        message=one.message,
        message_flaw=one.message_flaw,
    )


def _owner(conn: Connection, one: SwitchCall) -> int | None:
    """Whose call it was. A number may have got another client since: his is the call least of all."""
    if one.client_id is not None:
        return one.client_id if clients.is_there(conn, one.client_id) else None
    return dids.owner_of(conn, one.did)


def _told(event: SwitchEvent) -> dict[str, str]:
    return {"what": event.name, "details": event.details}


def _tell_losses(conn: Connection, one: SwitchCall, owner: int | None, rules: Rules) -> None:
    """The admin hears of a message that was lost or cut, and of a recording if the disk is full still."""
    what = "message" if one.message_flaw else "recording" if one.recording_lost else ""
    if not what:
        return
    name = clients.get(conn, owner).name if owner is not None else ""
    steps.tell_loss(conn, what, one.id, name, one.caller, one.ended_at, rules)


def _write_letters(conn: Connection, one: SwitchCall, owner: int | None, her: Telephone | None, rules: Rules) -> None:
    if owner is None or one.outcome is Outcome.BLOCKED:
        return
    client = clients.get(conn, owner)
    if one.outcome is Outcome.CLOSED and not client.summary_closed:
        return
    until = one.answered_at or one.ended_at
    summary = CallSummary(
        call_id=one.id,
        client_id=client.id,
        client_name=client.name,
        language=client.language,
        timezone=client.timezone,
        did=one.did,
        caller=one.caller,
        caller_name=one.caller_name,
        outcome=one.outcome,
        secretary=her.name if her else "",
        arrived_at=one.arrived_at,
        ended_at=one.ended_at,
        waited=max(until - one.arrived_at, timedelta(0)),
        talked=one.talked,
        recording_flaw=one.recording_flaw,
        message=one.message,
        message_flaw=one.message_flaw,
        message_kept=one.message_kept,
        wrong_number=one.wrong_number,
        spam=one.spam,
    )
    messages.call_is_over(conn, summary, her.secretary_id if her else None, one.ended_at, rules)
