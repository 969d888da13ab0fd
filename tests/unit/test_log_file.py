"""Asterisk's own log takes a bounded place on the disk, and waits for an Asterisk that is away."""

import pytest

from pbx_control.asterisk import log_file
from pbx_control.asterisk.log_file import KEPT, turn_over
from pbx_control.settings import AsteriskSettings, Home, Settings


@pytest.fixture
def home(tmp_path) -> Home:
    (tmp_path / "asterisk" / "log").mkdir(parents=True)
    return Home(tmp_path)


def test_only_the_newest_full_files_stay(home):
    log = home.asterisk / "log"
    for name in ["messages.log", *(f"messages.log.{number}" for number in range(12)), "messages.log.old", "other.log"]:
        (log / name).write_text("x")
    assert turn_over(home, Settings()) == 1
    kept = {"messages.log", *(f"messages.log.{number}" for number in range(KEPT)), "messages.log.old", "other.log"}
    assert {path.name for path in log.iterdir()} == kept


def test_it_waits_for_an_asterisk_that_is_away(home, monkeypatch):
    monkeypatch.setattr(log_file, "LARGEST", 3)
    (home.asterisk / "log" / "messages.log").write_text("long")
    assert turn_over(home, Settings(asterisk=AsteriskSettings(ami_port=1))) == 4


def test_before_the_first_start_there_is_none(home):
    assert turn_over(home, Settings()) == 0
