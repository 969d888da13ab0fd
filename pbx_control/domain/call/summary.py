"""What a call was, for whoever is told of it when it is over."""

from datetime import timedelta

from pbx_control.domain.call.lengths import lengths_of
from pbx_control.domain.call.model import Call, Outcome
from pbx_control.domain.notices.messages import CallSummary


def summary_of(call: Call) -> CallSummary:
    """What a summary tells about a call that is over, or that was handed over: from then on it is the client's own
    conversation, so it counts as answered and over (docs/service.md rule 9)."""
    facts, arrived = call.known, call.arrived_at
    over, outcome = (call.handed_over_at, Outcome.ANSWERED) if call.handed_over_at else (call.ended_at, call.outcome)
    if arrived is None or over is None or outcome is None:
        raise ValueError(f"call {call.id} is neither over nor handed over")
    until, lengths = call.answered_at or over, lengths_of(call)
    return CallSummary(
        call_id=call.id,
        client_id=facts.client_id,
        client_name=facts.client_name,
        language=facts.language,
        timezone=facts.timezone,
        did=facts.did,
        caller=call.caller.number,
        caller_name=call.caller.name,
        outcome=outcome,
        secretary=call.answered_by.name if call.answered_by else "",
        arrived_at=arrived,
        transferred_to=call.transferred_to,
        ended_at=over,
        waited=until - arrived,
        talked=lengths.talked or timedelta(0),
        recording_flaw=call.recording_flaw,
        message=call.message,
        message_flaw=call.message_flaw,
        message_kept=timedelta(seconds=call.message_kept),
        wrong_number=call.wrong_number,
        spam=call.spam,
    )
