"""The channel of a real daemon beside live calls: a screen does what her keys do; who misuses it disturbs nobody."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from conftest import Firm, Town
from sqlalchemy import select

from pbx_control.live.listener import socket_name
from pbx_control.live.news import (
    Act,
    Answered,
    AnswerKind,
    Asker,
    CallNow,
    FromDaemon,
    Instruct,
    Listen,
    News,
    Role,
    State,
    line_of,
    told_by,
)
from pbx_control.settings import Home, load
from pbx_control.store.engine import open_engine, reading
from pbx_control.store.tables import contact
from pbx_control.world.legs import patience
from pbx_control.world.people import Telephone

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

CALLER, PEDRO, ANA, EVA, ROSA = 620, 500, 880, 1300, 1100
LONGEST = 16 * 1024 * 1024
ROOT = Asker(Role.ADMIN, "root")


class Screen:
    """A program at the daemon's channel."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.calls: dict[str, CallNow] = {}

    async def hears(self) -> FromDaemon:
        told = told_by(await asyncio.wait_for(self.reader.readline(), patience(20)))
        if isinstance(told, State | News):
            self.calls |= {call.id: call for call in told.calls}
        return told

    async def asks(self, call: str, act: Act, by: Asker = ROOT, who: int = 0) -> Answered:
        self.writer.write(line_of(Instruct(1, call, act, by, who)))
        while not isinstance(answer := await self.hears(), Answered):
            pass
        return answer

    async def sees(self, firm: Firm, phase: str) -> CallNow:
        """Until a call of the firm's is in that phase."""
        while True:
            for call in self.calls.values():
                if (call.client, call.phase) == (firm.slug, phase):
                    return call
            await self.hears()


@asynccontextmanager
async def screen(town: Town) -> AsyncIterator[Screen]:
    with socket_name(Home(town.office.home)) as name:
        opened = Screen(*await asyncio.open_unix_connection(name, limit=LONGEST))
    opened.writer.write(line_of(Listen()))
    try:
        yield opened
    finally:
        opened.writer.close()


async def contact_of(town: Town, firm: Firm, number: str) -> Telephone:
    await town.office.pbx("contact", "add", firm.slug, "Rosa Díaz", number)
    await town.live()
    return town.world.contact(number, tone=ROSA).answers()


def contact_id(town: Town, number: str) -> int:
    """As a page learns it, from the database."""
    home = Home(town.office.home)
    with reading(open_engine(home, load(home))) as conn:
        return conn.execute(select(contact.c.id).where(contact.c.number == number)).scalar_one()


async def test_from_her_screen_she_consults_takes_back_and_hands_over(town: Town) -> None:
    firm = await town.firm("always", "--recording")
    ana = await town.secretary(firm, "Ana", ANA)
    ana.answers(after=1)
    rosa = await contact_of(town, firm, "+442079460177")
    async with screen(town) as page:
        caller = await town.world.call(firm.number, "+56912345678", "María", tone=CALLER)
        ring = await ana.rung(1)
        offered = await page.sees(firm, "offering")
        assert (offered.caller, offered.caller_name) == ("+56912345678", "María")
        await caller.answered()
        call = await page.sees(firm, "talking")
        her = Asker(Role.SECRETARY, call.secretary, call.secretary_id)
        stranger = Asker(Role.SECRETARY, "Eva", 999_999)
        rosas = contact_id(town, rosa.name)
        assert await page.asks(call.id, Act.CONSULT, stranger, rosas) == Answered(1, AnswerKind.REFUSED, "not_hers")
        assert await page.asks(call.id, Act.HAND_OVER, her) == Answered(1, AnswerKind.REFUSED, "not_now")
        assert await page.asks(call.id, Act.PAUSE_RECORDING, her) == Answered(1, AnswerKind.DONE)
        assert await page.asks(call.id, Act.RESUME_RECORDING, her) == Answered(1, AnswerKind.DONE)
        assert await page.asks(call.id, Act.CONSULT, her, rosas) == Answered(1, AnswerKind.DONE)
        await (await rosa.rung(1)).answered()
        await page.sees(firm, "consulting")
        assert await page.asks(call.id, Act.TAKE_BACK, her) == Answered(1, AnswerKind.DONE)
        await page.sees(firm, "talking")
        assert await page.asks(call.id, Act.CONSULT, her, rosas) == Answered(1, AnswerKind.DONE)
        private = await rosa.rung(2)
        await private.answered()
        await page.sees(firm, "consulting")
        assert await page.asks(call.id, Act.HAND_OVER, her) == Answered(1, AnswerKind.DONE)
        await ring.ended(5)
        await private.hears(CALLER)
        await caller.hang_up()
        await page.sees(firm, "ended")
        await private.ended(5)
        assert await page.asks(call.id, Act.SPAM, her) == Answered(1, AnswerKind.UNKNOWN)
    [logged] = await town.calls(firm)
    events = [line["event"] for line in await town.journal(logged)]
    asked = [event for event in events if event.endswith("Asked")]
    assert asked == [
        *("ConsultationAsked", "HandOverAsked", "RecordingPauseAsked", "RecordingResumeAsked"),
        *("ConsultationAsked", "TakeBackAsked", "ConsultationAsked", "HandOverAsked"),
    ]


async def test_no_call_notices_garbage_a_crowd_and_listeners_that_never_read(town: Town) -> None:
    firm = await town.firm()
    ana, eva = await town.secretary(firm, "Ana", ANA), await town.secretary(firm, "Eva", EVA)
    ana.answers()
    eva.answers()
    listen = line_of(Listen(lines=True))
    short = (b"\xff\x00{}\n" * 100, listen[:-5], listen, b"[" * 10_000 + b"\n", listen * 2000)
    garbage = (*short * 10, b"x" * 10_000_000)
    marias, pedros = "+56912345678", "+56912340002"
    caller = await town.world.call(firm.number, marias, "María", tone=CALLER)
    await caller.answered()
    async with crowd(town, garbage, 1000):
        second = await town.world.call(firm.number, pedros, "Pedro", tone=PEDRO)
        await second.answered()
        by_caller = {leg.number: (leg, tone) for phone, tone in ((ana, ANA), (eva, EVA)) for leg in phone.calls}
        for number, leg, voice in ((marias, caller, CALLER), (pedros, second, PEDRO)):
            hers, her_voice = by_caller[number]
            await asyncio.gather(leg.hears(her_voice), hers.hears(voice))
        await second.hang_up()
        await caller.hang_up()
    assert [call["outcome"] for call in await town.calls(firm)] == ["answered"] * 2
    async with screen(town) as page:
        assert isinstance(await page.hears(), State)
    await town.office.pbx("status")


@asynccontextmanager
async def crowd(town: Town, garbage: Sequence[bytes], count: int) -> AsyncIterator[None]:
    """So many connections that send garbage, in turn, and read nothing."""
    opened: list[asyncio.StreamWriter] = []
    with socket_name(Home(town.office.home)) as name:
        for number in range(count):
            _reader, writer = await asyncio.open_unix_connection(name)
            writer.write(garbage[number % len(garbage)])
            opened.append(writer)
    try:
        yield
    finally:
        for writer in opened:
            writer.transport.abort()
