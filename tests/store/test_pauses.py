"""A pause of the system's: the admin is told once a day, and it ends by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from acting import by_admin
from sqlalchemy import Engine, insert, update

from pbx_control.domain.call.commands import PauseSeat
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Admission, Call, Facts, Phase, Sounds
from pbx_control.domain.call.saving import Save
from pbx_control.domain.desk.duty import PausedBy
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.services import staff
from pbx_control.services.steps import Rules, save
from pbx_control.store import letters, secretaries
from pbx_control.store.engine import reading, writing
from pbx_control.store.secretaries import Listed
from pbx_control.store.tables import client, secretary

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
ANDES = Facts("+56225550101", 1, "andes", "Andes", "es", "America/Santiago", Admission.OPEN, Sounds())


@pytest.fixture
def office(engine: Engine) -> Engine:
    """A database with a client and two secretaries."""
    with writing(engine) as conn:
        conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="always", created_at=AT))
        people = [{"id": 1, "name": "Ana Ñuñoa", "user": "ana"}, {"id": 2, "name": "Eva", "user": "eva"}]
        conn.execute(insert(secretary), [one | {"password": "x"} for one in people])
    return engine


def refuses(office: Engine, who: int, name: str, at: datetime, address: str = "admin@casa.example") -> None:
    """Her telephone has refused three calls in a row."""
    call = Call(f"c-{who}-{at}", Phase.WAITING, facts=ANDES, arrived_at=at)
    step = Save(call, True, (Line(1, at, "SecretaryLeft", {}),), (PauseSeat(who, name),))
    with writing(office) as conn:
        save(conn, [step], Rules("Casa", AlarmDesk(address, "es", "Casa")))


def end_old(office: Engine, before: datetime) -> list[str]:
    with writing(office) as conn:
        return staff.end_old_pauses(by_admin(conn), before)


def is_back(office: Engine) -> None:
    with writing(office) as conn:
        staff.end_pause(by_admin(conn), "ana")


def known(office: Engine, name: str) -> Listed:
    with reading(office) as conn:
        return next(row for row in secretaries.rows(conn) if row.name == name)


def told(office: Engine) -> list[str]:
    with reading(office) as conn:
        return [one.letter.subject for one in reversed(letters.newest(conn))]


def test_the_admin_is_told_once_a_day_for_each_secretary(office: Engine) -> None:
    for who, name, at in (
        (1, "Ana Ñuñoa", AT),
        (1, "Ana Ñuñoa", AT + AN_HOUR),
        (2, "Eva", AT),
        (1, "Ana Ñuñoa", AT + A_DAY),
    ):
        refuses(office, who, name, at)
        is_back(office)
    refusing = "está en pausa: su teléfono rechaza las llamadas"
    assert told(office) == [f"{name} {refusing}" for name in ("Ana Ñuñoa", "Eva", "Ana Ñuñoa")]
    with reading(office) as conn:
        letter = letters.newest(conn)[0].letter
    assert (letter.address, letter.client_id) == ("admin@casa.example", None)
    assert "pbx-control secretary set 'Ana Ñuñoa' --available" in letter.text
    assert "Cada 15 minutos se prueba con una llamada" in letter.text


def test_without_an_address_nobody_is_told(office: Engine) -> None:
    refuses(office, 1, "Ana Ñuñoa", AT, address="")
    assert (told(office), known(office, "Ana Ñuñoa").paused_at) == ([], AT)


def test_it_ends_by_itself_and_one_of_the_admins_does_not(office: Engine) -> None:
    with writing(office) as conn:
        staff.change(by_admin(conn), "Eva", paused=True)
    refuses(office, 1, "Ana Ñuñoa", AT)
    refuses(office, 2, "Eva", AT)
    assert end_old(office, AT - timedelta(seconds=1)) == []
    assert end_old(office, AT) == ["ana"]
    hers = known(office, "Ana Ñuñoa")
    assert (hers.paused, hers.paused_why, hers.paused_at) == (False, "", None)
    assert known(office, "Eva").paused
    assert len(told(office)) == 1


def test_one_of_before_is_tried_at_once(office: Engine) -> None:
    """Nobody had noted when it began."""
    with writing(office) as conn:
        conn.execute(update(secretary).values(paused=True, paused_why=PausedBy.REFUSALS.value))
    assert end_old(office, AT) == ["ana", "eva"]
