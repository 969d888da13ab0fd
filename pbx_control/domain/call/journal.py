"""What the journal keeps of each event; `story.py` has the words for it."""

from typing import Any

from pbx_control.domain.call.events import (
    CallArrived,
    CallerLeft,
    DeadlinePassed,
    Event,
    FilesInspected,
    Offered,
    PromptEnded,
    RecordingEnded,
    SecretaryLeft,
    SwitchRefused,
)
from pbx_control.domain.call.model import Call, Deadline

# The deadlines that are about a secretary's telephone.
HERS = (Deadline.OFFER, Deadline.WITHDRAWAL)


def details(event: Event, before: Call, after: Call) -> dict[str, Any]:
    """What is worth keeping of an event besides its name and instant, as JSON values; the phase if it changed."""
    kept = _details_of(event, before)
    return kept | {"phase": after.phase.value} if after.phase is not before.phase else kept


def _details_of(event: Event, before: Call) -> dict[str, Any]:
    match event:
        case CallArrived(facts=facts, caller=caller):
            arrived = {"did": facts.did, "client": facts.slug, "caller": caller.number, "name": caller.name}
            return arrived | {"admission": facts.admission.value} | ({"why": facts.why} if facts.why else {})
        case Offered(seat=seat):
            return {"secretary": seat.name}
        case SecretaryLeft(cause=cause):
            return {"cause": cause, "during": before.phase.value} | _her(before)
        case CallerLeft(cause=cause):
            return {"cause": cause, "during": before.phase.value}
        case PromptEnded():
            return {"during": before.phase.value}
        case DeadlinePassed(name=name, position=position):
            told = {"deadline": name.value} | ({"position": position} if name == Deadline.POSITION else {})
            return told | (_her(before) if name in HERS else {})
        case RecordingEnded(path=path):
            return {"file": path}
        case FilesInspected(recording_seconds=recording, message_seconds=message):
            return {"recording": recording, "message": message}
        case SwitchRefused(command=command, why=why):
            return {"command": command, "why": why}
    return _her(before)


def _her(call: Call) -> dict[str, Any]:
    return {"secretary": call.seat.name} if call.seat else {}
