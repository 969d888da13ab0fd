"""The moves that the handlers of a call's life share: each takes a call and gives the next one with its commands."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from pbx_control.domain.call.commands import (
    Answer,
    Command,
    FreeSeat,
    IndicateRinging,
    Join,
    LimitLeg,
    Play,
    RecordBridge,
    StartMusic,
    StartRingingTone,
    StopMusic,
    StopPlaying,
    StopRingingTone,
    Tell,
)
from pbx_control.domain.call.lengths import with_her_since
from pbx_control.domain.call.model import Call, Deadline, Phase, Seat

# The answer is heard first, then the position: some networks swallow the first syllables.
FIRST_POSITION_AFTER = timedelta(milliseconds=500)
# Asterisk's own limit on a leg is so much later than ours: it is for the case that the daemon is gone.
SWITCH_MARGIN = timedelta(seconds=30)

# Phases of a conversation with her: her wrap-up follows.
IN_CONVERSATION = frozenset(
    {
        Phase.TALKING,
        Phase.CALLING_CONTACT,
        Phase.CONSULTING,
        Phase.CALLER_GONE,
        Phase.HANDED_OVER,
        Phase.ENDING,
    }
)

Step = tuple[Call, list[Command]]
Handler = Callable[[Call, Any], Step]


def with_deadline(call: Call, name: Deadline, at: datetime) -> Call:
    return replace(call, deadlines=call.deadlines | {name: at})


def without_deadline(call: Call, *names: Deadline) -> Call:
    return replace(call, deadlines={name: at for name, at in call.deadlines.items() if name not in names})


def picked_up(call: Call) -> Step:
    return (call, []) if call.picked_up else (replace(call, picked_up=True), [Answer(call.id)])


def playing(call: Call, *sounds: str) -> Step:
    call = replace(call, prompts=call.prompts + 1, prompt_playing=True)
    return call, [Play(call.id, call.prompt, sounds)]


def start_waiting_audio(call: Call) -> list[Command]:
    """What a waiting caller hears: ringing before the answer, then music, or ringing again if the client prefers."""
    if not call.picked_up:
        return [IndicateRinging(call.id)]
    if Deadline.PATIENCE in call.deadlines or not call.known.music:
        return [StartRingingTone(call.id)]
    return [StartMusic(call.id)]


def stop_waiting_audio(call: Call) -> list[Command]:
    """Ends what the waiting caller hears."""
    if not call.picked_up:
        return []
    tone = Deadline.PATIENCE in call.deadlines or not call.known.music
    stop: list[Command] = [StopPlaying(call.prompt)] if call.prompt_playing else []
    return [*stop, StopRingingTone(call.id, call.bridged) if tone else StopMusic(call.id, call.bridged)]


def seat_of(call: Call) -> Seat:
    if call.seat is None:
        raise ValueError(f"call {call.id} is offered to nobody in {call.phase}")
    return call.seat


def seat_freed(call: Call, at: datetime, *, is_over: bool = True) -> Step:
    """Gives the secretary back to the floor; her wrap-up follows only a conversation that is over."""
    if call.seat is None:
        return call, []
    if call.answered_by == call.seat and call.phase in IN_CONVERSATION:
        rest = after_call_time(call, call.seat) if is_over else timedelta(0)
        free = FreeSeat(call.seat.secretary_id, at + rest, talked=True)
    else:
        free = FreeSeat(call.seat.secretary_id, at, call.seat.refusals)
    return replace(call, seat=None, held=False), [free]


def after_call_time(call: Call, her: Seat) -> timedelta:
    """How long she is offered nothing after the call: her own rest, or at her desk what the client's message takes."""
    if her.work_done:
        return timedelta(0)
    return max(her.wrap_up, call.known.after_call) if her.at_desk else her.wrap_up


def file_path(call: Call, suffix: str) -> str:
    """Where the call's files lie under recordings/: by the UTC day of its arrival."""
    if call.arrived_at is None:
        raise ValueError(f"call {call.id} has not arrived yet")
    return f"{call.arrived_at:%Y/%m/%d}/{call.id}{suffix}.wav"


def joined(call: Call) -> Step:
    """Caller and secretary in the caller's bridge, recorded if the client wants it; Asterisk's limit is lifted."""
    hers = call.secretary_leg
    join = with_him(call, hers) if call.bridged else in_his_bridge(call, call.id, hers)
    commands: list[Command] = [join, LimitLeg(call.id, None)]
    call = replace(call, bridged=True)
    if call.known.recording and not call.recording:
        call = replace(call, recording=file_path(call, ""), files_awaited=call.files_awaited + 1)
        commands.append(RecordBridge(call.bridge, call.recording))
    return call, commands


def in_his_bridge(call: Call, *legs: str) -> Join:
    """Those legs in the caller's one bridge; what she presses there are commands of hers."""
    hers = call.secretary_leg if call.secretary_leg in legs else ""
    return Join(call.bridge, legs, mixed=call.known.recording, secretary=hers)


def with_him(call: Call, leg: str) -> Join:
    """That leg comes to the caller, who was on hold in his bridge or waited in it. There he may have begun a new
    stream, which nobody would hear (`streams`)."""
    hers = leg if leg == call.secretary_leg else ""
    return Join(call.bridge, (call.id, leg), mixed=call.known.recording, secretary=hers, anew=call.id)


def conversation_broken(call: Call, at: datetime) -> Call:
    """He has no secretary any more; what follows is no talking."""
    since = with_her_since(call)
    talked = at - since if since else timedelta(0)
    return replace(call, talking_since=None, talked_before=call.talked_before + talked)


def first_in_line(call: Call, at: datetime, *, is_over: bool = True) -> Step:
    """He has lost his secretary through no fault of his: he waits again, and is next. `is_over`: she is done with him,
    and writes about it; otherwise he may be hers again at once."""
    call, free = seat_freed(call, at, is_over=is_over)
    call = conversation_broken(call, at)
    call = replace(call, phase=Phase.WAITING, first_in_line=True, waiting_since=at, keys_begun="", deadlines={})
    call = with_deadline(call, Deadline.WAIT_LIMIT, at + call.known.wait_limit)
    call = with_deadline(call, Deadline.POSITION, at + FIRST_POSITION_AFTER) if call.known.music else call
    # Music of a consultation or of her hold would go on under the ringing, and under the next conversation.
    quiet = [] if call.known.music else [StopMusic(call.id, call.bridged)]
    return call, [*free, *quiet, *start_waiting_audio(call), LimitLeg(call.id, call.known.wait_limit + SWITCH_MARGIN)]


def tell(call: Call, leg: str, sound: str) -> Step:
    """A word or a tone for one leg alone."""
    before = call.spoken_prompts.get(leg, f"{leg}-word-0")
    word = f"{leg}-word-{int(before.rpartition('-')[2]) + 1}"
    return replace(call, spoken_prompts=call.spoken_prompts | {leg: word}), [Tell(leg, word, sound)]


def silenced(call: Call, leg: str) -> list[Command]:
    """Ends the word that the leg may still hear: until it is over the leg obeys nothing, and the whole connection to
    Asterisk waits with it."""
    return [StopPlaying(call.spoken_prompts[leg])] if leg in call.spoken_prompts else []
