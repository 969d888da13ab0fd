"""What callers ask for by their rights is answered within 30 days, and each step can be proved."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from acting import ADMIN, JOB, by_admin
from his_data import register
from keeping import NOW, House
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError

from pbx_control.domain.keeping.requests import RequestKind, Standing, Step, last_day, standing
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.errors import ClientMistake, Code, StoreUnavailable
from pbx_control.media.erasure import ErasureOrder, erase
from pbx_control.services import caller_requests as services
from pbx_control.settings import Home
from pbx_control.store import caller_requests, receipts, restrictions
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import letter
from pbx_control.zones import zoneinfo

HIS = "+56912345678"
SANTIAGO = zoneinfo.ZoneInfo("America/Santiago")
DESK = AlarmDesk("jefa@office.example", "en", "Secretariado", "America/Santiago")
DAY = timedelta(days=1)


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    return House(Home(tmp_path / "home"), engine)


def ask(house: House, kind: RequestKind = RequestKind.ACCESS, **more: object) -> caller_requests.CallerRequest:
    with writing(house.engine) as conn:
        return services.add(by_admin(conn, NOW), register(house), "9 1234 5678", kind, **more)  # type: ignore[arg-type]


def steps(house: House, request_id: int) -> list[tuple[Step, str, str]]:
    with reading(house.engine) as conn:
        return [(one.what, one.actor.name, one.sha256) for one in caller_requests.steps_of(conn, request_id)]


def warn(house: House, today: date, desk: AlarmDesk = DESK) -> str:
    return str(services.warn(house.engine, desk, JOB, today, NOW))


def subjects(house: House) -> list[str]:
    with reading(house.engine) as conn:
        return list(conn.scalars(select(letter.c.subject).order_by(letter.c.id)))


@pytest.mark.parametrize(
    ("received", "last"),
    [
        ("2026-08-03T03:59:00+00:00", "2026-09-01"),  # still 2 August in Santiago
        ("2026-08-03T04:01:00+00:00", "2026-09-02"),
        ("2026-08-20T12:00:00+00:00", "2026-09-19"),  # clocks are changed in between
        ("2028-02-10T12:00:00+00:00", "2028-03-11"),  # a leap year
    ],
)
def test_thirty_days_of_the_calendar_are_counted_in_the_offices_zone(received: str, last: str) -> None:
    assert last_day(datetime.fromisoformat(received), SANTIAGO) == date.fromisoformat(last)


def test_a_request_is_near_its_limit_a_week_before_and_late_after_its_last_day() -> None:
    last = date(2026, 9, 2)
    days = {0: Standing.NEAR, -7: Standing.NEAR, -8: Standing.OPEN, 1: Standing.LATE}
    assert {n: standing(last, last + n * DAY, closed=False) for n in days} == days
    assert standing(last, last + 99 * DAY, closed=True) is Standing.CLOSED


def test_a_request_is_kept_with_its_steps_and_answer(house: House) -> None:
    asked = ask(house, note=f"by letter from {HIS}", received_at=NOW - DAY, slug="andes")
    assert (asked.number, asked.client, asked.last_day) == (HIS, "andes", date(2026, 8, 31))
    assert asked.note == "by letter from erased"
    with writing(house.engine) as conn:
        closed = services.close(by_admin(conn, NOW + DAY), asked.id, "sent on a stick")
    assert (closed.closed_at, closed.answer, closed.receipt_id) == (NOW + DAY, "sent on a stick", None)
    digests = [sha256(one.encode()).hexdigest() for one in ("by letter from erased", "sent on a stick")]
    assert steps(house, asked.id) == [(Step.RECEIVED, "ana", digests[0]), (Step.CLOSED, "ana", digests[1])]


@pytest.mark.parametrize("change", ["UPDATE caller_request_step SET who = 'eva'", "DELETE FROM caller_request_step"])
def test_no_step_is_ever_changed(house: House, change: str) -> None:
    ask(house)
    with pytest.raises((IntegrityError, StoreUnavailable), match="append-only"), writing(house.engine) as conn:
        conn.execute(text(change))


def test_a_request_is_answered_once_and_with_words(house: House) -> None:
    asked = ask(house)
    for answer, code in ((" ", Code.EMPTY_VALUE), ("done", None), ("again", Code.WRONG_STATE)):
        if code is None:
            with writing(house.engine) as conn:
                services.close(by_admin(conn, NOW), asked.id, answer)
            continue
        with pytest.raises(ClientMistake) as refused, writing(house.engine) as conn:
            services.close(by_admin(conn, NOW), asked.id, answer)
        assert refused.value.code is code
    with pytest.raises(ClientMistake) as refused, writing(house.engine) as conn:
        services.close(by_admin(conn, NOW), 99, "x")
    assert refused.value.code is Code.NO_SUCH_REQUEST


def test_what_makes_no_sense_is_refused(house: House) -> None:
    for more, code in (
        ({"received_at": NOW + DAY}, Code.BAD_VALUE),
        ({"slug": "nobody"}, Code.NO_SUCH_CLIENT),
    ):
        with pytest.raises(ClientMistake) as refused:
            ask(house, **more)
        assert refused.value.code is code
    with pytest.raises(ClientMistake) as refused, writing(house.engine) as conn:
        services.add(by_admin(conn), register(house), "\x1b[31m", RequestKind.ACCESS)
    assert refused.value.code is Code.BAD_NUMBER


def test_a_request_for_blocking_blocks_at_once_and_twice_is_once(house: House) -> None:
    for _ in range(2):
        ask(house, RequestKind.BLOCKING, blocks=True, slug="andes")
    with reading(house.engine) as conn:
        (block,) = restrictions.in_force(conn, HIS)
    assert (block.client, block.since, block.why) == ("andes", NOW, "request 1")
    assert [what for what, _, _ in steps(house, 1)] == [Step.RECEIVED, Step.BLOCKED]
    assert [what for what, _, _ in steps(house, 2)] == [Step.RECEIVED]


def erases(house: House, at: datetime = NOW) -> None:
    wish = ErasureOrder(number=HIS, why="request 1", key="secret", actor=ADMIN)
    erase(house.home, house.engine, wish, at)


def close(house: House, request_id: int, answer: str, at: datetime = NOW) -> caller_requests.CallerRequest:
    with writing(house.engine) as conn:
        return services.close(by_admin(conn, at), request_id, answer)


def test_one_for_deletion_names_the_receipt_of_the_erasure_and_forgets_the_number(house: House) -> None:
    house.has_call("pbx-1.1", 2, caller_name="María Soto")
    asked = ask(house, RequestKind.DELETION, note="María Soto writes", received_at=NOW - DAY)
    before = ask(house, RequestKind.DELETION, received_at=NOW)
    erases(house, NOW - timedelta(hours=1))
    closed, other = close(house, asked.id, "erased"), close(house, before.id, "nothing since then")
    with reading(house.engine) as conn:
        (receipt, *_) = receipts.newest(conn)
    assert (closed.number, closed.note) == ("erased", "erased writes")
    assert (receipt.what, receipt.sha256) == ("caller_data", closed.fingerprint)
    assert closed.receipt_id is not None
    assert (other.receipt_id, other.number) == (None, HIS)


@pytest.mark.parametrize("kind", [RequestKind.DELETION, RequestKind.ACCESS])
def test_one_that_is_open_keeps_the_number_to_which_it_is_answered(house: House, kind: RequestKind) -> None:
    """His name has gone with his calls; the number goes when the request is closed."""
    house.has_call("pbx-1.1", 2, caller_name="María Soto")
    asked = ask(house, kind, note="María Soto writes", received_at=NOW - DAY)
    erases(house)
    with reading(house.engine) as conn:
        (still,) = caller_requests.rows(conn, open_only=True)
    assert (still.number, still.note) == (HIS, "erased writes")
    with pytest.raises(ClientMistake, match="is in the request 1, which is open") as refused:
        erases(house, NOW + DAY)
    assert refused.value.code is Code.NO_SUCH_CALLER
    assert close(house, asked.id, "erased").number == "erased"
    with pytest.raises(ClientMistake, match="nothing is known"):
        erases(house, NOW + DAY)


def test_one_that_was_closed_before_the_erasure_forgets_the_number_with_it(house: House) -> None:
    house.has_call("pbx-1.1", 2)
    asked = ask(house)
    assert close(house, asked.id, "sent").number == HIS
    erases(house)
    with reading(house.engine) as conn:
        assert caller_requests.get(conn, asked.id).number == "erased"


def test_one_that_is_closed_while_his_data_is_blocked_keeps_the_number_until_he_is_erased(house: House) -> None:
    """What is blocked was not erased: who he is must be known still."""
    house.has_call("pbx-1.1", 2)
    house.has_call("pbx-2.1", 2, client_id=2)
    asked = ask(house, RequestKind.DELETION, received_at=NOW - DAY, slug="norte")
    with writing(house.engine) as conn:
        restrictions.add(conn, HIS, 1, "another request", NOW)
    erases(house)
    assert close(house, asked.id, "erased").number == HIS
    with writing(house.engine) as conn:
        restrictions.lift(conn, HIS, 1, NOW)
    erases(house, NOW + DAY)
    with reading(house.engine) as conn:
        assert caller_requests.get(conn, asked.id).number == "erased"


def test_the_office_is_warned_once_before_the_limit_and_once_after_it(house: House) -> None:
    asked = ask(house)
    last = asked.last_day
    assert warn(house, last - 8 * DAY) == "requests of callers near their limit or late: 0; told of: 0"
    assert warn(house, last - 7 * DAY).endswith("late: 1; told of: 1")
    assert warn(house, last - 6 * DAY).endswith("late: 1; told of: 0")
    assert warn(house, last + DAY).endswith("late: 1; told of: 1")
    assert warn(house, last + 9 * DAY).endswith("told of: 0")
    assert subjects(house) == [
        "Request 1 of a caller is to be answered by Tuesday 1 September 2026",
        "Request 1 of a caller is late",
    ]
    assert [what for what, _, _ in steps(house, 1)] == [Step.RECEIVED, Step.WARNED, Step.LATE]
    with reading(house.engine) as conn:
        letters = " ".join(str(row) for row in conn.execute(select(letter)))
    assert "12345678" not in letters.replace(" ", "")


def test_nobody_is_warned_of_what_is_answered_or_where_nobody_is_to_be_told(house: House) -> None:
    asked = ask(house)
    assert "nobody to tell" in warn(house, asked.last_day, replace(DESK, address=""))
    with writing(house.engine) as conn:
        services.close(by_admin(conn, NOW), asked.id, "done")
    assert warn(house, asked.last_day).endswith("late: 0; told of: 0")
    assert subjects(house) == []


def test_the_spanish_letter_reads_as_well(house: House) -> None:
    asked = ask(house, RequestKind.DELETION)
    warn(house, asked.last_day, replace(DESK, language="es"))
    subject = "La solicitud 1 de alguien que llamó se debe responder hasta el martes 1 de septiembre de 2026"
    assert subjects(house) == [subject]
