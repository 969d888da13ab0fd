"""What the tests of delivery share: servers, recordings, a letter, and a clock that is set by hand."""

import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from mail_server import MailServer
from post_office import SOUND, HandClock, Watch
from sqlalchemy import Engine

from pbx_control.domain.notices.messages import Channel, Letter
from pbx_control.notify.mail import Mailer
from pbx_control.notify.telegram import Telegrammer
from pbx_control.settings import Home, Telegram
from pbx_control.world.telegram import TOKEN, TelegramServer


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def watch(engine: Engine) -> Watch:
    return Watch(engine)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with one left message: a second of silence as Asterisk writes it."""
    home = Home(tmp_path)
    path = home.recordings / SOUND
    path.parent.mkdir(parents=True)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    return home


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
async def mailer(mail_server: MailServer, home: Home) -> AsyncIterator[Mailer]:
    mailer = Mailer(mail_server.settings(), "Secretariado Sur", home)
    yield mailer
    await mailer.rest()


@pytest.fixture
async def telegrammer(telegram_server: TelegramServer, home: Home) -> AsyncIterator[Telegrammer]:
    telegrammer = Telegrammer(Telegram(token=TOKEN, base_url=telegram_server.base_url), home)
    yield telegrammer
    await telegrammer.rest()
