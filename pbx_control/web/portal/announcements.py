"""`/portal/announcements`: what callers hear from the switch, changed after it has been heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from anyio.to_thread import run_sync
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.office import AnnouncementKind
from pbx_control.domain.users import Person
from pbx_control.domain.words.sentences import said
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.tenant_opening import HOUSE, AnnouncementOf, AnnouncementsOf, Own
from pbx_control.web.pages import go_to, language_of, page
from pbx_control.web.portal.opening import Played, opening_of, played, problems_of
from pbx_control.web.portal.sounds import key_of, was_shown
from pbx_control.web.site import person_of, site_of
from pbx_control.web.voice import TooOften

HERE = "/portal/announcements"
LONGEST_TEXT, LONGEST_FIELD = 2000, 80
KINDS: Mapping[str, str] = {
    AnnouncementKind.WELCOME: N_("Welcome"),
    AnnouncementKind.CLOSED: N_("Closed"),
    AnnouncementKind.EXHAUSTED: N_("No calls left"),
    AnnouncementKind.RECORDING: N_("The call is recorded"),
    AnnouncementKind.BUSY: N_("Busy"),
    AnnouncementKind.MESSAGE: N_("Leave a message"),
}
# When each is heard.
WHEN: Mapping[str, str] = {
    AnnouncementKind.WELCOME: N_(
        "Before the telephones ring. The call is answered for it, and the caller waits so long."
    ),
    AnnouncementKind.CLOSED: N_("Outside your hours and on holidays; then the call ends."),
    AnnouncementKind.EXHAUSTED: N_(
        "When your calls are used up or your service is suspended. Say nothing of plans here."
    ),
    AnnouncementKind.RECORDING: N_(
        "Before the telephones ring. The law wants that it says that the call is recorded, and why."
    ),
    AnnouncementKind.BUSY: N_("When nobody can take the call and no message is taken; then the call ends."),
    AnnouncementKind.MESSAGE: N_("When nobody can take the call. After it comes a tone, and the caller speaks."),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, and what is wrong with it."""

    kind: str = ""
    text: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """One announcement as the page has it."""

    kind: str
    name: str
    when: str
    heard: Played | None  # None: nothing is played
    origin: str  # house | text | audio | none
    text: str  # to be changed, with what is filled in
    standard: str
    version: str  # changes when somebody changes it


@dataclass(frozen=True, slots=True)
class AnnouncementsShown:
    """The page as it is shown."""

    firm: str
    each: Sequence[Shown]


async def announcements(request: Request) -> Response:
    """GET /portal/announcements"""
    return _page(request, await run_sync(opening_of(request).announcements, clock.now()), Asked())


async def change(request: Request) -> Response:
    """POST /portal/announcements: `act` is preview or standard (the house's text), both shown first; edit; or confirm,
    with the `version` that was there."""
    given = await request.form()
    act, kind_given, version = (str(given.get(one, ""))[:LONGEST_FIELD] for one in ("act", "kind", "version"))
    asked = Asked(kind_given, str(given.get("text", ""))[:LONGEST_TEXT])
    opening, now, voice = opening_of(request), clock.now(), site_of(request).voice
    found = await run_sync(opening.announcements, now)
    if act == "edit":
        return _page(request, found, asked)
    try:
        kind = _kind(kind_given, found)
        own = _own(given, act, asked, person_of(request))
        before = found.each[kind].own
        if act == "confirm" and version:
            _require_unchanged(before, version)
            await voice.speaks(opening.client_id, lambda: opening.set_announcement(kind, own, before, now))
            return go_to(f"{HERE}#{kind.value}")
        would = await voice.speaks(opening.client_id, lambda: opening.announcement_would_be(kind, own, now))
    except (ClientMistake, TooOften) as error:
        problems = problems_of(error, language_of(request), KINDS, usual="text")
        return _page(request, found, replace(asked, problems=problems), status=400)
    return _preview(request, found.each[kind], would, asked, own)


async def upload(request: Request) -> Response:
    """POST /portal/announcements/audio: a recording of the firm's own, `audio`, for a `kind`; shown first."""
    given = await request.form()
    asked, opening, now = Asked(str(given.get("kind", ""))[:LONGEST_FIELD]), opening_of(request), clock.now()
    found = await run_sync(opening.announcements, now)
    try:
        kind, sent = _kind(asked.kind, found), given.get("audio")
        if not isinstance(sent, UploadFile) or not sent.filename:
            raise ClientMistake("choose an audio file", Code.EMPTY_VALUE, field=Field("audio"))
        content, name = await sent.read(), sent.filename
        own = await site_of(request).voice.speaks(opening.client_id, lambda: opening.keep_sound(content, name))
        would = await run_sync(opening.announcement_would_be, kind, own, now)
    except (ClientMistake, TooOften) as error:
        problems = problems_of(error, language_of(request), KINDS, usual="audio")
        return _page(request, found, replace(asked, problems=problems), status=400)
    return _preview(request, found.each[kind], would, asked, own)


def _own(given: Any, act: str, asked: Asked, person: Person) -> Own:
    """What the form wants in force: the house's text, a recording that this session has sent, or words."""
    if act == "standard" or given.get("standard") == "1":
        return HOUSE
    audio = str(given.get("audio", ""))[:LONGEST_FIELD]
    if audio and was_shown(person, audio, str(given.get("key", ""))):
        return Own(audio=audio)
    return Own(_required(asked.text))


def _kind(given: str, found: AnnouncementsOf) -> AnnouncementKind:
    kind = next((one for one in found.each if one.value == given), None)
    if kind is None:
        raise ClientMistake("choose an announcement", Code.BAD_VALUE, field=Field("kind"))
    return kind


def _required(text: str) -> str:
    if not text.strip():
        raise ClientMistake("write what callers shall hear", Code.EMPTY_VALUE, field=Field("text"))
    return text


def _require_unchanged(own: Own, version: str) -> None:
    if _version(own) != version:
        raise ClientMistake(
            "somebody else has changed this announcement meanwhile: look at it once more", Code.CHANGED_MEANWHILE
        )


def _version(own: Own) -> str:
    return sha256(f"{own.audio}\n{own.text}".encode()).hexdigest()[:16]


# --- the pages --------------------------------------------------------------------------------------------


def _page(request: Request, found: AnnouncementsOf, asked: Asked, status: int = 200) -> Response:
    language, person = language_of(request), person_of(request)
    shown = AnnouncementsShown(found.client.name, [_shown(one, person, language) for one in found.each.values()])
    return page(request, "portal/announcements.html.j2", status=status, shown=shown, asked=asked, here=HERE)


def _preview(request: Request, now: AnnouncementOf, would: AnnouncementsOf, asked: Asked, own: Own) -> Response:
    language, person = language_of(request), person_of(request)
    return page(
        request,
        "portal/announcement_preview.html.j2",
        shown=AnnouncementsShown(would.client.name, []),
        new=_shown(would.each[now.kind], person, language),
        now=_shown(now, person, language),
        asked=asked,
        standard=own == HOUSE,
        audio=own.audio,
        key=key_of(person, own.audio),
        here=HERE,
    )


def _shown(one: AnnouncementOf, person: Person, language: str) -> Shown:
    return Shown(
        kind=one.kind.value,
        name=said(language, KINDS[one.kind], {}),
        when=said(language, WHEN[one.kind], {}),
        heard=played(person, one.heard, language) if one.heard.sound else None,
        origin=_origin(one),
        text=one.own.text or ("" if one.own.audio else one.standard),
        standard=one.standard,
        version=_version(one.own),
    )


def _origin(one: AnnouncementOf) -> str:
    if one.own == HOUSE:
        return "house" if one.heard.sound else "none"
    return "text" if one.own.text else "audio"
