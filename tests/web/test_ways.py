"""Every way of the table, tried as everybody: who may not go there learns nothing of what is behind it."""

import httpx
import pytest
from browsing import CLIENT_ROLES, ROLES, Place
from starlette.routing import Route, WebSocketRoute

from pbx_control.domain.users import SUPERVISORS, ClientRole, UserRole
from pbx_control.web.routes import SOCKET, WAYS, Way, Who

# What is filled in for the places of a path, and what a way answers to those who may go there.
FILLED = {
    "version": "none",
    "name:path": "base.css",
    "call": "pbx-1.2",
    "kind": "spoken",
    "name": "es-0123456789abcdef",
    "task": "1",
    "token": "none",
    "proposal": "1",
    "calendar": "soto",
    "appointment": "1",
    "client": "andes",
}
NOBODY = "nobody"
# What each way is for, and what it answers to those who may go there. A new way needs a line here.
EXPECTED: dict[tuple[str, str], tuple[Who | UserRole | ClientRole, set[int]]] = {
    ("GET", "/"): (Who.SIGNED_IN, {303}),
    ("GET", "/desk"): (UserRole.SECRETARY, {200}),
    ("GET", "/desk/events"): (UserRole.SECRETARY, {200}),
    ("POST", "/desk/here"): (Who.ANYBODY, {400}),
    ("POST", "/desk/calls/{call}/act"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/calls/{call}/fields"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/calls/{call}/send"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/calls/{call}/urgent"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/calls/{call}/info"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/duty"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/tasks/{task}/done"): (UserRole.SECRETARY, {422}),
    ("GET", "/desk/agenda/{call}"): (UserRole.SECRETARY, {409}),
    ("GET", "/desk/agenda/{call}/week"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/agenda/{call}/hold"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/agenda/{call}/release"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/agenda/{call}/book"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/agenda/{call}/move"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/agenda/{call}/cancel"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/spell"): (UserRole.SECRETARY, {400}),
    ("GET", "/admin"): (Who.SUPERVISES, {200}),
    ("GET", "/admin/events"): (Who.SUPERVISES, {200}),
    ("GET", "/admin/day"): (Who.SUPERVISES, {200}),
    ("GET", "/admin/week"): (Who.SUPERVISES, {200}),
    ("GET", "/admin/figures.csv"): (Who.SUPERVISES, {200}),
    ("GET", "/desk/scores"): (UserRole.SECRETARY, {200}),
    ("GET", "/admin/calls"): (Who.SUPERVISES, {200}),
    ("GET", "/admin/calls/events"): (Who.SUPERVISES, {200}),
    ("POST", "/admin/calls/{call}/act"): (Who.SUPERVISES, {400}),
    ("GET", "/admin/check"): (Who.SUPERVISES, {200}),
    ("GET", "/admin/check/{call}"): (Who.SUPERVISES, {404}),
    ("GET", "/admin/check/{call}/recording"): (Who.SUPERVISES, {404}),
    ("GET", "/admin/check/{call}/voice-message"): (Who.SUPERVISES, {404}),
    ("POST", "/admin/check/{call}/score"): (Who.SUPERVISES, {404}),
    ("POST", "/desk/telephone"): (UserRole.SECRETARY, {403}),
    ("POST", "/desk/telephone/ready"): (UserRole.SECRETARY, {400}),
    ("POST", "/desk/telephone/done"): (UserRole.SECRETARY, {400}),
    ("GET", "/portal"): (UserRole.CLIENT, {303}),
    ("GET", "/portal/messages"): (UserRole.CLIENT, {200}),
    ("POST", "/portal/messages/read"): (UserRole.CLIENT, {303}),
    ("GET", "/portal/calls/{call}"): (UserRole.CLIENT, {404}),
    ("GET", "/portal/calls/{call}/recording"): (UserRole.CLIENT, {404}),
    ("GET", "/portal/calls/{call}/voice-message"): (UserRole.CLIENT, {404}),
    ("POST", "/portal/calls/{call}/call-back"): (UserRole.CLIENT, {404}),
    ("POST", "/portal/calls/{call}/seen"): (UserRole.CLIENT, {404}),
    ("POST", "/portal/calls/{call}/block"): (UserRole.CLIENT, {404}),
    ("POST", "/portal/calls/{call}/unblock"): (UserRole.CLIENT, {404}),
    ("GET", "/portal/today"): (UserRole.CLIENT, {200}),
    ("POST", "/portal/today"): (UserRole.CLIENT, {400}),
    ("GET", "/portal/hours"): (ClientRole.OWNER, {200}),
    ("POST", "/portal/hours"): (ClientRole.OWNER, {400}),
    ("POST", "/portal/hours/days"): (ClientRole.OWNER, {400}),
    ("GET", "/portal/contacts"): (UserRole.CLIENT, {200}),
    ("POST", "/portal/contacts"): (ClientRole.OWNER, {400}),
    ("POST", "/portal/contacts/availability"): (UserRole.CLIENT, {400}),
    ("GET", "/portal/rota"): (UserRole.CLIENT, {200}),
    ("POST", "/portal/rota"): (ClientRole.OWNER, {303}),
    ("POST", "/portal/rota/swaps"): (UserRole.CLIENT, {400}),
    ("GET", "/portal/calendars"): (UserRole.CLIENT, {200}),
    ("POST", "/portal/calendars"): (ClientRole.OWNER, {400}),
    ("GET", "/portal/calendars/{calendar}"): (UserRole.CLIENT, {404}),
    ("GET", "/portal/calendars/{calendar}/week"): (UserRole.CLIENT, {404}),
    ("GET", "/portal/calendars/{calendar}/history"): (UserRole.CLIENT, {404}),
    ("GET", "/portal/calendars/{calendar}/settings"): (ClientRole.OWNER, {404}),
    ("POST", "/portal/calendars/{calendar}/settings"): (ClientRole.OWNER, {404}),
    ("POST", "/portal/calendars/{calendar}/feed"): (ClientRole.OWNER, {404}),
    ("GET", "/portal/calendars/{calendar}/connection"): (ClientRole.OWNER, {404}),
    ("POST", "/portal/calendars/{calendar}/connection"): (ClientRole.OWNER, {404}),
    ("GET", "/portal/calendars/{calendar}/remove"): (ClientRole.OWNER, {404}),
    ("POST", "/portal/calendars/{calendar}/remove"): (ClientRole.OWNER, {404}),
    ("GET", "/portal/calendars/{calendar}/book"): (UserRole.CLIENT, {404}),
    ("POST", "/portal/calendars/{calendar}/book"): (UserRole.CLIENT, {404}),
    ("GET", "/portal/calendars/{calendar}/appointments/{appointment}"): (UserRole.CLIENT, {404}),
    ("POST", "/portal/calendars/{calendar}/appointments/{appointment}"): (UserRole.CLIENT, {404}),
    ("GET", "/portal/announcements"): (ClientRole.OWNER, {200}),
    ("POST", "/portal/announcements"): (ClientRole.OWNER, {400}),
    ("POST", "/portal/announcements/audio"): (ClientRole.OWNER, {400}),
    ("GET", "/portal/sounds/{kind}/{name}"): (UserRole.CLIENT, {404}),
    ("GET", "/portal/recipients"): (ClientRole.OWNER, {200}),
    ("POST", "/portal/recipients"): (ClientRole.OWNER, {422}),
    ("POST", "/portal/recipients/chat"): (ClientRole.OWNER, {422}),
    ("POST", "/portal/recipients/order"): (ClientRole.OWNER, {422}),
    ("POST", "/portal/recipients/urgent"): (ClientRole.OWNER, {422}),
    ("POST", "/portal/recipients/change"): (ClientRole.OWNER, {422}),
    ("POST", "/portal/recipients/withdraw"): (ClientRole.OWNER, {422}),
    ("POST", "/portal/recipients/disconnect"): (ClientRole.OWNER, {303}),
    ("GET", "/portal/protocol"): (ClientRole.OWNER, {200}),
    ("POST", "/portal/protocol/greeting"): (ClientRole.OWNER, {422}),
    ("POST", "/portal/protocol/greeting/back"): (ClientRole.OWNER, {422}),
    ("POST", "/portal/protocol/fields"): (ClientRole.OWNER, {422}),
    ("POST", "/portal/protocol/infos"): (ClientRole.OWNER, {422}),
    ("POST", "/portal/protocol/infos/remove"): (ClientRole.OWNER, {422}),
    ("GET", "/portal/protocol/proposals/{proposal}"): (ClientRole.OWNER, {404}),
    ("POST", "/portal/protocol/proposals/{proposal}"): (ClientRole.OWNER, {404}),
    ("GET", "/admin/staffing"): (Who.SUPERVISES, {200}),
    ("GET", "/recipients/{token}"): (Who.VISITOR, {404}),
    ("POST", "/recipients/{token}"): (Who.VISITOR, {404}),
    ("GET", "/changes/{token}"): (Who.VISITOR, {404}),
    ("POST", "/changes/{token}"): (Who.VISITOR, {404}),
    ("GET", "/seen/{token}"): (Who.VISITOR, {404}),
    ("POST", "/seen/{token}"): (Who.VISITOR, {404}),
    ("GET", "/files/{token}"): (Who.VISITOR, {404}),
    ("POST", "/files/{token}"): (Who.VISITOR, {404}),
    ("GET", "/agenda/{token}.ics"): (Who.ANYBODY, {404}),
    ("POST", "/telegram"): (Who.ANYBODY, {404}),
    ("GET", "/portal/users"): (ClientRole.OWNER, {200}),
    ("POST", "/portal/users/add"): (ClientRole.OWNER, {400}),
    ("POST", "/portal/users/link"): (ClientRole.OWNER, {400}),
    ("POST", "/portal/users/role"): (ClientRole.OWNER, {400}),
    ("POST", "/portal/users/remove"): (ClientRole.OWNER, {400}),
    ("GET", "/portal/programs"): (ClientRole.OWNER, {200}),
    ("POST", "/portal/programs/tokens"): (ClientRole.OWNER, {400}),
    ("POST", "/portal/programs/tokens/revoke"): (ClientRole.OWNER, {400}),
    ("POST", "/portal/programs/webhooks"): (ClientRole.OWNER, {400}),
    ("POST", "/portal/programs/webhooks/test"): (ClientRole.OWNER, {400}),
    ("POST", "/portal/programs/webhooks/remove"): (ClientRole.OWNER, {400}),
    ("GET", "/portal/audit"): (ClientRole.OWNER, {200}),
    ("GET", "/portal/ledger"): (ClientRole.OWNER, {200}),
    ("POST", "/portal/ledger/dispute"): (ClientRole.OWNER, {400}),
    ("GET", "/portal/privacy"): (ClientRole.OWNER, {200}),
    ("GET", "/portal/privacy/annex.pdf"): (ClientRole.OWNER, {200}),
    ("GET", "/portal/export"): (ClientRole.OWNER, {200}),
    ("POST", "/portal/export"): (ClientRole.OWNER, {200}),
    ("GET", "/portal/orders"): (ClientRole.OWNER, {200}),
    ("POST", "/portal/orders"): (ClientRole.OWNER, {400}),
    ("GET", "/portal/invoices"): (ClientRole.OWNER, {200}),
    ("GET", "/portal/invoices/{name}.pdf"): (ClientRole.OWNER, {404}),
    ("GET", "/login"): (Who.VISITOR, {200, 303}),
    ("POST", "/login"): (Who.ANYBODY, {401}),
    ("GET", "/login/code"): (Who.VISITOR, {401}),
    ("POST", "/login/code"): (Who.ANYBODY, {401}),
    ("POST", "/login/passkey/ask"): (Who.ANYBODY, {401}),
    ("POST", "/login/passkey"): (Who.ANYBODY, {401}),
    ("GET", "/forgot"): (Who.VISITOR, {200}),
    ("POST", "/forgot"): (Who.ANYBODY, {200}),
    ("GET", "/reset"): (Who.VISITOR, {410}),
    ("POST", "/reset"): (Who.ANYBODY, {410}),
    ("GET", "/account"): (Who.SIGNED_IN, {200}),
    ("POST", "/account/password"): (Who.SIGNED_IN, {400}),
    ("GET", "/account/second-factor"): (Who.SIGNED_IN, {303}),
    ("POST", "/account/second-factor"): (Who.SIGNED_IN, {400}),
    ("POST", "/account/second-factor/confirm"): (Who.SIGNED_IN, {303}),
    ("POST", "/account/second-factor/off"): (Who.SIGNED_IN, {400}),
    ("POST", "/account/passkeys/ask"): (Who.SIGNED_IN, {400}),
    ("POST", "/account/passkeys"): (Who.SIGNED_IN, {400}),
    ("POST", "/account/passkeys/remove"): (Who.SIGNED_IN, {400}),
    ("POST", "/account/recovery-codes"): (Who.SIGNED_IN, {400}),
    ("POST", "/account/sessions/end"): (Who.SIGNED_IN, {303}),
    ("POST", "/account/sessions/end-others"): (Who.SIGNED_IN, {303}),
    ("POST", "/logout"): (Who.SIGNED_IN, {303}),
    ("POST", "/language"): (Who.SIGNED_IN, {303}),
    ("GET", "/api/v1/calls"): (Who.TOKEN, {401}),
    ("GET", "/api/v1/calls/{call}"): (Who.TOKEN, {401}),
    ("POST", "/api/v1/calls/{call}/message"): (Who.TOKEN, {401}),
    ("GET", "/api/v1/messages"): (Who.TOKEN, {401}),
    ("GET", "/api/v1/clients"): (Who.TOKEN, {401}),
    ("GET", "/api/v1/clients/{client}/ledger"): (Who.TOKEN, {401}),
    ("GET", "/api/v1/calendars"): (Who.TOKEN, {401}),
    ("GET", "/api/v1/calendars/{calendar}/slots"): (Who.TOKEN, {401}),
    ("GET", "/api/v1/calendars/{calendar}/appointments"): (Who.TOKEN, {401}),
    ("POST", "/api/v1/calendars/{calendar}/appointments"): (Who.TOKEN, {401}),
    ("POST", "/api/v1/appointments/{appointment}/move"): (Who.TOKEN, {401}),
    ("POST", "/api/v1/appointments/{appointment}/cancel"): (Who.TOKEN, {401}),
    ("GET", "/api/v1/webhooks"): (Who.TOKEN, {401}),
    ("POST", "/api/v1/webhooks"): (Who.TOKEN, {401}),
    ("POST", "/api/v1/webhooks/{webhook}/remove"): (Who.TOKEN, {401}),
    ("POST", "/api/v1/webhooks/{webhook}/rotate"): (Who.TOKEN, {401}),
    ("GET", "/api/v1/openapi.json"): (Who.ANYBODY, {200}),
    ("GET", "/api/docs"): (Who.VISITOR, {200}),
    ("GET", "/healthz"): (Who.ANYBODY, {503}),  # no daemon is there
    ("GET", "/metrics"): (Who.ANYBODY, {403}),  # they come from elsewhere
    ("GET", "/static/{version}/{name:path}"): (Who.ANYBODY, {404}),
}
EACH = [(way, method) for way in WAYS for method in way.methods]


def named(value: object) -> str:
    return value.path if isinstance(value, Way) else str(value)


def allowed(way: Way, who: str) -> bool:
    # Whoever asks as a program is looked at by its token alone: tests/web/test_api_scopes.py.
    if way.who in (Who.ANYBODY, Who.VISITOR, Who.TOKEN):
        return True
    if who != NOBODY and way.who is Who.SUPERVISES:
        return ROLES[who] in SUPERVISORS
    return who != NOBODY and (way.who is Who.SIGNED_IN or way.who in (ROLES[who], CLIENT_ROLES.get(who)))


def somebody(way: Way) -> str:
    """One who may go there."""
    return next(name for name in ROLES if allowed(way, name))


def test_no_role_in_a_client_is_mistaken_for_one_of_the_house() -> None:
    """They are compared as the texts that the database has."""
    assert not {role.value for role in UserRole}.intersection(role.value for role in ClientRole)


async def tried(place: Place, who: str, way: Way, method: str) -> httpx.Response:
    browser = place.browser()
    if who != NOBODY:
        await browser.sign_in(who)
    path = way.path
    for name, value in FILLED.items():
        path = path.replace(f"{{{name}}}", value)
    return await (browser.get(path) if method == "GET" else browser.post(path))


def test_each_way_has_an_entry_here() -> None:
    assert {(method, way.path): way.who for way, method in EACH} == {key: who for key, (who, _) in EXPECTED.items()}


def test_nothing_is_served_that_is_not_in_the_table(place: Place) -> None:
    routes = place.app.application.routes
    *ways, socket = routes
    assert all(isinstance(route, Route) for route in ways)
    assert [route.path for route in ways] == [way.path for way in WAYS]
    assert isinstance(socket, WebSocketRoute)  # tests/web/test_page_socket.py tries it as everybody
    assert socket.path == SOCKET


def test_only_a_post_changes_something() -> None:
    assert {method for _, method in EACH} <= {"GET", "POST"}


@pytest.mark.parametrize("who", [NOBODY, *ROLES])
@pytest.mark.parametrize(("way", "method"), EACH, ids=named)
async def test_a_way_is_for_those_whom_it_is_for(place: Place, way: Way, method: str, who: str) -> None:
    answer = await tried(place, who, way, method)
    if allowed(way, who):
        assert answer.status_code in EXPECTED[method, way.path][1]
    elif who == NOBODY:
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")
    else:
        assert answer.status_code == 403
        assert "this page is not yours" in answer.text


@pytest.mark.parametrize(
    ("way", "method"),
    [(way, method) for way, method in EACH if method == "POST" and way.who is not Who.TOKEN],
    ids=named,
)
async def test_a_change_needs_the_sessions_token_and_our_page(place: Place, way: Way, method: str) -> None:
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8081"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        browser = place.browser(**headers)
        browser.client.headers.pop(*headers)
        if way.who is not Who.ANYBODY:
            await browser.sign_in(somebody(way))
        answer = await browser.post(way.path, headers=headers)
        assert (answer.status_code, "load the page anew" in answer.text) == (403, True), headers
    if way.who is Who.ANYBODY:
        return  # nobody has a session there
    browser = place.browser()
    await browser.sign_in(somebody(way))
    token, browser.csrf = browser.csrf, ""
    for data, headers in (
        ({}, {}),
        ({"csrf": ""}, {}),
        ({"csrf": token[:-1]}, {}),
        ({"csrf": "ñ" * 64}, {}),
        ({"csrf": token}, {"x-csrf-token": "x"}),
    ):
        answer = await browser.post(way.path, data, headers=headers)
        assert answer.status_code == 403, (data, headers)
    answer = await browser.post(way.path, headers={"x-csrf-token": token, "origin": "http://127.0.0.1:8080"})
    assert answer.status_code in EXPECTED[method, way.path][1]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"])
async def test_other_methods_do_nothing(place: Place, method: str) -> None:
    browser = place.browser()
    await browser.sign_in("ana")
    for way in WAYS:
        assert (await browser.client.request(method, way.path)).status_code in (404, 405)


async def test_an_unknown_page_is_not_there(place: Place) -> None:
    browser = place.browser()
    for path in ("/desk/", "/admin/", "/home", "/portal/", "/login/x", "/.git/config", "/static", "/static/"):
        answer = await browser.get(path)
        assert answer.status_code == 404
        assert "there is no such page" in answer.text


async def test_a_script_is_told_in_a_way_that_it_understands(place: Place) -> None:
    browser = place.browser(accept="*/*")
    answer = await browser.get("/desk")
    assert (answer.status_code, answer.json()["code"]) == (401, "signed-out")
    await browser.sign_in("jefa")
    answer = await browser.get("/desk", headers={"sec-fetch-mode": "cors"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not-yours")
