"""Passkeys on the page of one's own account: the script asks what is to be made, and sends the form with the answer."""

from functools import partial

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pbx_control.catalogue import N_
from pbx_control.clock import now
from pbx_control.domain.notices.sign_in_letters import SignInChange
from pbx_control.domain.passkeys import LONGEST_ANSWER, NAME_LIMIT, Party
from pbx_control.domain.second_factor import LONGEST_TYPED
from pbx_control.domain.users import Person
from pbx_control.errors import ClientMistake
from pbx_control.services import passkeys
from pbx_control.services.work import Work
from pbx_control.web.account.acts import Problem, codes_page, do, or_page, proven, tell, with_both
from pbx_control.web.pages import go_to, say
from pbx_control.web.second_step import TOO_MANY_CODES
from pbx_control.web.sign_in import address_of
from pbx_control.web.site import person_of, site_of

FORM = "passkey"
IMPOSSIBLE = N_("passkeys need the address of these pages: set public_url in [web], with https and a name")


async def ask(request: Request) -> Response:
    """POST /account/passkeys/ask, with `password` and, with a second factor, `code`: what the browser is to make."""
    try:
        return Response(await _asked(request), media_type="application/json")
    except Problem as problem:
        said = say(request, problem.template, **problem.values)
        return JSONResponse({"what": said, "at": problem.at}, problem.status)


async def add(request: Request) -> Response:
    """POST /account/passkeys, with the browser's `answer` and a `name`. The first one's recovery codes are shown."""
    person, fields = person_of(request), await request.form()
    answer, name = str(fields.get("answer", ""))[:LONGEST_ANSWER], str(fields.get("name", ""))[:NAME_LIMIT]

    def keep(work: Work) -> list[str]:
        codes = passkeys.add(work, person, _party(request), answer, name)
        tell(request, work, SignInChange.SECOND_FACTOR_ON if codes else SignInChange.PASSKEY_ADDED)
        return codes

    async def added() -> Response:
        codes = await do(request, FORM, keep)
        return codes_page(request, codes) if codes else go_to("/account?done=passkey-added")

    return await or_page(request, added)


async def remove(request: Request) -> Response:
    """POST /account/passkeys/remove, with `passkey`, `password` and `code`."""
    named = str((await request.form()).get("passkey", ""))
    which = int(named) if named.isascii() and named.isdecimal() and len(named) < 10 else 0

    def take_away(work: Work, person: Person, typed: str) -> bool:
        is_left = passkeys.remove(work, person, which, typed)
        tell(request, work, SignInChange.PASSKEY_REMOVED if is_left else SignInChange.SECOND_FACTOR_OFF)
        return is_left

    async def removed() -> Response:
        try:
            is_left = await with_both(request, f"passkey-{which}", take_away)
        except Problem as problem:
            if problem.template != passkeys.GONE:
                raise
            is_left = True  # pressed twice
        return go_to(f"/account?done={'passkey-removed' if is_left else 'second-factor-off'}")

    return await or_page(request, removed)


async def _asked(request: Request) -> str:
    site, person, fields = site_of(request), person_of(request), await request.form()
    party, typed = _party(request), str(fields.get("code", ""))[:LONGEST_TYPED]
    await proven(request, FORM, f"{FORM}-password", str(fields.get("password", "")))
    if person.has_second_factor and (wait := site.codes.take(str(person.user_id))):
        raise Problem(FORM, f"{FORM}-code", TOO_MANY_CODES, {"minutes": -(-wait // 60)}, 429, wait)
    office = site.settings.office.name
    offer = partial(passkeys.offer, typed=typed, origin=address_of(request), at=now())
    try:
        options = await run_sync(offer, site.engine, person, party, office)
    except ClientMistake as mistake:
        raise Problem(FORM, f"{FORM}-code", mistake.template, mistake.values) from None
    if person.has_second_factor:
        site.codes.give_back(str(person.user_id))
    return options


def _party(request: Request) -> Party:
    party = Party.of(site_of(request).settings.web.url)
    if party is None:
        raise Problem(FORM, "", IMPOSSIBLE)
    return party
