"""Templates become pages, in the language of whoever reads them."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from pbx_control.catalogue import LANGUAGES, counted
from pbx_control.domain.agenda.appointments import STATE_WORDS
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import unbroken
from pbx_control.web.problems import is_api, problem
from pbx_control.web.site import site_of, visitor

# What is looked at of a browser's languages, characters.
LONGEST_ACCEPT = 200


def page(
    request: Request,
    template: str,
    /,
    *,
    status: int = 200,
    language: str = "",
    headers: Mapping[str, str] | None = None,
    **values: object,
) -> HTMLResponse:
    """A page of that template. Each is also given `person` (None: nobody is signed in), `csrf`, `language`, `office`,
    `static(NAME)` for the address of a file, and `_(TEXT, …)` and `ngettext(ONE, MANY, by=PLACE, …)` for texts."""
    site, person = site_of(request), visitor(request)
    spoken = language or language_of(request)
    text = (
        environment(spoken)
        .get_template(template)
        .render(
            person=person,
            csrf=person.csrf if person else "",
            language=spoken,
            office=site.settings.office.name,
            static=site.files.address,
            **values,
        )
    )
    return HTMLResponse(text, status, headers)


def refusal(request: Request, status: int, template: str, code: str, **values: object) -> Response:
    """What went wrong: a page for somebody who looks at one, JSON for a script of ours, a problem for a program."""
    if is_api(request.url.path):
        return problem(language_of(request), HTTPStatus(status), code, template, values)
    what = say(request, template, **values)
    if wants_page(request):
        return page(request, "error.html.j2", status=status, code=status, what=what)
    return JSONResponse({"code": code, "what": what}, status)


def go_to(path: str) -> RedirectResponse:
    """Sends the browser to another page of ours, to be read (303)."""
    return RedirectResponse(path, 303)


def wants_page(request: Request) -> bool:
    """Whether a person looks at the answer; else it is a script's."""
    mode = request.headers.get("sec-fetch-mode", "")
    return mode == "navigate" or (not mode and "text/html" in request.headers.get("accept", ""))


def say(request: Request, template: str, **values: object) -> str:
    """A line in the language of whoever asks."""
    return said(language_of(request), template, values)


def language_of(request: Request) -> str:
    """The language that he has chosen, else the first of his browser's that is spoken here, else the office's."""
    person = visitor(request)
    if person and person.language:
        return person.language
    return accepted(request.headers.get("accept-language", "")) or site_of(request).settings.office.language


def accepted(header: str) -> str:
    """Which of our languages a browser prefers ("es-CL,es;q=0.9,en;q=0.8"); "" if none."""
    weighed = [_weighed(part) for part in header[:LONGEST_ACCEPT].split(",")]
    spoken = [(weight, language) for language, weight in weighed if language in LANGUAGES and weight > 0]
    return max(spoken, key=lambda one: one[0], default=(0, ""))[1]


def _weighed(part: str) -> tuple[str, float]:
    tag, *options = part.split(";")
    weight = 1.0
    for option in options:
        name, _, value = option.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                weight = 0.0
    return tag.strip().lower().partition("-")[0], weight


@cache
def environment(language: str) -> Environment:
    """The templates with texts in that language: one process serves readers of both at once."""
    made = Environment(
        loader=PackageLoader("pbx_control.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )

    def one_or_many(one: str, many: str, by: str, **values: object) -> str:
        return unbroken(said(language, counted(one, many, by), values))

    made.globals["_"] = lambda template, **values: unbroken(said(language, template, values))
    made.globals["ngettext"] = one_or_many
    made.globals["appointment_states"] = {state.value: words for state, words in STATE_WORDS.items()}
    return made
