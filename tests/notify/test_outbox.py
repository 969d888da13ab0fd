"""The outbox's worker: every letter arrives, once if nothing dies, and whatever breaks it goes on."""

import asyncio
import os
import re
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from mail_server import answer
from post_office import HandClock, SentLetters, Watch
from sqlalchemy import Engine, text, update

from pbx_control.domain.notices.messages import Channel, Letter
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.notify import worker
from pbx_control.notify.lanes import LONGEST_HOLD, MOST_AT_ONCE, MOST_SLOTS, Lane, Sender
from pbx_control.notify.worker import Outbox
from pbx_control.store import letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.letters import Posted
from pbx_control.store.tables import letter as letter_table

MINUTE = timedelta(minutes=1)
NOBODY, OFFICE = AlarmDesk(), AlarmDesk("admin@sur.example", "es", "Secretariado Sur")


class Office:
    """A running outbox with what it works on."""

    def __init__(self, engine: Engine, clock: HandClock, watch: Watch) -> None:
        self.engine = engine
        self.clock = clock
        self.watch = watch
        self.outbox: Outbox

    def post(self, *each: Letter) -> None:
        """What the daemon does when a call ends."""
        with writing(self.engine) as conn:
            letters.add(conn, each)
        self.outbox.wake()

    def posted(self) -> list[Posted]:
        with reading(self.engine) as conn:
            return letters.newest(conn, limit=1000)

    def states(self) -> list[str]:
        return [posted.state for posted in self.posted()]

    async def all_delivered(self) -> None:
        await self.watch.until(lambda: set(self.states()) == {"delivered"})

    async def failed_with(self, error: str) -> Posted:
        await self.watch.until(lambda: any(error in posted.last_error for posted in self.posted()))
        return next(posted for posted in self.posted() if error in posted.last_error)

    def advance(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.outbox.wake()

    @asynccontextmanager
    async def open(
        self, mailer: Sender, telegrammer: Sender | None = None, desk: AlarmDesk = NOBODY
    ) -> AsyncIterator[None]:
        self.outbox = Outbox(self.engine, mailer, telegrammer or SentLetters(), self.clock, desk)
        running = asyncio.create_task(self.outbox.run())
        try:
            yield
        finally:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running


@pytest.fixture
async def office(engine: Engine, clock: HandClock, watch: Watch) -> Office:
    return Office(engine, clock, watch)


@pytest.fixture
async def sender() -> SentLetters:
    return SentLetters()


# --- through a real mail server


async def test_letter_is_delivered_once(office, mail_server, mailer, letter):
    async with office.open(mailer):
        office.post(letter)
        await office.all_delivered()
        office.advance(timedelta(days=4))
    assert (await mail_server.next_mail())["Subject"] == letter.subject
    assert mail_server.taken.empty()


async def test_letter_written_before_the_start_is_delivered(office, mail_server, mailer, letter):
    with writing(office.engine) as conn:
        letters.add(conn, [letter])
    async with office.open(mailer):
        await office.all_delivered()
    assert mail_server.taken.qsize() == 1


async def test_letter_is_tried_again_a_minute_after_a_451(office, mail_server, mailer, letter):
    mail_server.data = [answer("451 try later")]
    async with office.open(mailer):
        office.post(letter)
        waiting = await office.failed_with("451 try later")
        assert (waiting.state, waiting.due_at) == ("waiting", office.clock() + MINUTE)
        assert mail_server.taken.empty()
        office.advance(MINUTE)
        await office.all_delivered()
    assert mail_server.taken.qsize() == 1


async def test_letter_waits_for_a_server_that_is_away(office, mail_server, mailer, letter):
    await mail_server.stop()
    async with office.open(mailer):
        office.post(letter)
        await office.failed_with("the mail server cannot be used")
        await mail_server.start()
        office.advance(MINUTE)
        await office.all_delivered()
    assert mail_server.taken.qsize() == 1


async def test_server_that_dies_before_it_says_yes_gets_the_same_message_again(office, mail_server, mailer, letter):
    mail_server.on_data = mail_server.cut
    async with office.open(mailer):
        office.post(letter)
        await office.failed_with("the mail server cannot be used")
        mail_server.on_data = lambda: None
        office.advance(MINUTE)
        await office.all_delivered()
    first, second = mail_server.taken.get_nowait(), mail_server.taken.get_nowait()
    assert first["Message-ID"] == second["Message-ID"] == "<call.0123456789abcdef@sur.example>"
    assert first.as_bytes() == second.as_bytes().replace(boundary(second), boundary(first))


async def test_unknown_recipient_is_given_up_and_seen(office, mail_server, mailer, letter):
    mail_server.rcpt = ["550 5.1.1 no such user"]
    async with office.open(mailer):
        office.post(letter)
        given_up = await office.failed_with("550 5.1.1 no such user")
    assert given_up.state == "given up"


async def test_worker_killed_between_send_and_record_sends_one_duplicate(office, mail_server, mailer, letter):
    with writing(office.engine) as conn:
        letters.add(conn, [letter])
    worker_process = await start_worker_process(office.engine, mail_server.settings().port)
    mail_server.on_data = lambda: os.kill(worker_process.pid, signal.SIGKILL)
    first = await mail_server.next_mail()
    assert await worker_process.wait() == -signal.SIGKILL
    mail_server.on_data = lambda: None

    [in_flight] = office.posted()
    assert (in_flight.state, in_flight.attempts) == ("waiting", 1)
    office.clock.at = in_flight.due_at
    async with office.open(mailer):
        await office.all_delivered()
    assert (await mail_server.next_mail())["Message-ID"] == first["Message-ID"]
    assert mail_server.taken.empty()


async def test_three_daemons_send_every_letter_once_and_each_recipients_in_order(office, mail_server, letter):
    recipients, each = 8, 10
    written = [numbered(letter, 100 * to + n, f"r{to}@x.example") for n in range(each) for to in range(recipients)]
    daemons = [await start_worker_process(office.engine, mail_server.port) for _ in range(3)]
    try:
        with writing(office.engine) as conn:
            letters.add(conn, written)
        arrived = [await mail_server.next_mail() for _ in written]
        async with asyncio.timeout(30):
            while set(office.states()) != {"delivered"}:  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # other processes write it down
    finally:
        for daemon in daemons:
            daemon.kill()
            await daemon.wait()
    assert mail_server.taken.empty()
    for to in range(recipients):
        theirs = [mail["Message-ID"] for mail in arrived if mail["To"] == f"r{to}@x.example"]
        assert [number(ident) for ident in theirs] == [100 * to + n for n in range(each)]
    assert all(posted.attempts == 1 for posted in office.posted())


def number(message_id: str) -> int:
    return int(re.search(r"call\.(\d+)", message_id)[1])


async def test_slow_final_answer_is_waited_for_and_the_claim_renewed(office, mail_server, mailer, letter, monkeypatch):
    monkeypatch.setattr(worker, "POLL", 0.01)
    mail_server.hold = asyncio.Event()
    async with office.open(mailer):
        office.post(letter)
        await mail_server.next_mail()
        for _ in range(6):  # longer than the lease, in steps in which a claim is renewed
            office.advance(letters.LEASE / 3)
            await office.watch.until(lambda: office.posted()[0].due_at == office.clock() + letters.LEASE)
        mail_server.hold.set()
        await office.all_delivered()
    assert mail_server.taken.empty()
    assert office.posted()[0].attempts == 1


async def test_letter_of_which_the_answer_never_comes_is_sent_twice_and_told(office, sender, letter):
    sender.failing = {letter.address: DeliveryFailed("no answer", Fault.UNCONFIRMED)}
    async with office.open(sender):
        office.post(letter)
        await office.failed_with("no answer")
        office.post(numbered(letter, 2, "other@x.example"))
        given_up = await office.failed_with("sent again without an answer")
        office.advance(timedelta(days=4))
    assert given_up.state == "given up"
    assert sorted(office.states()) == ["delivered", "given up"]
    assert sender.tried.qsize() == 3


async def test_letter_to_a_server_that_answers_nobody_is_not_given_up(office, mail_server, mailer, letter):
    mail_server.on_data = mail_server.cut
    async with office.open(mailer):
        office.post(letter, replace(letter, message_id="call.2"))
        for number, pause in enumerate((0, 1, 2, 5, 15, 30, 60, 120, 120)):
            office.advance(timedelta(minutes=pause))
            await office.watch.until(lambda n=number: is_tried(office, letter, n + 1))
        mail_server.on_data = lambda: None
        office.advance(timedelta(hours=2))
        await office.all_delivered()


async def test_letter_that_was_not_answered_is_sent_again_as_soon_as_the_server_takes_another(office, sender, letter):
    sender.failures = [DeliveryFailed("no answer", Fault.UNCONFIRMED)]
    with writing(office.engine) as conn:
        letters.add(conn, [letter])
        conn.execute(update(letter_table).values(attempts=8))
    async with office.open(sender):
        waiting = await office.failed_with("no answer")
        assert waiting.due_at == office.clock() + timedelta(hours=2)
        office.post(numbered(letter, 9, "r9@x.example"))
        await office.all_delivered()


async def test_letter_that_alone_is_refused_as_if_the_server_were_away_keeps_its_pauses(office, sender, letter):
    """Else each letter that is taken would have it tried once more, until its tries are used up."""
    sender.failing = {letter.address: DeliveryFailed("451 4.3.0 lookup failure", Fault.SERVER)}
    async with office.open(sender):
        office.post(letter)
        for number in range(12):
            office.post(numbered(letter, number, f"r{number}@x.example"))
            await office.watch.until(lambda n=number: office.states().count("delivered") == n + 1)
        tries = [tried.address for tried in sender.all_tried()].count(letter.address)
        assert tries == MOST_AT_ONCE + 1
        sender.failing = {}
        office.advance(timedelta(minutes=15))
        await office.all_delivered()


def is_tried(office: Office, letter: Letter, times: int) -> bool:
    """Whether that try has ended and is written down."""
    [posted] = [one for one in office.posted() if one.letter.message_id == letter.message_id]
    return posted.unconfirmed == times and posted.due_at > office.clock() and bool(posted.last_error)


async def test_server_that_is_away_is_tried_with_one_letter_less_often_each_time(office, sender, letter):
    addresses = [f"r{number}@x.example" for number in range(MOST_SLOTS + 8)]
    sender.failures = [DeliveryFailed("away", Fault.SERVER) for _ in range(MOST_SLOTS + 2)]
    async with office.open(sender):
        office.post(*(numbered(letter, n, address) for n, address in enumerate(addresses)))
        for number in range(MOST_SLOTS, MOST_SLOTS + 3):
            await office.watch.until(lambda n=number: tries_written_down(office) >= n)
            office.advance(timedelta(seconds=1 if number == MOST_SLOTS else 2))
        await office.all_delivered()
    assert sender.tried.qsize() == len(addresses) + MOST_SLOTS + 2


def tries_written_down(office: Office) -> int:
    return sum(bool(posted.last_error) or posted.state == "delivered" for posted in office.posted())


async def test_server_that_answers_nobody_gets_one_letter_at_a_time_and_less_often_each_time(office, sender, letter):
    addresses = [f"r{number}@x.example" for number in range(5)]
    sender.failures = [DeliveryFailed("no answer", Fault.UNCONFIRMED)]
    async with office.open(sender):
        office.post(numbered(letter, 1, "first@x.example"))
        await office.failed_with("no answer")
        sender.most_in_flight = 0
        sender.failures = [DeliveryFailed("no answer", Fault.UNCONFIRMED) for _ in addresses]
        office.post(*(numbered(letter, n + 2, address) for n, address in enumerate(addresses)))
        for number, hold in enumerate((1, 2, 4, 8, 16)):
            await office.watch.until(lambda n=number: tries_written_down(office) == n + 2)
            office.advance(timedelta(seconds=hold))
        assert sender.most_in_flight == 1
        office.advance(MINUTE)
        await office.all_delivered()


async def test_server_that_takes_three_sessions_gets_sixty_letters_without_delay(office, mail_server, mailer, letter):
    mail_server.most_sessions = 3
    async with office.open(mailer):
        office.post(*(numbered(letter, n, f"r{n}@x.example") for n in range(60)))
        await office.all_delivered()  # the clock stands: no letter had to wait
    assert mail_server.taken.qsize() == 60
    assert {posted.attempts for posted in office.posted()} == {1}
    assert mail_server.refused <= MOST_SLOTS
    assert mail_server.connections <= 3 + mail_server.refused


async def test_server_that_ends_a_session_after_each_letter_gets_them_all(office, mail_server, mailer, letter):
    mail_server.letters_a_session = 1
    async with office.open(mailer):
        office.post(*(numbered(letter, n, "one@x.example") for n in range(5)))
        await office.all_delivered()
    assert {posted.attempts for posted in office.posted()} == {1}


async def test_server_that_takes_no_session_is_left_alone_longer_each_time(office, mail_server, mailer, letter):
    mail_server.most_sessions = 0
    async with office.open(mailer):
        office.post(letter)
        for number in range(9):
            await office.watch.until(lambda n=number: mail_server.refused > n and waits_anew(office))
            office.advance(LONGEST_HOLD)
        mail_server.most_sessions = 1
        await office.all_delivered()
    assert office.posted()[0].attempts == 1


def waits_anew(office: Office) -> bool:
    """Whether the refusal is written down."""
    [posted] = office.posted()
    return posted.attempts == 0 and posted.last_error.startswith("the mail server answered 421")


async def test_dead_mail_server_does_not_delay_telegram(office, telegrammer, telegram_server, letter):
    hanging = SentLetters()
    addresses = [f"r{n}@x.example" for n in range(2 * MOST_SLOTS)]
    hanging.held = set(addresses)
    chats = [replace(letter, channel=Channel.TELEGRAM, address=str(n), message_id=f"chat.{n}") for n in range(20)]
    async with office.open(hanging, telegrammer):
        office.post(*(numbered(letter, n, address) for n, address in enumerate(addresses)))
        for _ in range(MOST_SLOTS):
            await hanging.next_try()
        office.post(*chats)
        await office.watch.until(lambda: office.states().count("delivered") == len(chats))
        hanging.release()
        await office.all_delivered()
    assert len(telegram_server.sent) == len(chats)


async def test_chat_that_is_told_to_wait_gets_its_letters_in_order_later(office, telegrammer, telegram_server, letter):
    telegram_server.most_a_minute, telegram_server.clock = 20, office.clock
    chat = [
        replace(letter, channel=Channel.TELEGRAM, address="4711", message_id=f"chat.{n}", text=str(n), html="")
        for n in range(30)
    ]
    async with office.open(SentLetters(), telegrammer):
        office.post(*chat[:25])
        await office.watch.until(lambda: any("wait" in posted.last_error for posted in office.posted()))
        office.post(*chat[25:])  # what comes meanwhile does not knock
        office.advance(timedelta(seconds=telegram_server.pause))
        await office.all_delivered()
    assert [sent.fields["text"] for sent in telegram_server.sent] == [str(n) for n in range(30)]
    assert telegram_server.requests == 31


async def test_group_that_became_a_supergroup_is_written_to_there_from_now_on(
    office, telegrammer, telegram_server, letter
):
    telegram_server.migrated["-42"] = -1001234567890
    group = replace(letter, channel=Channel.TELEGRAM, address="-42", html="")
    async with office.open(SentLetters(), telegrammer):
        office.post(group)
        await office.all_delivered()
        assert [posted.letter.address for posted in office.posted()] == ["-1001234567890"]
    assert [sent.fields["chat_id"] for sent in telegram_server.sent] == ["-1001234567890"]


async def test_telegram_that_answers_late_gets_one_copy(office, telegrammer, telegram_server, letter):
    telegram_server.silent = 1
    chat = replace(letter, channel=Channel.TELEGRAM, address="4711", html="")
    async with office.open(SentLetters(), telegrammer):
        office.post(chat)
        await office.failed_with("Telegram answered")
        office.post(replace(chat, address="4712", message_id="chat.2"))
        await office.watch.until(lambda: "delivered" in office.states())
        telegram_server.silent = 99
        office.advance(MINUTE)
        given_up = await office.failed_with("sent again without an answer")
        office.advance(timedelta(days=4))
    assert given_up.state == "given up"
    assert len(telegram_server.sent) == 3  # one duplicate at most


async def test_server_that_is_back_gets_at_once_what_waited(office, mail_server, mailer, letter):
    await mail_server.stop()
    async with office.open(mailer):
        office.post(*(numbered(letter, n, f"r{n}@x.example") for n in range(3)))
        for minutes in (0, 1, 2, 5):
            office.advance(timedelta(minutes=minutes))
            due = office.clock()
            await office.watch.until(lambda due=due: any(posted.due_at > due for posted in office.posted()))
        await office.watch.until(lambda: all("cannot be used" in posted.last_error for posted in office.posted()))
        await mail_server.start()
        office.advance(LONGEST_HOLD)
        office.post(numbered(letter, 9, "r9@x.example"))
        await office.all_delivered()
    assert mail_server.taken.qsize() == 4


async def test_next_daemon_sends_what_waited_as_soon_as_the_server_takes_a_letter(office, sender, letter):
    """It does not know that the server was away."""
    with writing(office.engine) as conn:
        letters.add(conn, [letter])
        conn.execute(
            update(letter_table).values(due_at=office.clock() + timedelta(hours=2), server_away=True, attempts=8)
        )
    async with office.open(sender):
        office.post(numbered(letter, 9, "r9@x.example"))
        await office.all_delivered()


# --- what the office is told


async def test_office_is_told_once_of_an_address_that_stops_working(office, sender, letter):
    sender.refused = {letter.address}
    async with office.open(sender, desk=OFFICE):
        office.post(letter, replace(letter, message_id="call.2"))
        await office.watch.until(lambda: sorted(office.states()) == ["delivered", "given up", "given up"])
    [alarm] = sender.sent
    assert (alarm.address, alarm.subject) == (OFFICE.address, "gerencia@andes.example ya no recibe mensajes")
    assert "message resend --to gerencia@andes.example" in alarm.text


async def test_address_that_works_again_and_fails_again_is_told_again_next_day(office, sender, letter):
    async with office.open(sender, desk=OFFICE):
        for number in range(2):
            sender.refused = {letter.address}
            office.post(replace(letter, message_id=f"refused.{number}"))
            await office.watch.until(lambda n=number: office.states().count("given up") == n + 1)
            sender.refused = set()
            office.post(replace(letter, message_id=f"taken.{number}"))
            await office.watch.until(lambda n=number: office.states().count("delivered") == 2 * (n + 1))
            office.advance(timedelta(days=1))
    assert [sent.address for sent in sender.sent].count(OFFICE.address) == 2


async def test_alarm_that_cannot_be_delivered_raises_no_alarm(office, sender, letter):
    sender.refused = {letter.address, OFFICE.address}
    async with office.open(sender, desk=OFFICE):
        office.post(letter)
        await office.watch.until(lambda: office.states() == ["given up", "given up"])
    assert len(office.posted()) == 2


# --- with a sender that is told what to do


async def test_recipients_are_served_side_by_side_but_each_one_letter_at_a_time(office, sender, letter):
    addresses = [f"r{number}@x.example" for number in range(MOST_SLOTS + 4)]
    sender.held = set(addresses)
    async with office.open(sender):
        office.post(*(numbered(letter, n, address) for n, address in enumerate(addresses * 2)))
        for _ in range(MOST_SLOTS):
            await sender.next_try()
        sender.release()
        await office.all_delivered()
    assert sender.most_in_flight == MOST_SLOTS
    assert sender.most_to_one == 1
    assert len({sent.message_id for sent in sender.sent}) == len(sender.sent) == 2 * len(addresses)


async def test_slow_recipient_holds_up_nobody_else(office, sender, letter):
    sender.held = {"slow@x.example"}
    async with office.open(sender):
        office.post(numbered(letter, 1, "slow@x.example"))
        await sender.next_try()
        office.post(
            numbered(letter, 2, "slow@x.example"), *(numbered(letter, n, f"r{n}@x.example") for n in range(3, 9))
        )
        await office.watch.until(lambda: office.states().count("delivered") == 6)
        assert [sent.address for sent in sender.sent if sent.address == "slow@x.example"] == []
        sender.release()
        await office.all_delivered()


async def test_each_channel_has_its_own_sender(office, sender, letter):
    telegrammer = SentLetters()
    chat = replace(letter, channel=Channel.TELEGRAM, address="4711", message_id="call.2")
    async with office.open(sender, telegrammer):
        office.post(letter, chat)
        await office.all_delivered()
    assert (sender.sent, telegrammer.sent) == ([letter], [chat])


async def test_pause_that_was_asked_for_is_kept(office, sender, letter):
    sender.failures = [DeliveryFailed("slowly", Fault.PAUSE, retry_after=timedelta(seconds=7))]
    async with office.open(sender):
        office.post(letter)
        waiting = await office.failed_with("slowly")
        assert waiting.due_at == office.clock() + timedelta(seconds=7)
        office.advance(timedelta(seconds=7))
        await office.all_delivered()


async def test_fault_of_a_sender_does_not_end_the_worker(office, sender, letter):
    sender.failures = [KeyError("surprise")]
    async with office.open(sender):
        office.post(letter)
        await office.failed_with("KeyError")
        office.advance(MINUTE)
        await office.all_delivered()
    assert sender.sent == [letter]


async def test_endless_send_is_ended_and_tried_again(office, sender, letter, monkeypatch):
    monkeypatch.setattr(worker, "SEND_LIMIT", timedelta(milliseconds=50))
    sender.held = {letter.address}
    async with office.open(sender):
        office.post(letter)
        await office.failed_with("not delivered within")
        sender.release()
        office.advance(MINUTE)
        await office.all_delivered()
    assert sender.sent == [letter]


async def test_letter_sent_while_the_database_is_away_is_sent_once(office, sender, letter, monkeypatch):
    monkeypatch.setattr(worker, "AWAY_PAUSE", 0.01)
    turns_failed = failed_turns(monkeypatch)
    sender.held = {letter.address}
    async with office.open(sender):
        office.post(letter)
        await sender.next_try()
        change(office.engine, "ALTER TABLE letter RENAME TO away")
        sender.release()
        for _ in range(3):
            await turns_failed()
        change(office.engine, "ALTER TABLE away RENAME TO letter")
        office.advance(letters.LEASE * 2)
        await office.all_delivered()
    assert sender.sent == [letter]


async def test_letter_in_flight_when_the_daemon_stops_is_finished(office, sender, letter):
    sender.held = {letter.address}
    async with office.open(sender):
        office.post(letter)
        await sender.next_try()
        asyncio.get_running_loop().call_soon(sender.release)
    assert office.states() == ["delivered"]
    assert sender.rests == 1


async def test_letter_that_does_not_end_in_time_stays_in_the_outbox(office, sender, letter, monkeypatch):
    monkeypatch.setattr(worker, "GRACE", 0.01)
    sender.held = {letter.address}
    async with office.open(sender):
        office.post(letter)
        await sender.next_try()
    assert office.states() == ["waiting"]
    assert sender.sent == []


async def test_writer_thread_may_wake_the_worker(office, sender, letter):
    async with office.open(sender):
        thread = threading.Thread(target=office.post, args=[letter])
        thread.start()
        await office.all_delivered()
        thread.join()
    assert sender.sent == [letter]


async def test_letter_that_another_process_makes_due_is_found(office, sender, letter, monkeypatch):
    monkeypatch.setattr(worker, "POLL", 0.01)
    sender.failures = [DeliveryFailed("no", Fault.FINAL)]
    async with office.open(sender):
        office.post(letter)
        given_up = await office.failed_with("no")
        with writing(office.engine) as conn:
            letters.resend(conn, [given_up.id], office.clock())
        await office.all_delivered()
    assert sender.sent == [letter]


async def test_burst_takes_few_transactions(office, sender, letter):
    async with office.open(sender):
        office.post(*(numbered(letter, n, f"r{n}@x.example") for n in range(160)))
        await office.all_delivered()
    assert office.watch.commits <= 160 // MOST_SLOTS + 5


def numbered(letter: Letter, number: int, address: str) -> Letter:
    return replace(letter, address=address, message_id=f"call.{number}")


def boundary(mail) -> bytes:
    return mail.get_boundary().encode()


def change(engine: Engine, statement: str) -> None:
    with writing(engine) as conn:
        conn.execute(text(statement))


def failed_turns(monkeypatch: pytest.MonkeyPatch) -> Callable[[], asyncio.Future[bool]]:
    """Returns a function: await it to wait for the next turn that fails for want of the database."""
    failed = asyncio.Semaphore(0)

    class Listener:
        def __getattr__(self, level: str) -> Callable[..., None]:
            return lambda event, **_: failed.release() if event in ("outbox.store_away", "outbox.turn_failed") else None

    monkeypatch.setattr(worker, "log", Listener())
    return failed.acquire


async def start_worker_process(engine: Engine, port: int) -> asyncio.subprocess.Process:
    """The worker alone in a process of its own, on the same database and mail server."""
    url = engine.url.render_as_string(hide_password=False)
    script = Path(__file__).with_name("outbox_process.py")
    return await asyncio.create_subprocess_exec(sys.executable, script, url, str(port))


async def test_a_fault_in_what_follows_a_letter_is_logged_and_its_recipient_gets_the_next_one(
    office, sender, letter, monkeypatch
):
    """Who stays in flight for ever gets nothing more, and nobody sees why."""
    ended, faults = Lane.ended, [ZeroDivisionError()]

    def ended_badly(lane, flight, failure):
        if faults:
            raise faults.pop()
        return ended(lane, flight, failure)

    monkeypatch.setattr(Lane, "ended", ended_badly)
    with structlog.testing.capture_logs() as logged:
        async with office.open(sender):
            office.post(letter, replace(letter, message_id="call.second"))
            await office.all_delivered()
    assert len(sender.sent) == 2
    [line] = [line for line in logged if line["log_level"] == "error"]
    assert line["event"] == "letter.not_followed_up"
    assert (line["letter"], line["channel"], line["exc_info"]) == (office.posted()[-1].id, letter.channel.value, True)
