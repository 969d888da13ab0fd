"""The page of live calls: a supervisor listens, speaks to the secretary alone, or to everybody, by her telephone."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from pbx_control.catalogue import N_
from pbx_control.domain.call.commands import Refusal
from pbx_control.domain.call.model import Phase
from pbx_control.domain.users import Person, UserRole
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, is_withheld, readable_number
from pbx_control.live.news import SUPERVISORS_ACTS, Act, AnswerKind, CallNow
from pbx_control.web.desk.asking import NOT_OURS, Refused, call_of, in_words, read, room_of
from pbx_control.web.pages import environment, language_of, page
from pbx_control.web.site import person_of, site_of

# A line so often, seconds: proxies end a silent stream, and a revoked session is noticed.
ALIVE_EVERY = 3.0
# What changes is shown this often at most, seconds: figures are at most that old.
TOGETHER = 0.3

PHASES = {
    Phase.TALKING: N_("talks with the caller"),
    Phase.CALLING_CONTACT: N_("calls a contact"),
    Phase.CONSULTING: N_("talks with a contact"),
}
WORDS = {
    Refusal.NOT_NOW: N_("This is not possible now: the secretary talks with nobody in this call any more."),
    Refusal.NO_TELEPHONE: N_("You have no telephone yet: ask an admin for one (`user telephone NAME`)."),
    Refusal.SUPERVISED_ALREADY: N_("Another supervisor is in this call."),
    Refusal.SUPERVISES_ELSEWHERE: N_("You are in another call: leave that one first."),
    Refusal.ONLY_AN_ADMIN: N_("Only an admin has another supervisor leave a call."),
    Refusal.NOT_A_SUPERVISOR: N_("Only supervisors and admins are in calls of others."),
}
UNKNOWN = N_("Nobody answers for this call: it is over, or the switchboard is away.")


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """What a button asks for."""

    act: Act


@dataclass(frozen=True, slots=True)
class Row:
    """A call that somebody may listen to."""

    call_id: str
    client: str
    secretary: str
    caller: str
    doing: str
    since: datetime | None
    mode: str  # how whoever looks at the page is in it; "": not at all
    rings: bool  # her telephone rings for it
    other: str  # another supervisor who is in it
    may_end: bool  # whoever looks at the page may have that one leave


def rows_of(calls: Sequence[CallNow], person: Person) -> list[Row]:
    """The calls in which a secretary talks, the longest first."""
    talking = [call for call in calls if call.phase in PHASES and call.secretary_id is not None]
    talking.sort(key=lambda call: (call.answered_at is None, call.answered_at or 0, call.id))
    return [_row(call, person) for call in talking]


def _row(call: CallNow, person: Person) -> Row:
    hers = call.supervisor_id == person.user_id
    other = "" if hers else call.supervisor
    number = "" if is_withheld(call.caller) else readable_number(call.caller)
    return Row(
        call_id=call.id,
        client=call.client_name or call.client,
        secretary=clean_line(call.secretary, NAME_LIMIT),
        caller=clean_line(call.caller_name, NAME_LIMIT) or number,
        doing=PHASES[Phase(call.phase)],
        since=call.answered_at,
        mode=call.supervision if hers else "",
        rings=hers and not call.supervisor_here,
        other=other,
        may_end=bool(other) and person.role is UserRole.ADMIN,
    )


async def live(request: Request) -> Response:
    """GET /admin/calls"""
    return page(request, "admin/calls.html.j2", live=_region(request), here="/admin/calls")


async def live_events(request: Request) -> Response:
    """GET /admin/calls/events: the calls anew, whenever something in them changes."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(request), media_type="text/event-stream", headers=headers)


async def _events(request: Request) -> AsyncGenerator[bytes, None]:
    room, sessions, person = room_of(request), site_of(request).sessions, person_of(request)
    sent, now = "", asyncio.get_running_loop().time
    with room.watching(person.user_id) as watcher:
        yield b"retry: 1000\n\n"
        due = now() + ALIVE_EVERY
        while not (room.ending or watcher.over):
            if now() >= due:
                if not await sessions.still_valid(person.session_id):
                    yield _event("signed-out", "")
                    return
                yield _event("alive", "")
                due = now() + ALIVE_EVERY
            watcher.news.clear()
            if (shown := _region(request)) != sent:
                sent = shown
                yield _event("view", shown)
                await asyncio.sleep(TOGETHER)  # one press brings several changes
            try:
                await asyncio.wait_for(watcher.news.wait(), max(0.0, due - now()))
            except TimeoutError:
                continue


def _event(name: str, content: str) -> bytes:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n".encode()


def _region(request: Request) -> str:
    standing = room_of(request).feed.standing
    rows = rows_of(list(standing.calls.values()), person_of(request))
    template = environment(language_of(request)).get_template("admin/calls_live.html.j2")
    return template.render(rows=rows, away=not standing.ready)


async def act(request: Request) -> Response:
    """POST /admin/calls/CALL/act: what a button asks for. The daemon decides, and writes it down first."""
    asked = await read(request, Asked)
    if asked.act not in SUPERVISORS_ACTS:
        raise Refused(NOT_OURS)
    answer = await room_of(request).feed.supervise(person_of(request), call_of(request), asked.act)
    if answer.outcome is AnswerKind.DONE:
        return JSONResponse({})
    told = WORDS.get(Refusal(answer.why), UNKNOWN) if answer.outcome is AnswerKind.REFUSED else UNKNOWN
    return in_words(request, told, 409)
