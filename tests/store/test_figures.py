"""The sums by quarter hours: kept up as calls end, read by day and client, and compared with the calls."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

import pytest
from acting import JOB
from msgspec.structs import replace
from running_out import ANDES, MARIA, add_client
from sqlalchemy import Engine, delete, select, text, update

from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Facts, Outcome, Phase, Seat
from pbx_control.domain.call.saving import Save
from pbx_control.domain.figures.levels import Sums
from pbx_control.services import figures
from pbx_control.services.steps import Rules, save
from pbx_control.services.taken_in import SwitchCall, settle_unended, take_in
from pbx_control.store import quarters
from pbx_control.store.audit import newest
from pbx_control.store.engine import reading, writing
from pbx_control.store.migrate import move
from pbx_control.store.tables import call, letter, quarter_hour

SANTIAGO = ZoneInfo("America/Santiago")
DAY = date(2026, 8, 3)
# 08:00 by the office's clock.
MORNING = datetime(2026, 8, 3, 12, tzinfo=UTC)
LAGOS = replace(ANDES, client_id=2, slug="lagos", client_name="Lagos")
ANA = Seat(1, "ana", "Ana")
LINES = count(1)


@pytest.fixture(autouse=True)
def clients(engine: Engine) -> None:
    add_client(engine, 1, "andes")
    add_client(engine, 2, "lagos", name="Lagos")
    with writing(engine) as conn:
        conn.execute(text("INSERT INTO secretary (id, name, \"user\", password) VALUES (1, 'Ana', 'ana', 'x')"))


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def begun(call_id: str, at: datetime, facts: Facts = ANDES, joins_after: float = 0) -> Call:
    waits = at + seconds(joins_after)
    return Call(call_id, Phase.WAITING, facts, MARIA, arrived_at=at, queued_at=waits, waiting_since=waits)


def answered(one: Call, after: float) -> Call:
    at = (one.queued_at or MORNING) + seconds(after)
    return replace(one, phase=Phase.TALKING, seat=ANA, answered_by=ANA, answered_at=at, talking_since=at)


def over(one: Call, at: datetime, outcome: Outcome) -> Call:
    return replace(one, phase=Phase.ENDED, seat=None, ended_at=at, outcome=outcome)


def kept(engine: Engine, *some: Call, new: bool = True) -> None:
    """Each as a step of its own, all in one transaction."""
    with writing(engine) as conn:
        steps, seen = [], set[str]()
        for one in some:
            steps.append(Save(one, new and one.id not in seen, (Line(next(LINES), one.ended_at or MORNING, "X", {}),)))
            seen.add(one.id)
        assert all(save(conn, steps, Rules()))


def total(engine: Engine, client_id: int = quarters.ALL) -> Sums:
    with reading(engine) as conn:
        return quarters.total(conn, MORNING - timedelta(days=2), MORNING + timedelta(days=2), client_id)


def differences(engine: Engine) -> object:
    with reading(engine) as conn:
        return quarters.differences(conn, datetime(2020, 1, 1, tzinfo=UTC))


def test_calls_are_counted_when_they_end_in_the_quarter_hour_of_their_arrival(engine: Engine) -> None:
    first = begun("c1", MORNING + seconds(899), joins_after=10)
    talks = answered(first, 20)
    kept(engine, first, talks)
    assert total(engine) == Sums()
    kept(engine, over(talks, talks.answered_at + seconds(60), Outcome.ANSWERED), new=False)
    assert total(engine) == total(engine, 1) == Sums(in_time=1, waited=200, talked=600)
    gone = begun("c2", MORNING + seconds(900))
    kept(engine, gone, over(gone, gone.arrived_at + seconds(4), Outcome.MISSED))
    with reading(engine) as conn:
        by_quarter = figures.of_days(conn, DAY, 1, SANTIAGO)
    quarter = timedelta(minutes=15)
    assert by_quarter == {MORNING: Sums(in_time=1, waited=200, talked=600), MORNING + quarter: Sums(brief=1)}
    assert total(engine, 2) == Sums()


def test_a_call_whose_end_is_saved_twice_is_counted_once(engine: Engine) -> None:
    first = begun("c1", MORNING)
    end = over(first, MORNING + seconds(30), Outcome.MISSED)
    kept(engine, first, end, end)
    kept(engine, end, new=False)
    assert total(engine) == Sums(abandoned=1)


def test_what_the_switch_served_is_counted_once_when_it_is_taken_in(engine: Engine) -> None:
    alone = SwitchCall(
        id="s1",
        did=ANDES.did,
        client_id=1,
        caller=MARIA.number,
        caller_name="",
        arrived_at=MORNING,
        ended_at=MORNING + seconds(40),
        outcome=Outcome.MISSED,
    )
    left = replace(begun("s2", MORNING), phase=Phase.ENDED, taken_over=True)
    kept(engine, left)
    assert total(engine) == Sums()
    with writing(engine) as conn:
        assert take_in(conn, alone, Rules())
        assert take_in(conn, alone, Rules())
        assert settle_unended(conn, "main", MORNING + seconds(3), Rules()) == 1
    assert total(engine) == Sums(abandoned=1, brief=1)
    assert differences(engine) == {}


def random_calls(number: int, random: Random) -> Iterator[list[Call]]:
    """Calls of both clients over two days, each with its steps."""
    for each in range(number):
        at = MORNING + timedelta(minutes=random.randint(-1440, 1440), seconds=random.randint(0, 59))
        first = begun(f"r{each}", at, random.choice([ANDES, LAGOS]), random.choice([0, 0, 7.5]))
        if random.random() < 0.6:
            talks = answered(first, random.choice([0.3, 19.9, 20, 20.1, 70]))
            end = over(talks, talks.answered_at + seconds(random.randint(1, 900) / 10), Outcome.ANSWERED)
            yield [first, talks, end]
        else:
            outcome = random.choice([Outcome.MISSED, Outcome.MISSED, Outcome.LEFT_MESSAGE, Outcome.CLOSED])
            yield [first, over(first, first.queued_at + seconds(random.choice([1, 4.9, 5, 60])), outcome)]


def slowly(calls: Sequence[Call], client_id: int | None) -> dict[str, int]:
    """Counted call by call, in words of its own."""
    found = dict.fromkeys(("in_time", "late", "abandoned", "brief", "unanswered"), 0)
    for one in calls:
        if client_id not in (None, one.known.client_id) or one.outcome is Outcome.CLOSED:
            continue
        if one.outcome is Outcome.ANSWERED:
            found["in_time" if (one.answered_at - one.queued_at).total_seconds() <= 20 else "late"] += 1
        elif one.outcome is Outcome.LEFT_MESSAGE:
            found["unanswered"] += 1
        else:
            found["brief" if (one.ended_at - one.queued_at).total_seconds() < 5 else "abandoned"] += 1
    return found


def test_any_calls_in_any_order_are_summed_up_as_one_counts_them_by_hand(engine: Engine) -> None:
    random = Random(7)
    journeys = list(random_calls(80, random))
    for number in range(0, len(journeys), 5):
        batch = [list(one) for one in journeys[number : number + 5]]
        steps = []
        while any(batch):
            one = random.choice([each for each in batch if each])
            steps.append(one.pop(0))
        kept(engine, *steps)
    ends = [one[-1] for one in journeys]
    for client_id in (None, 1, 2):
        found = total(engine, client_id or quarters.ALL)
        assert {name: getattr(found, name) for name in slowly(ends, None)} == slowly(ends, client_id)
    assert differences(engine) == {}
    today = [one for one in ends if one.arrived_at.astimezone(SANTIAGO).date() == DAY]
    with reading(engine) as conn:
        day = figures.today(conn, SANTIAGO, MORNING)
    assert {name: getattr(day.all, name) for name in slowly(today, None)} == slowly(today, None)
    assert Sums.of(one.sums for one in day.clients) == day.all
    assert [one.slug for one in day.clients] == ["andes", "lagos"]


def test_who_talks_still_is_counted_already_and_not_twice_when_it_ends(engine: Engine) -> None:
    first = begun("c1", MORNING)
    talks = answered(first, 3)
    kept(engine, first, talks)
    for _ in range(2):
        with reading(engine) as conn:
            day = figures.today(conn, SANTIAGO, MORNING + seconds(60))
        assert (day.all.in_time, [(one.slug, one.sums.in_time) for one in day.clients]) == (1, [("andes", 1)])
        kept(engine, over(talks, MORNING + seconds(50), Outcome.ANSWERED), new=False)


def test_each_node_adds_to_rows_of_its_own(engine: Engine) -> None:
    other = engine.execution_options(pbx_node="b")
    for number, place in enumerate((engine, other)):
        first = begun(f"c{number}", MORNING)
        kept(place, first, over(first, MORNING + seconds(30), Outcome.MISSED))
    assert total(engine) == Sums(abandoned=2)
    with reading(engine) as conn:
        assert set(conn.scalars(select(quarter_hour.c.node))) == {"main", "b"}


def test_wrong_sums_are_found_and_put_right_and_that_stands_in_the_trail(engine: Engine) -> None:
    first = begun("c1", MORNING)
    kept(engine, first, over(first, MORNING + seconds(30), Outcome.MISSED))
    assert figures.compare(engine, JOB, MORNING) == 0
    with writing(engine) as conn:
        conn.execute(update(quarter_hour).where(quarter_hour.c.client_id == 1).values(in_time=7))
        conn.execute(delete(quarter_hour).where(quarter_hour.c.client_id == quarters.ALL))
    assert figures.compare(engine, JOB, MORNING) == 2
    assert total(engine) == total(engine, 1) == Sums(abandoned=1)
    assert differences(engine) == {}
    with reading(engine) as conn:
        [entry, *_] = newest(conn)
    assert (entry.entry.verb, entry.entry.difference) == ("figures put right", {"entries": (None, 2)})


def test_what_there_is_already_is_counted_by_the_migration(engine: Engine) -> None:
    journeys = list(random_calls(40, Random(3)))
    kept(engine, *(step for one in journeys for step in one))
    with writing(engine) as conn:
        conn.execute(update(call).values(queued_at=None))
        move(conn, "0039")
        move(conn, "head")
    assert differences(engine) == {}
    assert total(engine).calls == sum(one[-1].outcome is not Outcome.CLOSED for one in journeys)


@pytest.mark.parametrize(
    ("age", "due", "delivered", "counted"),
    [
        (seconds(59), True, False, 0),  # it is on its way
        (seconds(60), True, False, 1),
        (timedelta(days=30), True, False, 1),  # still tried
        (timedelta(days=6), False, False, 1),  # given up
        (timedelta(days=8), False, False, 0),
        (timedelta(hours=1), False, True, 0),
    ],
)
def test_a_letter_is_undelivered_a_minute_after_it_was_written(
    engine: Engine, age: timedelta, due: bool, delivered: bool, counted: int
) -> None:
    facts = {"channel": "email", "address": "a@b.example", "body_text": "x", "written_at": MORNING - age}
    facts |= {"due_at": MORNING if due else None, "delivered_at": MORNING if delivered else None}
    with writing(engine) as conn:
        for number, whose in enumerate(({"client_id": 1}, {}, {"client_id": 1, "kind": "info"})):  # one is a client's
            conn.execute(letter.insert().values(facts | whose | {"message_id": str(number)}))
        assert figures.today(conn, SANTIAGO, MORNING).undelivered == counted
