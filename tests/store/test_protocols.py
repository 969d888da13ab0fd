"""Protocols and ready-made texts: every version is kept, the newest is in force, and the switch learns of none."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from acting import ADMIN, by_admin
from sqlalchemy import Engine

from pbx_control.domain.audit import Verb
from pbx_control.domain.desk.protocol import Local, default_protocol
from pbx_control.domain.desk.protocol_file import written
from pbx_control.domain.office import Trunk
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import carriers, clientele, infos, numbers, protocols
from pbx_control.services.work import Work, booking
from pbx_control.store import audit
from pbx_control.store import infos as kept_infos
from pbx_control.store import protocols as kept
from pbx_control.store.engine import changing, reading
from pbx_control.store.snapshot import read_office, read_revision

NOON = datetime(2026, 8, 3, 16, tzinfo=UTC)
ONE = '[[field]]\nkey = "name"\nlabel = "Uno"\n'
TWO = 'may_tell = ["El horario"]\n[[field]]\nkey = "name"\nlabel = "Dos"\n'
ANDES, LAGOS = 1, 2


@pytest.fixture
def office(engine: Engine) -> Engine:
    """The clients andes, in Spanish, and lagos, in English."""
    with changing(engine) as conn:
        assert clientele.add(by_admin(conn, NOON), "andes", name="Andes Ltda") == ANDES
        assert clientele.add(by_admin(conn, NOON), "lagos", name="Lagos SpA", language="en") == LAGOS
    return engine


def do(office: Engine, act: Callable[[Work], object], at: datetime = NOON) -> None:
    with booking(office, ADMIN, at) as work:
        act(work)


def put(office: Engine, text: str, client_id: int = ANDES, asked_by: str = "") -> None:
    do(office, lambda work: protocols.put(work, client_id, text, asked_by))


def labels(office: Engine, client_id: int = ANDES) -> list[str]:
    with reading(office) as conn:
        return [one.protocol.fields[0].label for one in kept.history(conn, client_id)]


# --- protocols


def test_client_that_set_none_has_the_houses_in_its_language(office: Engine) -> None:
    with reading(office) as conn:
        for client_id, language in ((ANDES, "es"), (LAGOS, "en")):
            found = kept.in_force(conn, client_id)
            assert (found.id, found.version, found.since) == (None, 0, None)
            assert found.protocol == default_protocol(language)
            assert kept.content(conn, client_id, None) == found.protocol


def test_newest_is_in_force_and_the_older_ones_are_kept(office: Engine) -> None:
    put(office, ONE, asked_by="gerencia@andes.cl")
    do(office, lambda work: protocols.put(work, ANDES, TWO), NOON + timedelta(hours=1))
    with reading(office) as conn:
        newest, oldest = kept.history(conn, ANDES)
        assert kept.in_force(conn, ANDES) == newest
        assert kept.history(conn, LAGOS) == []
    assert (newest.version, newest.since, newest.asked_by) == (2, NOON + timedelta(hours=1), "")
    assert (oldest.version, oldest.since, oldest.asked_by) == (1, NOON, "gerencia@andes.cl")
    assert newest.protocol.may_tell == ("El horario",)


def test_who_asked_for_what_is_in_force_already_is_kept_once(office: Engine) -> None:
    put(office, ONE)
    for asked_by in ("gerencia@andes.cl", "gerencia@andes.cl", ""):
        put(office, ONE, asked_by=asked_by)
    with reading(office) as conn:
        assert [one.asked_by for one in kept.history(conn, ANDES)] == ["gerencia@andes.cl", ""]
        assert audit.newest(conn)[0].entry.difference == {"asked_by": ("", "gerencia@andes.cl")}
    do(office, lambda work: protocols.roll_back(work, ANDES, 1))
    assert labels(office) == ["Uno", "Uno"]


def test_who_asked_for_a_text_that_is_there_already_is_kept_once(office: Engine) -> None:
    for asked_by in ("", "gerencia@andes.cl", "gerencia@andes.cl", ""):
        do(office, lambda work, by=asked_by: infos.add(work, ANDES, "Banco", "Cuenta 1", by))
    with reading(office) as conn:
        assert [one.asked_by for one in kept_infos.history(conn, ANDES, "Banco")] == ["gerencia@andes.cl", ""]
        assert audit.newest(conn)[0].entry.difference == {"asked_by": ("", "gerencia@andes.cl")}


def test_version_of_a_call_is_found_by_its_id_but_not_for_another_client(office: Engine) -> None:
    put(office, ONE)
    put(office, TWO)
    with reading(office) as conn:
        oldest = kept.history(conn, ANDES)[-1]
        assert kept.content(conn, ANDES, oldest.id) == oldest.protocol
        assert kept.content(conn, LAGOS, oldest.id) == kept.in_force(conn, LAGOS).protocol
        assert kept.content(conn, ANDES, 4711) == default_protocol("es")


def test_roll_back_puts_an_old_one_in_force_anew(office: Engine) -> None:
    for text in (ONE, TWO, TWO):
        put(office, text)
    do(office, lambda work: protocols.roll_back(work, ANDES))
    assert labels(office) == ["Uno", "Dos", "Uno"]
    do(office, lambda work: protocols.roll_back(work, ANDES, 2))
    with reading(office) as conn:
        assert kept.in_force(conn, ANDES).asked_by == "rollback to 2"
    for client_id, version in ((ANDES, 9), (ANDES, 0), (LAGOS, None), (LAGOS, 1)):
        with pytest.raises(ClientMistake, match="no such earlier protocol") as refused:
            do(office, lambda work, of=client_id, to=version: protocols.roll_back(work, of, to))
        assert refused.value.code is Code.NO_EARLIER_PROTOCOL


def test_bad_file_changes_nothing(office: Engine) -> None:
    put(office, ONE)
    with pytest.raises(ClientMistake, match="field 1"):
        put(office, "[[field]]\nkey = 3")
    with pytest.raises(ClientMistake, match="asked_by"):
        put(office, ONE, asked_by="a\nb")
    assert labels(office) == ["Uno"]


def test_switch_is_not_told_of_a_protocol(office: Engine) -> None:
    with reading(office) as conn:
        before, known = read_revision(conn), read_office(conn, NOON.date())
    put(office, ONE)
    do(office, lambda work: infos.add(work, ANDES, "Banco", "Cuenta 1"))
    with reading(office) as conn:
        assert (read_revision(conn), read_office(conn, NOON.date())) == (before, known)


def test_audit_trail_tells_what_was_changed(office: Engine) -> None:
    put(office, ONE)
    put(office, TWO, asked_by="@andes")
    with reading(office) as conn:
        entry = audit.newest(conn)[0].entry
    assert (entry.verb, entry.subject, entry.client_id) == (Verb.PROTOCOL_CHANGED, "andes", ANDES)
    assert entry.difference == {
        "fields": (["name: Uno (text)"], ["name: Dos (text)"]),
        "may_tell": ([], ["El horario"]),
        "asked_by": ("", "@andes"),
    }


def test_largest_protocol_is_kept(office: Engine) -> None:
    lines = ", ".join(f'"{"ñ" * 490} {number}"' for number in range(50))
    put(office, f"may_tell = [{lines}]\n{ONE}")
    with reading(office) as conn:
        assert len(kept.in_force(conn, ANDES).protocol.may_tell) == 50


def test_house_protocol_can_be_taken_as_a_start(office: Engine) -> None:
    put(office, written(default_protocol("es")))
    with reading(office) as conn:
        assert kept.in_force(conn, ANDES).protocol == default_protocol("es")


def test_values_are_read_in_the_country_and_on_the_day_of_the_client(office: Engine) -> None:
    with changing(office) as conn:
        trunk = carriers.add(by_admin(conn), Trunk(id=0, name="carrier", match=("127.0.0.2",)))
        numbers.add(by_admin(conn), ["+525512345678"], trunk)
        numbers.assign(by_admin(conn, NOON), "+525512345678", LAGOS)
    midnight = datetime(2026, 8, 4, 3, tzinfo=UTC)
    with reading(office) as conn:
        assert protocols.local(conn, ANDES, midnight) == Local("CL", date(2026, 8, 3))
        assert protocols.local(conn, LAGOS, midnight).country == "MX"


# --- ready-made texts


def add(office: Engine, name: str, text: str, client_id: int = ANDES) -> None:
    do(office, lambda work: infos.add(work, client_id, name, text))


def in_force(office: Engine, client_id: int = ANDES) -> list[tuple[str, str]]:
    with reading(office) as conn:
        return [(one.name, one.text) for one in kept_infos.in_force(conn, client_id)]


def test_texts_are_listed_by_name_for_their_client_alone(office: Engine) -> None:
    add(office, "mapa", "Av. Matta 12 {esquina}\nhttps://andes.example/mapa")
    add(office, "Banco", "Cuenta 1")
    add(office, "Banco", "Account 2", LAGOS)
    assert in_force(office) == [
        ("Banco", "Cuenta 1"),
        ("mapa", "Av. Matta 12 {esquina}\nhttps://andes.example/mapa"),
    ]
    assert in_force(office, LAGOS) == [("Banco", "Account 2")]


def test_text_is_replaced_under_its_name_however_that_is_capitalised(office: Engine) -> None:
    add(office, "Dirección", "Calle 1")
    add(office, "DIRECCIÓN", "Calle 2")
    add(office, "direccio\u0301n", "Calle 3")
    assert [text for _, text in in_force(office)] == ["Calle 3"]
    with reading(office) as conn:
        assert [one.text for one in kept_infos.history(conn, ANDES, "dirección")] == ["Calle 3", "Calle 2", "Calle 1"]
        assert kept_infos.find(conn, ANDES, "dirección").text == "Calle 3"


def test_removed_text_stays_in_the_history_and_may_come_back(office: Engine) -> None:
    add(office, "Banco", "Cuenta 1")
    do(office, lambda work: infos.remove(work, ANDES, "BANCO", "gerencia@andes.cl"))
    assert in_force(office) == []
    with reading(office) as conn:
        gone, was = kept_infos.history(conn, ANDES, "banco")
        assert audit.newest(conn)[0].entry.difference == {"name": ("Banco", None), "text": ("Cuenta 1", None)}
    assert (gone.removed, gone.name, gone.asked_by, was.text) == (True, "Banco", "gerencia@andes.cl", "Cuenta 1")
    add(office, "banco", "Cuenta 2")
    assert in_force(office) == [("banco", "Cuenta 2")]


@pytest.mark.parametrize("name", ["Banco", "", "x\n"])
def test_text_that_is_not_there_cannot_be_removed(office: Engine, name: str) -> None:
    add(office, "Banco", "Cuenta 1", LAGOS)
    with pytest.raises(ClientMistake) as refused:
        do(office, lambda work: infos.remove(work, ANDES, name))
    assert refused.value.code is Code.NO_SUCH_INFO


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("", "x", "name is empty"),
        ("a\nb", "x", "name holds a line break"),
        ("x" * 61, "x", "name is too long"),
        ("a", " \n", "text is empty"),
        ("a", "x" * 8001, "text is too long"),
        ("a", "x\x00", "text holds a control character"),
        ("a", "x\u202ey", "text holds a control character"),
    ],
)
def test_text_that_no_letter_can_carry_is_refused(office: Engine, name: str, text: str, why: str) -> None:
    with pytest.raises(ClientMistake, match=why):
        add(office, name, text)
    assert in_force(office) == []


def test_longest_text_is_kept(office: Engine) -> None:
    add(office, "a", "ñ" * 8000)
    assert in_force(office) == [("a", "ñ" * 8000)]
