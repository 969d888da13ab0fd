"""The demo's desk: the act is played in a real browser, and without one."""

import pytest
import pytest_asyncio
from conftest import Town

from pbx_control.admin.door import Door
from pbx_control.demo.desk import a_written_message, goes_home
from pbx_control.demo.screen import Screen
from pbx_control.demo.stage import MAILBOX, OPEN, Stage
from pbx_control.settings import Home
from pbx_control.world.desk import NO_BROWSER, Browser, desk_page, find_browser

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(pages, switch, world, post, tmp_path_factory):
    """The demo's client and its secretary."""
    await switch.start_daemon()
    door = Door(Home(switch.home), "es")
    stage = Stage(door, Screen(door), switch, world, post, tmp_path_factory.mktemp("demo"))
    await stage.type("did", "add", OPEN)
    await stage.client("andes", "Clínica Andes", OPEN, "always")
    await stage.type("recipient", "add", "andes", "--email", MAILBOX)
    ana = await switch.ask("secretary", "add", "Ana", "--clients", "andes")
    stage.ana = await world.phone(ana["user"], ana["password"], say=await stage.voice("ana", "Buenos días."))
    await stage.voice("maria", "Quiero una hora.")
    return stage


@pytest.mark.parametrize("browser", [find_browser(), NO_BROWSER, Browser("/bin/false", True)])
async def test_what_she_writes_reaches_the_client(
    town: Town, stage: Stage, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    await town.live()
    await town.office.served()
    stage.browser = browser
    await a_written_message(stage)
    await stage.type("user", "remove", "ana")
    told = capsys.readouterr().out
    assert stage.screen.failures == 0, told
    assert ("en Chromium" in told) == (stage.folder / "desk.png").exists() == (browser == find_browser())
    assert "antes del mediodía" in town.post.to(MAILBOX)[-1].text
    (stage.folder / "desk.png").unlink(missing_ok=True)


async def test_whoever_signs_in_as_her_is_rung_and_nobody_before(town: Town, stage: Stage) -> None:
    await town.office.served()
    await stage.desk_for("ana", "Ana")
    await goes_home(stage)
    rung = len(stage.secretary.calls)
    caller = await town.world.call(OPEN)
    await caller.ringing()
    assert len(stage.secretary.calls) == rung
    await caller.hang_up()
    async with desk_page(town.office.url, "es", None) as page:
        await page.sign_in("ana", stage.desks["ana"])
        await town.world.call(OPEN)
        assert (await page.pops()).client == "andes"
        await stage.secretary.rung(rung + 1)
