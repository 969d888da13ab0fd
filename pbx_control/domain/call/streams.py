"""What is done when a leg begins a new RTP stream.

Where sound is translated (in a recorded conversation, between two codecs, for a supervisor), Debian's Asterisk takes
packets with lower numbers for late ones of the stream before, and drops them to the end of the call. It forgets the old
stream when the leg leaves its bridge.
"""

from pbx_control.domain.call.commands import JoinAnew
from pbx_control.domain.call.events import NewStream
from pbx_control.domain.call.model import Call, Phase
from pbx_control.domain.call.moves import Handler, Step

IN_PRIVATE = (Phase.CALLING_CONTACT, Phase.CONSULTING)
WITH_HIM = (Phase.TALKING, Phase.HANDED_OVER)


def bridge_of(call: Call, leg: str) -> str:
    """The bridge in which others hear that leg now; "" if nobody does. (A caller on hold is heard by nobody, nor a
    secretary whose telephone holds the call: the end of that hold is an event of its own.)"""
    if leg == call.id:
        return call.bridge if call.phase in WITH_HIM else ""
    if leg == call.secretary_leg and not call.held:
        return call.bridge if call.phase is Phase.TALKING else _in_private(call)
    if leg == call.contact_leg and call.contact_here:
        return call.bridge if call.phase is Phase.HANDED_OVER else _in_private(call)
    if leg == call.supervisor_leg and call.supervision and call.supervision.here:
        return call.supervision_bridge
    return ""


def _in_private(call: Call) -> str:
    return call.consultation if call.phase in IN_PRIVATE else ""


def new_stream(call: Call, event: NewStream) -> Step:
    return call, [JoinAnew(bridge_of(call, event.leg), event.leg)]


HANDLERS: dict[Phase, Handler] = dict.fromkeys((*WITH_HIM, *IN_PRIVATE), new_stream)
