"""The ARI connection: events and REST requests over one websocket (Asterisk 20.14, 21.9, 22.4 and later).

Own code, because no living library speaks REST over the websocket, and that takes a third of the CPU of HTTP
(docs/decisions/0002-ari-connection.md). Requests leave in the order in which they are made and Asterisk answers
them in that order; nothing here waits for an answer unless the caller does.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import structlog
from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from pbx_control.asterisk.connection import HERE, Check, connect
from pbx_control.errors import Code, SwitchUnavailable, reason

log = structlog.get_logger()

APP = "pbx"
USER = "pbx"
# Asterisk sends no keep-alive on this websocket and would not notice a dead peer: we ping, seconds.
PING_EVERY = 5
PING_TIMEOUT = 5
# Far above any answer: Asterisk itself could not send a message of half a megabyte, bytes.
LARGEST = 1_000_000
# How long `ask` waits for an answer, seconds.
ANSWER_TIMEOUT = 10

# What the daemon uses; Asterisk drops the rest (half of a call's events are ChannelVarset) before sending.
EVENTS = (
    "StasisStart",
    "StasisEnd",
    "ChannelHangupRequest",
    "ChannelDestroyed",
    "ChannelStateChange",
    "ChannelDtmfReceived",
    "ChannelHold",
    "ChannelUnhold",
    "Dial",
    "PlaybackFinished",
    "RecordingFinished",
    "RecordingFailed",
    "RESTResponse",  # the filter holds for the answers to our own requests too
)


@dataclass(frozen=True, slots=True)
class Reply:
    """Asterisk's answer: an HTTP status (0: the connection broke first) and the decoded body."""

    status: int
    body: Any = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def why(self) -> str:
        """What Asterisk says about a refusal, for the journal."""
        if self.status == 0:
            return "connection lost"
        said = self.body.get("message") or self.body.get("error") if isinstance(self.body, dict) else None
        return f"{self.status} {said or ''}".strip()


OnReply = Callable[[Reply], None]
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Ari:
    """One websocket to one Asterisk. `on_event` gets each event as a dict, in order, and must not block.

    `require_asterisk` judges each connection before the password is told on it.
    """

    def __init__(
        self,
        port: int,
        password: str,
        on_event: Callable[[dict[str, Any]], None],
        require_asterisk: Check,
    ) -> None:
        key = {"api_key": f"{USER}:{password}"}
        self._port = port
        self._url = f"ws://{HERE}:{port}/ari/events?{urlencode({'app': APP, **key})}"
        self._plain_path = f"/ari/{{}}?{urlencode(key)}"
        self._on_event = on_event
        self._require_asterisk = require_asterisk
        self._socket: WSTransport | None = None
        self._pending: dict[str, OnReply | None] = {}
        self._serial = 0

    @property
    def connected(self) -> bool:
        return self._socket is not None

    async def connect(self) -> None:
        """Opens the websocket. Raises SwitchUnavailable if nobody answers there or the secret is wrong."""
        try:
            self._socket, _ = await ws_connect(
                lambda: _Ear(self._received),
                self._url,
                extra_headers={"Sec-WebSocket-Protocol": "ari"},
                enable_auto_ping=True,
                auto_ping_idle_timeout=PING_EVERY,
                auto_ping_reply_timeout=PING_TIMEOUT,
                max_frame_size=LARGEST,
                max_redirects=0,  # the password would go along
                socket_factory=lambda _: asyncio.to_thread(self._connected_socket),
            )
        except (OSError, WSError, TimeoutError) as error:
            raise SwitchUnavailable(
                "Asterisk does not answer on ARI: {why}", Code.SWITCH_SILENT, why=reason(error)
            ) from error

    async def serve(self) -> None:
        """Waits until the connection breaks; every request still open is then answered with status 0."""
        socket = self._socket
        if socket is None:
            raise SwitchUnavailable("not connected to Asterisk")
        try:
            await socket.wait_disconnected()
            log.warning("ari connection lost")
        finally:
            socket.disconnect(graceful=False)
            self._disconnected()

    async def close(self) -> None:
        """Closes the connection; `serve` then returns."""
        if self._socket is not None:
            self._socket.send_close(WSCloseCode.OK)
            self._socket.disconnect()
            await self._socket.wait_disconnected()

    def request(
        self,
        method: str,
        uri: str,
        then: OnReply | None = None,
        body: Mapping[str, object] | None = None,
        /,
        **query: object,
    ) -> None:
        """Sends a REST request; `then` is called with the reply. Never blocks and never raises."""
        if self._socket is None:
            if then:
                then(Reply(0))
            return
        self._serial += 1
        request_id = str(self._serial)
        message: dict[str, Any] = {
            "type": "RESTRequest",
            "transaction_id": request_id,
            "request_id": request_id,
            "method": method,
            "uri": uri,
            "query_strings": [{"name": name, "value": str(value)} for name, value in query.items()],
        }
        if body is not None:
            message |= {"content_type": "application/json", "message_body": _encode(body).decode()}
        self._pending[request_id] = then
        # as text: Asterisk takes requests from text frames only
        self._socket.send(WSMsgType.TEXT, _encode(message))

    async def ask(self, method: str, uri: str, body: Mapping[str, object] | None = None, /, **query: object) -> Reply:
        """Sends a request and waits for its reply. Raises SwitchUnavailable if none comes."""
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def take(reply: Reply) -> None:
            if not answered.done():
                answered.set_result(reply)

        self.request(method, uri, take, body, **query)
        try:
            reply = await asyncio.wait_for(answered, ANSWER_TIMEOUT)
        except TimeoutError:
            raise SwitchUnavailable("Asterisk does not answer a request ({request})", request=uri) from None
        if reply.status == 0:
            raise SwitchUnavailable("the connection to Asterisk broke")
        return reply

    async def listing(self, kind: str) -> list[dict[str, Any]]:
        """All things of a kind ("channels"), by plain HTTP. Raises SwitchUnavailable.

        Asterisk builds a websocket frame on its thread's stack, half a megabyte, and dies of a list of some 800
        channels (docs/decisions/0002-ari-connection.md). The ping before makes sure that what was asked over the
        websocket is in the list, the one after that the events which led to it have come.
        """
        await self.ask("GET", "asterisk/ping")
        found = await asyncio.to_thread(self._fetch, kind)
        await self.ask("GET", "asterisk/ping")
        return found

    def _fetch(self, kind: str) -> list[dict[str, Any]]:
        try:
            with closing(HTTPConnection(HERE, self._port)) as plain:
                plain.sock = self._connected_socket()
                plain.request("GET", self._plain_path.format(kind))
                answer = plain.getresponse()
                if answer.status != HTTPStatus.OK:
                    raise HTTPException(f"{answer.status} {answer.reason}")
                found: list[dict[str, Any]] = _decode(answer.read())
        except (OSError, HTTPException, msgspec.DecodeError) as error:
            raise SwitchUnavailable("Asterisk does not list its {kind}: {why}", kind=kind, why=reason(error)) from error
        return found

    def _connected_socket(self) -> socket.socket:
        return connect(self._port, self._require_asterisk, ANSWER_TIMEOUT)

    async def choose_events(self) -> None:
        """Has Asterisk send only the events that the daemon uses."""
        allowed = [{"type": name} for name in EVENTS]
        await self.ask("PUT", f"applications/{APP}/eventFilter", {"allowed": allowed})

    def _received(self, message: bytes) -> None:
        data = _decode(message)
        if data.get("type") != "RESTResponse":
            self._on_event(data)
            return
        then = self._pending.pop(data["request_id"], None)
        if then:
            body = data.get("message_body")
            then(Reply(data["status_code"], _decode(body) if body else None))

    def _disconnected(self) -> None:
        self._socket = None
        pending, self._pending = self._pending, {}
        for then in pending.values():
            if then:
                then(Reply(0))


class _Ear(WSListener):
    """Hears what Asterisk sends. A handler that raises ends the connection: the comparison after the next one finds
    what was missed."""

    def __init__(self, received: Callable[[bytes], None]) -> None:
        super().__init__()
        self._received = received

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:  # Asterisk sends each message in one frame
            self._received(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code() or WSCloseCode.OK)
            transport.disconnect()


def path(*parts: str) -> str:
    """A REST path with every part quoted, since ids may hold what a URI gives a meaning to."""
    return "/".join(map(_quoted, parts))


@lru_cache(maxsize=1024)  # a leg's id is in ten requests
def _quoted(part: str) -> str:
    return quote(part, safe="")
