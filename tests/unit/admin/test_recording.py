"""`pbx-control recording`: the list of what was recorded, and copies that never overwrite anything."""

import io
import json
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert

from cli import main
from pbx_control.settings import Home, Settings
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.migrate import upgrade
from pbx_control.store.tables import call, client

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
NAME = "2026/08/03/pbx-1.1.wav"
MESSAGE = "2026/08/03/pbx-2.1-message.wav"


def sound(seconds: float) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\x01\x02" * int(seconds * 8000))
    return content.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with one recorded call, one left message, and one call of neither."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.settings_file.write_text("")
    upgrade(home, Settings())
    engine = open_engine(home, Settings())
    with writing(engine) as conn:
        conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="never", created_at=NOON))
        conn.execute(insert(client).values(id=2, slug="otra", name="Otra", week="never", created_at=NOON))
        facts = {"client_id": 1, "did": "+56225550101", "caller": "anonymous", "caller_name": "María", "phase": "ended"}
        conn.execute(
            insert(call),
            [
                facts | row
                for row in (
                    {"id": "pbx-1.1", "arrived_at": NOON, "talked": 9.0, "recording": NAME, "message": ""}
                    | {"ended_at": NOON + timedelta(seconds=9), "recording_flaw": "short"},
                    {"id": "pbx-2.1", "arrived_at": NOON + timedelta(hours=1), "talked": None, "recording": ""}
                    | {"message": MESSAGE, "ended_at": None, "recording_flaw": ""},
                    {"id": "pbx-3.1", "arrived_at": NOON, "talked": None, "recording": "", "message": ""}
                    | {"ended_at": None, "recording_flaw": ""},
                )
            ],
        )
    engine.dispose()
    for name, seconds in ((NAME, 4), (MESSAGE, 2)):
        (home.recordings / name).parent.mkdir(parents=True, exist_ok=True)
        (home.recordings / name).write_bytes(sound(seconds))
    return home


def pbx_control(home: Home, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home.root), "--lang", "en", "recording", *arguments])


def refusal(home: Home, *arguments: str) -> str:
    result = pbx_control(home, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_recordings_and_messages_are_listed_newest_first(home: Home) -> None:
    message, recording = json.loads(pbx_control(home, "list", "--json").stdout)
    assert (message["call"], message["message"], message["seconds"]) == ("pbx-2.1", MESSAGE, 2)
    assert (recording["call"], recording["recording"], recording["seconds"]) == ("pbx-1.1", NAME, 4)
    assert (recording["talked"], recording["flaw"], recording["client"]) == (9, "short", "andes")
    assert recording["bytes"] == len(sound(4))


def test_a_lost_file_is_told(home: Home) -> None:
    (home.recordings / NAME).unlink()
    assert [row["exists"] for row in json.loads(pbx_control(home, "list", "--json").stdout)] == [True, False]


def test_the_table_shows_what_a_person_wants_to_know(home: Home) -> None:
    shown = pbx_control(home, "list", "--client", "andes", "--limit", "1").stdout
    assert "pbx-2.1" in shown
    assert "María anonymous" in shown
    assert "pbx-1.1" not in shown


def test_only_one_clients_recordings_are_listed(home: Home) -> None:
    assert json.loads(pbx_control(home, "list", "--client", "otra", "--json").stdout) == []
    assert "there is no client" in refusal(home, "list", "--client", "nobody")


def test_a_recording_is_copied_for_its_owner_alone(home: Home, tmp_path: Path) -> None:
    target = tmp_path / "copy.wav"
    assert pbx_control(home, "fetch", "pbx-1.1", "-o", str(target)).exit_code == 0
    assert target.read_bytes() == sound(4)
    assert target.stat().st_mode & 0o777 == 0o600


def test_without_a_name_it_is_copied_here_under_its_own(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "pbx-2.1-message.wav written" in pbx_control(home, "fetch", "pbx-2.1", "--message").stdout
    assert (tmp_path / "pbx-2.1-message.wav").read_bytes() == sound(2)


def test_a_recording_goes_to_the_standard_output(home: Home) -> None:
    assert pbx_control(home, "fetch", "pbx-1.1", "-o", "-").stdout_bytes == sound(4)


def test_a_file_that_is_there_is_never_overwritten(home: Home, tmp_path: Path) -> None:
    target = tmp_path / "copy.wav"
    target.write_text("mine")
    assert "there already" in refusal(home, "fetch", "pbx-1.1", "-o", str(target))
    assert target.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["fetch", "pbx-9.9"], "there is no call pbx-9.9"),
        (["fetch", "../../etc/passwd\n\x1b[2J"], "there is no call"),
        (["fetch", "pbx-2.1"], "was not recorded"),
        (["fetch", "pbx-1.1", "--message"], "no message was left"),
        (["fetch", "pbx-1.1", "-o", "/nonexistent/copy.wav"], "cannot be written: No such file"),
    ],
)
def test_what_cannot_be_fetched_is_told_in_one_line(home: Home, arguments: list[str], why: str) -> None:
    assert why in refusal(home, *arguments)


def test_a_row_that_was_tampered_with_leads_nowhere_else(home: Home, tmp_path: Path) -> None:
    (home.root / "secret.wav").write_text("secret")
    engine = open_engine(home, Settings())
    with writing(engine) as conn:
        conn.execute(call.update().where(call.c.id == "pbx-1.1").values(recording="../secret.wav"))
    engine.dispose()
    assert "no name of a recording" in refusal(home, "fetch", "pbx-1.1", "-o", str(tmp_path / "copy.wav"))
    assert not (tmp_path / "copy.wav").exists()
