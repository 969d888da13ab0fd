"""Hands letters to Telegram by its Bot API: text, a left message as a voice note to be heard in the chat, a file."""

import asyncio
import io
import logging
import os
import ssl
from datetime import timedelta
from pathlib import PurePosixPath

import httpx
import structlog
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, Message
from telegram.constants import MessageLimit
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from pbx_control.domain.notices.acts import LABELS
from pbx_control.domain.notices.gone import attachment_gone
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.words.sentences import said
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.notify import attachments
from pbx_control.notify.attachments import Attached
from pbx_control.notify.turns import LastStep, at_once
from pbx_control.settings import Home, Telegram

CONNECT_LIMIT = 20.0  # seconds until Telegram takes the connection, and until it takes each part of a request
# Seconds that Telegram may take to answer. Who goes sooner does not know whether the letter has arrived.
ANSWER_LIMIT = 300.0

# The library's own switch: pauses come as timedeltas, as they will in its next major version, and it does not warn.
os.environ.setdefault("PTB_TIMEDELTA", "true")

# The request was sent, but no answer came: Telegram may have it.
ANSWER_LOST = (httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError)

log = structlog.get_logger()


class Telegrammer:
    """Sends by the office's bot; one request for each letter, so that none arrives by halves."""

    def __init__(self, settings: Telegram, home: Home) -> None:
        # httpx logs each address that it asks, and the bot's secret token is part of it.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._home = home
        self._token = settings.token
        self._request = HTTPXRequest(
            read_timeout=ANSWER_LIMIT,
            write_timeout=CONNECT_LIMIT,
            media_write_timeout=CONNECT_LIMIT,
            connect_timeout=CONNECT_LIMIT,
            pool_timeout=CONNECT_LIMIT,
            # Made once: reading all certificate authorities takes some 30 ms.
            httpx_kwargs={"verify": ssl.create_default_context()},
        )
        self._bot = self._make_bot(settings)

    def _make_bot(self, settings: Telegram) -> Bot | None:
        if not settings.token:
            return None
        return Bot(settings.token, settings.base_url, request=self._request, get_updates_request=self._request)

    async def send(self, letter: Letter, last_step: LastStep = at_once) -> str:
        """Send the letter to the chat that its address names, after `last_step`; gives its number there. Raises
        DeliveryFailed if Telegram did not take it."""
        if self._bot is None:
            raise DeliveryFailed("there is no Telegram bot: set [telegram] token in pbx.toml", Fault.SERVER)
        await self._request.initialize()
        try:
            sent = await self._post(self._bot, letter.address, letter, last_step)
            return str(sent.message_id)
        except TelegramError as error:
            raise self._failure(error) from None  # the cause's text may hold the token

    async def rest(self) -> None:
        """Close the connections: there is nothing to send for now."""
        await self._request.shutdown()

    async def _post(self, bot: Bot, chat: str, letter: Letter, last_step: LastStep) -> Message:
        attached = await asyncio.to_thread(attachments.read, self._home, letter.attachment)
        keyboard = buttons(letter)
        if attached is None:
            text = cut(attachment_gone(letter).text, MessageLimit.MAX_TEXT_LENGTH)
            preview = LinkPreviewOptions(is_disabled=True)
            await last_step()
            return await bot.send_message(chat, text, link_preview_options=preview, reply_markup=keyboard)
        voice = await self._post_voice(bot, chat, letter, attached, last_step) if attached.is_sound else None
        if voice:
            return voice
        await last_step()
        caption = cut(letter.text, MessageLimit.CAPTION_LENGTH)
        return await bot.send_document(
            chat, attached.content, caption=caption, filename=attached.name, reply_markup=keyboard
        )

    async def _post_voice(
        self, bot: Bot, chat: str, letter: Letter, sound: Attached, last_step: LastStep
    ) -> Message | None:
        """Send a sound as a voice note; None if it is none that can be heard, or the chat takes none."""
        voice = await asyncio.to_thread(voice_note, sound.content)
        if voice is None:
            return None
        caption = cut(letter.text, MessageLimit.CAPTION_LENGTH)
        name = PurePosixPath(sound.name).with_suffix(".ogg").name
        await last_step()
        try:
            return await bot.send_voice(chat, voice, caption=caption, filename=name, reply_markup=buttons(letter))
        except BadRequest as error:
            # A Premium user may forbid voice notes to himself; a file he does get.
            if "VOICE_MESSAGES_FORBIDDEN" not in str(error).upper():
                raise
            return None

    def _failure(self, error: TelegramError) -> DeliveryFailed:
        """What Telegram's refusal means: a chat that is closed to us is final, all else is tried again.

        A wrong token is for the admin to mend: no letter is given up for it.
        """
        if isinstance(error, RetryAfter):
            pause = error.retry_after
            pause = pause if isinstance(pause, timedelta) else timedelta(seconds=pause)
            return DeliveryFailed(
                "Telegram asks to wait {seconds} s",
                Fault.PAUSE,
                seconds=int(pause.total_seconds()),
                retry_after=pause,
            )
        if isinstance(error, ChatMigrated):
            chat = str(error.new_chat_id)
            return DeliveryFailed("the group is now the supergroup {chat}", Fault.MOVED, chat=chat, moved_to=chat)
        if isinstance(error, InvalidToken):
            return DeliveryFailed("Telegram does not know the bot: mend [telegram] token in pbx.toml", Fault.SERVER)
        why = str(error).replace(self._token, "…")
        return DeliveryFailed("Telegram answered: {why}", _meaning(error), why=why)


def _meaning(error: TelegramError) -> Fault:
    # A BadRequest is a NetworkError to the library.
    if isinstance(error, (Forbidden, BadRequest)):
        return Fault.FINAL
    if "too large" in str(error).lower():
        return Fault.TOO_LARGE
    if isinstance(error.__cause__, ANSWER_LOST) or "gateway timeout" in str(error).lower():
        return Fault.UNCONFIRMED
    # What the library knows no better name for is a 5xx, or no connection.
    return Fault.SERVER if isinstance(error, NetworkError) else Fault.LATER


def buttons(letter: Letter) -> InlineKeyboardMarkup | None:
    """What people in the chat can do about the call, one button a line; each sends back its act and the letter."""
    language = letter.language or "es"
    rows = [
        [InlineKeyboardButton(said(language, LABELS[act], {}), callback_data=f"{act}:{letter.message_id}")]
        for act in letter.acts
    ]
    return InlineKeyboardMarkup(rows) if rows else None


def cut(text: str, limit: int) -> str:
    """As much of the text as Telegram takes: it counts in UTF-16 code units, two for an emoji."""
    return text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", "ignore")


def voice_note(wav: bytes) -> bytes | None:
    """The sound as Ogg Opus, which Telegram plays in the chat; None if it cannot be read."""
    # Loads numpy, 30 MB that an office without Telegram need not pay for.
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(wav), dtype="int16")
        note = io.BytesIO()
        soundfile.write(note, samples, rate, format="OGG", subtype="OPUS")
    except soundfile.LibsndfileError as error:
        log.warning("voice_note.unreadable", why=str(error))
        return None
    return note.getvalue()
