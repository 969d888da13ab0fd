"""What the tests of delivery share: servers, recordings, a letter, and a clock that is set by hand."""

import wave
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mail_server import MailServer
from telegram_server import TOKEN, TelegramServer

from pbx_control.domain.messages import Channel, Letter
from pbx_control.notify.mail import Mailer
from pbx_control.notify.telegram import Telegrammer
from pbx_control.settings import Mail, Telegram

SOUND = "2026/08/03/pbx-1-message.wav"


class HandClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.at = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        self.at += by


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder with one left message: a second of silence as Asterisk writes it."""
    path = tmp_path / "recordings" / SOUND
    path.parent.mkdir(parents=True)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    return tmp_path / "recordings"


@pytest.fixture
def letter(clock: HandClock) -> Letter:
    return Letter(
        channel=Channel.EMAIL,
        address="gerencia@andes.example",
        message_id="call.0123456789abcdef",
        subject="Clínica Andes: mensaje de voz de María Ñandú",
        text="Dejó un mensaje de voz.\n",
        html="<p>Dejó un mensaje de voz.</p>\n",
        written_at=clock(),
    )


@pytest.fixture
async def mail_server() -> AsyncIterator[MailServer]:
    server = MailServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def telegram_server() -> Iterator[TelegramServer]:
    server = TelegramServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def mailer(mail_server: MailServer, recordings: Path) -> AsyncIterator[Mailer]:
    mailer = Mailer(mail_settings(mail_server), "Secretariado Sur", recordings)
    yield mailer
    await mailer.rest()


@pytest.fixture
async def telegrammer(telegram_server: TelegramServer, recordings: Path) -> AsyncIterator[Telegrammer]:
    telegrammer = Telegrammer(Telegram(token=TOKEN, base_url=telegram_server.base_url), recordings)
    yield telegrammer
    await telegrammer.rest()


def mail_settings(server: MailServer, **changes: str) -> Mail:
    settings = {"host": "127.0.0.1", "port": server.port, "tls": "none", "sender": "avisos@sur.example"}
    return Mail(**settings | changes)
