"""What every request passes first and every answer last: pure ASGI, so that streams pass untouched."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import unquote_to_bytes, urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from pbx_control.catalogue import N_
from pbx_control.settings import Web
from pbx_control.web.pages import accepted
from pbx_control.web.problems import is_api, problem
from pbx_control.web.site import Site

# Of what is sent to us, bytes; a message of hers is a fraction of it.
LONGEST_BODY = 64 * 1024
# How long it may take to come, seconds: whoever sends a byte now and then holds nothing for long.
BODY_LIMIT = 15.0
# Where files are sent to, and how long that body may be: three minutes of an MP3 at any rate, or of speech as WAV.
UPLOADS = {"/portal/announcements/audio": 12 * 1024 * 1024}
# So many of them are read at once: each lies in memory.
UPLOADS_AT_ONCE = 2
UPLOAD_LIMIT = 60.0  # seconds
LONGEST_COOKIE = 8 * 1024

# No script, style or picture but our own files, nothing of it in the page's text; no frame around us, none within.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers would then say `Origin: null` for our own forms.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
HSTS = "max-age=31536000"
NOT_UNDERSTOOD = N_("that was not understood")
SAID = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: N_("that is too long: 64 kB at most"),
    HTTPStatus.REQUEST_TIMEOUT: N_("that took too long to arrive"),
}


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


class Guard:
    """The application behind its checks."""

    def __init__(self, app: Starlette, site: Site) -> None:
        self.application, self.site = app, site
        self._app = TrustedHostMiddleware(app, hosts(site.settings.web), www_redirect=False)
        self._uploading = 0
        self._headers = HEADERS | ({"Strict-Transport-Security": HSTS} if site.settings.web.is_https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, self._with_headers(send))
        elif scope["type"] == "websocket":
            await self._answer_socket(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _look_at(scope)
            body = await (self._upload if scope["path"] in UPLOADS else _body)(scope, receive)
        except Refused as refused:
            await _say(refused.status, scope, receive, send)
            return
        await self._app(scope, _again(body, receive) if body is not None else receive, send)

    async def _answer_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As for a request; who is refused is let in to nothing: his hand-shake ends with 403."""
        try:
            _look_at(scope)
        except Refused:
            await send({"type": "websocket.close"})
            return
        await self._app(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive) -> bytes | None:
        """A file that was sent. Raises Refused for one that is too long or too slow, and while others are sent."""
        if scope["method"] in ("GET", "HEAD"):
            return None
        if self._uploading >= UPLOADS_AT_ONCE:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE)
        self._uploading += 1
        try:
            return await _read_within(scope, receive, UPLOADS[scope["path"]], UPLOAD_LIMIT)
        finally:
            self._uploading -= 1

    def _with_headers(self, send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                # Whoever presses "back" on a shared computer sees nothing.
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        return with_headers


def hosts(web: Web) -> list[str]:
    """By which names browsers may call us, so that no foreign page reaches us by a name of its own: by any (`*`) where
    the certificate alone says which are ours."""
    bound = f"[{web.address}]" if ":" in web.address else web.address
    if web.public_url:
        return [urlsplit(web.public_url).hostname or "", bound, *LOOPBACK]
    return [bound, *LOOPBACK] if web.is_local else ["*"]


def is_ours(headers: Headers, own_origins: Sequence[str]) -> bool:
    """Whether a request that changes something comes from a page of ours, as far as the browser says it. What is no
    browser says nothing."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin in own_origins


def _look_at(scope: Scope) -> None:
    """Raises Refused for what no browser sends."""
    for part in (scope.get("raw_path", b""), scope["query_string"]):
        _require_text(unquote_to_bytes(part))
    cookies = Headers(scope=scope).getlist("cookie")
    if sum(map(len, cookies)) > LONGEST_COOKIE or not all(one.isascii() and one.isprintable() for one in cookies):
        raise Refused(HTTPStatus.BAD_REQUEST)


def _require_text(raw: bytes) -> None:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Refused(HTTPStatus.BAD_REQUEST) from None
    if "\x00" in text:
        raise Refused(HTTPStatus.BAD_REQUEST)


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """What was sent; None where nothing is. Raises Refused for what is too long, too slow, or no text in UTF-8."""
    if scope["method"] in ("GET", "HEAD"):
        return None
    body = await _read_within(scope, receive, LONGEST_BODY, BODY_LIMIT)
    kind = Headers(scope=scope).get("content-type", "").lower()
    # No page of ours sends such a form in parts, and a body of a thousand takes a seventh of a second from everybody.
    if kind.startswith("multipart/"):
        raise Refused(HTTPStatus.BAD_REQUEST)
    _require_text(unquote_to_bytes(body) if kind.startswith("application/x-www-form-urlencoded") else body)
    return body


async def _read_within(scope: Scope, receive: Receive, longest: int, seconds: float) -> bytes:
    if int(_declared(scope)) > longest:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        async with asyncio.timeout(seconds):
            return await _read(receive, longest)
    except TimeoutError:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT) from None


def _declared(scope: Scope) -> str:
    length = Headers(scope=scope).get("content-length", "0")
    if not (length.isascii() and length.isdecimal() and len(length) < 12):
        raise Refused(HTTPStatus.BAD_REQUEST)
    return length


async def _read(receive: Receive, longest: int) -> bytes:
    parts: list[bytes] = []
    length = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(HTTPStatus.BAD_REQUEST)
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        more = message.get("more_body", False)
        if length > longest:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives what was read already, then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return waiting.pop() if waiting else await receive()

    return read


async def _say(status: HTTPStatus, scope: Scope, receive: Receive, send: Send) -> None:
    answer = _problem(status, scope) if is_api(scope["path"]) else _plain(status)
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        answer.headers["connection"] = "close"
    await answer(scope, receive, send)


def _plain(status: HTTPStatus) -> Response:
    return PlainTextResponse(f"{status.value} {status.phrase}\n", status.value)


def _problem(status: HTTPStatus, scope: Scope) -> Response:
    spoken = accepted(Headers(scope=scope).get("accept-language", "")) or "en"
    return problem(spoken, status, "not-understood", SAID.get(status, NOT_UNDERSTOOD), {})
