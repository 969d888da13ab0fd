"""A supervisor in live calls on a real Asterisk: who hears her, told by the tone that each speaks in; what is left when
the daemon dies; and that nobody listens without a line in the audit trail."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from conftest import Firm, Town
from lengths import talking, waiting
from sqlalchemy import select
from test_channel_calls import Screen, screen

from pbx_control.live.news import Act, Answered, AnswerKind, Asker, CallNow, Role
from pbx_control.settings import Home, load
from pbx_control.store.engine import open_engine, reading
from pbx_control.store.tables import account_user
from pbx_control.world import audio
from pbx_control.world.legs import Leg, Ringing, patience
from pbx_control.world.people import Telephone

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

# What each of them says, in hertz.
CALLER, ANA, JEFA, ROSA = 620, 880, 1300, 1700
BEEP = 700  # of Asterisk's sounds
SERIAL = count(1)
# A new audio path takes effect, and a packet is on its way, within this, seconds.
EDGE = 0.6


@dataclass
class Scene:
    """A caller of a recorded firm talks with Ana; the supervisor has a telephone, and a page at the daemon's channel."""

    town: Town
    firm: Firm
    ana: Telephone
    jefa: Telephone
    by: Asker
    page: Screen
    caller: Leg
    her: Ringing
    call: CallNow
    stretches: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)

    async def asks(self, act: Act) -> Answered:
        return await self.page.asks(self.call.id, act, self.by)

    async def comes_in(self, act: Act) -> Ringing:
        """She asks, her telephone rings, and she answers; gives her leg."""
        before = len(self.jefa.calls)
        assert (await self.asks(act)).outcome is AnswerKind.DONE
        ring = await self.jefa.rung(before + 1, 5)
        await ring.answered(5)
        return ring

    async def lasts(self, name: str, seconds: float = 3) -> None:
        """A stretch of the call that is listened to afterwards."""
        began = datetime.now(UTC)
        await talking(seconds)
        self.stretches[name] = began, datetime.now(UTC)

    def heard(self, leg: Leg, name: str, among: Sequence[float] = (CALLER, ANA, JEFA, ROSA)) -> set[float]:
        """Whose tones were heard on a leg for most of that stretch."""
        assert leg.answer.at
        return self._in(leg.heard, leg.answer.at, name, among)

    def recorded(self, call: dict, name: str) -> set[float]:
        """Whose tones are in the call's recording in that stretch."""
        file = self.town.office.home / "recordings" / call["recording"]
        assert self.her.answer.at
        return self._in(file, self.her.answer.at, name, (CALLER, ANA, JEFA, ROSA))

    def _in(self, file, since: datetime, name: str, among: Sequence[float]) -> set[float]:
        start, end = ((at - since).total_seconds() for at in self.stretches[name])
        start, end = start + EDGE, end - EDGE / 2
        found = set()
        for tone in among:
            inside = (min(one.end, end) - max(one.start, start) for one in audio.spans(file, tone))
            # A whisper of a few frames is one too many: what is not to be heard must not be heard at all.
            if sum(length for length in inside if length > 0) > 0.15:
                found.add(tone)
        return found

    async def over(self) -> dict:
        await self.caller.hang_up()
        assert await self.town.quiet(8) == ""
        return (await self.town.calls(self.firm))[-1]


@asynccontextmanager
async def scene(town: Town, *, announced: bool = True) -> AsyncIterator[Scene]:
    firm = await town.firm("always", "--recording")
    ana = (await town.secretary(firm, "Ana", ANA)).answers(0.2)
    name = f"jefa{next(SERIAL)}"
    await town.office.pbx("user", "add", name, "--role", "supervisor")
    account = await town.office.ask("user", "telephone", name)
    jefa = (await town.world.phone(account["user"], account["password"], tone=JEFA)).answers(0.2)
    await town.live()
    async with screen(town) as page:
        caller = await town.world.call(firm.number, tone=CALLER)
        await caller.answered()
        her = await ana.rung()
        call = await page.sees(firm, "talking")
        await her.answered()
        by = Asker(Role.SUPERVISOR, name, user_id=user_id(town, name))
        yield Scene(town, firm, ana, jefa, by, page, caller, her, call)


def user_id(town: Town, name: str) -> int:
    home = Home(town.office.home)
    with reading(open_engine(home, load(home))) as conn:
        return conn.execute(select(account_user.c.id).where(account_user.c.name == name)).scalar_one()


async def supervised(town: Town, call_id: str) -> list[dict]:
    """The lines of the audit trail that say so, oldest first."""
    trail = await town.office.ask("audit", "list")
    lines = [one for one in trail if (one["verb"], one["subject"]) == ("call supervised", call_id)]
    return sorted(lines, key=lambda one: one["id"])


async def test_listen_nobody_whisper_the_secretary_barge_both(town: Town) -> None:
    async with scene(town) as here:
        await here.lasts("alone", 2)
        jefa = await here.comes_in(Act.LISTEN)
        await here.lasts("listen")
        assert (await here.asks(Act.WHISPER)).outcome is AnswerKind.DONE
        await here.lasts("whisper")
        assert (await here.asks(Act.BARGE)).outcome is AnswerKind.DONE
        await here.lasts("barge")
        assert (await here.asks(Act.LISTEN)).outcome is AnswerKind.DONE
        await here.lasts("listen again")
        await jefa.hang_up()
        await here.lasts("after", 2)
        assert here.caller.end.at is None
        call = await here.over()
        for name in here.stretches:
            among_two, to_her, to_caller = ({CALLER, ANA}, {CALLER}, {ANA})
            if name == "barge":
                to_her, to_caller = to_her | {JEFA}, to_caller | {JEFA}
            elif name == "whisper":
                to_her = to_her | {JEFA}
            assert here.heard(here.her, name) == to_her, name
            assert here.heard(here.caller, name) == to_caller, name
            assert here.recorded(call, name) == among_two | ({JEFA} if name == "barge" else set()), name
            if name not in ("alone", "after"):
                assert here.heard(jefa, name) == among_two, name
        assert call["recording_flaw"] == ""
        lines = await supervised(town, here.call.id)
        modes = [one["changes"]["supervision"]["new"] for one in lines]
        assert modes == ["listen", "whisper", "barge", "listen"]
        assert {one["who"] for one in lines} == {here.by.name}
