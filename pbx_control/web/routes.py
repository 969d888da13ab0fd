"""THE table of ways: every address of the pages, and who may go there. What is not in it does not exist."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from pbx_control.catalogue import N_
from pbx_control.domain.users import SUPERVISORS, ClientRole, Person, UserRole
from pbx_control.web import (
    feed,
    fetched,
    files,
    forgotten,
    health,
    invited,
    proposed,
    second_step,
    seen,
    sign_in,
    webhook,
)
from pbx_control.web.account import acts as account
from pbx_control.web.account import passkeys
from pbx_control.web.admin import checking, staffing, supervision
from pbx_control.web.api.door import Endpoint as ApiEndpoint
from pbx_control.web.api.openapi import document_page
from pbx_control.web.api.reference import reference
from pbx_control.web.api.ways import DOCUMENT, REFERENCE, by_path
from pbx_control.web.desk import acts, scores, telephone
from pbx_control.web.desk import agenda as desk_agenda
from pbx_control.web.guard import is_ours
from pbx_control.web.pages import go_to, refusal, wants_page
from pbx_control.web.portal import acts as portal
from pbx_control.web.portal import (
    agenda,
    agenda_connection,
    agenda_settings,
    announcements,
    appointments,
    contacts,
    export,
    hours,
    money,
    orders,
    people,
    privacy,
    programs,
    protocol,
    recipients,
    rota,
    sounds,
    today,
    trail,
)
from pbx_control.web.site import Site, site_of
from pbx_control.web.wall import acts as wall
from pbx_control.web.wall import curves, metrics

# Of one form.
MOST_FILES, MOST_FIELDS = 1, 1000
NOT_YOURS = N_("this page is not yours")
APP_NEEDED = N_("set up a second factor first, on the page of your account")
# Where an owner may go who has still to set up the second factor that he needs.
WITHOUT_APP = ("/account", "/logout", "/language")

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Who(Enum):
    """Who may go a way, where it is not one role alone."""

    ANYBODY = "anybody"  # who asks is not even looked up
    VISITOR = "visitor"  # anybody, but it matters who is signed in
    SIGNED_IN = "signed in"
    TOKEN = "token"  # a program: its own door looks at its token (web/api), and at no cookie
    SUPERVISES = "supervises"  # a supervisor or an admin


@dataclass(frozen=True, slots=True)
class Way:
    """One line of the table. What changes something is a POST, which must come from our pages with the session's
    token. A role of a client's is for those of its people who have that one."""

    path: str
    methods: tuple[str, ...]
    endpoint: Endpoint
    who: Who | UserRole | ClientRole


WAYS = (
    Way("/", ("GET",), sign_in.start, Who.SIGNED_IN),
    Way("/desk", ("GET",), acts.desk_page, UserRole.SECRETARY),
    Way("/desk/events", ("GET",), acts.desk_events, UserRole.SECRETARY),
    Way("/desk/here", ("POST",), acts.is_here, Who.ANYBODY),
    Way("/desk/calls/{call}/act", ("POST",), acts.do_in_call, UserRole.SECRETARY),
    Way("/desk/calls/{call}/fields", ("POST",), acts.save_fields, UserRole.SECRETARY),
    Way("/desk/calls/{call}/send", ("POST",), acts.send, UserRole.SECRETARY),
    Way("/desk/calls/{call}/urgent", ("POST",), acts.mark_urgent, UserRole.SECRETARY),
    Way("/desk/calls/{call}/info", ("POST",), acts.send_info, UserRole.SECRETARY),
    Way("/desk/duty", ("POST",), acts.change_duty, UserRole.SECRETARY),
    Way("/desk/tasks/{task}/done", ("POST",), acts.task_done, UserRole.SECRETARY),
    Way("/desk/agenda/{call}", ("GET",), desk_agenda.panel, UserRole.SECRETARY),
    Way("/desk/agenda/{call}/week", ("GET",), desk_agenda.week, UserRole.SECRETARY),
    Way("/desk/agenda/{call}/hold", ("POST",), desk_agenda.hold, UserRole.SECRETARY),
    Way("/desk/agenda/{call}/release", ("POST",), desk_agenda.release, UserRole.SECRETARY),
    Way("/desk/agenda/{call}/book", ("POST",), desk_agenda.book, UserRole.SECRETARY),
    Way("/desk/agenda/{call}/move", ("POST",), desk_agenda.move, UserRole.SECRETARY),
    Way("/desk/agenda/{call}/cancel", ("POST",), desk_agenda.cancel, UserRole.SECRETARY),
    Way("/desk/spell", ("POST",), acts.spell, UserRole.SECRETARY),
    Way("/admin", ("GET",), wall.now, Who.SUPERVISES),
    Way("/admin/events", ("GET",), wall.stream, Who.SUPERVISES),
    Way("/admin/day", ("GET",), curves.day, Who.SUPERVISES),
    Way("/admin/week", ("GET",), curves.week, Who.SUPERVISES),
    Way("/admin/figures.csv", ("GET",), curves.sheet, Who.SUPERVISES),
    Way("/desk/scores", ("GET",), scores.own, UserRole.SECRETARY),
    Way("/admin/calls", ("GET",), supervision.live, Who.SUPERVISES),
    Way("/admin/calls/events", ("GET",), supervision.live_events, Who.SUPERVISES),
    Way("/admin/calls/{call}/act", ("POST",), supervision.act, Who.SUPERVISES),
    Way("/admin/check", ("GET",), checking.calls, Who.SUPERVISES),
    Way("/admin/check/{call}", ("GET",), checking.call, Who.SUPERVISES),
    Way("/admin/check/{call}/recording", ("GET",), checking.recording, Who.SUPERVISES),
    Way("/admin/check/{call}/voice-message", ("GET",), checking.voice_message, Who.SUPERVISES),
    Way("/admin/check/{call}/score", ("POST",), checking.score, Who.SUPERVISES),
    Way("/desk/telephone", ("POST",), telephone.begin, UserRole.SECRETARY),
    Way("/desk/telephone/ready", ("POST",), telephone.is_ready, UserRole.SECRETARY),
    Way("/desk/telephone/done", ("POST",), telephone.done, UserRole.SECRETARY),
    Way("/portal", ("GET",), portal.start, UserRole.CLIENT),
    Way("/portal/messages", ("GET",), portal.messages, UserRole.CLIENT),
    Way("/portal/messages/read", ("POST",), portal.read_all, UserRole.CLIENT),
    Way("/portal/calls/{call}", ("GET",), portal.call, UserRole.CLIENT),
    Way("/portal/calls/{call}/recording", ("GET",), portal.recording, UserRole.CLIENT),
    Way("/portal/calls/{call}/voice-message", ("GET",), portal.voice_message, UserRole.CLIENT),
    Way("/portal/calls/{call}/call-back", ("POST",), portal.ask_to_call_back, UserRole.CLIENT),
    Way("/portal/calls/{call}/seen", ("POST",), portal.say_seen, UserRole.CLIENT),
    Way("/portal/calls/{call}/block", ("POST",), portal.block, UserRole.CLIENT),
    Way("/portal/calls/{call}/unblock", ("POST",), portal.unblock, UserRole.CLIENT),
    Way("/portal/today", ("GET",), today.today, UserRole.CLIENT),
    Way("/portal/today", ("POST",), today.say, UserRole.CLIENT),
    Way("/portal/hours", ("GET",), hours.hours, ClientRole.OWNER),
    Way("/portal/hours", ("POST",), hours.change, ClientRole.OWNER),
    Way("/portal/hours/days", ("POST",), hours.days, ClientRole.OWNER),
    Way("/portal/contacts", ("GET",), contacts.contacts, UserRole.CLIENT),
    Way("/portal/contacts", ("POST",), contacts.change, ClientRole.OWNER),
    Way("/portal/contacts/availability", ("POST",), contacts.available, UserRole.CLIENT),
    Way("/portal/rota", ("GET",), rota.rota, UserRole.CLIENT),
    Way("/portal/rota", ("POST",), rota.change, ClientRole.OWNER),
    Way("/portal/rota/swaps", ("POST",), rota.swap, UserRole.CLIENT),
    Way("/portal/calendars", ("GET",), agenda.calendars, UserRole.CLIENT),
    Way("/portal/calendars", ("POST",), agenda.add, ClientRole.OWNER),
    Way("/portal/calendars/{calendar}", ("GET",), agenda.calendar, UserRole.CLIENT),
    Way("/portal/calendars/{calendar}/week", ("GET",), agenda.week, UserRole.CLIENT),
    Way("/portal/calendars/{calendar}/history", ("GET",), agenda.history, UserRole.CLIENT),
    Way("/portal/calendars/{calendar}/settings", ("GET",), agenda_settings.settings, ClientRole.OWNER),
    Way("/portal/calendars/{calendar}/settings", ("POST",), agenda_settings.change, ClientRole.OWNER),
    Way("/portal/calendars/{calendar}/feed", ("POST",), agenda_settings.feed, ClientRole.OWNER),
    Way("/portal/calendars/{calendar}/connection", ("GET",), agenda_connection.connection, ClientRole.OWNER),
    Way("/portal/calendars/{calendar}/connection", ("POST",), agenda_connection.change, ClientRole.OWNER),
    Way("/portal/calendars/{calendar}/remove", ("GET",), agenda.removal, ClientRole.OWNER),
    Way("/portal/calendars/{calendar}/remove", ("POST",), agenda.remove, ClientRole.OWNER),
    Way("/portal/calendars/{calendar}/book", ("GET",), appointments.form, UserRole.CLIENT),
    Way("/portal/calendars/{calendar}/book", ("POST",), appointments.book, UserRole.CLIENT),
    Way("/portal/calendars/{calendar}/appointments/{appointment}", ("GET",), appointments.one, UserRole.CLIENT),
    Way("/portal/calendars/{calendar}/appointments/{appointment}", ("POST",), appointments.change_one, UserRole.CLIENT),
    Way("/portal/announcements", ("GET",), announcements.announcements, ClientRole.OWNER),
    Way("/portal/announcements", ("POST",), announcements.change, ClientRole.OWNER),
    Way("/portal/announcements/audio", ("POST",), announcements.upload, ClientRole.OWNER),
    Way("/portal/sounds/{kind}/{name}", ("GET",), sounds.sound, UserRole.CLIENT),
    Way("/portal/recipients", ("GET",), recipients.page_of_recipients, ClientRole.OWNER),
    Way("/portal/recipients", ("POST",), recipients.ask_address, ClientRole.OWNER),
    Way("/portal/recipients/chat", ("POST",), recipients.ask_chat, ClientRole.OWNER),
    Way("/portal/recipients/order", ("POST",), recipients.put_first, ClientRole.OWNER),
    Way("/portal/recipients/urgent", ("POST",), recipients.set_patience, ClientRole.OWNER),
    Way("/portal/recipients/change", ("POST",), recipients.change, ClientRole.OWNER),
    Way("/portal/recipients/withdraw", ("POST",), recipients.withdraw, ClientRole.OWNER),
    Way("/portal/recipients/disconnect", ("POST",), recipients.disconnect, ClientRole.OWNER),
    Way("/portal/protocol", ("GET",), protocol.page_of_protocol, ClientRole.OWNER),
    Way("/portal/protocol/greeting", ("POST",), protocol.change_greeting, ClientRole.OWNER),
    Way("/portal/protocol/greeting/back", ("POST",), protocol.roll_back_greeting, ClientRole.OWNER),
    Way("/portal/protocol/fields", ("POST",), protocol.change_protocol, ClientRole.OWNER),
    Way("/portal/protocol/infos", ("POST",), protocol.add_info, ClientRole.OWNER),
    Way("/portal/protocol/infos/remove", ("POST",), protocol.remove_info, ClientRole.OWNER),
    Way("/portal/protocol/proposals/{proposal}", ("GET",), protocol.proposal, ClientRole.OWNER),
    Way("/portal/protocol/proposals/{proposal}", ("POST",), protocol.decide, ClientRole.OWNER),
    Way("/admin/staffing", ("GET",), staffing.show, Who.SUPERVISES),
    Way("/recipients/{token}", ("GET",), invited.question, Who.VISITOR),
    Way("/recipients/{token}", ("POST",), invited.answer, Who.VISITOR),
    Way("/changes/{token}", ("GET",), proposed.question, Who.VISITOR),
    Way("/changes/{token}", ("POST",), proposed.answer, Who.VISITOR),
    Way("/seen/{token}", ("GET",), seen.question, Who.VISITOR),
    Way("/seen/{token}", ("POST",), seen.answer, Who.VISITOR),
    Way("/files/{token}", ("GET",), fetched.offer, Who.VISITOR),
    Way("/files/{token}", ("POST",), fetched.fetch, Who.VISITOR),
    Way("/agenda/{token}.ics", ("GET",), feed.feed, Who.ANYBODY),
    Way("/telegram", ("POST",), webhook.bring, Who.ANYBODY),
    Way("/portal/users", ("GET",), people.people, ClientRole.OWNER),
    Way("/portal/users/add", ("POST",), people.add, ClientRole.OWNER),
    Way("/portal/users/link", ("POST",), people.send_link, ClientRole.OWNER),
    Way("/portal/users/role", ("POST",), people.set_role, ClientRole.OWNER),
    Way("/portal/users/remove", ("POST",), people.remove, ClientRole.OWNER),
    Way("/portal/programs", ("GET",), programs.programs, ClientRole.OWNER),
    Way("/portal/programs/tokens", ("POST",), programs.add_token, ClientRole.OWNER),
    Way("/portal/programs/tokens/revoke", ("POST",), programs.revoke, ClientRole.OWNER),
    Way("/portal/programs/webhooks", ("POST",), programs.add_webhook, ClientRole.OWNER),
    Way("/portal/programs/webhooks/test", ("POST",), programs.test, ClientRole.OWNER),
    Way("/portal/programs/webhooks/remove", ("POST",), programs.remove, ClientRole.OWNER),
    Way("/portal/audit", ("GET",), trail.audit, ClientRole.OWNER),
    Way("/portal/privacy", ("GET",), privacy.page_of_privacy, ClientRole.OWNER),
    Way("/portal/privacy/annex.pdf", ("GET",), privacy.annex, ClientRole.OWNER),
    Way("/portal/ledger", ("GET",), money.ledger, ClientRole.OWNER),
    Way("/portal/ledger/dispute", ("POST",), money.dispute, ClientRole.OWNER),
    Way("/portal/export", ("GET",), export.form, ClientRole.OWNER),
    Way("/portal/export", ("POST",), export.export, ClientRole.OWNER),
    Way("/portal/orders", ("GET",), orders.orders, ClientRole.OWNER),
    Way("/portal/orders", ("POST",), orders.place, ClientRole.OWNER),
    Way("/portal/invoices", ("GET",), money.invoices, ClientRole.OWNER),
    Way("/portal/invoices/{name}.pdf", ("GET",), money.invoice, ClientRole.OWNER),
    Way("/login", ("GET",), sign_in.form, Who.VISITOR),
    Way("/login", ("POST",), sign_in.enter, Who.ANYBODY),
    Way("/login/code", ("GET",), second_step.form, Who.VISITOR),
    Way("/login/code", ("POST",), second_step.finish, Who.ANYBODY),
    Way("/login/passkey/ask", ("POST",), second_step.ask_passkey, Who.ANYBODY),
    Way("/login/passkey", ("POST",), second_step.finish_by_passkey, Who.ANYBODY),
    Way("/forgot", ("GET",), forgotten.ask_form, Who.VISITOR),
    Way("/forgot", ("POST",), forgotten.ask, Who.ANYBODY),
    Way("/reset", ("GET",), forgotten.set_form, Who.VISITOR),
    Way("/reset", ("POST",), forgotten.set_password, Who.ANYBODY),
    Way("/account", ("GET",), account.show, Who.SIGNED_IN),
    Way("/account/password", ("POST",), account.change_password, Who.SIGNED_IN),
    Way("/account/second-factor", ("GET",), account.set_up, Who.SIGNED_IN),
    Way("/account/second-factor", ("POST",), account.begin_second_factor, Who.SIGNED_IN),
    Way("/account/second-factor/confirm", ("POST",), account.confirm_second_factor, Who.SIGNED_IN),
    Way("/account/second-factor/off", ("POST",), account.turn_off_second_factor, Who.SIGNED_IN),
    Way("/account/passkeys/ask", ("POST",), passkeys.ask, Who.SIGNED_IN),
    Way("/account/passkeys", ("POST",), passkeys.add, Who.SIGNED_IN),
    Way("/account/passkeys/remove", ("POST",), passkeys.remove, Who.SIGNED_IN),
    Way("/account/recovery-codes", ("POST",), account.renew_codes, Who.SIGNED_IN),
    Way("/account/sessions/end", ("POST",), account.end_session, Who.SIGNED_IN),
    Way("/account/sessions/end-others", ("POST",), account.end_other_sessions, Who.SIGNED_IN),
    Way("/logout", ("POST",), sign_in.leave, Who.SIGNED_IN),
    Way("/language", ("POST",), sign_in.choose_language, Who.SIGNED_IN),
    *(Way(path, tuple(ways), ApiEndpoint(ways).answer, Who.TOKEN) for path, ways in by_path()),
    Way(DOCUMENT, ("GET",), document_page, Who.ANYBODY),
    Way(REFERENCE, ("GET",), reference, Who.VISITOR),
    Way("/healthz", ("GET",), health.healthz, Who.ANYBODY),
    Way("/metrics", ("GET",), metrics.metrics, Who.ANYBODY),
    Way("/static/{version}/{name:path}", ("GET",), files.static, Who.ANYBODY),
)


# The one socket, and who may open it.
SOCKET, SOCKET_IS_FOR = "/ws", UserRole.SECRETARY


def routes() -> list[Route | WebSocketRoute]:
    """The table, as Starlette takes it: each endpoint behind its gate."""
    ways = [Route(way.path, gate(way), methods=list(way.methods)) for way in WAYS]
    return [*ways, WebSocketRoute(SOCKET, _socket)]


async def _socket(page: WebSocket) -> None:
    """Opens it to those whom it is for, from our pages: a browser sends its cookies to it from any page."""
    site: Site = page.app.state.site
    origin = page.headers.get("origin")
    ours = origin is not None and is_ours(page.headers, _origins(site, page))
    person = await site.sessions.person_of(page) if ours else None
    if person is None or person.role is not SOCKET_IS_FOR:
        await page.close()  # before the hand-shake: 403
        return
    await telephone.socket(page, person)


def gate(way: Way) -> Endpoint:
    """The way's endpoint, for those who may go there."""
    if way.who is Who.TOKEN:
        return way.endpoint

    async def through(request: Request) -> Response:
        site = site_of(request)
        person = None if way.who is Who.ANYBODY else await site.sessions.person_of(request)
        request.scope["person"] = person
        try:
            refused = _who(way, person, request) or await _forged(site, person, request)
            return refused or await way.endpoint(request)
        finally:
            await request.close()  # of a form's files

    return through


def _who(way: Way, person: Person | None, request: Request) -> Response | None:
    """What is answered to somebody who may not go there; None: he may."""
    if way.who in (Who.ANYBODY, Who.VISITOR):
        return None
    if person is None:
        if wants_page(request):
            return go_to(sign_in.login_path(request))
        return refusal(request, 401, N_("nobody is signed in here any more"), "signed-out")
    supervises = Who.SUPERVISES if person.role in SUPERVISORS else None
    if way.who not in (Who.SIGNED_IN, supervises, person.role, person.client_role):
        return refusal(request, 403, NOT_YOURS, "not-yours")
    return _without_app(way, person, request)


def _without_app(way: Way, person: Person, request: Request) -> Response | None:
    """What is answered to an owner who has still to set up the app that he needs; None: nothing lacks."""
    needed = site_of(request).settings.web.owners_need_second_factor and person.client_role is ClientRole.OWNER
    if not needed or person.has_second_factor or way.path.startswith(WITHOUT_APP):
        return None
    if wants_page(request):
        return go_to("/account?done=app-needed")
    return refusal(request, 403, APP_NEEDED, "app-needed")


async def _forged(site: Site, person: Person | None, request: Request) -> Response | None:
    """What is answered to a change that no page of ours has asked for; None: one has."""
    if request.method in ("GET", "HEAD"):
        return None
    ours = is_ours(request.headers, _origins(site, request))
    if ours and (person is None or secrets.compare_digest(await _token(request), person.csrf.encode())):
        return None
    return refusal(
        request, 403, N_("this does not come from our page, or from an old one: load the page anew"), "forged"
    )


def _origins(site: Site, request: HTTPConnection) -> list[str]:
    """What browsers call the place that our pages come from. The host has been looked at by the guard."""
    scheme = "https" if site.settings.web.certificate else "http"
    direct = f"{scheme}://{request.headers.get('host', '')}"
    return [site.settings.web.public_url, direct] if site.settings.web.public_url else [direct]


async def _token(request: Request) -> bytes:
    given = request.headers.get("x-csrf-token")
    if given is None and "form" in request.headers.get("content-type", ""):
        given = (await request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS)).get("csrf")  # type: ignore[assignment]
    return given.encode() if isinstance(given, str) else b""
