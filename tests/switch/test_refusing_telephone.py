"""A telephone that answers every INVITE with 486: how often it is rung, and how its secretary comes back."""

import asyncio

import pytest

from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]


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
    assert "está en pausa: su teléfono rechazó tres llamadas seguidas" in " ".join(doctor.split())
    ana.answers(after=0.2)
    await town.world.unregister(ana.name)
    await town.world.console(f"pjsip send register phone-{ana.name}")
    await until_it_is(town, ana.name, "")
    await ana.rung(4, 30)
    await asyncio.gather(*(caller.hang_up() for caller in callers))
