"""`audit list`: who changed what, when and from where."""

import os
import pwd

import pytest
from terminal import Admin

from pbx_control.admin import identity
from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.services.work import booking
from pbx_control.settings import Home, Settings
from pbx_control.store.engine import open_engine
from pbx_control.store.tables import audit

ME = pwd.getpwuid(os.getuid()).pw_name


def test_a_change_is_told_with_its_fields_as_they_were_and_are(office: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.5 50000 192.0.2.1 22")
    office.does("client", "set", "andes", "--name", "Andes SpA")
    newest, *_ = office.reads("audit", "list")
    assert newest["verb"] == "client changed"
    assert (newest["actor"], newest["who"], newest["origin"]) == ("admin", ME, "ssh 203.0.113.5")
    assert newest["client"] == newest["subject"] == "andes"
    assert newest["changes"] == {"name": {"old": "Andes Ltda", "new": "Andes SpA"}}


def test_who_called_sudo_is_named_and_not_whom_he_became(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "daemon")
    assert identity.who_asks().name == "daemon"


def test_an_address_has_room_and_moves_no_cursor_whatever_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An IPv6 address may end in a zone, of any characters and any length."""
    monkeypatch.setenv("SSH_CONNECTION", f"fe80::1%eth0\x1b[2J\u202e{'a' * 5000} 50000 ::1 22")
    origin = identity.who_asks().origin
    assert origin.startswith("ssh fe80::1%eth0[2Jaaa")
    assert len(origin) <= audit.c.origin.type.length


def test_a_name_has_room_however_long_a_directory_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    long = pwd.getpwuid(os.getuid())[1:]
    monkeypatch.setattr(identity.pwd, "getpwnam", lambda _: pwd.struct_passwd(("ana@" + "a" * 200, *long)))
    assert len(identity.who_asks().name) <= audit.c.who.type.length


@pytest.mark.parametrize("invented", ["", "nobody-of-that-name", "\x1b[31m", "a" * 5000])
def test_a_name_that_the_system_does_not_know_is_not_believed(invented: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", invented)
    assert identity.who_asks().name == ME


def test_what_is_no_address_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "somewhere; rm -rf / 22")
    assert "somewhere" not in identity.who_asks().origin


def test_it_is_read_for_one_client_and_since_a_moment(office: Admin) -> None:
    office.does("client", "add", "lagos", "--name", "Lagos")
    assert {row["client"] for row in office.reads("audit", "list", "--client", "lagos")} == {"lagos"}
    assert office.reads("audit", "list", "--since", "2h")
    assert [row["verb"] for row in office.reads("audit", "list", "--limit", "1")] == ["client added"]


def test_no_password_stands_in_it(office: Admin) -> None:
    account = office.reads("secretary", "add", "Ana")
    again = office.reads("secretary", "reset-password", "Ana")
    office.does("trunk", "set", "carrier", "--password", "Secreto123")
    trail = office.does("audit", "list", "--json")
    assert "***" in trail
    for secret in (account["password"], again["password"], "Secreto123"):
        assert secret not in trail


def test_a_caller_who_is_marked_is_not_named(office: Admin) -> None:
    office.does("caller", "mark", "+56912345678", "blocked", "--why", "amenaza a Rosa")
    office.does("caller", "unmark", "+56912345678")
    trail = office.does("audit", "list", "--json")
    assert "caller unmarked" in trail
    assert "56912345678" not in trail
    assert "Rosa" not in trail


def test_it_speaks_spanish(office: Admin) -> None:
    told = office.does("--lang", "es", "audit", "list")
    assert "quién" in told
    assert "cliente agregado" in told


def test_what_a_field_was_and_is_reads_as_in_other_tables(office: Admin) -> None:
    office.does("client", "suspend", "andes")
    assert "estado: activo → suspendido" in office.does("--lang", "es", "audit", "list", "--limit", "1")
    office.does("client", "resume", "andes")
    office.does("hours", "set", "andes", "mon 9-12")
    assert "→ lun 09:00-12:00" in office.does("--lang", "es", "audit", "list", "--limit", "1")
    office.does("client", "paid", "andes")
    told = office.does("--lang", "es", "audit", "list", "--limit", "1")
    assert "plazo de la bienvenida: 20" in told
    assert "+00:00" not in told


@pytest.mark.parametrize(("language", "told"), [("en", "job invoices"), ("es", "tarea invoices")])
def test_what_a_job_has_done_is_told_with_its_counts(office: Admin, language: str, told: str) -> None:
    counts = {"en": ("recordings purged", "deleted: 12"), "es": ("grabaciones borradas", "borrados: 12")}
    with booking(open_engine(Home(office.home), Settings()), Actor(ActorKind.JOB, "invoices"), now()) as work:
        work.note(Verb.RECORDINGS_PURGED, "", new={"deleted": 12})
    shown = office.does("--lang", language, "audit", "list", "--limit", "1")
    assert all(words in shown for words in (told, *counts[language]))
    assert "→" not in shown
