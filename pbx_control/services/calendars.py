"""What can be done with a client's calendars, into which its secretaries book (docs/service.md rule 14)."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pbx_control.catalogue import counted
from pbx_control.domain import checks
from pbx_control.domain.agenda.rules import (
    LONGEST_APPOINTMENT,
    LONGEST_BUFFER,
    LONGEST_HORIZON,
    LONGEST_LEAD,
    MOST_KINDS,
    MOST_QUESTIONS,
    STEPS,
    USUAL_HORIZON,
    USUAL_LEAD,
    USUAL_STEP,
    AgendaCalendar,
    Kind,
    Rules,
    Source,
)
from pbx_control.domain.audit import Verb
from pbx_control.domain.opening.holidays import of_client
from pbx_control.domain.opening.hours import parse_week, week_text
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work, news
from pbx_control.store import agenda, clients, plans
from pbx_control.store.snapshot import read_holidays

SECRET_BYTES = 32
LONGEST_LINK = 500  # characters
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Whole:
    """A calendar with its kinds of appointment."""

    calendar: AgendaCalendar
    kinds: Sequence[Kind]


# --- changes ----------------------------------------------------------------------------------------------


def add(work: Work, client_id: int, slug: str, name: str, kinds: Sequence[Kind], **wanted: Any) -> AgendaCalendar:
    """Gives a client a calendar; `kinds` are its kinds of appointment (their ids are not looked at), at least one.

    `wanted` are fields as `change` takes them; what is not said is the client's own zone and hours, and the usual.
    Raises ClientMistake if the client has cancelled, the short name is taken, a value will not do, or the plan has room
    for no more.
    """
    owner = refuse_cancelled(work.conn, client_id)
    checks.slug(slug)
    plans.take_current(work.conn, client_id)
    there = agenda.slugs(work.conn, client_id)
    if slug in there:
        raise ClientMistake(
            "there is a calendar {name} of this client already", Code.NAME_TAKEN, name=slug, field=Field("slug")
        )
    _refuse_beyond_plan(work, client_id, len(there))
    if not kinds:
        raise ClientMistake("a calendar needs a kind of appointment", Code.BAD_VALUE, field=Field("kind"))
    columns = _usual(work.conn, client_id) | _columns({"name": name} | wanted)
    known = {"client_id": client_id, "slug": slug, "created_at": work.at}
    calendar_id = agenda.insert_calendar(work.conn, known | columns)
    for kind in _checked_kinds(kinds):
        agenda.insert_kind(work.conn, calendar_id, kind.name, kind.minutes, kind.buffer)
    added = columns | {"kinds": [_kind_text(kind) for kind in kinds]}
    work.note(Verb.CALENDAR_ADDED, f"{owner}: {slug}", client_id=client_id, new=added)
    return get(work.conn, client_id, slug)


def change(work: Work, client_id: int, slug: str, **wanted: Any) -> None:
    """Changes fields of a calendar: name, resource, zone, week, step (minutes), lead, horizon (timedelta), address,
    map_link, questions, place_in_mail, reminder. Appointments that are booked stay where they are.

    Raises ClientMistake if there is none of that name, or a value will not do.
    """
    owner, old = refuse_cancelled(work.conn, client_id), get(work.conn, client_id, slug)
    if changed := news(_as_columns(old), _columns(wanted)):
        agenda.update_calendar(work.conn, old.id, changed)
        work.note(Verb.CALENDAR_CHANGED, f"{owner}: {slug}", client_id=client_id, old=_as_columns(old), new=changed)


def put_kind(work: Work, client_id: int, slug: str, name: str, minutes: int, buffer: int = 0) -> None:
    """Gives a calendar a kind of appointment, or changes the one of that name; what is booked stays as it is.

    Raises ClientMistake if there is no such calendar, a value will not do, or there are too many.
    """
    owner, calendar = refuse_cancelled(work.conn, client_id), get(work.conn, client_id, slug)
    kinds = agenda.kinds_of(work.conn, calendar.id)
    old = next((one for one in kinds if one.name.casefold() == name.strip().casefold()), None)
    wanted = Kind(0, name, minutes, buffer)
    (new,) = _checked_kinds([wanted])
    if old is not None and (old.name, old.minutes, old.buffer) == (new.name, new.minutes, new.buffer):
        return
    if old is not None:
        agenda.update_kind(work.conn, old.id, {"name": new.name, "minutes": minutes, "buffer": buffer})
    elif len(kinds) >= MOST_KINDS:
        raise _too_many_kinds()
    else:
        agenda.insert_kind(work.conn, calendar.id, new.name, minutes, buffer)
    was = {"kind": _kind_text(old)} if old else {}
    work.note(Verb.CALENDAR_CHANGED, f"{owner}: {slug}", client_id=client_id, old=was, new={"kind": _kind_text(new)})


def remove_kind(work: Work, client_id: int, slug: str, name: str) -> None:
    """Takes a kind of appointment away; appointments of it stay. Raises ClientMistake if there is none of that name, or
    no other one."""
    owner, calendar = refuse_cancelled(work.conn, client_id), get(work.conn, client_id, slug)
    kind = find_kind(work.conn, calendar, name)
    if len(agenda.kinds_of(work.conn, calendar.id)) == 1:
        raise ClientMistake(
            "{name} is the only kind of appointment of {slug}", Code.WRONG_STATE, name=repr(kind.name), slug=slug
        )
    agenda.delete_kind(work.conn, kind.id)
    work.note(Verb.CALENDAR_CHANGED, f"{owner}: {slug}", client_id=client_id, old={"kind": _kind_text(kind)}, new={})


def remove(work: Work, client_id: int, slug: str) -> None:
    """Takes a calendar away; its appointments stay known. Raises ClientMistake if there is none of that name, or some
    are still to come: whom would their callers meet?"""
    owner, calendar = clients.get(work.conn, client_id).slug, get(work.conn, client_id, slug)
    agenda.lock(work.conn, calendar.id)
    if coming := agenda.has_coming(work.conn, calendar.id, work.at):
        raise ClientMistake(
            counted(
                "{count} appointment of {slug} is still to come",
                "{count} appointments of {slug} are still to come",
                by="count",
            ),
            Code.APPOINTMENTS_TO_COME,
            count=coming,
            slug=slug,
        )
    agenda.delete_holds_of(work.conn, calendar.id)
    agenda.update_calendar(work.conn, calendar.id, {"removed_at": work.at, "feed_hash": None})
    work.note(Verb.CALENDAR_REMOVED, f"{owner}: {slug}", client_id=client_id)


def renew_feed(work: Work, client_id: int, slug: str) -> str:
    """Gives the calendar's ICS feed a secret address, and gives the secret: it is not kept. The address that it had
    leads nowhere from now on. Raises ClientMistake if there is no such calendar."""
    owner, calendar = refuse_cancelled(work.conn, client_id), get(work.conn, client_id, slug)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    agenda.update_calendar(work.conn, calendar.id, {"feed_hash": feed_hash(secret)})
    work.note(Verb.FEED_RENEWED, f"{owner}: {slug}", client_id=client_id)
    return secret


def stop_feed(work: Work, client_id: int, slug: str) -> None:
    """The calendar has no ICS feed any more. Raises ClientMistake if there is no such calendar."""
    owner, calendar = clients.get(work.conn, client_id).slug, get(work.conn, client_id, slug)
    if calendar.has_feed:
        agenda.update_calendar(work.conn, calendar.id, {"feed_hash": None})
        work.note(Verb.FEED_STOPPED, f"{owner}: {slug}", client_id=client_id)


def feed_hash(secret: str) -> str:
    """What is kept of a feed's secret: whoever reads the database cannot read the feed by it."""
    return sha256(secret.encode(errors="replace")).hexdigest()


# --- reading ----------------------------------------------------------------------------------------------


def get(conn: Connection, client_id: int, slug: str) -> AgendaCalendar:
    """The client's calendar. Raises ClientMistake if there is none of that name."""
    found = agenda.calendar_by_slug(conn, client_id, slug)
    if found is None:
        raise ClientMistake(
            "{name} is no calendar of this client: it has {known}",
            Code.NO_SUCH_CALENDAR,
            name=repr(slug[:40]),
            known=", ".join(agenda.slugs(conn, client_id)) or "–",
        )
    return found


def whole(conn: Connection, client_id: int, slug: str) -> Whole:
    """The client's calendar with its kinds. Raises ClientMistake if there is none of that name."""
    calendar = get(conn, client_id, slug)
    return Whole(calendar, agenda.kinds_of(conn, calendar.id))


def all_of(conn: Connection, client_id: int) -> list[Whole]:
    """The client's calendars with their kinds, by short name."""
    return [Whole(one, agenda.kinds_of(conn, one.id)) for one in agenda.calendars_of(conn, client_id)]


def find_kind(conn: Connection, calendar: AgendaCalendar, name: str) -> Kind:
    """The kind of that name, in any capitals; "" is the only one. Raises ClientMistake if there is none such, or none
    is named of several."""
    kinds = agenda.kinds_of(conn, calendar.id)
    if not name.strip() and len(kinds) > 1:
        raise ClientMistake(
            "{slug} has several kinds of appointment: say which one with {field}: {known}",
            Code.NO_SUCH_KIND,
            slug=calendar.slug,
            field=Field("kind"),
            known=", ".join(one.name for one in kinds),
        )
    found = [one for one in kinds if one.name.casefold() == name.strip().casefold()] if name.strip() else kinds
    if len(found) != 1:
        raise ClientMistake(
            "{name} is no kind of appointment of {slug}: it has {known}",
            Code.NO_SUCH_KIND,
            name=repr(name[:60]),
            slug=calendar.slug,
            known=", ".join(one.name for one in kinds) or "–",
        )
    return found[0]


def rules_of(conn: Connection, calendar: AgendaCalendar, now: datetime) -> Rules:
    """When appointments may be booked into the calendar: not on the client's holidays."""
    week, zone = parse_week([calendar.week]), ZoneInfo(calendar.zone)
    days = of_client(read_holidays(conn, now.astimezone(zone).date()), calendar.client_id, week)
    return Rules(zone, week, days, calendar.step, calendar.lead, calendar.horizon)


# --- what may be written ----------------------------------------------------------------------------------


def _usual(conn: Connection, client_id: int) -> dict[str, Any]:
    owner = clients.get(conn, client_id)
    return {
        "zone": owner.timezone,
        "week": owner.week,
        "step": USUAL_STEP,
        "lead": USUAL_LEAD // MINUTE,
        "horizon": USUAL_HORIZON // DAY,
        "source": Source.OWN.value,
    }


def _columns(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as they are kept. Raises ClientMistake for one that will not do."""
    return {name: _CHECKS[name](value) for name, value in wanted.items()}


def _as_columns(one: AgendaCalendar) -> dict[str, Any]:
    return {
        "name": one.name,
        "resource": one.resource,
        "zone": one.zone,
        "week": one.week,
        "step": one.step,
        "lead": one.lead // MINUTE,
        "horizon": one.horizon // DAY,
        "address": one.place.address,
        "map_link": one.place.map_link,
        "questions": json.dumps(list(one.questions), ensure_ascii=False),
        "source": one.source.value,
        "place_in_mail": one.place_in_mail,
        "reminder": one.reminder,
    }


def _week(text: str) -> str:
    week = parse_week([text])
    if not week:
        raise ClientMistake("with these hours nothing can be booked", Code.BAD_VALUE, field=Field("week"))
    return week_text(week)


def _step(minutes: int) -> int:
    if minutes not in STEPS:
        raise ClientMistake(
            "{value} is no step: write one of {known} minutes",
            Code.BAD_VALUE,
            value=minutes,
            known=", ".join(map(str, STEPS)),
            field=Field("step"),
        )
    return minutes


def _within(value: timedelta, least: timedelta, most: timedelta, unit: timedelta, field: str) -> int:
    if not least <= value <= most:
        raise ClientMistake(
            "{field} is out of bounds: at least {least}, at most {most}",
            Code.BAD_VALUE,
            field=Field(field),
            least=_length_text(least),
            most=_length_text(most),
        )
    return value // unit


def _length_text(length: timedelta) -> str:
    return f"{length // DAY} d" if length >= DAY else f"{length // MINUTE} min"


def _map_link(link: str) -> str:
    link = link.strip()
    if not link:
        return ""
    parts = urlsplit(link)
    if parts.scheme not in ("http", "https") or not parts.netloc or len(link) > LONGEST_LINK or not link.isprintable():
        raise ClientMistake(
            "this is no link to a map: write one that begins with https://", Code.BAD_VALUE, field=Field("map_link")
        )
    return link


def _questions(texts: Sequence[str]) -> str:
    tidy = [checks.line(text, "questions", longest=200) for text in texts]
    seen: set[str] = set()
    for text in tidy:
        # An answer is kept by its question: two that differ in capitals alone are one to whoever reads them.
        if text.casefold() in seen:
            raise ClientMistake(
                "{question} is asked twice", Code.BAD_VALUE, question=repr(text[:60]), field=Field("questions")
            )
        seen.add(text.casefold())
    if len(tidy) > MOST_QUESTIONS:
        raise ClientMistake(
            "there are too many questions: at most {most}",
            Code.BAD_VALUE,
            most=MOST_QUESTIONS,
            field=Field("questions"),
        )
    return json.dumps(tidy, ensure_ascii=False)


_CHECKS: Mapping[str, Any] = {
    "name": lambda text: checks.line(text, "name", longest=60),
    "resource": lambda text: checks.line(text, "resource", longest=60) if text else "",
    "zone": checks.timezone,
    "week": _week,
    "step": _step,
    "lead": lambda length: _within(length, timedelta(0), LONGEST_LEAD, MINUTE, "lead"),
    "horizon": lambda length: _within(length, DAY, LONGEST_HORIZON, DAY, "horizon"),
    "address": lambda text: checks.line(text, "address", longest=200) if text else "",
    "map_link": _map_link,
    "questions": _questions,
    "source": lambda source: Source(source).value,
    "place_in_mail": bool,
    "reminder": bool,
}


def _checked_kinds(kinds: Sequence[Kind]) -> list[Kind]:
    checked = [_checked_kind(one) for one in kinds]
    names = [one.name.casefold() for one in checked]
    if len(set(names)) < len(names):
        raise ClientMistake("two kinds of appointment have one name", Code.BAD_VALUE, field=Field("kind"))
    if len(checked) > MOST_KINDS:
        raise _too_many_kinds()
    return checked


def _checked_kind(one: Kind) -> Kind:
    name = checks.line(one.name, "kind", longest=60)
    if not (1 <= one.minutes <= LONGEST_APPOINTMENT and 0 <= one.buffer <= LONGEST_BUFFER):
        raise ClientMistake(
            "{name} is out of bounds: at most {most} minutes, and as many after it",
            Code.BAD_VALUE,
            name=name,
            most=LONGEST_APPOINTMENT,
            field=Field("kind"),
        )
    return Kind(one.id, name, one.minutes, one.buffer)


def _too_many_kinds() -> ClientMistake:
    return ClientMistake(
        "there are too many kinds of appointment: at most {most}",
        Code.BAD_VALUE,
        most=MOST_KINDS,
        field=Field("kind"),
    )


def _kind_text(kind: Kind) -> str:
    return f"{kind.name} {kind.minutes}+{kind.buffer} min"


def _refuse_beyond_plan(work: Work, client_id: int, there: int) -> None:
    """How many calendars a client may have depends on its plan (docs/service.md rule 14); without one, no limit."""
    current = plans.current(work.conn, client_id)
    if current and there >= current.plan.calendars:
        raise ClientMistake(
            counted(
                "the plan {plan} has room for {limit} calendar and the client has {count}: "
                "remove one, or assign a larger plan",
                "the plan {plan} has room for {limit} calendars and the client has {count}: "
                "remove one, or assign a larger plan",
                by="limit",
            ),
            Code.PLAN_IS_FULL,
            plan=current.plan.name,
            limit=current.plan.calendars,
            count=there,
        )
