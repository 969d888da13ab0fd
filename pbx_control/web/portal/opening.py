"""What the pages about opening hours and announcements share: whose they are, problems at fields, times in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from starlette.requests import Request

from pbx_control.catalogue import N_, counted, in_context
from pbx_control.domain.users import Person
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import brief_time, day_in_words
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.tenant import actor_of
from pbx_control.services.tenant_opening import Heard, OpeningOf
from pbx_control.web.portal.sounds import address
from pbx_control.web.site import person_of, site_of
from pbx_control.web.voice import TooOften

TOO_OFTEN = counted(
    "Too many texts were spoken of late. Try again in a minute.",
    "Too many texts were spoken of late. Try again in {minutes} minutes.",
    by="minutes",
)
# Spanish says otherwise of one o'clock.
UNTIL_ONE = in_context("one o'clock", "until {time}")
UNTIL_ONE_TOMORROW = in_context("one o'clock", "until tomorrow, {time}")
OWN_FILE = N_("(your own recording)")
# Under which field a problem stands that names none.
FIELD_OF = {Code.TEXT_TOO_LONG: "text"}


@dataclass(frozen=True, slots=True)
class Played:
    """Something that callers hear: its words, and where the browser finds it."""

    words: str
    address: str


def opening_of(request: Request) -> OpeningOf:
    """When the firm of whoever is signed in is open."""
    site, person = site_of(request), person_of(request)
    assert person.client_id is not None  # who has that role has a client
    actor = actor_of(person, request.client.host if request.client else "")
    return OpeningOf(site.engine, site.home, person.client_id, actor)


def problems_of(
    error: ClientMistake | TooOften, language: str, kinds: Mapping[str, str], usual: str = ""
) -> dict[str, str]:
    """What is wrong, by the field that it stands at; `usual` is that of what names none. `kinds`: what announcements
    are called on the page."""
    if isinstance(error, TooOften):
        return {"text": said(language, TOO_OFTEN, {"minutes": error.minutes})}
    field = error.values.get("field") or FIELD_OF.get(error.code, usual)
    name = said(language, kinds.get(str(error.values.get("kind")), ""), {})
    values = error.values | ({"kind": said(language, N_("“{name}”"), {"name": name})} if name else {})
    return {str(field): said(language, error.template, values)}


def played(person: Person, heard: Heard, language: str) -> Played:
    """A sound as the page has it."""
    return Played(heard.text or said(language, OWN_FILE, {}), address(person, heard.sound))


def until(at: datetime, now: datetime, zone: ZoneInfo, language: str) -> str:
    """ "until 18:00" today, "until tomorrow, 09:00", "until Mon 23 Nov, 09:00", or "until midnight"."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    clock = f"{local.hour}:{local.minute:02}"
    if local == datetime.combine(today + timedelta(days=1), time.min, zone):
        return said(language, N_("until midnight"), {})
    if local.date() == today:
        return said(language, UNTIL_ONE if local.hour == 1 else N_("until {time}"), {"time": clock})
    if local.date() == today + timedelta(days=1):
        tomorrow = UNTIL_ONE_TOMORROW if local.hour == 1 else N_("until tomorrow, {time}")
        return said(language, tomorrow, {"time": clock})
    return said(language, N_("until {day_and_time}"), {"day_and_time": brief_time(local, language)})


def moment(at: datetime, now: datetime, zone: ZoneInfo, language: str) -> str:
    """ "18:00" today, "tomorrow, 09:00", or "Mon 23 Nov, 09:00", by the firm's clock."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    if local.date() == today + timedelta(days=1):
        return said(language, N_("tomorrow, {time}"), {"time": f"{local:%H:%M}"})
    return brief_time(local, language)


def days_named(zone: ZoneInfo, now: datetime, language: str, count: int) -> list[tuple[str, str]]:
    """The days from today on, of which a time may be chosen, with what they are called."""
    today = now.astimezone(zone).date()
    days = [today + timedelta(days=ahead) for ahead in range(count)]
    names = [said(language, N_("today"), {}), said(language, N_("tomorrow"), {})]
    names += [day_in_words(day, language) for day in days[2:]]
    return [(day.isoformat(), name) for day, name in zip(days, names, strict=True)]
