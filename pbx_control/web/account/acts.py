"""The page of one's own account, and what can be changed there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.notices.sign_in_letters import SignInChange
from pbx_control.domain.passkeys import NAME_LIMIT, Party
from pbx_control.domain.passwords import LONGEST_PASSWORD, check_chosen
from pbx_control.domain.second_factor import LONGEST_TYPED, in_groups
from pbx_control.domain.users import Person
from pbx_control.errors import ClientMistake
from pbx_control.services import own_account, second_factor, sign_in_notices, users
from pbx_control.services.account_trail import actor_of
from pbx_control.services.work import Work, booking
from pbx_control.web.account.view import AccountShown, picture
from pbx_control.web.pages import go_to, language_of, page, say
from pbx_control.web.second_step import TOO_MANY_CODES
from pbx_control.web.sign_in import A_MOMENT, CROWDED, MOST_WAITING, TOO_OFTEN, address_of, own_page
from pbx_control.web.site import person_of, site_of

log = structlog.get_logger()
Answer = TypeVar("Answer")

WRONG_PASSWORD = N_("This is not your password.")
UNLIKE = N_("The two passwords are not the same.")
# What has just been done, by the name that the page's address has for it.
DONE = {
    "password": N_("Your password is changed. You are signed out everywhere else."),
    "second-factor-off": N_("The second factor is off."),
    "app-added": N_("The app is added."),
    "passkey-added": N_("The passkey is added."),
    "passkey-removed": N_("The passkey is removed."),
    "session": N_("Signed out there."),
    "sessions": N_("Signed out everywhere else."),
    "app-needed": N_("Owners need a second factor here: set up an app or a passkey below, then your pages are open."),
}


@dataclass(eq=False)
class Problem(Exception):
    """What is wrong with a form of the page: in which, at which field, and how it is said."""

    form: str
    at: str
    template: str
    values: dict[str, object] = field(default_factory=dict)
    status: int = 400
    wait: int = 0


async def show(request: Request) -> Response:
    """GET /account"""
    return await _page(request)


async def change_password(request: Request) -> Response:
    """POST /account/password, with `old`, `password` and `again`."""
    fields = await request.form()
    old, password, again = (str(fields.get(name, "")) for name in ("old", "password", "again"))

    async def change() -> Response:
        known = await proven(request, "password", "old", old)
        await _check_new(request, password, again)
        async with site_of(request).passwords:
            hashed = await run_sync(users.hashed, password)
        person = person_of(request)

        def keep(work: Work) -> None:
            own_account.change_password(work, person, known, hashed)
            tell(request, work, SignInChange.PASSWORD)

        await do(request, "password", keep)
        return go_to("/account?done=password")

    return await or_page(request, change)


async def begin_second_factor(request: Request) -> Response:
    """POST /account/second-factor, with `password` and, where there is a passkey, `code`: whoever finds an open page
    sets up no app of his own."""
    site, person, fields = site_of(request), person_of(request), await request.form()
    code = str(fields.get("code", ""))[:LONGEST_TYPED]

    async def begin() -> Response:
        await proven(request, "app", "app-password", str(fields.get("password", "")))
        if person.has_second_factor and (wait := site.codes.take(str(person.user_id))):
            raise Problem("app", "app-code", TOO_MANY_CODES, {"minutes": -(-wait // 60)}, 429, wait)
        begun = partial(second_factor.begin, typed=code, origin=address_of(request))
        try:
            await run_sync(begun, site.engine, person, clock.now())
        except ClientMistake as mistake:
            raise Problem("app", "app-code", mistake.template, mistake.values) from None
        if person.has_second_factor:
            site.codes.give_back(str(person.user_id))
        return go_to("/account/second-factor")

    return await or_page(request, begin)


async def set_up(request: Request) -> Response:
    """GET /account/second-factor: the picture for the app, as long as its first code is awaited."""
    return await _set_up(request)


async def confirm_second_factor(request: Request) -> Response:
    """POST /account/second-factor/confirm, with the app's first `code`. The codes for when it is lost are shown."""
    typed, person = str((await request.form()).get("code", ""))[:LONGEST_TYPED], person_of(request)

    def confirm(work: Work) -> list[str]:
        codes = second_factor.confirm(work, person, typed)
        tell(request, work, SignInChange.SECOND_FACTOR_ON)
        return codes

    try:
        codes = await do(request, "app", confirm)
    except Problem as problem:
        return await _set_up(request, say(request, problem.template, **problem.values))
    return codes_page(request, codes) if codes else go_to("/account?done=app-added")


async def turn_off_second_factor(request: Request) -> Response:
    """POST /account/second-factor/off, with `password` and `code`."""

    def off(work: Work, person: Person, typed: str) -> None:
        second_factor.turn_off(work, person, typed)
        tell(request, work, SignInChange.SECOND_FACTOR_OFF)

    async def turn_off() -> Response:
        await with_both(request, "off", off)
        return go_to("/account?done=second-factor-off")

    return await or_page(request, turn_off)


async def renew_codes(request: Request) -> Response:
    """POST /account/recovery-codes, with `password` and `code`. The new ones are shown."""

    async def renew() -> Response:
        return codes_page(request, await with_both(request, "codes", second_factor.renew_codes))

    return await or_page(request, renew)


async def end_session(request: Request) -> Response:
    """POST /account/sessions/end, with the `session`; one that is not his is one that is over."""
    person, named = person_of(request), str((await request.form()).get("session", ""))
    which = int(named) if named.isascii() and named.isdecimal() and len(named) < 10 else 0
    ended = await do(request, "sessions", lambda work: own_account.end_session(work, person, which))
    if ended and which == person.session_id:
        answer = go_to("/login")
        site_of(request).sessions.take(answer)
        return answer
    return go_to("/account?done=session")


async def end_other_sessions(request: Request) -> Response:
    """POST /account/sessions/end-others"""
    person = person_of(request)
    await do(request, "sessions", lambda work: own_account.end_other_sessions(work, person))
    return go_to("/account?done=sessions")


async def with_both(request: Request, form: str, change: Callable[[Work, Person, str], Answer]) -> Answer:
    """A change of the second factor, by somebody who has shown the password and a code."""
    site, person, fields = site_of(request), person_of(request), await request.form()
    await proven(request, form, f"{form}-password", str(fields.get("password", "")))
    typed = str(fields.get("code", ""))[:LONGEST_TYPED]
    if wait := site.codes.take(str(person.user_id)):
        raise Problem(form, f"{form}-code", TOO_MANY_CODES, {"minutes": -(-wait // 60)}, 429, wait)
    done = await do(request, form, lambda work: change(work, person, typed))
    site.codes.give_back(str(person.user_id))
    return done


async def proven(request: Request, form: str, at: str, typed: str) -> str:
    """The hash that the password fits. Raises Problem if it is not his, or too many have been wrong in this session:
    what others type at the sign-in keeps nobody from this who is in."""
    site, person, address = site_of(request), person_of(request), address_of(request)
    if site.passwords.statistics().tasks_waiting >= MOST_WAITING:
        raise Problem(form, at, CROWDED, {}, 503, A_MOMENT)
    if wait := site.proofs.take(str(person.session_id)):
        raise Problem(form, at, TOO_OFTEN, {"minutes": -(-wait // 60)}, 429, wait)
    async with site.passwords:
        known = await run_sync(users.knows_password, site.engine, person.user_id, typed)
    (site.tries.right if known else site.tries.wrong)(person.name, address)
    if not known:
        log.warning("a password is refused", name=person.name, origin=address)
        raise Problem(form, at, WRONG_PASSWORD)
    site.proofs.give_back(str(person.session_id))
    return known


def tell(request: Request, work: Work, what: SignInChange) -> None:
    """Has whoever it is about learn by a letter of a change of his sign-in."""
    sign_in_notices.tell(work.conn, site_of(request).settings, person_of(request).user_id, what, work.at)


async def _check_new(request: Request, password: str, again: str) -> None:
    site, person = site_of(request), person_of(request)
    own = await run_sync(own_account.look_at, site.engine, person, clock.now())
    try:
        check_chosen(password, (person.name, own.firm, own.email, site.settings.office.name))
    except ClientMistake as mistake:
        raise Problem("password", "new", mistake.template, mistake.values) from None
    if password != again:
        raise Problem("password", "again", UNLIKE)


async def do(request: Request, form: str, change: Callable[[Work], Answer]) -> Answer:
    """What a change gives, in a transaction of the person's own. Raises Problem if it cannot be done."""
    site, person, origin = site_of(request), person_of(request), address_of(request)

    def within() -> Answer:
        with booking(site.engine, actor_of(person.name, person.role, origin), clock.now()) as work:
            return change(work)

    try:
        return await run_sync(within)
    except ClientMistake as mistake:
        raise Problem(form, f"{form}-code", mistake.template, mistake.values) from None


async def or_page(request: Request, act: Callable[[], Awaitable[Response]]) -> Response:
    """What the act answers, or the page that says what is wrong."""
    try:
        return await act()
    except Problem as problem:
        return await _page(request, problem)


async def _page(request: Request, problem: Problem | None = None) -> Response:
    site, person = site_of(request), person_of(request)
    own = await run_sync(own_account.look_at, site.engine, person, clock.now())
    done = DONE.get(request.query_params.get("done", ""), "")
    said = say(request, problem.template, **problem.values) if problem else ""
    return page(
        request,
        "account/page.html.j2",
        status=problem.status if problem else 200,
        headers={"Retry-After": str(problem.wait)} if problem and problem.wait else None,
        shown=AccountShown.of(own, person, ZoneInfo(site.settings.office.timezone), language_of(request)),
        home=own_page(person),
        done=say(request, done) if done else "",
        problem=said,
        problem_form=problem.form if problem else "",
        problem_at=problem.at if problem else "",
        proposed=users.proposed(),
        passkeys_possible=Party.of(site.settings.web.url) is not None,
        most_in_a_name=NAME_LIMIT,
        longest=LONGEST_PASSWORD,
    )


async def _set_up(request: Request, problem: str = "") -> Response:
    site, person = site_of(request), person_of(request)
    secret = await run_sync(second_factor.shown, site.engine, person, clock.now())
    if not secret:
        return go_to("/account")
    return page(
        request,
        "account/set_up.html.j2",
        status=400 if problem else 200,
        home=own_page(person),
        picture=picture(secret, person.name, site.settings.office.name),
        secret=in_groups(secret),
        problem=problem,
    )


def codes_page(request: Request, codes: list[str]) -> Response:
    """Shows the codes for when app or passkey is lost."""
    return page(request, "account/codes.html.j2", home=own_page(person_of(request)), codes=codes)
