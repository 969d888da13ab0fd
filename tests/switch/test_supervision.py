"""A supervisor in live calls on a real Asterisk: who hears her, told by the tone that each speaks in; what is left when
the daemon dies; and that nobody listens without a line in the audit trail."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

import msgspec
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
    """A caller of a recorded firm talks with Ana; the supervisor has a telephone, and asks by the daemon's channel."""

    town: Town
    firm: Firm
    ana: Telephone
    jefa: Telephone
    by: Asker
    page: Screen
    caller: Leg
    her: Ringing
    call: CallNow
    password: str  # of the supervisor's account
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
async def scene(town: Town, contact: str = "") -> AsyncIterator[Scene]:
    firm = await town.firm("always", "--recording")
    if contact:
        await town.office.pbx("contact", "add", firm.slug, "Rosa", contact, "--key", "1")
    ana = (await town.secretary(firm, "Ana", ANA)).answers(0.2)
    name = f"jefa{next(SERIAL)}"
    signs_in = await town.office.ask("user", "add", name, "--role", "supervisor")
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
        yield Scene(town, firm, ana, jefa, by, page, caller, her, call, signs_in["password"])


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


async def test_the_secretary_alone_hears_a_tone_when_she_comes_in(town: Town) -> None:
    async with scene(town) as here:
        # Their tones lie so near to the beep that it is looked for where they are silent: nobody else speaks at 700 Hz.
        jefa = await here.comes_in(Act.LISTEN)
        await here.lasts("listen", 2)
        assert (await here.asks(Act.LEAVE)).outcome is AnswerKind.DONE
        await jefa.ended(5)
        call = await here.over()
        file = town.office.home / "recordings" / call["recording"]
        assert beeps(here.her.heard) >= 1
        assert beeps(here.caller.heard) == beeps(file) == 0


async def test_an_admin_has_her_leave_and_another_supervisor_has_not(town: Town) -> None:
    async with scene(town) as here:
        jefa = await here.comes_in(Act.LISTEN)
        await here.lasts("listen", 1)
        other = Asker(Role.SUPERVISOR, "otra", user_id=10_000)
        refused = await here.page.asks(here.call.id, Act.END_SUPERVISION, other)
        assert (refused.outcome, refused.why) == (AnswerKind.REFUSED, "only_an_admin")
        await here.lasts("listen on", 1)
        assert jefa.end.at is None
        root = Asker(Role.ADMIN, "root", user_id=10_001)
        assert (await here.page.asks(here.call.id, Act.END_SUPERVISION, root)).outcome is AnswerKind.DONE
        await jefa.ended(5)
        await here.lasts("after", 2)
        assert here.caller.end.at is None
        call = await here.over()
        assert here.heard(here.caller, "after") == {ANA}
        assert call["recording_flaw"] == ""
        trail = await town.office.ask("audit", "list")
        [line] = [one for one in trail if (one["verb"], one["subject"]) == ("supervision ended", here.call.id)]
        assert line["who"] == "root"
        assert line["changes"]["supervisor"] == {"old": here.by.name, "new": None}


def beeps(file) -> int:
    return len([one for one in audio.spans(file, BEEP, 0.08) if one.seconds < 0.6])


async def test_listening_ends_when_she_hands_over_and_nothing_is_heard_of_what_follows(town: Town) -> None:
    rosa = town.world.contact("+442079460166", ROSA).answers(0.3)
    async with scene(town, contact="+442079460166") as here:
        jefa = await here.comes_in(Act.LISTEN)
        await here.lasts("talking", 2)
        await here.her.press("*1")
        leg = await rosa.rung(1, 5)
        await leg.answered()
        await here.lasts("consulting", 2.5)
        await here.her.press("##")
        await here.her.ended(2)
        await jefa.ended(2)
        await here.lasts("handed over", 2)
        assert here.caller.end.at is None
        refused = await here.asks(Act.LISTEN)
        assert (refused.outcome, refused.why) == (AnswerKind.REFUSED, "not_now")
        await here.over()
        assert here.heard(jefa, "talking") == {CALLER, ANA}
        assert here.heard(jefa, "consulting") == {ANA, ROSA}
        assert here.heard(here.caller, "handed over") == {ROSA}
        # Her telephone had no second in which caller and contact talked with each other.
        rosas = audio.spans(jefa.heard, ROSA, 0.1)
        assert not [one for one in audio.spans(jefa.heard, CALLER, 0.1) if _meets(one, rosas)]


def _meets(one: audio.Span, others: Sequence[audio.Span]) -> bool:
    return any(other.start < one.end and one.start < other.end for other in others)


async def test_her_leg_holds_up_nothing_when_the_secretary_hangs_up(town: Town) -> None:
    async with scene(town) as here:
        jefa = await here.comes_in(Act.BARGE)
        await here.lasts("barge", 1)
        await here.her.hang_up()
        await jefa.ended(3)
        await here.caller.ended(3)
        assert await town.quiet(5) == ""
        (call,) = await town.calls(here.firm)
        assert (call["outcome"], call["recording_flaw"]) == ("answered", "")


async def test_who_may_not_listen_is_refused_and_no_telephone_rings(town: Town) -> None:
    async with scene(town) as here:
        for by in (Asker(Role.SECRETARY, "Ana", here.call.secretary_id), Asker(Role.ADMIN, "root")):
            answer = await here.page.asks(here.call.id, Act.LISTEN, by)
            assert (answer.outcome, answer.why) == (AnswerKind.REFUSED, "not_a_supervisor")
        other = Asker(Role.SUPERVISOR, "otra", user_id=10_000)
        answer = await here.page.asks(here.call.id, Act.LISTEN, other)
        assert (answer.outcome, answer.why) == (AnswerKind.REFUSED, "no_telephone")
        answer = await here.asks(Act.HAND_OVER)
        assert (answer.outcome, answer.why) == (AnswerKind.REFUSED, "not_hers")
        assert not here.jefa.calls
        await here.over()
        assert await supervised(town, here.call.id) == []


async def test_a_new_daemon_goes_on_with_who_listens(town: Town) -> None:
    async with scene(town) as here:
        jefa = await here.comes_in(Act.WHISPER)
        await here.lasts("before", 1.5)
        await town.office.kill_daemon()
        await here.lasts("without a daemon", 2)
        await town.office.start_daemon()
        await here.lasts("after", 2)
        async with screen(town) as here.page:
            assert (await here.page.sees(here.firm, "talking")).supervisor == here.by.name
            assert (await here.asks(Act.LISTEN)).outcome is AnswerKind.DONE
            await here.lasts("listen", 2)
        call = await here.over()
        await jefa.ended(1)
        for name in ("before", "without a daemon", "after"):
            assert here.heard(here.her, name) == {CALLER, JEFA}, name
            assert here.recorded(call, name) == {CALLER, ANA}, name
        assert here.heard(here.her, "listen") == {CALLER}


async def test_who_was_removed_while_no_daemon_lived_is_in_no_call_once_there_is_one(town: Town) -> None:
    async with scene(town) as here:
        jefa = await here.comes_in(Act.WHISPER)
        await here.lasts("before", 1)
        await town.office.kill_daemon()
        await town.office.pbx("user", "remove", here.by.name)
        await town.office.start_daemon()
        await jefa.ended(5)
        assert here.caller.end.at is None
        async with screen(town) as here.page:
            assert not (await here.page.sees(here.firm, "talking")).supervisor
        await here.over()


async def test_nothing_is_left_over_of_who_listened_while_no_daemon_saw_the_end(town: Town) -> None:
    async with scene(town) as here:
        jefa = await here.comes_in(Act.LISTEN)
        await here.lasts("listen", 1)
        await town.office.kill_daemon()
        await here.caller.hang_up()
        await here.her.ended(10)
        await town.office.start_daemon()
        await jefa.ended(10)
        assert await town.quiet(5) == ""


@pytest.mark.parametrize("point", ["before_commit", "after_commit", "after_performing"])
async def test_nobody_listens_without_a_line_whenever_the_daemon_dies(town: Town, point: str, monkeypatch) -> None:
    await town.office.stop_daemon()
    mortal = town.office.environment | {"PBX_FAULT": f"supervised:{point}"}
    with monkeypatch.context() as patched:
        patched.setattr(type(town.office), "environment", property(lambda _: mortal))
        await town.office.start_daemon()
    async with scene(town) as here:
        with suppress(msgspec.DecodeError, ConnectionError):  # it dies, mostly before it answers
            await here.asks(Act.LISTEN)
        await asyncio.wait_for(town.office.daemon.wait(), patience(5))
        await town.office.start_daemon()
        await waiting(2)
        lines = await supervised(town, here.call.id)
        assert len(lines) == (0 if point == "before_commit" else 1)
        assert all(ring.answer.at is None for ring in here.jefa.calls) or lines
        if point != "after_performing":
            assert not here.jefa.calls
        await here.lasts("after", 1)
        assert here.caller.end.at is None
        async with screen(town) as here.page:
            there = (await here.page.sees(here.firm, "talking")).supervisor
            # Whose telephone rang already, and who has answered it, is in the call: the trail has her.
            assert not there or point == "after_performing"
            if not there:
                await here.comes_in(Act.LISTEN)
            await here.lasts("listen", 1)
            await here.over()
