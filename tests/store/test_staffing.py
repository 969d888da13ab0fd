"""What the database tells of a week: calls, clients, who was there; and the office is warned before a month begins."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from acting import by_admin
from sqlalchemy import Engine, insert, update
from staffed import SANTIAGO, busy_weeks, calls_came, on, was_there

from pbx_control.domain.desk.duty import Present
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.staffing.outlook import HalfHour
from pbx_control.errors import ClientMistake
from pbx_control.live.attending import LOST, Attending, present
from pbx_control.live.news import SecretaryNow
from pbx_control.services import staffing, subscriptions
from pbx_control.services.staffing import Change, Outlook
from pbx_control.settings import OfficeSettings, Settings
from pbx_control.store import attendance, letters
from pbx_control.store import staffing as store
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import call, client, holiday, secretary

# A Monday; the weeks before it have no holiday but Corpus Christi's kin, which `working_days` leaves out.
MONDAY = date(2026, 8, 10)
NOW = on(MONDAY, 8)
PRO = Plan(name="pro", calls=2000, price=1, extra_call=1, contacts=1, calendars=1)
OFFICE = Settings(office=OfficeSettings(name="Casa", alarms_to="admin@casa.example"))


@pytest.fixture
def office(engine: Engine) -> Engine:
    """Andes with a plan, and another client without one."""
    with writing(engine) as conn:
        usual = "mon-fri 09:00-13:00 14:00-18:00"
        for number, slug in ((1, "andes"), (2, "sur")):
            conn.execute(insert(client).values(id=number, slug=slug, name=slug, week=usual, created_at=NOW))
        work = by_admin(conn, NOW - timedelta(days=300))
        subscriptions.set_plan(work, PRO)
        subscriptions.assign(work, 1, "pro")
    return engine


def looked(engine: Engine, first: date = MONDAY, days: int = 7, changes: Sequence[Change] = ()) -> Outlook:
    with reading(engine) as conn:
        return staffing.look(conn, SANTIAGO, first, days, NOW, changes)


def at(found: Outlook, day: date, hour: int, minute: int = 0) -> HalfHour:
    return next(one for one in found.halves if one.at == on(day, hour, minute))


def test_a_week_is_as_the_weeks_before(office: Engine) -> None:
    busy_weeks(office, MONDAY, each=20)
    found = looked(office)
    assert len(found.halves) == 7 * 48
    busy, quiet = at(found, MONDAY, 10), at(found, MONDAY, 12)
    assert (round(busy.calls, 6), busy.needed, busy.there, busy.planned) == (20, 4, 1, True)
    assert (busy.breaks, busy.lacking) == (True, 3)
    assert (quiet.calls, quiet.needed, quiet.there, quiet.level) == (0, 0, 1, None)
    assert found.manner.talk == pytest.approx(170)
    assert found.manner.ring == pytest.approx(4)
    # Patience was never seen to end: the usual one. Ten half hours break, each on its own.
    assert (found.manner.patience, len(found.gaps)) == (120, 10)
    assert found.known


def test_nothing_has_come_and_nothing_is_sold(engine: Engine) -> None:
    found = looked(engine)
    assert (found.level, found.gaps, found.known) == (None, [], False)
    assert {one.needed for one in found.halves} == {0}


def test_a_plan_that_was_sold_is_reckoned_with_before_its_first_call(office: Engine) -> None:
    """Nobody has called: the whole plan, over its hours."""
    found = looked(office)
    assert sum(one.calls for one in found.halves) == pytest.approx(2000 * 12 * 7 / 365.25)
    assert at(found, MONDAY, 13).calls == 0


def test_what_one_more_client_would_bring(office: Engine) -> None:
    busy_weeks(office, MONDAY)
    with reading(office) as conn:
        one, two = (staffing.selling_to_somebody(conn, "pro", number) for number in (0, 1))
        lost = staffing.losing(conn, "andes")
        sur = staffing.selling(conn, "sur", "pro")
        assert staffing.selling(conn, "sur", "none") == []
        with pytest.raises(ClientMistake):
            staffing.selling_to_somebody(conn, "none")
    assert at(looked(office, changes=[one]), MONDAY, 10).calls == pytest.approx(20, rel=0.01)
    assert at(looked(office, changes=[one, two]), MONDAY, 10).calls == pytest.approx(30, rel=0.01)
    assert at(looked(office, changes=sur), MONDAY, 10).calls == pytest.approx(20, rel=0.01)
    assert at(looked(office, changes=[lost]), MONDAY, 10).calls < 0.1


def test_only_calls_for_a_secretary_count(office: Engine) -> None:
    with writing(office) as conn:
        calls_came(conn, 1, [on(MONDAY - timedelta(days=7), 10, minute) for minute in range(6)])
        for number, other in enumerate(
            ({"outcome": "closed"}, {"outcome": "exhausted"}, {"outcome": "blocked"}, {"turned_away": "suspended"})
        ):
            conn.execute(update(call).where(call.c.id.like(f"%-{number}")).values(other))
        seen = store.by_quarter(conn, NOW - timedelta(days=30), NOW)
        assert [(one.calls, one.answered, one.in_time) for one in seen] == [(2, 2, 2)]
        conn.execute(update(client).where(client.c.id == 1).values(cancelled_at=NOW))
        assert store.by_quarter(conn, NOW - timedelta(days=30), NOW) == []


def test_who_waited_longer_was_not_answered_in_time(office: Engine) -> None:
    with writing(office) as conn:
        came = on(MONDAY - timedelta(days=7), 10)
        calls_came(conn, 1, [came, came + timedelta(minutes=16)])
        conn.execute(update(call).where(call.c.id.like("%-1")).values(answered_at=came + timedelta(minutes=17)))
        seen = store.by_quarter(conn, NOW - timedelta(days=30), NOW)
        assert [(one.at, one.calls, one.in_time) for one in seen] == [
            (came, 1, 1),
            (came + timedelta(minutes=15), 1, 0),
        ]
        waits = [(one.waited, one.talked) for one in store.sample(conn, NOW - timedelta(days=30), NOW)]
        assert waits == [(60.0, 170.0), (4.0, 170.0)]


def test_a_holiday_is_none_of_the_usual_days(office: Engine) -> None:
    busy_weeks(office, MONDAY)
    with writing(office) as conn:
        conn.execute(insert(holiday).values(day=MONDAY + timedelta(days=7), name="Aniversario", observed=True))
    found = looked(office, days=14)
    # Nobody was there on the sixteenth of July.
    assert (at(found, MONDAY + timedelta(days=7), 10).calls, at(found, MONDAY + timedelta(days=7), 10).there) == (0, 0)
    assert at(found, MONDAY + timedelta(days=1), 10).calls == pytest.approx(10)


def test_a_past_week_shows_who_was_there_and_what_came(office: Engine) -> None:
    busy_weeks(office, MONDAY)
    last = MONDAY - timedelta(days=7)
    found = looked(office, last)
    busy = at(found, last, 10)
    assert (busy.there, busy.planned, busy.came, busy.in_time) == (1, False, 10, 10)
    assert at(found, last, 20).there == 0


def test_a_secretary_who_was_seen_by_two_daemons_is_one(office: Engine) -> None:
    last = MONDAY - timedelta(days=7)
    with writing(office) as conn:
        conn.execute(insert(secretary), [{"id": 1, "name": "Ana", "user": "ana", "password": "x"}])
        was_there(conn, 1, on(last, 10), on(last, 10, 40))
        was_there(conn, 1, on(last, 10, 10), on(last, 10, 45), "talking")
        was_there(conn, 1, on(last, 10, 45), on(last, 11), "pause")
    found = looked(office, last)
    assert [at(found, last, 10).there, at(found, last, 10, 30).there] == [1, 0.5]
    assert at(found, last, 9).there is None


def test_calls_go_on_beyond_midnight(office: Engine) -> None:
    """Whoever still waits at midnight does so on the next day, and on the first one that is shown."""
    with writing(office) as conn:
        conn.execute(update(client).values(week="always"))
        conn.execute(insert(secretary), [{"id": 1, "name": "Ana", "user": "ana", "password": "x"}])
        for week in range(9):
            sunday = MONDAY - timedelta(days=7 * week + 1)
            calls_came(conn, 1, [on(sunday, 23, 30 + minute) for minute in range(30) for _ in range(3)])
            calls_came(conn, 1, [on(sunday + timedelta(days=1), 0, minute) for minute in range(0, 30, 10)])
            was_there(conn, 1, on(sunday, 20), on(sunday + timedelta(days=1), 2))
    spoilt = at(looked(office, MONDAY + timedelta(days=7)), MONDAY + timedelta(days=7), 0)
    assert (spoilt.needed, spoilt.there) == (2, 1)
    assert spoilt.level is not None
    assert spoilt.level < 0.7  # 0.72 if nobody had called before midnight


def test_the_office_is_warned_once_before_a_month(office: Engine) -> None:
    busy_weeks(office, date(2026, 8, 20), each=20)
    early, late = (datetime(2026, 8, day, 13, tzinfo=UTC) for day in (20, 28))
    assert staffing.warn_of_month(office, OFFICE, early).said("en") == "no month begins soon"
    for when in (late, late + timedelta(days=1)):
        told = staffing.warn_of_month(office, OFFICE, when).said("en")
        assert told.startswith("half hours of 2026-09 with too few secretaries: ")
    with reading(office) as conn:
        [one] = letters.newest(conn)
    # Twice on 21 working days: Friday the eighteenth is a holiday.
    assert one.letter.subject == "Faltan secretarias en 09/2026; medias horas: 42"
    assert "mar 1 sept, 10:00-10:30" in one.letter.text
    assert "pbx-control staffing show --week 2026-09-01" in one.letter.text
    nobody = staffing.warn_of_month(office, Settings(), late).said("en")
    assert nobody.endswith("nobody to tell ([office] alarms_to)")


def test_too_many_days_are_refused(office: Engine) -> None:
    for days in (0, 401):
        with pytest.raises(ClientMistake):
            looked(office, days=days)


# --- who is there -----------------------------------------------------------------------------------------


def now(**what: object) -> SecretaryNow:
    return SecretaryNow(1, "Ana", **({"registered": True} | what))  # type: ignore[arg-type]


def test_who_is_there_is_who_takes_calls_or_is_in_a_pause() -> None:
    states = (
        now(),
        now(call="c", talking=True),
        now(call="c"),
        now(free_from=NOW + timedelta(minutes=1), after_call=True),
        now(paused=True, paused_by="desk"),
        now(registered=False),
        now(page_lost=True),
        now(paused=True, paused_by="signed_out"),
    )
    assert [present([one], NOW).get(1) for one in states] == [
        Present.READY,
        Present.TALKING,
        Present.TALKING,
        Present.WRAP_UP,
        Present.PAUSE,
        None,
        None,
        None,
    ]


def test_states_are_kept_as_they_change(office: Engine) -> None:
    with writing(office) as conn:
        conn.execute(insert(secretary), [{"id": 1, "name": "Ana", "user": "ana", "password": "x"}])
    attending = Attending(office, list, lambda: NOW)

    def sees(minute: float, state: Present | None, others: dict[int, Present] | None = None) -> None:
        seen = {1: state} if state else {}
        attending.note(seen | (others or {}), NOW + timedelta(minutes=minute))

    sees(0, None)
    # One who was removed a moment ago is nobody's row.
    sees(1, Present.READY, {7: Present.READY})
    sees(1.5, Present.READY)
    sees(4, Present.TALKING)
    sees(5, None)
    sees(6, Present.READY)
    sees(6 + LOST.total_seconds() / 60 + 1, Present.READY)
    with reading(office) as conn:
        stays = attendance.stays(conn, NOW, NOW + timedelta(hours=1))
        minutes = [((one.began_at - NOW).seconds / 60, (one.until - NOW).seconds / 60, one.state) for one in stays]
        assert attendance.first(conn) == NOW + timedelta(minutes=1)
    assert minutes == [
        (1, 4, Present.READY),
        (4, 5, Present.TALKING),
        (6, 6, Present.READY),  # the machine slept
        (12, 12, Present.READY),
    ]
    with writing(office) as conn:
        assert attendance.forget(conn, NOW + timedelta(minutes=5)) == 1
