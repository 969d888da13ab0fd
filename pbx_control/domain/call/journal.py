"""What the journal keeps of each event; `story.py` has the words for it."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from pbx_control.domain.call.events import (
    Asked,
    CallArrived,
    CallerLeft,
    ContactAnswered,
    ContactLeft,
    ContactRinging,
    DeadlinePassed,
    DiallingRefused,
    Event,
    FilesInspected,
    KeyPressed,
    LoopFound,
    MessageInspected,
    NewStream,
    Offered,
    PromptEnded,
    RecordingEnded,
    SecretaryLeft,
    SnoopEnded,
    Supervising,
    SupervisionAsked,
    SupervisorAnswered,
    SupervisorLeft,
    SwitchRefused,
    WorkDone,
)
from pbx_control.domain.call.flow import REFUSALS_BEFORE_PAUSE, refusals_unheard, refusals_with
from pbx_control.domain.call.model import Call, Deadline, Phase
from pbx_control.domain.call.moves import seat_of
from pbx_control.domain.call.transfer import COMMANDS

# The deadlines that are about a secretary's telephone.
HERS = (Deadline.OFFER, Deadline.WITHDRAWAL)


class Line(Struct, frozen=True):
    """One line of a call's journal, numbered from 1: the event's name, and what is kept of it as JSON values."""

    seq: int
    at: datetime
    event: str
    details: dict[str, Any]


def details(event: Event, before: Call, after: Call) -> dict[str, Any] | None:
    """What is worth keeping of an event besides its name and instant, as JSON values; the phase if it changed.

    None for a key of hers that completes no command: such an event has no line. What she types may be a card number
    or a contact's secret, which nobody is to read in a journal.
    """
    if isinstance(event, KeyPressed) and before.keys_begun + event.key not in COMMANDS:
        return None
    kept = _details_of(event, before) | _of_her_command(event, before, after)
    if isinstance(event, FilesInspected | MessageInspected) and after.message_flaw:
        kept |= {"flaw": after.message_flaw}
    return kept | {"phase": after.phase.value} if after.phase is not before.phase else kept


def _of_her_command(event: Event, before: Call, after: Call) -> dict[str, Any]:
    """Her command, the contact it is about, and whether it was refused."""
    if isinstance(event, Supervising):
        return _of_supervisor(event, before, after)
    if not isinstance(event, KeyPressed | Asked):
        return {}
    keys = {"keys": before.keys_begun + event.key} if isinstance(event, KeyPressed) else _by(event)
    said_twice = isinstance(event, WorkDone) and after.seat is not None
    done = said_twice or _what_keys_change(after) != _what_keys_change(before)
    return keys | _him(after if done else before) | ({} if done else {"refused": True})


def _of_supervisor(event: Supervising, before: Call, after: Call) -> dict[str, Any]:
    """Who asked for what, about whom, and whether it was refused."""
    now = after.supervision
    mode = event.mode if isinstance(event, SupervisionAsked) else None
    if mode is None:
        done = before.supervision is not None and now is None
    else:
        done = now is not None and (now.user_id, now.mode) == (event.user_id, mode)
    asked = _by(event) | _her(before) | ({"mode": mode.value} if mode else {})
    return asked | _who_left(event, before, done) | ({} if done else {"refused": True})


def _whose(call: Call, leg: str) -> str:
    """Which of the people in a call has that leg."""
    others = {call.secretary_leg: "secretary", call.contact_leg: "contact", call.supervisor_leg: "supervisor"}
    return others.get(leg, "caller")


def _who_left(event: Supervising, before: Call, done: bool) -> dict[str, Any]:
    """Whom an admin had leave the call."""
    was = before.supervision
    hers = was is None or was.user_id == event.user_id
    return {"supervisor": was.name} if was and done and not hers else {}


def _what_keys_change(call: Call) -> tuple[object, ...]:
    return call.phase, call.recording_paused, call.wrong_number, call.spam, bool(call.seat and call.seat.work_done)


def _by(asked: Asked) -> dict[str, Any]:
    return {"by": asked.asker} if asked.asker else {}


def _details_of(event: Event, before: Call) -> dict[str, Any]:
    match event:
        case CallArrived(facts=facts, caller=caller):
            arrived = {"did": facts.did, "client": facts.slug, "caller": caller.number, "name": caller.name}
            return arrived | {"admission": facts.admission.value} | ({"why": facts.why} if facts.why else {})
        case Offered(seat=seat):
            return {"secretary": seat.name}
        case SecretaryLeft(cause=cause):
            paused = {"paused": True} if _is_paused_for(before, cause) else {}
            return {"cause": cause, "during": before.phase.value} | _her(before) | paused
        case CallerLeft(cause=cause):
            return {"cause": cause, "during": before.phase.value}
        case ContactLeft(cause=cause):
            return {"cause": cause, "during": before.phase.value} | _him(before)
        case ContactRinging() | ContactAnswered():
            return _him(before)
        case DiallingRefused(limit=limit):
            return {"limit": limit.value} | _him(before) | _her(before)
        case LoopFound():
            return _him(before) | _her(before)
        case SupervisorAnswered() | SnoopEnded():
            return _her(before) | _supervisor(before)
        case NewStream(leg=leg):
            return {"of": _whose(before, leg)} | _her(before) | _him(before) | _supervisor(before)
        case SupervisorLeft(cause=cause):
            return {"cause": cause} | _supervisor(before)
        case PromptEnded(failed=failed):
            ended = {"during": before.phase.value} | ({"failed": True} if failed else {})
            return ended | (_notice(before) if before.phase is Phase.WELCOMING else {})
        case DeadlinePassed(name=name, position=position):
            told = {"deadline": name.value} | ({"position": position} if name == Deadline.POSITION else {})
            paused = {"paused": True} if name is Deadline.WITHDRAWAL and _is_paused_for(before) else {}
            return told | (_her(before) if name in HERS else {}) | paused
        case RecordingEnded(path=path):
            return {"file": path}
        case FilesInspected(recording_seconds=recording, message_seconds=message):
            return {"recording": recording, "message": message}
        case MessageInspected(seconds=seconds, room=room):
            return {"message": seconds, "room": room}
        case SwitchRefused(command=command, why=why):
            return {"command": command, "why": why}
    return _her(before)


def _is_paused_for(call: Call, cause: int = 0) -> bool:
    """Whether her telephone has refused so many offers, or let them ring, that the system pauses her."""
    if call.seat is None or call.phase not in (Phase.OFFERING, Phase.WITHDRAWING):
        return False
    her = seat_of(call)
    refusals = refusals_with(her, cause) if call.phase is Phase.OFFERING else refusals_unheard(her)
    return refusals >= REFUSALS_BEFORE_PAUSE


def _notice(call: Call) -> dict[str, Any]:
    """Which words said that the call is recorded: the text, and the sound, whose name changes with every version; and
    whether they were played before the answer."""
    sounds = call.known.sounds
    if not sounds.notice:
        return {}
    return {"notice": sounds.notice, "text": sounds.notice_text} | ({} if call.picked_up else {"early": True})


def _her(call: Call) -> dict[str, Any]:
    return {"secretary": call.seat.name} if call.seat else {}


def _him(call: Call) -> dict[str, Any]:
    return {"contact": call.contact.name} if call.contact else {}


def _supervisor(call: Call) -> dict[str, Any]:
    return {"by": call.supervision.name} if call.supervision else {}
