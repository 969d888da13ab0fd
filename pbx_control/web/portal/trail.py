"""`/portal/audit`: a client's owner reads who changed what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.trail import VALUE_LIMIT, changes, origin, subject
from pbx_control.domain.words.wording import brief_time, clean_line
from pbx_control.domain.words.written_time import read_day
from pbx_control.errors import ClientMistake
from pbx_control.services.tenant import as_tenant
from pbx_control.services.tenant_trail import OFFICE, Asked, Entry, trail
from pbx_control.web.pages import language_of, page
from pbx_control.web.site import person_of, site_of

HERE = "/portal/audit"
# Characters of what is asked for.
LONGEST = 60
# Fields that are shown of one entry.
MOST_CHANGES = 12


@dataclass(frozen=True, slots=True)
class EntryShown:
    """Something that was done."""

    when: str
    at: datetime
    who: str
    origin: str
    what: str
    about: str
    call: str  # its id; "": it is about no call
    changes: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Shown:
    """The page."""

    firm: str
    entries: Sequence[EntryShown]
    people: Sequence[str]
    who: str
    day: str
    problem: str
    older: str  # the query of the next page; "": there is none


async def audit(request: Request) -> Response:
    """GET /portal/audit: the newest changes; `who` and `day` narrow them down, and `before` goes on where a page
    ended."""
    site, person, language = site_of(request), person_of(request), language_of(request)
    given = {name: request.query_params.get(name, "")[:LONGEST].strip() for name in ("who", "day", "before")}

    def read() -> Shown:
        with as_tenant(site.engine, person) as tenant:
            zone = ZoneInfo(tenant.client.timezone)
            asked, day, problem = _asked(given, zone, language)
            found = trail(tenant, asked, _number(given["before"]))
            query = {"who": given["who"], "day": day, "before": str(found.next or "")}
            return Shown(
                firm=tenant.client.name,
                entries=[_shown(one, zone, language, site.settings.office.name) for one in found.entries],
                people=found.people,
                who=given["who"],
                day=day,
                problem=problem,
                older=urlencode({name: value for name, value in query.items() if value}) if found.next else "",
            )

    shown = await run_sync(read)
    return page(request, "portal/audit.html.j2", shown=shown, here=HERE, office_key=OFFICE)


def _asked(given: dict[str, str], zone: ZoneInfo, language: str) -> tuple[Asked, str, str]:
    """What is asked for, the day as it is written in an address, and what is wrong with it."""
    if not given["day"]:
        return Asked(who=given["who"]), "", ""
    try:
        day = read_day(given["day"], clock.now().astimezone(zone).date())
        since, until = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
    except ClientMistake as mistake:
        return Asked(who=given["who"]), "", said(language, mistake.template, mistake.values)
    except OverflowError:
        return Asked(who=given["who"]), "", ""
    return Asked(who=given["who"], since=since, until=until), day.isoformat(), ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _shown(one: Entry, zone: ZoneInfo, language: str, office: str) -> EntryShown:
    return EntryShown(
        when=brief_time(one.at.astimezone(zone), language),
        at=one.at,
        who=clean_line(one.who, VALUE_LIMIT) or office,
        origin=origin(one.origin, language),
        what=said(language, one.verb.value, {}),
        about="" if one.is_call else subject(one.about, language, zone),
        call=one.about if one.is_call else "",
        changes=changes(one.difference, language, zone)[:MOST_CHANGES],
    )
