"""What the portal's pages show of calendars and appointments, in the reader's language and at the calendar's time."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from pbx_control.catalogue import N_, counted
from pbx_control.domain.agenda.clashes import ClashKind
from pbx_control.domain.agenda.rules import SOURCES
from pbx_control.domain.audit import Fact
from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.opening.hours import week_text
from pbx_control.domain.words.sentences import read_kept, said
from pbx_control.domain.words.trail import VALUE_LIMIT, changes
from pbx_control.domain.words.wording import (
    NAME_LIMIT,
    brief_time,
    clean_line,
    day_in_words,
    readable_number,
)
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.appointment_letters import house_of
from pbx_control.services.tenant import INSTEAD, actor_of
from pbx_control.services.tenant_agenda import (
    STATE_WORDS,
    AgendaOf,
    AppointmentTask,
    CalendarSeen,
    Change,
    Kind,
    Noted,
    Slot,
    Source,
    Told,
)
from pbx_control.web.pages import refusal
from pbx_control.web.portal.opening import moment
from pbx_control.web.site import person_of, site_of

HERE = "/portal/calendars"
# Free times are shown of so many days.
DAYS = 7
NO_CALENDAR = N_("there is no such calendar")
NO_APPOINTMENT = N_("there is no such appointment")
WAITING = counted(
    "{count} appointment is not in your own calendar yet: it is tried again by itself.",
    "{count} appointments are not in your own calendar yet: they are tried again by themselves.",
    by="count",
)
# While nothing has gone wrong, it is a matter of seconds.
ON_ITS_WAY = counted(
    "{count} appointment is put into your own calendar within seconds.",
    "{count} appointments are put into your own calendar within seconds.",
    by="count",
)


@dataclass(frozen=True, slots=True)
class Row:
    """An appointment in a list."""

    id: int
    at: datetime
    when: str
    clock: str  # until when
    kind: str
    name: str
    number: str
    state: str
    became: str  # the state's words
    synced: bool


@dataclass(frozen=True, slots=True)
class MirrorShown:
    """How the remote calendar stands; of a calendar that has none, `source` alone."""

    source: str
    remote: bool
    compared: str  # when it was read last; "": never yet
    trouble: str
    waiting: str


@dataclass(frozen=True, slots=True)
class ClashShown:
    """An appointment that does not agree with the firm's own calendar."""

    id: int
    when: str
    words: str


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above each page of a calendar."""

    slug: str
    name: str
    resource: str
    zone: str  # "" where it is the firm's own
    path: str
    mirror: MirrorShown


@dataclass(frozen=True, slots=True)
class DayOfSlots:
    """A day with free times: what is sent, and what is read."""

    name: str
    times: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Picker:
    """Free times of some days, and where there are more."""

    first: str  # ISO
    days: Sequence[DayOfSlots]
    before: str  # the day that the earlier ones begin with; "": there are none
    after: str
    next: tuple[str, str] | None  # where none is free: the day of the next one, and when that is
    least: str  # the first day that may be asked for, and the last one
    most: str


@dataclass(frozen=True, slots=True)
class ChangeShown:
    """Something that was done."""

    at: datetime
    when: str
    who: str
    what: str
    about: int
    facts: Sequence[tuple[str, str]]


def agenda_of(request: Request) -> AgendaOf:
    """The calendars of the firm of whoever is signed in."""
    site, person = site_of(request), person_of(request)
    assert person.client_id is not None  # who has that role has a client
    actor = actor_of(person, request.client.host if request.client else "")
    settings = site.settings
    writer = partial(house_of, settings)
    return AgendaOf(site.engine, person.client_id, actor, settings.agenda, writer, settings.office.name)


def is_not_there(error: ClientMistake) -> bool:
    """Whether what the address names is none of the client's."""
    return error.code in (Code.NO_SUCH_CALENDAR, Code.NO_SUCH_APPOINTMENT)


def not_there(request: Request, error: ClientMistake) -> Response:
    """What is answered then."""
    what = NO_CALENDAR if error.code is Code.NO_SUCH_CALENDAR else NO_APPOINTMENT
    return refusal(request, 404, what, error.code)


def number_of(text: str) -> int:
    """A number of ours, as it stands in an address or a form; 0 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def slug_in(request: Request) -> str:
    """The calendar that the address names."""
    return str(request.path_params["calendar"])[:60]


def row(noted: Noted, zone: ZoneInfo, language: str) -> Row:
    """An appointment as lists have it."""
    one = noted.appointment
    name, number = who(noted, language)
    return Row(
        id=one.id,
        at=one.starts,
        when=brief_time(one.starts.astimezone(zone), language),
        clock=f"{one.ends.astimezone(zone):%H:%M}",
        kind=clean_line(one.kind, NAME_LIMIT),
        name=name,
        number=number,
        state=one.state.value,
        became=said(language, STATE_WORDS[one.state], {}),
        synced=noted.synced,
    )


def who(noted: Noted, language: str) -> tuple[str, str]:
    """Whom an appointment is for, and his number; why nobody is told, if so."""
    one = noted.appointment
    if noted.restricted:
        return said(language, INSTEAD, {}), ""
    if one.name == ERASED:
        return said(language, N_("(erased at his own request)"), {}), ""
    return clean_line(one.name, NAME_LIMIT), readable_number(one.number) if one.number else ""


# As the firm's own people read it.
CLASHES = {
    ClashKind.OVERLAP: N_("In your own calendar there is something else: {other}."),
    ClashKind.MOVED: N_("In your own calendar it was moved to {other}."),
    ClashKind.DELETED: N_("In your own calendar it was deleted."),
}


def clash(one: AppointmentTask, zone: ZoneInfo, language: str) -> ClashShown:
    """What is to be settled about an appointment."""
    other = brief_time(one.other_starts.astimezone(zone), language) if one.other_starts else "–"
    words = said(language, CLASHES[one.kind], {"other": other})
    return ClashShown(one.appointment_id, brief_time(one.starts.astimezone(zone), language), words)


def head(seen: CalendarSeen, now: datetime, language: str) -> Head:
    """What stands above the calendar's pages."""
    one = seen.calendar
    return Head(
        slug=one.slug,
        name=clean_line(one.name, NAME_LIMIT),
        resource=clean_line(one.resource, NAME_LIMIT),
        zone=one.zone if one.zone != seen.firm.timezone else "",
        path=f"{HERE}/{one.slug}",
        mirror=mirror(one.source, seen.told, seen.zone, now, language),
    )


def mirror(source: Source, told: Told, zone: ZoneInfo, now: datetime, language: str) -> MirrorShown:
    """How a calendar's remote one stands."""
    remote = source is not Source.OWN
    trouble = read_kept(told.trouble).said(language) if remote and told.trouble else ""
    waits = WAITING if told.failed or told.trouble else ON_ITS_WAY
    return MirrorShown(
        source=said(language, SOURCES[source], {}),
        remote=remote,
        compared=moment(told.synced_at, now, zone, language) if remote and told.synced_at else "",
        trouble=clean_line(trouble, 300),
        waiting=said(language, waits, {"count": told.waiting}) if remote and told.waiting else "",
    )


def hours_of(seen: CalendarSeen, language: str) -> str:
    """When appointments may be booked: "mon-fri 09:00-18:00"."""
    return week_text(seen.week, language)


def kind_line(kind: Kind) -> str:
    """ "Consulta (30 min)"."""
    return f"{clean_line(kind.name, NAME_LIMIT)} ({kind.minutes} min)"


# --- free times -------------------------------------------------------------------------------------------


def asked_day(text: str, zone: ZoneInfo, now: datetime, horizon: timedelta) -> date:
    """The day from which free times are asked for: none before today, nor beyond the horizon."""
    today, last = now.astimezone(zone).date(), (now + horizon).astimezone(zone).date()
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = today
    return min(max(day, today), last)


def span_of(day: date, zone: ZoneInfo, days: int = DAYS) -> tuple[datetime, datetime]:
    """From the beginning of that day, so many days."""
    since, until = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=days)))
    return since.astimezone(UTC), until.astimezone(UTC)


def picker(
    day: date, days: int, slots: Sequence[Slot], later: Slot | None, seen: CalendarSeen, now: datetime, language: str
) -> Picker:
    """Free times from that day on; `later` is the next one, where none is free in these days."""
    zone = seen.zone
    today, last = now.astimezone(zone).date(), (now + seen.calendar.horizon).astimezone(zone).date()
    by_day: dict[date, list[tuple[str, str]]] = {}
    for one in slots:
        local = one.starts.astimezone(zone)
        by_day.setdefault(local.date(), []).append((sent(one.starts), f"{local:%H:%M}"))
    after, before = day + timedelta(days=days), max(day - timedelta(days=DAYS), today)
    return Picker(
        first=day.isoformat(),
        days=[DayOfSlots(day_in_words(one, language), times) for one, times in by_day.items()],
        before=before.isoformat() if before < day else "",
        after=after.isoformat() if after <= last else "",
        next=_next(later, zone, language) if later else None,
        least=today.isoformat(),
        most=last.isoformat(),
    )


def _next(slot: Slot, zone: ZoneInfo, language: str) -> tuple[str, str]:
    local = slot.starts.astimezone(zone)
    return local.date().isoformat(), brief_time(local, language)


def sent(at: datetime) -> str:
    """An instant as forms and addresses have it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def chosen(text: str) -> datetime | None:
    """The instant that a form has; None for what is none."""
    try:
        at = datetime.fromisoformat(text[:40])
        return at.astimezone(UTC) if at.tzinfo and 2000 <= at.year < 2200 else None
    except (ValueError, OverflowError):
        return None


# --- what was done ----------------------------------------------------------------------------------------


def change(one: Change, zone: ZoneInfo, language: str, office: str) -> ChangeShown:
    """A line of the history."""
    return ChangeShown(
        at=one.at,
        when=brief_time(one.at.astimezone(zone), language),
        who=clean_line(one.who, VALUE_LIMIT) or office,
        what=said(language, one.verb, {}),
        about=one.about,
        facts=_moved(one, zone, language) if one.about else _set(one, zone, language),
    )


def _moved(one: Change, zone: ZoneInfo, language: str) -> Sequence[tuple[str, str]]:
    """Of an appointment its time is told; what else changed is what was done."""
    old, new = one.difference.get("starts", (None, None))
    times = [_written(each, zone, language) for each in (old, new) if each]
    return [(said(language, N_("starts"), {}), " → ".join(times))] if times else []


def _set(one: Change, zone: ZoneInfo, language: str) -> Sequence[tuple[str, str]]:
    """How a calendar was set up; questions as they are read."""
    readable = {name: (_questions(old), _questions(new)) for name, (old, new) in one.difference.items()}
    return changes({name: both for name, both in readable.items() if both != (None, Source.OWN.value)}, language, zone)


def _questions(value: Fact) -> Fact:
    """A list that was kept as JSON; another value as it is."""
    if isinstance(value, str) and value.startswith("["):
        with suppress(ValueError):
            return [str(each) for each in json.loads(value)]
    return value


def _written(at: object, zone: ZoneInfo, language: str) -> str:
    found = chosen(str(at))
    return brief_time(found.astimezone(zone), language) if found else ""
