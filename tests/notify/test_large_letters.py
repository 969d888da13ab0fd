"""A file that is too large goes as a link, once, whichever way that shows; through a real mail server."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from acting import ADMIN
from mail_server import answer
from post_office import SOUND, SentLetters
from sqlalchemy import select

from pbx_control.domain.call.model import Outcome
from pbx_control.domain.notices.large import letter_of, token_of
from pbx_control.domain.notices.messages import CallSummary, Channel, Letter, Recipient, compose
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.notify import attachments
from pbx_control.notify.links import Links
from pbx_control.notify.mail import Mailer
from pbx_control.notify.worker import Outbox
from pbx_control.services import clientele
from pbx_control.services.work import changing
from pbx_control.store import letters, link_keys
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import letter as table

URL = "https://desk.example.com"
OFFICE = AlarmDesk("admin@sur.example", "es", "Secretariado Sur")
SIZE = 400_000  # bytes of the sound, which base64 makes 540,000
Deliver = Callable[..., Awaitable[None]]


@pytest.fixture
def written(home, clock, engine) -> Callable[..., Letter]:
    """A letter about a message that was left, whose sound is large."""
    (home.recordings / SOUND).write_bytes(b"RIFF" + bytes(SIZE - 4))
    with changing(engine, ADMIN, clock()) as work:
        client_id = clientele.add(work, "andes", name="Clínica Andes")

    def make(channel: Channel = Channel.EMAIL) -> Letter:
        summary = CallSummary(
            call_id="pbx-1.2",
            client_id=client_id,
            client_name="Clínica Andes",
            language="es",
            timezone="America/Santiago",
            did="+56225550101",
            caller="+56912345678",
            outcome=Outcome.LEFT_MESSAGE,
            arrived_at=clock(),
            ended_at=clock(),
            message=SOUND,
        )
        address = "gerencia@andes.example" if channel is Channel.EMAIL else "4711"
        # Its call is not in the book.
        return replace(compose(summary, Recipient(channel, address), "Secretariado Sur"), call_id=None)

    return make


@pytest.fixture
def deliver(engine, clock, watch, home) -> Deliver:
    """Has a letter sent until nothing waits any more."""

    async def run(letter: Letter, mailer: Any, telegrammer: Any = None, url: str = URL) -> None:
        with writing(engine) as conn:
            letters.add(conn, [letter])
        outbox = Outbox(engine, mailer, telegrammer or SentLetters(), clock, OFFICE, links=Links(home, url))
        running = asyncio.create_task(outbox.run())
        await watch.until(lambda: all(row.due_at is None for row in rows(engine)))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    return run


def rows(engine) -> list[Any]:
    with reading(engine) as conn:
        return list(conn.execute(select(table).order_by(table.c.id)))


def told(mail, kind: str = "plain") -> str:
    return mail.get_body((kind,)).get_content().replace("\r\n", "\n")


def link(engine) -> str:
    [row] = [row for row in rows(engine) if row.linked_at]
    with reading(engine) as conn:
        return f"{URL}/files/{token_of(link_keys.find(conn), row.id, row.linked_at)}"


@pytest.mark.parametrize(("announced", "limit"), [(True, 100_000_000), (False, 100_000_000), (False, 500_000)])
async def test_a_letter_that_is_too_large_goes_once_with_a_link(
    mail_server, home, engine, written, deliver, announced, limit
):
    """The server announces what it takes, or says so when it has the letter (552 5.3.4), or our own limit holds."""
    mail_server.announce_size = announced
    mail_server.most_bytes = 2**25 if limit < SIZE * 2 else 300_000
    mailer = Mailer(mail_server.settings(attachment_limit=limit), "Secretariado Sur", home)
    await deliver(written(), mailer)
    mail = mail_server.taken.get_nowait()
    assert mail_server.taken.empty()
    assert list(mail.iter_attachments()) == []
    text, page = told(mail), told(mail, "html")
    says = "La grabación pesa 400 kB, demasiado para este mensaje. Puede descargarla hasta el "
    assert f"{says}lunes 10 de agosto de 2026, 08:00:\n{link(engine)}\n" in text
    assert f'{says}lunes 10 de agosto de 2026, 08:00: <a href="{link(engine)}"' in page
    assert [row.attempts for row in rows(engine)] == [2]  # and the office needs no alarm
    assert "/files/" not in rows(engine)[0].body_text


async def test_what_fits_is_attached(mail_server, mailer, engine, written, deliver):
    await deliver(written(), mailer)
    [sound] = mail_server.taken.get_nowait().iter_attachments()
    assert len(sound.get_content()) == SIZE
    assert rows(engine)[0].linked_at is None


async def test_base64_is_counted(mail_server, home, engine, written, deliver):
    """Half a megabyte of a letter has no room for 400 kB of a sound."""
    mail_server.announce_size = False
    mailer = Mailer(mail_server.settings(attachment_limit=SIZE + 50_000), "Secretariado Sur", home)
    await deliver(written(), mailer)
    assert list(mail_server.taken.get_nowait().iter_attachments()) == []


async def test_without_pages_the_letter_says_where_to_look_and_the_office_is_told(
    mail_server, mailer, engine, written, deliver
):
    mail_server.most_bytes = 300_000
    await deliver(written(), mailer, url="")
    mails = [mail_server.taken.get_nowait() for _ in range(2)]
    [to_client] = [mail for mail in mails if mail["To"] == "gerencia@andes.example"]
    text = told(to_client)
    assert "La grabación pesa 400 kB, demasiado para este mensaje. Está en el portal.\n" in text
    assert "http" not in text
    assert [mail["To"] for mail in mails if mail is not to_client] == [OFFICE.address]


async def test_a_letter_too_large_even_with_a_link_is_given_up_not_sent_for_ever(
    mail_server, mailer, engine, written, deliver
):
    mail_server.announce_size = False
    mail_server.data = [answer("552 5.3.4 too big"), answer("552 5.3.4 too big")]
    await deliver(written(), mailer)
    [given_up, alarm] = rows(engine)
    assert (given_up.delivered_at, given_up.attempts) == (None, 2)
    assert "5.3.4" in given_up.last_error
    assert alarm.address == OFFICE.address


async def test_a_chat_gets_a_link_to_what_telegram_does_not_take(
    telegram_server, telegrammer, engine, written, deliver, monkeypatch
):
    monkeypatch.setattr(attachments, "LARGEST", SIZE - 1)
    await deliver(written(Channel.TELEGRAM), SentLetters(), telegrammer)
    [sent] = telegram_server.sent
    assert sent.method == "sendMessage"
    assert sent.fields["text"].endswith(f"08:00:\n{link(engine)}\n")


async def test_a_letter_that_is_sent_anew_gets_another_link(mail_server, mailer, engine, written, deliver, clock):
    mail_server.most_bytes = 300_000
    letter = written()
    await deliver(letter, mailer)
    first = link(engine)
    clock.advance(timedelta(days=8))
    with writing(engine) as conn:
        letters.resend(conn, [rows(engine)[0].id], clock())
    await deliver(letter, mailer)
    assert first in told(mail_server.taken.get_nowait())
    again = told(mail_server.taken.get_nowait())
    assert first not in again
    assert link(engine) in again
    assert letter_of(link(engine).rpartition("/")[2]) == rows(engine)[0].id


async def test_a_file_that_is_gone_when_its_link_is_made_is_told_as_gone(
    mail_server, mailer, home, engine, written, deliver
):

    def lose() -> str:
        (home.recordings / SOUND).unlink()
        return "552 5.3.4 too big"

    mail_server.data = [lose]
    await deliver(written(), mailer)
    text = told(mail_server.taken.get_nowait())
    assert "/files/" not in text
    assert "adjunto a este correo" not in text
