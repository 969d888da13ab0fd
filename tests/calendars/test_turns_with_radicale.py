"""A calendar's turn, with a real Radicale: what the client did there is read before anything of ours is told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import icalendar
import pytest
from acting import ADMIN, HOUSE
from caldav_servers import PASSWORD, USER, Server
from running_out import add_client
from sqlalchemy import Engine, insert

from pbx_control.calendars.remote import Changes, Remote
from pbx_control.domain.agenda.appointments import Appointment
from pbx_control.domain.agenda.clashes import ClashKind
from pbx_control.domain.agenda.mirrored import Mirrored, caldav_name
from pbx_control.domain.agenda.rules import Kind, Source
from pbx_control.services import appointments, calendar_sync, calendars, tasks
from pbx_control.services.appointments import Order
from pbx_control.services.work import booking
from pbx_control.settings import Agenda
from pbx_control.store import agenda, caller_data, callers, remotes
from pbx_control.store.engine import reading, writing
from pbx_control.store.remotes import Access
from pbx_control.store.tables import secretary

TEN = (datetime.now(UTC) + timedelta(days=3)).replace(hour=13, minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)
HIS_NUMBER = "+56981234567"


@dataclass
class Office:
    """A client with one calendar, mirrored at `url`."""

    engine: Engine
    server: Server
    url: str
    connections: calendar_sync.Connections

    def book(self, starts: datetime = TEN, number: str = HIS_NUMBER) -> Appointment:
        with booking(self.engine, ADMIN, datetime.now(UTC)) as work:
            order = Order(client_id=1, calendar="soto", starts=starts, name="Ana Rojas", number=number)
            return appointments.book(work, order, house=HOUSE)

    def told(self) -> Appointment:
        """One that stands there, as is known here."""
        one = self.book()
        self.turn()
        self.turn()
        return one

    def connect(self, url: str, user: str = USER) -> None:
        with booking(self.engine, ADMIN, datetime.now(UTC)) as work:
            access = Access(source=Source.CALDAV, address=url, user=user, secret=PASSWORD)
            calendar_sync.connect(work, 1, "soto", access)
        self.url = url

    def cancel(self, one: Appointment) -> None:
        with booking(self.engine, ADMIN, datetime.now(UTC)) as work:
            appointments.cancel(work, 1, one.id, house=HOUSE)

    def move(self, one: Appointment, to: datetime) -> None:
        with booking(self.engine, ADMIN, datetime.now(UTC)) as work:
            appointments.move(work, 1, one.id, to, house=HOUSE)

    def note(self, one: Appointment, text: str) -> None:
        with booking(self.engine, ADMIN, datetime.now(UTC)) as work:
            appointments.change(work, 1, one.id, note=text, house=HOUSE)

    def turn(self, to: Callable[[Access, float], Remote] | None = None) -> calendar_sync.Turn | None:
        turn = calendar_sync.take_turn(self.engine, to or self.connections.to, 1)
        calendar_sync.keep(self.engine, [turn] if turn else [])
        return turn

    def there(self, one: Appointment) -> icalendar.Event:
        answer = self.server.client.get(f"{self.url}{caldav_name(one.uid)}")
        answer.raise_for_status()
        [found] = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
        assert isinstance(found, icalendar.Event)
        return found

    def is_there(self, one: Appointment) -> bool:
        return self.server.client.get(f"{self.url}{caldav_name(one.uid)}").status_code == 200

    def he_changes(self, one: Appointment, change: Callable[[str], str]) -> None:
        place = f"{self.url}{caldav_name(one.uid)}"
        text = self.server.client.get(place).text
        assert change(text) != text
        self.server.client.put(
            place, content=change(text).encode(), headers={"Content-Type": "text/calendar"}
        ).raise_for_status()

    def he_moves(self, one: Appointment) -> None:
        """Two hours later; his program raises the event's SEQUENCE."""
        self.he_changes(one, lambda text: text.replace("T13", "T15").replace("\nSEQUENCE:0", "\nSEQUENCE:4"))

    def he_deletes(self, one: Appointment) -> None:
        self.server.client.delete(f"{self.url}{caldav_name(one.uid)}").raise_for_status()

    def is_waiting(self, one: Appointment) -> bool:
        with reading(self.engine) as conn:
            return agenda.mirror_of(conn, one.id).due_at is not None

    def tasks(self) -> list[ClashKind]:
        with reading(self.engine) as conn:
            return [one.kind for one in tasks.about_appointments(conn, 1, datetime.now(UTC))]

    def she_settles(self) -> None:
        with writing(self.engine) as conn:
            for one in tasks.about_appointments(conn, 1, datetime.now(UTC)):
                tasks.appointment_settled(conn, one.id, 1, datetime.now(UTC))


@pytest.fixture
def office(engine: Engine, radicale: Server) -> Iterator[Office]:
    url = radicale.calendar()
    add_client(engine, 1, "andes")
    with booking(engine, ADMIN, datetime.now(UTC)) as work:
        calendars.add(work, 1, "soto", "Dra. Soto", [Kind(0, "Consulta", 30)], week="always", zone="UTC")
        calendar_sync.connect(work, 1, "soto", Access(source=Source.CALDAV, address=url, user=USER, secret=PASSWORD))
    with writing(engine) as conn:
        conn.execute(insert(secretary).values(id=1, name="ana", user="ana", password="x", all_clients=True))
    connections = calendar_sync.Connections(Agenda(private_networks=["127.0.0.0/8"]))
    yield Office(engine, radicale, url, connections)
    connections.close()


def erase(engine: Engine) -> None:
    with writing(engine) as conn:
        whose = callers.whose(callers.calls_of(conn, HIS_NUMBER), HIS_NUMBER)
        [part] = [part for part in caller_data.PARTS if part.name == "appointments"]
        assert part.erase
        assert part.erase(conn, whose) == 1


def test_who_is_erased_while_his_cancellation_is_told_is_nobody_there_too(office: Office) -> None:
    one = office.told()
    office.cancel(one)

    def to(access: Access, limit: float = 60.0) -> Remote:
        remote = office.connections.to(access, limit)
        real = remote.put

        def put(mirrored: Mirrored) -> None:
            real(mirrored)
            erase(office.engine)

        remote.put = put  # type: ignore[method-assign]
        return remote

    office.turn(to)
    office.turn()
    there = office.there(one).to_ical().decode()
    assert "Ana" not in there
    assert "8123" not in there
    assert not office.is_waiting(one)


# --- the client's change comes first ----------------------------------------------------------------------------


def test_what_he_moved_right_before_a_note_of_ours_is_a_task_and_stays_until_it_is_settled(office: Office) -> None:
    one = office.told()
    office.he_moves(one)
    office.note(one, "trae exámenes")
    office.turn()
    office.turn()
    assert office.tasks() == [ClashKind.MOVED]
    assert office.there(one)["DTSTART"].dt == TEN + 2 * HOUR
    assert office.is_waiting(one)
    with reading(office.engine) as conn:
        assert remotes.due(conn, datetime.now(UTC), 10) == []  # it does not ask again and again meanwhile
    office.she_settles()
    with reading(office.engine) as conn:
        assert remotes.due(conn, datetime.now(UTC), 10) == [1]
    office.turn()
    office.turn()
    there = office.there(one)
    assert there["DTSTART"].dt == TEN
    assert "exámenes" in there["DESCRIPTION"]
    assert office.tasks() == []


def test_what_he_deleted_right_before_a_note_of_ours_is_a_task_and_does_not_come_back(office: Office) -> None:
    one = office.told()
    office.he_deletes(one)
    office.note(one, "trae exámenes")
    office.turn()
    office.turn()
    assert office.tasks() == [ClashKind.DELETED]
    assert not office.is_there(one)


def test_a_note_settles_no_task(office: Office) -> None:
    one = office.told()
    office.he_moves(one)
    office.turn()
    office.note(one, "trae exámenes")
    office.turn()
    office.turn()
    assert office.tasks() == [ClashKind.MOVED]
    assert office.there(one)["DTSTART"].dt == TEN + 2 * HOUR


def test_when_he_moves_it_back_the_note_is_told(office: Office) -> None:
    one = office.told()
    office.he_moves(one)
    office.note(one, "trae exámenes")
    office.turn()
    office.he_changes(one, lambda text: text.replace("T15", "T13"))
    office.turn()
    assert office.tasks() == []
    assert "exámenes" in office.there(one)["DESCRIPTION"]


@pytest.mark.parametrize("act", ["new time", "cancellation"])
@pytest.mark.parametrize("his", ["moved", "deleted"])
def test_a_new_time_or_a_cancellation_of_ours_is_told_and_settles_it(office: Office, act: str, his: str) -> None:
    one = office.told()
    office.he_moves(one) if his == "moved" else office.he_deletes(one)
    office.turn()
    assert len(office.tasks()) == 1
    office.move(one, TEN + 5 * HOUR) if act == "new time" else office.cancel(one)
    office.turn()
    assert office.tasks() == []
    there = office.there(one)
    assert (there["COLOR"], there["DTSTART"].dt) == (
        ("green", TEN + 5 * HOUR) if act == "new time" else ("red", TEN)
    )
    office.turn()
    assert office.tasks() == []


def test_what_he_sets_to_cancelled_is_a_task_and_what_he_sets_back_is_none(office: Office) -> None:
    one = office.told()
    office.he_changes(one, lambda text: text.replace("STATUS:CONFIRMED", "STATUS:CANCELLED"))
    office.note(one, "trae exámenes")
    office.turn()
    office.turn()
    assert office.tasks() == [ClashKind.DELETED]
    assert office.there(one)["STATUS"] == "CANCELLED"
    office.he_changes(one, lambda text: text.replace("STATUS:CANCELLED", "STATUS:CONFIRMED"))
    office.turn()
    assert office.tasks() == []
    assert "exámenes" in office.there(one)["DESCRIPTION"]


# --- another calendar -------------------------------------------------------------------------------------------


def test_what_was_read_of_another_calendar_is_not_kept_for_the_new_one(office: Office) -> None:
    old, new = office.url, office.server.calendar()
    for url, uid, hours in ((old, "old", 0), (new, "new", 4)):
        starts, ends = TEN + hours * HOUR, TEN + (hours + 1) * HOUR
        his = (
            f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n"
            f"DTSTART:{starts:%Y%m%dT%H%M%SZ}\r\nDTEND:{ends:%Y%m%dT%H%M%SZ}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
        office.server.client.put(
            f"{url}{uid}.ics", content=his, headers={"Content-Type": "text/calendar"}
        ).raise_for_status()

    def to(access: Access, limit: float = 60.0) -> Remote:
        remote = office.connections.to(access, limit)
        real = remote.changes

        def changes(token: str) -> Changes:
            found = real(token)
            office.connect(new)
            return found

        remote.changes = changes  # type: ignore[method-assign]
        return remote

    assert office.turn(to) is None
    with reading(office.engine) as conn:
        assert remotes.busy_of(conn, 1) == set()
        assert remotes.state_of(conn, 1) == remotes.State()
    office.turn()
    with reading(office.engine) as conn:
        assert [one.starts for one in remotes.busy_of(conn, 1)] == [TEN + 4 * HOUR]


def test_the_state_of_another_calendar_is_not_kept_for_the_new_one(office: Office) -> None:
    turn = calendar_sync.take_turn(office.engine, office.connections.to, 1)
    assert turn
    assert turn.state.token
    office.connect(office.server.calendar())
    calendar_sync.keep(office.engine, [turn])
    with reading(office.engine) as conn:
        assert remotes.state_of(conn, 1) == remotes.State()


def test_what_stood_in_another_calendar_is_no_task_in_the_new_one(office: Office) -> None:
    one = office.told()
    office.connect(office.server.calendar())
    office.turn()
    assert office.is_there(one)
    office.turn()
    assert office.tasks() == []


def test_a_new_password_of_the_same_calendar_overwrites_nothing_unseen(office: Office) -> None:
    one = office.told()
    office.he_moves(one)
    office.connect(office.url, user=f"{USER}2")
    office.connect(office.url)
    office.turn()
    assert office.tasks() == [ClashKind.MOVED]
    assert office.there(one)["DTSTART"].dt == TEN + 2 * HOUR
