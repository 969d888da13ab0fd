"""What her page asks the server for. Each question names its call, and is answered for hers only."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.desk.edits import Typed
from pbx_control.domain.desk.protocol import Problem
from pbx_control.domain.desk.spelling import spelled
from pbx_control.domain.users import Person
from pbx_control.domain.words.sentences import Sentence, sentence_of
from pbx_control.errors import ClientMistake, Code, PbxError
from pbx_control.live.news import Act, AnswerKind
from pbx_control.services import duty, messages
from pbx_control.services.messages import Incomplete
from pbx_control.services.steps import rules_of
from pbx_control.services.work import Work, booking
from pbx_control.store.engine import reading, writing
from pbx_control.web.desk import words
from pbx_control.web.desk.room import Room, Stream
from pbx_control.web.desk.stream import events
from pbx_control.web.desk.view import view_of
from pbx_control.web.pages import language_of, page, say
from pbx_control.web.site import Site, person_of, site_of

# Longer addresses are none (RFC 5321).
LONGEST_ADDRESS = 254
# Characters of a call's id.
LONGEST_ID = 64


# As the database numbers things.
Number = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
# As a page counts: integers that JavaScript has exactly.
EditNumber = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """Something in a call."""

    act: Act
    contact: Number = 0


class FieldTyped(msgspec.Struct, forbid_unknown_fields=True):
    """A field as it reads now; `edit` rises with each change of it. `seen`: the edit of what the page had there."""

    value: str
    edit: EditNumber
    seen: EditNumber | None = None


class Fields(msgspec.Struct, forbid_unknown_fields=True):
    """What she has typed since the last time."""

    fields: dict[str, FieldTyped]


class Send(msgspec.Struct, forbid_unknown_fields=True):
    """She sends; `gaps`: although something that is asked of every caller is missing, which he would not tell."""

    gaps: bool = False


class SendInfo(msgspec.Struct, forbid_unknown_fields=True):
    """A ready-made text for the caller."""

    info: Number
    address: str


class DutyAsked(msgspec.Struct, forbid_unknown_fields=True):
    """ready, pause (with a reason), free."""

    act: str
    reason: str = ""


class Heard(msgspec.Struct, forbid_unknown_fields=True):
    """What comes by that stream."""

    stream: str


class Spell(msgspec.Struct, forbid_unknown_fields=True):
    """An address, to be read back to the caller."""

    address: str


Question = TypeVar("Question", bound=msgspec.Struct)

NOT_OURS = N_("this is nothing that the page sends: load it anew")


class Refused(PbxError):
    """What a page has sent is nothing that its script sends."""


async def desk_page(request: Request) -> Response:
    """The page, as things stand."""
    room, person = _room(request), person_of(request)
    looks_at = request.query_params.get("call", "")[:LONGEST_ID]
    view = await run_sync(view_of, room, person, language_of(request), looks_at, limiter=room.making)
    if view.taken_from:
        room.look(view.taken_from)
    keys = [(key, say(request, what)) for key, what in words.KEYS]
    return page(request, "desk/page.html.j2", view=view, keys=keys)


async def desk_events(request: Request) -> Response:
    """The event stream of the page."""
    room, person = _room(request), person_of(request)
    looks_at = request.query_params.get("call", "")[:LONGEST_ID]
    stream = Stream(_secretary(person), person.session_id, looks_at)
    told = events(room, site_of(request).sessions, person, language_of(request), stream)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


async def is_here(request: Request) -> Response:
    """The page answers to what it hears by its stream. Who knows its key has heard it: nobody is looked up."""
    _room(request).is_heard((await _read(request, Heard)).stream)
    return JSONResponse({})


async def do_in_call(request: Request) -> Response:
    """What her telephone's keys do, too. The daemon checks that the call is hers."""
    room, person, asked = _room(request), person_of(request), await _read(request, Asked)
    call_id = _call(request)
    answer = await room.feed.ask(person, call_id, asked.act, asked.contact)
    if answer.outcome is AnswerKind.DONE:
        return JSONResponse({})
    code = answer.why if answer.outcome is AnswerKind.REFUSED else "unknown"
    told = words.REFUSALS.get(code, words.REFUSALS["not_now"])
    return _told(request, told, 409)


async def save_fields(request: Request) -> Response:
    """Keeps what she typed, and says what is wrong with it; wrong or not, it is kept."""
    room, person, typed = _room(request), person_of(request), await _read(request, Fields)
    call_id, her, at = _call(request), _secretary(person), clock.now()
    changes = {key: Typed(one.value, one.edit, one.seen) for key, one in typed.fields.items()}

    def save() -> tuple[messages.Saved, Mapping[str, Sentence]]:
        with writing(room.engine) as conn:
            saved = messages.save_fields(conn, call_id, her, changes, at)
        with reading(room.engine) as conn:
            return saved, messages.wrong_in(conn, saved)

    done = await _try(request, save)
    if isinstance(done, Response):
        return done
    saved, wrong = done
    if saved.state in (messages.State.SENT, messages.State.CHANGED):
        room.look(her)  # whether all of it is sent
    else:
        room.look_elsewhere(her)
    kept = {
        "edits": {key: edit for key, (_, edit) in saved.fields.items()},
        "instead": {key: value for key, (value, _) in saved.fields.items() if key in saved.older},
        "lost": saved.lost,
    }
    return JSONResponse({"problems": _said(request, wrong), **kept})


async def send(request: Request) -> Response:
    """She presses send: once, however often it comes."""
    room, person, asked = _room(request), person_of(request), await _read(request, Send)
    call_id, her, at = _call(request), _secretary(person), clock.now()

    def sign() -> messages.Signed:
        with writing(room.engine) as conn:
            return messages.sign(conn, call_id, her, at, rules_of(room.settings), despite_gaps=asked.gaps)

    try:
        signed = await run_sync(sign)
    except Incomplete as error:
        only_gaps = set(error.problems.values()) == {Problem.MISSING}
        told = words.GAPS if only_gaps else words.MEND
        more = {"problems": _said(request, error.told), "gaps": only_gaps}
        return _told(request, told if error.problems else words.EMPTY, 422, **more)
    except PbxError as error:
        return _failed(request, error)
    room.feed.free(person, call_id)
    room.look(her)
    return _told(request, words.SENT if signed.version else words.SIGNED, 200)


async def send_info(request: Request) -> Response:
    """E-mails a ready-made text to the caller."""
    room, person, asked = _room(request), person_of(request), await _read(request, SendInfo)
    call_id, her = _call(request), _secretary(person)

    def send() -> None:
        with booking(room.engine, _actor(request, person), clock.now()) as work:
            messages.send_info(work, call_id, her, asked.info, asked.address, rules_of(room.settings))

    done = await _try(request, send)
    return done if isinstance(done, Response) else _told(request, words.INFO_SENT, 200)


async def change_duty(request: Request) -> Response:
    """A pause, its end, or the end of her after-call work."""
    room, person, asked = _room(request), person_of(request), await _read(request, DutyAsked)
    her = _secretary(person)
    if asked.act == "free":
        room.feed.free(person)
        return JSONResponse({})
    if asked.act not in ("pause", "ready"):
        raise Refused(NOT_OURS)

    def change() -> duty.Paused | None:
        with booking(room.engine, _actor(request, person), clock.now()) as work:
            if asked.act == "pause":
                return duty.pause(work, her, asked.reason, room.settings.desk.pause_reasons)
            duty.resume(work, her)
        return None

    done = await _try(request, change)
    if isinstance(done, Response):
        return done
    return _told(request, words.PAUSE_LATER, 200) if done and done.after_call else JSONResponse({})


async def spell(request: Request) -> Response:
    """An address as she reads it back to the caller."""
    asked = await _read(request, Spell)
    return JSONResponse({"spelled": spelled(asked.address[:LONGEST_ADDRESS].strip(), language_of(request))})


# --- what all of them need --------------------------------------------------------------------------------


def _room(request: Request) -> Room:
    return site_of(request).room


def _call(request: Request) -> str:
    """The call that is asked about. A longer id is none, and the daemon ends the connection for too long a line."""
    call_id: str = request.path_params["call"]
    if len(call_id) > LONGEST_ID:
        raise Refused(NOT_OURS)
    return call_id


def _secretary(person: Person) -> int:
    if person.secretary_id is None:
        raise Refused(NOT_OURS)
    return person.secretary_id


def _actor(request: Request, person: Person) -> Actor:
    return Actor(ActorKind.SECRETARY, person.name, request.client.host if request.client else "")


async def _read(request: Request, kind: type[Question]) -> Question:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refused(NOT_OURS)
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(NOT_OURS) from error


async def _try(request: Request, do: Any) -> Any:
    """What it gives; a Response that says why not, if it is refused."""
    try:
        return await run_sync(do)
    except PbxError as error:
        return _failed(request, error)


def _failed(request: Request, error: PbxError) -> Response:
    elsewhere = isinstance(error, ClientMistake) and error.code is Code.NOT_ON_DESK
    status = 409 if elsewhere else 422 if isinstance(error, ClientMistake) else 503
    return JSONResponse({"words": sentence_of(error).said(language_of(request))}, status)


def _told(request: Request, text: str, status: int, **more: object) -> Response:
    return JSONResponse({"words": say(request, text), **more}, status)


def _said(request: Request, wrong: Mapping[str, Sentence]) -> dict[str, str]:
    return {key: what.said(language_of(request)) for key, what in wrong.items()}


# --- coming and going -------------------------------------------------------------------------------------


async def has_come(site: Site, person: Person, origin: str) -> None:
    """She has signed in: she is offered calls again, if she was not since she signed out."""
    await run_sync(_note, site, person, origin, duty.signed_in)


async def has_gone(site: Site, person: Person, origin: str) -> None:
    """She has signed out: she is offered nothing until she comes back."""
    await run_sync(_note, site, person, origin, duty.signed_out)
    if person.secretary_id is not None:
        site.room.signed_out(person.secretary_id, person.session_id)


def _note(site: Site, person: Person, origin: str, what: Callable[[Work, int], None]) -> None:
    if person.secretary_id is not None:
        with booking(site.engine, Actor(ActorKind.SECRETARY, person.name, origin), clock.now()) as work:
            what(work, person.secretary_id)
