"""HTTP to servers that clients name: never to addresses within our own walls, no redirects, answers of bounded size and
time. Remote calendars and webhooks go by it.

The address is checked where the connection is made, on what the name resolved to: a name that resolves to another one
later goes nowhere. A limit of time is for the whole of a request, however slowly its bytes drip.
"""

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from threading import BoundedSemaphore, Thread
from typing import Any, Final, TypeVar

import httpcore
import httpx

from pbx_control.clock import now
from pbx_control.errors import PbxError, Word, reason

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# A connection is made within so many seconds, or not at all.
CONNECT_LIMIT = 5.0
# Bytes of one answer.
MOST_BYTES = 32 * 1024 * 1024
# Bytes of what comes before an answer's own bytes: its headers, and interim answers, of which there may be any number.
MOST_HEAD = 256 * 1024
# A server that asks to wait longer is asked again then, seconds.
LONGEST_WAIT = 3600.0
# Names that are looked up at once: a look-up has no limit of time of its own.
LOOK_UPS = 16
_ERRNO = re.compile(r"\[Errno -?[0-9]+\] ")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
# Sites' own addresses of old (RFC 3879), and the way from IPv6 to IPv4 of old (RFC 7526).
_GIVEN_UP: Final = (ipaddress.ip_network("fec0::/10"), ipaddress.ip_network("192.88.99.0/24"))
# An interface's number that leads to an address of IPv4 (ISATAP, RFC 5214).
_ISATAP: Final = (0x00005EFE, 0x02005EFE)

T = TypeVar("T")


class NoAnswerKind(StrEnum):
    """Why there is no whole answer, as far as it says who must act."""

    DOWN = "down"  # nobody answers at its address
    SLOW = "slow"  # the answer did not come in time: it may have been done
    CUT = "cut"  # the connection broke: it may have been done
    CERTIFICATE = "certificate"  # its certificate is wrong
    ADDRESS = "address"  # we do not go to that address
    ODD = "odd"  # an answer that nobody understands


class NoAnswer(PbxError):
    """A server was not asked, or did not answer as a whole."""

    def __init__(self, template: str, kind: NoAnswerKind, **values: Any) -> None:
        super().__init__(template, **values)
        self.kind = kind


def in_a_thread(work: Callable[[], T]) -> "Future[T]":
    """Does something in a thread of its own, for which nobody waits when the process ends."""
    future: Future[T] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, name="outward", daemon=True).start()
    return future


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; names of headers are small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    reason: str = ""


@dataclass(slots=True)
class _Request:
    """What the connection must know of the request that it is made for."""

    ends: float  # of the monotonic clock
    plain: bool  # without TLS: a password would be read on the way
    head_left: int = MOST_HEAD
    is_answered: bool = False  # the headers have come


_asked: ContextVar[_Request] = ContextVar("asked")


class Http:
    """Connections to servers that clients name, kept for the next request; may be used by many threads.

    `private`: networks within our own walls that may be asked, without TLS, too; `setting`: where they are listed.
    """

    def __init__(
        self, private: Iterable[Network] = (), authorities: ssl.SSLContext | None = None, *, setting: str
    ) -> None:
        guard = Guard(tuple(private))
        pool = httpcore.ConnectionPool(
            ssl_context=authorities or ssl.create_default_context(),
            max_connections=64,
            max_keepalive_connections=32,
            keepalive_expiry=90.0,
            network_backend=_Backend(guard, setting),
        )
        self._client = httpx.Client(transport=_Transport(pool), follow_redirects=False, trust_env=False)

    def ask(
        self,
        method: str,
        url: str,
        *,
        limit: float,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        auth: httpx.Auth | None = None,
        most: int = MOST_BYTES,
        body: bool = True,
    ) -> Answer:
        """One request, `limit` seconds for all of it; without `body` nothing is read after the answer's headers. Raises
        NoAnswer if there is no whole answer."""
        with _translated(url):
            parsed = httpx.URL(url)
            if parsed.scheme not in ("https", "http") or not parsed.host:
                raise NoAnswer("{url} is no address that can be asked", NoAnswerKind.ADDRESS, url=url[:200])
            asked = _asked.set(_Request(time.monotonic() + limit, parsed.scheme == "http"))
            try:
                return self._ask(method, parsed, headers or {}, content, auth, limit, most if body else None)
            finally:
                _asked.reset(asked)

    def close(self) -> None:
        """Ends all connections."""
        self._client.close()

    def _ask(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: bytes,
        auth: httpx.Auth | None,
        limit: float,
        most: int | None,
    ) -> Answer:
        request = self._client.build_request(
            method,
            url,
            # What is packed could unfold to any size.
            headers={"User-Agent": "pbx-control", **headers, "Accept-Encoding": "identity"},
            content=content,
            timeout=httpx.Timeout(limit, connect=min(limit, CONNECT_LIMIT)),
        )
        response = self._client.send(request, stream=True, auth=auth)
        _asked.get().is_answered = True
        try:
            body = b"" if most is None else _body_of(response, url.host, most)
            return Answer(response.status_code, dict(response.headers.items()), body, response.reason_phrase)
        finally:
            response.close()


def _body_of(response: httpx.Response, host: str, most: int) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise NoAnswer("{host} answers in a packed form", NoAnswerKind.ODD, host=host)
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most:
            raise NoAnswer("the answer of {host} is too large", NoAnswerKind.ODD, host=host)
    return bytes(body)


@dataclass(frozen=True, slots=True)
class Guard:
    """Which addresses are asked: those of the internet, and those of `private`."""

    private: tuple[Network, ...] = ()

    def allows(self, address: Address, *, plain: bool = False) -> bool:
        """Whether that address may be asked; without TLS only within our own walls."""
        inner = _inner(address)
        if any(inner.version == network.version and inner in network for network in self.private):
            return True
        if _is_isatap(address) or any(inner.version == network.version and inner in network for network in _GIVEN_UP):
            return False
        return not plain and inner.is_global and not inner.is_multicast and not inner.is_reserved


def _is_isatap(address: Address) -> bool:
    return address.version == 6 and (int(address) >> 32) & 0xFFFFFFFF in _ISATAP


def _inner(address: Address) -> Address:
    """The IPv4 address that one of IPv6 leads to, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


class _Backend(httpcore.NetworkBackend):
    """Makes connections to what the guard allows."""

    def __init__(self, guard: Guard, setting: str) -> None:
        self._guard = guard
        self._setting = setting
        self._real = httpcore.SyncBackend()
        self._look_ups = BoundedSemaphore(LOOK_UPS)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        request = _asked.get()
        found = self._resolved(host, port, _left(request, timeout))
        allowed = [each for each in found if self._guard.allows(each, plain=request.plain)]
        if not allowed:
            raise _refused(host, self._setting, request.plain and any(self._guard.allows(each) for each in found))
        for address in allowed[:-1]:
            try:
                return self._connected(request, str(address), port, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connected(request, str(allowed[-1]), port, timeout)

    def _connected(self, request: _Request, address: str, port: int, timeout: float | None) -> httpcore.NetworkStream:
        return _Stream(self._real.connect_tcp(address, port, _left(request, timeout)))

    def _resolved(self, host: str, port: int, timeout: float) -> Sequence[Address]:
        until = time.monotonic() + timeout
        if not self._look_ups.acquire(timeout=timeout):
            raise httpcore.ConnectTimeout("too many names are looked up")
        try:
            found = in_a_thread(lambda: self._looked_up(host, port)).result(until - time.monotonic())
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(getattr(error, "strerror", None) or str(error)) from error
        return list(dict.fromkeys(ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found))

    def _looked_up(self, host: str, port: int) -> list[Any]:
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        finally:
            self._look_ups.release()


def _refused(host: str, setting: str, because_plain: bool) -> NoAnswer:
    if because_plain:
        return NoAnswer("{host} is asked by https:// only", NoAnswerKind.ADDRESS, host=host)
    return NoAnswer(
        "{host} is at a private address, which {setting} in pbx.toml does not list",
        NoAnswerKind.ADDRESS,
        host=host,
        setting=setting,
    )


class _Stream(httpcore.NetworkStream):
    """A connection of which each read and write ends with its request."""

    def __init__(self, real: httpcore.NetworkStream) -> None:
        self._real = real

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        request = _asked.get()
        part = self._real.read(max_bytes, _left(request, timeout, httpcore.ReadTimeout))
        request.head_left -= len(part)
        if request.head_left < 0 and not request.is_answered:
            raise httpcore.RemoteProtocolError("too much comes before its answer")
        return part

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._real.write(buffer, _left(_asked.get(), timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._real.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._real.start_tls(ssl_context, server_hostname, _left(_asked.get(), timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._real.get_extra_info(info)


def _left(request: _Request, timeout: float | None, late: type[Exception] = httpcore.ConnectTimeout) -> float:
    left = request.ends - time.monotonic()
    if left <= 0:
        raise late("the time of the request is over")
    return min(left, timeout or left)


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes], close: Callable[[], None]) -> None:
        self._stream = stream
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._close()


class _Transport(httpx.BaseTransport):
    """httpx over a pool of ours: its own takes no other way to connect."""

    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        url = request.url
        response = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert isinstance(response.stream, Iterable)
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response.stream, response.close),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._pool.close()


# A name that begins with xn-- and stands for none is found out by httpx as late as that, with a UnicodeError.
_UNASKABLE = (
    httpcore.UnsupportedProtocol,
    httpcore.LocalProtocolError,
    httpx.HTTPError,
    httpx.InvalidURL,
    UnicodeError,
)


@contextmanager
def _translated(url: str) -> Generator[None]:
    """Errors of the libraries become ours."""
    host = host_of(url)
    try:
        yield
    except (httpcore.ConnectTimeout, httpcore.PoolTimeout) as error:
        raise NoAnswer("{host} cannot be reached: no answer", NoAnswerKind.DOWN, host=host) from error
    except httpcore.ConnectError as error:
        if (why := _certificate(error)) is not None:
            raise NoAnswer(
                "the certificate of {host} is not trusted: {why}", NoAnswerKind.CERTIFICATE, host=host, why=why
            ) from error
        why_down = Word(_ERRNO.sub("", reason(error)))  # the libraries below have lost the system's own error
        raise NoAnswer("{host} cannot be reached: {why}", NoAnswerKind.DOWN, host=host, why=why_down) from error
    except httpcore.TimeoutException as error:
        raise NoAnswer("{host} did not answer in time", NoAnswerKind.SLOW, host=host) from error
    except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
        raise NoAnswer(
            "the connection to {host} broke: {why}", NoAnswerKind.CUT, host=host, why=str(error)[:200]
        ) from error
    except _UNASKABLE as error:
        raise NoAnswer("{host} cannot be asked: {why}", NoAnswerKind.ODD, host=host, why=str(error)[:200]) from error


def host_of(url: str) -> str:
    """The server that an address names; never its user or password."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return url[:80]
    try:
        return parsed.host or url[:80]
    except UnicodeError:
        return parsed.raw_host.decode("ascii")


def _certificate(error: BaseException) -> str | None:
    """What is wrong with the certificate, if that is why."""
    while error:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        if isinstance(error, ssl.SSLError):
            return str(error.reason or error)
        if not (follows := error.__cause__ or error.__context__):
            return None
        error = follows
    return None


def retry_after(headers: Mapping[str, str], at: Callable[[], datetime] = now) -> float | None:
    """How long the server asks to wait, seconds (RFC 9110, 10.2.3); None if it does not say."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return min(float(said[:9]), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max((until - at()).total_seconds(), 0.0), LONGEST_WAIT)
