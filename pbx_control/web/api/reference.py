"""`/api/docs`: the API for people who write a program, made of the same table as the document for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from pbx_control.domain.tokens import OFFICE_ONLY, Scope
from pbx_control.web.api.openapi import components, parameters
from pbx_control.web.api.ways import API_WAYS, DOCUMENT, ApiWay
from pbx_control.web.pages import page
from pbx_control.web.problems import Problem

# Told before the parameters of each way, for all of them.
COMMON = ("Idempotency-Key",)


@dataclass(frozen=True, slots=True)
class Item:
    """A parameter or a field."""

    name: str
    kind: str  # as JSON calls it; a shape's name begins with a capital
    needed: bool
    what: str


@dataclass(frozen=True, slots=True)
class WayShown:
    """One way."""

    way: ApiWay
    parameters: Sequence[Item]
    body: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Shape:
    """What is answered somewhere."""

    name: str
    items: Sequence[Item]


async def reference(request: Request) -> Response:
    """GET /api/docs"""
    ways = [_way(one) for one in API_WAYS]
    return page(
        request,
        "api/reference.html.j2",
        ways=ways,
        shapes=_shapes(),
        scopes=_scopes(),
        document=DOCUMENT,
        with_code=with_code,
    )


def with_code(text: str) -> Markup:
    """A text as HTML, with what stands between backticks as code; one without a partner is a character like others."""
    words, *rest = (escape(piece) for piece in text.split("`"))
    for code, after in zip(rest[::2], rest[1::2], strict=False):
        words += Markup("<code>{}</code>").format(code) + after
    return words + "`" + rest[-1] if len(rest) % 2 else words


def _way(way: ApiWay) -> WayShown:
    items = [
        Item(one["name"], _kind(one["schema"]), one["required"], one["schema"].get("description", ""))
        for one in parameters(way)
        if one["name"] not in COMMON
    ]
    return WayShown(way, items, _fields(way.body.__name__) if way.body else ())


def _shapes() -> list[Shape]:
    asked = {kind.__name__ for way in API_WAYS for kind in (way.query, way.body) if kind}
    return [Shape(name, _fields(name)) for name in components() if name not in {*asked, Problem.__name__}]


def _fields(shape: str) -> list[Item]:
    schema = components()[shape]
    return [
        Item(name, _kind(one), name in schema["required"], _described(one))
        for name, one in schema["properties"].items()
    ]


def _described(schema: dict[str, Any]) -> str:
    told = [schema.get("description", ""), *(one.get("description", "") for one in schema.get("anyOf", ()))]
    return next(filter(None, told), "")


def _kind(schema: dict[str, Any]) -> str:
    """ "string", "date-time", "Call[]", "integer | null" """
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(_kind(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f'"{one}"' for one in schema["enum"])
    if schema.get("type") == "array":
        return f"{_kind(schema['items'])}[]"
    return str(schema.get("format") or schema.get("type", ""))


def _scopes() -> list[tuple[str, bool]]:
    return [(one.value, one in OFFICE_ONLY) for one in Scope]
