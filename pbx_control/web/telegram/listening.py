"""Takes what Telegram has for the bot, one update after the other, and has it answered.

An update is asked for until it has been dealt with: what a crash or a database that is away interrupts comes again, and
whatever is done twice does no harm. Of several web processes one asks at a time (Telegram allows no second one).
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import structlog
from anyio.to_thread import run_sync
from sqlalchemy import Engine
from telegram import Bot, Update
from telegram.error import Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from pbx_control.clock import now
from pbx_control.errors import StoreUnavailable
from pbx_control.live.kept_running import KeptRunning
from pbx_control.services import leases
from pbx_control.settings import Telegram
from pbx_control.web.telegram.answering import Answers

log = structlog.get_logger()

# Telegram holds a request for so long if there is nothing, seconds.
LONG_POLL = 25
# Time for the answer to come through, seconds.
TIMEOUT = 10.0
# The lease outlives one long request by far.
LEASE, LEASE_NAME = timedelta(seconds=90), "telegram"
# After trouble of somebody else's, seconds; the second is for what an admin must mend.
AGAIN, LATER = 3.0, 60.0
KINDS = ["message", "callback_query"]


class Listener:
    """Asks Telegram for what people wrote to the bot, until it is cancelled."""

    def __init__(self, settings: Telegram, engine: Engine, holder: str, answers: Answers, webhook: str = "") -> None:
        """`webhook` is the address to which Telegram is to bring what it has; "": it is asked."""
        # httpx logs each address that it asks, and the bot's secret token is part of it.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        request = HTTPXRequest(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, pool_timeout=TIMEOUT)
        polling = HTTPXRequest(connect_timeout=TIMEOUT, read_timeout=LONG_POLL + TIMEOUT, pool_timeout=TIMEOUT)
        self.bot = Bot(settings.token, settings.base_url, request=request, get_updates_request=polling)
        self._engine = engine
        self._holder = holder
        self._answers = answers
        self._webhook = webhook
        # Whoever brings an update shows it: nobody can make it who does not know the bot's token.
        self.secret = sha256(b"webhook:" + settings.token.encode()).hexdigest()

    @property
    def name(self) -> str:
        """The bot's user name; "" while Telegram has not told it."""
        return self._answers.name

    def redraw(self, call_id: str) -> None:
        """Has the buttons drawn anew beneath the letters about a call, in all chats: somebody has seen to it."""
        self._answers.redrawing.draw(call_id)

    async def run(self) -> None:
        """Listens for ever. Whatever goes wrong with one update or with Telegram, it goes on."""
        while True:
            try:
                async with self.bot, KeptRunning(lambda: self._answers.redrawing.run(self.bot)):
                    self._answers.know(self.bot)
                    await self._listen()
            except InvalidToken:
                log.error("Telegram does not know the bot: mend [telegram] token in pbx.toml")
                await asyncio.sleep(LATER)
            except RetryAfter as error:
                pause = error.retry_after
                await asyncio.sleep(pause.total_seconds() if isinstance(pause, timedelta) else pause)
            except Conflict as error:
                log.warning("something else asks for what people write to this bot", why=str(error))
                await asyncio.sleep(LATER)
            except NetworkError as error:
                log.warning("Telegram cannot be reached", why=str(error))
                await asyncio.sleep(AGAIN)
            except StoreUnavailable as error:
                log.warning("the bot waits for the database", why=str(error))
                await asyncio.sleep(AGAIN)
            except TelegramError as error:
                log.warning("Telegram refuses the bot's question", why=str(error))
                await asyncio.sleep(LATER)

    async def _listen(self) -> None:
        await self._answers.describe()
        if self._webhook:
            await self.bot.set_webhook(self._webhook, secret_token=self.secret, allowed_updates=KINDS)
            await asyncio.Event().wait()  # Telegram comes by itself (take)
        await self.bot.delete_webhook()
        following: int | None = None
        while True:
            if not await run_sync(leases.take, self._engine, LEASE_NAME, self._holder, LEASE, now()):
                await asyncio.sleep(AGAIN)
                continue
            updates = await self.bot.get_updates(following, timeout=LONG_POLL, allowed_updates=KINDS)
            for update in updates:
                await self._answer(update)
                # Only now: the next request tells Telegram that this one is dealt with.
                following = update.update_id + 1

    async def take(self, told: Mapping[str, Any]) -> None:
        """Answers an update that Telegram has brought to the webhook. Raises StoreUnavailable: then it comes again."""
        if update := Update.de_json(dict(told), self.bot):
            await self._once(update)

    async def _answer(self, update: Update) -> None:
        while True:
            try:
                return await self._once(update)
            except StoreUnavailable as error:
                log.warning("the bot waits for the database", why=str(error))
                await asyncio.sleep(AGAIN)

    async def _once(self, update: Update) -> None:
        try:
            await self._answers.answer(update)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("what somebody wrote to the bot could not be answered", update=update.update_id)
