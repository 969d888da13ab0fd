"""`/portal/privacy`: a client's owner reads who else processes its data, and takes the contract's annex along."""

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.domain.keeping.subprocessors import LONGEST_NAME, LONGEST_PURPOSE, country_in
from pbx_control.domain.words.wording import clean_line
from pbx_control.services.tenant_privacy import PrivacyOf, Subprocessor
from pbx_control.web.pages import language_of, page
from pbx_control.web.site import person_of, site_of

HERE = "/portal/privacy"


async def page_of_privacy(request: Request) -> Response:
    """GET /portal/privacy"""
    firm, found = await run_sync(_of(request).others)
    shown = {"firm": firm, "others": [_shown(one, language_of(request)) for one in found]}
    return page(request, "portal/privacy.html.j2", shown=shown, here=HERE)


async def annex(request: Request) -> Response:
    """GET /portal/privacy/annex.pdf, in the client's language."""
    slug, made = await run_sync(_of(request).annex, clock.now())
    # Imported here: it takes long to load.
    from pbx_control.notify.annex_pdf import render

    headers = {"Content-Disposition": f'attachment; filename="anexo-{slug}.pdf"'}
    return Response(await run_sync(render, made), media_type="application/pdf", headers=headers)


def _of(request: Request) -> PrivacyOf:
    site, person = site_of(request), person_of(request)
    assert person.client_id is not None  # who has that role has a client
    return PrivacyOf(site.engine, site.settings, person.client_id)


def _shown(one: Subprocessor, language: str) -> dict[str, str]:
    return {
        "name": clean_line(one.called(language), LONGEST_NAME),
        "purpose": clean_line(one.purpose_in(language), LONGEST_PURPOSE),
        "country": country_in(one.country, language) if one.country else "",
    }
