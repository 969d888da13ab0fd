"""Servers that clients name are asked with care: addresses, redirects, sizes, times and certificates."""

import ipaddress
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pbx_control.calendars.caldav import CalDav
from pbx_control.calendars.http import Http, retry_after
from pbx_control.calendars.remote import RemoteTrouble, TroubleKind
from pbx_control.outward import LONGEST_WAIT, Guard

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


@contextmanager
def answering(*parts: bytes, pause: float = 0.0, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that answers each connection with these bytes, whatever it is asked."""
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                try:
                    if tls:
                        connection = tls.wrap_socket(connection, server_side=True)
                    connection.recv(65536)
                    for part in parts:
                        connection.sendall(part)
                        if over.wait(pause):
                            return
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                finally:
                    connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.getsockname()[1]}/"
    finally:
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def refused(do: Callable[[], object]) -> RemoteTrouble:
    with pytest.raises(RemoteTrouble) as caught:
        do()
    return caught.value


def head(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


# --- addresses --------------------------------------------------------------------------------------------------

WITHIN = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", WITHIN)
def test_addresses_within_our_walls_are_not_asked(address: str) -> None:
    assert not Guard().allows(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_those_of_the_internet_are_asked_by_tls_only(address: str) -> None:
    assert Guard().allows(ipaddress.ip_address(address))
    assert not Guard().allows(ipaddress.ip_address(address), plain=True)


def test_a_network_that_the_settings_list_is_asked() -> None:
    guard = Guard((ipaddress.ip_network("10.0.0.0/8"),))
    assert guard.allows(ipaddress.ip_address("10.1.2.3"), plain=True)
    assert guard.allows(ipaddress.ip_address("::ffff:10.1.2.3"))
    assert not guard.allows(ipaddress.ip_address("127.0.0.1"))


def test_a_name_is_judged_by_what_it_resolves_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolved(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    http = Http()
    trouble = refused(lambda: http.ask("GET", "https://harmless.example/", limit=2))
    assert trouble.kind is TroubleKind.ADDRESS
    assert "private" in str(trouble)
    http.close()


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/", "https://localhost:1/", "file:///etc/passwd", "https://", "ftp://x/", "https://[::1]:1/"],
)
def test_such_an_address_is_refused(url: str) -> None:
    http = Http()
    assert refused(lambda: http.ask("GET", url, limit=2)).kind is TroubleKind.ADDRESS
    http.close()


@pytest.mark.parametrize("host", ["xn--", "xn--a", "xn--zzzzzzzz.com", "xn--n3h.example"])
def test_a_name_that_stands_for_none_is_told_and_no_fault_of_ours(host: str) -> None:
    http = Http()
    trouble = refused(lambda: http.ask("GET", f"https://{host}/?key=hidden", limit=2))
    assert trouble.kind is TroubleKind.ODD
    assert str(trouble).startswith(f"{host} cannot be asked")
    assert "hidden" not in str(trouble)
    http.close()


def test_a_redirect_is_not_followed(http: Http) -> None:
    with (
        answering(head("200 OK", "Content-Length: 0")) as inner,
        answering(head("301 Moved", f"Location: {inner}secret", "Content-Length: 0", "Connection: close")) as url,
    ):
        answer = http.ask("GET", url, limit=5)
        assert (answer.status, answer.headers["location"]) == (301, f"{inner}secret")
        trouble = refused(CalDav(http, url, "u", "p").check)
        assert "sends elsewhere" in str(trouble)


# --- size and time ----------------------------------------------------------------------------------------------


def test_an_answer_without_end_is_left(http: Http) -> None:
    with answering(head("200 OK"), *[b"x" * 100_000] * 100) as url:
        assert refused(lambda: http.ask("GET", url, limit=20, most=1_000_000)).kind is TroubleKind.ODD


def test_interim_answers_without_end_are_left(http: Http) -> None:
    """To read them takes the process's time, which live calls need."""
    with answering(*[head("100 Continue") * 2000] * 1000) as url:
        trouble = refused(lambda: http.ask("GET", url, limit=3))
        assert trouble.kind is TroubleKind.CUT
        assert "too much comes before its answer" in str(trouble)


def test_a_packed_answer_is_left(http: Http) -> None:
    with answering(head("200 OK", "Content-Encoding: gzip", "Content-Length: 3"), b"abc") as url:
        assert refused(lambda: http.ask("GET", url, limit=5)).kind is TroubleKind.ODD


@pytest.mark.parametrize("first", [b"", head("200 OK"), b"HTTP/1.1 200 OK\r\nX: "])
def test_one_that_drips_ends_in_time(http: Http, first: bytes) -> None:
    with answering(first, *[b"x"] * 1000, pause=0.05) as url:
        began = time.monotonic()
        assert refused(lambda: http.ask("GET", url, limit=0.6)).kind is TroubleKind.SLOW
        assert time.monotonic() - began < 3


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200", head("200 OK", "Content-Length: 10") + b"half"])
def test_one_that_is_cut_is_told(http: Http, part: bytes) -> None:
    with answering(part) as url:
        assert refused(lambda: http.ask("GET", url, limit=5)).kind is TroubleKind.CUT


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    b'<multistatus xmlns="DAV:"><response><href>&b;</href></response></multistatus>'
)


@pytest.mark.parametrize("body", [BOMB, b"<html>", b"", b'<multistatus xmlns="DAV:">', b"<a/>", b"\xff\xfe"])
def test_what_is_no_caldav_is_told(http: Http, body: bytes) -> None:
    with answering(head("207 Multi-Status", f"Content-Length: {len(body)}") + body) as url:
        calendar = CalDav(http, url, "u", "p")
        assert refused(lambda: calendar.changes("")).kind is TroubleKind.ODD


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 Unauthorized", TroubleKind.UNAUTHORISED),
        ("403 Forbidden", TroubleKind.FORBIDDEN),
        ("404 Not Found", TroubleKind.MISSING),
        ("429 Too Many Requests", TroubleKind.LIMITED),
        ("500 Internal Server Error", TroubleKind.SERVER),
        ("503 Service Unavailable", TroubleKind.SERVER),
    ],
)
def test_each_refusal_has_its_kind(http: Http, status: str, kind: TroubleKind) -> None:
    with answering(head(status, "Content-Length: 0", "Retry-After: 7", "Connection: close")) as url:
        trouble = refused(CalDav(http, url, "u", "p").check)
        assert trouble.kind is kind
        assert trouble.retry_after == (7 if kind in (TroubleKind.LIMITED, TroubleKind.SERVER) else None)


def test_a_certificate_that_nobody_trusts_is_told(http: Http, tmp_path: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "1"),
            *("-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with answering(head("200 OK"), tls=context) as url:
        trouble = refused(lambda: http.ask("GET", url, limit=5))
    assert trouble.kind is TroubleKind.CERTIFICATE
    assert "self-signed" in str(trouble)


def test_passwords_in_addresses_are_in_no_error(http: Http) -> None:
    trouble = refused(lambda: http.ask("GET", "http://u:geheim@127.0.0.1:1/", limit=2))
    assert "geheim" not in str(trouble)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("17", 17.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("999999999999999999", LONGEST_WAIT),
        ("Mon, 30 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 30 Nov 2020 12:00:30 GMT", 0.0),
    ],
)
def test_how_long_to_wait(said: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": said}, lambda: datetime(2026, 11, 30, 12, tzinfo=UTC)) == seconds
