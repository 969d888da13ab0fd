"""Draws the buttons anew beneath a call's message in all its chats, once somebody anywhere has seen to it.

As well as it can be done: what Telegram does not take is tried again for a while, and then left. Whoever presses a
button that is out of date is told how it stands, and his chat's buttons are drawn anew by that.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from anyio.to_thread import run_sync
from sqlalchemy import Engine
from telegram import Bot, InlineKeyboardMarkup
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter, TelegramError

from pbx_control.errors import StoreUnavailable
from pbx_control.services import chats
from pbx_control.services.chats import InChat
from pbx_control.web.telegram import words

log = structlog.get_logger()

# So long it is tried, seconds: then people have looked at their chats.
GIVE_UP_AFTER = 600.0
# From one try to the next, seconds: twice as long each time.
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
# What Telegram will never take: the same as before, a message that was deleted, a chat that is closed to us or has
# another number by now.
NEVER = (BadRequest, Forbidden, ChatMigrated)


@dataclass(slots=True)
class _Call:
    """A call whose buttons are out of date. Times are the event loop's."""

    until: float
    due: float
    pause: float  # until the next try
    drawn: set[int]  # letters


class Redrawing:
    """`run` does it, as long as there is a bot; what is left then it does with the next one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._calls: dict[str, _Call] = {}
        self._news = asyncio.Event()

    def draw(self, call_id: str, but: int = 0) -> None:
        """Has the buttons drawn beneath all letters about a call, except one that has them."""
        now = asyncio.get_running_loop().time()
        self._calls[call_id] = _Call(now + GIVE_UP_AFTER, now, FIRST_PAUSE, {but})
        self._news.set()

    async def run(self, bot: Bot) -> None:
        """For ever, until it is cancelled: nothing is lost by that."""
        now = asyncio.get_running_loop().time
        while True:
            self._news.clear()
            for call_id, call in list(self._calls.items()):
                if call.due <= now() and await self._is_over(bot, call_id, call) and self._calls.get(call_id) is call:
                    del self._calls[call_id]
            due = min((call.due for call in self._calls.values()), default=None)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), None if due is None else max(0.0, due - now()))

    async def _is_over(self, bot: Bot, call_id: str, call: _Call) -> bool:
        """Tries what is left of a call. Whether nothing is left, or it has been tried for long enough."""
        try:
            found = await run_sync(chats.in_chats, self._engine, call_id)
            for one in found:
                if one.posted.id not in call.drawn and one.has_arrived:
                    await _draw(bot, one)
                    call.drawn.add(one.posted.id)
            if all(one.posted.id in call.drawn or not one.will_arrive for one in found):
                return True
            why, pause = "a letter is on its way", call.pause
        except RetryAfter as error:
            wanted = error.retry_after
            why, pause = str(error), wanted.total_seconds() if isinstance(wanted, timedelta) else float(wanted)
        except (TelegramError, StoreUnavailable) as error:
            why, pause = str(error), call.pause
        now = asyncio.get_running_loop().time()
        call.due, call.pause = now + pause, min(2 * call.pause, LONGEST_PAUSE)
        if call.due <= call.until:
            return False
        log.warning("buttons in chats stay out of date", call=call_id, why=why)
        return True


async def _draw(bot: Bot, one: InChat) -> None:
    """Raises TelegramError if it may be taken later."""
    rows = words.buttons_after(one)
    with suppress(*NEVER):
        chat, number = int(one.posted.letter.address), int(one.posted.receipt)
        await bot.edit_message_reply_markup(chat, number, reply_markup=InlineKeyboardMarkup(rows))
