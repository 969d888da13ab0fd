"""What programs are answered when something goes wrong: problem details (RFC 9457), with one sentence for a person."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

import msgspec
from starlette.responses import Response

from pbx_control.catalogue import N_
from pbx_control.domain.words.sentences import said
from pbx_control.errors import ClientMistake, Code, PbxError

PREFIX = "/api/"
PROBLEM_TYPE = "application/problem+json"

# Of mistakes, those that are not about what was sent (422).
STATUS: Mapping[Code, HTTPStatus] = {
    **dict.fromkeys(
        (
            Code.NO_SUCH_CALL,
            Code.NO_SUCH_CLIENT,
            Code.NO_SUCH_CALENDAR,
            Code.NO_SUCH_APPOINTMENT,
            Code.NO_SUCH_WEBHOOK,
        ),
        HTTPStatus.NOT_FOUND,
    ),
    **dict.fromkeys(
        (
            Code.SLOT_TAKEN,
            Code.WRONG_STATE,
            Code.CHANGED_MEANWHILE,
            Code.RESTRICTED,
            Code.NOT_ON_DESK,
            Code.CLIENT_CANCELLED,
            Code.TOO_MANY_CORRECTIONS,
            Code.TOO_MANY_WEBHOOKS,
            Code.NO_SUCH_TOKEN,  # its own, revoked while it asked
        ),
        HTTPStatus.CONFLICT,
    ),
    Code.TOO_MANY_ASKED: HTTPStatus.TOO_MANY_REQUESTS,
}
# How long a program waits that has written to very many addresses, seconds.
COME_AGAIN = 900


class Problem(msgspec.Struct, omit_defaults=True):
    """What went wrong (RFC 9457)."""

    title: Annotated[str, msgspec.Meta(description=N_("The status in words."))]
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: Annotated[
        str, msgspec.Meta(description=N_("One sentence for a person, in the language of Accept-Language."))
    ]
    code: Annotated[str, msgspec.Meta(description=N_("By which a program knows the problem."))]
    field: Annotated[
        str, msgspec.Meta(description=N_("What the problem is about: a field, a parameter or a header."))
    ] = ""


class Refusal(PbxError):
    """A request that goes no further."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        template: str,
        *,
        field: str = "",
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(template, **values)
        self.status = status
        self.known_as = code
        self.field = field
        self.headers = headers or {}


def problem(
    language: str,
    status: HTTPStatus,
    code: str,
    template: str,
    values: Mapping[str, object],
    *,
    field: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer, in that language."""
    told = Problem(status.phrase, status.value, said(language, template, values), code, field)
    return Response(msgspec.json.encode(told), status.value, headers, media_type=PROBLEM_TYPE)


def of_error(language: str, error: ClientMistake | Refusal) -> Response:
    """What is answered to what an error says."""
    if isinstance(error, Refusal):
        return problem(
            language,
            error.status,
            error.known_as,
            error.template,
            error.values,
            field=error.field,
            headers=error.headers,
        )
    status = STATUS.get(error.code, HTTPStatus.UNPROCESSABLE_ENTITY)
    headers = {"Retry-After": str(COME_AGAIN)} if status is HTTPStatus.TOO_MANY_REQUESTS else {}
    # The names of fields are the same in JSON.
    field = str(error.values.get("field", ""))
    values = {name: str(value) if name == "field" else value for name, value in error.values.items()}
    return problem(language, status, error.code.value, error.template, values, field=field, headers=headers)


def is_api(path: str) -> bool:
    """Whether a program looks at the answer."""
    return path.startswith(PREFIX)
