"""What people write and press in Telegram chats; an unbound chat learns nothing."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from acting import ADMIN
from browsing import Place
from sqlalchemy import Engine, insert, select, update

from pbx_control.clock import now
from pbx_control.domain.desk.words import Written
from pbx_control.domain.notices.acts import Act
from pbx_control.domain.notices.kinds import EVERYTHING, Wants
from pbx_control.domain.notices.messages import CallSummary, Channel, Outcome, Recipient, compose
from pbx_control.domain.opening.written_rota import read_rules
from pbx_control.domain.users import ClientRole, UserRole
from pbx_control.notify.telegram import Telegrammer
from pbx_control.services import clientele, invitations, people, rotas, texts, users
from pbx_control.services.users import NewPassword
from pbx_control.services.work import booking, changing
from pbx_control.settings import Home, Telegram
from pbx_control.store import caller_marks, clients, desk, greetings, letters, overrides, recipients, tasks
from pbx_control.store import users as stored_users
from pbx_control.store.engine import reading, writing
from pbx_control.store.secretaries import find as secretary
from pbx_control.store.tables import call, letter, recipient_request, telegram_account
from pbx_control.web.telegram.answering import Answers
from pbx_control.web.telegram.listening import Listener
from pbx_control.web.tries import Tries
from pbx_control.world.telegram import TOKEN, Refusal, TelegramServer

JUAN, GROUP = 77, -500
CALLER = "+56223334444"


@pytest.fixture
def telegram() -> Iterator[TelegramServer]:
    server = TelegramServer()
    server.start()
    yield server
    server.stop()


@dataclass
class Bot:
    """The bot of one installation, and what became of what people did."""

    engine: Engine
    server: TelegramServer
    listener: Listener
    home: Home
    looked: list[int] = field(default_factory=list)

    async def until(self, true: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(self.server.until, true)

    async def told(self, count: int) -> list[str]:
        """The texts of the first so many messages."""
        await self.until(lambda: len(self.server.sent) >= count)
        return [one.fields["text"] for one in self.server.sent]

    def code(self, who: str = "gerencia", wants: Wants = EVERYTHING) -> str:
        with booking(self.engine, ADMIN, now()) as work:
            user = stored_users.find(work.conn, who)
            assert user.client_id
            return invitations.ask_chat(work, user.client_id, user.id, wants)

    def recipients(self, slug: str = "andes") -> list[str]:
        with reading(self.engine) as conn:
            return recipients.addresses(conn, clients.find(conn, slug).id)

    async def connect(self, chat: int = JUAN, user: int = JUAN) -> None:
        before = len(self.server.sent)
        self.server.writes(f"/start {self.code()}", chat=chat, user=user)
        await self.told(before + 1)

    async def message(self, chat: int = JUAN, *, urgent: bool = False, call_id: str = "pbx-1.1") -> tuple[int, str]:
        """A call's message in that chat, sent as the outbox sends it: its number there, and its name."""
        at = now()
        with writing(self.engine) as conn:
            andes = clients.find(conn, "andes").id
            there = conn.scalar(select(call.c.id).where(call.c.id == call_id))
            if not there:
                row = {
                    "id": call_id, "client_id": andes, "did": "+56225550101", "caller": CALLER, "phase": "ended",
                    "outcome": "answered", "arrived_at": at, "answered_at": at, "ended_at": at, "talked": 20.0,
                    "secretary_id": secretary(conn, "Ana").id,
                }  # fmt: skip
                conn.execute(insert(call).values(row))
            summary = CallSummary(
                call_id=call_id, client_id=andes, client_name="Andes", language="es", timezone="America/Santiago",
                did="+56225550101", caller=CALLER, outcome=Outcome.ANSWERED, arrived_at=at, ended_at=at,
            )  # fmt: skip
            written = Written(words=(("Motivo", "Cotización"),), urgent=urgent, at=at)
            made = compose(summary, Recipient(Channel.TELEGRAM, str(chat)), "Casa", written)
            letters.add(conn, [made])
        sender = Telegrammer(Telegram(token=TOKEN, base_url=self.server.base_url), self.home)
        receipt = await sender.send(made)
        await sender.rest()
        with writing(self.engine) as conn:
            posted = letters.by_name(conn, made.message_id)
            assert posted
            letters.delivered(conn, posted, at, receipt)
        return int(receipt), made.message_id

    async def press(self, act: str, number: int, chat: int = JUAN, user: int = JUAN, name: str = "Juan") -> str:
        """Presses the button with that label; gives what is said to whoever pressed."""
        press = self.server.presses(chat, number, self.server.data(chat, number, act), user, name)
        toast = await self.until(
            lambda: next((one for one in self.server.toasts if one["callback_query_id"] == press), None)
        )
        return str(toast.get("text", ""))


@pytest.fixture
async def bot(place: Place, telegram: TelegramServer) -> AsyncIterator[Bot]:
    looked: list[int] = []
    answers = Answers(place.engine, Tries(), lambda: looked.append(1))
    settings = Telegram(token=TOKEN, base_url=telegram.base_url)
    listener = Listener(settings, place.engine, "this process", answers)
    made = Bot(place.engine, telegram, listener, place.site.home, looked)
    task = asyncio.create_task(listener.run())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# --- whose chat it is -------------------------------------------------------------------------------------


async def test_code_connects_the_chat_it_is_sent_from_once(bot: Bot) -> None:
    code = bot.code()
    bot.server.writes(f"/start {code}")
    assert "Andes" in (await bot.told(1))[0]
    assert bot.recipients() == [str(JUAN)]
    bot.server.writes(f"/start {code}", chat=88, user=88)
    assert "no es válido" in (await bot.told(2))[1]
    assert bot.recipients() == [str(JUAN)]


async def test_unbound_chat_learns_nothing(bot: Bot) -> None:
    for text in ("/saldo", "/calls", "/start wrong-code", "/help"):
        bot.server.writes(text, chat=99, user=99)
    told = await bot.told(4)
    assert not any("Andes" in each for each in told)
    bot.server.writes("/saldo", chat=-99, user=99)  # a group that somebody has added the bot to
    bot.server.writes("/help", chat=99, user=99)
    assert len(await bot.told(5)) == 5
    assert bot.server.sent[-1].fields["chat_id"] == "99"


async def test_code_is_dead_after_a_quarter_of_an_hour(bot: Bot) -> None:
    code = bot.code()
    with writing(bot.engine) as conn:
        conn.execute(update(recipient_request).values(ends_at=now() - timedelta(seconds=1)))
    bot.server.writes(f"/start {code}")
    assert "no es válido" in (await bot.told(1))[0]
    assert bot.recipients() == []


async def test_who_guesses_codes_is_not_listened_to_any_more(bot: Bot) -> None:
    for _ in range(10):
        bot.server.writes("/start abcd-efgh")
    await bot.told(10)
    bot.server.writes(f"/start {bot.code()}")
    assert "Demasiados" in (await bot.told(11))[-1]
    assert bot.recipients() == []


async def test_group_is_connected_and_nobodys_account_by_that(bot: Bot) -> None:
    await bot.connect(GROUP)
    with reading(bot.engine) as conn:
        assert conn.scalar(select(telegram_account.c.id)) is None
    assert bot.recipients() == [str(GROUP)]


async def test_group_that_becomes_a_supergroup_keeps_its_binding_and_its_buttons(bot: Bot) -> None:
    await bot.connect(GROUP)
    number, _ = await bot.message(GROUP)
    bot.server.grows(GROUP, -1000500)
    bot.server.writes("/saldo", chat=-1000500)
    await bot.told(3)
    assert bot.recipients() == ["-1000500"]
    bot.server._messages[("-1000500", number)] = bot.server._messages[(str(GROUP), number)] | {
        "chat": {"id": -1000500, "type": "supergroup", "title": "Ventas"}
    }
    data = bot.server.data(GROUP, number, "Visto")
    bot.server.presses(-1000500, number, data)
    toast = await bot.until(lambda: bot.server.toasts and bot.server.toasts[-1])
    assert toast["text"] == "Anotado."


# --- the buttons ------------------------------------------------------------------------------------------


async def test_seen_is_kept_with_the_name_and_shown_beneath(bot: Bot) -> None:
    await bot.connect()
    number, name = await bot.message()
    assert await bot.press("Visto", number) == "Anotado."
    await bot.until(lambda: bot.server.edits)
    assert bot.server.buttons(JUAN, number)[0] == "✓ Visto por Juan"
    with reading(bot.engine) as conn:
        posted = letters.by_name(conn, name)
    assert posted
    assert posted.seen_by == "Juan"
    assert bot.looked


async def test_call_back_is_one_task_however_often_it_is_pressed(bot: Bot) -> None:
    await bot.connect()
    number, _ = await bot.message()
    for _ in range(3):
        assert await bot.press("llamada", number) == "Las secretarias ya lo ven."
    with reading(bot.engine) as conn:
        (task,) = tasks.open_for(conn, secretary(conn, "Eva").id)
    assert (task.caller, task.asked_by) == (CALLER, "Juan")


async def test_who_takes_an_urgent_message_is_seen_in_the_other_chats(bot: Bot) -> None:
    await bot.connect()
    await bot.connect(GROUP)
    number, _ = await bot.message(urgent=True)
    other, _ = await bot.message(GROUP, urgent=True)
    with writing(bot.engine) as conn:  # written in one transaction in real life
        conn.execute(update(letter).values(written_at=now()))
        conn.execute(insert_message(conn))
    assert await bot.press("Urgente", number) == "Usted se encarga. Los demás lo ven."
    await bot.until(lambda: len(bot.server.edits) >= 2)
    assert "✋ Juan se encarga" in bot.server.buttons(GROUP, other)
    assert await bot.press("encarga", other, GROUP, 88, "Eva") == "Juan ya se encarga."


def insert_message(conn: Any) -> Any:
    from pbx_control.store.tables import message

    andes = clients.find(conn, "andes").id
    her = secretary(conn, "Ana").id
    return insert(message).values(call_id="pbx-1.1", client_id=andes, secretary_id=her, begun_at=now())


async def test_block_asks_once_more_and_needs_a_connected_account(bot: Bot) -> None:
    await bot.connect()
    number, _ = await bot.message()
    assert await bot.press("Bloquear", number) == ""
    assert bot.server.buttons(JUAN, number) == ["⛔ Sí, bloquear", "No, volver"]
    assert await bot.press("volver", number) == ""
    assert len(bot.server.buttons(JUAN, number)) == 3
    await bot.press("Bloquear", number)
    assert "ya no entra" in await bot.press("Sí, bloquear", number)
    with reading(bot.engine) as conn:
        mark = caller_marks.find(conn, CALLER, clients.find(conn, "andes").id)
    assert mark
    assert mark.kind == "blocked"


async def test_in_a_group_a_stranger_answers_messages_and_blocks_nobody(bot: Bot) -> None:
    await bot.connect(GROUP)
    number, _ = await bot.message(GROUP)
    assert await bot.press("Visto", number, GROUP, 4711, "Otro") == "Anotado."
    await bot.press("Bloquear", number, GROUP, 4711, "Otro")
    assert "Solo puede hacerlo" in await bot.press("Sí, bloquear", number, GROUP, 4711, "Otro")
    with reading(bot.engine) as conn:
        assert caller_marks.find(conn, CALLER, clients.find(conn, "andes").id) is None


async def test_buttons_of_another_chat_or_of_one_that_was_removed_are_dead(bot: Bot) -> None:
    await bot.connect()
    number, name = await bot.message()
    strange = bot.server._message(99, "forwarded")
    bot.server._messages[("99", strange["message_id"])] = strange
    bot.server._markups[("99", strange["message_id"])] = None
    bot.server.presses(99, strange["message_id"], f"{Act.SEEN}:{name}", user=99)
    toast = await bot.until(lambda: bot.server.toasts and bot.server.toasts[-1])
    assert "ya no se conoce" in toast["text"]
    with booking(bot.engine, ADMIN, now()) as work:
        people.remove_recipient(work, clients.find(work.conn, "andes").id, str(JUAN))
    assert "ya no se conoce" in await bot.press("Visto", number)
    with reading(bot.engine) as conn:
        posted = letters.by_name(conn, name)
    assert posted
    assert posted.seen_at is None


async def made_up(bot: Bot, data: str, chat: int = JUAN, user: int = JUAN) -> str:
    """Sends what no button there sends, beneath a message of the bot's in that chat; gives what is answered."""
    before = len(bot.server.sent)
    bot.server.writes("/help", chat=chat, user=user)
    await bot.told(before + 1)
    press = bot.server.presses(chat, bot.server.sent[-1].number, data, user)
    toast = await bot.until(lambda: next((x for x in bot.server.toasts if x["callback_query_id"] == press), None))
    return str(toast.get("text", ""))


def to_lagos(bot: Bot, chat: int) -> None:
    with changing(bot.engine, ADMIN, now()) as work:
        people.add_recipient(work, clients.find(work.conn, "lagos").id, Channel.TELEGRAM, str(chat))


@pytest.mark.parametrize("data", [Act.BLOCK, f"not-{Act.BLOCK}", f"sure-{Act.BLOCK}", Act.TAKE])
async def test_another_clients_chat_is_shown_nothing_of_a_message(bot: Bot, data: str) -> None:
    await bot.connect()
    _, name = await bot.message(urgent=True)
    to_lagos(bot, GROUP)
    assert "ya no se conoce" in await made_up(bot, f"{data}:{name}", GROUP)
    assert bot.server.edits == []


async def test_question_about_a_block_is_not_asked_in_a_chat_that_was_removed(bot: Bot) -> None:
    await bot.connect()
    number, _ = await bot.message()
    await bot.press("Bloquear", number)
    with booking(bot.engine, ADMIN, now()) as work:
        people.remove_recipient(work, clients.find(work.conn, "andes").id, str(JUAN))
    assert "ya no se conoce" in await bot.press("volver", number)
    assert bot.server.buttons(JUAN, number) == ["⛔ Sí, bloquear", "No, volver"]


async def test_going_back_from_a_block_shows_who_has_seen_it(bot: Bot) -> None:
    await bot.connect()
    number, _ = await bot.message()
    await bot.press("Visto", number)
    await bot.press("Bloquear", number)
    await bot.press("volver", number)
    await bot.until(lambda: len(bot.server.edits) >= 3)
    assert "✓ Visto por Juan" in bot.server.buttons(JUAN, number)


async def test_a_button_that_a_letter_has_not_does_nothing(bot: Bot) -> None:
    await bot.connect()
    _, name = await bot.message()
    assert "ya no se conoce" in await made_up(bot, f"{Act.TAKE}:{name}")


@pytest.mark.parametrize("data", ["", ":", "seen", "seen:", "nonsense:call.1", "sure-sure-block:x", "seen:" + "x" * 59])
async def test_what_no_button_of_ours_sends_does_nothing(bot: Bot, data: str) -> None:
    await bot.connect()
    number, _ = await bot.message()
    press = bot.server.presses(JUAN, number, data)
    toast = await bot.until(lambda: next((t for t in bot.server.toasts if t["callback_query_id"] == press), None))
    assert "ya no se conoce" in toast["text"]


# --- what can be asked ------------------------------------------------------------------------------------


async def test_balance_and_calls_tell_of_ones_own_firm_only(bot: Bot, password: NewPassword) -> None:
    with changing(bot.engine, ADMIN, now()) as work:
        clientele.add(work, "sur", name="Sur")
    await bot.connect()
    await bot.message()
    bot.server.writes("/saldo")
    bot.server.writes("/llamadas")
    told = (await bot.told(4))[2:]
    assert told[0] == "Andes: las llamadas no se cuentan."
    assert told[1].splitlines()[0] == "Andes:"
    assert "2 2333 4444" in told[1]
    assert not any("Sur" in each for each in told)


# --- trouble ----------------------------------------------------------------------------------------------


async def test_what_was_not_dealt_with_comes_again(bot: Bot) -> None:
    """A process that ends between an update and its answer leaves it to the next one."""
    code = bot.code()
    bot.server.writes(f"/start {code}")
    await bot.told(1)
    # The next request says that it is dealt with.
    await bot.until(lambda: not bot.server._updates)


async def test_bot_goes_on_after_telegram_was_in_trouble(bot: Bot) -> None:
    bot.server.refusals += [Refusal(502, "Bad Gateway")]
    bot.server.writes("/help")
    bot.server.writes("/help")
    assert len(await bot.told(1)) == 1


async def test_two_processes_do_not_ask_at_once(bot: Bot, place: Place) -> None:
    await bot.until(lambda: bot.server.asked >= 1)
    answers = Answers(place.engine, Tries(), lambda: None)
    settings = Telegram(token=TOKEN, base_url=bot.server.base_url)
    other = Listener(settings, place.engine, "another process", answers)
    task = asyncio.create_task(other.run())
    await bot.until(lambda: len(bot.server.commands) == 2 and bot.server.asked >= 1)
    bot.server.writes("/help")
    await bot.told(1)
    asked = bot.server.asked
    await bot.until(lambda: bot.server.asked >= asked)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(bot.server.sent) == 1


async def test_webhook_brings_what_is_telegrams_and_nothing_else(place: Place, telegram: TelegramServer) -> None:
    answers = Answers(place.engine, Tries(), lambda: None)
    settings = Telegram(token=TOKEN, base_url=telegram.base_url)
    listener = Listener(settings, place.engine, "x", answers, "https://desk.example.com/telegram")
    object.__setattr__(place.site, "bot", listener)
    task = asyncio.create_task(listener.run())
    await asyncio.to_thread(telegram.until, lambda: len(telegram.commands) == 2)
    browser = place.browser()
    juan = {"id": JUAN, "is_bot": False, "first_name": "Juan", "language_code": "es"}
    update = {"update_id": 1, "message": telegram._message(JUAN, "/help") | {"from": juan}}
    forged = await browser.client.post("/telegram", json=update)
    wrong = await browser.client.post("/telegram", json=update, headers={"x-telegram-bot-api-secret-token": "no"})
    assert (forged.status_code, wrong.status_code) == (404, 404)
    shown = {"x-telegram-bot-api-secret-token": listener.secret}
    assert (await browser.client.post("/telegram", json=update, headers=shown)).status_code == 200
    assert (await browser.client.post("/telegram", content=b"{", headers=shown)).status_code == 400
    await asyncio.to_thread(telegram.until, lambda: len(telegram.sent) == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert telegram.webhook["url"] == "https://desk.example.com/telegram"


# --- what can be changed ----------------------------------------------------------------------------------


def holding(bot: Bot) -> list[tuple[str, str]]:
    """What holds for today, and who said so."""
    with reading(bot.engine) as conn:
        found = overrides.holding(conn, now(), clients.find(conn, "andes").id)
    return [(one.override.kind.value, one.override.said_by) for one in found]


async def test_closed_for_today_and_back_to_normal_from_ones_own_account(bot: Bot) -> None:
    await bot.connect()
    bot.server.writes("/hoy cerrado")
    assert "🌙 Andes está cerrado hasta" in (await bot.told(2))[1]
    assert holding(bot) == [("closed", "gerencia")]
    bot.server.writes("/today normal")
    assert "horario" in (await bot.told(3))[2]
    assert holding(bot) == []


@pytest.mark.parametrize("text", ["/hoy", "/hoy abierto", "/hoy cerrado 99:00", "/hoy cerrado a b c", "/hoy <b>x</b>"])
async def test_what_is_not_understood_is_told_with_how_to_write_it(bot: Bot, text: str) -> None:
    await bot.connect()
    bot.server.writes(text)
    assert "/today closed 14:00" in (await bot.told(2))[1]
    assert holding(bot) == []


async def test_in_a_group_only_a_connected_account_closes_the_firm(bot: Bot) -> None:
    await bot.connect(GROUP)
    bot.server.writes("/hoy cerrado", chat=GROUP, user=4711, name="Otro")
    assert "su propia cuenta" in (await bot.told(2))[1]
    assert holding(bot) == []
    await bot.connect()
    bot.server.writes("/hoy cerrado", chat=GROUP)
    await bot.told(4)
    assert holding(bot) == [("closed", "gerencia")]


def greeting(bot: Bot) -> str:
    with reading(bot.engine) as conn:
        past = greetings.history(conn, clients.find(conn, "andes").id)
    return past[0].text if past else ""


async def test_greeting_is_shown_as_a_difference_and_changes_when_it_is_confirmed(bot: Bot) -> None:
    with changing(bot.engine, ADMIN, now()) as work:
        texts.write_greeting(work, clients.find(work.conn, "andes").id, "Andes, habla {secretary}")
    await bot.connect()
    bot.server.writes("/saludo Clínica Andes, habla {secretary}")
    await bot.told(2)
    asked = bot.server.sent[-1]
    assert "<b>Clínica</b> Andes, habla {secretary}" in asked.fields["text"]
    assert greeting(bot) == "Andes, habla {secretary}"
    assert "rige" in await bot.press("Ponerlo", asked.number)
    assert greeting(bot) == "Clínica Andes, habla {secretary}"
    await bot.until(lambda: bot.server.edits)
    bot.server.writes("/saludo")
    assert "Clínica Andes" in (await bot.told(3))[2]


async def test_greeting_is_the_owners_to_change(bot: Bot) -> None:
    with booking(bot.engine, ADMIN, now()) as work:
        conn, andes = work.conn, clients.find(work.conn, "andes").id
        users.add(work, "socio", UserRole.CLIENT, NewPassword("x", "y"), client_id=andes)
        users.change(work, "socio", client_role=ClientRole.OWNER)
        users.change(work, "gerencia", client_role=ClientRole.STAFF)
        assert conn
    await bot.connect()
    bot.server.writes("/saludo Otra cosa")
    assert "Solo" in (await bot.told(2))[1]
    assert greeting(bot) == ""


async def test_strangers_press_of_a_proposals_button_decides_nothing(bot: Bot) -> None:
    await bot.connect()
    await bot.connect(GROUP)
    bot.server.writes("/saludo Otra cosa", chat=GROUP)
    await bot.told(3)
    asked = bot.server.sent[-1]
    assert "ya no se conoce" in await bot.press("Ponerlo", asked.number, GROUP, 4711, "Otro")
    assert greeting(bot) == ""


async def test_proposal_is_not_decided_in_another_clients_chat(bot: Bot) -> None:
    await bot.connect()
    bot.server.writes("/saludo Otra cosa")
    await bot.told(2)
    confirm = bot.server.data(JUAN, bot.server.sent[-1].number, "Ponerlo")
    to_lagos(bot, GROUP)
    assert "ya no se conoce" in await made_up(bot, confirm, GROUP)
    assert greeting(bot) == ""


async def test_account_that_was_disconnected_changes_nothing_any_more(bot: Bot, place: Place) -> None:
    await bot.connect()
    object.__setattr__(place.site, "bot", bot.listener)
    browser = place.browser()
    await browser.sign_in("gerencia")
    assert 'data-do="disconnect"' in (await browser.get("/portal/recipients")).text
    await browser.post("/portal/recipients/disconnect")
    assert 'data-do="disconnect"' not in (await browser.get("/portal/recipients")).text
    bot.server.writes("/hoy cerrado")
    assert "su propia cuenta" in (await bot.told(2))[1]
    assert holding(bot) == []


async def test_sensitive_clients_calls_are_not_told_in_a_chat(bot: Bot) -> None:
    with changing(bot.engine, ADMIN, now()) as work:
        clientele.change(work, "andes", sensitive=True)
    await bot.connect()
    await bot.message()
    bot.server.writes("/llamadas")
    told = (await bot.told(3))[2]
    assert "2333" not in told
    assert "portal" in told


# --- who is there, and who is on call ---------------------------------------------------------------------


def contacts_of(bot: Bot, slug: str = "andes") -> dict[str, datetime | None]:
    """Until when each of a client's contacts is not to be consulted."""
    with reading(bot.engine) as conn:
        found = desk.contacts_of(conn, clients.find(conn, slug).id)
    return {one.name: one.away_until if one.away_until and one.away_until > now() else None for one in found}


@pytest.fixture
def on_call(bot: Bot) -> Bot:
    """Ana is on call, Juan after her, Eva in sales."""
    with changing(bot.engine, ADMIN, now()) as work:
        andes = clients.find(work.conn, "andes").id
        for number, name in enumerate(("Ana", "Juan", "Rosa Soto"), start=1):
            department = "Ventas" if name == "Rosa Soto" else ""
            people.add_contact(work, andes, name, f"+5698765432{number}", department=department)
        ids = {one.name: one.id for one in desk.contacts_of(work.conn, andes)}
        rotas.set_rules(work, andes, "", read_rules(["always: Ana, Juan"], ids, now().date()))
    return bot


def on_duty(text: str) -> list[str]:
    return re.findall(r"• (.*?)(?: \(\w+\))?: [^\n]*de turno", text)


async def test_contacts_are_listed_with_who_is_on_call_and_changed_by_buttons(on_call: Bot) -> None:
    bot = on_call
    await bot.connect()
    bot.server.writes("/disponibilidad")
    text = (await bot.told(2))[1]
    assert text.startswith("Andes:\n")
    assert "• Rosa Soto (Ventas): disponible" in text
    [first] = on_duty(text)
    other = {"Ana": "Juan", "Juan": "Ana"}[first]
    number = bot.server.sent[-1].number
    assert await bot.press(f"{first}: ausente 1 h", number) == "Anotado."
    await bot.until(lambda: f"• {first}: no disponible hasta" in bot.server.text(JUAN, number))
    assert on_duty(bot.server.text(JUAN, number)) == [other]
    until = contacts_of(bot)[first]
    assert until
    assert timedelta(minutes=58) < until - now() <= timedelta(hours=1)
    assert bot.looked
    assert await bot.press(f"{first}: disponible de nuevo", number) == "Anotado."
    await bot.until(lambda: on_duty(bot.server.text(JUAN, number)) == [first])
    assert not any(contacts_of(bot).values())
    bot.server.presses(JUAN, number, bot.server.data(JUAN, number, "ausente por hoy"))
    await bot.until(lambda: any(contacts_of(bot).values()))


@pytest.mark.parametrize(
    "text",
    [
        "/availability Rosa Soto off 2h",
        "/disponibilidad rosa ausente 2h",
        "/disponibilidad Rosa Soto no disponible hasta 2h",
    ],
)
async def test_a_contact_is_away_with_an_end_and_back_by_what_is_written(on_call: Bot, text: str) -> None:
    bot = on_call
    await bot.connect()
    bot.server.writes(text)
    assert "A Rosa Soto no se le llama hasta" in (await bot.told(2))[1]
    until = contacts_of(bot)["Rosa Soto"]
    assert until
    assert abs(until - now() - timedelta(hours=2)) < timedelta(minutes=1)
    bot.server.writes("/availability Rosa on")
    assert (await bot.told(3))[2] == "A Rosa Soto se le puede llamar."
    assert not any(contacts_of(bot).values())


@pytest.mark.parametrize(
    "text", ["Ana", "Ana off 99:99", "Ana off 01/01/2020", "Pedro off", "<b>Ana</b> off", "off", "Ana on 15:00"]
)
async def test_an_availability_that_is_not_understood_is_told_with_how_to_write_it(on_call: Bot, text: str) -> None:
    await on_call.connect()
    on_call.server.writes(f"/disponibilidad {text}")
    assert "Escriba: /disponibilidad" in (await on_call.told(2))[1]
    assert not any(contacts_of(on_call).values())


async def test_who_has_no_right_learns_and_changes_nothing(on_call: Bot) -> None:
    bot = on_call
    bot.server.writes("/availability", chat=99, user=99)
    bot.server.writes("/saldo", chat=99, user=99)
    told = await bot.told(2)
    assert told[0] == told[1]
    await bot.connect(GROUP)
    bot.server.writes("/disponibilidad Ana off", chat=GROUP, user=4711, name="Otro")
    assert "su propia cuenta" in (await bot.told(4))[3]
    await bot.connect()
    bot.server.writes("/disponibilidad", chat=GROUP)
    await bot.told(6)
    number = bot.server.sent[-1].number
    assert "portal" in await bot.press("ausente 1 h", number, GROUP, 4711, "Otro")
    assert not any(contacts_of(bot).values())


async def test_a_button_reaches_no_other_clients_contact(on_call: Bot) -> None:
    bot = on_call
    with changing(bot.engine, ADMIN, now()) as work:
        lagos = clients.find(work.conn, "lagos").id
        people.add_contact(work, lagos, "Luis", "+56987654329")
        [luis] = desk.contacts_of(work.conn, lagos)
    await bot.connect()
    bot.server.writes("/disponibilidad")
    await bot.told(2)
    press = bot.server.presses(JUAN, bot.server.sent[-1].number, f"away-hour:{luis.id}")
    toast = await bot.until(lambda: next((x for x in bot.server.toasts if x["callback_query_id"] == press), None))
    assert "ya no se conoce" in toast["text"]
    assert contacts_of(bot, "lagos") == {"Luis": None}


async def test_contacts_are_not_shown_nor_changed_in_another_clients_chat(on_call: Bot) -> None:
    bot = on_call
    await bot.connect()
    to_lagos(bot, GROUP)
    with reading(bot.engine) as conn:
        ana = next(one for one in desk.contacts_of(conn, clients.find(conn, "andes").id) if one.name == "Ana")
    assert "ya no se conoce" in await made_up(bot, f"away-hour:{ana.id}", GROUP)
    assert contacts_of(bot)["Ana"] is None
    bot.server.writes("/disponibilidad", chat=GROUP)
    assert "Ana" not in (await bot.told(3))[2]


async def test_a_client_without_contacts_is_told_so(bot: Bot) -> None:
    await bot.connect()
    bot.server.writes("/availability")
    assert "todavía no tiene contactos" in (await bot.told(2))[1]


async def test_the_command_is_offered(bot: Bot) -> None:
    await bot.until(lambda: len(bot.server.commands) == 2)
    offered = {language: [one["command"] for one in each] for language, each in bot.server.commands.items()}
    assert "disponibilidad" in offered["es"]
    assert "availability" in offered["en"]
