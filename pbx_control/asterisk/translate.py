"""Makes typed events of what Asterisk sends; what nobody knows is dropped here, so no rule meets wire data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from pbx_control.domain.call.events import (
    CallerLeft,
    ContactAnswered,
    ContactLeft,
    ContactRinging,
    Event,
    Held,
    KeyPressed,
    NewStream,
    PromptEnded,
    RecordingEnded,
    SecretaryAnswered,
    SecretaryLeft,
    SecretaryRinging,
    SnoopEnded,
    SupervisorAnswered,
    SupervisorLeft,
    Unheld,
)
from pbx_control.domain.words.wording import decoded

# By this a contact's leg is known that comes back to us as a call; not all carriers that forward keep it.
MARK_HEADER = "X-PBX-Consultation"

LEG = re.compile(r"(?P<call>.+)-secretary-\d+")
CONTACT = re.compile(r"(?P<call>.+)-contact-\d+")
SUPERVISOR = re.compile(r"(?P<call>.+)-supervisor-\d+")
SNOOP = re.compile(r"(?P<call>.+)-snoop-\d+")
PROMPT = re.compile(r"(?P<call>.+)-prompt-\d+")
BRIDGE = re.compile(r"(?P<call>.+)-(bridge|consultation|supervision)-\d+")
FILE = re.compile(r"(?P<call>.+?)(-message(-\d+)?)?")
# What a leg that we made enters our application with.
MADE = "made"
# Q.850: redirected to a new destination.
REDIRECTED = 23
# Where a secretary's leg waits for her answer (dialplans/extensions.conf.j2).
WAITS_IN = "secretary-leg"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A caller has entered the application: not yet an event, because the facts are still to be added."""

    channel: str
    did: str
    number: str  # as the carrier sent it: hostile
    name: str  # as the carrier sent it: hostile
    diverted_by: str = ""  # Diversion and History-Info, as the carrier sent them: hostile
    entered: datetime | None = None  # where it is known
    mark: str = ""  # the contact's leg that has come back, if it carries the mark of one
    early_media: bool = False  # his carrier lets him hear us before the answer
    request: str = ""  # stands for Call-ID, From and CSeq: another call that has it is the same one
    trunk: str = ""  # the endpoint by which it came


@dataclass(frozen=True, slots=True)
class ChannelGone:
    """Some channel that is no leg of ours is gone: perhaps a caller's, perhaps one that kept a telephone busy."""

    channel: str
    cause: int


@dataclass(frozen=True, slots=True)
class LeftApplication:
    """A channel is no longer in our application: hung up, or the dialplan has it again."""

    channel: str


@dataclass(frozen=True, slots=True)
class LegMade:
    """A leg of ours is in our application, and can be dialled."""

    leg: str


@dataclass(frozen=True, slots=True)
class LegDialled:
    """A secretary's leg has been dialled, and can go to the dialplan."""

    leg: str


@dataclass(frozen=True, slots=True)
class AnsweredHere:
    """A secretary's leg was answered while it was still in our application, not in the dialplan."""

    leg: str


Translated = LegMade | LegDialled | AnsweredHere | Arrival | ChannelGone | LeftApplication | tuple[str, Event]


def translate(data: dict[str, Any], at: datetime) -> Translated | None:
    """An arrival, or (call id, event), or None for what the daemon has no use for. Never raises on wire data."""
    try:
        maker = MAKERS[data["type"]]
        return maker(data, at)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        return None


def caller_left(gone: ChannelGone, at: datetime) -> CallerLeft:
    """The event for a channel that turned out to be a caller's."""
    return CallerLeft(at, gone.cause)


def call_of(pattern: re.Pattern[str], name: str) -> str | None:
    """The id of the call to which a leg, prompt, bridge or file of that name belongs, or None if it is not ours."""
    found = pattern.fullmatch(name)
    return found["call"] if found else None


def arrival(channel: str, caller: Mapping[str, str], args: Sequence[str]) -> Arrival:
    """A caller who has entered the application by the dialplan, with `arrived,DID,FORWARDED,MARK,EARLY,REQUEST,TRUNK`.

    What carriers send need not be UTF-8, so the dialplan percent-encodes it, his name too.
    """
    did, forwarded, mark, early, request, trunk, *_ = [*args, "", "", "", "", "", ""]
    number, name = caller.get("number", ""), decoded(caller.get("name", ""))
    shown = Arrival(channel, did, number, name, decoded(forwarded), mark=mark)
    return replace(shown, early_media=early == "1", request=request, trunk=trunk)


def _is_leg(channel: str) -> bool:
    """Whether we have made it: a secretary's leg, a contact's, a supervisor's, or what carries the first to the last. A
    caller's is none of ours until a call has its id."""
    return any(call_of(kind, channel) for kind in (LEG, CONTACT, SUPERVISOR, SNOOP))


def _stasis_start(data: dict[str, Any], at: datetime) -> Translated | None:
    channel, args = data["channel"], data["args"]
    if args[0] == "arrived":
        entered = datetime.fromisoformat(data["timestamp"]) if "timestamp" in data else None
        return replace(arrival(channel["id"], channel["caller"], args[1:]), entered=entered)
    if args[0] == "secretary" and (call := call_of(LEG, channel["id"])):
        return call, SecretaryAnswered(at, channel["id"])
    return LegMade(channel["id"]) if args[0] == MADE and _is_leg(channel["id"]) else None


def _left_application(data: dict[str, Any], at: datetime) -> Translated | None:
    channel = data["channel"]["id"]
    return None if _is_leg(channel) else LeftApplication(channel)


def _hangup_request(data: dict[str, Any], at: datetime) -> Translated | None:
    """A caller's end: his channel's own destruction is not told to us, since he has left the application by then."""
    channel = data["channel"]["id"]
    return None if _is_leg(channel) else ChannelGone(channel, int(data.get("cause", 0)))


def _channel_destroyed(data: dict[str, Any], at: datetime) -> Translated:
    channel = data["channel"]["id"]
    if call := call_of(LEG, channel):
        return call, SecretaryLeft(at, channel, _cause(data))
    if call := call_of(CONTACT, channel):
        return call, ContactLeft(at, channel, _cause(data))
    if call := call_of(SUPERVISOR, channel):
        return call, SupervisorLeft(at, channel, _cause(data))
    if call := call_of(SNOOP, channel):
        return call, SnoopEnded(at, channel)
    return ChannelGone(channel, int(data["cause"]))


def _cause(data: dict[str, Any]) -> int:
    """Why a leg ended (Q.850). Asterisk tells a telephone's 3xx apart from an ordinary end by its SIP status only."""
    forwards = 300 <= int(data.get("tech_cause") or 0) < 400
    return REDIRECTED if forwards else int(data["cause"])


def _state_change(data: dict[str, Any], at: datetime) -> Translated | None:
    leg, state = data["channel"]["id"], data["channel"]["state"]
    if call := call_of(LEG, leg):
        if state == "Ringing":
            return call, SecretaryRinging(at, leg)
        return AnsweredHere(leg) if state == "Up" and data["channel"]["dialplan"]["context"] != WAITS_IN else None
    if state in CONTACTS_STATES and (call := call_of(CONTACT, leg)):
        return call, CONTACTS_STATES[state](at, leg)
    if state == "Up" and (call := call_of(SUPERVISOR, leg)):
        return call, SupervisorAnswered(at, leg)
    return None


def _key(data: dict[str, Any], at: datetime) -> Translated | None:
    """Keys of secretaries only: what callers and contacts press commands nothing."""
    leg = data["channel"]["id"]
    call = call_of(LEG, leg)
    return (call, KeyPressed(at, leg, str(data["digit"]))) if call else None


def _hold(data: dict[str, Any], at: datetime) -> Translated | None:
    """A secretary's; of others the end alone matters, as what they speak then may be a new stream."""
    leg, begins = data["channel"]["id"], data["type"] == "ChannelHold"
    if call := call_of(LEG, leg):
        return call, Held(at, leg) if begins else Unheld(at, leg)
    return None if begins else new_stream(leg, at)


def new_stream(leg: str, at: datetime) -> tuple[str, NewStream]:
    """The event, and the id of the call that the leg belongs to; a caller's leg has his call's own id."""
    call = next((found for kind in (LEG, CONTACT, SUPERVISOR) if (found := call_of(kind, leg))), leg)
    return call, NewStream(at, leg)


def _dial(data: dict[str, Any], at: datetime) -> Translated | None:
    """That it has begun: later ones of the same leg tell what became of it."""
    leg = data["peer"]["id"]
    return LegDialled(leg) if not data["dialstatus"] and call_of(LEG, leg) else None


def _playback_finished(data: dict[str, Any], at: datetime) -> Translated | None:
    prompt = data["playback"]["id"]
    call = call_of(PROMPT, prompt)
    return (call, PromptEnded(at, prompt, failed=data["playback"].get("state") == "failed")) if call else None


def _recording_ended(data: dict[str, Any], at: datetime) -> Translated | None:
    name = PurePosixPath(data["recording"]["name"])
    call = call_of(FILE, name.name)
    return (call, RecordingEnded(at, f"{name}.wav")) if call else None


# A contact's leg is in our application from its making on: its answer is a change of its state.
CONTACTS_STATES = {"Ringing": ContactRinging, "Up": ContactAnswered}

MAKERS = {
    "StasisStart": _stasis_start,
    "StasisEnd": _left_application,
    "ChannelHangupRequest": _hangup_request,
    "ChannelDestroyed": _channel_destroyed,
    "ChannelStateChange": _state_change,
    "ChannelDtmfReceived": _key,
    "ChannelHold": _hold,
    "ChannelUnhold": _hold,
    "Dial": _dial,
    "PlaybackFinished": _playback_finished,
    "RecordingFinished": _recording_ended,
    "RecordingFailed": _recording_ended,
}
