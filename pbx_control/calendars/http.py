"""HTTP to servers that clients name: never to addresses within our own walls, no redirects, answers of bounded size and
time.

The address is checked where the connection is made, on what the name resolved to: a name that resolves to another one
later goes nowhere. A limit of time is for the whole of a request, however slowly its bytes drip.
"""

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

import httpcore
import httpx

from pbx_control.calendars.remote import RemoteTrouble, TroubleKind
from pbx_control.clock import now
from pbx_control.errors import Word, reason

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# A connection is made within so many seconds, or not at all.
CONNECT_LIMIT = 5.0
# Bytes of one answer.
MOST_BYTES = 32 * 1024 * 1024
# A server that asks to wait longer is asked again then, seconds.
LONGEST_WAIT = 3600.0
_ERRNO = re.compile(r"\[Errno -?[0-9]+\] ")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
# Sites' own addresses of old (RFC 3879), and the way from IPv6 to IPv4 of old (RFC 7526).
_GIVEN_UP: Final = (ipaddress.ip_network("fec0::/10"), ipaddress.ip_network("192.88.99.0/24"))
# An interface's number that leads to an address of IPv4 (ISATAP, RFC 5214).
_ISATAP: Final = (0x00005EFE, 0x02005EFE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; names of headers are small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Request:
    """What the connection must know of the request that it is made for."""

    ends: float  # of the monotonic clock
    plain: bool  # without TLS: a password would be read on the way


_asked: ContextVar[_Request] = ContextVar("asked")


class Http:
    """Connections to remote calendars, kept for the next request; may be used by many threads.

    `private`: networks within our own walls that may be asked, without TLS, too.
    """

    def __init__(self, private: Iterable[Network] = (), authorities: ssl.SSLContext | None = None) -> None:
        guard = Guard(tuple(private))
        pool = httpcore.ConnectionPool(
            ssl_context=authorities or ssl.create_default_context(),
            max_connections=64,
            max_keepalive_connections=32,
            keepalive_expiry=90.0,
            network_backend=_Backend(guard),
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
    ) -> Answer:
        """One request, `limit` seconds for all of it. Raises RemoteTrouble if there is no whole answer."""
        with _translated(url):
            parsed = httpx.URL(url)
            if parsed.scheme not in ("https", "http") or not parsed.host:
                raise RemoteTrouble("{url} is no address that can be asked", TroubleKind.ADDRESS, url=url[:200])
            asked = _asked.set(_Request(time.monotonic() + limit, parsed.scheme == "http"))
            try:
                return self._ask(method, parsed, headers or {}, content, auth, limit, most)
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
        most: int,
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
        try:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise RemoteTrouble("{host} answers in a packed form", TroubleKind.ODD, host=url.host)
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > most:
                    raise RemoteTrouble("the answer of {host} is too large", TroubleKind.ODD, host=url.host)
            return Answer(response.status_code, dict(response.headers.items()), bytes(body), response.reason_phrase)
        finally:
            response.close()


class Asks(Protocol):
    """Whatever asks servers as `Http` does."""

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
    ) -> Answer:
        """One request; see `Http.ask`."""


class Turnwise:
    """One turn's requests: all together take `seconds` from now on, and bring `most` bytes."""

    def __init__(self, http: Asks, seconds: float, most: int) -> None:
        self._http = http
        self._ends = time.monotonic() + seconds
        self._left = most

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
    ) -> Answer:
        """One request. Raises RemoteTrouble if there is no whole answer, or the turn's time or bytes are used up."""
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise RemoteTrouble("{host} takes too long for all that is asked", TroubleKind.SLOW, host=_host(url))
        if self._left <= 0:
            raise RemoteTrouble("the answers of {host} are too large", TroubleKind.ODD, host=_host(url))
        answer = self._http.ask(
            method,
            url,
            limit=min(limit, seconds),
            headers=headers,
            content=content,
            auth=auth,
            most=min(most, self._left),
        )
        self._left -= len(answer.body)
        return answer


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

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._real = httpcore.SyncBackend()
        # The resolver has no limit of time of its own.
        self._resolvers = ThreadPoolExecutor(8, "resolve")

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
            raise _refused(host, request.plain and any(self._guard.allows(each) for each in found))
        for address in allowed[:-1]:
            try:
                return self._connected(request, str(address), port, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connected(request, str(allowed[-1]), port, timeout)

    def _connected(self, request: _Request, address: str, port: int, timeout: float | None) -> httpcore.NetworkStream:
        return _Stream(self._real.connect_tcp(address, port, _left(request, timeout)))

    def _resolved(self, host: str, port: int, timeout: float) -> Sequence[Address]:
        looked_up = self._resolvers.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            found = looked_up.result(timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(getattr(error, "strerror", None) or str(error)) from error
        return list(dict.fromkeys(ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found))


def _refused(host: str, because_plain: bool) -> RemoteTrouble:
    if because_plain:
        return RemoteTrouble("{host} is asked by https:// only", TroubleKind.ADDRESS, host=host)
    return RemoteTrouble(
        "{host} is at a private address, which [agenda] private_networks in pbx.toml does not list",
        TroubleKind.ADDRESS,
        host=host,
    )


class _Stream(httpcore.NetworkStream):
    """A connection of which each read and write ends with its request."""

    def __init__(self, real: httpcore.NetworkStream) -> None:
        self._real = real

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._real.read(max_bytes, _left(_asked.get(), timeout, httpcore.ReadTimeout))

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


@contextmanager
def _translated(url: str) -> Generator[None]:
    """Errors of the libraries become ours."""
    host = _host(url)
    try:
        yield
    except (httpcore.ConnectTimeout, httpcore.PoolTimeout) as error:
        raise RemoteTrouble("{host} cannot be reached: no answer", TroubleKind.DOWN, host=host) from error
    except httpcore.ConnectError as error:
        if (why := _certificate(error)) is not None:
            raise RemoteTrouble(
                "the certificate of {host} is not trusted: {why}", TroubleKind.CERTIFICATE, host=host, why=why
            ) from error
        why_down = Word(_ERRNO.sub("", reason(error)))  # the libraries below have lost the system's own error
        raise RemoteTrouble("{host} cannot be reached: {why}", TroubleKind.DOWN, host=host, why=why_down) from error
    except httpcore.TimeoutException as error:
        raise RemoteTrouble("{host} did not answer in time", TroubleKind.SLOW, host=host) from error
    except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
        raise RemoteTrouble(
            "the connection to {host} broke: {why}", TroubleKind.CUT, host=host, why=str(error)[:200]
        ) from error
    except (httpcore.UnsupportedProtocol, httpcore.LocalProtocolError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise RemoteTrouble(
            "{host} cannot be asked: {why}", TroubleKind.ODD, host=host, why=str(error)[:200]
        ) from error


def _host(url: str) -> str:
    """The server that an address names; never its user or password."""
    try:
        return httpx.URL(url).host or url[:80]
    except httpx.InvalidURL:
        return url[:80]


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
