"""Whoever listens where Asterisk should is not told our passwords."""

import asyncio
import os
import socket
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from hashlib import md5

import pytest

from pbx_control.asterisk import connection
from pbx_control.asterisk.ami import Ami, LoginRefused
from pbx_control.asterisk.ari import Ari
from pbx_control.asterisk.connection import NotAsterisk, accepted_by, connect, require_asterisk
from pbx_control.asterisk.runtime.account import Account
from pbx_control.settings import AsteriskSettings, Home, Secrets, Settings

PASSWORD = "a-secret-of-the-tests"
# Nobody here is that user.
SOMEBODY = 4_711_000


class Pretender:
    """Listens, asks for nothing or gives that challenge, and keeps what it is told."""

    def __init__(self, challenge: str = "") -> None:
        self.challenge, self.told = challenge, ""
        self.connections = []

    async def __call__(self, reader, writer):
        self.connections.append(writer)
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        with suppress(ConnectionResetError):  # who has not read that yet closes with a reset
            while line := (await reader.readline()).decode():
                self.told += line
                if line == "\r\n":
                    writer.write(self._answer().encode())

    def _answer(self) -> str:
        number = self.told.rpartition("ActionID: ")[2].partition("\r")[0]
        if "Action: Login" not in self.told:
            return f"Response: Success\r\nActionID: {number}\r\nChallenge: {self.challenge}\r\n\r\n"
        key = md5(f"{self.challenge}{PASSWORD}".encode()).hexdigest()
        success = "Success" if f"Key: {key}\r\n" in self.told else "Error"
        return f"Response: {success}\r\nActionID: {number}\r\nMessage: so it is\r\n\r\n"


@asynccontextmanager
async def pretending(pretender):
    server = await asyncio.start_server(pretender, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for one in pretender.connections:
        one.close()
        with suppress(ConnectionResetError):
            await one.wait_closed()


@pytest.fixture
def home(tmp_path) -> Home:
    (tmp_path / "asterisk").mkdir()
    return Home(tmp_path)


@pytest.fixture
def elsewhere(monkeypatch):
    """Asterisk is another user's."""
    monkeypatch.setattr(connection, "asterisk_account", lambda _: Account(SOMEBODY, SOMEBODY))
    monkeypatch.setattr(connection, "_ROOT", SOMEBODY)


def settings(port: int, password: str = PASSWORD, runtime: str = "auto") -> Settings:
    asterisk = AsteriskSettings(ami_port=port, http_port=port, runtime=runtime)
    return Settings(asterisk=asterisk, secrets=Secrets(ari_password=password, ami_password=password))


async def test_ami_is_told_a_digest_of_the_password(home):
    pretender = Pretender("15023")
    async with pretending(pretender) as port:
        ami = Ami(settings(port), home)
        await ami.connect()
        assert ami.connected
        ami.close()
    assert "Action: Challenge" in pretender.told
    assert PASSWORD not in pretender.told


async def test_a_wrong_password_is_told_apart(home):
    async with pretending(Pretender("15023")) as port:
        with pytest.raises(LoginRefused):
            await Ami(settings(port, "another"), home).connect()


async def test_another_user_who_listens_there_is_told_nothing(home, elsewhere):
    pretender = Pretender()
    async with pretending(pretender) as port:
        with pytest.raises(NotAsterisk, match=rf"listens on port {port}.* is not Asterisk's user"):
            await Ami(settings(port), home).connect()
        ari = ari_to(port, home)
        with pytest.raises(NotAsterisk):
            await ari.connect()
        with pytest.raises(NotAsterisk):
            await asyncio.to_thread(ari._fetch, "channels")
    assert pretender.told == ""


async def test_who_shuts_his_port_behind_us_is_told_nothing(home, elsewhere):
    """Nobody listens any more when it is looked at who has taken the connection."""
    with squatting() as (port, told), pytest.raises(NotAsterisk):
        await Ami(settings(port), home).connect()
    assert await asyncio.to_thread(told) == ""
    with squatting() as (port, told), pytest.raises(NotAsterisk):
        await ari_to(port, home).connect()
    assert await asyncio.to_thread(told) == ""


async def test_who_takes_no_connection_is_told_nothing(home, elsewhere, monkeypatch):
    """He would take it, and read what was sent meanwhile, when we have looked."""
    monkeypatch.setattr(connection, "ACCEPTED_WITHIN", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
        with pytest.raises(NotAsterisk, match=f"nobody takes connections on port {port}"):
            await Ami(settings(port), home).connect()
        with pytest.raises(NotAsterisk):
            await ari_to(port, home).connect()
        for _ in range(2):
            there, _ = one.accept()
            with there:
                assert there.recv(1000) == b""


async def test_events_of_another_user_are_not_believed(home, elsewhere):
    heard = []

    async def tells(_reader, writer):
        writer.write(b"Asterisk Call Manager/11.0.0\r\nEvent: SuccessfulAuth\r\nService: PJSIP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(tells, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotAsterisk):
            await Ami(settings(port), home, lambda name, _: heard.append(name)).connect()
    assert heard == []


async def test_an_asterisk_that_others_run_may_be_anybodys(home, elsewhere):
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
        connect(port, partial(require_asterisk, port, settings(port, runtime="external"), home), 1).close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_who_has_accepted(family):
    both = family is socket.AF_INET6
    with socket.create_server(("::" if both else "127.0.0.1", 0), family=family, dualstack_ipv6=both) as one:
        port = one.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as ours:
            our_port = ours.getsockname()[1]
            assert accepted_by(port, our_port) is None
            with one.accept()[0]:
                assert accepted_by(port, our_port) == os.geteuid()
            assert accepted_by(port, our_port) is None


def ari_to(port: int, home: Home) -> Ari:
    return Ari(port, PASSWORD, lambda _: None, partial(require_asterisk, port, settings(port), home))


@contextmanager
def squatting():
    """Takes one connection and listens no more; gives the port, and a function that waits for the end and gives what
    was said."""
    one, said = socket.create_server(("127.0.0.1", 0)), []

    def take():
        there, _ = one.accept()
        one.close()
        with there, suppress(ConnectionResetError):
            there.sendall(b"Asterisk Call Manager/11.0.0\r\n")
            while data := there.recv(4096):
                said.append(data.decode())

    thread = threading.Thread(target=take, daemon=True)
    thread.start()

    def told():
        thread.join()
        return "".join(said)

    yield one.getsockname()[1], told
