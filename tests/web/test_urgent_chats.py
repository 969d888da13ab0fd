"""Urgent messages in Telegram chats: whoever sees to one, by whatever way, is shown beneath it in all of its chats."""

import asyncio
from datetime import timedelta

import pytest
from acting import ADMIN
from browsing import AT, Place, asks, at_desk
from msgspec.structs import replace
from sqlalchemy import update
from structlog.testing import capture_logs
from test_bot import GROUP, JUAN, Bot, bot, telegram
from test_urgent_links import BOSS, FIVE, SENT, Hasty

from pbx_control.clock import now
from pbx_control.domain.call.commands import WriteLetters
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Outcome, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.domain.notices.messages import Channel
from pbx_control.notify.telegram import Telegrammer
from pbx_control.services import people
from pbx_control.services.steps import rules_of, save
from pbx_control.services.work import changing
from pbx_control.settings import Telegram
from pbx_control.store import clients, letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.letters import Posted
from pbx_control.store.tables import call
from pbx_control.web.telegram import redrawing
from pbx_control.world.telegram import TOKEN, Refusal

__all__ = ["bot", "telegram"]

CALLER = "+56223334444"


class Chats(Hasty):
    """An urgent message of Ana's in Juan's chat, in a group, and in a mail."""

    bot: Bot

    def posted(self, chat: int = 0) -> list[Posted]:
        """The letters to chats, or to that one, oldest first."""
        with reading(self.place.engine) as conn:
            found = letters.in_chats(conn, self.call)
        return [one for one in found if not chat or one.letter.address == str(chat)]

    def waiting(self) -> list[Posted]:
        with reading(self.place.engine) as conn:
            return [one for one in letters.newest(conn)[::-1] if one.due_at]

    async def deliver(self) -> None:
        """All that waits, as the outbox does."""
        sender = Telegrammer(Telegram(token=TOKEN, base_url=self.bot.server.base_url), self.place.site.home)
        for one in self.waiting():
            receipt = await sender.send(one.letter) if one.letter.channel is Channel.TELEGRAM else ""
            with writing(self.place.engine) as conn:
                letters.delivered(conn, one, SENT, receipt)
        await sender.rest()

    async def is_told_again(self, instant: object) -> None:
        self.goes_on(instant)
        await self.deliver()

    def shown(self, chat: int, number: int = 0) -> list[str]:
        """The buttons beneath a chat's letter of that number."""
        return self.bot.server.buttons(chat, int(self.posted(chat)[number].receipt))

    def everywhere(self) -> list[list[str]]:
        """The buttons beneath all letters to chats that have arrived."""
        found = [(int(one.letter.address), int(one.receipt)) for one in self.posted() if one.receipt]
        return [self.bot.server.buttons(*one) for one in found]

    async def all_show(self, label: str) -> None:
        await self.bot.until(lambda: all(label in shown for shown in self.everywhere()))

    async def press(self, act: str, chat: int, number: int = 0, name: str = "Juan") -> str:
        return await self.bot.press(act, int(self.posted(chat)[number].receipt), chat, name=name)

    async def follow_link(self) -> int:
        """The mail's."""
        link = next(one for one in self.links())
        return (await self.place.browser().post(link)).status_code


@pytest.fixture
async def chats(place: Place, bot: Bot, talking: Call, monkeypatch: pytest.MonkeyPatch) -> Chats:
    await bot.connect()
    await bot.connect(GROUP)
    object.__setattr__(place.site, "bot", bot.listener)
    with changing(place.engine, ADMIN, now()) as work:
        people.add_recipient(work, clients.find(work.conn, "andes").id, "email", BOSS)
    made = Chats(place, talking.id, monkeypatch)
    made.bot = bot
    over = replace(talking, phase=Phase.ENDED, seat=None, outcome=Outcome.ANSWERED, ended_at=AT + timedelta(minutes=1))
    with writing(place.engine) as conn:
        save(conn, [Save(over, False, (Line(2, AT, "X", {}),), (WriteLetters(),))], rules_of(place.site.settings))
        conn.execute(update(call).values(caller=CALLER))
    ana = await at_desk(place, "ana")
    assert (await asks(ana, f"/desk/calls/{talking.id}/urgent", {"urgent": True})).status_code == 200
    assert (await asks(ana, f"/desk/calls/{talking.id}/send", {"gaps": True})).status_code == 200
    made.goes_on(SENT)
    return made


SEEN_BY_JUAN, SEEN_BY_BOSS = "✓ Visto por Juan", f"✓ Visto por {BOSS}"


async def test_seen_beneath_a_letter_that_told_again_ends_it_and_stands_beneath_all(chats: Chats) -> None:
    await chats.deliver()
    await chats.is_told_again(SENT + FIVE)
    await chats.is_told_again(SENT + 2 * FIVE)
    chats.goes_on(SENT + 3 * FIVE)
    # The mail's turn: not on its way yet.
    assert [one.letter.address for one in chats.waiting()] == [BOSS]
    assert [len(chats.posted(chat)) for chat in (JUAN, GROUP)] == [2, 2]
    assert await chats.press("Visto", JUAN, 1) == "Anotado."
    assert chats.seen_by() == "Juan"
    assert chats.waiting() == []
    await chats.all_show(SEEN_BY_JUAN)
    chats.goes_on(SENT + 99 * FIVE)
    assert chats.waiting() == []


async def test_seen_beneath_the_first_letter_after_the_next_one_was_told(chats: Chats) -> None:
    await chats.deliver()
    await chats.is_told_again(SENT + FIVE)
    await chats.is_told_again(SENT + 2 * FIVE)
    assert await chats.press("Visto", GROUP, 0, "Eva") == "Anotado."
    await chats.all_show("✓ Visto por Eva")
    # Who had it before stays, whoever presses then.
    assert await chats.press("Visto", JUAN, 1) == "Anotado."
    assert chats.seen_by() == "Eva"


async def test_the_mails_link_stands_beneath_it_in_every_chat_once(chats: Chats) -> None:
    await chats.deliver()
    assert await chats.follow_link() == 200
    await chats.all_show(SEEN_BY_BOSS)
    asked = chats.bot.server.edits_asked
    assert asked == 2
    assert await chats.follow_link() == 200
    assert "Usted se encarga" in await chats.press("Urgente", JUAN)
    await chats.all_show("✋ Juan se encarga")
    # One beneath his own, one beneath the other: the second press of the link asked for nothing.
    assert chats.bot.server.edits_asked == asked + 2
    assert all(SEEN_BY_BOSS in shown or SEEN_BY_JUAN in shown for shown in chats.everywhere())


@pytest.mark.parametrize("act", ["seen", "call-back", "block"])
async def test_what_is_done_in_the_portal_stands_beneath_it_in_every_chat(chats: Chats, act: str) -> None:
    await chats.deliver()
    staff = await at_desk(chats.place, "recepcion")
    assert (await staff.post(f"/portal/calls/{chats.call}/{act}")).status_code == 303
    await chats.all_show("✓ Visto por recepcion")
    if act == "call-back":
        await chats.all_show("↩ recepcion pidió devolver la llamada")


async def test_who_blocks_in_a_chat_has_seen_it_and_it_stays_beneath(chats: Chats) -> None:
    await chats.deliver()
    await chats.press("Bloquear", JUAN)
    assert "ya no entra" in await chats.press("Sí, bloquear", JUAN)
    await chats.all_show(SEEN_BY_JUAN)
    await chats.press("Urgente", GROUP, name="Eva")
    await chats.all_show("✋ Eva se encarga")
    assert "⛔ Bloqueado por Juan" in chats.shown(JUAN)


async def test_a_chat_that_is_no_recipient_any_more_is_told_nothing(chats: Chats) -> None:
    await chats.deliver()
    with changing(chats.place.engine, ADMIN, now()) as work:
        people.remove_recipient(work, clients.find(work.conn, "andes").id, str(GROUP))
    before = chats.shown(GROUP)
    assert await chats.follow_link() == 200
    await chats.bot.until(lambda: SEEN_BY_BOSS in chats.shown(JUAN))
    await until_done(chats)
    assert chats.shown(GROUP) == before


async def until_done(chats: Chats) -> None:
    """Nothing is left to be drawn."""
    async with asyncio.timeout(20):
        while chats.bot.listener._answers.redrawing._calls:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


# --- trouble ----------------------------------------------------------------------------------------------


async def test_what_telegram_does_not_take_is_tried_again(chats: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrawing, "FIRST_PAUSE", 0.05)
    await chats.deliver()
    again = Refusal(429, "Too Many Requests: retry after 1", retry_after=1)
    chats.bot.server.edits_refused += [Refusal(502, "Bad Gateway"), again]
    began = asyncio.get_running_loop().time()
    assert await chats.follow_link() == 200
    await chats.all_show(SEEN_BY_BOSS)
    assert asyncio.get_running_loop().time() - began > 1  # as long as Telegram asks to wait
    assert chats.bot.server.edits_asked == 4


@pytest.mark.parametrize("never", [Refusal(403, "Forbidden: bot was kicked"), Refusal(400, "message is gone")])
async def test_a_chat_that_is_closed_holds_up_no_other(chats: Chats, never: Refusal) -> None:
    await chats.deliver()
    chats.bot.server.edits_refused += [never]
    assert await chats.follow_link() == 200
    await chats.bot.until(lambda: SEEN_BY_BOSS in chats.shown(GROUP))
    await until_done(chats)
    assert chats.bot.server.edits_asked == 2


async def test_it_is_given_up_in_time_and_the_bot_goes_on(chats: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrawing, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(redrawing, "GIVE_UP_AFTER", 0.5)
    await chats.deliver()
    chats.bot.server.edits_refused += [Refusal(502, "Bad Gateway") for _ in range(100)]
    with capture_logs() as logged:
        assert await chats.follow_link() == 200
        await until_done(chats)
    assert [one["call"] for one in logged if "out of date" in one["event"]] == [chats.call]
    assert 2 <= chats.bot.server.edits_asked < 10
    chats.bot.server.edits_refused.clear()
    # What his own chat shows is drawn by his press.
    assert await chats.press("Visto", JUAN) == "Anotado."
    await chats.bot.until(lambda: SEEN_BY_JUAN in chats.shown(JUAN))


async def test_a_letter_on_its_way_is_drawn_when_it_has_arrived(chats: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redrawing, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(redrawing, "LONGEST_PAUSE", 0.05)
    assert await chats.follow_link() == 200
    await chats.deliver()
    assert len(chats.everywhere()) == 2
    await chats.all_show(SEEN_BY_BOSS)
