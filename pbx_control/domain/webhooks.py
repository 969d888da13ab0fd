"""Webhooks by the Standard Webhooks convention (standardwebhooks.com): what is told, how it is signed, where it may go,
and what becomes of an event that a receiver did not take; pure."""

import base64
import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pbx_control.catalogue import N_
from pbx_control.domain.notices.messages import LATER_PAUSE, MAX_ATTEMPTS, PATIENCE, Channel, Kind, Letter, next_try
from pbx_control.domain.notices.retries import PATIENT_TRIES, Retry
from pbx_control.domain.words.sentences import sentence_of
from pbx_control.errors import ClientMistake, Code, DeliveryFailed, Fault, Field

# A receiver that has taken nothing for so long gets nothing more (the convention: "multiple days").
FAILS_FOR = timedelta(days=5)
# However long a receiver asks to wait: it is asked again then.
LONGEST_WAIT = timedelta(hours=1)
# Events that wait for one webhook. A client with 500 calls a day has some 2 000 events in it.
MOST_WAITING = 5_000
# How long an event that was sent, or given up, is kept.
KEPT = timedelta(days=7)
# Webhooks of one client, and of the office.
MOST_OF_ONE = 5
# So many they make within a day: what is removed leaves its row, which each step of a live call passes.
MOST_MADE, MADE_WITHIN = 50, timedelta(days=1)
LONGEST_URL = 500
SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"
# So long the secret before signs, too: receivers are given the new one meanwhile.
BOTH_SIGN_FOR = timedelta(hours=24)
TEST = "webhook.test"
# What a recording is of; these names are promises, too.
CONVERSATION, VOICE_MESSAGE = "conversation", "voice-message"


class EventType(StrEnum):
    """What is told. These names are promises (docs/api.md)."""

    STARTED = "call.started"
    ANSWERED = "call.answered"
    ENDED = "call.ended"
    MESSAGE_SENT = "message.sent"
    RECORDING_READY = "recording.ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """Something that happened in a call of a client's. `details` are facts of that event; `number` tells two events of
    one type in one call apart: a message's version, a kind of file."""

    type: EventType
    at: datetime  # aware
    call_id: str
    client_id: int
    caller: str
    arrived_at: datetime
    details: Mapping[str, Any] = field(default_factory=dict)
    number: str = ""


@dataclass(frozen=True, slots=True)
class Listener:
    """A webhook that is told of events."""

    id: int
    client_id: int | None  # None: the office's, which is told of all clients' calls
    types: frozenset[str]  # empty: all

    def wants(self, event: CallEvent) -> bool:
        """Whether it is told of that event."""
        return self.client_id in (None, event.client_id) and (not self.types or event.type.value in self.types)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfCall:
    """What is told of a call, whoever has served it; as far as it has come."""

    id: str
    client_id: int
    caller: str
    arrived_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    talked: float | None = None  # seconds
    recorded: bool = False
    left_message: bool = False


def started(call: OfCall) -> CallEvent:
    """It has come."""
    return _event(EventType.STARTED, call, call.arrived_at)


def answered(call: OfCall, at: datetime) -> CallEvent:
    """A secretary has answered it, the first one."""
    return _event(EventType.ANSWERED, call, at, answered_at=at)


def ended(call: OfCall, at: datetime) -> list[CallEvent]:
    """It is over; and what was recorded of it can be heard."""
    over = _event(
        EventType.ENDED, call, at, answered_at=call.answered_at, ended_at=at, outcome=call.outcome, talked=call.talked
    )
    files = [*([CONVERSATION] if call.recorded else []), *([VOICE_MESSAGE] if call.left_message else [])]
    ready = (_event(EventType.RECORDING_READY, call, at, of, kind=of) for of in files)
    return [over, *ready]


def message_sent(call: OfCall, version: int, at: datetime, *, urgent: bool) -> CallEvent:
    """What the secretary wrote about it was sent, for the `version`-th time."""
    return _event(EventType.MESSAGE_SENT, call, at, str(version), sent_at=at, version=version, urgent=urgent)


def _event(type_: EventType, call: OfCall, at: datetime, number: str = "", **details: Any) -> CallEvent:
    return CallEvent(
        type=type_,
        at=at,
        call_id=call.id,
        client_id=call.client_id,
        caller=call.caller,
        arrived_at=call.arrived_at,
        details=details,
        number=number,
    )


def letter_of(event: CallEvent, to: Listener, slug: str, url: str, *, sensitive: bool) -> Letter:
    """The event as it waits in the outbox for one webhook. Of a client that handles sensitive matters (`sensitive`) not
    even the caller's number leaves the house by itself; `url` is where the pages are."""
    data = {
        "call": event.call_id,
        "client": slug,
        "caller": "" if sensitive else event.caller,
        "withheld": "sensitive" if sensitive else "",
        "arrived_at": event.arrived_at,
        **event.details,
        "url": f"{url}/api/v1/calls/{event.call_id}",
    }
    return Letter(
        channel=Channel.WEBHOOK,
        address=str(to.id),
        message_id=event_id(str(to.id), event.call_id, event.type.value, event.number),
        subject=event.type.value,
        text=body_of(event.type.value, event.at, data),
        written_at=event.at,
        call_id=event.call_id,
        client_id=event.client_id,
        kind=Kind.WEBHOOK,
    )


def event_id(*identity: str) -> str:
    """An event's id for one webhook, for ever the same; without a full stop, which divides what is signed."""
    return "evt_" + hashlib.sha256("\x1f".join(identity).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def body_of(type_: str, at: datetime, data: Mapping[str, Any]) -> str:
    """What is sent of an event, as JSON."""
    return msgspec.json.encode({"type": type_, "timestamp": at, "data": data}).decode()


def secret_of(random: bytes) -> str:
    """A secret as receivers are given it."""
    return SECRET_PREFIX + base64.b64encode(random).decode()


def signing_secrets(secret: str, former: str, rotated_at: datetime | None, at: datetime) -> tuple[str, ...]:
    """By which secrets an event is signed at that instant, the one that holds first. `former`: the one before, "" if
    there was none; `rotated_at`: when it was replaced."""
    if former and rotated_at is not None and at < rotated_at + BOTH_SIGN_FOR:
        return secret, former
    return (secret,)


def event_types(texts: Iterable[str]) -> tuple[EventType, ...]:
    """Types of events as they were given, in the house's order, each once; () for all. Raises ClientMistake if one is
    unknown."""
    given = set(texts)
    if unknown := sorted(given - {one.value for one in EventType}):
        raise ClientMistake(
            "{value} is no event: there are {known}",
            Code.BAD_VALUE,
            value=repr(unknown[0][:40]),
            known=", ".join(EventType),
            field=Field("events"),
        )
    return tuple(one for one in EventType if one.value in given)


def receiver_url(value: str, *, private: bool) -> str:
    """Where events are to go, as it is kept. `private`: the settings list networks within our own walls, where TLS is
    not asked for; whether the address is in one is judged when it is asked.

    Raises ClientMistake if it is no address of a receiver.
    """
    url = value.strip()
    if why := _amiss(url, private):
        raise ClientMistake(why, Code.BAD_VALUE, most=LONGEST_URL, field=Field("url"))
    return url


def _amiss(url: str, private: bool) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _NO_URL
    if len(url) > LONGEST_URL:
        return N_("the address is too long: at most {most} characters")
    if not url.isascii() or not url.isprintable() or " " in url or not host or port == 0:
        return _NO_URL
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        return N_("the address must begin with https://")
    if parts.username is not None or parts.password is not None:
        return N_("the address must have no user and no password: the signature shows who sends")
    if "#" in url:
        return N_("the address must have no part after #: it is never sent")
    if not private and _is_inner(host):
        return N_("the address is a private one, which [webhooks] private_networks in pbx.toml does not list")
    return ""


_NO_URL = N_("this is no address of a receiver: write it like https://crm.example.com/calls")


def _is_inner(host: str) -> bool:
    """Whether that is an address, or the name, of our own walls; every other name is judged when it is asked."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host.lower().rstrip(".") in ("localhost", "localhost.localdomain")


def after_try(failure: DeliveryFailed, tries: int, failing_since: datetime, at: datetime) -> Retry | None:
    """What becomes of an event after a try that failed, the `tries`-th; None: the webhook is at an end, and with it all
    that waits. `failing_since`: the first try that failed since one succeeded. Days in which nothing was tried (there
    was no event, or no daemon) use up nothing: the one event must have been tried as long as any is."""
    if failure.fault is Fault.FINAL or (at - failing_since >= FAILS_FOR and tries >= MAX_ATTEMPTS):
        return None
    why, due_at = sentence_of(failure), next_try(tries, at)
    if due_at is None and at - failing_since >= PATIENCE:
        due_at = at + LATER_PAUSE  # nothing is taken there: it is not this event's fault
    if due_at is not None and failure.fault is Fault.PAUSE:
        due_at = max(due_at, at + min(failure.retry_after, LONGEST_WAIT))
    aside = failure.fault is Fault.LETTER and tries >= PATIENT_TRIES
    return Retry(due_at=due_at, why=why, aside=aside)
