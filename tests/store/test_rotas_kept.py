"""A rota in the database: two edits at once, contacts that go, clients that are erased; on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from acting import ADMIN
from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError

from pbx_control.domain.opening.rota import Rule, Swap
from pbx_control.domain.opening.written_rota import read_shifts
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import clientele, people, rotas
from pbx_control.services.work import changing
from pbx_control.store import desk, erasing
from pbx_control.store import rotas as stored
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import contact, rota_swap, rota_turn

AT = datetime(2026, 11, 30, 15, tzinfo=UTC)
DAY = timedelta(days=1)


def firm(engine: Engine) -> tuple[int, dict[str, int]]:
    """A client with three contacts: its id, and theirs by name."""
    with changing(engine, ADMIN, AT) as work:
        andes = clientele.add(work, "andes", name="Andes")
        for number, name in enumerate(("Ana", "Juan", "Eva"), start=1):
            people.add_contact(work, andes, name, f"+5698765432{number}", department="Ventas")
        return andes, {one.name: one.id for one in desk.contacts_of(work.conn, andes)}


def always(*people: int) -> Rule:
    return Rule(read_shifts("always"), people, AT.date() if len(people) > 1 else None)


def sets(engine: Engine, client_id: int, rules: list[Rule], before: str | None = None) -> None:
    with changing(engine, ADMIN, AT) as work:
        rotas.set_rules(work, client_id, "Ventas", rules, before)


def kept(engine: Engine, client_id: int, after: datetime = AT) -> list[rotas.Place]:
    with reading(engine) as conn:
        return stored.of_client(conn, client_id, after)


def test_lines_and_swaps_come_back_as_they_were_kept(engine: Engine) -> None:
    andes, ids = firm(engine)
    rules = [Rule(read_shifts("mon-fri 18:00-09:00"), (ids["Eva"], ids["Ana"], ids["Eva"]), AT.date()), always()]
    rules[1] = Rule(read_shifts("sat 10:00-14:00"), (ids["Juan"],))
    sets(engine, andes, rules)
    swap = Swap(ids["Ana"], AT, AT + DAY, ids["Juan"])
    with changing(engine, ADMIN, AT) as work:
        rotas.swap(work, andes, "ventas", swap)
    [place] = kept(engine, andes)
    assert (place.department, place.rota.rules, place.rota.swaps) == ("Ventas", tuple(rules), (swap,))
    assert kept(engine, andes, AT + DAY)[0].rota.swaps == ()


def test_of_two_edits_at_once_the_second_is_told(engine: Engine) -> None:
    andes, ids = firm(engine)
    sets(engine, andes, [always(ids["Ana"])])
    seen = rotas.version_of([always(ids["Ana"])])

    def edit(who: str) -> Code | None:
        try:
            sets(engine, andes, [always(ids[who])], seen)
        except ClientMistake as error:
            return error.code
        return None

    with ThreadPoolExecutor(2) as both:
        told = set(both.map(edit, ("Juan", "Eva")))
    assert told == {None, Code.CHANGED_MEANWHILE}


def test_a_swap_that_is_pressed_twice_is_one(engine: Engine) -> None:
    andes, ids = firm(engine)
    numbers = []
    for who in ("Ana", "Ana", "Eva", "Ana"):
        with changing(engine, ADMIN, AT) as work:
            numbers.append(rotas.swap(work, andes, "Ventas", Swap(ids[who], AT, AT + DAY)))
    assert numbers == [1, 1, 2, 3]


def test_nobody_elses_contact_is_put_on_call(engine: Engine) -> None:
    andes, ids = firm(engine)
    with changing(engine, ADMIN, AT) as work:
        sur = clientele.add(work, "sur", name="Sur")
        people.add_contact(work, sur, "Luis", "+56987654329")
    with reading(engine) as conn:
        [luis] = desk.contacts_of(conn, sur)
    with pytest.raises(ClientMistake) as caught:
        sets(engine, andes, [always(luis.id)])
    assert caught.value.code is Code.NO_SUCH_CONTACT
    with pytest.raises(ClientMistake), changing(engine, ADMIN, AT) as work:
        rotas.swap(work, andes, "", Swap(luis.id, AT, AT + DAY))
    with changing(engine, ADMIN, AT) as work:
        number = rotas.swap(work, andes, "", Swap(ids["Ana"], AT, AT + DAY))
    with pytest.raises(ClientMistake), changing(engine, ADMIN, AT) as work:
        rotas.take_back(work, sur, number)
    assert len(kept(engine, andes)) == 1


def test_a_contact_leaves_no_dangling_rota(engine: Engine) -> None:
    andes, ids = firm(engine)
    sets(engine, andes, [always(ids["Ana"], ids["Juan"])])
    with changing(engine, ADMIN, AT) as work:
        rotas.swap(work, andes, "Ventas", Swap(ids["Eva"], AT, AT + DAY, ids["Ana"]))
    for name in ids:
        with pytest.raises(ClientMistake) as caught, changing(engine, ADMIN, AT) as work:
            people.remove_contact(work, andes, name)
        assert caught.value.code is Code.CONTACT_ON_CALL
    # The database holds it, too.
    with pytest.raises(IntegrityError), writing(engine) as conn:
        conn.execute(contact.delete().where(contact.c.id == ids["Juan"]))
    with changing(engine, ADMIN, AT + DAY) as work:  # the swap is over
        people.remove_contact(work, andes, "Eva")
    with reading(engine) as conn:
        assert conn.execute(select(rota_swap)).all() == []


def test_a_client_that_is_erased_leaves_none_of_it(engine: Engine) -> None:
    andes, ids = firm(engine)
    sets(engine, andes, [always(ids["Ana"], ids["Juan"])])
    with changing(engine, ADMIN, AT) as work:
        rotas.swap(work, andes, "Ventas", Swap(ids["Eva"], AT, AT + DAY, ids["Ana"]))
    with writing(engine) as conn:
        gone = erasing.erase_provisioned(conn, andes, AT)
        assert (gone["lines of the rota"], gone["swaps of the rota"], gone["contacts"]) == (1, 1, 3)
        assert conn.execute(select(rota_turn)).all() == []
