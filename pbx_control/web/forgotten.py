"""A forgotten password: asking for a letter, and setting another one by the link in it."""

import secrets
from collections.abc import Sequence
from datetime import datetime

import structlog
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control.catalogue import N_, counted
from pbx_control.clock import now
from pbx_control.domain.notices.sign_in_letters import RESET_WITHIN, SignInChange
from pbx_control.domain.passwords import LONGEST_PASSWORD, check_chosen
from pbx_control.domain.telephony.guessing import place_of
from pbx_control.errors import ClientMistake, StoreUnavailable
from pbx_control.services import sign_in_links, sign_in_notices, users
from pbx_control.services.account_trail import actor_of
from pbx_control.services.sign_in_links import LONGEST_WHO
from pbx_control.services.users import csrf_of
from pbx_control.services.work import booking
from pbx_control.store.sign_in_links import Link
from pbx_control.store.users import User
from pbx_control.web.pages import go_to, page, refusal, say
from pbx_control.web.second_step import FORGED
from pbx_control.web.sessions import is_token
from pbx_control.web.sign_in import A_MOMENT, CROWDED, MOST_WAITING, address_of
from pbx_control.web.site import Site, site_of

log = structlog.get_logger()

# What the browser is lent with a link: the page's address has no token, for no history and no other page to see.
LINK = "link"

TOO_MANY = counted(
    "Too many letters were asked for from here. Try again in a minute.",
    "Too many letters were asked for from here. Try again in {minutes} minutes.",
    by="minutes",
)
UNLIKE = N_("The two passwords are not the same.")


async def ask_form(request: Request) -> Response:
    """GET /forgot"""
    return _ask_form(request)


async def ask(request: Request) -> Response:
    """POST /forgot, with `who`: a name, or an e-mail address. The answer is the same for all of them."""
    site, at, address = site_of(request), now(), address_of(request)
    if not site.settings.web.public_url:
        return _ask_form(request)
    who = str((await request.form()).get("who", ""))[:LONGEST_WHO].strip()
    if wait := site.letters.take(place_of(address)):
        log.warning("too many letters are asked for", origin=address)
        return _ask_form(request, 429, say(request, TOO_MANY, minutes=-(-wait // 60)), wait=wait)
    found = await run_sync(sign_in_links.meant, site.engine, who)
    site.do_afterwards(_send(site, found, address, at))
    return page(request, "forgot.html.j2", asked=True, possible=True, problem="", minutes=_minutes())


async def _send(site: Site, found: Sequence[User], address: str, at: datetime) -> None:
    try:
        await run_sync(sign_in_links.send_to, site.engine, site.settings, found, address, at)
    except StoreUnavailable as error:
        log.error("a letter to set a password could not be written", why=str(error))


async def set_form(request: Request) -> Response:
    """GET /reset; with `link` as the letter has it, which only the browser keeps. Nothing is used up: mail programs
    look at links before their readers do."""
    site, given = site_of(request), request.query_params.get("link", "")
    if given:
        answer = go_to("/reset")
        if is_token(given):
            site.sessions.lend(answer, LINK, given, RESET_WITHIN)
        else:
            site.sessions.take_back(answer, LINK)
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer
    token = site.sessions.lent(request, LINK)
    link = await run_sync(sign_in_links.found, site.engine, token, now()) if token else None
    return _set_form(request, token, link) if link else _dead(request)


async def set_password(request: Request) -> Response:
    """POST /reset, with `password`, and `again`."""
    site, fields = site_of(request), await request.form()
    token = site.sessions.lent(request, LINK)
    link = await run_sync(sign_in_links.found, site.engine, token, now()) if token else None
    if link is None:
        return _dead(request)
    if not secrets.compare_digest(str(fields.get("csrf", "")).encode(), csrf_of(token).encode()):
        return refusal(request, 403, FORGED, "forged")
    password, again = str(fields.get("password", "")), str(fields.get("again", ""))
    try:
        check_chosen(password, (link.name, link.firm, link.email, site.settings.office.name))
    except ClientMistake as mistake:
        return _set_form(request, token, link, 400, say(request, mistake.template, **mistake.values))
    if password != again:
        return _set_form(request, token, link, 400, say(request, UNLIKE))
    if site.passwords.statistics().tasks_waiting >= MOST_WAITING:
        return _set_form(request, token, link, 503, say(request, CROWDED), wait=A_MOMENT)
    async with site.passwords:
        hashed = await run_sync(users.hashed, password)
    return await _use(request, site, token, hashed, link)


async def _use(request: Request, site: Site, token: str, hashed: users.NewPassword, link: Link) -> Response:
    origin = address_of(request)

    def use() -> None:
        with booking(site.engine, actor_of(link.name, link.role, origin), now()) as work:
            sign_in_links.use(work, token, hashed)
            sign_in_notices.tell(work.conn, site.settings, link.user_id, SignInChange.PASSWORD, work.at)

    try:
        await run_sync(use)
    except ClientMistake:
        return _dead(request)
    log.info("a password is set by a link", name=link.name, origin=origin)
    answer = go_to("/login?done=password")
    site.sessions.take_back(answer, LINK)
    return answer


def _ask_form(request: Request, status: int = 200, problem: str = "", *, wait: int = 0) -> Response:
    possible = bool(site_of(request).settings.web.public_url)
    return page(
        request,
        "forgot.html.j2",
        status=status,
        headers={"Retry-After": str(wait)} if wait else None,
        asked=False,
        possible=possible,
        problem=problem,
        minutes=_minutes(),
    )


def _set_form(
    request: Request, token: str, link: Link, status: int = 200, problem: str = "", *, wait: int = 0
) -> Response:
    return page(
        request,
        "reset.html.j2",
        status=status,
        headers={"Retry-After": str(wait)} if wait else None,
        name=link.name,
        token=csrf_of(token),
        proposed=users.proposed(),
        longest=LONGEST_PASSWORD,
        problem=problem,
    )


def _dead(request: Request) -> Response:
    answer = page(request, "reset.html.j2", status=410, name="", problem="")
    site_of(request).sessions.take_back(answer, LINK)
    return answer


def _minutes() -> int:
    return int(RESET_WITHIN.total_seconds() // 60)
