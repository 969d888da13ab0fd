"""Servers that are away, hang, or have thousands of mails; whoever dies while the mailbox is read loses nothing."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from dovecot_server import Dovecot
from mailed_house import OLD, House
from sqlalchemy import Engine
from writing import NEW, OWNER, signed, written

from pbx_control.clock import now
from pbx_control.notify import imap
from pbx_control.notify.imap import Box, Key, MailboxUnavailable
from pbx_control.settings import MailIn
from pbx_control.store import greetings
from pbx_control.store.engine import reading


class Killed(BaseException):
    """The process is gone."""


def dies(*_: object) -> None:
    raise Killed


def versions(engine: Engine) -> int:
    with reading(engine) as conn:
        return len(greetings.history(conn, 1))


def test_whoever_dies_before_it_is_moved_moves_it_the_next_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Box, "put", dies)
        with pytest.raises(Killed):
            house.gets(signed(written()))
    assert (house.greeting(), house.dovecot.lies_in(house.user)) == (NEW, {"INBOX": 1})
    assert house.look() == {}
    assert house.dovecot.lies_in(house.user) == {"handled": 1}
    assert versions(house.engine) == 2
    assert len(house.letters()) == 1


def test_whoever_dies_before_it_is_kept_deals_with_it_the_next_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("pbx_control.services.mail_in.compose_changed", dies)
        with pytest.raises(Killed):
            house.gets(signed(written()))
    assert (house.greeting(), house.entries()) == (OLD, [])
    assert house.look() == {"changed": 1}
    assert house.greeting() == NEW


def test_mailbox_that_was_made_anew_does_nothing_twice(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = signed(written())
    house.gets(mail)
    real = Box.new

    def other(box: Box) -> list[Key]:
        return [Key(key.place, "77", key.uid) for key in real(box)]

    monkeypatch.setattr(Box, "new", other)
    assert house.gets(mail) == {"refused": 1}
    assert versions(house.engine) == 2


def test_flags_of_what_waits_stay_and_nothing_is_deleted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(imap, "MOST_AT_ONCE", 1)
        first, second = (signed(written(f"{n} {{secretary}}", at=now() + timedelta(seconds=n))) for n in (1, 2))
        assert house.gets(first, second) == {"changed": 1}
    with house.dovecot.mailbox(house.user) as opened:
        (waiting,) = opened.fetch(mark_seen=False)
        assert "\\Seen" not in waiting.flags
    assert house.look() == {"changed": 1}
    assert house.greeting() == "2 {secretary}"
    assert house.dovecot.lies_in(house.user) == {"handled": 2}


def test_thousand_mails_of_strangers_are_put_aside_in_some_looks(house: House) -> None:
    junk = [f"From: x{n}@evil.example\r\nSubject: Saludo\r\n\r\n{n}\r\n".encode() for n in range(450)]
    house.dovecot.deliver(house.user, *junk, signed(written()))
    looks = [house.look() for _ in range(4)]
    assert looks == [{"refused": 200}, {"refused": 200}, {"refused": 50, "changed": 1}, {}]
    assert house.letters()[0].address == OWNER
    assert house.dovecot.lies_in(house.user) == {"handled": 1, "refused": 450}


def test_server_that_is_away_is_told_in_one_line(house: House) -> None:
    house.dovecot = Dovecot("127.0.0.99", 10143, house.dovecot.folder)
    with pytest.raises(MailboxUnavailable, match=r"cannot be read: .*\[mail_in\] in pbx\.toml"):
        house.look()


def test_wrong_password_and_missing_folder_are_told(house: House) -> None:
    for wrong in ({"password": "other"}, {"folder": "nobody's"}):
        with pytest.raises(MailboxUnavailable), imap.opened(house.dovecot.settings(house.user, **wrong)):
            pytest.fail("it let us in")


@pytest.mark.parametrize("greeting", [b"", b"* OK hello\r\n"])
def test_server_that_hangs_is_left(house: House, greeting: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "ANSWER_LIMIT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as beside:
        settings = MailIn(host="127.0.0.1", port=server.getsockname()[1], user="x", tls="none")
        taken = beside.submit(take, server, greeting)
        with pytest.raises(MailboxUnavailable, match="timed out"), imap.opened(settings):
            pytest.fail("it let us in")
        taken.result().close()


def take(server: socket.socket, greeting: bytes) -> socket.socket:
    taken, _ = server.accept()
    taken.sendall(greeting)
    return taken


def test_server_that_talks_for_ever_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "LOOK_LIMIT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as beside:
        settings = MailIn(host="127.0.0.1", port=server.getsockname()[1], user="x", tls="none")
        dripping = beside.submit(drip, server)
        with pytest.raises(MailboxUnavailable), imap.opened(settings):
            pytest.fail("it let us in")
        dripping.result()


def drip(server: socket.socket) -> None:
    """Answers for ever, until nobody listens."""
    taken = take(server, b"* OK hello\r\n")
    with taken, suppress(OSError):
        taken.recv(1000)
        while True:
            taken.sendall(b"* OK wait\r\n")


def test_server_that_breaks_off_loses_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Box.fetch

    def cut(box: Box, key: Key) -> object:
        box._mailbox.client.shutdown()
        return real(box, key)

    with monkeypatch.context() as patched:
        patched.setattr(Box, "fetch", cut)
        with pytest.raises(MailboxUnavailable):
            house.gets(signed(written()))
    assert house.look() == {"changed": 1}
