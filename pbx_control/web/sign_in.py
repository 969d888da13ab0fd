"""Signing in and out, and where each role goes from there; second_step.py asks for the code of a second factor."""

from dataclasses import dataclass
from urllib.parse import urlencode

import structlog
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control.catalogue import LANGUAGES, N_, counted
from pbx_control.clock import now
from pbx_control.domain.users import CODE_WITHIN, Person, UserRole, login_name
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake
from pbx_control.services import users
from pbx_control.services.users import Admitted, CodeWanted
from pbx_control.web.desk import acts
from pbx_control.web.pages import go_to, language_of, page
from pbx_control.web.site import Site, person_of, site_of, visitor

log = structlog.get_logger()

# So many people may wait until their password is checked.
MOST_WAITING = 50
# For those who are too many, seconds.
A_MOMENT = 5
LONGEST_NEXT = 500
# Where each role's pages begin.
PAGES = {
    UserRole.SECRETARY: "/desk",
    UserRole.CLIENT: "/portal/messages",
    UserRole.SUPERVISOR: "/admin",
    UserRole.ADMIN: "/admin",
}
# What the browser is lent while the code is awaited.
STEP = "step"

# Said to whoever has a name or a password wrong: not which.
WRONG = N_("Name or password is wrong.")
TOO_OFTEN = counted(
    "Too many wrong tries. Try again in a minute.",
    "Too many wrong tries. Try again in {minutes} minutes.",
    by="minutes",
)
DONE = {"password": N_("The password is set. Sign in with it.")}
CROWDED = N_("Too many people sign in at this moment. Try again in a few seconds.")


@dataclass(frozen=True, slots=True)
class Given:
    """What was filled in; `language` and `next` only as far as they are ours."""

    name: str
    password: str
    language: str = ""
    next: str = ""


def own_page(person: Person) -> str:
    """Where somebody's pages begin."""
    return PAGES[person.role]


async def start(request: Request) -> Response:
    """GET /: to one's own page."""
    return go_to(own_page(person_of(request)))


async def form(request: Request) -> Response:
    """GET /login; `language` is the one that was chosen there, `next` the page that was wanted, `done` what has just
    been done."""
    person, asked = visitor(request), request.query_params
    given = Given("", "", _ours(asked.get("language", "")), local_path(asked.get("next", "")))
    if person:
        return go_to(given.next or own_page(person))
    return form_again(request, given, notice=DONE.get(asked.get("done", ""), ""))


async def enter(request: Request) -> Response:
    """POST /login, with `name` and `password`."""
    site, given = site_of(request), await _given(request)
    name, address = _known_as(given.name), address_of(request)
    turn = site.contested if site.tries.wait(name, address) else site.passwords
    if turn.statistics().tasks_waiting >= MOST_WAITING:
        return form_again(request, given, 503, CROWDED, wait=A_MOMENT)
    async with turn:
        # Looked at only now: of those who waited, many may have been wrong.
        wait = site.tries.wait(name, address)
        if wait and not await run_sync(users.has_come_from, site.engine, name, address):
            log.warning("too many wrong sign-ins", name=name, origin=address)
            return form_again(request, given, 429, TOO_OFTEN, wait=wait, minutes=-(-wait // 60))
        agent = request.headers.get("user-agent", "")
        admitted = await run_sync(
            users.sign_in, site.engine, given.name, given.password, address, now(), given.language, agent
        )
        (site.tries.right if admitted else site.tries.wrong)(name, address)
    if admitted is None:
        log.warning("a sign-in is refused", name=name, origin=address)
        return form_again(request, given, 401, WRONG)
    if isinstance(admitted, CodeWanted):
        answer = go_to(f"/login/code?{urlencode({'next': given.next})}" if given.next else "/login/code")
        site.sessions.lend(answer, STEP, admitted.token, CODE_WITHIN)
        return answer
    return await begun(request, site, admitted, given.next)


async def begun(request: Request, site: Site, admitted: Admitted, wanted: str) -> Response:
    """The session is new whatever the browser brought along: nobody gives one to somebody else."""
    earlier = await site.sessions.person_of(request)
    if earlier:
        await site.sessions.end(earlier)
    await acts.has_come(site, admitted.person, address_of(request))
    answer = go_to(wanted or own_page(admitted.person))
    site.sessions.give(answer, admitted.token)
    return answer


async def leave(request: Request) -> Response:
    """POST /logout"""
    site = site_of(request)
    person = person_of(request)
    await site.sessions.end(person)
    await acts.has_gone(site, person, address_of(request))
    answer = go_to("/login")
    site.sessions.take(answer)
    return answer


async def choose_language(request: Request) -> Response:
    """POST /language, with `language` and the page to go back to as `next`."""
    fields = await request.form()
    language = _ours(str(fields.get("language", "")))
    if language:
        await run_sync(users.choose_language, site_of(request).engine, person_of(request).user_id, language)
    return go_to(local_path(str(fields.get("next", ""))) or "/")


def login_path(request: Request) -> str:
    """Where somebody signs in and comes back from to what he wanted to see."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method not in ("GET", "HEAD") or wanted == "/" or not local_path(wanted):
        return "/login"
    return f"/login?{urlencode({'next': wanted})}"


def local_path(value: str) -> str:
    """A page of ours to go on to; "" for whatever else somebody has put there: a browser takes `//evil.example` and
    `/\\evil.example` for another host."""
    ours = len(value) <= LONGEST_NEXT and value.isprintable() and value.startswith("/")
    return value if ours and value[1:2] not in ("/", "\\") else ""


def form_again(
    request: Request,
    given: Given,
    status: int = 200,
    problem: str = "",
    *,
    notice: str = "",
    wait: int = 0,
    **values: object,
) -> Response:
    """The form, with what was filled in but the password."""
    language = given.language or language_of(request)
    return page(
        request,
        "login.html.j2",
        status=status,
        language=language,
        headers={"Retry-After": str(wait)} if wait else None,
        given=given,
        problem=said(language, problem, values) if problem else "",
        notice=said(language, notice, {}) if notice else "",
        languages=LANGUAGES,
        switch=lambda to: f"/login?{urlencode({'language': to} | ({'next': given.next} if given.next else {}))}",
    )


async def _given(request: Request) -> Given:
    fields = {key: value for key, value in (await request.form()).items() if isinstance(value, str)}
    return Given(
        fields.get("name", ""),
        fields.get("password", ""),
        _ours(fields.get("language", "")),
        local_path(fields.get("next", "")),
    )


def _ours(language: str) -> str:
    return language if language in LANGUAGES else ""


def _known_as(name: str) -> str:
    """The name as logs and limits have it: of what cannot be one, nothing, as it may be a password."""
    try:
        return login_name(name)
    except ClientMistake:
        return "?"


def address_of(request: Request) -> str:
    """Where somebody comes from; behind a proxy on this machine, what that says (server.py)."""
    return clean_line(request.client.host, 60) if request.client else ""
