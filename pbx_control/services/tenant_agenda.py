"""A client's calendars and the appointments in them: what one of its people sees of that and changes.

Everything goes through an object that is bound to that client, as in `services/tenant.py`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.domain.agenda.appointments import STATE_WORDS, Appointment, AppointmentState
from pbx_control.domain.agenda.rules import AgendaCalendar, Kind, Source
from pbx_control.domain.agenda.slots import Slot
from pbx_control.domain.audit import Actor, ActorKind, Difference, Verb
from pbx_control.domain.notices.appointment_letters import House
from pbx_control.domain.opening.hours import Week, parse_week
from pbx_control.domain.words.characters import folded
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import agenda_shown, appointments, calendars
from pbx_control.services.agenda_shown import Days
from pbx_control.services.appointments import Order
from pbx_control.services.work import Work, booking, rehearsed
from pbx_control.settings import Agenda
from pbx_control.store import agenda, agenda_lists, audit, clients, plans, remotes
from pbx_control.store.agenda_lists import Noted, Told
from pbx_control.store.clients import Client
from pbx_control.store.engine import reading
from pbx_control.store.remotes import Access, AppointmentTask

__all__ = [
    "STATE_WORDS",
    "Access",
    "AgendaCalendar",
    "AgendaOf",
    "Appointment",
    "AppointmentState",
    "AppointmentTask",
    "CalendarListed",
    "CalendarSeen",
    "CalendarsList",
    "Change",
    "Days",
    "Found",
    "Kind",
    "NewCalendar",
    "Noted",
    "Order",
    "Page",
    "Slot",
    "Source",
    "Told",
    "appointments_known",
    "changed_at",
    "version_of",
]
# So many of the next appointments stand beside a calendar, so many on a page of the list, so many changes in a history.
NEXT, PAGE, MOST_CHANGES = 3, 30, 50
# For each request to a remote calendar that is tried, seconds: somebody waits.
CHECK_LIMIT = 15.0
# Characters of a short name that is made of a name.
LONGEST_SLUG = 32
_NOT_OF_SLUGS = re.compile(r"[^a-z0-9]+")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class CalendarListed:
    """A calendar in the list."""

    calendar: AgendaCalendar
    coming: int
    next: Sequence[Noted]
    told: Told


@dataclass(frozen=True, slots=True)
class CalendarsList:
    """A client's calendars; `room`: how many its plan has, None for any number."""

    firm: str
    each: Sequence[CalendarListed]
    room: int | None


@dataclass(frozen=True, slots=True)
class NewCalendar:
    """A calendar as it was filled in, with its first kind of appointment."""

    name: str = ""
    resource: str = ""
    kind: str = ""
    minutes: int = 0
    buffer: int = 0


@dataclass(frozen=True, slots=True)
class CalendarSeen:
    """A calendar with all that is set up for it. `version` is another one after each change of that."""

    firm: Client
    calendar: AgendaCalendar
    kinds: Sequence[Kind]
    told: Told

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.calendar.zone)

    @property
    def week(self) -> Week:
        """When appointments may be booked."""
        return parse_week([self.calendar.week])

    @property
    def firms_week(self) -> Week:
        """When the firm is open."""
        return parse_week([self.firm.week])

    @property
    def version(self) -> str:
        return version_of(self.calendar, self.kinds)


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a calendar's appointments. `next`: how many stand before the following page; 0: there is none."""

    each: Sequence[Noted]
    next: int


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was done to a calendar or an appointment."""

    at: datetime
    who: str  # "": the office
    verb: Verb
    about: int  # an appointment's number; 0: the calendar itself
    difference: Difference


@dataclass(frozen=True, slots=True)
class Found:
    """An appointment with what became of it. `by_us`: one of the client's people booked it, not the office."""

    seen: CalendarSeen
    noted: Noted
    error: str  # why the remote calendar was not told; "": it was, or will be
    by_us: bool
    call_id: str  # in which it was booked; "": in none, or it lasts
    changes: Sequence[Change] = field(default_factory=tuple)


def version_of(calendar: AgendaCalendar, kinds: Sequence[Kind]) -> str:
    """What tells how a calendar is set up from how it was before."""
    # Whether it has a feed is changed elsewhere on the page.
    written = repr((replace(calendar, has_feed=False), sorted((one.name, one.minutes, one.buffer) for one in kinds)))
    return sha256(written.encode(errors="replace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class AgendaOf:
    """One of a client's people, and his firm's calendars. Each question and each change is a transaction of its own."""

    engine: Engine
    client_id: int
    actor: Actor
    settings: Agenda  # by which remote calendars are reached
    writer: Callable[[], House]  # who writes the letters; ClientMistake if the settings name no sender
    office: str  # its name

    @property
    def house(self) -> House:
        """Who writes the letters about a change. Raises ClientMistake if nobody can."""
        try:
            return self.writer()
        except ClientMistake:
            # What is wrong is the office's own affair, and stands in `doctor`.
            raise ClientMistake(
                "no letters can be written at the moment, so nothing is booked or changed: please tell {office}",
                Code.WRONG_STATE,
                office=self.office,
            ) from None

    # --- calendars ---

    def all(self, at: datetime) -> CalendarsList:
        """Every calendar, by short name, with its next appointments."""
        with reading(self.engine) as conn:
            firm, current = clients.get(conn, self.client_id), plans.current(conn, self.client_id)
            each = [_listed(conn, one, at) for one in agenda.calendars_of(conn, self.client_id)]
        return CalendarsList(firm.name, each, current.plan.calendars if current else None)

    def calendar(self, slug: str) -> CalendarSeen:
        """Raises ClientMistake if there is none of that name."""
        with reading(self.engine) as conn:
            return self._seen(conn, slug)

    def add(self, new: NewCalendar, at: datetime) -> str:
        """Gives the client another calendar, and its short name. Raises ClientMistake as `services.calendars.add`."""
        kinds = [Kind(0, new.kind, new.minutes, new.buffer)]
        with booking(self.engine, self.actor, at) as work:
            slug = _slug_of(new.name, agenda.slugs(work.conn, self.client_id))
            calendars.add(work, self.client_id, slug, new.name, kinds, resource=new.resource)
        return slug

    def change(self, slug: str, wanted: Mapping[str, Any], kinds: Sequence[Kind], before: str, at: datetime) -> None:
        """Sets a calendar up anew: fields as `services.calendars.change` takes them, and all its kinds of appointment.
        `before`: the version that was looked at.

        Raises ClientMistake if there is none of that name, a value will not do, or somebody changed it meanwhile.
        """
        with booking(self.engine, self.actor, at) as work:
            seen = self._locked(work.conn, slug)
            if before != seen.version:
                raise ClientMistake(
                    "somebody else has changed this calendar meanwhile: look at it once more", Code.CHANGED_MEANWHILE
                )
            calendars.change(work, self.client_id, slug, **wanted)
            self._set_kinds(work, seen, kinds)

    def _set_kinds(self, work: Work, seen: CalendarSeen, kinds: Sequence[Kind]) -> None:
        names = [one.name.strip().casefold() for one in kinds]
        if not kinds:
            raise ClientMistake("a calendar needs a kind of appointment", Code.BAD_VALUE, field=Field("kind"))
        if len(set(names)) < len(names):
            raise ClientMistake("two kinds of appointment have one name", Code.BAD_VALUE, field=Field("kind"))
        slug = seen.calendar.slug
        # Those that go first: there is room for the new ones then. One stays, as a calendar needs one.
        going = [one.name for one in seen.kinds if one.name.casefold() not in names]
        last = going.pop() if len(going) == len(seen.kinds) else ""
        for name in going:
            calendars.remove_kind(work, self.client_id, slug, name)
        for one in kinds:
            calendars.put_kind(work, self.client_id, slug, one.name, one.minutes, one.buffer)
        if last:
            calendars.remove_kind(work, self.client_id, slug, last)

    def leaving(self, slug: str, at: datetime) -> tuple[CalendarSeen, Sequence[Noted]]:
        """The calendar, and the appointments that are to come in it: they are cancelled if it is removed."""
        with reading(self.engine) as conn:
            seen = self._seen(conn, slug)
            coming = agenda.has_coming(conn, seen.calendar.id, at)
            return seen, agenda_lists.coming(conn, seen.calendar.id, at, coming)

    def remove(self, slug: str, known: str, at: datetime) -> None:
        """Takes a calendar away, and cancels the appointments that are to come in it: those of which he was told
        (`appointments_known`).

        Raises ClientMistake if there is none of that name, or others are to come.
        """
        with booking(self.engine, self.actor, at) as work:
            calendar = self._locked(work.conn, slug).calendar
            coming = agenda_lists.coming(work.conn, calendar.id, at, agenda.has_coming(work.conn, calendar.id, at))
            if appointments_known(coming) != known:
                raise ClientMistake("other appointments are to come by now: look once more", Code.CHANGED_MEANWHILE)
            for one in coming:
                _require_usable(one)
                appointments.cancel(work, self.client_id, one.appointment.id, house=self.house)
            calendars.remove(work, self.client_id, slug)

    def renew_feed(self, slug: str, at: datetime) -> str:
        """The secret of the calendar's feed, which is kept nowhere; the one before is dead. Raises ClientMistake."""
        return self._in_work(at, lambda work: calendars.renew_feed(work, self.client_id, slug))

    def stop_feed(self, slug: str, at: datetime) -> None:
        """Raises ClientMistake if there is no such calendar."""
        self._in_work(at, lambda work: calendars.stop_feed(work, self.client_id, slug))

    def changes(self, slug: str) -> tuple[CalendarSeen, Sequence[Change]]:
        """What was done to a calendar and in it, the newest first. Raises ClientMistake if there is none such."""
        with reading(self.engine) as conn:
            seen = self._seen(conn, slug)
            kept = audit.below(conn, self.client_id, f"{seen.firm.slug}: {slug}", MOST_CHANGES)
        return seen, [_change(one, seen) for one in kept]

    # --- the client's own calendar elsewhere ---

    def connection(self, slug: str) -> tuple[CalendarSeen, Access | None]:
        """How a calendar's remote one is reached, without what is secret of it; None: it is kept here alone. Raises
        ClientMistake if there is no such calendar."""
        with reading(self.engine) as conn:
            seen = self._seen(conn, slug)
            access = remotes.access_of(conn, seen.calendar.id)
        return seen, replace(access, secret="") if access else None

    def connect(self, slug: str, access: Access, at: datetime) -> int:
        """Tries a remote calendar, and has a calendar mirrored there if it can be read and written; how many
        appointments are to be put there. An empty `secret` is the one that is kept for that address.

        Raises ClientMistake if a value will not do, RemoteTrouble saying what is wrong with the remote one.
        """
        from pbx_control.services import calendar_sync  # imported here: it takes long to load

        with reading(self.engine) as conn:
            old = remotes.access_of(conn, self._seen(conn, slug).calendar.id)
        if not access.secret and old and replace(old, secret="") == access:
            access = old
        # What will not do anyhow is asked of nobody.
        rehearsed(
            self.engine, self.actor, at, lambda work: calendar_sync.connect(work, self.client_id, slug, access)
        )
        _try(access, self.settings)
        return self._in_work(at, lambda work: calendar_sync.connect(work, self.client_id, slug, access))

    def check(self, slug: str) -> None:
        """Raises RemoteTrouble saying what is wrong with the remote calendar, ClientMistake if there is none."""
        with reading(self.engine) as conn:
            access = remotes.access_of(conn, self._seen(conn, slug).calendar.id)
        if access is None:
            raise ClientMistake("this calendar is kept here alone", Code.WRONG_STATE)
        _try(access, self.settings)

    def disconnect(self, slug: str, at: datetime) -> None:
        """Raises ClientMistake if there is no such calendar, or it is kept here alone."""
        from pbx_control.services import calendar_sync

        self._in_work(at, lambda work: calendar_sync.disconnect(work, self.client_id, slug))

    # --- appointments ---

    def clashes(self, slug: str, at: datetime) -> Sequence[AppointmentTask]:
        """What does not agree between a calendar's coming appointments and the firm's own calendar. Raises
        ClientMistake if there is no such calendar."""
        with reading(self.engine) as conn:
            calendar_id = calendars.get(conn, self.client_id, slug).id
            return remotes.tasks_of(conn, at, client_id=self.client_id, calendar_id=calendar_id)

    def page(self, slug: str, *, past: bool, text: str, skip: int, at: datetime) -> tuple[CalendarSeen, Page]:
        """Some of a calendar's appointments with that text in them: those to come, or those that are over. Raises
        ClientMistake if there is no such calendar."""
        with reading(self.engine) as conn:
            seen = self._seen(conn, slug)
            found = agenda_lists.page(conn, seen.calendar.id, at, past=past, text=text, skip=skip, limit=PAGE + 1)
        return seen, Page(found[:PAGE], skip + PAGE if len(found) > PAGE else 0)

    def days(self, slug: str, kind: str, first: date | None, count: int, office: str, at: datetime) -> Days:
        """Some days of a calendar, as `services.agenda_shown.days`. Who holds a time is the office's own affair: it is
        held by `office`. Raises ClientMistake."""
        with reading(self.engine) as conn:
            found = agenda_shown.days(conn, self.client_id, slug, kind, first, count, at)
        return replace(found, held=[replace(one, holder=office) for one in found.held])

    def free(self, slug: str, kind: str, since: datetime, until: datetime, at: datetime) -> Sequence[Slot]:
        """Free slots. Raises ClientMistake if there is no such calendar or kind."""
        with reading(self.engine) as conn:
            return appointments.free(conn, self.client_id, slug, kind, since, until, at)

    def free_to_move(self, number: int, since: datetime, until: datetime, at: datetime) -> Sequence[Slot]:
        """Where an appointment could be moved to. Raises ClientMistake if there is none of that number."""
        with reading(self.engine) as conn:
            return appointments.free_to_move(conn, self.client_id, number, since, until, at)

    def find(self, slug: str, number: int) -> Found:
        """A calendar's appointment. Raises ClientMistake if there is none of that number in it."""
        with reading(self.engine) as conn:
            seen = self._seen(conn, slug)
            noted = self._noted(conn, seen.calendar, number)
            mirror = agenda.mirror_of(conn, number)
            booked_in = noted.appointment.call_id or ""
            call_id = booked_in if booked_in and agenda_lists.is_over(conn, booked_in) else ""
            kept = audit.below(conn, self.client_id, f"{seen.firm.slug}: {slug} {number}", MOST_CHANGES, alone=True)
        changes = [_change(one, seen) for one in kept]
        by_us = any(one.who and one.verb is Verb.APPOINTMENT_BOOKED for one in changes)
        return Found(seen, noted, mirror.error, by_us, call_id, changes)

    def following(
        self, slug: str, since: datetime, until: datetime, last: tuple[datetime, int] | None, limit: int
    ) -> Sequence[Noted]:
        """A calendar's appointments of any state that begin within a time, the first one first; with `last` (when it
        begins, its number) those that follow that one. Raises ClientMistake if there is no such calendar."""
        with reading(self.engine) as conn:
            calendar = calendars.get(conn, self.client_id, slug)
            return agenda_lists.after(conn, calendar.id, since, until, last, limit)

    def noted(self, slug: str, number: int) -> Noted:
        """A calendar's appointment as it stands. Raises ClientMistake if there is none of that number in it."""
        with reading(self.engine) as conn:
            return self._noted(conn, calendars.get(conn, self.client_id, slug), number)

    def book(self, order: Order, at: datetime) -> Appointment:
        """Raises ClientMistake as `services.appointments.book`."""
        self.look_again(order.calendar, order.starts)
        with booking(self.engine, self.actor, at) as work:
            return self.book_in(work, order)

    def book_in(self, work: Work, order: Order) -> Appointment:
        """The same in a transaction that does more; `look_again` comes before it."""
        mine = replace(order, client_id=self.client_id, call_id=None)
        return appointments.book(work, mine, house=self.house)

    def move(self, slug: str, number: int, starts: datetime, before: str, at: datetime) -> None:
        """Raises ClientMistake as `services.appointments.move`, or if somebody changed it since `before`."""
        self.look_again(slug, starts)
        with booking(self.engine, self.actor, at) as work:
            self.move_in(work, slug, number, starts, before)

    def move_in(self, work: Work, slug: str, number: int, starts: datetime, before: str | None) -> None:
        """The same in a transaction that does more; `look_again` comes before it. `before`: None is whatever it was."""

        def move(work: Work) -> None:
            appointments.move(work, self.client_id, number, starts, house=self.house)

        self._with_in(work, slug, number, before, move)

    def cancel(self, slug: str, number: int, before: str, at: datetime) -> None:
        """Raises ClientMistake as `services.appointments.cancel`, or if somebody changed it since `before`."""
        with booking(self.engine, self.actor, at) as work:
            self.cancel_in(work, slug, number, before)

    def cancel_in(self, work: Work, slug: str, number: int, before: str | None) -> None:
        """The same in a transaction that does more. `before`: None is whatever it was."""

        def cancel(work: Work) -> None:
            appointments.cancel(work, self.client_id, number, house=self.house)

        self._with_in(work, slug, number, before, cancel)

    def no_show(self, slug: str, number: int, before: str, at: datetime) -> None:
        """Raises ClientMistake as `services.appointments.no_show`, or if somebody changed it since `before`."""
        self._with(slug, number, before, at, lambda work: appointments.no_show(work, self.client_id, number))

    def note(self, slug: str, number: int, wanted: Mapping[str, Any], before: str, at: datetime) -> None:
        """Changes whom it is for. Raises ClientMistake as `services.appointments.change`, or if somebody changed it
        since `before`."""

        def note(work: Work) -> None:
            appointments.change(work, self.client_id, number, house=self.house, **wanted)

        self._with(slug, number, before, at, note)

    # --- what each of them needs ---

    def _seen(self, conn: Connection, slug: str) -> CalendarSeen:
        whole = calendars.whole(conn, self.client_id, slug)
        firm = clients.get(conn, self.client_id)
        return CalendarSeen(firm, whole.calendar, whole.kinds, agenda_lists.told(conn, whole.calendar.id))

    def _locked(self, conn: Connection, slug: str) -> CalendarSeen:
        """The calendar as it is after waiting for whoever books into it."""
        agenda.lock(conn, calendars.get(conn, self.client_id, slug).id)
        return self._seen(conn, slug)

    def _noted(self, conn: Connection, calendar: AgendaCalendar, number: int) -> Noted:
        found = agenda_lists.find(conn, calendar.id, number)
        if found is None:
            raise ClientMistake("there is no appointment {id}", Code.NO_SUCH_APPOINTMENT, id=number)
        return found

    def _with(self, slug: str, number: int, before: str, at: datetime, act: Callable[[Work], object]) -> None:
        with booking(self.engine, self.actor, at) as work:
            self._with_in(work, slug, number, before, act)

    def _with_in(self, work: Work, slug: str, number: int, before: str | None, act: Callable[[Work], object]) -> None:
        calendar = self._locked(work.conn, slug).calendar
        noted = self._noted(work.conn, calendar, number)
        _require_usable(noted)
        if before is not None and changed_at(noted.appointment) != before:
            raise ClientMistake(
                "somebody else has changed this appointment meanwhile: look at it once more", Code.CHANGED_MEANWHILE
            )
        act(work)

    def look_again(self, slug: str, starts: datetime) -> None:
        """Reads what the client has entered in his own calendar meanwhile; while that is away, it is booked so."""
        with reading(self.engine) as conn:
            if calendars.get(conn, self.client_id, slug).source is Source.OWN:
                return
        from pbx_control.services import calendar_sync

        calendar_sync.look_once(self.engine, self.settings, self.client_id, slug, starts)

    def _in_work(self, at: datetime, act: Callable[[Work], Answer]) -> Answer:
        done: list[Answer] = []
        with booking(self.engine, self.actor, at) as work:
            done.append(act(work))
        return done[0]


def _require_usable(noted: Noted) -> None:
    """As on the secretaries' desks: whoever is told of a change would be told by what is blocked."""
    if noted.restricted:
        raise ClientMistake(
            "the caller's data is blocked while a request of his is decided: the appointment stays as it is",
            Code.RESTRICTED,
        )


def _try(access: Access, settings: Agenda) -> None:
    from pbx_control.services import calendar_sync

    connections = calendar_sync.Connections(settings)
    try:
        connections.to(access, CHECK_LIMIT).check()
    finally:
        connections.close()


def appointments_known(found: Sequence[Noted]) -> str:
    """What tells these appointments from others."""
    return sha256(",".join(str(one.appointment.id) for one in found).encode()).hexdigest()[:16]


def changed_at(one: Appointment) -> str:
    """What tells how an appointment is from how it was before."""
    return one.changed_at.isoformat()


def _listed(conn: Connection, calendar: AgendaCalendar, at: datetime) -> CalendarListed:
    return CalendarListed(
        calendar,
        agenda.has_coming(conn, calendar.id, at),
        agenda_lists.coming(conn, calendar.id, at, NEXT),
        agenda_lists.told(conn, calendar.id),
    )


def _slug_of(name: str, there: Collection[str]) -> str:
    """A short name that is none of those: "Dra. Soto" is dra-soto, the second one dra-soto-2."""
    plain = _NOT_OF_SLUGS.sub("-", folded(name)).strip("-")[:LONGEST_SLUG].strip("-")
    first = plain if plain and not plain.isdecimal() else f"agenda-{plain}".strip("-")
    return next(one for one in (first, *(f"{first}-{more}" for more in range(2, len(there) + 3))) if one not in there)


def _change(kept: audit.Kept, seen: CalendarSeen) -> Change:
    entry = kept.entry
    ours = entry.actor.kind is ActorKind.USER
    number = entry.subject.rpartition(" ")[2]
    is_one = entry.subject != f"{seen.firm.slug}: {seen.calendar.slug}" and number.isdecimal()
    about = int(number) if is_one else 0
    return Change(entry.at, entry.actor.name if ours else "", entry.verb, about, entry.difference)
