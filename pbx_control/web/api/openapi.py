"""The document of the API (OpenAPI 3.1), made of the table of ways and of the shapes."""

import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pbx_control.domain.tokens import Scope
from pbx_control.web.api.asking import JSON, KEY
from pbx_control.web.api.door import REPLAYED
from pbx_control.web.api.ways import API_WAYS, ApiWay, by_path
from pbx_control.web.problems import PROBLEM_TYPE, Problem

VERSION = "1"
TEMPLATE = "#/components/schemas/{name}"
Json = dict[str, Any]
_PLACES = re.compile(r"\{(\w+)\}")

# Of every way, and of those that change something.
USUAL = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
OF_A_CHANGE = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
# The numbers in paths; the others are texts.
NUMBERS = frozenset({"calendar", "appointment", "webhook"})
HEADERS: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer, and what is wrong with the token (RFC 6750)."},
    HTTPStatus.FORBIDDEN: {"WWW-Authenticate": "The scope that the token lacks (RFC 6750)."},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "Seconds."},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "Seconds."},
}


async def document_page(_request: Request) -> Response:
    """GET /api/v1/openapi.json"""
    return Response(_encoded(), media_type=JSON, headers={"Cache-Control": "no-cache"})


@cache
def _encoded() -> bytes:
    return msgspec.json.encode(document())


@cache
def document() -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pbx-control",
            "version": VERSION,
            "description": "Calls, messages, ledgers and calendars of a telephone-answering service, for programs.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {path: {method.lower(): _way(way) for method, way in ways.items()} for path, ways in by_path()},
        "components": {
            "schemas": {name: shape for name, shape in components().items() if name not in _parameters()},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"`pbx-control token add NAME --scope …`, with scopes: {', '.join(Scope)}",
                }
            },
        },
    }


@cache
def components() -> Json:
    """The shapes, as JSON Schema."""
    kinds = {kind for way in API_WAYS for kind in (way.query, way.body, way.answer) if kind is not None}
    ordered = sorted({*kinds, Problem}, key=lambda kind: kind.__name__)
    _, found = msgspec.json.schema_components(ordered, ref_template=TEMPLATE)
    return found


def _parameters() -> set[str]:
    """Shapes of queries stand with the parameters."""
    return {way.query.__name__ for way in API_WAYS}


def parameters(way: ApiWay) -> list[Json]:
    """What stands in the way's path, its query and its headers."""
    places = [
        {"name": name, "in": "path", "required": True, "schema": _of_place(name)}
        for name in _PLACES.findall(way.address)
    ]
    shape = components()[way.query.__name__]
    needed = shape.get("required", [])
    asked = [
        {"name": name, "in": "query", "required": name in needed, "schema": _alone(schema)}
        for name, schema in shape["properties"].items()
    ]
    return [*places, *asked, *([_key()] if way.body else [])]


def statuses(way: ApiWay) -> list[HTTPStatus]:
    """What may be answered that is no success."""
    return sorted([*USUAL, *(OF_A_CHANGE if way.body else ())])


def _of_place(name: str) -> Json:
    if name in NUMBERS:
        return {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
    return {"type": "string", "minLength": 1, "maxLength": 64}


def _alone(schema: Json) -> Json:
    """A parameter is left out rather than null."""
    options: list[Json] = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return options[0] if options else schema


def _key() -> Json:
    schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
    told = "Another one for each new request. The same once more, within 24 hours, does nothing twice."
    return {"name": KEY, "in": "header", "required": True, "schema": schema, "description": told}


def _way(way: ApiWay) -> Json:
    refused = {str(status.value): _refusal(status) for status in statuses(way)}
    found: Json = {
        "operationId": way.name,
        "summary": str(way.what),
        "security": [{"token": [way.scope.value]}],
        "parameters": parameters(way),
        "responses": {str(way.status.value): _success(way), **refused},
    }
    if way.body:
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(way.body)}}}
    return found


def _success(way: ApiWay) -> Json:
    found: Json = {"description": way.status.phrase, "content": {JSON: {"schema": _ref(way.answer)}}}
    if way.body:
        told = "true: this key was known, and nothing was done again."
        found["headers"] = {REPLAYED: {"schema": {"type": "string", "enum": ["true"]}, "description": told}}
    return found


def _refusal(status: HTTPStatus) -> Json:
    headers = {
        name: {"schema": {"type": "string"}, "required": True, "description": told}
        for name, told in HEADERS.get(status, {}).items()
    }
    found: Json = {"description": status.phrase, "content": {PROBLEM_TYPE: {"schema": _ref(Problem)}}}
    return found | ({"headers": headers} if headers else {})


def _ref(kind: type) -> Json:
    return {"$ref": TEMPLATE.format(name=kind.__name__)}
