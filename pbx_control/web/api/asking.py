"""What a program asks: who it is, what it sent, and what is answered to what cannot be read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.telephony.guessing import place_of
from pbx_control.domain.tokens import Scope
from pbx_control.services import tokens
from pbx_control.services.reach import Reach
from pbx_control.services.tokens import Once
from pbx_control.web.api.shapes import Asked
from pbx_control.web.problems import Refusal
from pbx_control.web.site import Site, site_of

REALM = 'Bearer realm="pbx-control"'
JSON = "application/json"
KEY = "Idempotency-Key"
# Visible characters of ASCII.
_KEY = re.compile(r"[!-~]{1,200}", re.ASCII)
_NAMED = re.compile(r"`\$\.([A-Za-z_]{1,40})")
_FIELD = re.compile(r"field `([^`]{1,40})`")
NOT_SO = N_("{name} is not of the kind or length that it takes: the reference at /api/docs says which")


@dataclass(frozen=True, slots=True)
class Given:
    """All that a program has sent with one request."""

    path: Mapping[str, str]
    query: Any  # of the way's kind of parameters
    body: Any  # of the way's kind of body; None for a GET
    once: Once  # of a POST
    at: datetime

    def number(self, name: str) -> int:
        """A number in the path; 0, which is nobody's, for what is none."""
        text = self.path[name]
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


async def reach_of(request: Request, scope: Scope) -> Reach:
    """What the request's token reaches. Raises Refusal: 401, 429, 403."""
    site, address = site_of(request), request.client.host if request.client else ""
    token = await _token(site, request, address)
    if wait := site.asked.take(str(token.id)):
        raise _too_many(N_("this token has asked so often that it must wait {seconds} s"), wait)
    if scope not in token.scopes:
        headers = {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{scope}"'}
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "not-in-scope",
            N_("this token may not do that: it lacks the scope {scope}"),
            headers=headers,
            scope=scope.value,
        )
    return Reach(site.engine, site.settings, token, address)


async def _token(site: Site, request: Request, address: str) -> tokens.Token:
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise _nobody(N_("say who asks: send a token as Authorization: Bearer …"), REALM)
    place = place_of(address)
    found = await run_sync(tokens.holder, site.engine, secret.strip(), clock.now(), limiter=site.api)
    if found is not None:
        return found
    if wait := site.wrong_tokens.take(place):
        raise _too_many(N_("so many tokens were wrong that you must wait {seconds} s"), wait)
    raise _nobody(N_("this token is good no more, or never was"), f'{REALM}, error="invalid_token"')


def _nobody(template: str, challenge: str) -> Refusal:
    return Refusal(HTTPStatus.UNAUTHORIZED, "no-token", template, headers={"WWW-Authenticate": challenge})


def _too_many(template: str, wait: int) -> Refusal:
    headers = {"Retry-After": str(wait)}
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "too-many-asked", template, headers=headers, seconds=wait)


async def given(request: Request, query: type[Asked], body: type[Asked] | None) -> Given:
    """What was sent. Raises Refusal: 400, 415."""
    asked = _query(request, query)
    path = {name: str(value) for name, value in request.path_params.items()}
    if body is None:
        return Given(path, asked, None, Once("", b""), clock.now())
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", N_("send JSON, as application/json"))
    key = request.headers.get(KEY, "")
    if not _KEY.fullmatch(key):
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "no-key",
            N_("send a header Idempotency-Key of 1 to 200 visible characters, another one for each new request"),
            field=KEY,
        )
    raw = await request.body()
    sent = f"{request.method} {request.url.path}\n".encode() + raw
    return Given(path, asked, _read(lambda: msgspec.json.decode(raw, type=body)), Once(key, sent), clock.now())


def _query(request: Request, kind: type[Asked]) -> Any:
    pairs = request.query_params.multi_items()
    if len(dict(pairs)) < len(pairs):
        raise Refusal(HTTPStatus.BAD_REQUEST, "bad-value", N_("a parameter may be given once"))
    return _read(lambda: msgspec.convert(dict(pairs), kind, strict=False))


def _read(read: Any) -> Any:
    try:
        found = read()
    except (msgspec.ValidationError, OverflowError) as error:
        raise _not_so(str(error)) from None
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise Refusal(HTTPStatus.BAD_REQUEST, "no-json", N_("what was sent is no JSON")) from None
    for name, at in _instants(found):
        if not 2000 < at.year < 3000:
            raise Refusal(HTTPStatus.BAD_REQUEST, "bad-value", NOT_SO, field=name, name=name)
    return found


def _instants(asked: msgspec.Struct) -> Iterator[tuple[str, datetime]]:
    for name in asked.__struct_fields__:
        if isinstance(value := getattr(asked, name), datetime):
            yield name, value


def _not_so(why: str) -> Refusal:
    """The library's sentence is English and tells of its own types: what it is about is told in our words."""
    where, field = _NAMED.search(why), _FIELD.search(why)
    if field and "unknown field" in why:
        template, name = N_("there is no {name} here: the reference at /api/docs says what there is"), field[1]
    elif field and "missing" in why:
        template, name = N_("{name} is missing"), field[1]
    elif where:
        template, name = NOT_SO, where[1]
    else:
        return Refusal(HTTPStatus.BAD_REQUEST, "bad-value", N_("what was sent must be a JSON object"))
    return Refusal(HTTPStatus.BAD_REQUEST, "bad-value", template, field=name, name=name)


def instant(at: datetime) -> datetime:
    """As it is kept."""
    return at.astimezone(UTC)
