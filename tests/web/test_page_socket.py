"""The socket of the telephone in a page: who may open it, and what is passed on to the switch and back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from browsing import ROLES, Browser, Place, asks, at_desk
from msgspec.structs import replace
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from pbx_control.domain.telephony.browser import comes_from
from pbx_control.live.news import Lent
from pbx_control.settings import AsteriskSettings, Web
from pbx_control.store import secretaries
from pbx_control.store.engine import writing
from pbx_control.web.desk import telephone
from pbx_control.web.desk.lines import Line
from pbx_control.web.routes import SOCKET

OURS = "http://127.0.0.1:8080"
REGISTER = "REGISTER sip:pbx.invalid SIP/2.0\r\nVia: x\r\n\r\n"
OK = "SIP/2.0 200 OK\r\n\r\n"


def with_length(length: str) -> str:
    """A message's head."""
    return f"INVITE sip:echo@pbx.invalid SIP/2.0\r\nVia: x\r\nContent-Length: {length}\r\n\r\n"


class Switch:
    """Asterisk's HTTP server: says OK to whatever comes, and knows from where."""

    def __init__(self) -> None:
        self.heard: list[str | bytes] = []
        self.sources: list[str] = []
        self.paths: list[str] = []
        self.connections: list[ServerConnection] = []
        self.gone = asyncio.Event()

    async def talks(self, page: ServerConnection) -> None:
        assert page.request
        self.connections.append(page)
        self.sources.append(page.remote_address[0])
        self.paths.append(page.request.path)
        with suppress(ConnectionClosed):
            async for text in page:
                self.heard.append(text)
                await page.send(OK)
        self.gone.set()


@pytest.fixture
async def switch(place: Place) -> AsyncIterator[Switch]:
    made = Switch()
    async with serve(made.talks, "127.0.0.1", 0, subprotocols=["sip"]) as server:  # type: ignore[list-item]
        port = server.sockets[0].getsockname()[1]
        settings = replace(place.site.settings, asterisk=AsteriskSettings(http_port=port))
        object.__setattr__(place.site, "settings", settings)
        yield made


class Socket:
    """A page's socket, as the server of pages would bring it to the application."""

    def __init__(self, place: Place, browser: Browser, line: str, **headers: str) -> None:
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.out: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._in.put_nowait({"type": "websocket.connect"})
        cookies = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
        given = {"host": "127.0.0.1:8080", "cookie": cookies, "origin": OURS, "sec-fetch-site": "same-origin"} | headers
        protocols = given.pop("protocols", "sip")
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "path": given.pop("path", SOCKET),
            "raw_path": SOCKET.encode(),
            "query_string": f"line={line}".encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items() if value],
            "subprotocols": protocols.split(),
            "scheme": "ws",
            "client": ("198.51.100.7", 40000),
            "server": ("127.0.0.1", 8080),
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }
        self.task = asyncio.ensure_future(place.app(scope, self._in.get, self.out.put))

    async def told(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.out.get(), 20)

    async def is_refused(self) -> bool:
        """Whether nothing was opened."""
        if (await self.told())["type"] == "websocket.accept":
            self.leaves()
            return False
        await asyncio.wait_for(self.task, 20)
        return True

    async def is_open(self) -> None:
        accepted = await self.told()
        assert (accepted["type"], accepted["subprotocol"]) == ("websocket.accept", "sip")

    def says(self, text: str) -> None:
        self._in.put_nowait({"type": "websocket.receive", "text": text})

    def says_bytes(self, content: bytes) -> None:
        self._in.put_nowait({"type": "websocket.receive", "bytes": content})

    def leaves(self) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def closed(self) -> int:
        while (last := await self.told())["type"] != "websocket.close":
            pass
        return int(last["code"])


async def hers(place: Place, name: str = "ana") -> tuple[Browser, Line]:
    """A secretary's browser, whose page was lent a telephone."""
    browser = await at_desk(place, name)
    with writing(place.engine) as conn:
        her = secretaries.find(conn, name.title())
    person = await place.site.sessions.person_of(_request(browser))
    assert person
    return browser, place.site.room.lines.begin(her.id, person.session_id)


def _request(browser: Browser) -> Any:
    class Asking:
        cookies = dict(browser.client.cookies)

    return Asking


async def test_her_page_speaks_with_the_switch_from_an_address_of_her_own(place: Place, switch: Switch) -> None:
    browser, line = await hers(place)
    page = Socket(place, browser, line.key)
    await page.is_open()
    page.says(REGISTER)
    assert (await page.told())["text"] == OK
    assert (switch.heard, switch.paths) == ([REGISTER], ["/ws"])
    assert switch.sources == [comes_from(line.secretary_id)]
    page.leaves()
    await asyncio.wait_for(switch.gone.wait(), 20)
    await asyncio.wait_for(page.task, 20)
    assert not line.is_open


@pytest.mark.parametrize("who", [None, *ROLES])
async def test_nobody_opens_another_ones_line(place: Place, switch: Switch, who: str | None) -> None:
    _, line = await hers(place)
    browser = place.browser()
    if who:
        await browser.sign_in(who)
    assert await Socket(place, browser, line.key).is_refused() == (who != "ana")
    assert bool(switch.connections) == (who == "ana")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": ""},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:8081"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example"},
        {"protocols": "ari"},
        {"protocols": ""},
        {"path": "/ari/events"},
        {"path": "/desk"},
        {"cookie": "pbx=" + "x" * 9000},
    ],
)
async def test_only_our_own_page_opens_it_and_for_sip_alone(
    place: Place, switch: Switch, headers: dict[str, str]
) -> None:
    browser, line = await hers(place)
    assert await Socket(place, browser, line.key, **headers).is_refused()
    assert not switch.connections


async def test_a_key_that_is_not_hers_opens_nothing(place: Place, switch: Switch) -> None:
    browser, line = await hers(place)
    _, evas = await hers(place, "eva")
    for key in ("", "x", evas.key, line.key[:-1]):
        assert await Socket(place, browser, key).is_refused()
    page = Socket(place, browser, line.key)
    await page.is_open()
    assert await Socket(place, browser, line.key).is_refused()  # one socket a line
    page.leaves()


@pytest.mark.parametrize(
    "said",
    [
        "GET /ari/channels HTTP/1.1\r\n\r\n",
        '{"type":"RESTRequest"}',
        "NOTIFY sip:x SIP/2.0\r\n\r\n",
        "SUBSCRIBE sip:x SIP/2.0\r\n\r\n",
        "REFER sip:x SIP/2.0\r\n\r\n",
        "REGISTER sip:pbx.invalid SIP/2.0\r\n" + "x" * telephone.LONGEST_MESSAGE,
        REGISTER + "REFER sip:x SIP/2.0\r\n\r\n",
        REGISTER + REGISTER,
        OK + "\r\n\r\n" + REGISTER,
        with_length("0") + REGISTER,
        with_length("9") + "v=0\r\n" + REGISTER,
        with_length("0\r\nContent-Length: 5") + "v=0\r\n",
        with_length("0\r\nl: 5") + "v=0\r\n",
        with_length("5\r\nContent-Length\r\n : 0") + "v=0\r\n",
        with_length("5\r\nX: x\n\r\n") + "v=0\r\n",
        with_length("4") + "é=0\r\n",
        "REGISTER sip:pbx.invalid SIP/2.0\r\nVia: x\r\n",
    ],
)
async def test_what_no_telephone_says_ends_it(place: Place, switch: Switch, said: str) -> None:
    browser, line = await hers(place)
    page = Socket(place, browser, line.key)
    await page.is_open()
    page.says(said)
    assert await page.closed() == telephone.TOO_MUCH
    assert not switch.heard


@pytest.mark.parametrize(
    "said", [with_length("0"), with_length("5") + "v=0\r\n", with_length("5").replace("Content-Length", "l") + "é=0\r"]
)
async def test_what_a_telephone_says_is_passed_on_with_its_body(place: Place, switch: Switch, said: str) -> None:
    browser, line = await hers(place)
    page = Socket(place, browser, line.key)
    await page.is_open()
    page.says(said)
    assert (await page.told())["text"] == OK
    assert switch.heard == [said]
    page.leaves()


async def test_bytes_end_it_too(place: Place, switch: Switch) -> None:
    browser, line = await hers(place)
    page = Socket(place, browser, line.key)
    await page.is_open()
    page.says_bytes(b"REGISTER sip:pbx.invalid SIP/2.0\r\n\r\n")
    assert await page.closed() == telephone.TOO_MUCH


async def test_a_flood_ends_it(place: Place, switch: Switch) -> None:
    browser, line = await hers(place)
    page = Socket(place, browser, line.key)
    await page.is_open()
    for _ in range(telephone.AT_ONCE + 50):
        page.says(REGISTER)
    assert await page.closed() == telephone.TOO_MUCH
    assert len(switch.heard) <= telephone.AT_ONCE + 10


async def test_another_page_of_hers_takes_it(place: Place, switch: Switch) -> None:
    browser, line = await hers(place)
    page = Socket(place, browser, line.key)
    await page.is_open()
    place.site.room.lines.begin(line.secretary_id, line.session_id)
    assert await page.closed() == telephone.TAKEN


async def test_signing_out_ends_it(place: Place, switch: Switch) -> None:
    browser, line = await hers(place)
    page = Socket(place, browser, line.key)
    await page.is_open()
    await browser.post("/logout")
    assert await page.closed() in (telephone.TAKEN, telephone.SIGNED_OUT)
    assert place.site.room.lines.find(line.secretary_id, line.key) is None


async def test_a_switch_that_is_away_is_said(place: Place) -> None:
    settings = replace(place.site.settings, asterisk=AsteriskSettings(http_port=9))
    object.__setattr__(place.site, "settings", settings)
    browser, line = await hers(place)
    page = Socket(place, browser, line.key)
    await page.is_open()
    assert await page.closed() == telephone.SWITCH_AWAY
    assert not line.is_open


# --- what a page is lent ----------------------------------------------------------------------------------


def turned_on(place: Place, lent: Lent | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ana may have a telephone in her page, and the daemon lends that."""

    async def lend(secretary_id: int) -> Lent | None:
        return lent

    with writing(place.engine) as conn:
        ana = secretaries.find(conn, "Ana")
        secretaries.update_row(conn, ana.id, {"browser_telephone": True})
    monkeypatch.setattr(place.site.room.feed, "lend", lend)


async def test_a_page_is_lent_one_if_the_admin_has_turned_it_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    turned_on(place, Lent(1, "ana_browser", "secret"), monkeypatch)
    browser = await at_desk(place, "ana")
    answer = await asks(browser, "/desk/telephone", {})
    told = answer.json()
    assert (told["user"], told["password"], told["servers"]) == ("ana_browser", "secret", [])
    for ready in (True, False):
        said = await asks(browser, "/desk/telephone/ready", {"line": told["line"], "ready": ready})
        assert said.json() == {"known": True}
    assert (await asks(browser, "/desk/telephone/ready", {"line": "x", "ready": True})).json() == {"known": False}
    assert not place.site.room.lines.ready  # its socket is not open
    assert (await asks(browser, "/desk/telephone/done", {"line": told["line"]})).status_code == 200
    assert (await asks(browser, "/desk/telephone/ready", {"line": told["line"], "ready": True})).json() == {
        "known": False
    }
    eva = await at_desk(place, "eva")
    assert (await asks(eva, "/desk/telephone", {})).status_code == 403


async def test_without_a_daemon_there_is_none(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    turned_on(place, None, monkeypatch)
    browser = await at_desk(place, "ana")
    assert (await asks(browser, "/desk/telephone", {})).status_code == 503


async def test_only_a_page_with_a_telephone_may_have_a_microphone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned_on(place, None, monkeypatch)
    ana, eva = await at_desk(place, "ana"), await at_desk(place, "eva")
    page = await ana.get("/desk")
    assert "microphone=(self)" in page.headers["permissions-policy"]
    assert 'id="telephone"' in page.text
    page = await eva.get("/desk")
    assert "microphone=()" in page.headers["permissions-policy"]
    assert 'id="telephone"' not in page.text
    assert "microphone=()" in (await ana.get("/account")).headers["permissions-policy"]


async def test_who_can_be_reached_is_who_has_a_socket_and_a_microphone(place: Place, switch: Switch) -> None:
    browser, line = await hers(place)
    lines = place.site.room.lines
    lines.can_speak(line, True)
    assert lines.ready == set()
    page = Socket(place, browser, line.key)
    await page.is_open()
    assert lines.ready == {line.secretary_id}
    lines.can_speak(line, False)
    assert lines.ready == set()
    lines.can_speak(line, True)
    page.leaves()
    await asyncio.wait_for(page.task, 20)
    assert lines.ready == set()
    assert lines.find(line.secretary_id, line.key)  # it may come back: a call goes on meanwhile


def test_a_relays_password_is_made_for_a_shift() -> None:
    web = Web(turn_url="turn:turn.example.com:3478", turn_secret="north")
    (server,) = telephone.relays(web, "ana_browser", 1_000_000)
    # printf 1043200:ana_browser | openssl dgst -sha1 -hmac north -binary | base64
    assert server == {
        "urls": ["turn:turn.example.com:3478"],
        "username": "1043200:ana_browser",
        "credential": "BfbkJ38HQxOeYypWxOqXc35eGZM=",
    }
