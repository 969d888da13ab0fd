"""What the portal's pages show of calls, in the reader's language and at his firm's time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pbx_control.catalogue import N_
from pbx_control.domain.call.story import clients_sentence
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import (
    NAME_LIMIT,
    brief_time,
    clean_line,
    date_and_time,
    duration,
    is_withheld,
    readable_number,
)
from pbx_control.services.tenant import INSTEAD, CallRead, Heard, Place, Received, Tenant, Urgent, Wanted
from pbx_control.web.portal import words

if TYPE_CHECKING:
    from pbx_control.web.portal.acts import Asked

# How many of those who listened are shown.
HEARD_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A call in the list."""

    call_id: str
    caller: str
    number: str  # "" where that is all that is known of him
    when: str
    at: datetime
    gist: str
    outcome: str
    became: str  # the outcome's words
    secretary: str
    unread: bool
    urgent: bool
    unseen: bool  # urgent, and nobody has said that he has seen it
    seen_by: str
    waits: bool
    recorded: bool

    @classmethod
    def of(cls, call: Received, language: str, zone: ZoneInfo) -> "Row":
        caller, number = caller_of(call, language)
        if call.restricted:
            caller = caller[:1].upper() + caller[1:]
        return cls(
            call_id=call.call_id,
            caller=caller,
            number=number,
            when=brief_time(call.arrived_at.astimezone(zone), language),
            at=call.arrived_at,
            gist=clean_line(call.gist, NAME_LIMIT * 2),
            outcome="live" if call.ended_at is None else call.outcome,
            became=became(call, language),
            secretary=clean_line(call.secretary, NAME_LIMIT),
            unread=call.unread,
            urgent=call.urgent,
            unseen=call.unseen,
            seen_by=clean_line(call.seen_by, NAME_LIMIT),
            waits=call.waits,
            recorded=bool(call.recording or call.message),
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """The list of calls as the page shows it."""

    firm: str
    rows: Sequence[Row]
    asked: "Asked"
    unread: int
    contacts: Sequence[str]
    older: str  # the query of the next page; "": there is none

    @classmethod
    def of(cls, tenant: Tenant, wanted: Wanted, asked: "Asked", after: Place | None, language: str) -> "Shown":
        firm = tenant.client
        found, zone = tenant.inbox(wanted, after), ZoneInfo(firm.timezone)
        return cls(
            firm=firm.name,
            rows=[Row.of(one, language, zone) for one in found.calls],
            asked=asked,
            unread=found.unread,
            contacts=found.contacts,
            older=asked.query(after=f"{found.next[0].isoformat()}~{found.next[1]}") if found.next else "",
        )


@dataclass(frozen=True, slots=True)
class CallShown:
    """One call as its page shows it."""

    firm: str
    call_id: str
    caller: str
    number: str
    dialable: str  # for a link; "" for a withheld number
    became: str
    outcome: str
    unread: bool
    facts: Sequence[tuple[str, str]]  # label and value
    words: Sequence[tuple[str, str]]
    waits: bool
    lines: Sequence[tuple[str, str]]  # the clock, and a sentence
    deliveries: Sequence[Mapping[str, str]]
    sounds: Sequence[Mapping[str, str]]
    until: str  # how long the sounds stay; "": held for longer
    flaws: Sequence[str]
    heard: Sequence[Mapping[str, str]]
    asked: Sequence[str]  # what his people have asked about the call, and what became of it
    waits_for_call_back: bool
    urgent: Sequence[str]  # how it stands with an urgent message, line by line
    unseen: bool  # it is urgent, and nobody has said that he has seen it
    blocked: bool
    charged: bool

    @classmethod
    def of(cls, tenant: Tenant, call_id: str, language: str, now: datetime) -> "CallShown":
        firm, read = tenant.client, tenant.call(call_id)
        call, zone = read.call, ZoneInfo(firm.timezone)
        caller, number = caller_of(call, language)
        files = (("recording", call.recording), ("voice-message", call.message))
        return cls(
            firm=firm.name,
            call_id=call.call_id,
            caller=caller,
            number=number,
            dialable="" if is_withheld(call.caller) or not call.caller.startswith("+") else call.caller,
            became=became(call, language),
            outcome="live" if call.ended_at is None else call.outcome,
            unread=call.unread,
            facts=list(_facts(call, language, zone)),
            words=read.words,
            waits=call.waits,
            lines=list(_lines(read, firm.name, language, zone)),
            deliveries=[
                {
                    "to": one.address,
                    "status": one.status.value,
                    "words": _say(language, words.DELIVERED[one.status], who=one.seen_by),
                    "why": one.why.said(language) if one.why else "",
                }
                for one in read.deliveries
            ],
            sounds=[{"kind": kind, "address": f"/portal/calls/{call.call_id}/{kind}"} for kind, path in files if path],
            until="" if read.kept.held else _day(read.kept.due_at, language, zone, now),
            flaws=[_say(language, words.FLAWS[one]) for one in (call.recording_flaw, call.message_flaw) if one],
            heard=[_heard(one, language, zone) for one in read.heard[:HEARD_SHOWN]],
            asked=list(_asked(read, language, zone)),
            waits_for_call_back=any(one.done_at is None for one in read.asked),
            urgent=list(_urgent(read.urgent, language, zone)) if read.urgent else [],
            unseen=bool(read.urgent and not read.urgent.seen_at),
            blocked=read.blocked,
            charged=read.charged,
        )


def _say(language: str, text: str, **values: object) -> str:
    return said(language, text, values)


def caller_of(call: Received, language: str) -> tuple[str, str]:
    """Who called: his name and number; his number alone, with "", where he gave no name. Why nobody is told, if so."""
    if call.restricted:
        return _say(language, INSTEAD), ""
    name = clean_line(call.caller_name, NAME_LIMIT)
    number = _say(language, words.WITHHELD) if is_withheld(call.caller) else readable_number(call.caller)
    return (name, number) if name else (number, "")


def became(call: Received, language: str) -> str:
    """What came of the call."""
    contact = clean_line(call.transferred_to, NAME_LIMIT)
    if call.ended_at is None:
        return _say(language, words.LASTS, contact=contact)
    if contact:
        return _say(language, words.HANDED_OVER, contact=contact)
    return _say(language, words.OUTCOMES.get(call.outcome, call.outcome))


def _facts(call: Received, language: str, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    yield _say(language, N_("Called")), date_and_time(call.arrived_at.astimezone(zone), language)
    until = call.answered_at or call.ended_at
    if until:
        yield _say(language, N_("Waited")), duration(max(until - call.arrived_at, timedelta(0)), language)
    if call.secretary:
        yield _say(language, N_("Answered by")), clean_line(call.secretary, NAME_LIMIT)
    if call.talked is not None:
        yield _say(language, N_("Talked")), duration(timedelta(seconds=call.talked), language)


def _lines(read: CallRead, name: str, language: str, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    for line in read.lines:
        # The journal has the short name, which no client knows itself by.
        details = {**line.details, "client": name} if "client" in line.details else line.details
        if sentence := clients_sentence(line.event, details, language):
            yield f"{line.at.astimezone(zone):%H:%M:%S}", sentence


def _asked(read: CallRead, language: str, zone: ZoneInfo) -> Iterator[str]:
    if read.taken_by:
        yield _say(language, N_("{who} takes it."), who=read.taken_by)
    for one in read.asked:
        when = brief_time(one.asked_at.astimezone(zone), language)
        yield _say(language, N_("{who} has asked for a call back, {when}."), who=one.asked_by, when=when)
        if one.done_at:
            done = brief_time(one.done_at.astimezone(zone), language)
            yield _say(language, N_("{secretary} has called back, {when}."), secretary=one.done_by, when=done)


def _urgent(how: Urgent, language: str, zone: ZoneInfo) -> Iterator[str]:
    for one in how.again:
        when = brief_time(one.at.astimezone(zone), language)
        yield _say(language, words.TOLD_AGAIN, who=one.address, times=one.times, when=when)
    if how.seen_at:
        yield _say(language, words.SEEN, who=how.seen_by, when=brief_time(how.seen_at.astimezone(zone), language))
    elif how.given_up_at:
        yield _say(language, words.GIVEN_UP)
    elif how.next_at:
        yield _say(language, words.UNSEEN)


def _day(at: datetime, language: str, zone: ZoneInfo, now: datetime) -> str:
    return date_and_time(at.astimezone(zone), language) if at.year - now.year < 100 else ""


def _heard(one: Heard, language: str, zone: ZoneInfo) -> Mapping[str, str]:
    who = _say(language, words.LISTENED_LIVE if one.live else words.OFFICE) if one.of_office else one.who
    return {"who": who, "when": brief_time(one.at.astimezone(zone), language)}
