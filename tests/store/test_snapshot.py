"""The office as it is read at once: complete, sorted, at one revision, and by few statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from acting import by_admin
from sqlalchemy import Connection, Engine, event, insert

from pbx_control.domain.call.model import Contact
from pbx_control.domain.office import Announcement, AnnouncementKind, Client, ClientState, Did, Holiday, Trunk
from pbx_control.domain.opening.holidays import of_client
from pbx_control.domain.opening.hours import parse_week
from pbx_control.services import carriers, clientele, closing_days, numbers, people, staff, texts
from pbx_control.store.engine import changing, reading
from pbx_control.store.snapshot import read_client, read_office
from pbx_control.store.tables import account_user, announcement, client, did, greeting, supervisor_telephone

NOON = datetime(2026, 11, 23, 15, tzinfo=UTC)
TODAY = date(2026, 11, 23)
MANY = 10_000


def test_empty_office_has_the_public_holidays(engine: Engine) -> None:
    with reading(engine) as connection:
        office = read_office(connection, TODAY)
    assert (office.revision, office.clients, office.dids) == (1, (), ())
    assert Holiday(date(2026, 12, 25), "Navidad") in office.holidays


def test_only_who_may_supervise_has_a_supervisors_telephone(engine: Engine) -> None:
    rows = [(1, "jefa", "supervisor", None), (2, "admin", "admin", None), (3, "ana", "secretary", None)]
    with changing(engine) as connection:
        for number, name, role, removed_at in [*rows, (4, "eva", "supervisor", NOON)]:
            values = {"id": number, "name": name, "role": role, "removed_at": removed_at}
            connection.execute(insert(account_user).values(values | {"password_hash": "x", "created_at": NOON}))
            telephone = {"user_id": number, "user": f"s-{name}", "password": "x"}
            connection.execute(insert(supervisor_telephone).values(telephone))
    with reading(engine) as connection:
        office = read_office(connection, TODAY)
    assert [one.user for one in office.supervisors] == ["s-admin", "s-jefa"]


def test_office_is_what_was_provisioned(engine: Engine) -> None:
    with changing(engine) as connection:
        trunk_id = carriers.add(
            by_admin(connection), Trunk(id=0, name="carrier", match=("127.0.0.2", "10.0.0.0/8"), register=False)
        )
        numbers.add(by_admin(connection), ["+56225550102", "+56225550101"], trunk_id)
        numbers.add(by_admin(connection), ["+56322555010"], None)
        zorro = clientele.add(
            by_admin(connection, NOON),
            "zorro",
            name="Zorro",
            recording=True,
            wait_limit=120,
            week="always",
            calls_out_at_once=5,
        )
        andes = clientele.add(by_admin(connection, NOON), "andes", name="Andes", music=False, takes_messages=False)
        clientele.suspend(by_admin(connection), "andes")
        numbers.assign(by_admin(connection, NOON), "+56225550101", zorro)
        texts.write_greeting(by_admin(connection, NOON), zorro, "viejo")
        texts.write_greeting(by_admin(connection, NOON), zorro, "nuevo")
        texts.put_announcement(by_admin(connection), zorro, AnnouncementKind.CLOSED, text="Cerrado")
        closing_days.add(by_admin(connection), date(2026, 12, 31), andes, "Balance")
        people.add_contact(by_admin(connection), zorro, "Rosa", "+56987654321", then_number="+56322555099", key=4)
        ana = staff.add(by_admin(connection), "Ana", languages=("en", "es"), client_ids=[zorro], secure=True)
    with reading(engine) as connection:
        office = read_office(connection, TODAY)
        alone = read_client(connection, "zorro", NOON)
    assert office.revision == 2
    assert office.trunks == (Trunk(id=trunk_id, name="carrier", match=("127.0.0.2", "10.0.0.0/8")),)
    assert office.dids == (
        Did("+56225550101", "carrier", zorro, main=True),
        Did("+56225550102", "carrier"),
        Did("+56322555010", ""),
    )
    assert office.clients == (
        Client(
            id=andes,
            slug="andes",
            name="Andes",
            state=ClientState.SUSPENDED,
            week=parse_week(["mon-fri 09:00-13:00 14:00-18:00"]),
            music=False,
            takes_messages=False,
            after_call=timedelta(minutes=2),
        ),
        Client(
            id=zorro,
            slug="zorro",
            name="Zorro",
            week=parse_week(["always"]),
            recording=True,
            wait_limit=timedelta(seconds=120),
            greeting="nuevo",
            announcements=(Announcement(AnnouncementKind.CLOSED, "Cerrado"),),
            contacts=(Contact(1, "Rosa", ("+56987654321", "+56322555099"), 4),),
            calls_out_at_once=5,
            after_call=timedelta(minutes=2),
        ),
    )
    assert alone == office.clients[1]
    [secretary] = office.secretaries
    assert (secretary.user, secretary.password, secretary.languages) == (ana.user, ana.password, ("en", "es"))
    assert (secretary.clients, secretary.secure) == (frozenset({zorro}), True)
    assert date(2026, 12, 31) in of_client(office.holidays, andes, office.clients[0].week)


def test_secretary_who_left_is_not_in_the_office(engine: Engine) -> None:
    with changing(engine) as connection:
        staff.add(by_admin(connection), "Ana", languages=("es",), client_ids=None)
        staff.remove(by_admin(connection, NOON), "Ana")
    with reading(engine) as connection:
        assert read_office(connection, TODAY).secretaries == ()


@contextmanager
def statements(connection: Connection) -> Iterator[list[str]]:
    """Collects what the store is asked within the block."""
    asked: list[str] = []

    def note(*details: object) -> None:
        asked.append(str(details[2]))

    event.listen(connection, "before_cursor_execute", note)
    yield asked
    event.remove(connection, "before_cursor_execute", note)


def test_ten_thousand_clients_are_read_by_as_many_statements_as_none(engine: Engine) -> None:
    with reading(engine) as connection, statements(connection) as few:
        read_office(connection, TODAY)
    week = "mon-fri 09:00-13:00 14:00-18:00"
    numbers = range(1, MANY + 1)
    with changing(engine) as connection:
        fields = {"week": week, "created_at": NOON}
        connection.execute(
            insert(client), [{"id": n, "slug": f"c{n:05}", "name": f"Client {n}"} | fields for n in numbers]
        )
        numbered = [
            {"number": f"+5622{n:07}", "client_id": n, "country": "CL", "area": "2", "main": True} for n in numbers
        ]
        connection.execute(insert(did), numbered)
        connection.execute(insert(greeting), [{"client_id": n, "text": f"Hola {n}", "since": NOON} for n in numbers])
        own = [{"client_id": n, "kind": "closed", "text": f"Cerrado {n}", "audio": ""} for n in numbers]
        connection.execute(insert(announcement), own)
    with reading(engine) as connection, statements(connection) as asked:
        office = read_office(connection, TODAY)
    assert (len(office.clients), len(office.dids)) == (MANY, MANY)
    assert office.clients[-1].greeting == f"Hola {MANY}"
    assert asked == few
