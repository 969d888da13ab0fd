"""Commands that cannot be done as typed: one clear line, exit status 1, nothing changed."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event
from terminal import Admin, uncounted

from pbx_control.store import engine as store

REFUSED = [
    (["client", "show", "ande"], "did you mean andes?"),
    (["client", "show", "nobody"], "`client list` shows all"),
    (["client", "add", "andes", "--name", "Otra"], "already"),
    (["client", "add", "Los Andes", "--name", "Otra"], "short name"),
    (["client", "add", "otra", "--name", "a\nb"], "--name"),
    (["client", "add", "otra", "--name", "x" * 10_000], "too long"),
    (["client", "add", "otra", "--name", "Otra", "--timezone", "Mars/Phobos"], "no time zone"),
    (["client", "set", "andes"], "nothing to change"),
    (["client", "set", "andes", "--rut", "76.086.428-4"], "no RUT"),
    (["client", "set", "andes", "--wait-limit", "1 week"], "--wait-limit"),
    *(
        (["client", "set", "andes", option, "5"], f"{option}: 5 of what?")
        for option in ("--wait-limit", "--after-call", "--urgent-interval", "--repeat-within", "--short-call")
    ),
    (["secretary", "add", "Eva", "--wrap-up", "5"], "--wrap-up: 5 of what?"),
    (["client", "set", "andes", "--language", "fr"], "es or en"),
    (["did", "add", "+56225550109", "+56225550101"], "already"),
    (["did", "add", "+56225550109", "+56225550109"], "twice"),
    (["did", "add", "123"], "no telephone number: write it with its plus sign and country, like +56 9 8765 4321"),
    (["contact", "add", "andes", "Eva", "9 8765 4322"], "like +56 9 8765 4322"),
    (["contact", "add", "andes", "Eva", "+56987654321", "--then", "luego"], "like +56 9 8765 4321"),
    (["caller", "find", "?"], "write it like 9 8765 4321 or +56 9 8765 4321"),
    (["did", "add", "+56225550109", "--trunk", "carier"], "carrier"),
    (["did", "assign", "+56225550101", "andes"], "already"),
    (["did", "assign", "+56225559999", "andes"], "not one of our numbers"),
    (["did", "assign", "+56225550102", "nobody"], "no client"),
    (["did", "release", "+56225550102"], "no client"),
    (["did", "remove", "+56225550101"], "release"),
    (["trunk", "add", "carrier", "--match", "10.0.0.1"], "already"),
    (["trunk", "add", "other", "--match", "0.0.0.0/0"], "everybody"),
    (["trunk", "add", "other", "--match", "127.0.0.2"], "carrier"),
    (["trunk", "remove", "carrier"], "3 numbers"),
    (["trunk", "set", "carrier"], "nothing to change was given: name an option: --help lists them"),
    (["trunk", "set", "carrier", "--register"], "--host"),
    (["trunk", "set", "carrier", "--match", "0.0.0.0/0"], "everybody"),
    (["trunk", "set", "carier", "--max-calls", "3"], "carrier"),
    (["trunk", "set", "carier", "--password", "-"], "carrier"),  # before it asks for one
    (["secretary", "add", "Eva", "--secure"], "tls_bind"),
    (["hours", "set", "andes", "mon-sun 18:00-09:00 25:00"], "25:00"),
    (["hours", "set", "andes", "M-V 9-18"], "several days"),
    (["hours", "set", "andes", "mon-sun 25:00"], "25:00"),
    (["hours", "set", "nobody", "always"], "no client"),
    (["hours", "check", "andes", "--at", "last week"], "no time"),
    (["hours", "check", "andes", "--at", "0001-01-01"], "too far away"),
    (["holiday", "add", "12/31/2026"], "no day"),
    (["call", "list", "--since", "11/28/2026"], "no time"),
    (["holiday", "add", "2026-12-25"], "Navidad"),
    (["holiday", "remove", "2026-12-24"], "no holiday"),
    (["greeting", "set", "andes", "Hola {nadie}"], "{nadie}"),
    (["greeting", "rollback", "andes"], "earlier"),
    (["announcement", "set", "andes", "closed", "--text", "{nadie}"], "{nadie}"),
    (["announcement", "set", "andes", "closed", "--audio", __file__], "no audio"),
    (["announcement", "set", "andes", "closed", "--audio", "/nowhere.wav"], "/nowhere.wav"),
    (["announcement", "set", "nobody", "closed", "--text", "Hola"], "no client"),
    (["secretary", "add", "Ana", "--language", "fr"], "es or en"),
    (["secretary", "add", "Ana", "--clients", "andes,nobody"], "no client"),
    (["secretary", "remove", "Ana"], "no secretary"),
    (["secretary", "reset-password", "Ana"], "no secretary"),
    (["contact", "add", "andes", "Rosa", "+566006000101"], "neither"),
    (["contact", "add", "andes", "Rosa", "+881612345678"], "only to Chile"),
    (["contact", "add", "andes", "Rosa", "+56225550101"], "a number of ours"),
    (["contact", "remove", "andes", "Rosa"], "no contact"),
    (["recipient", "add", "andes", "--email", "a@b@c"], "no e-mail address"),
    (["recipient", "add", "andes", "--email", "ventas@andes"], "has no dot"),
    (["user", "add", "gerencia", "--role", "client", "--client", "andes", "--email", "ana@andes"], "has no dot"),
    (["recipient", "add", "andes", "--telegram", "canal"], "no Telegram chat"),
    (["recipient", "remove", "andes", "a@b.cl"], "no recipient"),
    (["client", "show", "\udcff"], "UTF-8"),
]


@pytest.mark.parametrize(("words", "why"), REFUSED, ids=[" ".join(words)[:50] for words, _ in REFUSED])
def test_bad_command_is_refused_in_one_line(office: Admin, words: list[str], why: str) -> None:
    assert why in office.is_refused(*words)


def test_bad_commands_change_nothing(office: Admin, unchanged: Callable[[Admin], Any]) -> None:
    before = unchanged(office)
    for words, _ in REFUSED:
        office.is_refused(*words)
    assert unchanged(office) == before


def test_refusal_is_told_in_the_terminals_language(office: Admin) -> None:
    told = office.is_refused("did", "add", "123", env={"LC_ALL": "es_CL.UTF-8"})
    assert told.startswith("'123' no es un número de teléfono")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=40), min_size=1, max_size=3))
def test_whatever_is_typed_leaves_no_traceback(office: Admin, words: list[str]) -> None:
    for command in (["client", "add"], ["client", "set", "andes", "--name"], ["did", "add"], ["hours", "set", "andes"]):
        result = office.types(*command, *words)
        assert result.exit_code in (0, 1, 2)


@pytest.mark.parametrize("words", [["client", "list"], ["status"], ["did", "add", "+56225550101"]])
def test_home_that_was_not_set_up_is_said(tmp_path: Path, words: list[str]) -> None:
    assert "run `pbx-control setup` first" in Admin(tmp_path / "none").is_refused(*words)


def test_home_below_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "Not a directory" in Admin(tmp_path / "file").is_refused("client", "list")
    assert str(tmp_path / "file") in Admin(tmp_path / "file" / "below").is_refused("setup")


def test_settings_that_make_no_sense_are_said(admin: Admin) -> None:
    settings_file = admin.home / "pbx.toml"
    settings_file.write_text('[sip]\nbind = "nowhere"\n')
    assert "sip.bind" in admin.is_refused("client", "list")
    settings_file.write_bytes(b'[sip]\nbind = "\xff"\n')
    assert "no text in UTF-8" in admin.is_refused("client", "list")
    settings_file.write_text("[sip\n")
    assert "not valid TOML" in admin.is_refused("client", "list")
    assert "not valid TOML" in admin.is_refused("setup")


def test_database_without_tables_is_said(admin: Admin) -> None:
    (admin.home / "pbx.db").unlink()
    assert "pbx-control setup" in admin.is_refused("client", "list")


def test_file_that_is_no_database_is_said(admin: Admin) -> None:
    (admin.home / "pbx.db").write_bytes(b"no database at all" * 1000)
    assert "the database cannot be used" in admin.is_refused("client", "list")


def test_database_that_is_away_is_said(admin: Admin) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:16099/none"
    assert "the database cannot be used" in admin.is_refused("client", "list", env={"PBX_DATABASE__URL": url})


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://a/b", "postgresql://a/b", "sqlite+nothing:///x", "://", "postgresql+psycopg://a:abc/b"]
)
def test_database_of_another_kind_is_said(admin: Admin, url: str) -> None:
    assert "[database] url" in admin.is_refused("client", "list", env={"PBX_DATABASE__URL": url})


def test_full_disk_of_the_database_is_said(
    office: Admin, monkeypatch: pytest.MonkeyPatch, unchanged: Callable[[Admin], Any]
) -> None:
    before, open_large = unchanged(office), store.open_engine

    def open_small(*arguments: Any) -> Engine:
        opened = open_large(*arguments)
        event.listen(opened, "connect", lambda raw, _record: raw.execute("PRAGMA max_page_count=1"))
        return opened

    with monkeypatch.context() as patched:
        patched.setattr(store, "open_engine", open_small)
        many = [f"+56225{number:06}" for number in range(550200, 553000)]
        assert "full" in office.is_refused("did", "add", *many)
    assert unchanged(office) == before


def test_disk_on_which_no_file_can_grow_is_said(office: Admin, tmp_path: Path) -> None:
    """A limit on file sizes stands for the full disk: the kernel refuses the write in the same way."""
    command = [sys.executable, "-m", "cli", "--home", str(tmp_path / "new"), "setup"]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[3],
        env=uncounted() | {"LC_ALL": "C.UTF-8"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("pbx-control: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new" / "pbx.toml").exists()
