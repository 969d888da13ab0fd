"""What a secretary's page shows at a moment: pieces of HTML, and what the page's own script needs to know."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.call.model import Phase, WhyNot
from pbx_control.domain.desk.buttons import Button, Situation, buttons
from pbx_control.domain.desk.duty import DeskState, Duty, Why, state_of
from pbx_control.domain.desk.protocol import LONGEST, Field, FieldKind, colour_of, open_fields
from pbx_control.domain.desk.tasks import TaskKind
from pbx_control.domain.desk.words import is_urgent
from pbx_control.domain.telephony.numbering import zone_of
from pbx_control.domain.users import Person
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import (
    NAME_LIMIT,
    brief_time,
    clean_line,
    date_and_time,
    is_withheld,
    readable_number,
)
from pbx_control.live.news import CallNow, MissedNow, SecretaryNow
from pbx_control.services import desk, messages, rotas, tasks, urgent
from pbx_control.services.desk import INSTEAD, Pop
from pbx_control.services.messages import Delivery, OpenMessage
from pbx_control.services.messages import State as MessageState
from pbx_control.services.rotas import Now
from pbx_control.services.tasks import AppointmentTask, Task
from pbx_control.services.urgent import Again, OnDesk
from pbx_control.services.urgent import Told as Urgency
from pbx_control.store.desk import ContactOnDesk
from pbx_control.store.engine import reading
from pbx_control.web.desk import words
from pbx_control.web.desk.room import Room
from pbx_control.web.pages import environment

# How old what stands beside her words (contacts, recipients, texts) may be when anything is shown anew.
READ_EVERY = timedelta(seconds=5)
# While nobody has seen an urgent message, its page looks so often.
UNSEEN_EVERY = timedelta(seconds=2)
# Why a contact was not reached stands there for so long, or until she does something else in the call.
MISSED_FOR = timedelta(seconds=20)
# The states of a message in which somebody was told of the call.
TOLD = (MessageState.OVERDUE, MessageState.SENT, MessageState.CHANGED, MessageState.CLOSED)
# The phases in which a call is over for her.
OVER = (Phase.HANDED_OVER, Phase.PARTING, Phase.ENDING, Phase.ENDED)
INPUTS = {
    FieldKind.TEXT: ("text", "text"),
    FieldKind.NUMBER: ("text", "decimal"),
    FieldKind.TELEPHONE: ("tel", "tel"),
    FieldKind.EMAIL: ("email", "email"),
    FieldKind.DATE: ("text", "text"),
}


@dataclass(frozen=True, slots=True)
class View:
    """The page: its state, the call on it, and its regions as HTML."""

    state: str
    call_id: str = ""
    regions: dict[str, str] = field(default_factory=dict)
    fields: dict[str, tuple[str, int]] = field(default_factory=dict)  # the draft: value and edit by key
    away: bool = False  # no daemon is there
    work_done: str = ""  # the call whose after-call work is over, as its message is sent or none is needed
    pop: Pop | None = None  # the call, as it was read
    read_at: datetime | None = None  # all of it
    published: int = 0  # the revision of the office that was in force then
    concerns: frozenset[str] = frozenset()  # the calls whose messages stand on it
    due: datetime | None = None  # when something on it is over by itself: her time for a message, say
    taken_from: int | None = None  # the secretary on whose desk the call was until now

    @classmethod
    def nothing(cls) -> "View":
        """What a page knows that has not been told anything."""
        return cls("")

    def since(self, sent: "View") -> dict[str, Any]:
        """What is different from what the page has; empty if nothing is. A call's pop comes once: she types in it."""
        same_pop = bool(self.call_id and sent.regions and self.call_id == sent.call_id)
        changed = {
            name: html
            for name, html in self.regions.items()
            if sent.regions.get(name) != html and not (name == "pop" and same_pop)
        }
        known = sent.fields if same_pop else {}
        fields = {key: each for key, each in self.fields.items() if known.get(key) != each}
        now, before = (self.state, self.call_id, self.away), (sent.state, sent.call_id, sent.away)
        if not (changed or fields) and now == before:
            return {}
        return {
            "state": self.state,
            "call": self.call_id,
            "away": self.away,
            "regions": changed,
            "fields": fields,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What the database says of her desk."""

    pop: Pop | None
    again: bool  # the page has that pop
    taken_from: int | None
    waiting: Sequence[OpenMessage]
    asked: Sequence[Task]
    clashes: Sequence[AppointmentTask]
    hasty: Sequence[tuple[OnDesk, Urgency]]
    deliveries: Sequence[Delivery]
    urgency: Urgency | None

    @property
    def concerns(self) -> frozenset[str]:
        """The calls whose messages stand on her page."""
        own = {self.pop.call_id} if self.pop else set()
        return frozenset({one.call_id for one in self.waiting} | {one.call_id for one, _ in self.hasty} | own)

    def due(self, at: datetime) -> Iterator[datetime]:
        """When something of it is over by itself, or may have been seen at another web process."""
        yield from (one.due_at for one in self.waiting if one.due_at)
        if any(how.next_at for _, how in self.hasty):
            yield at + UNSEEN_EVERY


def view_of(room: Room, person: Person, language: str, looks_at: str = "", before: View | None = None) -> View:
    """What her page shows now, in that language. `looks_at` is the call of an open message that she has chosen;
    `before` is what the page has."""
    at, her_id, before = clock.now(), person.secretary_id or 0, before or View.nothing()
    standing = room.feed.standing
    her = standing.secretaries.get(her_id) if standing.ready else None
    if her and her.page_lost:  # the daemon is being told: who sees this has a page
        her = replace(her, page_lost=False)
    call = standing.call_of(her_id)  # as it was last told, if the daemon is away: she talks on
    published = standing.daemon.published if standing.daemon else 0
    # A change of the office (a contact who is away, the rota) is shown at once.
    fresh = before.read_at and at - before.read_at < READ_EVERY and before.published == published
    read = _read(room, her_id, call, looks_at, before.pop if fresh else None, at)
    page = _Page(room, person, language, state_of(her, at), her, call, read.pop, at)
    draft = read.pop.draft if read.pop else None
    return View(
        page.duty.state.value,
        draft.call_id if draft else "",
        page.regions(read, before),
        {key: (value, draft.edits[key]) for key, value in draft.values.items()} if draft else {},
        not standing.ready,
        page.work_done,
        read.pop,
        before.read_at if read.again else at,
        published,
        read.concerns,
        min((due for due in (*page.over_by_itself, *read.due(at)) if due), default=None),
        read.taken_from,
    )


def _read(room: Room, her: int, call: CallNow | None, looks_at: str, known: Pop | None, at: datetime) -> _Read:
    """Reads it; of a pop that is `known` her words only. A call that is new to her is put on her desk."""
    opened = None
    if call and not (known and known.call_id == call.id):
        known, opened = None, desk.open_pop(room.engine, call.id, her, at)
    with reading(room.engine) as conn:
        # In a call no other one's pop: she would answer for the wrong client.
        pop = opened if call and not known else _on_desk(conn, her, call.id if call else looks_at, known, at)
        pop = None if pop and call and pop.call_id != call.id else pop
        return _Read(
            pop=pop,
            again=known is not None and pop is not None and pop.call_id == known.call_id,
            taken_from=opened.taken_from if opened else None,
            waiting=messages.open_of(conn, her),
            asked=tasks.open_for(conn, her),
            clashes=tasks.about_appointments(conn, her, at),
            hasty=urgent.on_desk(conn, her, at),
            deliveries=messages.deliveries(conn, pop.call_id) if pop and pop.draft.state in TOLD else [],
            urgency=urgent.told(conn, pop.call_id) if pop else None,
        )


def _on_desk(conn: Connection, her: int, wanted: str, known: Pop | None, at: datetime) -> Pop | None:
    """The call that she has, or the message that she has chosen (`wanted`), while that is open or fresh; else her last
    one, while it is. Of the one that is `known` only her words are read anew."""

    def read(call_id: str) -> Pop | None:
        if known and known.call_id == call_id:
            return desk.read_again(conn, known)
        return desk.read_pop(conn, call_id, her)

    if wanted and (pop := read(wanted)) and not (pop.draft.shown_until and at >= pop.draft.shown_until):
        return pop
    last = messages.last_of(conn, her, at - messages.STAYS_FOR)
    return read(last) if last else None


@dataclass(frozen=True, slots=True)
class _Page:
    room: Room
    person: Person
    language: str
    duty: Duty
    her: SecretaryNow | None
    call: CallNow | None
    pop: Pop | None
    at: datetime

    def _(self, text: str, **values: object) -> str:
        return said(self.language, text, values)

    def _fragment(self, template: str, **values: object) -> str:
        return environment(self.language).get_template(template).render(**values)

    def regions(self, read: _Read, before: View) -> dict[str, str]:
        """The pieces of the page by their names."""
        return {
            "bar": self.bar(),
            "pop": before.regions["pop"] if read.again else self.pop_region(),
            "live": self.live(),
            "after": self.after(read.deliveries, read.urgency),
            "open": self.open_list(read.waiting, read.asked, read.clashes, read.hasty),
        }

    def bar(self) -> str:
        """Her state, and what she can do about it."""
        duty, her = self.duty, self.her
        reasons = self.room.settings.desk.pause_reasons
        why = words.WHYS.get(duty.why, "")
        if duty.why is Why.DESK and her:
            why = her.pause_reason
        since = her.paused_at if her and duty.state is DeskState.PAUSE else duty.until
        return self._fragment(
            "desk/bar.html.j2",
            mark=duty.state.value,
            state_words=self._(words.STATES[duty.state]),
            why=self._(why) if why else "",
            since=since,
            clock="up" if duty.state is DeskState.PAUSE else "down",
            may_resume=bool(her and her.paused),
            may_end_after_call=duty.state is DeskState.WRAP_UP,
            reasons=[{"code": one, "words": self._(one)} for one in reasons],
            office=self.room.settings.office.name or "pbx-control",
            name=self.person.name,
            csrf=self.person.csrf,
            other_language=words.OTHER_LANGUAGE[self.language],
        )

    @property
    def work_done(self) -> str:
        """The call about which nothing is left to write, if she still has time for it."""
        if self.pop is None or self.her is None or self.duty.state is not DeskState.WRAP_UP:
            return ""
        settled = self.pop.draft.state in (MessageState.SENT, MessageState.CHANGED, MessageState.CLOSED)
        return self.pop.call_id if settled and self.her.last_call == self.pop.call_id else ""

    # --- the call -----------------------------------------------------------------------------------------

    def pop_region(self) -> str:
        """The call on her desk, or what stands where none is."""
        idle = words.IDLE.get(self.duty.state, words.OTHERWISE)
        return self._fragment(
            "desk/pop.html.j2",
            pop=self._pop(self.pop) if self.pop else None,
            idle_title=self._(idle.title),
            idle_text=self._(idle.text),
        )

    def _pop(self, pop: Pop) -> Mapping[str, Any]:
        call, protocol = pop.call, pop.draft.protocol
        name = clean_line(call.caller_name, NAME_LIMIT)
        number = self._(N_("withheld number")) if is_withheld(call.caller) else readable_number(call.caller)
        return {
            "call_id": pop.call_id,
            "slug": call.slug,
            "client_name": clean_line(call.client_name, NAME_LIMIT),
            "colour": colour_of(protocol, call.client_id),
            "pronunciation": protocol.pronunciation,
            "caller_name": name,
            "caller_number": number,
            "caller_time": self._caller_time(call.caller, call.timezone),
            "greeting": pop.greeting,
            "earlier": list(self._earlier(pop)),
            "fields": list(self._fields(pop)),
            "steps_note": protocol.steps_note,
            "may_tell": protocol.may_tell,
            "must_not_tell": protocol.must_not_tell,
            "infos": pop.infos,
        }

    def _caller_time(self, number: str, clients_zone: str) -> str:
        """His local time, where it is not that of the client."""
        zone = zone_of(number)
        if not zone:
            return ""
        there, here = self.at.astimezone(ZoneInfo(zone)), self.at.astimezone(ZoneInfo(clients_zone))
        return "" if there.utcoffset() == here.utcoffset() else self._(N_("there it is {time}"), time=f"{there:%H:%M}")

    def _earlier(self, pop: Pop) -> Iterator[Mapping[str, Any]]:
        zone = ZoneInfo(pop.call.timezone)
        for one in pop.earlier:
            ago = self.at - one.at
            when = (
                self._(words.JUST_CALLED, minutes=max(1, int(ago.total_seconds() // 60)))
                if ago < timedelta(hours=1)
                else brief_time(one.at.astimezone(zone), self.language)
            )
            answered = (
                self._(N_("{name} answered"), name=one.secretary) if one.secretary else self._(N_("nobody answered"))
            )
            message = self._(N_("message not sent yet")) if one.is_open else ""
            if one.restricted:
                answered = self._(INSTEAD)
            line = ", ".join(filter(None, (when, answered, message)))
            yield {"words": line, "first_words": one.first_words, "open": one.is_open}

    def _fields(self, pop: Pop) -> Iterator[Mapping[str, Any]]:
        values = pop.draft.values
        shown = {one.key for one in open_fields(pop.draft.protocol, values)}
        for one in pop.draft.protocol.fields:
            kind, mode = INPUTS.get(one.kind, ("text", "text"))
            yield {
                "key": one.key,
                "label": one.label,
                "kind": one.kind.value,
                "required": one.required,
                "choices": one.choices,
                "hint": one.hint,
                "when": one.when.field if one.when else "",
                "when_values": "\n".join(one.when.values) if one.when else "",
                "hidden": one.key not in shown,
                "value": values.get(one.key, _prefilled(one, pop)),
                "edit": pop.draft.edits.get(one.key, 0),
                "input": kind,
                "inputmode": mode,
                "longest": LONGEST[one.kind],
            }

    @property
    def missed_until(self) -> datetime | None:
        """Until when the page tells which contact she did not reach, if it does."""
        missed = self.call.missed if self.call and self.pop else None
        until = missed.at + MISSED_FOR if missed else None
        return until if until and until > self.at else None

    @property
    def over_by_itself(self) -> tuple[datetime | None, ...]:
        """When something that it shows is over, though nobody does anything."""
        shown_until = self.pop.draft.shown_until if self.pop and not self.call else None
        away = (one.away_until for one in (self.pop.contacts if self.pop else ()))
        back = min((until for until in away if until and until > self.at), default=None)
        turns = min((one.on_call.changes for one in self.on_call), default=None) if self.call else None
        return self.duty.until, self.missed_until, shown_until, back, turns

    @property
    def zone(self) -> ZoneInfo:
        """The client's."""
        assert self.pop
        return ZoneInfo(self.pop.call.timezone)

    @property
    def on_call(self) -> Sequence[Now]:
        """Who of the client's contacts is on call."""
        return rotas.at_hand(self.pop.rota, self.pop.contacts, self.zone, self.at) if self.pop and self.call else ()

    def live(self) -> str:
        """What is going on in the call, and its buttons."""
        return self._fragment("desk/live.html.j2", call=self._live() if self.call and self.pop else None)

    def _live(self) -> Mapping[str, Any]:
        assert self.call
        call, phase = self.call, Phase(self.call.phase)
        contact = clean_line(call.contact, NAME_LIMIT)
        note = self._(N_("Recording is stopped.")) if call.recording_paused else ""
        return {
            "phase": call.phase,
            "words": self._(words.PHASES.get(phase, words.OTHERWISE.title), contact=contact),
            "since": call.answered_at if phase is not Phase.OFFERING else None,
            "missed": self._missed(call.missed) if call.missed and self.missed_until else None,
            "note": note,
            "nobody": list(self._nobody()) if self._has_buttons(phase) else [],
            "buttons": _in_runs(list(self._buttons(call, phase))),
        }

    def _missed(self, missed: MissedNow) -> Mapping[str, str]:
        text = words.MISSED.get(missed.why, words.MISSED[WhyNot.UNREACHABLE])
        return {"why": missed.why, "words": self._(text, contact=clean_line(missed.contact, NAME_LIMIT))}

    def _buttons(self, call: CallNow, phase: Phase) -> Iterator[dict[str, Any]]:
        if not self._has_buttons(phase):
            return
        all_of_them = buttons(Situation(phase, call.recording, call.recording_paused, call.wrong_number, call.spam))
        consult = all_of_them.pop("consult")
        marks = self._marks()
        for place, one in self._contacts(marks):
            key = str(one.key or (place if place > 6 and place < 10 else ""))
            label = self._(N_("Consult {contact}"), contact=clean_line(one.name, NAME_LIMIT))
            yield self._button("consult", label, key, consult.why_not or self._away(one)) | {
                "contact": one.id,
                "more": clean_line(one.department, NAME_LIMIT),
                "on_call": ", ".join(marks.get(one.id, ())),
            }
        for act, button in all_of_them.items():
            label, key = words.ACTS[act]
            yield self._button(act, self._(label), key, button.why_not) | self._mark(button)

    def _has_buttons(self, phase: Phase) -> bool:
        return not (phase is Phase.CALLER_GONE or phase in OVER or not self.room.feed.standing.ready)

    def _contacts(self, marks: Mapping[int, Sequence[str]]) -> list[tuple[int, ContactOnDesk]]:
        """Each with its place by the keys: who is on call first."""
        assert self.pop
        return sorted(enumerate(self.pop.contacts, start=1), key=lambda each: each[1].id not in marks)

    def _marks(self) -> Mapping[int, Sequence[str]]:
        """What stands beside who is on call, by contact: until when, and for whom he stands in."""
        assert self.pop
        contacts = {one.id: one for one in self.pop.contacts}
        found: dict[int, list[str]] = {}
        for one in self.on_call:
            if one.there is not None:
                found.setdefault(one.there, []).append(self._mark_of(one, contacts))
        return found

    def _mark_of(self, now: Now, contacts: Mapping[int, ContactOnDesk]) -> str:
        """ "on call until 18:00", or "on call (Ventas) until 18:00: Ana is not available"."""
        who, there = contacts[now.on_call.who or 0], contacts[now.there or 0]
        back = who.away_until if who != there else None
        end = min((one for one in (now.on_call.until, back) if one), default=None)
        elsewhere = now.department != there.department
        department = f" ({clean_line(now.department, NAME_LIMIT)})" if now.department and elsewhere else ""
        told = N_("on call{department} until {when}") if end else N_("on call{department}")
        words_ = self._(told, department=department, when=self._when(end) if end else "")
        if who == there:
            return words_
        return self._(
            N_("{on_call}, as {name} is not available"), on_call=words_, name=clean_line(who.name, NAME_LIMIT)
        )

    def _nobody(self) -> Iterator[str]:
        """Where nobody is on call, or who is cannot be consulted and nobody stands in."""
        assert self.pop
        names = {one.id: clean_line(one.name, NAME_LIMIT) for one in self.pop.contacts}
        for one in self.on_call:
            department = f" ({clean_line(one.department, NAME_LIMIT)})" if one.department else ""
            values = {"department": department, "name": names.get(one.on_call.who or 0, "")}
            until = one.on_call.until
            if one.there is not None:
                continue
            if one.on_call.who is not None:
                yield self._(N_("{name} is on call{department}, but not available; nobody stands in."), **values)
            elif until:
                yield self._(N_("Nobody is on call{department} until {when}."), when=self._when(until), **values)
            else:
                yield self._(N_("Nobody is on call{department}."), **values)

    def _when(self, at: datetime) -> str:
        """A time by the client's clock, with its day if that is another one."""
        local = at.astimezone(self.zone)
        today = local.date() == self.at.astimezone(local.tzinfo).date()
        return f"{local:%H:%M}" if today else brief_time(local, self.language)

    def _away(self, contact: ContactOnDesk) -> str:
        """Until when a contact is not to be consulted, by the client's clock; "": he may be."""
        if not contact.away_until or contact.away_until <= self.at:
            return ""
        return self._(N_("not available until {when}"), when=self._when(contact.away_until))

    def _mark(self, button: Button) -> dict[str, Any]:
        """What is different of a button that is pressed, or can be."""
        if button.pressed is None:
            return {}
        note = self._(words.MARKED) if button.pressed else ""
        return {"do": button.act, "note": note, "pressed": button.pressed}

    def _button(self, act: str, label: str, key: str, why_not: str) -> dict[str, Any]:
        hook = "pause-recording" if act == "resume-recording" else act
        return {
            "act": hook,
            "do": act if act != hook else "",
            "words": label,
            "more": "",
            "on_call": "",
            "contact": 0,
            "key": f"Alt {key}" if key else "",
            "shortcut": f"Alt+{key}" if key else "",
            "why_not": self._(why_not) if why_not else "",
            "note": "",
            "pressed": (act == "resume-recording") if hook == "pause-recording" else None,
        }

    # --- the message --------------------------------------------------------------------------------------

    def after(self, deliveries: Sequence[Delivery], urgency: Urgency | None) -> str:
        """To whom the message goes, and the key that sends it."""
        pop = self.pop
        again = {(one.channel, one.address): one for one in (urgency.again if urgency else ())}
        state, due = (pop.draft.state.value, pop.draft.due_at) if pop else ("", None)
        corrected = pop is not None and state == "sent" and pop.draft.version > 1
        return self._fragment(
            "desk/after.html.j2",
            pop=pop,
            recipients=[one.address for one in pop.recipients] if pop else [],
            deliveries=[
                {
                    "status": one.status,
                    "to": one.address,
                    "words": self._(words.DELIVERED[one.status], who=one.seen_by),
                    "why": one.why.said(self.language) if one.why else "",
                    "again": self._again(again.get((one.channel, one.address)), self.zone),
                }
                for one in deliveries
            ],
            urgent=self._urgent(urgency),
            message_state=state,
            message_words=self._(words.CORRECTED if corrected else words.MESSAGES[state]) if state else "",
            due=due if state == "draft" else None,
            send_words=self._(words.SEND_AGAIN if state in ("sent", "changed") else words.SEND),
        )

    def _urgent(self, urgency: Urgency | None) -> Mapping[str, Any]:
        """The button that says that the message is urgent, and how it stands if it is."""
        if self.pop is None:
            return {"state": "", "words": "", "pressed": False, "why_not": ""}
        draft = self.pop.draft
        by_form = is_urgent(draft.protocol, draft.values)
        why = words.URGENT_ALREADY if urgency else words.URGENT_BY_FORM if by_form else ""
        state, told = self._urgency(urgency, self.zone) if urgency else ("", "")
        pressed = bool(urgency or by_form or draft.urgent)
        return {"state": state, "words": told, "pressed": pressed, "why_not": self._(why) if why else ""}

    def _urgency(self, one: Urgency, zone: ZoneInfo) -> tuple[str, str]:
        """Whether somebody has seen an urgent message, as a mark and in words."""
        if one.seen_at:
            return "seen", self._(words.SEEN, who=one.seen_by, when=self._clock(one.seen_at, zone))
        if one.given_up_at:
            return "given-up", self._(words.GIVEN_UP)
        if one.next_at and one.next_at > self.at:
            return "unseen", self._(words.UNSEEN, when=self._clock(one.next_at, zone))
        return "unseen", self._(words.UNSEEN_NOW)

    def _again(self, one: Again | None, zone: ZoneInfo) -> str:
        return self._(words.TOLD_AGAIN, times=one.times, when=self._clock(one.at, zone)) if one else ""

    def _clock(self, at: datetime, zone: ZoneInfo) -> str:
        return f"{at.astimezone(zone):%H:%M:%S}"

    def _hasty(self, one: OnDesk, how: Urgency) -> Mapping[str, Any]:
        zone = ZoneInfo(one.timezone)
        state, told = self._urgency(how, zone)
        return {
            "call_id": one.call_id,
            "client": clean_line(one.client_name, NAME_LIMIT),
            "caller": self._caller(one.caller_name, one.caller),
            "state": state,
            "words": told,
            "again": [f"{each.address}: {self._again(each, zone)}" for each in how.again],
        }

    def _caller(self, name: str, number: str) -> str:
        return clean_line(name, NAME_LIMIT) or readable_number(number) or self._(N_("withheld number"))

    def open_list(
        self,
        waiting: Sequence[OpenMessage],
        asked: Sequence[Task],
        clashes: Sequence[AppointmentTask],
        hasty: Sequence[tuple[OnDesk, Urgency]],
    ) -> str:
        """Her messages that are still to be written, what clients ask of everybody, her urgent messages, and
        appointments that do not agree with clients' own calendars."""
        here = self.pop.call_id if self.pop else ""
        rows = [self._open_row(one) for one in waiting if not (self.call and one.call_id == self.call.id)]
        shown = [self._task(one) for one in asked if one.kind is TaskKind.CALL_BACK]
        unseen = [self._unseen(one) for one in asked if one.kind is TaskKind.UNSEEN]
        settle = [self._clash(one) for one in clashes]
        urgent_ones = [self._hasty(one, how) for one, how in hasty]
        shown_all = {"tasks": shown, "clashes": settle, "unseen": unseen, "urgent": urgent_ones}
        return self._fragment("desk/open.html.j2", open=rows, on_desk=here, **shown_all)

    def _unseen(self, one: Task) -> Mapping[str, Any]:
        local = one.asked_at.astimezone(ZoneInfo(one.timezone))
        return {
            "id": one.id,
            "client": clean_line(one.client_name, NAME_LIMIT),
            "caller": self._caller(one.caller_name, one.caller),
            "when": brief_time(local, self.language),
        }

    def _clash(self, one: AppointmentTask) -> Mapping[str, Any]:
        local = one.starts.astimezone(ZoneInfo(one.zone))
        return {
            "id": one.id,
            "client": clean_line(one.client_name, NAME_LIMIT),
            "calendar": clean_line(one.calendar_name, NAME_LIMIT),
            "when": date_and_time(local, self.language),
            "who": clean_line(one.name, NAME_LIMIT),
            "dial": one.number,
            "number": readable_number(one.number) if one.number else "",
            "other": self._span(one.other_starts, one.other_ends, ZoneInfo(one.zone)),
            "words": self._(words.CLASHES[one.kind]),
        }

    def _span(self, starts: datetime | None, ends: datetime | None, zone: ZoneInfo) -> str:
        """A time in the client's own calendar; "" if none is known."""
        if not (starts and ends):
            return ""
        return f"{date_and_time(starts.astimezone(zone), self.language)}–{ends.astimezone(zone):%H:%M}"

    def _task(self, one: Task) -> Mapping[str, Any]:
        local = one.asked_at.astimezone(ZoneInfo(one.timezone))
        name, number = clean_line(one.caller_name, NAME_LIMIT), readable_number(one.caller)
        return {
            "id": one.id,
            "client": clean_line(one.client_name, NAME_LIMIT),
            "caller": f"{name}, {number}" if name else number,
            "dial": one.caller,
            "asked": self._(N_("{who} asks, {when}"), who=one.asked_by, when=brief_time(local, self.language)),
        }

    def _open_row(self, one: OpenMessage) -> Mapping[str, Any]:
        local = one.at.astimezone(ZoneInfo(one.timezone))
        return {
            "call_id": one.call_id,
            "client": clean_line(one.client_name, NAME_LIMIT),
            "caller": self._caller(one.caller_name, one.caller),
            "when": brief_time(local, self.language),
            "state": one.state.value,
            "words": self._(words.MESSAGES[one.state.value]),
            "colour": "",
        }


def _in_runs(buttons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers neighbours that are off for the same reason alike: it is told once, below them."""
    run, before = 0, ""
    for button in buttons:
        run += button["why_not"] != before
        before = button["why_not"]
        button["run"] = run
    return buttons


def _prefilled(field: Field, pop: Pop) -> str:
    """His number is known already."""
    is_number = field.kind is FieldKind.TELEPHONE and field.key == "telephone"
    return "" if is_withheld(pop.call.caller) or not is_number else pop.call.caller
