"""What should never end: its failure is logged, and it is begun anew."""

import asyncio
from pathlib import Path

import pytest
import structlog
from test_channel import desk

from pbx_control.errors import StoreUnavailable
from pbx_control.live import kept_running
from pbx_control.live.kept_running import KeptRunning, log_failure
from pbx_control.live.relay import Relay
from pbx_control.settings import Home


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_running, "AGAIN_AFTER", 0)
    monkeypatch.setattr(kept_running, "ASK_OTHERS_AFTER", 0)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (ZeroDivisionError(), "a part of the process failed and is begun anew"),
        (StoreUnavailable("away"), "a part of the process waits"),
    ],
)
async def test_a_failure_is_logged_and_the_work_begun_anew(failure: Exception, told: str) -> None:
    begun, again = 0, asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise failure
        again.set()
        await asyncio.Event().wait()

    with structlog.testing.capture_logs() as logged:
        async with KeptRunning(work):
            await again.wait()
    assert [line["event"] for line in logged] == [told]


async def test_a_relay_that_fails_is_logged_and_listens_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in what is done with a notification must not end the hearing of all others, unseen."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    begun, again = 0, asyncio.Event()

    async def run(_: Relay) -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise ExceptionGroup("unhandled errors in a TaskGroup", [KeyError("c1")])
        again.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Relay, "run", run)
    with structlog.testing.capture_logs() as logged:
        async with desk(home, "postgresql://nowhere"):
            await again.wait()
    assert [line["event"] for line in logged if "part" in line] == ["a part of the process failed and is begun anew"]


async def test_a_task_that_nobody_waits_for_is_logged_when_it_fails() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    with structlog.testing.capture_logs() as logged:
        task = asyncio.create_task(fails())
        task.add_done_callback(log_failure)
        await asyncio.wait([task])
        await asyncio.sleep(0)
    assert [line["event"] for line in logged] == ["a part of the process failed"]
