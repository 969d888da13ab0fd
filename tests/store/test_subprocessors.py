"""Who else processes a client's data: by the facts and by the register; each change is told in one letter."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from acting import ADMIN, JOB
from running_out import People, add_client
from sqlalchemy import Engine, delete, insert, update

from pbx_control.domain.agenda.rules import Kind, Source
from pbx_control.domain.audit import Verb
from pbx_control.domain.keeping.subprocessors import Does, Subprocessor
from pbx_control.domain.notices.messages import Letter
from pbx_control.errors import ClientMistake
from pbx_control.services import calendars, subprocessors
from pbx_control.services.work import booking
from pbx_control.settings import Mail, MailIn, OfficeSettings, Settings, Telegram
from pbx_control.store import audit, letters, remotes
from pbx_control.store import subprocessors as register
from pbx_control.store.engine import reading, writing
from pbx_control.store.remotes import Access
from pbx_control.store.tables import account_user, client, did, recipient, telegram_account, trunk

OFFICE = OfficeSettings(name="Casa")
LOCAL = Settings(office=OFFICE)
RELAY = Settings(office=OFFICE, mail=Mail(host="smtp.relay.example"))
ALL = Settings(
    office=OFFICE,
    mail=Mail(host="smtp.relay.example"),
    mail_in=MailIn(host="imap.relay.example"),
    telegram=Telegram(token="1:x"),
)
NOW = datetime(2026, 12, 3, 15, tzinfo=UTC)
DAY = timedelta(days=1)
STORE = ("Bodega SpA", "guarda copias cifradas", "CL")


@pytest.fixture
def office(engine: Engine) -> Engine:
    add_client(engine)
    add_client(engine, 2, "lagos", name="Lagos Ltd", language="en")
    return engine


def names(engine: Engine, settings: Settings, client_id: int = 1) -> list[str]:
    with reading(engine) as conn:
        return [one.name for one in subprocessors.current(conn, settings, client_id)]


def has_numbers(engine: Engine, *numbers: tuple[str, int | None]) -> None:
    with writing(engine) as conn:
        for key, name in enumerate(("entel", "gtd"), start=1):
            conn.execute(insert(trunk).values(id=key, name=name, match="192.0.2.1"))
        for number, by in numbers:
            conn.execute(insert(did).values(number=number, trunk_id=by, client_id=1, country="CL", area="2"))


def add(engine: Engine, values: tuple[str, str, str] = STORE, client_id: int | None = None, at: datetime = NOW) -> bool:
    with booking(engine, ADMIN, at) as work:
        return subprocessors.add(work, LOCAL, *values, client_id=client_id)


def remove(engine: Engine, name: str, client_id: int | None = None, at: datetime = NOW) -> None:
    with booking(engine, ADMIN, at) as work:
        subprocessors.remove(work, LOCAL, name, client_id=client_id)


def tells(engine: Engine, settings: Settings = LOCAL, at: datetime = NOW) -> str:
    return str(subprocessors.tell_changes(engine, settings, JOB, at))


def outbox(engine: Engine) -> list[Letter]:
    with reading(engine) as conn:
        return [posted.letter for posted in reversed(letters.newest(conn))]


# --- who they are -------------------------------------------------------------------------------------------------


def test_a_mail_server_on_this_machine_is_nobody_else(office: Engine) -> None:
    for host in ("127.0.0.1", "localhost", "::1", ""):
        assert names(office, Settings(mail=Mail(host=host))) == []


def test_the_relay_is_one_for_whom_letters_go_by_mail(office: Engine) -> None:
    assert names(office, RELAY) == ["smtp.relay.example"]
    with writing(office) as conn:
        conn.execute(delete(recipient).where(recipient.c.client_id == 2, recipient.c.channel == "email"))
    assert names(office, RELAY, 2) == []


def test_google_is_one_for_who_has_a_calendar_there(office: Engine) -> None:
    with booking(office, ADMIN, NOW) as work:
        calendars.add(work, 1, "soto", "Dra. Soto", [Kind(0, "Consulta", 30)])
        calendar_id = calendars.get(work.conn, 1, "soto").id
    with writing(office) as conn:
        remotes.put_access(conn, calendar_id, Access(source=Source.GOOGLE, address="soto@gmail.example", secret="{}"))
    assert (names(office, LOCAL), names(office, LOCAL, 2)) == (["Google"], [])
    with writing(office) as conn:
        remotes.forget(conn, calendar_id)
    assert names(office, LOCAL) == []


def test_the_mailbox_that_clients_write_to_is_one(office: Engine) -> None:
    assert names(office, Settings(mail_in=MailIn(host="imap.relay.example"))) == ["imap.relay.example"]


def test_telegram_is_one_for_who_has_a_chat_or_a_connected_account(office: Engine) -> None:
    bot = Settings(telegram=Telegram(token="1:x"))
    assert names(office, bot) == ["Telegram"]
    assert names(office, LOCAL) == [], "without a bot nothing goes there"
    with writing(office) as conn:
        conn.execute(delete(recipient).where(recipient.c.channel == "telegram"))
    assert names(office, bot) == []
    with writing(office) as conn:
        user = {"id": 9, "name": "ana", "role": "client", "client_role": "owner", "client_id": 1, "password_hash": "x"}
        conn.execute(insert(account_user).values(user | {"created_at": NOW}))
        conn.execute(insert(telegram_account).values(user_id=9, telegram_id="42", bound_at=NOW))
    assert (names(office, bot), names(office, bot, 2)) == (["Telegram"], [])


def test_the_carriers_are_those_that_bring_its_numbers(office: Engine) -> None:
    has_numbers(office, ("+56225550101", 2))
    assert (names(office, LOCAL), names(office, LOCAL, 2)) == (["gtd"], [])


def test_a_number_that_any_carrier_may_bring_names_all(office: Engine) -> None:
    has_numbers(office, ("+56225550101", None))
    assert names(office, LOCAL) == ["entel", "gtd"]


def test_the_register_adds_others_for_all_or_for_one_client(office: Engine) -> None:
    add(office)
    add(office, ("Traductora", "traduce mensajes", "AR"), client_id=2)
    assert (names(office, LOCAL), names(office, LOCAL, 2)) == (["Bodega SpA"], ["Bodega SpA", "Traductora"])


def test_an_entry_of_the_same_name_completes_what_the_facts_say(office: Engine) -> None:
    add(office, ("TELEGRAM", "envía mensajes", "AE"))
    with reading(office) as conn:
        found = subprocessors.current(conn, ALL, 1)
    assert Subprocessor("Telegram", Does.TELEGRAM, "envía mensajes", "AE") in found
    assert [one.name for one in found] == ["imap.relay.example", "smtp.relay.example", "Telegram"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("", "p", "CL"), "name is empty"),
        (("n\n", "p", "CL"), "control character"),
        (("n", " ", "CL"), "purpose is empty"),
        (("n", "p", "XX"), "no country"),
        (("n" * 81, "p", "CL"), "name"),
    ],
)
def test_what_cannot_be_registered_is_refused(office: Engine, values: tuple[str, str, str], says: str) -> None:
    with pytest.raises(ClientMistake, match=says):
        add(office, values)


def test_what_is_there_already_is_not_added_twice_and_what_is_not_cannot_be_removed(office: Engine) -> None:
    assert add(office)
    assert not add(office)
    with reading(office) as conn:
        assert len(register.rows(conn)) == 1
    remove(office, "bodega spa")
    with pytest.raises(ClientMistake, match="no sub-processor"):
        remove(office, "Bodega SpA")


# --- told once ----------------------------------------------------------------------------------------------------


def test_a_new_one_is_told_to_each_client_in_its_language_once(office: Engine) -> None:
    add(office)
    assert outbox(office) == [], "not before the morning"
    assert tells(office, at=NOW + DAY) == "clients told of changed sub-processors: 2"
    spanish, english = outbox(office)
    assert (spanish.address, english.address) == (People.mail, People.mail)
    assert spanish.subject == "Clínica Andes: cambia quién más trata sus datos"
    assert "Nuevo: Bodega SpA: guarda copias cifradas (Chile)" in spanish.text
    assert "New: Bodega SpA: guarda copias cifradas (Chile)" in english.text
    assert tells(office) == "clients told of changed sub-processors: 0"
    assert len(outbox(office)) == 2


def test_one_that_is_gone_or_changed_is_told_too(office: Engine) -> None:
    add(office, client_id=1)
    tells(office)
    add(office, ("Bodega SpA", "guarda copias", "AR"), client_id=1, at=NOW + DAY)
    tells(office, at=NOW + DAY)
    remove(office, "Bodega SpA", 1, NOW + 2 * DAY)
    tells(office, at=NOW + 2 * DAY)
    _, changed, gone = outbox(office)
    assert "Cambió: Bodega SpA: guarda copias (Argentina)" in changed.text
    assert "Ya no: Bodega SpA" in gone.text


def test_back_and_forth_is_told_each_time(office: Engine) -> None:
    for day in range(3):
        add(office, client_id=1, at=NOW + 2 * day * DAY)
        tells(office, at=NOW + 2 * day * DAY)
        remove(office, "Bodega SpA", 1, NOW + (2 * day + 1) * DAY)
        tells(office, at=NOW + (2 * day + 1) * DAY)
    assert len(outbox(office)) == 6


def test_several_changes_of_a_day_are_told_in_one_letter(office: Engine) -> None:
    add(office, client_id=1)
    add(office, ("Traductora", "traduce mensajes", "AR"), client_id=1)
    add(office, ("Error", "un error", "AR"), client_id=1)
    remove(office, "Error", 1)
    tells(office, at=NOW + DAY)
    (letter,) = outbox(office)
    assert "Nuevo: Bodega SpA" in letter.text
    assert "Nuevo: Traductora" in letter.text
    assert "Error" not in letter.text


def test_what_is_back_as_it_was_is_told_to_nobody(office: Engine) -> None:
    add(office, client_id=1)
    remove(office, "Bodega SpA", 1)
    assert tells(office, at=NOW + DAY) == "clients told of changed sub-processors: 0"


def test_carrier_whose_company_nobody_has_registered_is_told_by_its_short_name_as_such(office: Engine) -> None:
    has_numbers(office, ("+56225550101", 2))
    with reading(office) as conn:
        (one,) = subprocessors.current(conn, LOCAL, 1)
    assert one.line("es") == "Compañía telefónica (aquí llamada «gtd»): transporta las llamadas telefónicas"
    add(office, ("gtd", "GTD Teleductos S.A., lleva las llamadas", "CL"))
    with reading(office) as conn:
        (one,) = subprocessors.current(conn, LOCAL, 1)
    assert one.line("es") == "gtd: GTD Teleductos S.A., lleva las llamadas (Chile)"


def test_a_changed_setting_is_told_by_the_daily_job_once(office: Engine) -> None:
    assert tells(office) == "clients told of changed sub-processors: 0", "the first list is no change"
    assert tells(office, RELAY, NOW + DAY) == "clients told of changed sub-processors: 2"
    assert tells(office, RELAY, NOW + 2 * DAY) == "clients told of changed sub-processors: 0"
    assert "Nuevo: smtp.relay.example: entrega por correo" in outbox(office)[0].text


def test_two_daemons_tell_once(office: Engine) -> None:
    tells(office)
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda _: tells(office, RELAY, NOW + DAY), range(2)))
    assert len(outbox(office)) == 2


def test_who_has_nobody_to_write_to_is_told_when_it_has(office: Engine) -> None:
    with writing(office) as conn:
        conn.execute(delete(recipient).where(recipient.c.client_id == 2))
    add(office)
    tells(office)
    assert len(outbox(office)) == 1
    with writing(office) as conn:
        conn.execute(insert(recipient).values(client_id=2, channel="email", address="new@lagos.example"))
    tells(office, at=NOW + DAY)
    assert [one.address for one in outbox(office)] == [People.mail, "new@lagos.example"]


def test_a_client_that_has_cancelled_is_told_nothing_more(office: Engine) -> None:
    with writing(office) as conn:
        conn.execute(update(client).where(client.c.id == 2).values(state="cancelled", cancelled_at=NOW))
    add(office)
    tells(office)
    assert [one.client_id for one in outbox(office)] == [1]


def test_changes_are_in_the_audit_trail(office: Engine) -> None:
    add(office, client_id=1)
    tells(office)
    with reading(office) as conn:
        kept = reversed(audit.newest(conn))
        found = [(one.entry.verb, one.client) for one in kept if one.client == "andes"]
    assert found == [
        (Verb.SUBPROCESSORS_LISTED, "andes"),
        (Verb.SUBPROCESSOR_ADDED, "andes"),
        (Verb.SUBPROCESSORS_TOLD, "andes"),
    ]
