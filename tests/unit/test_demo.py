"""What the demo prints: nothing that reads like a fault where all is well, and what lacks if something lacks."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pbx_control.admin.door import Door
from pbx_control.demo.desk import a_page_is_opened
from pbx_control.demo.screen import Screen
from pbx_control.demo.stage import Stage
from pbx_control.settings import Home
from pbx_control.world import desk
from pbx_control.world.desk import BROWSERS, Browser, find_browser

WAITS = "no daemon runs for /home/demo: pbx-control run; waiting for it"
STORY = "pbx-1.2  12:00:00  Ana answers"


def a_stage(tmp_path: Path, office: Any) -> Stage:
    door = Door(Home(tmp_path), "en")
    return Stage(door, Screen(door), office, None, None, tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize(("ended_with", "shown"), [(None, True), (-9, False)])
async def test_watching_a_daemon_that_the_demo_has_killed_is_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ended_with: int | None, shown: bool
) -> None:
    async def watch(*words: str) -> AsyncIterator[str]:
        for line in (WAITS, STORY):
            yield line

    office = SimpleNamespace(watch=watch, daemon=SimpleNamespace(returncode=ended_with))
    await a_stage(tmp_path, office).narrate()
    told = capsys.readouterr().out
    assert "12:00:00  Ana answers" in told
    assert ("no daemon runs" in told) == shown


@pytest.mark.parametrize(
    ("browser", "why"),
    [
        (Browser(None, False), "neither a browser (Chromium or Google Chrome) nor the Python package playwright"),
        (Browser(None, True), "no browser is found here (Chromium or Google Chrome):"),
        (Browser("/usr/bin/chromium", False), "/usr/bin/chromium is here, but not the Python package playwright"),
        (Browser("/bin/false", True), "/bin/false does not start here:"),
    ],
)
def test_why_no_browser_shows_her_page_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], browser: Browser, why: str
) -> None:
    stage = a_stage(tmp_path, SimpleNamespace(url="http://127.0.0.1:25080"))
    stage.browser = browser
    a_page_is_opened(stage, None)
    assert why in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("program", [None, "/usr/bin/chromium"])
@pytest.mark.parametrize("driver", [True, False])
def test_a_browser_and_what_drives_it_are_looked_for_singly(
    monkeypatch: pytest.MonkeyPatch, program: str | None, driver: bool
) -> None:
    monkeypatch.setattr(desk.shutil, "which", lambda name: program if name == BROWSERS[0] else None)
    monkeypatch.setattr(desk, "find_spec", lambda name: object() if driver else None)
    assert find_browser() == Browser(program, driver)
    assert find_browser().to_drive == (program if driver else None)
