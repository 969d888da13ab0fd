"""What is done when a leg begins a new RTP stream.

Where sound is translated (in a recorded conversation, between two codecs, for a supervisor), Debian's Asterisk takes
packets with lower numbers for late ones of the stream before, and drops them to the end of the call. In a mixed bridge
it forgets the old stream when the leg leaves. In a bridge of two the other leg may translate, since it was made: there
the old stream is forgotten when the bridge mixes.
"""

from pbx_control.domain.call.commands import Command, JoinAnew, MixOnce
from pbx_control.domain.call.events import NewStream
from pbx_control.domain.call.model import Call, Phase
from pbx_control.domain.call.moves import Handler, Step

IN_PRIVATE = (Phase.CALLING_CONTACT, Phase.CONSULTING)
WITH_HIM = (Phase.TALKING, Phase.HANDED_OVER)


def bridge_of(call: Call, leg: str) -> str:
    """The bridge in which others hear that leg now; "" if nobody does. (A caller on hold is heard by nobody, nor is
    anybody while the secretary's telephone holds the call: the end of that hold is an event of its own.)"""
    if leg == call.supervisor_leg:
        return call.supervision_bridge if call.supervision and call.supervision.here else ""
    contact = (call.contact_leg,) if call.contact_here else ()
    if call.phase is Phase.HANDED_OVER:
        return call.bridge if leg in (call.id, *contact) else ""
    if call.phase is Phase.TALKING and not call.held:
        return call.bridge if leg in (call.id, call.secretary_leg) else ""
    if call.phase in IN_PRIVATE and not call.held:
        return call.consultation if leg in (call.secretary_leg, *contact) else ""
    return ""


def new_stream(call: Call, event: NewStream) -> Step:
    return call, heard_again(call, event.leg)


def heard_again(call: Call, *legs: str) -> list[Command]:
    """What has those of the legs heard whom anybody is to hear, although each may have begun a new stream."""
    return list(dict.fromkeys(_heard_again(call, bridge, leg) for leg in legs if (bridge := bridge_of(call, leg))))


def _heard_again(call: Call, bridge: str, leg: str) -> Command:
    of_two = bridge == call.consultation or (bridge == call.bridge and not call.known.recording)
    return MixOnce(bridge) if of_two else JoinAnew(bridge, leg)


HANDLERS: dict[Phase, Handler] = dict.fromkeys((*WITH_HIM, *IN_PRIVATE), new_stream)
