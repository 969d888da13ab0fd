"""A supervisor in a live call (docs/supervision.md): she listens, speaks to the secretary alone, or to everybody.

What she hears is carried from the secretary's leg into a bridge of her own, so that she is never in a bridge with the
caller: her leg holds up nothing, and what the secretary no longer hears, the supervisor does not hear either.
"""

from datetime import timedelta

from msgspec.structs import replace

from pbx_control.domain.call.commands import (
    Command,
    Dial,
    HangUp,
    Join,
    JoinAnew,
    MixOnce,
    NoteSupervision,
    NoteSupervisionEnd,
    Refusal,
    Refuse,
    RemoveBridge,
    RingSupervisor,
    Snoop,
)
from pbx_control.domain.call.events import (
    Event,
    SnoopEnded,
    SupervisionAsked,
    SupervisionEndAsked,
    SupervisorAnswered,
    SupervisorLeft,
)
from pbx_control.domain.call.model import Call, Deadline, Phase, Supervision
from pbx_control.domain.call.moves import Handler, Step, seat_of, tell
from pbx_control.domain.sounds import BEEP

# The supervisor has just pressed the button: her telephone need not ring for long.
SUPERVISOR_GIVE_UP = timedelta(seconds=25)
# No call lasts for so long; it is for a daemon that dies while she listens.
SUPERVISION_LIMIT = timedelta(hours=2)
# Phases in which the secretary talks with somebody.
SUPERVISED = (Phase.TALKING, Phase.CALLING_CONTACT, Phase.CONSULTING)


def supervise(call: Call, event: SupervisionAsked) -> Step:
    """She comes in, or is heard by others than before. One supervisor is in a call at a time, and in one call."""
    now = call.supervision
    if now is None:
        return begun(call, event)
    if now.user_id != event.user_id:
        return call, [Refuse(Refusal.SUPERVISED_ALREADY)]
    return (call, []) if now.mode is event.mode else changed(call, now, event)


def begun(call: Call, event: SupervisionAsked) -> Step:
    """Her telephone rings; nothing is heard before she answers."""
    if event.user_id in event.around.supervising:
        return call, [Refuse(Refusal.SUPERVISES_ELSEWHERE)]
    if not event.telephone:
        return call, [Refuse(Refusal.NO_TELEPHONE)]
    coming = Supervision(event.user_id, event.asker, event.telephone, event.mode)
    call = replace(call, supervision=coming, supervisions=call.supervisions + 1)
    ring = RingSupervisor(
        leg=call.supervisor_leg,
        user=event.telephone,
        display_name=f"{call.known.client_name}: {seat_of(call).name}",
        give_up=SUPERVISOR_GIVE_UP,
        limit=SUPERVISION_LIMIT,
    )
    return call, [noted(call, coming), ring]


def changed(call: Call, before: Supervision, event: SupervisionAsked) -> Step:
    """What carried her voice until now ends first: whom she no longer speaks to must not hear another word. What comes
    instead may take the place of one that waits until Asterisk has forgotten an old stream: so it waits, too."""
    now = replace(before, mode=event.mode)
    call = replace(call, supervision=now)
    note = noted(call, now, before)
    if not now.here:
        return call, [note]
    old = call.snoop
    call, snoop = snooped(call, now, moved=True)
    return call, [note, HangUp(old), *snoop]


def noted(call: Call, now: Supervision, before: Supervision | None = None) -> NoteSupervision:
    return NoteSupervision(now.name, now.telephone, seat_of(call).name, now.mode, before.mode if before else None)


def snooped(call: Call, now: Supervision, *, moved: bool = False) -> Step:
    """While the secretary's telephone holds whom she talks with, he speaks freely: the supervisor hears her alone."""
    call = replace(call, snoops=call.snoops + 1)
    return call, [Snoop(call.secretary_leg, call.snoop, call.supervision_bridge, now.mode, moved, her_side=call.held)]


def supervisor_answered(call: Call, event: SupervisorAnswered) -> Step:
    """The secretary hears a short tone, if the office wants her to know."""
    if call.supervision is None or call.supervision.here:
        return call, []
    now = replace(call.supervision, here=True)
    call, snoop = snooped(replace(call, supervision=now), now)
    call, tone = tell(call, call.secretary_leg, BEEP) if call.known.announces_supervision else (call, [])
    return call, [*tone, Join(call.supervision_bridge, (call.supervisor_leg,), mixed=False), *snoop]


def supervisor_leaves(call: Call, event: SupervisionEndAsked) -> Step:
    """She leaves, or an admin has her leave: the trail has who did."""
    now = call.supervision
    if now is None:
        return call, [Refuse(Refusal.NOT_NOW)]
    if now.user_id == event.user_id:
        return ended(call)
    if not event.anybodys:
        return call, [Refuse(Refusal.ONLY_AN_ADMIN)]
    after, let_go = ended(call)
    return after, [NoteSupervisionEnd(event.asker, now.name, seat_of(call).name, now.mode), *let_go]


def supervisor_gone(call: Call, event: SupervisorLeft | SnoopEnded) -> Step:
    return ended(call)


def ended(call: Call) -> Step:
    """Everything of hers is let go; the call goes on as if she had never been there."""
    snoop = [HangUp(call.snoop)] if call.supervision and call.supervision.here else []
    let_go: list[Command] = [*snoop, HangUp(call.supervisor_leg), RemoveBridge(call.supervision_bridge)]
    return replace(call, supervision=None), let_go


def only_with_her(before: Call, after: Call, commands: list[Command]) -> Step:
    """Listening ends before anything else is done in a step by which the secretary leaves the conversation: what caller
    and contact say to each other is not for the supervisor, nor what another secretary says."""
    if after.supervision is None:
        return after, commands
    still = after.phase in SUPERVISED and after.seat is not None and after.secretary_leg == before.secretary_leg
    if still:
        return with_her(before, after, commands)
    after, let_go = ended(after)
    return after, [*let_go, *commands]


def with_her(before: Call, after: Call, commands: list[Command]) -> Step:
    """Where the secretary hears somebody else from here on, another number of a contact's too, or a new stream of
    whom she hears already, what the supervisor hears is carried anew: Asterisk may drop all of it (`streams`)."""
    heard = before.supervision is not None and before.supervision.here
    changes = before.held != after.held or any(_is_another_stream(each, after) for each in commands)
    if not (heard and changes) or after.supervision is None:
        return after, commands
    after, snoop = snooped(after, after.supervision, moved=True)
    return after, [HangUp(before.snoop), *commands, *snoop]


def _is_another_stream(command: Command, call: Call) -> bool:
    match command:
        case Join(secretary=secretary):
            return secretary == call.secretary_leg
        case JoinAnew(leg=leg):
            return leg != call.supervisor_leg
    return isinstance(command, Dial | MixOnce)


HANDLERS: dict[tuple[Phase, type[Event] | Deadline], Handler] = {
    **{(phase, SupervisionAsked): supervise for phase in SUPERVISED},
    **{(phase, SupervisionEndAsked): supervisor_leaves for phase in SUPERVISED},
    **{(phase, SupervisorAnswered): supervisor_answered for phase in SUPERVISED},
    **{(phase, SupervisorLeft): supervisor_gone for phase in SUPERVISED},
    **{(phase, SnoopEnded): supervisor_gone for phase in SUPERVISED},
}
