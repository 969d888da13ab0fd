"""The outbox in the database: letters are claimed by one, tried again, given up visibly, and never lost."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pbx_control.domain.messages import Channel, Letter, Recipient
from pbx_control.errors import ClientMistake
from pbx_control.store import letters
from pbx_control.store.engine import reading, writing

NOON = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=75)

ANA = Letter(
    channel=Channel.EMAIL,
    address="ana@andes.example",
    message_id="call.1",
    subject="Clínica Andes: llamada perdida",
    text="Nadie contestó.\n",
    html="<p>Nadie contestó.</p>",
    attachment="2026/08/03/x-message.wav",
    written_at=NOON,
)
ANA_AGAIN = replace(ANA, message_id="call.2")
BETO = replace(ANA, channel=Channel.TELEGRAM, address="-1001234", message_id="call.3", html="")


def post(engine, *each: Letter) -> None:
    with writing(engine) as conn:
        letters.add(conn, each)


def claim(engine, at=NOON, *, limit=10, busy=()) -> list[letters.Posted]:
    with writing(engine) as conn:
        return letters.claim(conn, at, lease=LEASE, limit=limit, busy=busy)


def all_letters(engine, **only) -> list[letters.Posted]:
    with reading(engine) as conn:
        return letters.newest(conn, **only)


def test_letter_comes_out_as_it_went_in(engine):
    post(engine, ANA)
    [posted] = claim(engine)
    assert posted.letter == ANA
    assert posted.attempts == 1


def test_nothing_is_added_by_no_letters(engine):
    post(engine)
    assert all_letters(engine) == []


def test_letter_added_twice_is_there_once(engine):
    post(engine, ANA, BETO)
    post(engine, replace(ANA, subject="other"))
    assert [posted.letter.subject for posted in all_letters(engine)] == [BETO.subject, ANA.subject]


def test_letter_goes_with_the_transaction_that_wrote_it(engine):
    with writing(engine) as conn:
        letters.add(conn, [ANA])
        conn.rollback()
    assert all_letters(engine) == []


def test_claimed_letter_is_nobody_elses_until_the_lease_is_over(engine):
    post(engine, ANA)
    assert len(claim(engine)) == 1
    assert claim(engine, NOON + LEASE - timedelta(seconds=1)) == []
    [again] = claim(engine, NOON + LEASE)
    assert again.attempts == 2


def test_each_recipient_gets_one_letter_at_a_time_the_oldest_first(engine):
    post(engine, ANA, ANA_AGAIN, BETO)
    assert [posted.letter.message_id for posted in claim(engine)] == ["call.1", "call.3"]


def test_busy_recipient_is_left_alone(engine):
    post(engine, ANA, BETO)
    busy = [Recipient(Channel.EMAIL, ANA.address)]
    assert [posted.letter for posted in claim(engine, busy=busy)] == [BETO]
    with reading(engine) as conn:
        assert letters.next_due(conn, busy) == NOON + LEASE
        assert letters.next_due(conn) == NOON


def test_no_more_than_the_limit_is_claimed(engine):
    post(engine, ANA, BETO)
    assert len(claim(engine, limit=1)) == 1


def test_two_who_claim_at_once_share_the_letters(engine):
    post(engine, *(replace(ANA, address=f"r{n}@x.example", message_id=f"call.{n}") for n in range(20)))
    claimed: list[letters.Posted] = []
    both = [threading.Thread(target=lambda: claimed.extend(claim(engine, limit=20))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(posted.id for posted in claimed) == sorted(posted.id for posted in all_letters(engine))


def test_delivered_letter_is_done(engine):
    post(engine, ANA)
    [posted] = claim(engine)
    with writing(engine) as conn:
        letters.delivered(conn, posted, NOON)
    [done] = all_letters(engine)
    assert (done.state, done.due_at, done.delivered_at) == ("delivered", None, NOON)
    assert all_letters(engine, undelivered=True) == []
    assert claim(engine, NOON + timedelta(days=9)) == []


def test_failed_letter_waits_longer_each_time(engine):
    post(engine, ANA)
    at, pauses = NOON, []
    for _ in range(8):
        [posted] = claim(engine, at)
        with writing(engine) as conn:
            letters.failed(conn, posted, at, "451 later")
            due = letters.next_due(conn)
        pauses.append((due - at) // timedelta(minutes=1))
        at = due
    assert pauses == [1, 2, 5, 15, 30, 60, 120, 120]
    [waiting] = all_letters(engine, undelivered=True)
    assert (waiting.state, waiting.attempts, waiting.last_error) == ("waiting", 8, "451 later")


def test_letter_is_given_up_after_three_days_but_stays_visible(engine):
    post(engine, ANA)
    due = NOON
    while due is not None:
        at = due
        [posted] = claim(engine, at)
        with writing(engine) as conn:
            letters.failed(conn, posted, at, "no answer")
            due = letters.next_due(conn)
    assert timedelta(days=2, hours=22) < at - NOON <= timedelta(days=3)
    [given_up] = all_letters(engine, undelivered=True)
    assert (given_up.state, given_up.last_error) == ("given up", "no answer")


def test_permanent_failure_is_given_up_at_once(engine):
    post(engine, ANA)
    [posted] = claim(engine)
    with writing(engine) as conn:
        letters.failed(conn, posted, NOON, "550 no such\r\nuser \x00" + "x" * 999, permanent=True)
    [given_up] = all_letters(engine, undelivered=True)
    assert given_up.state == "given up"
    assert given_up.last_error.startswith("550 no such user xxx")
    assert len(given_up.last_error) == letters.ERROR_LIMIT


def test_pause_that_was_asked_for_is_kept_and_the_try_not_counted(engine):
    post(engine, BETO)
    [posted] = claim(engine)
    with writing(engine) as conn:
        letters.failed(conn, posted, NOON, "slowly", retry_after=timedelta(seconds=7))
    [waiting] = all_letters(engine)
    assert (waiting.due_at, waiting.attempts) == (NOON + timedelta(seconds=7), 0)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(timedelta.max, letters.LONGEST_WAIT), (timedelta(days=-9), letters.SHORTEST_WAIT)],
)
def test_an_absurd_pause_that_was_asked_for_is_not_kept(engine, asked, waits):
    post(engine, BETO)
    [posted] = claim(engine)
    with writing(engine) as conn:
        letters.failed(conn, posted, NOON, "slowly", retry_after=asked)
    [waiting] = all_letters(engine)
    assert waiting.due_at == NOON + waits


def test_resent_letter_starts_anew_under_its_own_id(engine):
    post(engine, ANA)
    [posted] = claim(engine)
    with writing(engine) as conn:
        letters.failed(conn, posted, NOON, "550 no", permanent=True)
        letters.resend(conn, posted.id, NOON + timedelta(days=9))
    [again] = claim(engine, NOON + timedelta(days=9))
    assert (again.letter.message_id, again.attempts, again.last_error) == ("call.1", 1, "")


def test_resending_what_is_not_there_is_refused(engine):
    with pytest.raises(ClientMistake, match="there is no message 7"), writing(engine) as conn:
        letters.resend(conn, 7, NOON)
