"""An incident is registered, told to the clients that it concerns once, and nothing in the register changes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from acting import ADMIN
from running_out import People, add_client
from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pbx_control.domain.audit import Verb
from pbx_control.domain.keeping.incidents import EntryKind
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.office import ClientState
from pbx_control.domain.users import ClientRole, UserRole
from pbx_control.errors import ClientMistake, StoreUnavailable
from pbx_control.services import incidents
from pbx_control.services.work import booking
from pbx_control.settings import OfficeSettings, Settings
from pbx_control.store import audit, clients, erasing, letters
from pbx_control.store import incidents as register
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import account_user, client, incident, incident_entry, letter, recipient

SETTINGS = Settings(office=OfficeSettings(name="Casa"))
NOW = datetime(2026, 12, 3, 15, tzinfo=UTC)
HAPPENED = datetime(2026, 12, 3, 12, 30, tzinfo=UTC)
OWNER = "duena@andes.example"
HOUR = timedelta(hours=1)


@pytest.fixture
def office(engine: Engine) -> Engine:
    """Two clients: andes with recipients and an owner, lagos (English, in Madrid) with recipients alone."""
    add_client(engine)
    add_client(engine, 2, "lagos", name="Lagos Ltd", language="en", timezone="Europe/Madrid")
    has_owner(engine, 1, OWNER)
    return engine


def has_owner(engine: Engine, client_id: int, email: str) -> None:
    roles = {"role": UserRole.CLIENT.value, "client_role": ClientRole.OWNER.value}
    with writing(engine) as conn:
        values = {"name": email[:20], "client_id": client_id, "password_hash": "x", "email": email, "created_at": NOW}
        conn.execute(insert(account_user).values(values | roles))


def registered(engine: Engine, *slugs: str, everybody: bool = False, title: str = "Correo a quien no era") -> int:
    with booking(engine, ADMIN, NOW) as work:
        return incidents.add(
            work,
            title,
            HAPPENED,
            "Un mensaje salió a otra dirección.\nSe vio una hora después.",
            slugs=slugs,
            everybody=everybody,
            data="Nombre y teléfono de 3 personas",
            measures="Se pidió borrarlo.",
        )


def sends(engine: Engine, number: int, at: datetime = NOW) -> incidents.Sent:
    with booking(engine, ADMIN, at) as work:
        return incidents.send(work, SETTINGS, number)


def outbox(engine: Engine) -> list[Letter]:
    with reading(engine) as conn:
        return [posted.letter for posted in reversed(letters.newest(conn))]


def kinds(engine: Engine, number: int) -> list[EntryKind]:
    with reading(engine) as conn:
        return [one.kind for one in register.entries(conn, number)]


def test_the_letter_tells_what_happened_in_the_clients_language_and_on_its_clock(office: Engine) -> None:
    number = registered(office, "andes", "lagos")
    with reading(office) as conn:
        drafts = incidents.drafts(conn, SETTINGS, number, NOW)
    andes, lagos = (next(one for one in drafts if one.client == slug) for slug in ("andes", "lagos"))
    assert andes.letter.subject == "Clínica Andes: aviso de un incidente: Correo a quien no era"
    assert "jueves 3 de diciembre de 2026, 09:30" in andes.letter.text
    assert "Un mensaje salió a otra dirección.\n\nSe vio una hora después." in andes.letter.text
    assert "Nombre y teléfono de 3 personas" in andes.letter.text
    assert "Se pidió borrarlo." in andes.letter.text
    assert lagos.letter.subject == "Lagos Ltd: notice of an incident: Correo a quien no era"
    assert "Thursday 3 December 2026, 13:30" in lagos.letter.text
    assert outbox(office) == [], "drafts are not sent"


def test_owners_and_who_gets_the_invoices_are_written_to_by_mail(office: Engine) -> None:
    with writing(office) as conn:
        conn.execute(
            insert(recipient).values(
                client_id=1, channel="email", address="recepcion@andes.example", gets_invoices=False
            )
        )
    sends(office, registered(office, "andes"))
    assert [one.address for one in outbox(office)] == [OWNER, People.mail]


def test_a_client_with_a_chat_alone_is_told_there(office: Engine) -> None:
    with writing(office) as conn:
        conn.execute(delete(recipient).where(recipient.c.client_id == 2, recipient.c.channel == "email"))
    sends(office, registered(office, "lagos"))
    [chat] = outbox(office)
    assert (chat.address, chat.html) == (People.chat, "")
    assert "13:30" in chat.text
    assert "Se pidió borrarlo." in chat.text


def test_pressed_twice_it_is_sent_once(office: Engine) -> None:
    number = registered(office, everybody=True)
    first = sends(office, number)
    assert (first.clients, first.letters, first.nobody) == (["andes", "lagos"], 3, [])
    again = sends(office, number, NOW + HOUR)
    assert (again.clients, again.letters) == ([], 0)
    assert len(outbox(office)) == 3
    assert kinds(office, number) == [EntryKind.SENT, EntryKind.SENT]


def test_two_who_press_at_once_send_once(office: Engine) -> None:
    number = registered(office, everybody=True)
    with ThreadPoolExecutor(2) as both:
        done = list(both.map(lambda _: sends(office, number), range(2)))
    assert sorted(one.letters for one in done) == [0, 3]
    assert len(outbox(office)) == 3


def test_who_dies_before_the_end_has_sent_nothing_and_the_next_press_sends_all_once(office: Engine) -> None:
    number = registered(office, everybody=True)

    class Death(BaseException):
        pass

    def dies_before_the_end() -> None:
        with booking(office, ADMIN, NOW) as work:
            incidents.send(work, SETTINGS, number)
            raise Death

    with pytest.raises(Death):
        dies_before_the_end()
    assert (outbox(office), kinds(office, number)) == ([], [])
    assert sends(office, number).letters == 3
    assert len(outbox(office)) == 3


def test_a_client_with_nobody_to_write_to_is_named_and_told_once_it_has_somebody(office: Engine) -> None:
    with writing(office) as conn:
        conn.execute(delete(recipient).where(recipient.c.client_id == 2))
    number = registered(office, everybody=True)
    assert sends(office, number).nobody == ["lagos"]
    has_owner(office, 2, "owner@lagos.example")
    assert sends(office, number, NOW + HOUR).clients == ["lagos"]
    assert [one.address for one in outbox(office)] == [OWNER, People.mail, "owner@lagos.example"]


def test_the_register_says_to_whom_it_was_sent_and_when_it_was_delivered(office: Engine) -> None:
    number = registered(office, "andes")
    sends(office, number)
    with writing(office) as conn:
        conn.execute(update(letter).where(letter.c.address == OWNER).values(delivered_at=NOW + HOUR, due_at=None))
    with reading(office) as conn:
        told = register.told(conn, number)
    assert [(one.client, one.address, one.sent_at, one.delivered_at) for one in told] == [
        ("andes", OWNER, NOW, NOW + HOUR),
        ("andes", People.mail, NOW, None),
    ]


def test_notes_and_the_end_are_added_and_nothing_is_changed(office: Engine) -> None:
    number = registered(office, "andes")
    with booking(office, ADMIN, NOW) as work:
        incidents.note(work, number, "El destinatario confirmó que lo borró.")
        incidents.close(work, number, "Borrado.")
    with (
        pytest.raises(ClientMistake, match=f"incident {number} is closed already"),
        booking(office, ADMIN, NOW) as work,
    ):
        incidents.close(work, number, "Otra vez.")
    with booking(office, ADMIN, NOW + HOUR) as work:
        incidents.note(work, number, "Una nota tardía.")
    with reading(office) as conn:
        assert [(one.kind, one.who, one.text) for one in register.entries(conn, number)] == [
            (EntryKind.NOTE, "ana", "El destinatario confirmó que lo borró."),
            (EntryKind.CLOSED, "ana", "Borrado."),
            (EntryKind.NOTE, "ana", "Una nota tardía."),
        ]
        assert [one.closed_at for one in register.rows(conn)] == [NOW]


@pytest.mark.parametrize("table", [incident, incident_entry])
def test_nobody_changes_or_deletes_what_stands_in_the_register(office: Engine, table) -> None:
    number = registered(office, "andes")
    with booking(office, ADMIN, NOW) as work:
        incidents.note(work, number, "x")
    for statement in (delete(table), update(table).values(id=99)):
        with pytest.raises((IntegrityError, StoreUnavailable), match="append-only"), writing(office) as conn:
            conn.execute(statement)


def test_all_clients_are_those_whose_data_are_still_here(office: Engine) -> None:
    add_client(office, 3, "gone", name="Gone", state="cancelled", cancelled_at=NOW, erased_at=NOW)
    add_client(office, 4, "leaving", name="Leaving", state="cancelled", cancelled_at=NOW)
    number = registered(office, everybody=True)
    with reading(office) as conn:
        assert register.concerned(conn, number) == ["andes", "lagos", "leaving"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"title": " \n"}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"what": ""}, "what"),
        ({"slugs": ()}, "which clients"),
        ({"slugs": ("nobody",)}, "there is no client"),
        ({"happened_at": NOW + HOUR}, "to come"),
    ],
)
def test_what_cannot_be_registered_is_refused(office: Engine, values: dict, says: str) -> None:
    given = {"title": "Correo", "happened_at": HAPPENED, "what": "algo", "slugs": ("andes",)} | values
    with pytest.raises(ClientMistake, match=says), booking(office, ADMIN, NOW) as work:
        incidents.add(work, given["title"], given["happened_at"], given["what"], slugs=given["slugs"])
    with reading(office) as conn:
        assert register.rows(conn) == []


def test_whatever_is_in_a_name_or_text_is_text_in_the_letter(office: Engine) -> None:
    with writing(office) as conn:
        conn.execute(update(client).where(client.c.id == 1).values(name="<b>Andes</b>‮"))
    sends(office, registered(office, "andes", title="<script>alert(1)</script>"))
    html = outbox(office)[0].html
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "‮" not in html


def test_every_step_is_in_the_audit_trail(office: Engine) -> None:
    number = registered(office, "andes")
    with booking(office, ADMIN, NOW) as work:
        incidents.note(work, number, "una nota")
    sends(office, number)
    with booking(office, ADMIN, NOW) as work:
        incidents.close(work, number, "fin")
    with reading(office) as conn:
        found = [(one.entry.verb, one.entry.subject, one.client) for one in reversed(audit.newest(conn))]
    subject = f"incident {number}"
    assert found == [
        (Verb.INCIDENT_ADDED, subject, ""),
        (Verb.INCIDENT_NOTED, subject, ""),
        (Verb.INCIDENT_TOLD, subject, "andes"),
        (Verb.INCIDENT_CLOSED, subject, ""),
    ]


def test_with_a_client_that_is_erased_go_the_addresses_that_were_told(office: Engine) -> None:
    number = registered(office, "andes")
    sends(office, number)
    with writing(office) as conn:
        conn.execute(update(client).where(client.c.id == 1).values(state=ClientState.CANCELLED.value))
        gone = erasing.erase_provisioned(conn, 1, NOW)
        assert clients.get(conn, 1).erased_at == NOW
    with reading(office) as conn:
        assert register.told(conn, number) == []
        assert conn.execute(select(incident_entry.c.kind)).scalars().all() == ["sent"]
    assert gone["letters"] == 2
