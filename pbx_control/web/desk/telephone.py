"""The telephone in her page: what it registers with, and its web socket, which is passed on to the switch.

Asterisk's HTTP server is on loopback and knows nobody of ours. Who is signed in, from which page, and whether what
comes is SIP, is looked at here; whose telephone it is, Asterisk asks by the password that the page was lent.
"""

import asyncio
import base64
import hmac
import re
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
import structlog
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from pbx_control.domain.telephony.browser import comes_from
from pbx_control.domain.users import Person
from pbx_control.settings import Web
from pbx_control.store import secretaries
from pbx_control.store.engine import reading
from pbx_control.web.desk import words
from pbx_control.web.desk.asking import in_words, read, room_of, secretary_of
from pbx_control.web.desk.lines import Line
from pbx_control.web.site import Site, person_of, site_of

log = structlog.get_logger()

# What such a page may use, as the header Permissions-Policy says it; others may use no microphone (web/guard.py).
WITH_MICROPHONE = "microphone=(self), speaker-selection=(self), camera=(), geolocation=(), payment=(), usb=()"
SIP = "sip"
# Characters of one message: what browsers offer and answer has some four thousand.
LONGEST_MESSAGE = 16 * 1024
# Messages of one page: so many at once, and so many a second. A call has some fifteen, and thirty for each minute.
AT_ONCE, A_SECOND = 100, 20.0
# Of what may come from a page: answers to Asterisk, and what a telephone that is called asks for; or a sign of life.
_FROM_PAGE = re.compile(
    r"(SIP/2\.0 [1-6]\d\d |(REGISTER|INVITE|ACK|BYE|CANCEL|OPTIONS|UPDATE|INFO) sips?:[^\s]{1,200} SIP/2\.0\r\n)"
)
SIGNS_OF_LIFE = ("\r\n\r\n", "\r\n")
# What no page's telephone writes into a message's head, and what Asterisk could read otherwise than we do: lines that
# end otherwise, or go on in the next one.
_ODD_LINES = re.compile(r"\r(?!\n)|(?<!\r)\n|\n[ \t]")
_LENGTHS = re.compile(r"^(?:content-length|l)[ \t]*:[ \t]*(.*?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
# Asterisk is on this machine, seconds.
CONNECTS_WITHIN = 3.0
# How often it is looked whether she is still signed in, seconds.
LOOK_EVERY = 3.0
# A relay's password is good for a shift and its overtime.
RELAYED_FOR = timedelta(hours=12)
# Of what the page is told when its socket is closed (RFC 6455 7.4.2: 4000 and above are ours).
TAKEN, SIGNED_OUT, TOO_MUCH, SWITCH_AWAY, GOING = 4000, 4001, 1008, 4002, 1001


class Ready(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the page has a microphone."""

    line: str
    ready: bool


class Done(msgspec.Struct, forbid_unknown_fields=True):
    """The page gives its telephone up."""

    line: str


async def begin(request: Request) -> Response:
    """What her page's telephone registers with; another page's stops working."""
    room, person, her = room_of(request), person_of(request), secretary_of(person_of(request))
    if not await run_sync(may_have, site_of(request), her):
        return in_words(request, words.NO_TELEPHONE, 403)
    async with room.lines.lending[her]:
        lent = await room.feed.lend(her)
        if lent is None:
            return in_words(request, words.TELEPHONE_AWAY, 503)
        line = room.lines.begin(her, person.session_id)
    servers = relays(site_of(request).settings.web, lent.user, time.time())
    return JSONResponse({"user": lent.user, "password": lent.password, "line": line.key, "servers": servers})


async def is_ready(request: Request) -> Response:
    """What her page says of its microphone."""
    asked = await read(request, Ready)
    room = room_of(request)
    if line := room.lines.find(secretary_of(person_of(request)), asked.line):
        room.lines.can_speak(line, asked.ready)
    return JSONResponse({"known": line is not None})


async def done(request: Request) -> Response:
    """Her page needs no telephone any more."""
    asked = await read(request, Done)
    room = room_of(request)
    if line := room.lines.find(secretary_of(person_of(request)), asked.line):
        room.lines.end(line)
    return JSONResponse({})


def may_have(site: Site, secretary_id: int) -> bool:
    """Whether her page may have a telephone."""
    with reading(site.engine) as conn:
        return secretaries.has_browser_telephone(conn, secretary_id)


def relays(web: Web, user: str, at: float) -> list[dict[str, Any]]:
    """Where the page may have its sound relayed, as RTCPeerConnection takes it: with a password that ends by itself
    (the REST API of TURN servers, draft-uberti-behave-turn-rest)."""
    if not web.turn_url:
        return []
    name = f"{int(at + RELAYED_FOR.total_seconds())}:{user}"
    digest = hmac.new(web.turn_secret.encode(), name.encode(), "sha1").digest()
    return [{"urls": [web.turn_url], "username": name, "credential": base64.b64encode(digest).decode()}]


# --- the socket -------------------------------------------------------------------------------------------


async def socket(page: WebSocket, person: Person) -> None:
    """Passes SIP on between her page and the switch, until one of them ends it, or she is no longer signed in."""
    site: Site = page.app.state.site
    line = site.room.lines.find(person.secretary_id or 0, page.query_params.get("line", "")[:100])
    if line is None or line.is_open or SIP not in page.scope["subprotocols"]:
        await page.close()  # before the hand-shake: 403
        return
    with site.room.lines.open(line):
        try:
            switch = await _connected(site, line)
        except (OSError, TimeoutError, WebSocketException) as error:
            log.warning("a page's telephone does not reach Asterisk", why=str(error))
            await page.accept(SIP)
            await page.close(SWITCH_AWAY)
            return
        async with switch:
            await page.accept(SIP)
            code = await _pass_on(site, page, switch, line)
        with suppress(RuntimeError, WebSocketDisconnect):  # it has gone by itself
            await page.close(code)


async def _connected(site: Site, line: Line) -> ClientConnection:
    return await connect(
        f"ws://127.0.0.1:{site.settings.asterisk.http_port}/ws",
        subprotocols=[SIP],  # type: ignore[list-item]
        local_addr=(comes_from(line.secretary_id), 0),
        compression=None,
        proxy=None,
        user_agent_header=None,
        max_size=LONGEST_MESSAGE,
        open_timeout=CONNECTS_WITHIN,
        close_timeout=1.0,
    )


async def _pass_on(site: Site, page: WebSocket, switch: ClientConnection, line: Line) -> int:
    """Gives the code with which the page's socket is closed."""
    work = [
        asyncio.ensure_future(each)
        for each in (_to_switch(page, switch), _to_page(page, switch), _watch(site, line), _taken(line), _stop(site))
    ]
    try:
        ended, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(ended)).result()
    finally:
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def _to_switch(page: WebSocket, switch: ClientConnection) -> int:
    room = MessageAllowance()
    try:
        while True:
            text = await page.receive_text()
            if not room.takes() or len(text) > LONGEST_MESSAGE or not is_sip(text):
                return TOO_MUCH
            await switch.send(text)
    except (WebSocketDisconnect, KeyError):  # gone, or it sent bytes
        return TOO_MUCH
    except ConnectionClosed:
        return SWITCH_AWAY


def is_sip(text: str) -> bool:
    """Whether that is what a telephone says: one message (RFC 7118 5)."""
    return text in SIGNS_OF_LIFE or (_FROM_PAGE.match(text) is not None and is_alone(text))


def is_alone(text: str) -> bool:
    """Whether nothing follows a message: Asterisk takes it for the next one, of any kind, and one frame has dozens."""
    head, end, body = text.partition("\r\n\r\n")
    if not end or _ODD_LINES.search(head):
        return False
    lengths = _LENGTHS.findall(head.replace("\r\n", "\n"))
    return lengths == [str(len(body.encode()))] or not (lengths or body)


async def _to_page(page: WebSocket, switch: ClientConnection) -> int:
    with suppress(ConnectionClosed, WebSocketDisconnect, RuntimeError):
        while True:
            said = await switch.recv()
            await page.send_text(said if isinstance(said, str) else said.decode("utf-8", "replace"))
    return SWITCH_AWAY


async def _watch(site: Site, line: Line) -> int:
    while await site.sessions.still_valid(line.session_id):  # noqa: ASYNC110 — a session's end is told to nobody
        await asyncio.sleep(LOOK_EVERY)
    site.room.lines.end(line)
    return SIGNED_OUT


async def _taken(line: Line) -> int:
    await line.over.wait()
    return TAKEN


async def _stop(site: Site) -> int:
    await site.stopping.wait()
    return GOING


class MessageAllowance:
    """So many messages at once, and so many a second."""

    def __init__(self) -> None:
        self._left, self._at = float(AT_ONCE), time.monotonic()

    def takes(self) -> bool:
        """Whether one more is taken."""
        at = time.monotonic()
        self._left = min(float(AT_ONCE), self._left + (at - self._at) * A_SECOND) - 1
        self._at = at
        return self._left >= 0
