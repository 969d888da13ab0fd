"""What is provisioned: kept whole or not at all, on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from acting import by_admin
from sqlalchemy import Connection, Engine, func, insert, select

from pbx_control.domain.office import AnnouncementKind, Trunk
from pbx_control.errors import ClientMistake
from pbx_control.services import carriers, clientele, closing_days, numbers, people, staff, texts
from pbx_control.store import (
    announcements,
    clients,
    contacts,
    dids,
    greetings,
    holidays,
    recipients,
    secretaries,
    trunks,
)
from pbx_control.store.announcements import Own
from pbx_control.store.clients import Surroundings
from pbx_control.store.engine import changing, reading
from pbx_control.store.snapshot import read_revision
from pbx_control.store.tables import call, did, seat_claim, secretary

NOON = datetime(2026, 11, 23, 15, tzinfo=UTC)
CARRIER = Trunk(id=0, name="carrier", match=("127.0.0.2",))
NUMBERS = ["+56225550101", "+56225550102", "+56322555010"]


@pytest.fixture
def office(engine: Engine) -> Engine:
    """A trunk with three numbers and two clients, of which andes has the first number."""
    with changing(engine) as connection:
        numbers.add(by_admin(connection), NUMBERS, carriers.add(by_admin(connection), CARRIER))
        andes = clientele.add(by_admin(connection, NOON), "andes", name="Andes Ltda")
        clientele.add(by_admin(connection, NOON), "lagos", name="Lagos SpA", language="en")
        numbers.assign(by_admin(connection, NOON), NUMBERS[0], andes)
    return engine


def client_id(connection: Connection, slug: str = "andes") -> int:
    return int(clients.find(connection, slug).id)


def free(engine: Engine, at: datetime = NOON, **only: str) -> list[str]:
    with reading(engine) as connection:
        return [row.number for row in dids.rows(connection, at, free=True, **only)]


def test_each_change_counts_as_a_revision(office: Engine) -> None:
    with reading(office) as connection:
        before = read_revision(connection)
    with changing(office) as connection:
        clientele.suspend(by_admin(connection), "andes")
    with reading(office) as connection:
        assert read_revision(connection) == before + 1


def test_refused_change_leaves_nothing_and_counts_nothing(office: Engine) -> None:
    with reading(office) as connection:
        before = read_revision(connection)

    def act(connection: Connection) -> None:
        clientele.change(by_admin(connection), "andes", name="Otro")
        clientele.change(by_admin(connection), "nobody", name="Otro")

    with pytest.raises(ClientMistake), changing(office) as connection:
        act(connection)
    with reading(office) as connection:
        assert read_revision(connection) == before
        assert clients.find(connection, "andes").name == "Andes Ltda"


def test_changes_come_one_after_the_other(office: Engine) -> None:
    """Two admins give the same number away: the second waits for the first, sees what it did, and is refused."""

    def assign_too() -> None:
        with changing(office) as connection:
            numbers.assign(by_admin(connection, NOON), NUMBERS[1], client_id(connection, "lagos"))

    with ThreadPoolExecutor(1) as other:
        with changing(office) as connection:
            second = other.submit(assign_too)
            numbers.assign(by_admin(connection, NOON), NUMBERS[1], client_id(connection))
        with pytest.raises(ClientMistake, match="belongs to the client andes"):
            second.result(timeout=10)


def test_reader_sees_one_state_while_others_write(office: Engine) -> None:
    with reading(office) as reader:
        assert clients.find(reader, "andes").name == "Andes Ltda"
        with changing(office) as connection:
            clientele.change(by_admin(connection), "andes", name="Otro")
        assert clients.find(reader, "andes").name == "Andes Ltda"
    with reading(office) as reader:
        assert clients.find(reader, "andes").name == "Otro"


# --- clients ------------------------------------------------------------------------------------------------


def test_unknown_client_is_told_with_slugs_that_look_alike(office: Engine) -> None:
    with reading(office) as connection, pytest.raises(ClientMistake, match="did you mean andes"):
        clients.find(connection, "ande")


def test_slug_is_taken_once(office: Engine) -> None:
    with pytest.raises(ClientMistake, match="already"), changing(office) as connection:
        clientele.add(by_admin(connection, NOON), "andes", name="Otra")


@pytest.mark.parametrize(
    "fields",
    [{"name": "a\nb"}, {"language": "fr"}, {"timezone": "Mars/Phobos"}, {"rut": "1-1"}, {"week": "mon 25:00"}, {}],
)
def test_field_that_makes_no_sense_is_refused(office: Engine, fields: dict[str, str]) -> None:
    with pytest.raises(ClientMistake), changing(office) as connection:
        clientele.change(by_admin(connection), "andes", **fields)


def test_client_is_suspended_resumed_and_cancelled(office: Engine) -> None:
    def state() -> str:
        with reading(office) as connection:
            return str(clients.find(connection, "andes").state)

    with changing(office) as connection:
        clientele.suspend(by_admin(connection), "andes")
    assert state() == "suspended"
    with changing(office) as connection:
        clientele.resume(by_admin(connection), "andes")
    assert state() == "active"
    with pytest.raises(ClientMistake, match="active"), changing(office) as connection:
        clientele.resume(by_admin(connection), "andes")
    with changing(office) as connection:
        assert clientele.cancel(by_admin(connection, NOON), "andes") == [NUMBERS[0]]
    assert state() == "cancelled"
    with pytest.raises(ClientMistake, match="cancelled"), changing(office) as connection:
        clientele.suspend(by_admin(connection), "andes")


def test_cancelled_client_gets_no_number(office: Engine) -> None:
    with changing(office) as connection:
        clientele.cancel(by_admin(connection, NOON), "andes")
    with pytest.raises(ClientMistake, match="the client andes has cancelled"), changing(office) as connection:
        numbers.assign(by_admin(connection, NOON), NUMBERS[1], client_id(connection))


def test_details_tell_what_hangs_on_a_client(office: Engine) -> None:
    with changing(office) as connection:
        people.add_recipient(by_admin(connection), client_id(connection), "email", "ventas@andes.cl")
        people.add_contact(by_admin(connection), client_id(connection), "Rosa", "+56987654321")
    with reading(office) as connection:
        andes = clients.find(connection, "andes")
        around = clients.surroundings(connection, andes.id)
    assert around == Surroundings([NUMBERS[0]], ["ventas@andes.cl"], ["Rosa"], None, [], 0)
    assert andes.created_at == NOON


# --- numbers ------------------------------------------------------------------------------------------------


def test_free_numbers_of_an_area(office: Engine) -> None:
    assert free(office) == NUMBERS[1:]
    assert free(office, area="2") == [NUMBERS[1]]
    assert free(office, area="032") == [NUMBERS[2]]
    assert free(office, country="pe") == []


@pytest.mark.parametrize(
    ("added", "why"),
    [
        (["+56225550111", "+56225550101"], "already"),
        (["+56225550111", "+56 2 2555 0111"], "twice"),
        (["+56225550111", "22555"], "no telephone number"),
    ],
)
def test_numbers_are_added_all_or_none(office: Engine, added: list[str], why: str) -> None:
    with pytest.raises(ClientMistake, match=why), changing(office) as connection:
        numbers.add(by_admin(connection), added, None)
    with reading(office) as connection:
        assert dids.numbers(connection) == sorted(NUMBERS)


def test_first_number_is_the_main_one_until_another_is_made_it(office: Engine) -> None:
    with changing(office) as connection:
        numbers.assign(by_admin(connection, NOON), NUMBERS[1], client_id(connection))
        assert dids.of_client(connection, client_id(connection)) == NUMBERS[:2]
        numbers.assign(by_admin(connection, NOON), NUMBERS[1], client_id(connection), main=True)
        assert dids.of_client(connection, client_id(connection))[0] == NUMBERS[1]


def test_number_of_another_client_is_not_given_away(office: Engine) -> None:
    with pytest.raises(ClientMistake, match="belongs to the client andes"), changing(office) as connection:
        numbers.assign(by_admin(connection, NOON), NUMBERS[0], client_id(connection, "lagos"))


def test_released_number_rests_for_thirty_days(office: Engine) -> None:
    with changing(office) as connection:
        assert numbers.release(by_admin(connection, NOON), NUMBERS[0]) == NOON + timedelta(days=30)
    assert NUMBERS[0] not in free(office)
    assert NUMBERS[0] in free(office, NOON + timedelta(days=30))
    with pytest.raises(ClientMistake, match="rests"), changing(office) as connection:
        numbers.assign(by_admin(connection, NOON), NUMBERS[0], client_id(connection, "lagos"))
    with changing(office) as connection:
        numbers.assign(by_admin(connection, NOON), NUMBERS[0], client_id(connection, "lagos"), resting=True)
    with reading(office) as connection:
        assert dids.of_client(connection, client_id(connection, "lagos")) == [NUMBERS[0]]


def test_oldest_number_takes_the_place_of_a_released_main_one(office: Engine) -> None:
    with changing(office) as connection:
        numbers.assign(by_admin(connection, NOON + timedelta(days=1)), NUMBERS[2], client_id(connection))
        numbers.assign(by_admin(connection, NOON + timedelta(days=2)), NUMBERS[1], client_id(connection))
        numbers.release(by_admin(connection, NOON), NUMBERS[0])
        assert dids.of_client(connection, client_id(connection))[0] == NUMBERS[2]


def test_number_goes_back_to_its_carrier_only_when_it_is_free(office: Engine) -> None:
    with pytest.raises(ClientMistake, match="release"), changing(office) as connection:
        numbers.remove(by_admin(connection), NUMBERS[0])
    with changing(office) as connection:
        numbers.remove(by_admin(connection), NUMBERS[1])
    with pytest.raises(ClientMistake, match="not one of our numbers"), reading(office) as connection:
        dids.find(connection, NUMBERS[1])


# --- trunks -------------------------------------------------------------------------------------------------


def test_trunk_by_which_numbers_come_in_is_not_removed(office: Engine) -> None:
    with pytest.raises(ClientMistake, match="3 numbers"), changing(office) as connection:
        carriers.remove(by_admin(connection), "carrier")
    with changing(office) as connection:
        connection.execute(did.update().values(trunk_id=None))
    with pytest.raises(ClientMistake, match="the only trunk, and 3 numbers"), changing(office) as connection:
        carriers.remove(by_admin(connection), "carrier")
    with changing(office) as connection:
        connection.execute(did.delete())
        carriers.remove(by_admin(connection), "carrier")
    with reading(office) as connection:
        assert trunks.rows(connection) == []


def test_address_belongs_to_one_trunk(office: Engine) -> None:
    with pytest.raises(ClientMistake, match="belongs to the trunk carrier"), changing(office) as connection:
        carriers.add(by_admin(connection), Trunk(id=0, name="other", match=("10.0.0.1", "127.0.0.2")))


@pytest.mark.parametrize(
    "trunk",
    [
        Trunk(id=0, name="carrier", match=("10.0.0.1",)),
        Trunk(id=0, name="Carrier;", match=("10.0.0.1",)),
        Trunk(id=0, name="other", match=()),
        Trunk(id=0, name="other", match=("0.0.0.0/0",)),
        Trunk(id=0, name="other", match=("10.0.0.1",), register=True),
        Trunk(id=0, name="other", match=("10.0.0.1",), codecs=("opus",)),
        Trunk(id=0, name="other", match=("10.0.0.1",), password="a\nb"),
        Trunk(id=0, name="other", match=("10.0.0.1",), country="XX"),
    ],
)
def test_trunk_that_makes_no_sense_is_refused(office: Engine, trunk: Trunk) -> None:
    with pytest.raises(ClientMistake), changing(office) as connection:
        carriers.add(by_admin(connection), trunk)


def test_list_of_trunks_shows_no_password(office: Engine) -> None:
    with changing(office) as connection:
        carriers.add(by_admin(connection), Trunk(id=0, name="other", match=("10.0.0.1",), user="u", password="hidden"))
    with reading(office) as connection:
        rows = trunks.rows(connection)
    assert "hidden" not in str(rows)
    assert [(row.name, row.numbers) for row in rows] == [("carrier", 3), ("other", 0)]


# --- secretaries --------------------------------------------------------------------------------------------


def test_account_cannot_be_guessed_and_is_no_number(office: Engine) -> None:
    with changing(office) as connection:
        made = [
            staff.add(by_admin(connection), name, languages=("es",), client_ids=None)
            for name in ("Ana Rojas", "Ána Soto", "李", "123")
        ]
    assert all(len(account.password) >= 20 for account in made)
    assert len({account.password for account in made}) == 4
    assert [account.user.partition("-")[0] for account in made] == ["ana", "ana", "sec", "sec"]
    assert not any(account.user.isdecimal() for account in made)


def test_secretary_answers_for_the_clients_she_was_given(office: Engine) -> None:
    with changing(office) as connection:
        staff.add(by_admin(connection), "Ana", languages=("es", "en"), client_ids=clients.ids(connection, ["lagos"]))
    with reading(office) as connection:
        assert secretaries.rows(connection)[0].clients == ["lagos"]
    with changing(office) as connection:
        staff.allow(by_admin(connection), "Ana", None)
    with reading(office) as connection:
        assert secretaries.rows(connection)[0].clients is None


def test_her_password_is_made_anew(office: Engine) -> None:
    with changing(office) as connection:
        first = staff.add(by_admin(connection), "Ana", languages=("es",), client_ids=None)
        second = staff.reset_password(by_admin(connection), first.user)
    assert second.user == first.user
    assert second.password != first.password


def test_secretary_who_left_keeps_her_calls_and_frees_her_name(office: Engine) -> None:
    with changing(office) as connection:
        account = staff.add(by_admin(connection), "Ana", languages=("es",), client_ids=[client_id(connection)])
        her_id = secretaries.find(connection, "Ana").id
        connection.execute(insert(call).values(_call(her_id)))
        staff.remove(by_admin(connection, NOON), "Ana")
        assert staff.add(by_admin(connection), "Ana", languages=("es",), client_ids=None).user != account.user
    with reading(office) as connection:
        assert connection.scalar(select(call.c.secretary_id)) == her_id
        assert [row.name for row in secretaries.rows(connection)] == ["Ana"]
        assert connection.scalar(select(func.count()).select_from(secretary)) == 2


def test_secretary_in_a_call_is_not_removed(office: Engine) -> None:
    with changing(office) as connection:
        staff.add(by_admin(connection), "Ana", languages=("es",), client_ids=None)
        connection.execute(insert(call).values(_call(None)))
        connection.execute(
            insert(seat_claim).values(secretary_id=secretaries.find(connection, "Ana").id, call_id="pbx-1.1")
        )
    with pytest.raises(ClientMistake, match="in a call"), changing(office) as connection:
        staff.remove(by_admin(connection, NOON), "Ana")


def test_name_of_a_secretary_is_taken_once(office: Engine) -> None:
    with changing(office) as connection:
        staff.add(by_admin(connection), "Ana", languages=("es",), client_ids=None)
    with pytest.raises(ClientMistake, match="already"), changing(office) as connection:
        staff.add(by_admin(connection), "  Ana ", languages=("es",), client_ids=None)


def _call(secretary_id: int | None) -> dict[str, object]:
    fields = {"did": NUMBERS[0], "caller": "", "phase": "ended", "arrived_at": NOON}
    return {"id": "pbx-1.1", "secretary_id": secretary_id} | fields


# --- contacts, recipients, texts, holidays ------------------------------------------------------------------


def test_contacts_get_the_lowest_free_key(office: Engine) -> None:
    with changing(office) as connection:
        andes = client_id(connection)
        assert people.add_contact(by_admin(connection), andes, "Dos", "+56987654321", key=2) == 2
        keys = [people.add_contact(by_admin(connection), andes, f"C{number}", "+56987654321") for number in range(6)]
        assert keys == [1, 3, 4, 5, 6, None]
        assert people.add_contact(by_admin(connection), client_id(connection, "lagos"), "Dos", "+56987654321") == 1
    with reading(office) as connection:
        assert [row.key for row in contacts.rows(connection, andes)] == [1, 2, 3, 4, 5, 6, None]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"name": "Rosa"}, "already"),
        ({"key": 1}, "key 1"),
        ({"number": "+566006000101"}, "neither"),
        ({"then_number": "+881612345678"}, "only to Chile"),
        ({"department": "a\nb"}, "department holds"),
    ],
)
def test_contact_that_makes_no_sense_is_refused(office: Engine, changed: dict[str, object], why: str) -> None:
    with changing(office) as connection:
        people.add_contact(by_admin(connection), client_id(connection), "Rosa", "+56987654321")
    wanted = {"name": "Luis", "number": "+56987654321"} | changed
    with pytest.raises(ClientMistake, match=why), changing(office) as connection:
        people.add_contact(by_admin(connection), client_id(connection), **wanted)


@pytest.mark.parametrize("which", ["number", "then_number"])
def test_a_number_of_ours_is_nobodys_contact(office: Engine, which: str) -> None:
    called = {"number": "+56987654321"} | {which: "+56225550149"}
    with changing(office) as connection:
        numbers.add(by_admin(connection), ["+56225550149"], None)
    with pytest.raises(ClientMistake, match="a number of ours"), changing(office) as connection:
        people.add_contact(by_admin(connection), client_id(connection), "Rosa", **called)
    with reading(office) as connection:
        assert contacts.rows(connection) == []


@pytest.mark.parametrize("which", ["number", "then_number"])
def test_a_contacts_number_does_not_become_ours(office: Engine, which: str) -> None:
    called = {"number": "+56987654321"} | {which: "+56225550149"}
    with changing(office) as connection:
        people.add_contact(by_admin(connection), client_id(connection), "Rosa", **called)
    with pytest.raises(ClientMistake, match="Rosa, a contact of andes"), changing(office) as connection:
        numbers.add(by_admin(connection), ["+56225550148", "+56225550149"], None)


def test_contact_and_recipient_are_taken_away_by_name(office: Engine) -> None:
    with changing(office) as connection:
        andes = client_id(connection)
        people.add_contact(by_admin(connection), andes, "Rosa", "+56987654321")
        people.add_recipient(by_admin(connection), andes, "telegram", "-100123")
        people.remove_contact(by_admin(connection), andes, "Rosa")
        people.remove_recipient(by_admin(connection), andes, "-100123")
        assert (contacts.rows(connection), recipients.rows(connection)) == ([], [])
    with pytest.raises(ClientMistake, match="no contact"), changing(office) as connection:
        people.remove_contact(by_admin(connection), andes, "Rosa")
    with pytest.raises(ClientMistake, match="no recipient"), changing(office) as connection:
        people.remove_recipient(by_admin(connection), andes, "-100123")


@pytest.mark.parametrize("again", ["ventas@ñandú.cl", "VENTAS@ÑANDÚ.CL", "ventas@xn--and-6ma2c.cl"])
def test_recipient_is_there_once_however_it_is_written(office: Engine, again: str) -> None:
    with changing(office) as connection:
        people.add_recipient(by_admin(connection), client_id(connection), "email", "Ventas@ñandú.cl")
    with (
        pytest.raises(ClientMistake, match="is a recipient of this client already"),
        changing(office) as connection,
    ):
        people.add_recipient(by_admin(connection), client_id(connection), "email", again)
    with changing(office) as connection:
        people.remove_recipient(by_admin(connection), client_id(connection), again)
        assert recipients.rows(connection) == []


def test_greeting_is_never_overwritten_and_can_be_rolled_back(office: Engine) -> None:
    with changing(office) as connection:
        andes = client_id(connection)
        texts.write_greeting(by_admin(connection, NOON), andes, "uno {secretary}", "gerencia@andes.cl")
        texts.write_greeting(by_admin(connection, NOON), andes, "dos")
        assert texts.roll_back_greeting(by_admin(connection, NOON), andes) == "uno {secretary}"
        assert texts.roll_back_greeting(by_admin(connection, NOON), andes, version=2) == "dos"
        written = [row.text for row in greetings.history(connection, andes)]
    assert written == ["dos", "uno {secretary}", "dos", "uno {secretary}"]
    for version in (None, 9):
        with pytest.raises(ClientMistake, match="earlier greeting"), changing(office) as connection:
            texts.roll_back_greeting(by_admin(connection, NOON), client_id(connection, "lagos"), version)


def test_who_asked_for_the_greeting_in_force_is_kept_once(office: Engine) -> None:
    with changing(office) as connection:
        andes = client_id(connection)
        for asked_by in ("", "gerencia@andes.cl", "gerencia@andes.cl", ""):
            texts.write_greeting(by_admin(connection, NOON), andes, "uno", asked_by)
        texts.roll_back_greeting(by_admin(connection, NOON), andes, version=1)
        assert [row.asked_by for row in greetings.history(connection, andes)] == ["gerencia@andes.cl", ""]


def test_announcement_is_replaced_and_reset(office: Engine) -> None:
    with changing(office) as connection:
        andes = client_id(connection)
        texts.put_announcement(by_admin(connection), andes, AnnouncementKind.CLOSED, text="Cerrado. {hours}")
        texts.put_announcement(by_admin(connection), andes, AnnouncementKind.CLOSED, audio="audio/0123456789abcdef")
        own = announcements.find(connection, andes, AnnouncementKind.CLOSED)
        assert own == Own("closed", "", "audio/0123456789abcdef")
        assert texts.forget_announcement(by_admin(connection), andes, AnnouncementKind.CLOSED)
        assert not texts.forget_announcement(by_admin(connection), andes, AnnouncementKind.CLOSED)
    with pytest.raises(ClientMistake, match="not known"), changing(office) as connection:
        texts.put_announcement(by_admin(connection), andes, AnnouncementKind.CLOSED, text="{nobody}")


FIESTAS, OWN = date(2026, 9, 18), date(2026, 10, 2)


def test_holidays_are_added_and_removed_for_all_or_one(office: Engine) -> None:
    with changing(office) as connection:
        andes = client_id(connection)
        closing_days.add(by_admin(connection), OWN, None, "Feria")
        closing_days.remove(by_admin(connection), OWN, andes)  # andes works that day
        closing_days.remove(by_admin(connection), FIESTAS, None)  # nobody keeps it this year
        closing_days.add(by_admin(connection), FIESTAS, andes)  # but andes does
        rows = {(row.day, row.client): row.closed for row in holidays.rows(connection, 2026)}
    assert (rows[OWN, None], rows[OWN, "andes"], rows[FIESTAS, "andes"]) == (True, False, True)
    assert (FIESTAS, None) not in rows


def test_holiday_put_back_leaves_no_trace(office: Engine) -> None:
    with changing(office) as connection:
        closing_days.add(by_admin(connection), OWN, client_id(connection))
        closing_days.remove(by_admin(connection), OWN, client_id(connection))
        closing_days.add(by_admin(connection), OWN, None)
        closing_days.remove(by_admin(connection), OWN, None)
        assert holidays.changes(connection) == []
        closing_days.remove(by_admin(connection), FIESTAS, None)
        closing_days.add(by_admin(connection), FIESTAS, None)
        rows = [row for row in holidays.rows(connection, 2026) if row.day == FIESTAS]
    assert [row.closed for row in rows] == [True]


def test_holiday_that_is_one_already_or_none_is_refused(office: Engine) -> None:
    with pytest.raises(ClientMistake, match="public holiday already"), changing(office) as connection:
        closing_days.add(by_admin(connection), FIESTAS, None)
    with pytest.raises(ClientMistake, match="no holiday"), changing(office) as connection:
        closing_days.remove(by_admin(connection), OWN, None)
    with changing(office) as connection:
        closing_days.add(by_admin(connection), OWN, client_id(connection))
    with pytest.raises(ClientMistake, match="already"), changing(office) as connection:
        closing_days.add(by_admin(connection), OWN, client_id(connection))


def test_many_secretaries_of_one_first_name_get_users_of_their_own(
    office: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["ana-1a1a", "ana-1a1a", "ana-1a1a", "ana-2b2b"])
    monkeypatch.setattr(staff, "_user_name", lambda name: next(drawn))
    with changing(office) as connection:
        users = [
            staff.add(by_admin(connection), name, languages=("es",), client_ids=None).user
            for name in ("Ana S", "Ana R")
        ]
    assert users == ["ana-1a1a", "ana-2b2b"]
