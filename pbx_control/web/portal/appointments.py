"""Appointments in a firm's calendars: one of its people books one, moves, cancels it, or notes that nobody came."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.words.sentences import read_kept, said
from pbx_control.domain.words.wording import NAME_LIMIT, brief_time, clean_line, date_and_time
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.tenant_agenda import (
    STATE_WORDS,
    AgendaOf,
    AppointmentState,
    CalendarSeen,
    Found,
    Kind,
    Order,
    Slot,
    changed_at,
)
from pbx_control.web.pages import go_to, language_of, page
from pbx_control.web.portal.agenda import done_in
from pbx_control.web.portal.agenda_view import (
    DAYS,
    HERE,
    ChangeShown,
    Head,
    Picker,
    agenda_of,
    asked_day,
    change,
    chosen,
    head,
    is_not_there,
    kind_line,
    not_there,
    number_of,
    picker,
    slug_in,
    span_of,
    who,
)
from pbx_control.web.portal.opening import problems_of
from pbx_control.web.site import may_invite, site_of

LONGEST_NAME, LONGEST_FIELD, LONGEST_NOTE, LONGEST_ANSWER = 200, 60, 1200, 400
MOST_ANSWERS = 40
LANGUAGES = {"es": N_("Spanish"), "en": N_("English")}
# The fields beside which a problem stands; others stand above all.
FIELDS = ("starts", "name", "number", "email", "answers", "note")
# The free times between two instants.
FreeTimes: TypeAlias = Callable[[datetime, datetime], Sequence[Slot]]


@dataclass(frozen=True, slots=True)
class Typed:
    """Whom it is for, as it was filled in."""

    name: str = ""
    number: str = ""
    email: str = ""
    note: str = ""
    language: str = ""
    answers: Sequence[tuple[str, str]] = ()  # question and answer


@dataclass(frozen=True, slots=True)
class Asked:
    """What was pressed and filled in, and what is wrong with it."""

    act: str = ""
    day: str = ""
    starts: str = ""
    kind: str = ""
    key: str = ""
    before: str = ""
    typed: Typed = field(default_factory=Typed)
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BookShown:
    """The page on which one is booked."""

    firm: str
    head: Head
    kinds: Sequence[tuple[str, str]]  # its name, and as it is read
    kind: str
    picker: Picker
    languages: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AppointmentShown:
    """The page of one."""

    firm: str
    head: Head
    id: int
    when: str
    clock: str  # until when
    kind: str
    name: str
    number: str
    dialable: str
    email: str
    answers: Sequence[tuple[str, str]]
    note: str
    language: str
    state: str
    became: str
    by: str
    booked: str
    call: str  # during which it was booked; "": in none, or it lasts
    synced: bool
    error: str  # why the remote calendar has it not yet
    restricted: bool
    live: bool  # it can be moved or cancelled
    may_miss: bool
    before: str
    written: Typed  # as it is kept, to be changed
    picker: Picker | None
    languages: Sequence[tuple[str, str]]
    changes: Sequence[ChangeShown]


async def form(request: Request) -> Response:
    """GET /portal/calendars/CALENDAR/book: `kind`, and the `day` from which free times are shown; `starts` is chosen
    already."""
    query = request.query_params
    day, starts, kind = (query.get(name, "")[:LONGEST_FIELD].strip() for name in ("day", "starts", "kind"))
    return await _book_page(request, Asked(day=day, starts=starts, kind=kind))


async def book(request: Request) -> Response:
    """POST /portal/calendars/CALENDAR/book: `starts`, `kind`, and whom it is for."""
    asked, slug = _asked(await request.form()), slug_in(request)
    try:
        starts = _starts(asked)
        whom = asked.typed
        may_invite(request, whom.email)
        order = Order(
            client_id=0,  # whoever books has one client
            calendar=slug,
            kind=asked.kind,
            starts=starts,
            name=whom.name,
            number=whom.number,
            email=whom.email,
            answers=dict(whom.answers),
            note=whom.note,
            language=whom.language,
            key=_key(asked.key),
        )
        booked = await run_sync(agenda_of(request).book, order, clock.now())
    except ClientMistake as error:
        if is_not_there(error):
            return not_there(request, error)
        return await _book_page(request, replace(asked, problems=_problems(error, request)), status=400)
    return go_to(f"{HERE}/{slug}/appointments/{booked.id}?done=booked")


async def one(request: Request) -> Response:
    """GET /portal/calendars/CALENDAR/appointments/NUMBER; free times to move it to are shown from `day` on."""
    query = request.query_params
    act, day, starts = (query.get(name, "")[:LONGEST_FIELD].strip() for name in ("act", "day", "starts"))
    return await _page(request, Asked(act=act, day=day, starts=starts))


async def change_one(request: Request) -> Response:
    """POST /portal/calendars/CALENDAR/appointments/NUMBER: `act` is move (to `starts`), cancel, no-show, or note (whom
    it is for)."""
    asked, slug = _asked(await request.form()), slug_in(request)
    number = number_of(request.path_params["appointment"])
    try:
        if asked.act == "note":
            may_invite(request, asked.typed.email)
        await run_sync(_do, agenda_of(request), slug, number, asked, clock.now())
    except ClientMistake as error:
        if is_not_there(error):
            return not_there(request, error)
        return await _page(request, replace(asked, problems=_problems(error, request)), status=400)
    done = {"move": "moved", "cancel": "cancelled", "no-show": "no-show", "note": "kept"}[asked.act]
    return go_to(f"{HERE}/{slug}/appointments/{number}?done={done}")


def _do(bound: AgendaOf, slug: str, number: int, asked: Asked, now: datetime) -> None:
    match asked.act:
        case "move":
            bound.move(slug, number, _starts(asked), asked.before, now)
        case "cancel":
            bound.cancel(slug, number, asked.before, now)
        case "no-show":
            bound.no_show(slug, number, asked.before, now)
        case "note":
            whom = asked.typed
            wanted = {name: getattr(whom, name) for name in ("name", "number", "email", "note", "language")}
            bound.note(slug, number, wanted | {"answers": dict(whom.answers)}, asked.before, now)
        case _:
            bound.find(slug, number)
            raise ClientMistake("choose what to do", Code.BAD_VALUE, field=Field("act"))


# --- what was filled in -----------------------------------------------------------------------------------


def _asked(given: Any) -> Asked:
    def typed(name: str, longest: int = LONGEST_FIELD) -> str:
        return str(given.get(name, ""))[:longest].strip()

    whom = Typed(
        name=typed("name", LONGEST_NAME),
        number=typed("number"),
        email=typed("email", 254),
        note=typed("note", LONGEST_NOTE).replace("\r\n", "\n"),
        language=typed("language"),
        # Each with its question: somebody may change them meanwhile.
        answers=[
            (question, typed(f"q{place}", LONGEST_ANSWER))
            for place in range(MOST_ANSWERS)
            if (question := typed(f"q{place}-asked", LONGEST_NAME))
        ],
    )
    act, day, starts, kind, key, before = map(typed, ("act", "day", "starts", "kind", "key", "before"))
    return Asked(act, day, starts, kind, key, before, whom)


def _starts(asked: Asked) -> datetime:
    starts = chosen(asked.starts)
    if starts is None:
        raise ClientMistake("choose a time", Code.EMPTY_VALUE, field=Field("starts"))
    return starts


def _key(text: str) -> UUID | None:
    with suppress(ValueError):
        return UUID(text)
    return None


def _problems(error: ClientMistake, request: Request) -> dict[str, str]:
    usual = "starts" if error.code in (Code.SLOT_TAKEN, Code.NO_SUCH_KIND) else "above"
    problems = problems_of(error, language_of(request), {}, usual=usual)
    return problems if set(problems) <= set(FIELDS) else {"above": " ".join(problems.values())}


# --- the pages --------------------------------------------------------------------------------------------


async def _book_page(request: Request, asked: Asked, status: int = 200) -> Response:
    now, language = clock.now(), language_of(request)
    try:
        seen, kind, shown = await run_sync(_book_seen, agenda_of(request), slug_in(request), asked, now, language)
    except ClientMistake as error:
        return not_there(request, error)
    whom = asked.typed
    given = dict(whom.answers)
    whom = replace(
        whom,
        answers=[(question, given.get(question, "")) for question in seen.calendar.questions],
        language=whom.language or seen.firm.language,
    )
    book = BookShown(
        firm=seen.firm.name,
        head=head(seen, now, language),
        kinds=[(one.name, kind_line(one)) for one in seen.kinds],
        kind=kind.name,
        picker=shown,
        languages=_languages(language),
    )
    asked = replace(asked, typed=whom, key=asked.key or str(uuid4()))
    return page(request, "portal/appointment_book.html.j2", status=status, shown=book, asked=asked, here=HERE)


def _book_seen(
    bound: AgendaOf, slug: str, asked: Asked, now: datetime, language: str
) -> tuple[CalendarSeen, Kind, Picker]:
    seen = bound.calendar(slug)
    kind = next((one for one in seen.kinds if one.name.casefold() == asked.kind.casefold()), seen.kinds[0])

    def free(since: datetime, until: datetime) -> Sequence[Slot]:
        return bound.free(slug, kind.name, since, until, now)

    return seen, kind, _picker(seen, asked, now, language, free)


async def _page(request: Request, asked: Asked, status: int = 200) -> Response:
    now, language = clock.now(), language_of(request)
    number = number_of(request.path_params["appointment"])
    try:
        found, times = await run_sync(_seen, agenda_of(request), slug_in(request), number, asked, now, language)
    except ClientMistake as error:
        return not_there(request, error)
    shown = _shown(found, times, now, language, site_of(request).settings.office.name)
    done = done_in(request) if status == 200 else ""
    return page(request, "portal/appointment.html.j2", status=status, shown=shown, asked=asked, here=HERE, done=done)


def _seen(
    bound: AgendaOf, slug: str, number: int, asked: Asked, now: datetime, language: str
) -> tuple[Found, Picker | None]:
    found = bound.find(slug, number)
    if not _is_live(found, now):
        return found, None
    stands = found.noted.appointment.starts

    def free(since: datetime, until: datetime) -> Sequence[Slot]:
        return [one for one in bound.free_to_move(number, since, until, now) if one.starts != stands]

    return found, _picker(found.seen, asked, now, language, free)


def _picker(seen: CalendarSeen, asked: Asked, now: datetime, language: str, free: FreeTimes) -> Picker:
    """Free times from the day that is asked for; that of the chosen time, if none is."""
    horizon, starts = seen.calendar.horizon, chosen(asked.starts)
    wanted = asked.day or (starts.astimezone(seen.zone).date().isoformat() if starts else "")
    day = asked_day(wanted, seen.zone, now, horizon)
    # Where the time was chosen in the week already, its day is enough.
    days = 1 if starts and not asked.day else DAYS
    since, until = span_of(day, seen.zone, days)
    slots = free(since, until)
    later = [] if slots else free(until, now + horizon)
    return picker(day, days, slots, later[0] if later else None, seen, now, language)


def _is_live(found: Found, now: datetime) -> bool:
    kept = found.noted.appointment
    return kept.state is AppointmentState.CONFIRMED and kept.ends > now and not found.noted.restricted


def _shown(found: Found, times: Picker | None, now: datetime, language: str, office: str) -> AppointmentShown:
    kept, zone, restricted = found.noted.appointment, found.seen.zone, found.noted.restricted
    name, number = who(found.noted, language)
    asked = {**dict.fromkeys(found.seen.calendar.questions, ""), **kept.answers}
    return AppointmentShown(
        firm=found.seen.firm.name,
        head=head(found.seen, now, language),
        id=kept.id,
        when=date_and_time(kept.starts.astimezone(zone), language),
        clock=f"{kept.ends.astimezone(zone):%H:%M}",
        kind=clean_line(kept.kind, NAME_LIMIT),
        name=name,
        number=number,
        dialable=kept.number if kept.number.startswith("+") and not restricted else "",
        email="" if restricted else clean_line(kept.email, 254),
        answers=[] if restricted else [(question, answer) for question, answer in asked.items() if answer],
        note="" if restricted else kept.note,
        language=said(language, LANGUAGES.get(kept.language, kept.language), {}),
        state=kept.state.value,
        became=said(language, STATE_WORDS[kept.state], {}),
        by=clean_line(kept.booked_by, NAME_LIMIT) if found.by_us else office,
        booked=brief_time(kept.booked_at.astimezone(zone), language),
        call=found.call_id,
        synced=found.noted.synced,
        error=clean_line(read_kept(found.error).said(language), 300) if found.error else "",
        restricted=restricted,
        live=_is_live(found, now),
        may_miss=not restricted and kept.state is AppointmentState.CONFIRMED and kept.starts <= now,
        before=changed_at(kept),
        written=Typed(
            kept.name, kept.number, kept.email, kept.note, kept.language, [(one, asked[one]) for one in asked]
        ),
        picker=times,
        languages=_languages(language),
        changes=[change(one, zone, language, office) for one in found.changes],
    )


def _languages(language: str) -> list[tuple[str, str]]:
    return [(code, said(language, name, {})) for code, name in LANGUAGES.items()]
