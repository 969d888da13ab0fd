"""`setup` makes a home once and mends it later; `status` tells whether calls are taken."""

import json
import os
import socket
import stat
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from answering_daemon import a_chair, answering
from terminal import Admin

from pbx_control.admin.home import make_folders
from pbx_control.asterisk.runtime import Runtime
from pbx_control.live.listener import socket_name
from pbx_control.live.pulse import take_lock
from pbx_control.settings import Home

REPOSITORY = Path(__file__).parents[3]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_home_and_its_secrets_are_closed_to_others(set_up_home: Path) -> None:
    assert mode(set_up_home) == 0o700
    assert mode(set_up_home / "pbx.toml") == 0o600
    made = tomllib.loads((set_up_home / "pbx.toml").read_text())["secrets"]
    assert len(made["ari_password"]) >= 32
    assert len(made["ami_password"]) >= 32
    assert made["ari_password"] != made["ami_password"]


def test_home_has_prompts_and_configuration(set_up_home: Path) -> None:
    assert list((set_up_home / "prompts" / "spoken").glob("es-*.wav"))
    assert list((set_up_home / "prompts" / "spoken").glob("en-*.wav16"))
    assert (set_up_home / "asterisk" / "etc" / "extensions.conf").read_text()


def test_setting_up_again_keeps_everything(office: Admin) -> None:
    before = (office.home / "pbx.toml").read_bytes(), office.reads("client", "show", "andes")
    office.does("setup")
    assert ((office.home / "pbx.toml").read_bytes(), office.reads("client", "show", "andes")) == before


def test_setting_up_again_speaks_what_is_missing(office: Admin) -> None:
    office.does("hours", "set", "andes", "mon-fri 08:30-17:00")
    [closed] = office.reads("announcement", "show", "andes", "closed")
    (office.home / f"{closed['sound']}.wav").unlink()
    office.does("setup")
    assert (office.home / f"{closed['sound']}.wav").exists()


def test_what_people_wrote_into_the_settings_stays(admin: Admin) -> None:
    settings_file = admin.home / "pbx.toml"
    settings_file.write_text('# ours\n[office]\nname = "Sur"  # the south\n\n[secrets]\nari_password = "short"\n')
    settings_file.chmod(0o644)
    admin.does("setup")
    written = settings_file.read_text()
    assert "# ours" in written
    assert 'name = "Sur"  # the south' in written
    assert "short" not in written
    assert mode(settings_file) == 0o600


def test_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "thesis.txt" in Admin(tmp_path).is_refused("setup")
    assert mode(tmp_path) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("there", ["demo/pbx.toml", ".bashrc", "lost+found/x"])
def test_what_a_demo_or_useradd_left_is_no_obstacle(tmp_path: Path, there: str) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).touch()
    make_folders(Home(tmp_path))
    assert (tmp_path / "recordings").is_dir()


@pytest.mark.postgres
def test_database_of_the_environment_is_honoured(admin: Admin, postgres_url: str) -> None:
    environment = {"PBX_DATABASE__URL": postgres_url}
    admin.does("setup", env=environment)
    admin.does("client", "add", "andes", "--name", "Andes", env=environment)
    assert "andes" in admin.does("client", "list", env=environment)
    assert admin.reads("client", "list") == []
    assert postgres_url not in (admin.home / "pbx.toml").read_text()


@pytest.fixture
def root_elsewhere(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> Admin:
    """Root, in a home that is another user's."""
    if os.geteuid() == 0:
        os.chown(admin.home, 65534, 65534)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return admin


@pytest.mark.parametrize(
    "words",
    [
        *(["setup"], ["run"], ["run", "--with-asterisk"], ["dialplan", "apply"]),
        *(["asterisk", verb] for verb in ("start", "stop", "restart")),
        *(["client", "add", "andes", "--name", "Andes"], ["secretary", "add", "Ana"]),
    ],
    ids=" ".join,
)
def test_root_leaves_nothing_in_another_users_home(root_elsewhere: Admin, words: list[str]) -> None:
    def everything() -> dict[Path, float]:
        return {path: path.lstat().st_mtime for path in root_elsewhere.home.rglob("*")}

    before = everything()
    owner = root_elsewhere.home.owner()
    assert f"is {owner}'s: run it as that user: runuser -u {owner} --" in root_elsewhere.is_refused(*words)
    assert everything() == before


def test_root_may_look_at_another_users_home_and_prepare_his_asterisk(
    root_elsewhere: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert root_elsewhere.reads("client", "list") == []
    assert root_elsewhere.types("status").stderr == ""
    monkeypatch.setattr(Runtime, "prepare", lambda _self, _tell: "rootfs")
    assert "Asterisk can be started (rootfs)" in root_elsewhere.does("asterisk", "prepare")


def test_status_without_a_daemon(admin: Admin) -> None:
    result = admin.types("status", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["daemon"] == {"running": False, "ready": False}
    assert told["database"] == {"ready": True, "kind": "sqlite", "live_calls": 0}
    assert not told["asterisk"]["running"]
    assert "not running" in admin.types("status").stdout


@pytest.mark.parametrize("ready", [True, False])
def test_status_with_a_daemon(admin: Admin, ready: bool) -> None:
    since = datetime(2026, 11, 22, 12, tzinfo=UTC)
    with answering(Home(admin.home), ready=ready, since=since):
        result = admin.types("status", "--json")
    assert result.exit_code == (0 if ready else 1)
    told = json.loads(result.stdout)["daemon"]
    assert told == {"running": True, "ready": ready, "pid": os.getpid(), "since": since.isoformat()}


def test_status_counts_the_secretaries_by_state(office: Admin) -> None:
    for name in ("Ana", "Eva", "Inés"):
        office.does("secretary", "add", name)
    office.does("secretary", "pause", "Eva")
    without = json.loads(office.types("status", "--json").stdout)["secretaries"]
    assert without == {"ready": 0, "pause": 1, "offered": 0, "talking": 0, "wrap-up": 0, "offline": 2}
    with answering(Home(office.home), chairs=[a_chair(1, registered=True), a_chair(2, paused=True)]):
        told = json.loads(office.types("status", "--json").stdout)["secretaries"]
        shown = office.does("status")
    assert told == {"ready": 1, "pause": 1, "offered": 0, "talking": 0, "wrap-up": 0, "offline": 1}
    assert "1 ready, 1 in a pause, 1 offline" in shown


def test_status_of_a_daemon_that_hangs(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is connected to, but says nothing; who it is it wrote down."""
    monkeypatch.setattr("pbx_control.admin.duties.SILENCE", timedelta(seconds=0.05))
    since = "2026-11-22T12:00:00+00:00"
    home = Home(admin.home)
    with take_lock(home), socket.socket(socket.AF_UNIX) as silent, socket_name(home) as name:
        (admin.home / "run" / "daemon.json").write_text(json.dumps({"pid": os.getpid(), "since": since}))
        silent.bind(name)
        silent.listen()
        result = admin.types("status", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["daemon"] == {"running": True, "ready": False, "pid": os.getpid(), "since": since}


def test_status_of_a_daemon_that_starts(admin: Admin) -> None:
    with take_lock(Home(admin.home)):
        told = json.loads(admin.types("status", "--json").stdout)
    assert told["daemon"] == {"running": True, "ready": False}


def test_a_daemon_is_not_ready_because_the_one_before_was(admin: Admin) -> None:
    since = datetime.now(UTC).isoformat()
    (admin.home / "run" / "daemon.json").write_text(
        json.dumps({"pid": 2**22, "ready": True, "since": since, "beat": since})
    )
    with take_lock(Home(admin.home)):
        assert admin.types("status").exit_code == 1


@pytest.mark.parametrize("left", ["", "{}", "[]", '{"pid": "x", "ready": true, "since": "now"}', "null"])
def test_status_takes_no_leftover_for_a_daemon(admin: Admin, left: str) -> None:
    (admin.home / "run" / "daemon.json").write_text(left)
    (admin.home / "run" / "daemon.lock").write_text("")
    result = admin.types("status", "--json")
    assert result.exit_code == 1
    assert not json.loads(result.stdout)["daemon"]["running"]


def test_a_listing_loads_only_what_it_needs(office: Admin) -> None:
    """`did list` answers within 0.6 s; any of these would take a good part of that."""
    program = f"""
import sys
from cli import main
main(["--home", {str(office.home)!r}, "did", "list", "--json"], standalone_mode=False)
print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "+56225550101" in done.stdout
    loaded = set(done.stderr.split())
    heavy = {
        "alembic",
        "apscheduler",
        "babel",
        "holidays",
        "jinja2",
        "numpy",
        "rich",
        "soundfile",
        "telegram",
        "tomlkit",
    }
    assert "sqlalchemy" in loaded
    assert not loaded & heavy
