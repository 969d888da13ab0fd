"""Who is refused is counted by the daemon, and an admin sees it: a stranger, a wrong password, an unknown number."""

import asyncio

import pytest
from sipp import CARRIER, play

from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

# Nobody else of a test run sends from here: the counts are this test's own.
STRANGER = "127.0.0.19"
# The daemon writes the counts every ten seconds, s.
PATIENCE = 25.0
FEW = 6  # the first refusals of a second could be a telephone's that moved, to Asterisk


async def test_refusals_are_counted_and_shown(town, tmp_path):
    switch = str(town.world.place.pbx)
    firm = await town.firm()
    ana = await town.secretary(firm, "Ana")
    before = await counts(town)
    for _ in range(FEW):
        done = await play(tmp_path, "refused", switch, STRANGER, service=firm.number, user="100", STATUS="401")
        assert done.as_expected, done.errors
    done = await play(tmp_path, "register", switch, STRANGER, user=ana.name, USER=ana.name)
    assert done.as_expected, done.errors
    for _ in range(3):
        done = await play(tmp_path, "refused", switch, CARRIER, service="+56229999999", user="1", STATUS="404")
        assert done.as_expected, done.errors
    expected = {(STRANGER, "stranger"): 1, (STRANGER, "wrong-password"): 1, (CARRIER, "unknown-number"): 3}
    async with asyncio.timeout(patience(PATIENCE)):
        while not await reached(town, before, expected):  # noqa: ASYNC110
            await asyncio.sleep(0.5)  # the daemon tells nobody when it has written them
    assert await grown(town, before, (CARRIER, "unknown-number")) == 3
    shown = await town.office.pbx("trunk", "refusals")
    assert "motivo" in shown.splitlines()[0]
    assert any(STRANGER in line and "wrong-password" in line for line in shown.splitlines())


async def reached(town, before, expected):
    """Whether every count has grown by what is expected, at least."""
    now = await counts(town)
    return all(now.get(key, 0) - before.get(key, 0) >= least for key, least in expected.items())


async def grown(town, before, key):
    """By how much a count is higher than it was."""
    return (await counts(town)).get(key, 0) - before.get(key, 0)


async def counts(town):
    """What is counted so far, of all hours."""
    found = {}
    for row in await town.office.ask("trunk", "refusals"):
        key = row["source"], row["reason"]
        found[key] = found.get(key, 0) + row["count"]
    return found
