"""The outbox in the database: letters are claimed by one, tried again, given up visibly, and never lost."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from acting import by_admin
from sqlalchemy import event, insert, update

from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.notices import retries
from pbx_control.domain.notices.messages import MAX_ATTEMPTS, Channel, Letter
from pbx_control.errors import ClientMistake, DeliveryFailed, Fault
from pbx_control.notify import outcomes
from pbx_control.services import people
from pbx_control.services import post as post_service
from pbx_control.settings import Database, Home, Settings
from pbx_control.store import letters, mailboxes, recipients
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.tables import client, letter

NOON = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
LEASE = letters.LEASE

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


def claim(engine, at=NOON, *, limit=10) -> list[letters.Posted]:
    with writing(engine) as conn:
        heads = [head for channel in Channel for head in letters.heads(conn, channel, limit) if head.due_at <= at]
        return letters.claim(conn, [head.id for head in heads], at)


def fail(
    engine, posted, at=NOON, why="451 later", fault=Fault.LATER, *, others_taken=True, passed_over=False, **more
) -> bool:
    with writing(engine) as conn:
        failure = DeliveryFailed(why, fault, **more)
        return outcomes.failed(conn, posted, at, failure, others_taken=others_taken, passed_over=passed_over)


def next_due(engine) -> datetime | None:
    with reading(engine) as conn:
        return min((head.due_at for channel in Channel for head in letters.heads(conn, channel, 1)), default=None)


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


def test_letters_to_one_recipient_keep_their_order_when_one_is_tried_again(engine):
    post(engine, ANA, ANA_AGAIN)
    [first] = claim(engine)
    fail(engine, first, fault=Fault.SERVER)
    assert claim(engine) == []
    [again] = claim(engine, NOON + timedelta(minutes=1))
    assert again.id == first.id
    with writing(engine) as conn:
        letters.delivered(conn, again, NOON)
    assert [posted.letter.message_id for posted in claim(engine)] == ["call.2"]


def test_letter_given_up_holds_up_no_other(engine):
    post(engine, ANA, ANA_AGAIN)
    [first] = claim(engine)
    assert fail(engine, first, fault=Fault.FINAL)
    assert [posted.letter.message_id for posted in claim(engine)] == ["call.2"]


def test_letter_that_is_put_off_for_what_it_holds_is_overtaken_after_an_hour(engine):
    post(engine, ANA, ANA_AGAIN)
    at = NOON
    for _ in range(retries.PATIENT_TRIES):
        [posted] = claim(engine, at)
        assert posted.letter == ANA
        fail(engine, posted, at, fault=Fault.LETTER)
        last, at = at, next_due(engine)
    assert last - NOON < timedelta(hours=1)
    assert [posted.letter for posted in claim(engine, last)] == [ANA_AGAIN]


def test_letter_keeps_its_place_for_a_day_while_the_server_takes_nothing_from_anybody(engine):
    post(engine, ANA, ANA_AGAIN)
    at = NOON
    for _ in range(retries.PATIENT_TRIES_OF_ALL):
        [posted] = claim(engine, at)
        assert posted.letter == ANA
        fail(engine, posted, at, fault=Fault.LETTER, others_taken=False)
        last, at = at, next_due(engine)
    assert timedelta(hours=17) < last - NOON < timedelta(days=1)
    assert [posted.letter for posted in claim(engine, last)] == [ANA_AGAIN]


def test_letter_to_a_server_that_answers_nobody_is_tried_for_three_days(engine):
    post(engine, ANA)
    at = NOON
    for _ in range(MAX_ATTEMPTS - 1):
        [posted] = claim(engine, at)
        assert not fail(engine, posted, at, "no answer", Fault.UNCONFIRMED, others_taken=False)
        at = next_due(engine)
    [posted] = claim(engine, at)
    assert at - NOON > timedelta(days=2.9)
    assert fail(engine, posted, at, "no answer", Fault.UNCONFIRMED, others_taken=False)


def test_heads_are_the_first_due_first_and_no_more_than_asked_for(engine):
    post(engine, *(replace(ANA, address=f"r{n}@x.cl", message_id=f"call.{n}") for n in range(9)))
    [first] = claim(engine, limit=1)
    fail(engine, first)
    with reading(engine) as conn:
        assert [head.id for head in letters.heads(conn, Channel.EMAIL, 3)] == [2, 3, 4]
        assert [head.id for head in letters.heads(conn, Channel.EMAIL, 99)] == [2, 3, 4, 5, 6, 7, 8, 9, 1]
        assert letters.heads(conn, Channel.TELEGRAM, 99) == []


def test_claim_is_renewed_while_its_letter_is_in_flight(engine):
    post(engine, ANA)
    [posted] = claim(engine)
    with writing(engine) as conn:
        letters.renew(conn, {posted.id}, NOON + 2 * LEASE)
    assert claim(engine, NOON + LEASE) == []
    assert len(claim(engine, NOON + 2 * LEASE)) == 1


def test_letter_done_is_not_taken_up_by_a_late_renewal(engine):
    post(engine, ANA)
    [posted] = claim(engine)
    with writing(engine) as conn:
        letters.delivered(conn, posted, NOON)
        letters.renew(conn, {posted.id}, NOON + LEASE)
    assert next_due(engine) is None


def test_server_that_is_back_gets_at_once_what_waited_for_it(engine):
    others = [replace(ANA, address=f"r{n}@x.cl", message_id=f"other.{n}") for n in (1, 2, 3, 4)]
    post(engine, ANA, *others)
    by_server, by_recipient, in_flight, unanswered, kept_refused = claim(engine)
    fail(engine, by_server, fault=Fault.SERVER)
    fail(engine, by_recipient, fault=Fault.LATER)
    fail(engine, unanswered, fault=Fault.UNCONFIRMED)
    fail(engine, kept_refused, fault=Fault.SERVER, passed_over=True)
    with writing(engine) as conn:
        letters.server_is_back(conn, Channel.EMAIL, NOON)
    assert [posted.id for posted in claim(engine)] == [by_server.id, unanswered.id]
    assert in_flight.attempts == 1


def erase(engine) -> None:
    """As an erasure leaves the letters about a caller."""
    with writing(engine) as conn:
        conn.execute(update(letter).values(subject=ERASED, body_text=ERASED, body_html="", due_at=None))


def test_letter_that_is_erased_in_flight_is_not_sent_again(engine):
    post(engine, ANA)
    [posted] = claim(engine)
    erase(engine)
    fail(engine, posted)
    with writing(engine) as conn:
        letters.link(conn, posted, NOON, DeliveryFailed("552 too large", Fault.TOO_LARGE))
    assert next_due(engine) is None


def test_letter_that_is_erased_is_not_resent(engine):
    post(engine, ANA)
    [posted] = claim(engine)
    erase(engine)
    with writing(engine) as conn:
        assert letters.resend_undelivered(conn, NOON, address=ANA.address) == 0
    with pytest.raises(ClientMistake, match="erased with its caller"), writing(engine) as conn:
        post_service.resend(by_admin(conn, NOON), [posted.id])
    assert next_due(engine) is None


def test_letter_that_may_have_arrived_is_sent_once_more_and_no_oftener(engine):
    post(engine, ANA)
    [first] = claim(engine)
    assert not fail(engine, first, why="no answer", fault=Fault.UNCONFIRMED)
    [second] = claim(engine, NOON + timedelta(minutes=1))
    assert fail(engine, second, NOON, "no answer", Fault.UNCONFIRMED)
    [given_up] = all_letters(engine, undelivered=True)
    assert (given_up.state, given_up.last_error) == ("given up", retries.UNCONFIRMED_TWICE.format(why="no answer"))


def test_try_that_a_busy_server_refused_is_due_at_once_and_does_not_count(engine):
    post(engine, ANA)
    [posted] = claim(engine)
    fail(engine, posted, why="421 too many connections", fault=Fault.BUSY)
    [again] = claim(engine)
    assert (again.attempts, again.last_error) == (1, "421 too many connections")


def test_pause_holds_all_letters_to_a_chat_however_they_become_due(engine):
    post(engine, BETO)
    [posted] = claim(engine)
    fail(engine, posted, fault=Fault.PAUSE, retry_after=timedelta(seconds=10072))
    post(engine, replace(BETO, message_id="call.4"), ANA)
    with writing(engine) as conn:
        letters.resend(conn, [posted.id], NOON)
    assert [one.letter for one in claim(engine)] == [ANA]
    assert [one.id for one in claim(engine, NOON + timedelta(seconds=10072))][:1] == [posted.id]


def test_moved_chat_takes_its_letters_and_recipients_along(engine):
    with writing(engine) as conn:
        conn.execute(
            insert(client),
            [{"slug": slug, "name": slug, "week": "always", "created_at": NOON} for slug in ("andes", "beta")],
        )
        for client_id in (1, 2):
            people.add_recipient(by_admin(conn), client_id, "telegram", "-42")
        people.add_recipient(by_admin(conn), 2, "telegram", "-1001")
    old = [replace(BETO, address="-42", message_id=f"move.{n}") for n in (1, 2)]
    post(engine, *old)
    [posted] = claim(engine)
    assert not fail(engine, posted, fault=Fault.MOVED, moved_to="-1001")
    assert [one.letter.address for one in claim(engine)] == ["-1001"]
    assert {one.letter.address for one in all_letters(engine)} == {"-1001"}
    with reading(engine) as conn:
        assert [(row.client, row.address) for row in recipients.rows(conn)] == [
            ("andes", "-1001"),
            ("beta", "-1001"),
        ]


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
        fail(engine, posted, at)
        due = next_due(engine)
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
        fail(engine, posted, at, "no answer")
        due = next_due(engine)
    assert timedelta(days=2, hours=22) < at - NOON <= timedelta(days=3)
    [given_up] = all_letters(engine, undelivered=True)
    assert (given_up.state, given_up.last_error) == ("given up", "no answer")


def test_permanent_failure_is_given_up_at_once(engine):
    post(engine, ANA)
    [posted] = claim(engine)
    assert fail(engine, posted, NOON, "550 no such\r\nuser \x00" + "x" * 999, Fault.FINAL)
    [given_up] = all_letters(engine, undelivered=True)
    assert given_up.state == "given up"
    assert given_up.last_error.startswith("550 no such user xxx")
    assert len(given_up.last_error) == mailboxes.ERROR_LIMIT


def test_pause_that_was_asked_for_is_kept_and_the_try_not_counted(engine):
    post(engine, BETO)
    [posted] = claim(engine)
    fail(engine, posted, fault=Fault.PAUSE, retry_after=timedelta(seconds=7))
    [waiting] = all_letters(engine)
    assert (waiting.due_at, waiting.attempts) == (NOON + timedelta(seconds=7), 0)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(timedelta.max, retries.LONGEST_WAIT), (timedelta(days=-9), retries.SHORTEST_WAIT)],
)
def test_an_absurd_pause_that_was_asked_for_is_not_kept(engine, asked, waits):
    post(engine, BETO)
    [posted] = claim(engine)
    fail(engine, posted, fault=Fault.PAUSE, retry_after=asked)
    [waiting] = all_letters(engine)
    assert waiting.due_at == NOON + waits


def test_resent_letter_starts_anew_under_its_own_id(engine):
    post(engine, ANA)
    [posted] = claim(engine)
    fail(engine, posted, why="550 no", fault=Fault.FINAL)
    with writing(engine) as conn:
        letters.resend(conn, [posted.id], NOON + timedelta(days=9))
    [again] = claim(engine, NOON + timedelta(days=9))
    assert (again.letter.message_id, again.attempts, again.last_error) == ("call.1", 1, "")


def test_resending_what_is_not_there_is_refused(engine):
    with pytest.raises(ClientMistake, match="there is no message 7"), writing(engine) as conn:
        post_service.resend(by_admin(conn), [7])


def test_heads_are_looked_up_whatever_lies_in_the_table(sqlite_url, tmp_path):
    """The plan of SQLite; a letter is never searched for by reading others."""
    engine = open_engine(Home(tmp_path), Settings(database=Database(url=sqlite_url)))
    asked = []
    event.listen(engine, "before_cursor_execute", lambda _conn, _cursor, *statement: asked.append(statement[:2]))
    with reading(engine) as conn:
        letters.heads(conn, Channel.EMAIL, 34)
        statement, values = next(one for one in asked if "RECURSIVE" in one[0])
        plan = [row.detail for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    engine.dispose()
    assert [step for step in plan if step.startswith("SCAN letter")] == []
    assert [step for step in plan if step.startswith("SCAN call")] == []
    searches = [step for step in plan if step.startswith("SEARCH letter USING INDEX ix_letter_waiting")]
    assert len(searches) == 4
    assert any("address>?" in step for step in searches)
