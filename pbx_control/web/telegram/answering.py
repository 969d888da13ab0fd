"""What the bot answers: to commands, and to the buttons beneath messages."""

import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from anyio.to_thread import run_sync
from sqlalchemy import Engine
from telegram import Bot, BotCommand, CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message, Update
from telegram.constants import ChatType, ParseMode
from telegram.error import BadRequest, Forbidden, TelegramError

from pbx_control.catalogue import LANGUAGES
from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.notices.acts import Act
from pbx_control.domain.notices.chat_commands import about, read_availability, read_today
from pbx_control.domain.opening.overrides import end_of_day
from pbx_control.domain.words.sentences import said
from pbx_control.errors import ClientMistake, Code
from pbx_control.notify.telegram import cut
from pbx_control.services import chats, invitations
from pbx_control.services.chats import Availabilities, Mine, Writer
from pbx_control.services.invitations import Joined
from pbx_control.services.work import booking
from pbx_control.web.telegram import words
from pbx_control.web.telegram.redrawing import Redrawing
from pbx_control.web.tries import Tries

log = structlog.get_logger()

# Telegram's limits, in UTF-16 units.
LONGEST_TEXT, LONGEST_TOAST = 4096, 200
# Of what somebody writes; commands are short.
LONGEST_COMMAND = 3000
# What stands before an act's name in a button that asks once more, and in the one that takes it back.
SURE, NOT_SURE = "sure-", "not-"

# What the buttons beneath the contacts send back.
AWAY = re.compile(rf"({words.HOUR}|{words.DAY}|{words.THERE}):[0-9]{{1,9}}", re.ASCII)
# What a proposal's buttons send back.
DECIDES = re.compile(rf"({words.YES}|{words.NO}):[0-9]{{1,9}}", re.ASCII)

Command = Callable[[Message, Writer, str, str], Awaitable[None]]


class Answers:
    """Answers in the chat's own language, which is its client's; to somebody unknown in the sender's."""

    def __init__(self, engine: Engine, tries: Tries, looked_for: Callable[[], None]) -> None:
        self._engine = engine
        self._tries = tries
        self._looked_for = looked_for  # desks may have to show something new
        self.redrawing = Redrawing(engine)
        self._bot: Bot | None = None
        self.name = ""  # the bot's user name, once Telegram has told it
        self._commands: dict[str, Command] = {
            "start": self._start,
            "balance": self._balance,
            "calls": self._calls,
            "today": self._today,
            "availability": self._availability,
            "greeting": self._greeting,
        }

    def know(self, bot: Bot) -> None:
        """By this bot it is answered."""
        self._bot, self.name = bot, bot.username

    async def describe(self) -> None:
        """Has Telegram offer the commands, in each language."""
        assert self._bot
        for language in LANGUAGES:
            offered = [BotCommand(name, said(language, what, {})) for name, what in words.OFFERED[language]]
            await self._bot.set_my_commands(offered, language_code=language)

    async def answer(self, update: Update) -> None:
        """Answers one update. Raises StoreUnavailable; what Telegram refuses is logged: nobody is there to be told."""
        try:
            if update.callback_query:
                await self._pressed(update.callback_query)
            elif update.message:
                await self._written(update.message)
        except TelegramError as error:
            log.warning("an answer was not taken", update=update.update_id, why=str(error))

    # --- what is written ----------------------------------------------------------------------------------

    async def _written(self, message: Message) -> None:
        if message.migrate_to_chat_id:
            await run_sync(chats.moved, self._engine, str(message.chat_id), str(message.migrate_to_chat_id))
            return
        text = (message.text or "")[:LONGEST_COMMAND]
        if message.from_user is None or message.from_user.is_bot or not text.startswith("/"):
            return
        name, _, rest = text[1:].partition(" ")
        name, _, addressed = name.partition("@")
        if addressed and addressed.lower() != self.name.lower():
            return
        writer = _writer(message)
        firms = await run_sync(chats.firms, self._engine, writer)
        command = self._commands.get(words.COMMANDS.get(name.lower(), ""))
        language = firms[0].language if firms else _language(message)
        if command == self._start and rest.strip():
            await self._start(message, writer, rest, language)
        elif not firms:
            # In a group, nothing at all: whoever adds the bot anywhere learns nothing.
            if writer.private:
                await self._say(message, language, words.UNKNOWN_CHAT)
        elif command:
            await command(message, writer, rest, language)
        else:
            await self._say(message, language, words.HELP)

    async def _start(self, message: Message, writer: Writer, code: str, language: str) -> None:
        """/start CODE connects the chat."""
        if not code.strip():
            return await self._say(message, language, words.HELP)
        if self._tries.wait(f"telegram:{writer.account}", ""):
            return await self._say(message, language, words.TOO_OFTEN)
        try:
            joined = await run_sync(self._connect, code, writer, message.chat.title or "")
        except ClientMistake:
            self._tries.wrong(f"telegram:{writer.account}", "")
            log.warning("a code from a chat is wrong", account=writer.account)
            return await self._say(message, language, words.WRONG_CODE)
        told = words.CONNECTED_YOU if joined.account else words.CONNECTED
        return await self._say(message, joined.language, told, client=joined.client)

    def _connect(self, code: str, writer: Writer, title: str) -> Joined:
        actor = Actor(ActorKind.USER, writer.shown, f"Telegram {writer.account}")
        with booking(self._engine, actor, now()) as work:
            account = writer.account if writer.private else ""
            return invitations.connect_chat(work, code, writer.chat, title or writer.shown, account)

    async def _balance(self, message: Message, writer: Writer, _rest: str, language: str) -> None:
        """/balance: what is left of the calls."""
        found = await run_sync(chats.balances, self._engine, writer)
        lines = [words.balance(one, language) for one in found]
        await self._reply(message, "\n\n".join(lines))

    async def _calls(self, message: Message, writer: Writer, _rest: str, language: str) -> None:
        """/calls: the newest ones."""
        found = await run_sync(chats.last_calls, self._engine, writer)
        parts = [words.calls(firm, calls, language, ZoneInfo(firm.timezone)) for firm, calls in found]
        await self._reply(message, "\n\n".join(parts))

    async def _today(self, message: Message, writer: Writer, rest: str, language: str) -> None:
        """/today closed 14:00: what holds for today."""
        mine, said_words = await self._his_firm(writer, rest.split())
        if mine is None:
            return await self._say(message, language, words.WHOSE)
        language, zone = mine.client.language, ZoneInfo(mine.client.timezone)
        try:
            wanted = read_today(said_words, zone, now())
            await run_sync(chats.say_today, self._engine, writer, mine, wanted, now())
        except ClientMistake as error:
            why = said(language, error.template, error.values)
            return await self._say(message, language, words.TODAY_HOW, why=why)
        return await self._reply(message, words.today(mine.client, wanted, zone))

    async def _availability(self, message: Message, writer: Writer, rest: str, language: str) -> None:
        """/availability lists the contacts; Ana off 15:00 or Ana on changes one of them."""
        mine, said_words = await self._his_firm(writer, rest.split())
        if mine is None:
            return await self._say(message, language, words.WHOSE)
        found = await run_sync(chats.who_is_there, self._engine, mine, now())
        if not said_words:
            text, rows = words.availability(mine.client, found, ZoneInfo(mine.client.timezone), now())
            assert self._bot
            markup = InlineKeyboardMarkup(rows) if rows else None
            await self._bot.send_message(message.chat_id, cut(text, LONGEST_TEXT), reply_markup=markup)
            return None
        return await self._set_availability(message, writer, mine, said_words, found)

    async def _set_availability(
        self, message: Message, writer: Writer, mine: Mine, given: Sequence[str], found: Availabilities
    ) -> None:
        language, zone = mine.client.language, ZoneInfo(mine.client.timezone)
        try:
            wanted = read_availability(given, {one.name: one.id for one in found.contacts}, zone, now())
            await run_sync(chats.say_availability, self._engine, writer, mine, wanted, now())
        except ClientMistake as error:
            why = said(language, error.template, error.values)
            return await self._say(message, language, words.AVAILABILITY_HOW, why=why)
        self._looked_for()
        return await self._reply(message, words.told_availability(mine.client, wanted, zone, now()))

    async def _greeting(self, message: Message, writer: Writer, rest: str, language: str) -> None:
        """/greeting shows it; with a text it shows what would be different, and asks."""
        mine, text = await self._his_firm(writer, rest.split(" "))
        if mine is None:
            return await self._say(message, language, words.WHOSE)
        language, wanted = mine.client.language, " ".join(text).strip()
        if not wanted:
            present = await run_sync(chats.greeting, self._engine, mine)
            return await self._say(message, language, words.GREETING, greeting=present or "–")
        try:
            told = await run_sync(chats.propose_greeting, self._engine, writer, mine, wanted, now())
        except ClientMistake as error:
            return await self._reply(message, words.refused(error, language))
        text_, rows = words.proposed(told, mine.client)
        return await self._ask(message, text_, rows)

    async def _ask(self, message: Message, html: str, rows: Sequence[Sequence[InlineKeyboardButton]]) -> None:
        assert self._bot
        await self._bot.send_message(
            message.chat_id, html, reply_markup=InlineKeyboardMarkup(rows), parse_mode=ParseMode.HTML
        )

    async def _his_firm(self, writer: Writer, given: Sequence[str]) -> tuple[Mine | None, Sequence[str]]:
        """The firm that is meant, of those whose person the account is, and the rest of the words."""
        his = await run_sync(chats.his_firms, self._engine, writer)
        slug, rest = about(given, [one.client.slug for one in his])
        return next((one for one in his if one.client.slug == slug), None), rest

    async def _pressed_availability(self, query: CallbackQuery, message: Message, writer: Writer) -> None:
        """A button beneath the contacts: off for an hour or a day, or back. The list then shows what is so."""
        act, _, number = (query.data or "").partition(":")
        at = now().replace(second=0, microsecond=0)
        ends: dict[str, Callable[[ZoneInfo], datetime | None]] = {
            words.HOUR: lambda _: at + timedelta(hours=1),
            words.DAY: lambda zone: end_of_day(zone, at),
            words.THERE: lambda _: None,
        }
        try:
            mine = await run_sync(chats.press_availability, self._engine, writer, int(number), ends[act], now())
        except ClientMistake as error:
            return await self._toast(query, words.refused(error, _language(query)), alert=True)
        self._looked_for()
        await self._toast(query, said(mine.client.language, words.NOTED, {}))
        found = await run_sync(chats.who_is_there, self._engine, mine, now())
        text, rows = words.availability(mine.client, found, ZoneInfo(mine.client.timezone), now())
        return await self._write_anew(message, text, rows)

    async def _decided(self, query: CallbackQuery, message: Message, writer: Writer) -> None:
        """A proposal's button: yes or no."""
        answer, _, number = (query.data or "").partition(":")
        yes = answer == words.YES
        try:
            mine = await run_sync(partial(chats.decide, self._engine, writer, int(number or 0), yes=yes, at=now()))
        except ClientMistake as error:
            return await self._toast(query, words.refused(error, _language(query)), alert=True)
        language = mine.client.language
        await self._toast(query, said(language, words.IN_FORCE if yes else words.UNCHANGED, {}))
        label = said(language, words.CONFIRMED_BY if yes else words.REFUSED_BY, {"who": writer.shown})
        return await self._edit(
            message.chat_id, message.message_id, [[InlineKeyboardButton(label, callback_data="done:")]]
        )

    # --- what is pressed ----------------------------------------------------------------------------------

    async def _pressed(self, query: CallbackQuery) -> None:
        message = query.message if isinstance(query.message, Message) else None
        act, sure, name = _button(query.data or "")
        if message and DECIDES.fullmatch(query.data or ""):
            return await self._decided(query, message, _presser(query, message))
        if message and AWAY.fullmatch(query.data or ""):
            return await self._pressed_availability(query, message, _presser(query, message))
        if message is None or act is None:
            return await self._toast(query, said(_language(query), words.GONE, {}))
        writer = _presser(query, message)
        if act is Act.BLOCK and sure != SURE:
            return await self._ask_about_block(query, message, writer, name, sure)
        try:
            done = await run_sync(chats.press, self._engine, writer, act, name, now())
        except ClientMistake as error:
            return await self._refuse(query, error)
        self._looked_for()
        if done.news:
            self.redrawing.draw(done.letter.posted.letter.call_id or "", but=done.letter.posted.id)
        await self._toast(query, words.toast(done))
        return await self._edit(message.chat_id, message.message_id, words.buttons_after(done.letter))

    async def _refuse(self, query: CallbackQuery, error: ClientMistake) -> None:
        told = words.REFUSED.get(error.code, words.GONE)
        await self._toast(query, said(_language(query), told, {}), alert=error.code is Code.NOT_YOURS)

    async def _ask_about_block(
        self, query: CallbackQuery, message: Message, writer: Writer, name: str, sure: str
    ) -> None:
        """Once more: a finger slips. The question takes the buttons' place."""
        try:
            letter = await run_sync(chats.letter_here, self._engine, writer, Act.BLOCK, name)
        except ClientMistake as error:
            return await self._refuse(query, error)
        rows = words.buttons_after(letter) if sure == NOT_SURE else _question(name, letter.language)
        await self._edit(message.chat_id, message.message_id, rows)
        return await self._toast(query, "")

    # --- how it is said -----------------------------------------------------------------------------------

    async def _say(self, message: Message, language: str, text: str, **values: object) -> None:
        await self._reply(message, said(language, text, values))

    async def _reply(self, message: Message, text: str) -> None:
        assert self._bot
        await self._bot.send_message(message.chat_id, cut(text, LONGEST_TEXT))

    async def _toast(self, query: CallbackQuery, text: str, *, alert: bool = False) -> None:
        assert self._bot
        # An old press has nobody who waits for the answer.
        with suppress(BadRequest):
            await self._bot.answer_callback_query(query.id, cut(text, LONGEST_TOAST) or None, show_alert=alert)

    async def _write_anew(self, message: Message, text: str, rows: Sequence[Sequence[InlineKeyboardButton]]) -> None:
        assert self._bot
        with suppress(BadRequest, Forbidden):
            await self._bot.edit_message_text(
                cut(text, LONGEST_TEXT),
                message.chat_id,
                message.message_id,
                reply_markup=InlineKeyboardMarkup(rows) if rows else None,
            )

    async def _edit(self, chat: int, number: int, rows: Sequence[Sequence[InlineKeyboardButton]]) -> None:
        assert self._bot
        # The same as before, or a message that somebody has deleted.
        with suppress(BadRequest, Forbidden):
            await self._bot.edit_message_reply_markup(chat, number, reply_markup=InlineKeyboardMarkup(rows))


def _button(data: str) -> tuple[Act | None, str, str]:
    """What a button stands for: act, whether it asks or answers a question, and the letter's name."""
    kind, _, name = data.partition(":")
    sure = next((mark for mark in (SURE, NOT_SURE) if kind.startswith(mark)), "")
    try:
        return Act(kind.removeprefix(sure)), sure, name
    except ValueError:
        return None, "", ""


def _question(name: str, language: str) -> list[list[InlineKeyboardButton]]:
    """Yes and no, to whether a caller is to be blocked."""
    return [
        [InlineKeyboardButton(said(language, words.SURE, {}), callback_data=f"{SURE}{Act.BLOCK}:{name}")],
        [InlineKeyboardButton(said(language, words.NOT_SURE, {}), callback_data=f"{NOT_SURE}{Act.BLOCK}:{name}")],
    ]


def _writer(message: Message) -> Writer:
    assert message.from_user
    return Writer(
        chat=str(message.chat_id),
        account=str(message.from_user.id),
        name=message.from_user.full_name,
        private=message.chat.type == ChatType.PRIVATE,
    )


def _presser(query: CallbackQuery, message: Message) -> Writer:
    return Writer(
        chat=str(message.chat_id),
        account=str(query.from_user.id),
        name=query.from_user.full_name,
        private=message.chat.type == ChatType.PRIVATE,
    )


def _language(from_somebody: Message | CallbackQuery) -> str:
    """What his Telegram is set to, if that is spoken here."""
    user = from_somebody.from_user
    code = (user.language_code or "")[:2].lower() if user else ""
    return code if code in LANGUAGES else "es"
