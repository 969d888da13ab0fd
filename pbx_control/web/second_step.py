"""What is asked for after the right password: a code, or a passkey. Until it is there, nobody is signed in."""

import secrets
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from anyio.to_thread import run_sync
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from pbx_control.catalogue import N_, counted
from pbx_control.clock import now
from pbx_control.domain.passkeys import LONGEST_ANSWER, Party
from pbx_control.domain.second_factor import LONGEST_TYPED
from pbx_control.errors import ClientMistake
from pbx_control.services import passkeys, second_step
from pbx_control.services.users import Admitted, csrf_of
from pbx_control.store.users import User
from pbx_control.web import sign_in
from pbx_control.web.pages import page, refusal, say
from pbx_control.web.sign_in import STEP, Given, form_again, local_path
from pbx_control.web.site import site_of

log = structlog.get_logger()

WRONG_CODE = N_("This code is not right. Type the one that the app shows now; each is good once.")
TOO_MANY_CODES = counted(
    "Too many wrong codes. Wait for a minute, or use one of your recovery codes.",
    "Too many wrong codes. Wait for {minutes} minutes, or use one of your recovery codes.",
    by="minutes",
)
WRONG_PASSKEY = N_("That passkey was not right, or it took too long. Try again, or use a code.")
OVER = N_("That took too long, or too many codes were wrong. Sign in again.")
FORGED = N_("this does not come from our page, or from an old one: load the page anew")


async def form(request: Request) -> Response:
    """GET /login/code; `next` is the page that was wanted."""
    site, token = site_of(request), site_of(request).sessions.lent(request, STEP)
    user = await run_sync(second_step.who, site.engine, token, now()) if token else None
    if user is None:
        return _over(request)
    return await _form(request, token, user, local_path(request.query_params.get("next", "")))


async def finish(request: Request) -> Response:
    """POST /login/code, with `code`."""
    token, fields = site_of(request).sessions.lent(request, STEP), await request.form()
    typed, wanted = str(fields.get("code", ""))[:LONGEST_TYPED], local_path(str(fields.get("next", "")))

    async def by_code(user: User) -> Response:
        site = site_of(request)
        wait = site.codes.take(str(user.id))
        look = partial(second_step.finish, site.engine, token, typed, now(), app_too=not wait)
        if admitted := await run_sync(look):
            site.codes.give_back(str(user.id))
            return await _begun(request, admitted, wanted)
        log.warning("a code is refused", name=user.name, origin=sign_in.address_of(request))
        problem = say(request, TOO_MANY_CODES, minutes=-(-wait // 60)) if wait else say(request, WRONG_CODE)
        return await _form(request, token, user, wanted, problem, wait)

    return await _for_half(request, token, fields, by_code)


async def ask_passkey(request: Request) -> Response:
    """POST /login/passkey/ask: what a passkey is to sign, as JSON."""
    token, fields = site_of(request).sessions.lent(request, STEP), await request.form()

    async def asked(user: User) -> Response:
        look = partial(passkeys.ask, site_of(request).engine, token, _party(request), now())
        return Response(await run_sync(look), media_type="application/json")

    return await _for_half(request, token, fields, asked)


async def finish_by_passkey(request: Request) -> Response:
    """POST /login/passkey, with the browser's `answer`."""
    token, fields = site_of(request).sessions.lent(request, STEP), await request.form()
    answer, wanted = str(fields.get("answer", ""))[:LONGEST_ANSWER], local_path(str(fields.get("next", "")))

    async def by_passkey(user: User) -> Response:
        look = partial(passkeys.finish, site_of(request).engine, token, _party(request), answer, now())
        if admitted := await run_sync(look):
            return await _begun(request, admitted, wanted)
        log.warning("a passkey is refused", name=user.name, origin=sign_in.address_of(request))
        return await _form(request, token, user, wanted, say(request, WRONG_PASSKEY))

    return await _for_half(request, token, fields, by_passkey)


async def _for_half(
    request: Request, token: str, fields: FormData, act: Callable[[User], Awaitable[Response]]
) -> Response:
    """What the act answers to whose sign-in waits, if the form is ours."""
    if not token:
        return _over(request)
    if not secrets.compare_digest(str(fields.get("csrf", "")).encode(), csrf_of(token).encode()):
        return refusal(request, 403, FORGED, "forged")
    user = await run_sync(second_step.who, site_of(request).engine, token, now())
    try:
        return await act(user) if user else _over(request)
    except ClientMistake:
        return _over(request)


async def _begun(request: Request, admitted: Admitted, wanted: str) -> Response:
    site = site_of(request)
    answer = await sign_in.begun(request, site, admitted, wanted)
    site.sessions.take_back(answer, STEP)
    return answer


async def _form(request: Request, token: str, user: User, wanted: str, problem: str = "", wait: int = 0) -> Response:
    factors = await run_sync(second_step.factors_of, site_of(request).engine, user.id)
    return page(
        request,
        "code.html.j2",
        status=(429 if wait else 401) if problem else 200,
        headers={"Retry-After": str(wait)} if wait else None,
        problem=problem,
        token=csrf_of(token),
        next=wanted,
        app=factors.app,
        passkeys=factors.passkeys and Party.of(site_of(request).settings.web.url) is not None,
    )


def _party(request: Request) -> Party:
    party = Party.of(site_of(request).settings.web.url)
    if party is None:
        raise second_step.over()
    return party


def _over(request: Request) -> Response:
    answer = form_again(request, Given("", ""), 401, OVER)
    site_of(request).sessions.take_back(answer, STEP)
    return answer
