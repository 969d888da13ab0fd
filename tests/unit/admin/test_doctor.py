"""`doctor` names what is wrong, says what to do about it, and is content with what is well."""

import json
import os
import shutil
import socket
import socketserver
import sqlite3
import threading
from collections import namedtuple
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from terminal import Admin

from pbx_control import clock, disks
from pbx_control.admin import checkup
from pbx_control.asterisk.runtime import Runtime, Status
from pbx_control.domain.notices.messages import Channel, Letter
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.notify.delivery import Delivery
from pbx_control.notify.outcomes import record
from pbx_control.settings import Home, Settings
from pbx_control.store import letters, secretaries
from pbx_control.store.engine import open_engine, writing

PORTS = {"PBX_ASTERISK__HTTP_PORT": "16170", "PBX_ASTERISK__AMI_PORT": "16171", "PBX_SIP__BIND": "127.0.0.1:16172"}
OLD = datetime(2026, 1, 1, tzinfo=UTC)
NO_MAIL = {"PBX_MAIL__HOST": "127.0.0.1", "PBX_MAIL__PORT": "16179"}


def findings(admin: Admin, **env: str) -> dict[str, str]:
    """What doctor found, each finding with its level."""
    result = admin.types("doctor", "--json", env=PORTS | NO_MAIL | env)
    found = {entry["finding"]: entry["level"] for entry in json.loads(result.stdout)}
    assert result.exit_code == (1 if "bad" in found.values() else 0)
    return found


def level(found: dict[str, str], words: str) -> str:
    """The level of the one finding that has these words."""
    (only,) = [level for finding, level in found.items() if words in finding]
    return only


def test_a_new_home_lacks_only_what_has_to_run(admin: Admin) -> None:
    found = findings(admin)
    wrong = {finding for finding, level in found.items() if level == "bad"}
    assert wrong == {"Asterisk does not run: pbx-control asterisk start"}
    assert level(found, "the daemon does not run") == "warn"
    assert level(found, "the database (sqlite) answers") == "ok"
    assert level(found, "sounds are there") == "ok"


@pytest.mark.parametrize(
    ("answer", "told", "bad"),
    [
        (None, "no pages are served on 127.0.0.1:", "warn"),
        (b'{"daemon": "away", "database": "ok"}', "the pages are served: http://127.0.0.1:", "ok"),
        (b"hello", "another program answers on 127.0.0.1:", "bad"),
        (b"[]", "another program answers on 127.0.0.1:", "bad"),
    ],
)
def test_whether_the_pages_are_served_is_told(admin: Admin, answer: bytes | None, told: str, bad: str) -> None:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/healthz"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer or b"")

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        if answer is None:
            server.server_close()
        else:
            threading.Thread(target=server.handle_request).start()
        assert level(findings(admin, PBX_WEB__BIND=f"127.0.0.1:{server.server_port}"), told) == bad


def test_pages_in_the_clear_on_a_network_are_bad(admin: Admin) -> None:
    assert (
        level(findings(admin, PBX_WEB__BIND="0.0.0.0:8080"), "passwords would cross the network in the clear") == "bad"
    )


def test_contacts_that_no_carrier_reaches_are_told(office: Admin) -> None:
    words = "the contacts of andes cannot be called"
    assert not any(words in finding for finding in findings(office))
    office.does("contact", "add", "andes", "Rosa", "+56987654321")
    assert level(findings(office), words) == "warn"
    office.does("trunk", "add", "out", "--match", "192.0.2.77", "--host", "192.0.2.77")
    office.does("did", "add", "+56225550177", "--trunk", "out")
    office.does("did", "assign", "+56225550177", "andes")
    assert not any(words in finding for finding in findings(office))


def test_who_guesses_passwords_is_named(office: Admin) -> None:
    words = "wrong passwords"
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with closing(sqlite3.connect(office.home / "pbx.db")) as raw:
        for source, at, times in (("203.0.113.9", hour, 600), ("203.0.113.8", hour, 3), ("203.0.113.7", OLD, 600)):
            row = (source, at.isoformat(" "), "wrong-password", times)
            raw.execute("INSERT INTO refusal (source, hour, reason, count) VALUES (?, ?, ?, ?)", row)
        raw.commit()
    found = findings(office)
    assert level(found, words) == "warn"
    assert level(found, "203.0.113.9 has tried 600") == "warn"


@pytest.mark.parametrize(
    ("answers", "ready", "told", "bad"),
    [
        (True, True, "nobody guesses passwords of telephones", "ok"),
        (False, True, "guesses passwords of telephones cannot be told: Asterisk does not answer", "warn"),
        (True, False, "guesses passwords of telephones cannot be told: the daemon does not take calls", "warn"),
    ],
)
def test_that_nobody_guesses_is_said_only_if_somebody_listens(
    office: Admin, monkeypatch: pytest.MonkeyPatch, answers: bool, ready: bool, told: str, bad: str
) -> None:
    status = Status(running=answers, answers=answers, runtime="rootfs", version="22.10.1")
    monkeypatch.setattr(Runtime, "status", lambda self: status)
    monkeypatch.setattr(checkup, "daemon_state", lambda *_: {"ready": ready, "running": ready})
    found = findings(office)
    assert level(found, told) == bad
    assert [finding for finding in found if "guesses passwords" in finding] == [
        finding for finding in found if told in finding
    ]


def test_whose_telephone_was_left_on_forward_is_named_until_it_rings_again(office: Admin) -> None:
    words = "Ana's telephone forwards calls (302), last at 2025-12-31 21:00"
    office.does("secretary", "add", "Ana")
    engine = open_engine(Home(office.home), Settings())
    with writing(engine) as connection:
        secretaries.note_forward(connection, 1, OLD)
    assert level(findings(office), words) == "warn"
    assert office.reads("secretary", "list")[0]["forwarded_at"] == OLD.isoformat()
    with writing(engine) as connection:
        secretaries.note_forward(connection, 1, None)
    engine.dispose()
    assert not any(words in finding for finding in findings(office))
    assert office.reads("secretary", "list")[0]["forwarded_at"] is None


def test_without_a_home_it_says_how_to_make_one(tmp_path: Path) -> None:
    found = findings(Admin(tmp_path / "nothing"))
    assert level(found, "run `pbx-control setup` first") == "bad"


def test_a_mistyped_variable_is_told_with_what_is_meant(admin: Admin) -> None:
    found = findings(admin, PBX_SIPP__BIND="0.0.0.0:5060")
    assert level(found, "PBX_SIPP__BIND means nothing: is PBX_SIP__BIND meant?") == "warn"


TOLD = """
Transport:  <TransportId........>  <Type>  <cos>  <tos>  <BindAddress....................>
==========================================================================================

Transport:  transport-tcp             tcp      0      0  127.0.0.1:16172
Transport:  transport-udp             udp      0      0  127.0.0.1:16172

Objects found: 2
"""


@pytest.mark.parametrize(("bind", "restart"), [("127.0.0.1:16172", False), ("127.0.0.1:5060", True)])
def test_a_changed_bind_that_is_not_in_force_is_told(
    admin: Admin, monkeypatch: pytest.MonkeyPatch, bind: str, restart: bool
) -> None:
    running = Status(running=True, answers=True, runtime="rootfs", version="22.10.1")
    monkeypatch.setattr(Runtime, "status", lambda _self: running)
    monkeypatch.setattr(Runtime, "command", lambda _self, _text: TOLD)
    told = [finding for finding in findings(admin, PBX_SIP__BIND=bind) if "pbx-control asterisk restart" in finding]
    assert [f"listens on 127.0.0.1:16172, not on {bind} ([sip] bind)" in line for line in told] == [True] * restart


def test_a_busy_port_is_told_with_its_owner(admin: Admin) -> None:
    with socket.create_server(("127.0.0.1", 16170)):
        found = findings(admin)
    assert level(found, f"process {os.getpid()}") == "bad"
    assert level(found, "127.0.0.1:16170/tcp is taken by") == "bad"


def test_missing_sounds_are_counted(admin: Admin) -> None:
    next((admin.home / "prompts/spoken").glob("es-*.wav")).unlink()
    assert level(findings(admin), "1 sound is missing: run `pbx-control setup`") == "bad"


def test_an_old_database_is_noticed(admin: Admin) -> None:
    with sqlite3.connect(admin.home / "pbx.db") as connection:
        connection.execute("DELETE FROM alembic_version")
    connection.close()
    assert level(findings(admin), "the database is not up to date") == "bad"


def test_a_database_that_is_away_is_told_in_one_line(admin: Admin) -> None:
    found = findings(admin, PBX_DATABASE__URL="postgresql+psycopg://nobody@127.0.0.1:16178/pbx")
    assert level(found, "the database cannot be used") == "bad"


def test_a_full_disk_is_bad_and_a_small_one_doubtful(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    Usage = namedtuple("Usage", "total used free")
    for free, expected in ((500_000_000, "bad"), (3_000_000_000, "warn"), (50_000_000_000, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(10**12, 10**12 - free, free))
        assert level(findings(admin), f"on the disk of {admin.home}/recordings, {admin.home}, ") == expected


def test_each_folder_s_own_disk_is_looked_at(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recordings' is full, and the home has 83 GB."""
    Usage = namedtuple("Usage", "total used free")
    recordings, real = admin.home / "recordings", os.stat
    Device = namedtuple("Device", "st_dev")

    def stat(path: Path, **options: object) -> object:
        return Device(-1) if path == recordings else real(path, **options)

    def usage(path: Path) -> Usage:
        free = 6_000_000 if path == recordings else 83_000_000_000
        return Usage(10**12, 10**12 - free, free)

    monkeypatch.setattr(disks.os, "stat", stat)
    monkeypatch.setattr(shutil, "disk_usage", usage)
    found = findings(admin)
    assert level(found, f"only 6 MB are free on the disk of {recordings}: make room") == "bad"
    assert level(found, f"83 GB are free on the disk of {admin.home}, ") == "ok"
    assert admin.is_refused("job", "run", "space").startswith(
        f"the job space: failed: 6 MB free on the disk of {recordings}"
    )


def test_settings_that_others_can_read_are_doubtful(admin: Admin) -> None:
    (admin.home / "pbx.toml").chmod(0o644)
    assert level(findings(admin), "can be read by others: chmod 600") == "warn"


def test_a_key_that_asterisk_cannot_read_is_bad(admin: Admin, tmp_path: Path) -> None:
    found = findings(admin, PBX_SIP__KEY=str(tmp_path / "missing.pem"))
    assert level(found, "missing.pem: see [sip]") == "bad"


class MailServer(socketserver.StreamRequestHandler):
    """Takes every command and letter; `features` are what it says to EHLO."""

    features: ClassVar[list[bytes]] = []
    taken: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 mail.test ESMTP\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            self.wfile.write(self.answer(verb))
            if verb == b"DATA":
                self.taken.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.wfile.write(b"250 taken\r\n")

    def answer(self, verb: bytes) -> bytes:
        if verb == b"QUIT":
            return b"221 bye\r\n"
        if verb == b"DATA":
            return b"354 go on\r\n"
        lines = [b"mail.test", *self.features] if verb == b"EHLO" else [b"fine"]
        return b"".join(b"250-" + line + b"\r\n" for line in lines[:-1]) + b"250 " + lines[-1] + b"\r\n"


@pytest.fixture
def mail_server() -> Iterator[int]:
    MailServer.features, MailServer.taken = [], []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_mail_server_that_answers_is_well(admin: Admin, mail_server: int) -> None:
    env = {"PBX_MAIL__PORT": str(mail_server), "PBX_MAIL__TLS": "none"}
    assert level(findings(admin, **env), f"the mail server 127.0.0.1:{mail_server} answers") == "ok"


def test_one_that_does_not_encrypt_as_wanted_is_told(admin: Admin, mail_server: int) -> None:
    assert level(findings(admin, PBX_MAIL__PORT=str(mail_server)), "offers no STARTTLS: use its port") == "bad"


def test_a_mail_server_that_lacks_what_letters_need_is_told(admin: Admin, mail_server: int) -> None:
    MailServer.features = [b"SIZE 200000", b"8BITMIME"]
    env = {"PBX_MAIL__PORT": str(mail_server), "PBX_MAIL__TLS": "none"}
    assert level(findings(admin, **env), "of at most 200 kB: messages of more than 8 s go without") == "warn"
    assert level(findings(admin, PBX_MAIL__USER="sur", **env), "takes no password") == "bad"


def test_a_mail_server_that_breaks_off_starttls_does_not_serve(admin: Admin, mail_server: int) -> None:
    MailServer.features = [b"STARTTLS"]
    assert level(findings(admin, PBX_MAIL__PORT=str(mail_server)), "does not serve") == "warn"


def test_an_absent_mail_server_is_bad_once_somebody_waits_for_mail(office: Admin) -> None:
    assert level(findings(office), "the mail server 127.0.0.1:16179 does not serve") == "warn"
    office.does("recipient", "add", "andes", "--email", "gerencia@andes.example")
    assert level(findings(office), "the mail server 127.0.0.1:16179 does not serve") == "bad"


def test_an_address_that_gets_no_messages_is_bad_and_marked(office: Admin) -> None:
    office.does("recipient", "add", "andes", "--email", "gerencia@andes.example")
    engine = open_engine(Home(office.home), Settings())
    letter = Letter(
        channel=Channel.EMAIL,
        address="gerencia@andes.example",
        message_id="call.1",
        subject="Llamada",
        text="x",
        written_at=clock.now(),
    )
    with writing(engine) as conn:
        letters.add(conn, [letter])
        [posted] = letters.newest(conn)
        record(conn, [Delivery(posted, clock.now(), DeliveryFailed("550 no such user", Fault.FINAL))], AlarmDesk())
    assert level(findings(office), "gerencia@andes.example gets no messages since") == "bad"
    [row] = office.reads("recipient", "list", "andes")
    assert row["failing_since"]
    assert row["last_error"] == "550 no such user"
    office.does("recipient", "remove", "andes", "gerencia@andes.example")
    assert not [finding for finding in findings(office) if "gets no messages" in finding]
    engine.dispose()


def test_messages_that_wait_long_are_told(office: Admin) -> None:
    engine = open_engine(Home(office.home), Settings())
    letter = Letter(
        channel=Channel.EMAIL,
        address="gerencia@andes.example",
        message_id="call.1",
        subject="Llamada",
        text="x",
        written_at=clock.now() - timedelta(hours=1),
    )
    with writing(engine) as conn:
        letters.add(conn, [letter])
    assert level(findings(office), "messages wait since") == "warn"
    engine.dispose()


def test_mail_test_sends_a_letter_at_once(office: Admin, mail_server: int) -> None:
    env = {"PBX_MAIL__PORT": str(mail_server), "PBX_MAIL__TLS": "none", "PBX_MAIL__REPLY_TO": "recepcion@sur.cl"}
    shown = office.types("mail", "test", "ana@ñandú.cl", env=env)
    assert (shown.exit_code, "has taken the letter for ana@ñandú.cl" in shown.stdout) == (0, True)
    [letter] = MailServer.taken
    assert b"To: ana@xn--and-6ma2c.cl" in letter
    assert b"Reply-To: recepcion@sur.cl" in letter


@pytest.mark.parametrize(
    ("address", "port", "words"),
    [("nadie", "25", "is no e-mail address"), ("a@b.cl", "1", "cannot be used")],
)
def test_mail_test_tells_why_none_was_sent(office: Admin, address: str, port: str, words: str) -> None:
    env = {"PBX_MAIL__PORT": port, "PBX_MAIL__TLS": "none", "PBX_MAIL__HOST": "127.0.0.1"}
    shown = office.types("mail", "test", address, env=env)
    assert (shown.exit_code, words in shown.stderr) == (1, True)


def test_recipients_by_telegram_need_a_bot(office: Admin) -> None:
    office.does("recipient", "add", "andes", "--telegram", "123456")
    assert level(findings(office), "no bot: set [telegram] token") == "bad"


def test_people_read_it_in_their_language(admin: Admin) -> None:
    shown = admin.types("--lang", "es", "doctor", env=PORTS | NO_MAIL)
    assert "mal  Asterisk no está en marcha: pbx-control asterisk start\n" in shown.stdout
    assert shown.stdout.endswith("por arreglar: 1\n")
    assert shown.exit_code == 1
