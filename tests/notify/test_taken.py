"""What a killed process leaves of the letters that servers had taken already: none of them is sent again."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from post_office import HANGS, SentLetters
from sqlalchemy import delete, update

from pbx_control.domain.notices.messages import Channel
from pbx_control.domain.notices.retries import Retry
from pbx_control.domain.words.sentences import Sentence
from pbx_control.notify.taken import Taken, TakenLetters
from pbx_control.notify.worker import Outbox
from pbx_control.settings import Home
from pbx_control.store import letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import letter as table


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def claim(engine, letter, at) -> letters.Posted:
    """As the process does that is killed then."""
    with writing(engine) as conn:
        letters.add(conn, [letter])
        [head] = letters.heads(conn, letter.channel, 9)
        [posted] = letters.claim(conn, [head.id], at)
        return posted


async def run_until(outbox: Outbox, watch, check) -> None:
    running = asyncio.create_task(outbox.run())
    try:
        await watch.until(check)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def stored(engine, letter_id: int) -> letters.Posted:
    with reading(engine) as conn:
        found = letters.find(conn, letter_id)
        assert found
        return found


async def test_letter_that_its_server_had_taken_at_the_kill_is_not_sent_again(engine, home, clock, watch, letter):
    chat = replace(letter, channel=Channel.TELEGRAM, address="4711")
    posted = claim(engine, chat, clock())
    TakenLetters(home).note(Taken(posted.id, posted.letter.message_id, posted.attempts, clock(), "77"))
    sender, told = SentLetters(), asyncio.Queue()
    outbox = Outbox(engine, sender, sender, clock, told=told.put_nowait, taken=TakenLetters(home))
    clock.advance(2 * letters.LEASE)
    running = asyncio.create_task(outbox.run())
    async with asyncio.timeout(HANGS):
        [delivery] = await told.get()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert delivery.posted.id == posted.id
    found = stored(engine, posted.id)
    assert (found.state, found.receipt, sender.sent) == ("delivered", "77", [])
    assert TakenLetters(home).left() == []


async def test_letter_that_was_claimed_anew_since_is_sent(engine, home, clock, watch, letter):
    posted = claim(engine, letter, clock())
    TakenLetters(home).note(Taken(posted.id, posted.letter.message_id, posted.attempts, clock(), ""))
    with writing(engine) as conn:
        letters.resend(conn, [posted.id], clock() + timedelta(hours=1))
    sender = SentLetters()
    clock.advance(timedelta(hours=1))
    outbox = Outbox(engine, sender, sender, clock, taken=TakenLetters(home))
    await run_until(outbox, watch, lambda: stored(engine, posted.id).state == "delivered")
    assert sender.sent == [letter]


async def test_what_is_in_the_database_is_not_kept_in_the_file(engine, home, clock, watch, letter):
    with writing(engine) as conn:
        letters.add(conn, [letter])
    sender, taken = SentLetters(), TakenLetters(home)
    await run_until(Outbox(engine, sender, sender, clock, taken=taken), watch, lambda: stored(engine, 1).delivered_at)
    assert taken.left() == []
    assert (home.run / "letters-taken").stat().st_mode & 0o777 == 0o600


def test_line_that_was_not_written_whole_is_none(home, clock):
    taken = TakenLetters(home)
    taken.note(Taken(1, "call.a", 1, clock(), "5"))
    with (home.run / "letters-taken").open("a") as file:
        file.write('[2, 1, "2026-08-')
    assert TakenLetters(home).left() == [Taken(1, "call.a", 1, clock(), "5")]
    with (home.run / "letters-taken").open("ab") as file:
        file.write(b'\xff\n{}\n[1]\n"x"\n')
    assert TakenLetters(home).left() == [Taken(1, "call.a", 1, clock(), "5")]


def test_disk_without_room_stops_nothing(home, clock):
    home.run.parent.mkdir(exist_ok=True)
    home.run.write_text("a file where the folder should be")
    taken = TakenLetters(home)
    taken.note(Taken(1, "call.a", 1, clock(), ""))
    taken.clear()


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '[1,"call.a",1,"2026-01-01T00:00:00",""]',  # no zone
        '[999999999999999999999999999999,"call.a",1,"2026-01-01T00:00:00Z",""]',
        '[Infinity,"call.a",1,"2026-01-01T00:00:00Z",""]',
        '[1,"a\\u0000",1,"2026-01-01T00:00:00Z",""]',
        "\udcff",
    ],
)
async def test_line_that_is_not_ours_holds_up_no_letter(engine, home, clock, watch, letter, line):
    home.run.mkdir(parents=True)
    (home.run / "letters-taken").write_text(f"{line}\n", "utf-8", "surrogateescape")
    with writing(engine) as conn:
        letters.add(conn, [letter])
    sender = SentLetters()
    outbox = Outbox(engine, sender, sender, clock, taken=TakenLetters(home))
    await run_until(outbox, watch, lambda: stored(engine, 1).delivered_at)
    assert len(sender.sent) == 1


async def test_what_is_no_file_of_ours_holds_up_no_letter_and_is_not_touched(engine, home, clock, watch, letter):
    home.run.mkdir(parents=True)
    (home.root / "another").write_text("kept")
    (home.run / "letters-taken").symlink_to(home.root / "another")
    with writing(engine) as conn:
        letters.add(conn, [letter])
    sender = SentLetters()
    outbox = Outbox(engine, sender, sender, clock, taken=TakenLetters(home))
    await run_until(outbox, watch, lambda: stored(engine, 1).delivered_at)
    assert (home.root / "another").read_text() == "kept"


def test_answer_about_a_letter_that_was_erased_is_not_noted_on_the_one_that_has_its_number(engine, clock, letter):
    posted = claim(engine, letter, clock())
    other = replace(letter, message_id="call.another")
    with writing(engine) as conn:
        conn.execute(delete(table).where(table.c.id == posted.id))
        letters.add(conn, [other])
        conn.execute(update(table).values(id=posted.id))  # as SQLite does by itself
        letters.delivered(conn, posted, clock())
        letters.put_off(conn, posted, Retry(due_at=None, why=Sentence("550 no such user")))
        assert letters.find_claimed(conn, posted.id, letter.message_id, 0, clock()) is None
    kept = stored(engine, posted.id)
    assert (kept.delivered_at, kept.kept_error, kept.due_at) == (None, "", other.written_at)
