"""Who refuses and is told of: a telephone that answers every INVITE with 486 or 302, a trunk that takes no offer."""

import asyncio

import pytest
import pytest_asyncio
import tomlkit
from forwarder import forwarding
from sipp import CARRIER, play
from sqlalchemy import update

from pbx_control.clock import now
from pbx_control.domain.call.flow import PAUSE_AFTER_REFUSALS
from pbx_control.settings import Home, load
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.tables import secretary
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

ADMIN = "guardia@rechazos.example"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def alarms_go_to_the_admin(switch):
    await switch.stop_daemon()
    file = switch.home / "pbx.toml"
    before = file.read_text()
    settings = tomlkit.parse(before)
    settings["office"]["alarms_to"] = ADMIN
    file.write_text(tomlkit.dumps(settings))
    yield
    await switch.stop_daemon()
    file.write_text(before)


async def paused_why(town, user: str) -> str:
    rows = await town.office.ask("secretary", "list")
    return next(row["paused_why"] for row in rows if row["user"] == user)


async def until_it_is(town, user: str, why: str) -> None:
    async with asyncio.timeout(patience(30)):
        while await paused_why(town, user) != why:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_three_callers_wait_for_one_that_refuses_and_she_is_back_when_it_registers_anew(town):
    firm = await town.firm()
    ana = (await town.secretary(firm, "Ana")).refuses(after=0)
    callers = [await town.world.call(firm.number, f"+5691234567{n}") for n in range(3)]
    await ana.rung(3, 30)
    await until_it_is(town, ana.name, "refusals")
    assert len(ana.calls) == 3
    told = [line for call in await town.calls(firm) for line in await town.journal(call)]
    assert [line["details"].get("paused") for line in told if line["event"] == "SecretaryLeft"].count(True) == 1
    doctor = (await town.office.run("doctor")).out
    assert "está en pausa: su teléfono no tomó ninguna de tres llamadas seguidas" in " ".join(doctor.split())
    letter = await town.post.arrived(ADMIN)
    assert f"Ana {firm.slug}" in letter.letter["subject"]
    ana.answers(after=0.2)
    await town.world.unregister(ana.name)
    await town.world.console(f"pjsip send register phone-{ana.name}")
    await until_it_is(town, ana.name, "")
    await ana.rung(4, 30)
    await asyncio.gather(*(caller.hang_up() for caller in callers))


async def test_a_pause_of_the_systems_ends_by_itself_and_one_more_refusal_begins_it_anew(town):
    firm = await town.firm()
    ana = (await town.secretary(firm, "Ana")).refuses(after=0)
    caller = await town.world.call(firm.number)
    await until_it_is(town, ana.name, "refusals")
    assert len(ana.calls) == 3
    began_a_quarter_of_an_hour_ago(town.office.home, ana.name)
    await ana.rung(4, 30)
    await until_it_is(town, ana.name, "refusals")
    ana.answers(after=0.2)
    began_a_quarter_of_an_hour_ago(town.office.home, ana.name)
    await (await ana.rung(5, 30)).answered()
    await caller.hang_up()


def began_a_quarter_of_an_hour_ago(folder, user: str) -> None:
    home = Home(folder)
    engine = open_engine(home, load(home))
    with writing(engine) as connection:
        long_ago = update(secretary).where(secretary.c.user == user).values(paused_at=now() - PAUSE_AFTER_REFUSALS)
        connection.execute(long_ago)
    engine.dispose()


async def forwarded_at(town, user: str) -> str | None:
    rows = await town.office.ask("secretary", "list")
    return next(row["forwarded_at"] for row in rows if row["user"] == user)


async def until_it(town, user: str, *, forwards: bool) -> None:
    async with asyncio.timeout(patience(30)):
        while (await forwarded_at(town, user) is not None) is not forwards:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_one_that_is_left_on_forward_is_named_until_it_rings_again(town):
    firm = await town.firm()
    name = f"Ana {firm.slug}"
    account = await town.office.ask("secretary", "add", name, "--clients", firm.slug)
    place, user, password = town.world.place, account["user"], account["password"]
    async with forwarding(place.pbx, user, password, f"sip:+19005550100@{place.carrier}") as phone:
        caller = await town.world.call(firm.number)
        await asyncio.wait_for(phone.forwarded.wait(), patience(20))
        await until_it(town, user, forwards=True)
        await caller.hang_up()
    doctor = " ".join((await town.office.run("doctor")).out.split())
    assert f"el teléfono de {name} está desviado (302), por última vez el " in doctor
    ana = (await town.world.phone(user, password)).rings_on()
    caller = await town.world.call(firm.number)
    await ana.rung(1, 30)
    await until_it(town, user, forwards=False)
    await caller.hang_up()


async def test_a_call_without_a_common_codec_is_counted_with_what_would_mend_it(town, tmp_path):
    firm = await town.firm()
    streams = {"STREAMS": "m=audio 40000 RTP/AVP 18", "STATUS": "488"}
    outcome = await play(tmp_path, "offer", str(town.world.place.pbx), CARRIER, service=firm.number, **streams)
    assert outcome.as_expected, outcome.errors
    async with asyncio.timeout(patience(30)):
        while not (rows := await refused(town, firm)):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    assert [(row["trunk"], row["reason"], row["count"]) for row in rows] == [("carrier", "no-codec", 1)]
    assert "G.711" in rows[0]["mend"]


async def refused(town, firm) -> list[dict[str, object]]:
    return [row for row in await town.office.ask("trunk", "refusals") if row["number"] == firm.number]
