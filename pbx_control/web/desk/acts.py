"""What her page asks the server for. Each question names its call, and is answered for hers only."""

from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from pbx_control import clock
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.desk.edits import Typed
from pbx_control.domain.desk.protocol import Problem
from pbx_control.domain.desk.spelling import spelled
from pbx_control.domain.telephony.browser import ECHO
from pbx_control.domain.users import Person
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import PbxError
from pbx_control.live.news import Act, AnswerKind
from pbx_control.services import duty, messages, tasks
from pbx_control.services.messages import Incomplete
from pbx_control.services.steps import rules_of
from pbx_control.services.work import Work, booking
from pbx_control.store.engine import reading, writing
from pbx_control.web.desk import words
from pbx_control.web.desk.asking import (
    LONGEST_ID,
    NOT_OURS,
    Refused,
    actor_of,
    attempt,
    call_of,
    failed,
    in_words,
    read,
    room_of,
    said,
    secretary_of,
)
from pbx_control.web.desk.room import Stream
from pbx_control.web.desk.stream import events
from pbx_control.web.desk.telephone import WITH_MICROPHONE, may_have
from pbx_control.web.desk.view import view_of
from pbx_control.web.pages import language_of, page, say
from pbx_control.web.site import Site, person_of, site_of
from pbx_control.web.wall.view import strip

# Longer addresses are none (RFC 5321).
LONGEST_ADDRESS = 254
# So begins the number of a task about an appointment.
ABOUT_APPOINTMENT = "appointment-"


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


class Urgent(msgspec.Struct, forbid_unknown_fields=True):
    """She says that the message is urgent, or is not."""

    urgent: bool


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



async def desk_page(request: Request) -> Response:
    """The page, as things stand."""
    room, person = room_of(request), person_of(request)
    looks_at = request.query_params.get("call", "")[:LONGEST_ID]
    view = await run_sync(view_of, room, person, language_of(request), looks_at, limiter=room.making)
    if view.taken_from:
        room.look(view.taken_from)
    has_telephone = await run_sync(may_have, site_of(request), secretary_of(person), limiter=room.making)
    keys = [*words.KEYS, *(words.TELEPHONE_KEYS if has_telephone else ())]
    told = [(key, say(request, what)) for key, what in keys]
    house = room.wall.once("strip", language_of(request), strip)
    headers = {"Permissions-Policy": WITH_MICROPHONE} if has_telephone else None
    return page(
        request,
        "desk/page.html.j2",
        headers=headers,
        view=view,
        keys=told,
        house=house,
        telephone=has_telephone,
        echo=ECHO,
    )


async def desk_events(request: Request) -> Response:
    """The event stream of the page."""
    room, person = room_of(request), person_of(request)
    looks_at = request.query_params.get("call", "")[:LONGEST_ID]
    stream = Stream(secretary_of(person), person.session_id, looks_at)
    told = events(room, site_of(request).sessions, person, language_of(request), stream)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


async def is_here(request: Request) -> Response:
    """The page answers to what it hears by its stream. Who knows its key has heard it: nobody is looked up."""
    room_of(request).is_heard((await read(request, Heard)).stream)
    return JSONResponse({})


async def do_in_call(request: Request) -> Response:
    """What her telephone's keys do, too. The daemon checks that the call is hers."""
    room, person, asked = room_of(request), person_of(request), await read(request, Asked)
    call_id = call_of(request)
    answer = await room.feed.ask(person, call_id, asked.act, asked.contact)
    if answer.outcome is AnswerKind.DONE:
        return JSONResponse({})
    code = answer.why if answer.outcome is AnswerKind.REFUSED else "unknown"
    told = words.REFUSALS.get(code, words.REFUSALS["not_now"])
    return in_words(request, told, 409)


async def save_fields(request: Request) -> Response:
    """Keeps what she typed, and says what is wrong with it; wrong or not, it is kept."""
    room, person, typed = room_of(request), person_of(request), await read(request, Fields)
    call_id, her, at = call_of(request), secretary_of(person), clock.now()
    changes = {key: Typed(one.value, one.edit, one.seen) for key, one in typed.fields.items()}

    def save() -> tuple[messages.Saved, Mapping[str, Sentence]]:
        with writing(room.engine) as conn:
            saved = messages.save_fields(conn, call_id, her, changes, at)
        with reading(room.engine) as conn:
            return saved, messages.wrong_in(conn, saved)

    done = await attempt(request, save)
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
    return JSONResponse({"problems": said(request, wrong), **kept})


async def send(request: Request) -> Response:
    """She presses send: once, however often it comes."""
    room, person, asked = room_of(request), person_of(request), await read(request, Send)
    call_id, her, at = call_of(request), secretary_of(person), clock.now()

    def sign() -> messages.Signed:
        with writing(room.engine) as conn:
            return messages.sign(conn, call_id, her, at, rules_of(room.settings), despite_gaps=asked.gaps)

    try:
        signed = await run_sync(sign)
    except Incomplete as error:
        only_gaps = set(error.problems.values()) == {Problem.MISSING}
        told = words.GAPS if only_gaps else words.MEND
        more = {"problems": said(request, error.told), "gaps": only_gaps}
        return in_words(request, told if error.problems else words.EMPTY, 422, **more)
    except PbxError as error:
        return failed(request, error)
    room.feed.free(person, call_id)
    room.look(her)
    return in_words(request, words.SENT if signed.version else words.SIGNED, 200)


async def mark_urgent(request: Request) -> Response:
    """The message is urgent: once it goes, somebody has to say that he has seen it."""
    room, person, asked = room_of(request), person_of(request), await read(request, Urgent)
    call_id, her, at = call_of(request), secretary_of(person), clock.now()

    def mark() -> None:
        with writing(room.engine) as conn:
            messages.mark_urgent(conn, call_id, her, at, rules_of(room.settings), urgent=asked.urgent)

    done = await attempt(request, mark)
    room.look(her)
    return done if isinstance(done, Response) else JSONResponse({})


async def send_info(request: Request) -> Response:
    """E-mails a ready-made text to the caller."""
    room, person, asked = room_of(request), person_of(request), await read(request, SendInfo)
    call_id, her = call_of(request), secretary_of(person)

    def send() -> None:
        with booking(room.engine, actor_of(request, person), clock.now()) as work:
            messages.send_info(work, call_id, her, asked.info, asked.address, rules_of(room.settings))

    done = await attempt(request, send)
    return done if isinstance(done, Response) else in_words(request, words.INFO_SENT, 200)


async def change_duty(request: Request) -> Response:
    """A pause, its end, or the end of her after-call work."""
    room, person, asked = room_of(request), person_of(request), await read(request, DutyAsked)
    her = secretary_of(person)
    if asked.act == "free":
        room.feed.free(person)
        return JSONResponse({})
    if asked.act not in ("pause", "ready"):
        raise Refused(NOT_OURS)

    def change() -> duty.Paused | None:
        with booking(room.engine, actor_of(request, person), clock.now()) as work:
            if asked.act == "pause":
                return duty.pause(work, her, asked.reason, room.settings.desk.pause_reasons)
            duty.resume(work, her)
        return None

    done = await attempt(request, change)
    if isinstance(done, Response):
        return done
    return in_words(request, words.PAUSE_LATER, 200) if done and done.after_call else JSONResponse({})


async def task_done(request: Request) -> Response:
    """She has done what a client asked, or settled what was wrong with an appointment; whoever has it on the page
    sees it go."""
    room, person = room_of(request), person_of(request)
    name = str(request.path_params["task"])
    number = name.removeprefix(ABOUT_APPOINTMENT)

    def note() -> None:
        done = tasks.done if number == name else tasks.appointment_settled
        with writing(room.engine) as conn:
            known = int(number) if number.isdecimal() and len(number) < 10 else 0
            done(conn, known, secretary_of(person), clock.now())

    done = await attempt(request, note)
    room.look_all()
    return done if isinstance(done, Response) else JSONResponse({})


async def spell(request: Request) -> Response:
    """An address as she reads it back to the caller."""
    asked = await read(request, Spell)
    return JSONResponse({"spelled": spelled(asked.address[:LONGEST_ADDRESS].strip(), language_of(request))})


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
