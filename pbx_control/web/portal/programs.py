"""`/portal/programs`: a client's owner says what programs may do, and where they are told of events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_, counted
from pbx_control.domain.tokens import OF_CLIENTS
from pbx_control.domain.webhooks import LONGEST_URL, EventType
from pbx_control.domain.words.programs import EVENTS, LOST, SCOPES, STATES
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import clean_line, date_and_time, day_in_words
from pbx_control.domain.words.written_time import read_end
from pbx_control.errors import ClientMistake, DeliveryFailed
from pbx_control.services.tenant import actor_of
from pbx_control.services.tenant_programs import Listed, Programs, ProgramsOf, Webhook
from pbx_control.web.account.acts import Problem, proven
from pbx_control.web.pages import go_to, language_of, page, say
from pbx_control.web.portal.opening import problems_of
from pbx_control.web.site import person_of, site_of

HERE = "/portal/programs"
# Characters of what is typed.
LONGEST_NAME, LONGEST_DAY, LONGEST_CODE, LONGEST_DONE = 40, 30, 40, 20
# Boxes that are looked at of a form.
MOST_TICKED = 30
# Characters of an error of somebody else's server.
SHOWN = 200
# The fields beside which a problem stands; what else is wrong stands above all.
TOKEN, WEBHOOK = "token", "webhook"
FIELDS: Mapping[str, Sequence[str]] = {
    TOKEN: ("name", "scope", "until", "password"),
    WEBHOOK: ("url", "events", "password"),
}
DONE = {
    "revoked": N_("Revoked: the next request with it is refused."),
    "tested": N_("The test was taken. Events are told there."),
    "removed": N_("Removed: nothing more is told there."),
}
TOO_OFTEN = counted(
    "Webhooks were tested too often of late. Try again in a minute.",
    "Webhooks were tested too often of late. Try again in {minutes} minutes.",
    by="minutes",
)
NOT_TAKEN = N_("The test was not taken: {why}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was filled in, and what is wrong with it, by form and field. Passwords are not shown again."""

    name: str = ""
    scopes: Sequence[str] = ()
    until: str = ""
    url: str = ""
    events: Sequence[str] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Once:
    """A secret that is shown in this answer alone."""

    of: str  # TOKEN or WEBHOOK
    name: str  # the token's, or the receiver's address
    secret: str


@dataclass(frozen=True, slots=True)
class TokenShown:
    """A token as the page shows it."""

    name: str
    scopes: Sequence[str]
    made: str
    used: str  # "": never
    until: str  # "": until it is revoked
    over: bool


@dataclass(frozen=True, slots=True)
class WebhookShown:
    """A webhook as the page shows it."""

    id: int
    url: str
    events: Sequence[str]  # (): all
    state: str  # its code
    words: str
    waiting: int


@dataclass(frozen=True, slots=True)
class Shown:
    """The page."""

    firm: str
    prefix: str
    tokens: Sequence[TokenShown]
    webhooks: Sequence[WebhookShown]
    scopes: Sequence[tuple[str, str]]  # that can be chosen, with their words
    events: Sequence[tuple[str, str]]


async def programs(request: Request) -> Response:
    """GET /portal/programs"""
    return await _page(request)


async def add_token(request: Request) -> Response:
    """POST /portal/programs/tokens: `name`, a `scope` or several, `until` (may be empty), `password`. The secret is
    shown in the answer, and never again."""
    given, his = await request.form(), _of(request)
    asked = Asked(_typed(given, "name", LONGEST_NAME), _ticked(given, "scope"), _typed(given, "until", LONGEST_DAY))

    def make() -> Once:
        now = clock.now()
        until = read_end(asked.until, ZoneInfo(his.all().timezone), now) if asked.until else None
        return Once(TOKEN, *his.add_token(asked.name, asked.scopes, until, now))

    return await _made(request, TOKEN, asked, make)


async def add_webhook(request: Request) -> Response:
    """POST /portal/programs/webhooks: `url`, an `event` or several (none: all), `password`. The secret is shown in the
    answer, and never again."""
    given, his = await request.form(), _of(request)
    asked = Asked(url=_typed(given, "url", LONGEST_URL + 1), events=_ticked(given, "event"))

    def make() -> Once:
        made = his.add_webhook(asked.url, asked.events, clock.now())
        return Once(WEBHOOK, made.url, made.secret)

    return await _made(request, WEBHOOK, asked, make)


async def revoke(request: Request) -> Response:
    """POST /portal/programs/tokens/revoke, with the `token`'s name."""
    name = _typed(await request.form(), "token", LONGEST_NAME)
    return await _change(request, "revoked", f"{TOKEN}-{name}", lambda his: his.revoke(name, clock.now()))


async def test(request: Request) -> Response:
    """POST /portal/programs/webhooks/test, with the `webhook`'s number."""
    number = await _number(request)
    if wait := site_of(request).webhook_tests.take(str(person_of(request).client_id)):
        problem = say(request, TOO_OFTEN, minutes=-(-wait // 60))
        return await _page(request, Asked(problems={f"{WEBHOOK}-{number}": problem}), status=429)
    return await _change(request, "tested", f"{WEBHOOK}-{number}", lambda his: his.test(number, clock.now))


async def remove(request: Request) -> Response:
    """POST /portal/programs/webhooks/remove, with the `webhook`'s number."""
    number = await _number(request)
    return await _change(request, "removed", f"{WEBHOOK}-{number}", lambda his: his.remove_webhook(number, clock.now()))


# --- what was filled in -----------------------------------------------------------------------------------


def _typed(given: FormData, name: str, longest: int) -> str:
    return str(given.get(name, ""))[:longest].strip()


def _ticked(given: FormData, name: str) -> list[str]:
    return [str(one)[:LONGEST_CODE] for one in given.getlist(name)[:MOST_TICKED]]


async def _number(request: Request) -> int:
    """The webhook that a form is about; 0 for what is no number of ours."""
    named = str((await request.form()).get("webhook", ""))
    return int(named) if named.isascii() and named.isdecimal() and len(named) < 10 else 0


def _of(request: Request) -> ProgramsOf:
    site, person = site_of(request), person_of(request)
    assert person.client_id is not None  # who has that role has a client
    actor = actor_of(person, request.client.host if request.client else "")
    return ProgramsOf(site.engine, site.settings, person.client_id, person, actor)


async def _made(request: Request, form: str, asked: Asked, make: Callable[[], Once]) -> Response:
    """Makes something that has a secret, for somebody who has shown his password: whoever finds an open page makes
    none."""
    password = str((await request.form()).get("password", ""))
    try:
        await proven(request, form, "password", password)
        once = await run_sync(make)
    except Problem as problem:
        told = {f"{form}-{problem.at}": say(request, problem.template, **problem.values)}
        headers = {"Retry-After": str(problem.wait)} if problem.wait else None
        return await _page(request, _with(asked, told), status=problem.status, headers=headers)
    except ClientMistake as error:
        found = problems_of(error, language_of(request), {}, usual="above")
        told = {f"{form}-{name}" if name in FIELDS[form] else "above": text for name, text in found.items()}
        return await _page(request, _with(asked, told), status=400)
    return await _page(request, once=once)


def _with(asked: Asked, problems: Mapping[str, str]) -> Asked:
    return Asked(asked.name, asked.scopes, asked.until, asked.url, asked.events, problems)


async def _change(request: Request, done: str, row: str, act: Callable[[ProgramsOf], None]) -> Response:
    """Does something to what is there, which `row` is called after; what is wrong stands beside it."""
    try:
        await run_sync(act, _of(request))
    except ClientMistake as error:
        return await _page(request, Asked(problems={row: say(request, error.template, **error.values)}), status=400)
    except DeliveryFailed as error:
        why = clean_line(say(request, error.template, **error.values), SHOWN)
        return await _page(request, Asked(problems={row: say(request, NOT_TAKEN, why=why)}), status=400)
    return go_to(f"{HERE}?done={done}")


# --- the page ---------------------------------------------------------------------------------------------


async def _page(
    request: Request,
    asked: Asked | None = None,
    *,
    once: Once | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    language = language_of(request)
    shown = _shown(await run_sync(_of(request).all), language, clock.now())
    asked = asked or Asked()
    done = DONE.get(request.query_params.get("done", "")[:LONGEST_DONE], "") if status == 200 else ""
    values: dict[str, Any] = {
        "asked": asked,
        "above": [text for place, text in asked.problems.items() if place not in _places(shown)],
        "once": once,
        "done": say(request, done) if done and not once else "",
        "url": site_of(request).settings.web.url,
        "longest_name": LONGEST_NAME - len(shown.prefix),
        "longest_url": LONGEST_URL,
    }
    return page(request, "portal/programs.html.j2", status=status, headers=headers, shown=shown, here=HERE, **values)


def _places(shown: Shown) -> set[str]:
    """Beside what a problem can stand."""
    fields = {f"{form}-{name}" for form, names in FIELDS.items() for name in names}
    rows = {f"{TOKEN}-{one.name}" for one in shown.tokens} | {f"{WEBHOOK}-{one.id}" for one in shown.webhooks}
    return fields | rows


def _shown(found: Programs, language: str, now: datetime) -> Shown:
    zone = ZoneInfo(found.timezone)
    return Shown(
        firm=found.firm,
        prefix=found.prefix,
        tokens=[_token(one, zone, language, now) for one in found.tokens],
        webhooks=[_webhook(one, zone, language) for one in found.webhooks],
        scopes=[(scope.value, said(language, SCOPES[scope], {})) for scope in OF_CLIENTS],
        events=[(event.value, said(language, EVENTS[event], {})) for event in EventType],
    )


def _token(one: Listed, zone: ZoneInfo, language: str, now: datetime) -> TokenShown:
    known = {scope.value: words for scope, words in SCOPES.items()}
    return TokenShown(
        name=one.name,
        scopes=[said(language, known.get(scope, scope), {}) for scope in one.scopes],
        made=day_in_words(one.created_at.astimezone(zone).date(), language),
        used=date_and_time(one.used_at.astimezone(zone), language) if one.used_at else "",
        until=_end(one.ends_at.astimezone(zone), language) if one.ends_at else "",
        over=one.ends_at is not None and one.ends_at <= now,
    )


def _end(local: datetime, language: str) -> str:
    """An end as people say it: midnight is the end of the day before."""
    if local.time() == time.min:
        return day_in_words(local.date() - timedelta(days=1), language)
    return date_and_time(local, language)


def _webhook(one: Webhook, zone: ZoneInfo, language: str) -> WebhookShown:
    times = {
        name: date_and_time(at.astimezone(zone), language)
        for name in ("delivered_at", "failing_since", "stopped_at")
        if (at := getattr(one, name))
    }
    why = clean_line(said(language, one.error.template, one.error.values), SHOWN)
    state = said(language, STATES[one.state], times | {"last_error": why})
    lost = said(language, LOST, {"lost": one.lost}) if one.lost else ""
    return WebhookShown(
        id=one.id,
        url=one.url,
        events=[said(language, EVENTS[event], {}) for event in one.events],
        state=one.state,
        words="; ".join(filter(None, (state, lost))),
        waiting=one.waiting,
    )
