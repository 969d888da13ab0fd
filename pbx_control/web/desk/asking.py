"""What each question of her page needs: whose it is, of which call, what was sent, and how an answer is told."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pbx_control.catalogue import N_
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.users import Person
from pbx_control.domain.words.sentences import Sentence, sentence_of
from pbx_control.errors import ClientMistake, Code, PbxError
from pbx_control.web.desk.room import Room
from pbx_control.web.pages import language_of, say
from pbx_control.web.site import site_of

# Characters of a call's id.
LONGEST_ID = 64

Question = TypeVar("Question", bound=msgspec.Struct)

NOT_OURS = N_("this is nothing that the page sends: load it anew")


class Refused(PbxError):
    """What a page has sent is nothing that its script sends."""


def room_of(request: Request) -> Room:
    """The room of all desks."""
    return site_of(request).room


def call_of(request: Request) -> str:
    """The call that is asked about. A longer id is none, and the daemon ends the connection for too long a line."""
    call_id: str = request.path_params["call"]
    if len(call_id) > LONGEST_ID:
        raise Refused(NOT_OURS)
    return call_id


def secretary_of(person: Person) -> int:
    """Who asks, as the store knows her. Raises Refused for somebody else."""
    if person.secretary_id is None:
        raise Refused(NOT_OURS)
    return person.secretary_id


def actor_of(request: Request, person: Person) -> Actor:
    """Who asks, as the audit trail names her."""
    return Actor(ActorKind.SECRETARY, person.name, request.client.host if request.client else "")


async def read(request: Request, kind: type[Question]) -> Question:
    """What was sent. Raises Refused for anything but such a question."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused(NOT_OURS)
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(NOT_OURS) from error


async def attempt(request: Request, do: Any) -> Any:
    """What it gives; a Response that says why not, if it is refused."""
    try:
        return await run_sync(do)
    except PbxError as error:
        return failed(request, error)


def failed(request: Request, error: PbxError, **more: object) -> Response:
    """Why it was refused."""
    elsewhere = isinstance(error, ClientMistake) and error.code is Code.NOT_ON_DESK
    status = 409 if elsewhere else 422 if isinstance(error, ClientMistake) else 503
    return JSONResponse({"words": sentence_of(error).said(language_of(request)), **more}, status)


def in_words(request: Request, text: str, status: int, **more: object) -> Response:
    """An answer in words."""
    return JSONResponse({"words": say(request, text), **more}, status)


def said(request: Request, wrong: Mapping[str, Sentence]) -> dict[str, str]:
    """Sentences by field, in her language."""
    return {key: what.said(language_of(request)) for key, what in wrong.items()}
