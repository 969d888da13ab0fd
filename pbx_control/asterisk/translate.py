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
    PromptEnded,
    RecordingEnded,
    SecretaryAnswered,
    SecretaryLeft,
    SecretaryRinging,
    Unheld,
)
from pbx_control.domain.wording import decoded

# By this a contact's leg is known that comes back to us as a call; not all carriers that forward keep it.
MARK_HEADER = "X-PBX-Consultation"

LEG = re.compile(r"(?P<call>.+)-secretary-\d+")
CONTACT = re.compile(r"(?P<call>.+)-contact-\d+")
PROMPT = re.compile(r"(?P<call>.+)-prompt-\d+")
BRIDGE = re.compile(r"(?P<call>.+)-(bridge|consultation)-\d+")
FILE = re.compile(r"(?P<call>.+?)(-message(-\d+)?)?")


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
class ContactMade:
    """A contact's leg is in our application, and can be dialled."""

    leg: str


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A telephone that we rang has sent its call elsewhere (a 302): Asterisk dials there, as `channel`."""

    channel: str
    telephone: str  # the name of its leg's channel
    target: str  # as it sent it: hostile


Translated = ContactMade | Forwarded | Arrival | ChannelGone | LeftApplication | tuple[str, Event]


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
    """A caller who has entered the application by the dialplan's `Stasis(pbx,arrived,DID,FORWARDED,MARK)`.

    What carriers send need not be UTF-8, so the dialplan percent-encodes it, his name too.
    """
    did, forwarded, mark, *_ = [*args, "", "", ""]
    number, name = caller.get("number", ""), decoded(caller.get("name", ""))
    return Arrival(channel, did, number, name, decoded(forwarded), mark=mark)


def _is_leg(channel: str) -> bool:
    """Whether it is a secretary's leg or a contact's; a caller's is none of ours until a call has its id."""
    return bool(call_of(LEG, channel) or call_of(CONTACT, channel))


def _stasis_start(data: dict[str, Any], at: datetime) -> Translated | None:
    channel, args = data["channel"], data["args"]
    if args[0] == "arrived":
        entered = datetime.fromisoformat(data["timestamp"]) if "timestamp" in data else None
        return replace(arrival(channel["id"], channel["caller"], args[1:]), entered=entered)
    if args[0] == "secretary" and (call := call_of(LEG, channel["id"])):
        return call, SecretaryAnswered(at, channel["id"])
    return ContactMade(channel["id"]) if args[0] == "contact" and call_of(CONTACT, channel["id"]) else None


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
        return call, SecretaryLeft(at, channel, int(data["cause"]))
    if call := call_of(CONTACT, channel):
        return call, ContactLeft(at, channel, int(data["cause"]))
    return ChannelGone(channel, int(data["cause"]))


def _state_change(data: dict[str, Any], at: datetime) -> Translated | None:
    leg, state = data["channel"]["id"], data["channel"]["state"]
    if state == "Ringing" and (call := call_of(LEG, leg)):
        return call, SecretaryRinging(at, leg)
    if state in CONTACTS_STATES and (call := call_of(CONTACT, leg)):
        return call, CONTACTS_STATES[state](at, leg)
    return None


def _key(data: dict[str, Any], at: datetime) -> Translated | None:
    """Keys of secretaries only: what callers and contacts press commands nothing."""
    leg = data["channel"]["id"]
    call = call_of(LEG, leg)
    return (call, KeyPressed(at, leg, str(data["digit"]))) if call else None


def _hold(data: dict[str, Any], at: datetime) -> Translated | None:
    leg = data["channel"]["id"]
    call = call_of(LEG, leg)
    happened = Held if data["type"] == "ChannelHold" else Unheld
    return (call, happened(at, leg)) if call else None


def _dial(data: dict[str, Any], at: datetime) -> Translated | None:
    leg = data["peer"]
    if not data.get("forward") or not _is_leg(leg["id"]):
        return None
    return Forwarded(data["forwarded"]["id"], leg["name"], data["forward"])


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
