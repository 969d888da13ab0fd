"""The calendar's jobs as the daemon does them by itself: what was missed while it was away, on the real switch."""

import asyncio
import wave
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Firm, Town
from lengths import talking
from sqlalchemy import update

from pbx_control.clock import now
from pbx_control.settings import Home, load
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.tables import call, job_run
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

ANA, CALLER = 880, 620


async def recorded(town: Town, firm: Firm) -> dict[str, str]:
    """A conversation of that firm, as `call list` tells it."""
    ana = (await town.secretary(firm, "Ana", ANA)).answers(0.2)
    caller = await town.world.call(firm.number, tone=CALLER)
    await (await ana.rung()).answered()
    await talking(1.5)
    await caller.hang_up()
    assert await town.quiet(5) == ""
    (row,) = await town.calls(firm)
    return row


def aged(town: Town, row: dict[str, str], by: timedelta) -> str:
    """The call was that much earlier: its row, its recording and that file's folder; gives the file's new path."""
    home = Home(town.office.home)
    ended = now() - by
    path = f"{ended:%Y/%m/%d}/{row['id']}.wav"
    (home.recordings / path).parent.mkdir(parents=True, exist_ok=True)
    (home.recordings / row["recording"]).rename(home.recordings / path)
    engine = open_engine(home, load(home))
    with writing(engine) as conn:
        conn.execute(update(call).where(call.c.id == row["id"]).values(recording=path, ended_at=ended))
        # As if the purge had last run the night before last.
        conn.execute(job_run.delete().where(job_run.c.job == "purge"))
        last = now() - timedelta(days=2)
        conn.execute(job_run.insert().values(job="purge", due_at=last, began_at=last, ended_at=last, result="x"))
    engine.dispose()
    return path


async def test_a_purge_that_was_missed_is_made_up_when_the_daemon_starts_and_live_calls_go_on(town):
    firm = await town.firm("always", "--recording")
    old = await recorded(town, firm)
    await town.office.stop_daemon()
    path = aged(town, old, timedelta(days=31))
    started = datetime.now(UTC)
    await town.office.start_daemon()
    young = await recorded(town, await town.firm("always", "--recording"))
    async with asyncio.timeout(patience(30)):
        while not (receipts := await town.office.ask("recording", "receipts", "--call", old["id"])):
            continue  # each look takes a command's time
    recordings = town.office.home / "recordings"
    assert [(one["path"], one["what"]) for one in receipts] == [(path, "recording")]
    assert not (recordings / path).exists()
    with wave.open(str(recordings / young["recording"])) as file:
        assert file.getnframes() > 8000
    (after,) = await town.calls(firm)
    assert after["recording"] == ""
    async with asyncio.timeout(patience(10)):
        while (purge := await job(town, "purge"))["state"] != "done":
            continue
    assert datetime.fromisoformat(purge["last"]) <= started
    assert purge["result"].startswith("files deleted: 1 ")


async def job(town: Town, name: str) -> dict[str, str]:
    (row,) = (row for row in await town.office.ask("job", "list") if row["job"] == name)
    return row
