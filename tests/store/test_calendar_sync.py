"""Our appointments and clients' remote calendars in step: told once, read by changes; disagreement is a task."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from acting import ADMIN, HOUSE
from running_out import add_client
from sqlalchemy import Engine, func, insert, select, update

from pbx_control import clock
from pbx_control.admin import checkup
from pbx_control.calendars.remote import Changes, Remote, RemoteEvent, RemoteTrouble, TroubleKind
from pbx_control.domain.agenda.appointments import Appointment, next_sequence
from pbx_control.domain.agenda.clashes import ClashKind
from pbx_control.domain.agenda.mirrored import Mirrored, caldav_name, google_id
from pbx_control.domain.agenda.rules import Kind, Source
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.words.sentences import said
from pbx_control.errors import ClientMistake, Code
from pbx_control.jobs.mirroring import LEASE, Mirroring
from pbx_control.services import appointments, calendar_sync, calendars, tasks
from pbx_control.services.appointments import Order
from pbx_control.services.calendar_sync import LONGEST_PAUSE, PERSONS_PAUSE
from pbx_control.services.work import booking
from pbx_control.store import agenda, audit, remotes, restrictions
from pbx_control.store.engine import reading, writing
from pbx_control.store.remotes import Access, State
from pbx_control.store.tables import remote_access, restriction, secretary

NOW = datetime(2026, 11, 30, 11, tzinfo=UTC)  # Monday, 8:00 in Santiago
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TEN = NOW + 2 * HOUR
ACCESS = Access(source=Source.CALDAV, address="https://dav.example/soto/", user="soto", secret="geheim")


@dataclass
class Mirror:
    """A remote calendar in memory, with the faults that it is told to have."""

    there: dict[str, Mirrored] = field(default_factory=dict)  # ours, by UID
    his: dict[str, str] = field(default_factory=dict)  # the client's own, by key: lines of an event
    moved: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)  # ours, that he has moved, by UID
    renamed: dict[str, str] = field(default_factory=dict)  # ours, that his program has stored under another name
    faults: list[TroubleKind] = field(default_factory=list)  # of what is asked
    refusals: list[tuple[TroubleKind, bool]] = field(default_factory=list)  # and whether it is put all the same
    puts: list[tuple[str, int]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # tokens
    gone: list[str] = field(default_factory=list)
    whole: bool = True  # each time all events are told
    retry_after: float | None = None

    def check(self) -> None:
        self._perhaps()

    def close(self) -> None:
        pass

    def put(self, one: Mirrored) -> None:
        self.puts.append((one.uid, one.sequence))
        refused, is_put = self.refusals.pop(0) if self.refusals else (None, True)
        if is_put:
            self.there[one.uid] = one
        self._raise(refused)

    def changes(self, token: str) -> Changes:
        self.asked.append(token)
        self._perhaps()
        return Changes(self._events(), list(self.gone), f"token{len(self.asked)}", self.whole or not token)

    def events(self, since: datetime, until: datetime) -> Sequence[RemoteEvent]:
        self._perhaps()
        return self._events()

    def _events(self) -> list[RemoteEvent]:
        ours = {
            self.renamed.get(uid, google_id(uid)): (
                uid,
                _lines(*self.moved.get(uid, (one.starts, one.ends)), one.cancelled),
            )
            for uid, one in self.there.items()
        }
        his = {key: (key, lines) for key, lines in self.his.items()}
        return [RemoteEvent(key, uid, _ical(uid, lines)) for key, (uid, lines) in (ours | his).items()]

    def _perhaps(self) -> None:
        self._raise(self.faults.pop(0) if self.faults else None)

    def _raise(self, kind: TroubleKind | None) -> None:
        if kind:
            raise RemoteTrouble("it fails", kind, retry_after=self.retry_after)


def _lines(starts: datetime, ends: datetime, transparent: bool = False) -> str:
    lines = f"DTSTART:{starts:%Y%m%dT%H%M%SZ}\r\nDTEND:{ends:%Y%m%dT%H%M%SZ}"
    return f"{lines}\r\nTRANSP:TRANSPARENT" if transparent else lines


def _ical(uid: str, lines: str) -> str:
    return f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


@dataclass
class House:
    """A client with one calendar, mirrored in `mirror`; `at` is the present instant."""

    engine: Engine
    mirror: Mirror = field(default_factory=Mirror)
    at: datetime = NOW

    def to(self, access: Access, limit: float = 60.0) -> Remote:
        return self.mirror

    def connect(self, access: Access = ACCESS) -> int:
        with booking(self.engine, ADMIN, self.at) as work:
            return calendar_sync.connect(work, 1, "soto", access)

    def book(self, starts: datetime = TEN) -> Appointment:
        with booking(self.engine, ADMIN, self.at) as work:
            return appointments.book(work, Order(client_id=1, calendar="soto", starts=starts, name="Juan"), house=HOUSE)

    def turn(self) -> calendar_sync.Turn:
        turn = calendar_sync.take_turn(self.engine, self.to, self.calendar_id, lambda: self.at)
        assert turn
        calendar_sync.keep(self.engine, [turn])
        return turn

    @property
    def calendar_id(self) -> int:
        with reading(self.engine) as conn:
            return calendars.get(conn, 1, "soto").id

    @property
    def state(self) -> State:
        with reading(self.engine) as conn:
            return remotes.state_of(conn, self.calendar_id)

    def mirror_of(self, one: Appointment) -> agenda.Mirror:
        with reading(self.engine) as conn:
            return agenda.mirror_of(conn, one.id)

    def due(self) -> list[int]:
        with reading(self.engine) as conn:
            return remotes.due(conn, self.at, 10)

    def tasks(self) -> list[ClashKind]:
        with reading(self.engine) as conn:
            return [one.kind for one in tasks.about_appointments(conn, 1, self.at)]


@pytest.fixture
def house(engine: Engine) -> House:
    add_client(engine, 1, "andes")
    with booking(engine, ADMIN, NOW) as work:
        wanted = {"week": "mon-fri 9:00-13:00 15:00-18:00", "lead": timedelta(0), "step": 30}
        calendars.add(work, 1, "soto", "Dra. Soto", [Kind(0, "Consulta", 30)], **wanted)
    with writing(engine) as conn:
        conn.execute(insert(secretary).values(id=1, name="ana", user="ana", password="x", all_clients=True))
    made = House(engine)
    made.connect()
    return made


# --- telling ----------------------------------------------------------------------------------------------------


def test_a_booking_is_told_to_the_mirror_once(house: House) -> None:
    one = house.book()
    assert house.mirror_of(one).due_at == NOW
    assert house.due() == [house.calendar_id]
    house.turn()
    house.turn()
    assert house.mirror.puts == [(one.uid, 0)]
    assert house.mirror_of(one) == agenda.Mirror(sequence=0, due_at=None, attempts=0, error="")
    assert house.mirror.there[one.uid].title == "Juan, Consulta"
    with booking(house.engine, ADMIN, house.at) as work:
        appointments.cancel(work, 1, one.id, house=HOUSE)
    house.turn()
    assert house.mirror.puts == [(one.uid, 0), (one.uid, next_sequence(0, house.at))]
    assert house.mirror.there[one.uid].cancelled


def test_of_whom_is_blocked_nothing_is_told_until_that_is_over(house: House) -> None:
    house.turn()
    house.at += MINUTE / 2
    with booking(house.engine, ADMIN, house.at) as work:
        order = Order(client_id=1, calendar="soto", starts=TEN, name="Juan", number="+56987654321")
        one = appointments.book(work, order, house=HOUSE)
        restrictions.add(work.conn, "+56987654321", None, "asks", house.at)
    assert house.due() == []  # nobody looks again and again
    house.at += HOUR
    house.turn()
    assert (house.mirror.puts, house.mirror_of(one).due_at) == ([], NOW + MINUTE / 2)
    with writing(house.engine) as conn:
        conn.execute(update(restriction).values(lifted_at=house.at))
    house.turn()
    assert house.mirror.puts == [(one.uid, 0)]


def test_who_of_the_office_booked_is_not_told_there(house: House) -> None:
    by_office = house.book()
    with booking(house.engine, Actor(ActorKind.USER, "gerencia"), house.at) as work:
        order = Order(client_id=1, calendar="soto", starts=TEN + HOUR, name="Eva")
        by_client = appointments.book(work, order, house=HOUSE)
    house.turn()
    assert by_office.booked_by == "ana"
    assert house.mirror.there[by_office.uid].text == "Agendada por la secretaría"
    assert house.mirror.there[by_client.uid].text == "Agendada por gerencia"


def test_what_was_booked_before_is_told_when_the_calendar_is_connected(house: House) -> None:
    one = house.book()
    house.turn()
    house.mirror = Mirror()
    assert house.connect() == 0  # it is connected so already
    assert house.connect(replace(ACCESS, address="https://dav.example/other/")) == 1
    house.turn()
    assert house.mirror.puts == [(one.uid, 0)]


PASSING = [
    *(TroubleKind.DOWN, TroubleKind.SLOW, TroubleKind.CUT, TroubleKind.LIMITED, TroubleKind.SERVER),
    *(TroubleKind.GONE, TroubleKind.CHANGED),
]
FOR_PEOPLE = [kind for kind in TroubleKind if kind not in PASSING]


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("kind", list(TroubleKind))
def test_after_each_trouble_the_booking_is_kept_marked_and_told_later_once(
    house: House, kind: TroubleKind, done: bool
) -> None:
    one = house.book()
    house.mirror.refusals = [(kind, done)]
    house.turn()
    waits = house.mirror_of(one)
    assert (waits.attempts, waits.error, waits.sequence) == (1, "it fails", None)
    assert waits.due_at is not None
    assert house.due() == []  # it is left alone for a while
    house.at += PERSONS_PAUSE if kind in FOR_PEOPLE else 2 * MINUTE
    assert house.due() == [house.calendar_id]
    house.turn()
    house.turn()
    assert house.mirror.puts == [(one.uid, 0)] * 2
    assert list(house.mirror.there) == [one.uid]
    assert house.mirror_of(one).due_at is None
    assert house.state.trouble == ""


def test_the_pause_grows_and_what_the_other_side_asks_is_kept(house: House) -> None:
    house.book()
    pauses = []
    for _ in range(7):
        house.mirror.faults = [TroubleKind.SERVER]
        house.turn()
        due_at = house.state.due_at
        assert due_at
        pauses.append(due_at - house.at)
        house.at = due_at
    assert pauses[0] <= MINUTE < pauses[2] < pauses[3]
    assert pauses[-1] <= LONGEST_PAUSE
    house.mirror.faults, house.mirror.retry_after = [TroubleKind.LIMITED], 1800
    house.turn()
    assert house.state.due_at == house.at + timedelta(minutes=30)


def test_one_appointment_that_does_not_go_holds_up_no_other(house: House) -> None:
    first, second = house.book(), house.book(TEN + HOUR)
    house.mirror.refusals = [(TroubleKind.CONFLICT, False)]
    house.turn()
    assert house.mirror.puts == [(first.uid, 0), (second.uid, 0)]
    assert house.mirror_of(second).due_at is None
    assert house.mirror_of(first).error == "it fails"


@pytest.mark.parametrize("kind", [TroubleKind.DOWN, TroubleKind.LIMITED, TroubleKind.UNAUTHORISED])
def test_nothing_is_told_to_a_calendar_that_does_not_answer(house: House, kind: TroubleKind) -> None:
    one = house.book()
    house.mirror.faults = [kind]
    house.turn()
    assert house.mirror.puts == []
    assert house.mirror_of(one).due_at is not None


def test_a_calendar_that_cannot_be_read_is_told_what_is_new_there(house: House) -> None:
    first, second = house.book(), house.book(TEN + HOUR)
    house.turn()
    third = house.book(TEN + HOUR / 2)
    with booking(house.engine, ADMIN, house.at) as work:
        appointments.change(work, 1, first.id, note="a note", house=HOUSE)
        appointments.cancel(work, 1, second.id, house=HOUSE)
    house.mirror.faults = [TroubleKind.ODD]
    house.turn()
    assert house.mirror.puts[2:] == [(second.uid, next_sequence(0, house.at)), (third.uid, 0)]
    assert house.state.trouble
    house.at += PERSONS_PAUSE
    house.turn()
    assert house.mirror.puts[4:] == [(first.uid, 0)]


def test_what_a_secretary_has_settled_is_told_although_all_events_are_read_again(house: House) -> None:
    one = house.book()
    house.turn()
    house.mirror.moved[one.uid] = (TEN + HOUR, TEN + HOUR + HOUR / 2)
    with booking(house.engine, ADMIN, house.at) as work:
        appointments.change(work, 1, one.id, note="a note", house=HOUSE)
    house.turn()
    house.turn()
    assert house.mirror.puts == [(one.uid, 0)]
    with writing(house.engine) as conn:
        [task] = tasks.about_appointments(conn, 1, house.at)
        tasks.appointment_settled(conn, task.id, 1, house.at)
    house.turn()
    assert house.mirror.puts == [(one.uid, 0)] * 2


def test_a_change_while_it_is_told_is_told_as_well(house: House) -> None:
    one = house.book()
    real = house.mirror.put

    def put(mirrored: Mirrored) -> None:
        real(mirrored)
        if mirrored.sequence == 0:
            house.at += MINUTE
            with booking(house.engine, ADMIN, house.at) as work:
                appointments.cancel(work, 1, one.id, house=HOUSE)

    house.mirror.put = put  # type: ignore[method-assign]
    house.turn()
    assert house.mirror_of(one).due_at is not None
    house.turn()
    assert house.mirror.puts == [(one.uid, 0), (one.uid, next_sequence(0, house.at))]
    assert house.mirror_of(one).due_at is None


def test_what_is_told_keeps_its_order(house: House) -> None:
    booked = [house.book(TEN + number * HOUR / 2) for number in range(4)]
    house.turn()
    assert [uid for uid, _ in house.mirror.puts] == [one.uid for one in booked]


# --- reading ----------------------------------------------------------------------------------------------------


def test_what_the_client_enters_blocks_a_slot_and_what_he_deletes_frees_it(house: House) -> None:
    house.mirror.his["a"] = _lines(TEN, TEN + HOUR)
    house.turn()
    with pytest.raises(ClientMistake) as caught:
        house.book()
    assert caught.value.code is Code.SLOT_TAKEN
    del house.mirror.his["a"]
    house.turn()
    house.book()


def test_changes_are_asked_for_by_token_and_a_part_leaves_the_rest(house: House) -> None:
    house.mirror.his = {"a": _lines(TEN, TEN + HOUR), "b": _lines(TEN + HOUR, TEN + 2 * HOUR)}
    house.turn()
    house.mirror.whole, house.mirror.gone = False, ["a"]
    house.mirror.his = {"c": _lines(TEN + 5 * HOUR, TEN + 6 * HOUR)}
    house.turn()
    assert house.mirror.asked == ["", "token1"]
    with reading(house.engine) as conn:
        assert {one.key for one in remotes.busy_of(conn, house.calendar_id)} == {"b", "c"}


def test_all_is_read_anew_before_the_expanded_time_is_over(house: House) -> None:
    house.mirror.whole = False
    house.turn()
    house.at += timedelta(days=30)
    house.turn()
    house.at += timedelta(days=11)
    house.turn()
    assert house.mirror.asked == ["", "token1", ""]


def test_a_series_and_an_odd_one_are_counted(house: House) -> None:
    house.mirror.his = {"a": f"{_lines(TEN, TEN + HOUR)}\r\nRRULE:FREQ=DAILY", "b": "DTSTART:nonsense"}
    house.turn()
    assert house.state.odd == 1
    with reading(house.engine) as conn:
        assert len(remotes.busy_of(conn, house.calendar_id)) > 90


def test_long_keys_are_kept(house: House) -> None:
    house.mirror.his = {"x" * 900: _lines(TEN, TEN + HOUR)}
    house.turn()
    house.turn()
    with reading(house.engine) as conn:
        assert len(remotes.busy_of(conn, house.calendar_id)) == 1


# --- right before a booking -------------------------------------------------------------------------------------


def look(house: House) -> bool:
    return calendar_sync.look_again(house.engine, house.to, 1, "soto", TEN)


def test_what_was_entered_in_the_last_minute_is_seen_before_a_booking(house: House) -> None:
    house.turn()
    house.mirror.his["a"] = _lines(TEN - HOUR, TEN + MINUTE)
    assert look(house)
    with pytest.raises(ClientMistake) as caught:
        house.book()
    assert caught.value.code is Code.SLOT_TAKEN
    del house.mirror.his["a"]
    house.turn()
    house.book()


def test_what_is_offered_instead_is_free_in_the_remote_calendar_too(house: House) -> None:
    house.turn()
    house.mirror.his["a"] = _lines(TEN, TEN + 2 * HOUR)
    house.mirror.his["b"] = _lines(TEN + 6 * HOUR, TEN + 7 * HOUR)
    assert look(house)
    with pytest.raises(ClientMistake) as caught:
        house.book()
    assert caught.value.values["near"] == "2026-11-30 12:00, 2026-11-30 12:30, 2026-11-30 15:00"
    house.book(TEN + 2 * HOUR + 30 * MINUTE)
    with pytest.raises(ClientMistake) as caught:
        house.book(TEN + 6 * HOUR)
    assert caught.value.code is Code.SLOT_TAKEN


def test_a_mirror_that_is_away_holds_up_no_booking(house: House) -> None:
    house.mirror.faults = [TroubleKind.DOWN]
    assert not look(house)
    house.book()


def test_an_appointment_of_ours_does_not_block_itself(house: House) -> None:
    house.book()
    house.turn()
    assert look(house)
    house.turn()
    with reading(house.engine) as conn:
        assert remotes.busy_of(conn, house.calendar_id) == set()


# --- what does not agree ----------------------------------------------------------------------------------------


def test_what_the_client_enters_at_the_same_time_is_a_task_and_no_move(house: House) -> None:
    one = house.book()
    house.mirror.his["a"] = _lines(TEN, TEN + HOUR)
    house.turn()
    house.turn()
    assert house.tasks() == [ClashKind.OVERLAP]
    with reading(house.engine) as conn:
        assert appointments.get(conn, 1, one.id).starts == TEN
    del house.mirror.his["a"]
    house.turn()
    assert house.tasks() == []


def test_an_appointment_that_the_client_moves_or_deletes_is_a_task(house: House) -> None:
    one = house.book()
    house.turn()
    house.mirror.moved[one.uid] = (TEN + HOUR, TEN + HOUR + HOUR / 2)
    house.turn()
    assert house.tasks() == [ClashKind.MOVED]
    house.mirror.moved.clear()
    house.turn()
    assert house.tasks() == []
    del house.mirror.there[one.uid]
    house.turn()
    assert house.tasks() == [ClashKind.DELETED]


def test_where_the_client_has_moved_it_to_is_blocked_until_that_is_settled(house: House) -> None:
    one = house.book()
    house.turn()
    house.mirror.moved[one.uid] = (TEN + HOUR, TEN + HOUR + HOUR / 2)
    house.turn()
    house.turn()
    for starts in (TEN, TEN + HOUR):
        with pytest.raises(ClientMistake, match="is taken"):
            house.book(starts)
    with reading(house.engine) as conn:
        there = appointments.free_to_move(conn, 1, one.id, TEN, TEN + 2 * HOUR, house.at)
    assert [slot.starts - TEN for slot in there] == [HOUR / 2 * number for number in range(4)]
    with booking(house.engine, ADMIN, house.at) as work:
        appointments.move(work, 1, one.id, TEN + HOUR, house=HOUSE)
    house.mirror.moved.clear()
    house.turn()
    house.turn()
    assert house.tasks() == []
    assert house.book(TEN).starts == TEN


def test_a_secretary_who_settles_it_frees_where_he_had_moved_it_to(house: House) -> None:
    one = house.book()
    house.turn()
    house.mirror.moved[one.uid] = (TEN + HOUR, TEN + HOUR + HOUR / 2)
    house.turn()
    with writing(house.engine) as conn:
        [task] = tasks.about_appointments(conn, 1, house.at)
        tasks.appointment_settled(conn, task.id, 1, house.at)
    assert house.book(TEN + HOUR).starts == TEN + HOUR


def test_one_that_his_program_keeps_under_another_name_is_missed_when_it_is_deleted(house: House) -> None:
    one = house.book()
    house.turn()
    house.mirror.whole = False
    house.mirror.renamed[one.uid] = "/soto/his-own-name.ics"
    house.turn()
    house.mirror.gone = [f"/soto/{caldav_name(one.uid)}"]  # the old name goes: it stands there all the same
    house.turn()
    assert house.tasks() == []
    del house.mirror.there[one.uid]
    house.mirror.gone = ["/soto/his-own-name.ics"]
    house.turn()
    assert house.tasks() == [ClashKind.DELETED]


def test_a_task_is_settled_by_a_secretary_once(house: House) -> None:
    house.book()
    house.mirror.his["a"] = _lines(TEN, TEN + HOUR)
    house.turn()
    with writing(house.engine) as conn:
        [task] = tasks.about_appointments(conn, 1, house.at)
        assert (task.client_name, task.name) == ("Clínica Andes", "Juan")
        tasks.appointment_settled(conn, task.id, 1, house.at)
    assert house.tasks() == []
    with writing(house.engine) as conn, pytest.raises(ClientMistake):
        tasks.appointment_settled(conn, task.id, 1, house.at)
    house.turn()
    assert house.tasks() == []  # nothing new has happened


# --- the round --------------------------------------------------------------------------------------------------


def test_of_two_processes_one_goes_round_and_the_other_takes_over(house: House) -> None:
    first, second = (Mirroring(house.engine, house.to, name, lambda: house.at) for name in ("one", "two"))
    assert first._is_ours()
    assert not second._is_ours()
    house.at += LEASE + MINUTE
    assert second._is_ours()
    assert not first._is_ours()


def test_the_round_reads_each_calendar_and_keeps_what_became_of_it(house: House) -> None:
    one = house.book()
    round_ = Mirroring(house.engine, house.to, "one", lambda: house.at)
    with ThreadPoolExecutor(2) as pool:
        round_.go_round(pool)
    with ThreadPoolExecutor(2) as pool:
        round_.go_round(pool)
    assert house.mirror.puts == [(one.uid, 0)]
    assert house.state.synced_at == NOW
    assert house.due() == []
    house.at += MINUTE
    assert house.due() == [house.calendar_id]


def test_a_fault_of_ours_stops_no_other_calendar(house: House) -> None:
    def broken(token: str) -> Changes:
        raise ZeroDivisionError

    house.mirror.changes = broken  # type: ignore[method-assign]
    house.turn()
    assert "fault of the software" in house.state.trouble
    assert house.due() == []


# --- connecting -------------------------------------------------------------------------------------------------


def test_a_password_is_in_no_entry(house: House) -> None:
    with reading(house.engine) as conn:
        entries = audit.newest(conn, limit=50)
    assert "dav.example" in repr(entries)
    assert "geheim" not in repr(entries)
    assert "geheim" not in repr(ACCESS)


@pytest.mark.parametrize(
    "wrong",
    [
        Access(source=Source.CALDAV, address="dav.example", secret="x"),
        Access(source=Source.CALDAV, address="https://u:p@dav.example/", secret="x"),
        Access(source=Source.CALDAV, address="https://dav.example/", secret=""),
        Access(source=Source.CALDAV, address="https:///u:p@dav.example/", secret="x"),
        Access(source=Source.CALDAV, address="https://:443/u:p@dav.example/", secret="x"),
        Access(source=Source.CALDAV, address="https://[dav/", secret="x"),
        Access(source=Source.CALDAV, address="https://dav.example:https/", secret="x"),
        Access(source=Source.CALDAV, address="", secret="x"),
        Access(source=Source.GOOGLE, address="a@gmail.example", secret="no key"),
    ],
)
def test_what_cannot_be_reached_so_is_refused(house: House, wrong: Access) -> None:
    with booking(house.engine, ADMIN, NOW) as work, pytest.raises(ClientMistake):
        calendar_sync.connect(work, 1, "soto", wrong)


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_two_calendars_of_a_client_have_two_addresses(house: House, path: str) -> None:
    with booking(house.engine, ADMIN, NOW) as work:
        calendars.add(work, 1, "two", "Two", [Kind(0, "Consulta", 30)], week="mon-fri 9:00-13:00")
    same = replace(ACCESS, address=ACCESS.address.rstrip("/").replace("dav.example", "DAV.example") + path)
    with booking(house.engine, ADMIN, NOW) as work, pytest.raises(ClientMistake) as caught:
        calendar_sync.connect(work, 1, "two", same)
    assert caught.value.code is Code.TAKEN
    with booking(house.engine, ADMIN, NOW) as work:
        calendar_sync.disconnect(work, 1, "soto")
        calendar_sync.connect(work, 1, "two", same)


def test_a_mirror_without_end_is_read_no_longer_than_a_turn(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.mirror.his = {str(number): _lines(TEN, TEN + MINUTE) for number in range(3)}
    monkeypatch.setattr(calendar_sync, "TURN_LIMIT", 0.0)
    assert "too long" in house.turn().state.trouble
    monkeypatch.setattr(calendar_sync, "SHORT_LIMIT", 0.0)
    assert not look(house)


@pytest.mark.parametrize("whole", [True, False])
def test_a_mirror_of_too_many_times_is_kept_in_part_and_told(
    house: House, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr(calendar_sync, "MOST_SPANS_OF_ALL", 3)
    house.mirror.whole = whole
    house.mirror.his = {"a": _lines(TEN, TEN + MINUTE), "b": _lines(TEN, TEN + MINUTE)}
    assert house.turn().state.odd == 0
    extra = {str(number): _lines(TEN, TEN + MINUTE) for number in range(4)}
    house.mirror.his = house.mirror.his | extra if whole else extra
    assert house.turn().state.odd == 3
    with reading(house.engine) as conn:
        assert len(remotes.busy_of(conn, house.calendar_id)) == 3


def test_a_calendar_that_is_ours_alone_again_is_told_nothing(house: House) -> None:
    house.book()
    with booking(house.engine, ADMIN, NOW) as work:
        calendar_sync.disconnect(work, 1, "soto")
    assert calendar_sync.take_turn(house.engine, house.to, house.calendar_id, lambda: NOW) is None
    assert house.due() == []
    house.book(TEN + HOUR)


def test_a_calendar_that_is_removed_leaves_no_password(house: House) -> None:
    with booking(house.engine, ADMIN, NOW) as work:
        calendars.remove(work, 1, "soto")
        assert work.conn.scalar(select(func.count()).select_from(remote_access)) == 0


def refused(do: Callable[[], object]) -> RemoteTrouble:
    with pytest.raises(RemoteTrouble) as caught:
        do()
    return caught.value


def test_a_check_says_what_is_wrong(house: House) -> None:
    calendar_sync.check(house.engine, house.to, 1, "soto")
    house.mirror.faults = [TroubleKind.NOT_SHARED]
    trouble = refused(lambda: calendar_sync.check(house.engine, house.to, 1, "soto"))
    assert trouble.kind is TroubleKind.NOT_SHARED


def found_by_doctor(house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(clock, "now", lambda: house.at)
    door = SimpleNamespace(engine=house.engine)
    return [
        f"{one.level}: {said('en', one.template, one.values)}"
        for one in checkup.check_remote_calendars(door)  # type: ignore[arg-type]
    ]


def test_the_doctor_tells_what_is_not_in_step(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found_by_doctor(house, monkeypatch) == ["bad: the calendar soto of andes is not read: does `mirror` run?"]
    house.turn()
    assert found_by_doctor(house, monkeypatch) == ["ok: clients' own calendars are in step"]
    house.mirror.faults = [TroubleKind.UNAUTHORISED]
    house.turn()
    [line] = found_by_doctor(house, monkeypatch)
    assert line.startswith("bad: the calendar soto of andes is not in step: it fails; ")
    house.mirror.his["odd"] = "DTSTART:nonsense"
    house.turn()
    [line] = found_by_doctor(house, monkeypatch)
    assert line.startswith("warn: entries of soto of andes that nobody understands")
