"""Who was there, and when, as a real daemon keeps it of real telephones (docs/staffing.md): what it sees is late by one
look at the most, and a daemon that is killed leaves nobody there."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Town
from lengths import until
from sqlalchemy import Engine

from pbx_control.domain.desk.duty import Present
from pbx_control.live.attending import LOOK_EVERY, WRITE_EVERY
from pbx_control.settings import Home, load
from pbx_control.store import attendance, secretaries
from pbx_control.store.attendance import Stay
from pbx_control.store.engine import open_engine, reading
from pbx_control.world.installation import Installation
from pbx_control.world.legs import patience
from pbx_control.world.people import Telephone

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

READY, TALKING = Present.READY, Present.TALKING
EVER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
# Whatever happens is seen so soon; more is the machine's.
SEEN_WITHIN = LOOK_EVERY + 5


@pytest.fixture
def engine(switch: Installation) -> Iterator[Engine]:
    home = Home(switch.home)
    opened = open_engine(home, load(home))
    yield opened
    opened.dispose()


def stays(engine: Engine, telephone: Telephone) -> list[Stay]:
    """What is kept of her, in order."""
    with reading(engine) as conn:
        hers = secretaries.of_telephone(conn, telephone.name)
        assert hers
        return [one for one in attendance.stays(conn, *EVER) if one.secretary_id == hers.secretary_id]


async def are(engine: Engine, telephone: Telephone, *states: Present) -> list[Stay]:
    """Waits until these are the states that are kept of her; gives her stays."""
    await until(lambda: [one.state for one in stays(engine, telephone)] == list(states), SEEN_WITHIN)
    return stays(engine, telephone)


async def is_away(town: Town, telephone: Telephone) -> None:
    """Waits until the daemon knows that her telephone is gone."""
    async with asyncio.timeout(patience(SEEN_WITHIN)):
        while True:
            found = await town.office.ask("secretary", "list")
            if [one["state"] for one in found if one["user"] == telephone.name] == ["offline"]:
                return


def soon_after(seen: datetime, happened: datetime) -> bool:
    return timedelta(0) <= seen - happened <= timedelta(seconds=patience(SEEN_WITHIN))


async def test_a_secretary_comes_has_a_call_and_goes(town: Town, engine: Engine) -> None:
    firm = await town.firm()
    before = datetime.now(UTC)
    ana = (await town.secretary(firm, "Ana")).answers(0.2)
    [comes] = await are(engine, ana, READY)
    assert soon_after(comes.began_at, before)

    await town.live()
    caller = await town.world.call(firm.number)
    await caller.answered()
    await are(engine, ana, READY, TALKING)
    await caller.hang_up()
    await are(engine, ana, READY, TALKING, READY)

    left = datetime.now(UTC)
    await town.world.unregister(ana.name)
    await is_away(town, ana)
    # At the look at which somebody else is seen to come, she is seen to have gone, if not before.
    eva = await town.secretary(firm, "Eva")
    [hers] = await are(engine, eva, READY)
    await town.world.register(ana.name)
    first, talk, second, third = await are(engine, ana, READY, TALKING, READY, READY)
    # What she does changes at one instant; then she is away.
    assert (first.until, talk.until) == (talk.began_at, second.began_at)
    assert soon_after(second.until, left)
    assert second.until <= hers.began_at < third.began_at
    [call] = await town.calls(firm)
    arrived, ended = (datetime.fromisoformat(call[name]) for name in ("arrived_at", "ended_at"))
    assert soon_after(talk.began_at, arrived)
    assert soon_after(talk.until, ended)


async def test_a_daemon_that_is_killed_leaves_nobody_there_until_the_next_one_sees_her(
    town: Town, engine: Engine
) -> None:
    firm = await town.firm()
    ana = await town.secretary(firm, "Ana")
    await are(engine, ana, READY)
    # A change of anybody's writes down that all others are there still.
    eva = await town.secretary(firm, "Eva")
    [hers] = await are(engine, eva, READY)

    await town.office.kill_daemon()
    killed = datetime.now(UTC)
    [last] = stays(engine, ana)
    assert last.began_at < hers.began_at <= last.until <= killed
    assert killed - last.until <= WRITE_EVERY + timedelta(seconds=patience(SEEN_WITHIN))
    await town.office.start_daemon()
    before, after = await are(engine, ana, READY, READY)
    assert before == last
    assert after.began_at > killed
