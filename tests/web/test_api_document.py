"""The API does what its document says, whatever it is sent; and its reference is a page of ours."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import schemathesis
from browsing import Place
from hypothesis import HealthCheck, Phase, given, settings
from programs import Office, mark
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import Receive, Scope, Send

from pbx_control.web.api.openapi import document
from pbx_control.web.api.reference import with_code
from pbx_control.web.api.ways import API_WAYS, DOCUMENT
from pbx_control.web.tries import RateLimitItemPerMinute

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Of each way, in each mode.
EXAMPLES = 20
FEW = settings(
    max_examples=EXAMPLES,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize=True,
    deadline=None,
)
# What answers each way at the least, so that a document of which nothing is reached is no success.
REACHED = {200, 201, 400, 401, 403, 404, 409, 413, 415, 422}


@pytest.fixture
def office(place: Place) -> Office:
    made = Office(place)
    for allowance in (place.site.asked, place.site.wrong_tokens):
        allowance._items = (RateLimitItemPerMinute(100_000),)
    return made


def known(office: Office) -> Mapping[str, Any]:
    return {
        "call": office.calls["andes"][0],
        "client": "andes",
        "calendar": office.calendars["andes"],
        "appointment": office.appointments["andes"],
        "webhook": office.webhooks["andes"],
    }


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("way", API_WAYS, ids=lambda way: way.name)
def test_nothing_is_answered_that_is_not_in_the_document(office: Office, way: Any, mode: GenerationMode) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"  # nothing goes on besides
        await office.place.app(scope, receive, send)

    schema = schemathesis.openapi.from_dict(document())
    schema.app = app
    operation = schema[way.address][way.method]
    headers = {"Authorization": f"Bearer {office.secret()}"}
    seen = set()

    @FEW
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = {name: known(office)[name] for name in case.path_parameters}
            case.query.pop("cursor", None)
            case.query.pop("client", None)
        answer = case.call(base_url="http://127.0.0.1:8080", headers=headers)
        case.validate_response(answer, checks=CHECKS)
        seen.add(answer.status_code)

    ask()
    assert seen <= REACHED
    assert not (seen <= {401, 403}), seen


def test_the_document_has_every_way(office: Office) -> None:
    told = document()
    ways = {(path, method.upper()) for path, methods in told["paths"].items() for method in methods}
    assert ways == {(way.address, way.method) for way in API_WAYS}
    for way in API_WAYS:
        assert told["paths"][way.address][way.method.lower()]["security"] == [{"token": [way.scope.value]}]


async def test_the_document_and_the_reference_need_no_token(office: Office) -> None:
    browser = office.place.browser()
    answer = await browser.get(DOCUMENT)
    assert json.loads(answer.text) == document()
    for language, word in (("es", "Permisos"), ("en", "Scopes")):
        answer = await browser.get("/api/docs", headers={"accept-language": language})
        assert answer.status_code == 200
        assert word in answer.text
        assert "<script" not in answer.text
        assert " style=" not in answer.text
        assert "`" not in answer.text
        assert "<code>next</code>" in answer.text
        for way in API_WAYS:
            assert way.address in answer.text
    assert mark("andes") not in answer.text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("send `next` as `cursor`", "send <code>next</code> as <code>cursor</code>"),
        ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
        ("one ` alone", "one ` alone"),
        ("`a` and ` alone", "<code>a</code> and ` alone"),
        ("none", "none"),
    ],
)
def test_what_stands_between_backticks_is_code_and_nothing_else_is_html(text: str, html: str) -> None:
    assert str(with_code(text)) == html
