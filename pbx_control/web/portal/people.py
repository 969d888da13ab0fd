"""`/portal/users`: a client's owner looks after the people of the firm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_, counted
from pbx_control.domain.telephony.guessing import place_of
from pbx_control.domain.users import ClientRole
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import brief_time
from pbx_control.errors import ClientMistake
from pbx_control.services import users
from pbx_control.services.tenant import actor_of
from pbx_control.services.tenant_people import Colleague, PeopleOf, Staffed
from pbx_control.web.pages import go_to, language_of, page, say
from pbx_control.web.site import person_of, site_of

HERE = "/portal/users"
# Characters of what is typed.
LONGEST_NAME, LONGEST_ADDRESS, LONGEST_FIELD = 40, 254, 20
ROLES = {ClientRole.OWNER: N_("owner"), ClientRole.STAFF: N_("staff")}
DONE = {
    "added": N_("Added. The letter with the link is on its way."),
    "sent": N_("The letter with the link is on its way."),
    "role": N_("The role is changed; it holds at once."),
    "removed": N_("Removed, and signed out everywhere."),
}
TOO_MANY = counted(
    "Too many letters were sent from here. Try again in a minute.",
    "Too many letters were sent from here. Try again in {minutes} minutes.",
    by="minutes",
)


@dataclass(frozen=True, slots=True)
class ColleagueShown:
    """One of the people, as the page shows him."""

    id: int
    name: str
    role: str
    is_owner: bool
    email: str
    second_factor: bool
    last: str  # sign-in; "": never, or long ago
    me: bool


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed, and what is wrong with it."""

    name: str = ""
    email: str = ""
    role: ClientRole = ClientRole.STAFF
    problem: str = ""
    at: str = ""  # add, or the id of the one whom the problem is about


@dataclass(frozen=True, slots=True)
class Shown:
    """The page."""

    firm: str
    prefix: str
    people: Sequence[ColleagueShown]
    letters: bool  # can be sent
    typed: Typed
    password: tuple[str, str] | None  # somebody's name and first password, shown once


async def people(request: Request) -> Response:
    """GET /portal/users"""
    return await _page(request)


async def add(request: Request) -> Response:
    """POST /portal/users/add, with `name`, `role` and, if he is to be sent a link, `email`."""
    site, fields = site_of(request), await request.form()
    name = str(fields.get("name", ""))[:LONGEST_NAME].strip()
    email = str(fields.get("email", ""))[:LONGEST_ADDRESS].strip()
    role = _role(str(fields.get("role", "")))
    typed = Typed(name, email, role, at="add")
    if email and (problem := _too_many(request)):
        return await _page(request, 429, replace(typed, problem=problem))
    async with site.passwords:
        # With a link nobody is told this one.
        password = await run_sync(users.new_password)
    try:
        whole = await run_sync(_of(request).add, name, role, email, password, clock.now())
    except ClientMistake as mistake:
        return await _page(request, 400, replace(typed, problem=say(request, mistake.template, **mistake.values)))
    if email:
        return go_to(f"{HERE}?done=added")
    return await _page(request, password=(whole, password.text))


async def send_link(request: Request) -> Response:
    """POST /portal/users/link, with the `user`."""
    if problem := _too_many(request):
        return await _page(request, 429, Typed(problem=problem, at=str(await _user(request))))
    return await _change(request, "sent", lambda his, user_id: his.send_link(user_id, clock.now()))


async def set_role(request: Request) -> Response:
    """POST /portal/users/role, with the `user` and his `role`."""
    role = _role(str((await request.form()).get("role", "")))
    return await _change(request, "role", lambda his, user_id: his.set_role(user_id, role, clock.now()))


async def remove(request: Request) -> Response:
    """POST /portal/users/remove, with the `user`."""
    return await _change(request, "removed", lambda his, user_id: his.remove(user_id, clock.now()))


async def _change(request: Request, done: str, act: Callable[[PeopleOf, int], str]) -> Response:
    user_id = await _user(request)
    try:
        await run_sync(act, _of(request), user_id)
    except ClientMistake as mistake:
        problem = say(request, mistake.template, **mistake.values)
        return await _page(request, 400, Typed(problem=problem, at=str(user_id)))
    return go_to(f"{HERE}?done={done}")


def _of(request: Request) -> PeopleOf:
    site, person = site_of(request), person_of(request)
    assert person.client_id is not None  # who has that role has a client
    actor = actor_of(person, request.client.host if request.client else "")
    return PeopleOf(site.engine, site.settings, person.client_id, person, actor)


async def _user(request: Request) -> int:
    """The one whom a form is about; 0 for what is no number of ours."""
    named = str((await request.form()).get("user", ""))
    return int(named) if named.isascii() and named.isdecimal() and len(named) < 10 else 0


def _role(text: str) -> ClientRole:
    return ClientRole.OWNER if text == ClientRole.OWNER.value else ClientRole.STAFF


def _too_many(request: Request) -> str:
    """What is said where too many letters were sent from; "" where not."""
    wait = site_of(request).letters.take(place_of(request.client.host if request.client else ""))
    return say(request, TOO_MANY, minutes=-(-wait // 60)) if wait else ""


async def _page(
    request: Request, status: int = 200, typed: Typed | None = None, *, password: tuple[str, str] | None = None
) -> Response:
    site, language, his = site_of(request), language_of(request), _of(request)
    found = await run_sync(his.all)
    done = DONE.get(request.query_params.get("done", "")[:LONGEST_FIELD], "") if status == 200 else ""
    shown = Shown(
        firm=found.firm,
        prefix=found.prefix,
        people=[_shown(one, found, his.person.user_id, language) for one in found.people],
        letters=bool(site.settings.web.public_url),
        typed=typed or Typed(),
        password=password,
    )
    roles = [(role.value, said(language, words, {})) for role, words in ROLES.items()]
    done = said(language, done, {}) if done else ""
    return page(request, "portal/users.html.j2", status=status, shown=shown, here=HERE, roles=roles, done=done)


def _shown(one: Colleague, found: Staffed, me: int, language: str) -> ColleagueShown:
    return ColleagueShown(
        id=one.id,
        name=one.name,
        role=said(language, ROLES[one.client_role], {}),
        is_owner=one.client_role is ClientRole.OWNER,
        email=one.email,
        second_factor=one.second_factor,
        last=_when(one.last_sign_in, ZoneInfo(found.timezone), language),
        me=one.id == me,
    )


def _when(at: datetime | None, zone: ZoneInfo, language: str) -> str:
    return brief_time(at.astimezone(zone), language) if at else ""
