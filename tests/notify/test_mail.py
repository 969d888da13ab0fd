"""Mail by a real SMTP server: what arrives, and what is made of each way to fail."""

import asyncio
import ssl
import subprocess
from dataclasses import replace
from email import message_from_string
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime

import pytest
from mail_server import MailServer, answer
from post_office import HANGS, SOUND

from pbx_control.domain.notices.phrases import PHRASES
from pbx_control.errors import ClientMistake, DeliveryFailed, Fault
from pbx_control.files import write_below
from pbx_control.notify.mail import Mailer, encoded_subject, sender_address


async def test_mail_has_text_html_and_the_headers_of_an_automatic_message(mail_server, mailer, letter):
    await mailer.send(letter)
    mail = await mail_server.next_mail()
    assert mail.get_body(("plain",)).get_content().splitlines() == letter.text.splitlines()
    assert mail.get_body(("html",)).get_content().splitlines() == letter.html.splitlines()
    assert mail["Subject"] == letter.subject
    assert mail["From"] == "Secretariado Sur <avisos@sur.example>"
    assert mail["To"] == "gerencia@andes.example"
    assert mail["Message-ID"] == "<call.0123456789abcdef@sur.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(mail["Date"]) == letter.written_at
    assert list(mail.iter_attachments()) == []


async def test_left_message_is_attached(mail_server, mailer, home, letter):
    await mailer.send(replace(letter, attachment=SOUND))
    [attached] = (await mail_server.next_mail()).iter_attachments()
    assert attached.get_content_type() == "audio/wav"
    assert attached.get_filename() == "pbx-1-message.wav"
    assert attached.get_content() == (home.recordings / SOUND).read_bytes()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("documents/reports/1/perdidas-2026-11-22.csv", "text/csv"),
        ("documents/invoices/boleta-12.pdf", "application/pdf"),
        ("documents/strange", "application/octet-stream"),
    ],
)
async def test_document_is_attached_as_what_it_is(mail_server, mailer, home, letter, path, kind):
    content = '\ufeff"Número";"+56 9 1234 5678"\r\n\x00'.encode()
    write_below(home.documents, path.removeprefix("documents/"), content)
    await mailer.send(replace(letter, attachment=path))
    [attached] = (await mail_server.next_mail()).iter_attachments()
    assert (attached.get_content_type(), attached.get_filename()) == (kind, path.rpartition("/")[2])
    assert attached.get_payload(decode=True) == content
    assert attached.get_content_charset() == ("utf-8" if kind == "text/csv" else None)


FORBIDDEN = [
    "2026/absent.wav",
    "../pbx.toml",
    "/etc/passwd",
    "documents/../pbx.toml",
    "documents//etc/passwd",
    "documents/",
    "documents/reports",
    "documents/link.csv",
    "documents/linked/pbx.toml",
    "documents/.hidden.csv",
    "2026/08/03/\0.wav",
]


@pytest.mark.parametrize("name", FORBIDDEN)
async def test_letter_goes_without_a_file_that_may_not_be_sent(mail_server, mailer, home, letter, name):
    (home.root / "pbx.toml").write_text("secret")
    write_below(home.documents, "reports/1.csv", b"report")
    (home.documents / ".hidden.csv").write_text("secret")
    (home.documents / "link.csv").symlink_to(home.root / "pbx.toml")
    (home.documents / "linked").symlink_to(home.root)
    await mailer.send(replace(letter, attachment=name))
    assert list((await mail_server.next_mail()).iter_attachments()) == []


async def test_letter_whose_sound_is_gone_does_not_say_that_it_is_attached(mail_server, mailer, letter):
    words = PHRASES["es"]
    text, html = f"{letter.text}\n{words.attached}\n", f"{letter.html}<p>{words.attached}</p>"
    await mailer.send(replace(letter, text=text, html=html, attachment="2026/absent.wav"))
    mail = await mail_server.next_mail()
    for part in (mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()):
        assert words.sound_gone in part
        assert words.attached not in part


async def test_file_that_no_server_would_take_is_too_large(mail_server, mailer, home, letter, monkeypatch):
    monkeypatch.setattr("pbx_control.notify.attachments.LARGEST", 10)
    for size in (10, 11):
        write_below(home.documents, f"{size}.csv", b"x" * size)
    await mailer.send(replace(letter, attachment="documents/10.csv"))
    with pytest.raises(DeliveryFailed) as failed:
        await mailer.send(replace(letter, attachment="documents/11.csv"))
    assert failed.value.fault is Fault.TOO_LARGE
    assert mail_server.taken.qsize() == 1


@pytest.mark.parametrize(
    ("at", "line", "fault"),
    [
        ("data", "552 5.3.4 message too big", Fault.TOO_LARGE),
        ("data", "552 message size exceeds limit", Fault.TOO_LARGE),
        ("data", "552 5.2.2 mailbox full", Fault.FINAL),
        ("data", "552 5.7.0 blocked attachment", Fault.SERVER),
        ("data", "554 5.6.0 bad content", Fault.FINAL),
        ("data", "554 5.3.2 system not accepting messages", Fault.SERVER),
        ("rcpt", "550 5.3.1 mail system full", Fault.SERVER),
        ("rcpt", "550 5.3.0 no such user", Fault.FINAL),
        ("data", "451 4.7.1 try later", Fault.LETTER),
        ("data", "421 4.3.2 shutting down", Fault.BUSY),
        ("rcpt", "432 4.3.2 recipient thread limit exceeded", Fault.BUSY),
        ("rcpt", "451 4.3.2 not accepting messages", Fault.BUSY),
        ("rcpt", "450 4.2.1 greylisted", Fault.LATER),
        ("rcpt", "451 4.3.0 temporary lookup failure", Fault.SERVER),
        ("rcpt", "452 4.3.1 insufficient system storage", Fault.SERVER),
        ("data", "451 4.3.5 server configuration error", Fault.SERVER),
        ("data", "452 4.3.1 no space on disk", Fault.SERVER),
        ("data", "452 4.3.4 too large for now", Fault.LETTER),
        ("rcpt", "451 4.30.1 no status of ours", Fault.LATER),
        ("rcpt", "552 5.2.3 too large for this mailbox", Fault.TOO_LARGE),
        ("rcpt", "550 5.7.1 relay access denied", Fault.SERVER),
    ],
)
async def test_what_an_answer_means(mail_server, mailer, letter, at, line, fault):
    if at == "data":
        mail_server.data = [answer(line)]
    else:
        mail_server.rcpt = [line]
    with pytest.raises(DeliveryFailed) as failed:
        await mailer.send(letter)
    assert failed.value.fault is fault


async def test_announced_size_is_believed(mail_server, mailer, home, letter):
    mail_server.most_bytes = 15_000
    await mailer.send(letter)
    with pytest.raises(DeliveryFailed, match="at most 15000 bytes") as failed:
        await mailer.send(replace(letter, attachment=SOUND))
    assert failed.value.fault is Fault.TOO_LARGE
    assert mail_server.letters == 1


async def test_answers_go_where_the_settings_say(mail_server, home, letter):
    mailer = Mailer(mail_server.settings(reply_to="recepcion@sur.example"), "Sur", home)
    await mailer.send(letter)
    assert (await mail_server.next_mail())["Reply-To"] == "recepcion@sur.example"
    await mailer.rest()


async def test_burst_uses_one_connection(mail_server, mailer, letter):
    for number in range(5):
        await mailer.send(replace(letter, message_id=f"call.{number}"))
    assert mail_server.connections == 1
    await mailer.rest()
    await mailer.send(letter)
    assert mail_server.connections == 2


async def test_connection_that_was_cut_meanwhile_is_replaced(mail_server, mailer, letter):
    await mailer.send(letter)
    mail_server.cut()
    await mailer.send(letter)
    assert mail_server.taken.qsize() == 2


@pytest.mark.parametrize(
    ("line", "permanent"),
    [
        ("450 4.2.1 greylisted", False),
        ("452 4.2.2 mailbox full", False),
        ("550 5.1.1 no such user", True),
        ("550 no such user", True),
        ("550 5.7.1 relay access denied", False),
        ("530 5.7.0 authentication required", False),
    ],
)
async def test_refused_recipient(mail_server, mailer, letter, line, permanent):
    mail_server.rcpt = [line]
    with pytest.raises(DeliveryFailed, match=line[4:]) as failed:
        await mailer.send(letter)
    assert failed.value.permanent is permanent


@pytest.mark.parametrize(("line", "permanent"), [("451 try later", False), ("554 5.6.0 bad content", True)])
async def test_refused_content(mail_server, mailer, letter, line, permanent):
    mail_server.data = [answer(line)]
    with pytest.raises(DeliveryFailed, match=line[4:]) as failed:
        await mailer.send(letter)
    assert failed.value.permanent is permanent


async def test_refused_connection_is_tried_again(mail_server, mailer, letter):
    await mail_server.stop()
    with pytest.raises(DeliveryFailed) as failed:
        await mailer.send(letter)
    assert not failed.value.permanent


async def test_server_killed_in_the_middle_is_tried_again(mail_server, mailer, letter):
    def killed() -> str:
        mail_server.cut()
        return "451 nobody hears this"

    mail_server.data = [killed]
    with pytest.raises(DeliveryFailed) as failed:
        await mailer.send(letter)
    assert not failed.value.permanent
    await mailer.send(letter)
    assert (await mail_server.next_mail())["Message-ID"] == "<call.0123456789abcdef@sur.example>"


async def test_silent_server_is_given_up_in_time(letter, home, monkeypatch):
    monkeypatch.setattr("pbx_control.notify.mail.CONNECT_LIMIT", 0.05)
    left = asyncio.Event()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        left.set()

    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        mailer = Mailer(MailServer(port=port).settings(), "Sur", home)
        with pytest.raises(DeliveryFailed) as failed:
            await mailer.send(letter)
        assert not failed.value.permanent
        async with asyncio.timeout(HANGS):
            await left.wait()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "no-at-sign",
        "a@b.cl\r\nBcc: x@y.cl",
        "a b@c.cl",
        "two@a.cl, three@b.cl",
        "josé@a.cl",
        "x@" + "a" * 70 + ".cl",
    ],
)
async def test_address_that_is_none_is_given_up_and_nothing_sent(mail_server, mailer, letter, address):
    with pytest.raises(DeliveryFailed) as failed:
        await mailer.send(replace(letter, address=address))
    assert failed.value.permanent
    assert mail_server.taken.empty()


async def test_domain_beyond_ascii_arrives(mail_server, mailer, letter):
    await mailer.send(replace(letter, address="jose@ñandú.example"))
    assert (await mail_server.next_mail())["To"] == "jose@xn--and-6ma2c.example"


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
class TestPassword:
    """A server that asks for one."""

    @pytest.fixture
    async def guarded(self):
        server = MailServer(password="right")
        await server.start()
        yield server
        await server.stop()

    async def test_right_one_opens(self, guarded, home, letter):
        mailer = Mailer(guarded.settings(user="sur", password="right"), "Sur", home)
        await mailer.send(letter)
        assert guarded.taken.qsize() == 1
        await mailer.rest()

    async def test_wrong_one_is_for_the_admin_to_mend(self, guarded, home, letter):
        mailer = Mailer(guarded.settings(user="sur", password="wrong"), "Sur", home)
        with pytest.raises(DeliveryFailed, match="535") as failed:
            await mailer.send(letter)
        assert not failed.value.permanent
        assert guarded.taken.empty()


@pytest.fixture
async def tls_server(tmp_path):
    server = MailServer(tls=own_certificate(tmp_path))
    await server.start()
    yield server
    await server.stop()


async def test_certificate_that_nobody_vouches_for_is_refused(tls_server, home, letter):
    mailer = Mailer(tls_server.settings(tls="starttls"), "Sur", home)
    with pytest.raises(DeliveryFailed, match="certificate") as failed:
        await mailer.send(letter)
    assert not failed.value.permanent


async def test_mail_goes_through_starttls(tls_server, home, letter, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    mailer = Mailer(tls_server.settings(tls="starttls"), "Sur", home)
    await mailer.send(letter)
    assert tls_server.taken.qsize() == 1
    await mailer.rest()


async def test_server_without_tls_gets_no_mail_if_tls_is_asked_for(mail_server, home, letter):
    with pytest.raises(DeliveryFailed) as failed:
        await Mailer(mail_server.settings(tls="starttls"), "Sur", home).send(letter)
    assert not failed.value.permanent
    assert mail_server.taken.empty()


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("avisos@sur.example", "Sur <avisos@sur.example>"),
        ("Avisos <avisos@sur.example>", "Avisos <avisos@sur.example>"),
    ],
)
def test_sender_shows_a_name(sender, shown):
    assert str(sender_address(sender, "Sur")) == shown


@pytest.mark.parametrize("sender", ["", "nobody", "a@b@c", "<>"])
def test_sender_that_is_no_address_is_the_admins_mistake(sender):
    with pytest.raises(ClientMistake, match=r"mail\.sender"):
        sender_address(sender, "Sur")


@pytest.mark.parametrize("subject", ["plain", "Clínica " * 20, "=?utf-8?q?=0D=0ABcc:_x?=", "long ascii " * 20])
def test_subject_survives_its_encoding(subject):
    raw = encoded_subject(subject.strip())
    assert all(len(line) <= 78 for line in f"Subject: {raw}".splitlines())
    mail = message_from_string(f"Subject: {raw}\n\n")
    assert str(make_header(decode_header(mail["Subject"]))).replace("\n", "") == subject.strip()


def own_certificate(folder) -> ssl.SSLContext:
    """A server's TLS context with a certificate for 127.0.0.1 that nobody vouches for: cert.pem in `folder`."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    options = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-nodes"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", *options, "-out", certificate, "-keyout", key]
    subprocess.run(make, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context
