"""Booking: one slot is one caller's, whoever else wants it at that instant, and what may become of an appointment."""

import inspect
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Barrier
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from acting import ADMIN, HOUSE, by_admin
from running_out import add_client
from sqlalchemy import Engine, func, insert, select, update

from pbx_control.domain.agenda.appointments import HELD_MINUTES, Appointment, AppointmentState, next_sequence
from pbx_control.domain.agenda.rules import Kind
from pbx_control.domain.agenda.slots import Slot, Taken
from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.domain.money.plans import Plan
from pbx_control.errors import ClientMistake, Code, StoreUnavailable
from pbx_control.services import appointments, calendars, clientele, closing_days, subscriptions
from pbx_control.services.appointments import Order
from pbx_control.services.work import Work, booking
from pbx_control.store import agenda, audit
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import appointment, call, slot_hold

NOW = datetime(2026, 11, 30, 11, tzinfo=UTC)  # Monday, 8:00 in Santiago
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
TEN = NOW + 2 * HOUR
SANTIAGO = ZoneInfo("America/Santiago")
SECRETARIES, SLOTS = 200, 20


@pytest.fixture
def office(engine: Engine) -> Engine:
    """A client with a calendar, and another one with one of the same name."""
    for client_id, slug in ((1, "andes"), (2, "lagos")):
        add_client(engine, client_id, slug)
        with booking(engine, ADMIN, NOW) as work:
            kinds = [Kind(0, "Consulta", 30, 10), Kind(0, "Control", 15)]
            wanted = {"week": "mon-fri 9:00-13:00 15:00-18:00", "lead": HOUR, "step": 15}
            calendars.add(work, client_id, "soto", "Dra. Soto", kinds, questions=["¿RUT?"], **wanted)
    return engine


def order(starts: datetime = TEN, **more: object) -> Order:
    given = {"client_id": 1, "calendar": "soto", "kind": "Consulta", "starts": starts, "name": "Juan"}
    return Order(**(given | more))  # type: ignore[arg-type]


def booked(engine: Engine, one: Order | None = None, at: datetime = NOW) -> Appointment:
    with booking(engine, ADMIN, at) as work:
        return appointments.book(work, one or order(), house=HOUSE)


def done(engine: Engine, act: Callable[[Work], Appointment], at: datetime = NOW + MINUTE) -> Appointment:
    with booking(engine, ADMIN, at) as work:
        return act(work)


def refused(engine: Engine, act: Callable[[Work], object], at: datetime = NOW + MINUTE) -> ClientMistake:
    with pytest.raises(ClientMistake) as error, booking(engine, ADMIN, at) as work:
        act(work)
    return error.value


def free(engine: Engine, kind: str = "Consulta", holder: str = "", now: datetime = NOW) -> list[str]:
    """The free slots of the first day."""
    with reading(engine) as conn:
        found = appointments.free(conn, 1, "soto", kind, NOW, NOW + 12 * HOUR, now, holder)
    return [f"{one.starts.astimezone(SANTIAGO):%H:%M}" for one in found]


# --- one slot, many who want it ---------------------------------------------------------------------------


def test_of_two_hundred_secretaries_on_twenty_slots_twenty_book_and_the_others_are_told_so(office: Engine) -> None:
    """All press at once: ten on each slot, of which some overlap the next."""
    with reading(office) as conn:
        found = appointments.free(conn, 1, "soto", "Consulta", NOW, NOW + 10 * DAY, NOW)
    apart = _apart(found, SLOTS)
    barrier = Barrier(SECRETARIES)

    def press(number: int) -> str:
        barrier.wait()
        secretary = Actor(ActorKind.SECRETARY, f"s{number}")
        while True:
            try:
                with booking(office, secretary, NOW) as work:
                    appointments.book(work, order(apart[number % SLOTS].starts, name=f"Caller {number}"), house=HOUSE)
            except StoreUnavailable:
                continue  # 200 wait for one row, at most five seconds each: she presses again
            except ClientMistake as error:
                return error.code.value
            return "booked"

    with ThreadPoolExecutor(SECRETARIES) as pool:
        told = Counter(pool.map(press, range(SECRETARIES)))
    assert told == {"booked": SLOTS, Code.SLOT_TAKEN.value: SECRETARIES - SLOTS}
    with reading(office) as conn:
        starts = conn.scalars(select(appointment.c.starts).order_by(appointment.c.starts)).all()
    assert starts == [one.starts for one in apart]


def test_slots_that_overlap_are_booked_once_too(office: Engine) -> None:
    """Every slot of a day at once, each a quarter of an hour after the last: what is booked overlaps nothing."""
    with reading(office) as conn:
        found = appointments.free(conn, 1, "soto", "Consulta", NOW, NOW + DAY, NOW)
    barrier = Barrier(len(found))

    def press(slot: Slot) -> Taken | None:
        barrier.wait()
        try:
            with booking(office, ADMIN, NOW) as work:
                return appointments.book(work, order(slot.starts), house=HOUSE).taken
        except ClientMistake:
            return None

    with ThreadPoolExecutor(len(found)) as pool:
        taken = sorted(one for one in pool.map(press, found) if one)
    assert all(one.ends <= after.starts for one, after in pairwise(taken))
    assert free(office) == []


def _apart(found: list[Slot], count: int) -> list[Slot]:
    """So many that do not overlap, buffers included."""
    chosen: list[Slot] = []
    for slot in found:
        if not chosen or slot.starts >= chosen[-1].ends + 10 * MINUTE:
            chosen.append(slot)
    assert len(chosen) >= count
    return chosen[:count]


# --- what takes a slot ------------------------------------------------------------------------------------


def test_an_appointment_takes_its_time_and_its_buffer(office: Engine) -> None:
    assert free(office)[:6] == ["09:00", "09:15", "09:30", "09:45", "10:00", "10:15"]
    booked(office, order(TEN + HOUR))  # 11:00 until 11:30, and ten minutes
    assert free(office)[:8] == ["09:00", "09:15", "09:30", "09:45", "10:00", "10:15", "11:45", "12:00"]
    assert "10:45" in free(office, "Control")
    error = refused(office, lambda work: appointments.book(work, order(TEN + HOUR), house=HOUSE))
    assert error.code is Code.SLOT_TAKEN
    assert str(error) == (
        "2026-11-30 11:00 is taken in soto; free next: 2026-11-30 11:45, 2026-11-30 12:00, 2026-11-30 12:15"
    )


@pytest.mark.parametrize("act", [appointments.book, appointments.move, appointments.cancel, appointments.change])
def test_nothing_is_changed_without_who_writes_of_it(act: Callable[..., object]) -> None:
    assert inspect.signature(act).parameters["house"].default is inspect.Parameter.empty


@pytest.mark.parametrize(
    ("starts", "why"),
    [
        (NOW - DAY, "2026-11-29 08:00 has passed; free next in soto: 2026-11-30 09:15"),
        (TEN - HOUR, "is too soon: soto is booked 1 h ahead at least; free next: "),
        (TEN + 300 * DAY, "is too far: soto is booked 60 d ahead at most; free next: "),
        (TEN + 5 * DAY, "is outside the hours of soto (mon-fri 09:00-13:00 15:00-18:00); free next: "),
        (TEN + 7 * MINUTE, "they begin every 15 minutes"),
        (TEN + 165 * MINUTE, "it would last beyond the hours of soto"),
    ],
)
def test_the_refusal_names_the_reason_and_the_next_free_time(office: Engine, starts: datetime, why: str) -> None:
    error = refused(office, lambda work: appointments.book(work, order(starts), house=HOUSE))
    assert error.code is Code.BAD_VALUE
    assert why in str(error)
    assert re.search(r"free next.*: 2026-", str(error))


def test_a_holiday_of_the_client_s_has_no_slots(office: Engine) -> None:
    with booking(office, ADMIN, NOW) as work:
        closing_days.add(work, TEN.date(), 1, "Inventario")
    assert free(office) == []
    error = refused(office, lambda work: appointments.book(work, order(), house=HOUSE))
    assert "is on a holiday (Inventario); free next in soto: 2026-12-01 09:00" in str(error)


def test_what_one_holds_nobody_else_gets_until_it_runs_out(office: Engine) -> None:
    with writing(office) as conn:
        held = appointments.hold(conn, 1, "soto", "Consulta", TEN, "ana", NOW)
    assert held.until == NOW + HELD_MINUTES * MINUTE
    assert "10:00" not in free(office)
    assert "10:00" in free(office, holder="ana")
    assert "10:00" in free(office, now=held.until)
    error = refused(office, lambda work: appointments.book(work, order(holder="eva"), house=HOUSE))
    assert error.code is Code.SLOT_TAKEN
    assert "is held in soto for another caller" in str(error)
    with pytest.raises(ClientMistake, match="is held"), writing(office) as conn:
        appointments.hold(conn, 1, "soto", "Control", TEN + 15 * MINUTE, "eva", NOW)
    booked(office, order(holder="ana"))
    with reading(office) as conn:
        assert conn.scalar(select(func.count()).select_from(slot_hold)) == 0


def test_who_holds_another_slot_gives_the_first_one_back(office: Engine) -> None:
    for at in (TEN, TEN + HOUR, TEN + HOUR):
        with writing(office) as conn:
            appointments.hold(conn, 1, "soto", "Consulta", at, "ana", NOW)
    assert "10:00" in free(office)
    assert "11:00" not in free(office)
    with writing(office) as conn:
        assert appointments.release(conn, 1, "soto", "ana")
        assert not appointments.release(conn, 1, "soto", "ana")
    assert "11:00" in free(office)


def test_what_the_remote_calendar_has_takes_its_time(office: Engine) -> None:
    with reading(office) as conn:
        soto = calendars.get(conn, 1, "soto").id
    with writing(office) as conn:
        agenda.put_busy(conn, soto, "event 1", [Taken(TEN, TEN + HOUR), Taken(TEN, TEN + 2 * HOUR)])
    assert free(office)[:3] == ["09:00", "09:15", "12:00"]
    assert refused(office, lambda work: appointments.book(work, order(), house=HOUSE)).code is Code.SLOT_TAKEN
    with writing(office) as conn:
        agenda.put_busy(conn, soto, "event 1", [])
    assert "10:00" in free(office)


# --- one order --------------------------------------------------------------------------------------------


def test_an_order_that_is_sent_twice_books_once(office: Engine) -> None:
    key = UUID("5e2a1c9e-98a6-4d5c-a1d5-cf0d4d1a7b11")
    first, second = (booked(office, order(key=key)) for _ in range(2))
    assert first == second
    assert first.uid == str(key)
    assert refused(office, lambda work: appointments.book(work, order(TEN + HOUR, key=key), house=HOUSE)).code is (
        Code.CHANGED_MEANWHILE
    )
    other = order(key=key, client_id=2)
    assert refused(office, lambda work: appointments.book(work, other, house=HOUSE)).code is Code.CHANGED_MEANWHILE


def test_what_is_kept_is_tidy_and_the_number_is_as_calls_have_it(office: Engine) -> None:
    one = booked(
        office,
        order(
            name="  Juan   Pérez ",
            number="9 8123 4567",
            email="Juan@Correo.example",
            answers={"¿RUT?": " 1-9 ", "": ""},
            note="llega\ntarde",
        ),
    )
    assert (one.name, one.number, one.email) == ("Juan Pérez", "+56981234567", "Juan@correo.example")
    assert (one.answers, one.note, one.language, one.booked_by) == ({"¿RUT?": "1-9"}, "llega\ntarde", "es", "ana")
    with reading(office) as conn:
        assert appointments.get(conn, 1, one.id) == one
        assert appointments.coming(conn, 1, NOW, number="+56981234567") == [one]
        assert appointments.coming(conn, 1, NOW, number="+56900000000") == []
        assert appointments.coming(conn, 2, NOW) == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"name": " "}, Code.EMPTY_VALUE),
        ({"name": "a\x00b"}, Code.BAD_VALUE),
        ({"name": "Juan \u202e Pérez"}, Code.BAD_VALUE),
        ({"email": "nobody"}, Code.BAD_VALUE),
        ({"number": "…"}, Code.BAD_NUMBER),
        ({"number": "abc"}, Code.BAD_NUMBER),
        ({"number": "12"}, Code.BAD_NUMBER),
        ({"answers": {"RUT": "1-9"}}, Code.BAD_VALUE),
        ({"note": "x" * 2000}, Code.VALUE_TOO_LONG),
        ({"answers": {str(n): "x" for n in range(40)}}, Code.BAD_VALUE),
        ({"language": "de"}, Code.BAD_VALUE),
        ({"kind": "Operación"}, Code.NO_SUCH_KIND),
        ({"kind": ""}, Code.NO_SUCH_KIND),
        ({"calendar": "nadie"}, Code.NO_SUCH_CALENDAR),
        ({"call_id": "pbx-2.1"}, Code.NO_SUCH_CALL),
    ],
)
def test_what_will_not_do_is_refused(office: Engine, wrong: dict[str, object], code: Code) -> None:
    with writing(office) as conn:
        conn.execute(insert(call).values(id="pbx-2.1", client_id=2, did="1", caller="", phase="ended", arrived_at=NOW))
    assert refused(office, lambda work: appointments.book(work, order(**wrong), house=HOUSE)).code is code


def test_what_was_known_before_stays_when_something_else_changes(office: Engine) -> None:
    """A caller's own number as it came, and the answer to a question that is not asked any more."""
    with writing(office) as conn:
        conn.execute(
            insert(call).values(id="pbx-1.1", client_id=1, did="1", caller="ventas7", phase="ended", arrived_at=NOW)
        )
    one = booked(office, order(number="ventas7", call_id="pbx-1.1", answers={"¿RUT?": "1-9"}))
    with booking(office, ADMIN, NOW) as work:
        calendars.change(work, 1, "soto", questions=["¿Edad?"])
    answers = {"¿RUT?": "1-9", "¿Edad?": "44"}
    wanted = {"note": "trae perro", "answers": answers}
    noted = done(office, lambda work: appointments.change(work, 1, one.id, **wanted, house=HOUSE))
    assert (noted.number, noted.note, noted.answers) == ("ventas7", "trae perro", answers)
    error = refused(office, lambda work: appointments.change(work, 1, one.id, answers={"¿Peso?": "70"}, house=HOUSE))
    assert str(error) == "soto does not ask '¿Peso?': it asks ¿Edad?"
    error = refused(office, lambda work: appointments.change(work, 1, one.id, number="ventas8", house=HOUSE))
    assert error.code is Code.BAD_NUMBER
    # In no other call than his own.
    error = refused(office, lambda work: appointments.book(work, order(TEN + HOUR, number="ventas7"), house=HOUSE))
    assert error.code is Code.BAD_NUMBER


def test_a_client_that_has_cancelled_books_nothing(office: Engine) -> None:
    with booking(office, ADMIN, NOW) as work:
        clientele.cancel(work, "andes")
    assert refused(office, lambda work: appointments.book(work, order(), house=HOUSE)).code is Code.CLIENT_CANCELLED


# --- what becomes of it -----------------------------------------------------------------------------------


def test_a_change_after_a_restore_has_a_higher_sequence_than_what_was_told_before(office: Engine) -> None:
    one = booked(office)
    told = done(office, lambda work: appointments.move(work, 1, one.id, TEN + 15 * MINUTE, house=HOUSE))
    told = done(office, lambda work: appointments.move(work, 1, one.id, TEN + 30 * MINUTE, house=HOUSE))
    with writing(office) as conn:
        agenda.update_appointment(conn, one)  # as the backup has it
    again = done(office, lambda work: appointments.cancel(work, 1, one.id, house=HOUSE), NOW + 10 * MINUTE)
    assert again.sequence > told.sequence > 0
    assert next_sequence(0, datetime(2099, 1, 1, tzinfo=UTC)) < 2**31


def test_it_moves_and_its_sequence_rises(office: Engine) -> None:
    one = booked(office)
    with booking(office, ADMIN, NOW) as work:
        calendars.put_kind(work, 1, "soto", "Consulta", 60, 60)
    moved = done(office, lambda work: appointments.move(work, 1, one.id, TEN + 15 * MINUTE, house=HOUSE))
    assert (moved.uid, moved.sequence) == (one.uid, next_sequence(0, NOW + MINUTE))
    # As long as it was booked for.
    assert moved.taken == Taken(TEN + 15 * MINUTE, TEN + 55 * MINUTE)
    assert done(office, lambda work: appointments.move(work, 1, one.id, TEN + 15 * MINUTE, house=HOUSE)) == moved
    booked(office, order(TEN + 2 * HOUR, kind="Control"))
    error = refused(office, lambda work: appointments.move(work, 1, one.id, TEN + 2 * HOUR, house=HOUSE))
    assert error.code is Code.SLOT_TAKEN


def test_what_is_cancelled_frees_its_slot_and_stays_cancelled(office: Engine) -> None:
    one = booked(office)
    gone = done(office, lambda work: appointments.cancel(work, 1, one.id, house=HOUSE))
    expected = AppointmentState.CANCELLED, next_sequence(0, NOW + MINUTE), one.uid
    assert (gone.state, gone.sequence, gone.uid) == expected
    assert "10:00" in free(office)
    assert done(office, lambda work: appointments.cancel(work, 1, one.id, house=HOUSE), NOW + HOUR) == gone
    for act in (
        lambda work: appointments.move(work, 1, one.id, TEN + HOUR, house=HOUSE),
        lambda work: appointments.no_show(work, 1, one.id),
    ):
        assert refused(office, act, TEN + MINUTE).code is Code.WRONG_STATE


def test_nobody_came(office: Engine) -> None:
    one = booked(office)
    assert refused(office, lambda work: appointments.no_show(work, 1, one.id)).code is Code.WRONG_STATE
    missed = done(office, lambda work: appointments.no_show(work, 1, one.id), TEN + 20 * MINUTE)
    assert (missed.state, missed.sequence) == (AppointmentState.NO_SHOW, 0)
    error = refused(office, lambda work: appointments.cancel(work, 1, one.id, house=HOUSE), TEN + HOUR)
    assert error.code is Code.WRONG_STATE


def test_what_is_over_is_neither_moved_nor_cancelled(office: Engine) -> None:
    one = booked(office)
    for act in (
        lambda work: appointments.move(work, 1, one.id, TEN + DAY, house=HOUSE),
        lambda work: appointments.cancel(work, 1, one.id, house=HOUSE),
    ):
        assert refused(office, act, one.ends).code is Code.WRONG_STATE


def test_a_correction_of_the_name_raises_no_sequence(office: Engine) -> None:
    one = booked(office)
    changed = done(office, lambda work: appointments.change(work, 1, one.id, name="Juana", house=HOUSE))
    assert changed == replace(one, name="Juana", changed_at=NOW + MINUTE)


def test_another_client_s_appointment_is_one_that_does_not_exist(office: Engine) -> None:
    one = booked(office)
    for act in (
        lambda work: appointments.cancel(work, 2, one.id, house=HOUSE),
        lambda work: appointments.move(work, 2, one.id, TEN + HOUR, house=HOUSE),
        lambda work: appointments.change(work, 2, one.id, name="x", house=HOUSE),
        lambda work: appointments.no_show(work, 2, one.id),
        lambda work: appointments.get(work.conn, 2, one.id),
    ):
        assert refused(office, act).code is Code.NO_SUCH_APPOINTMENT


def test_the_remote_calendar_is_told_of_each_change_and_none_of_our_own(office: Engine) -> None:
    mine = booked(office, order(TEN + 2 * HOUR))
    with booking(office, ADMIN, NOW) as work:
        calendars.change(work, 1, "soto", source="caldav")
    one = booked(office)
    with reading(office) as conn:
        assert agenda.mirror_of(conn, mine.id).due_at is None
        assert agenda.mirror_of(conn, one.id).due_at == NOW
    with writing(office) as conn:
        conn.execute(update(appointment).values(mirror_due_at=None, mirror_attempts=3, mirror_error="away"))
    done(office, lambda work: appointments.cancel(work, 1, one.id, house=HOUSE))
    with reading(office) as conn:
        mirror = agenda.mirror_of(conn, one.id)
    assert (mirror.due_at, mirror.attempts, mirror.error) == (NOW + MINUTE, 0, "")


def test_the_trail_says_when_and_what_and_names_nobody(office: Engine) -> None:
    one = booked(office, order(name="Juan Pérez", number="+56981234567"))
    done(office, lambda work: appointments.move(work, 1, one.id, TEN + HOUR, house=HOUSE))
    with reading(office) as conn:
        moved, was_booked, *_ = (each.entry for each in audit.newest(conn))
    assert (moved.verb, moved.subject) == (Verb.APPOINTMENT_MOVED, f"andes: soto {one.id}")
    assert moved.difference["starts"] == (TEN.isoformat(), (TEN + HOUR).isoformat())
    assert was_booked.verb is Verb.APPOINTMENT_BOOKED
    assert "Juan" not in str(was_booked.difference) + str(moved.difference)


# --- calendars --------------------------------------------------------------------------------------------


def test_a_plan_has_room_for_so_many_calendars(office: Engine) -> None:
    with booking(office, ADMIN, NOW) as work:
        subscriptions.set_plan(work, Plan(name="two", calls=1, price=1, extra_call=1, contacts=1, calendars=2))
        subscriptions.assign(work, 1, "two")
        calendars.add(work, 1, "sala", "Sala 2", [Kind(0, "Reunión", 60)])
    error = refused(office, lambda work: calendars.add(work, 1, "tres", "Sala 3", [Kind(0, "Reunión", 60)]))
    assert error.code is Code.PLAN_IS_FULL
    with booking(office, ADMIN, NOW) as work:
        calendars.remove(work, 1, "sala")
        calendars.add(work, 1, "tres", "Sala 3", [Kind(0, "Reunión", 60)])


def test_a_calendar_with_appointments_to_come_stays(office: Engine) -> None:
    one = booked(office)
    error = refused(office, lambda work: calendars.remove(work, 1, "soto"))
    assert (error.code, error.values["count"]) == (Code.APPOINTMENTS_TO_COME, 1)
    done(office, lambda work: appointments.cancel(work, 1, one.id, house=HOUSE))
    with booking(office, ADMIN, NOW) as work:
        calendars.remove(work, 1, "soto")
    assert refused(office, lambda work: appointments.book(work, order(), house=HOUSE)).code is Code.NO_SUCH_CALENDAR
    with reading(office) as conn:
        assert appointments.get(conn, 1, one.id).state is AppointmentState.CANCELLED
        assert calendars.get(conn, 2, "soto").name == "Dra. Soto"


@pytest.mark.parametrize(
    "wrong",
    [
        {"week": "never"},
        {"week": "mon 9-8-7"},
        {"step": 7},
        {"lead": -HOUR},
        {"horizon": 400 * DAY},
        {"zone": "Mars/Olympus"},
        {"map_link": "javascript:alert(1)"},
        {"map_link": "https://maps.example/a\nb"},
        {"questions": [f"{n}?" for n in range(20)]},
        {"name": "a\x07"},
    ],
    ids=str,
)
def test_a_calendar_takes_no_value_that_will_not_do(office: Engine, wrong: dict[str, object]) -> None:
    error = refused(office, lambda work: calendars.change(work, 1, "soto", **wrong))
    assert error.code is Code.BAD_VALUE


def test_a_calendar_without_more_words_has_its_client_s_hours_and_zone(office: Engine) -> None:
    with writing(office) as conn:
        made = calendars.add(by_admin(conn, NOW), 1, "sala", "Sala 2", [Kind(0, "Reunión", 60)])
    assert (made.week, made.zone, made.step, made.questions) == ("always", "America/Santiago", 30, ())
