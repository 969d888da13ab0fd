"""Whoever listens where Asterisk should is not told our passwords."""

import asyncio
import os
import socket
from contextlib import asynccontextmanager
from hashlib import md5

import pytest

from pbx_control.asterisk import listener
from pbx_control.asterisk.ami import Ami, LoginRefused
from pbx_control.asterisk.ari import Ari
from pbx_control.asterisk.listener import NotAsterisk, listening, require_asterisk
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
    for connection in pretender.connections:
        connection.close()
        await connection.wait_closed()


@pytest.fixture
def home(tmp_path) -> Home:
    (tmp_path / "asterisk").mkdir()
    return Home(tmp_path)


@pytest.fixture
def elsewhere(monkeypatch):
    """Asterisk is another user's."""
    monkeypatch.setattr(listener, "asterisk_account", lambda _: Account(SOMEBODY, SOMEBODY))
    monkeypatch.setattr(listener, "_ROOT", SOMEBODY)


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
        ari = Ari(port, PASSWORD, lambda _: None, lambda: require_asterisk(port, settings(port), home))
        with pytest.raises(NotAsterisk):
            await ari.connect()
        with pytest.raises(NotAsterisk):
            await asyncio.to_thread(ari._fetch, "channels")
    assert pretender.told == ""


async def test_an_asterisk_that_others_run_may_be_anybodys(home, elsewhere):
    async with pretending(Pretender()) as port:
        require_asterisk(port, settings(port, runtime="external"), home)


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0")])
def test_who_listens(family, address):
    with socket.socket(family) as one:
        one.bind((address, 0))
        assert list(listening(one.getsockname()[1])) == []
        one.listen()
        assert list(listening(one.getsockname()[1])) == [os.geteuid()]


def test_who_listens_on_another_address_does_not_matter():
    with socket.socket() as one:
        one.bind(("127.0.0.9", 0))
        one.listen()
        assert list(listening(one.getsockname()[1])) == []
