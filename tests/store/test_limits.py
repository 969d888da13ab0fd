"""The limits of outgoing calls hold over all daemons that share a database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, insert, select

from pbx_control.domain.call.commands import Dial, NoteDialling
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Admission, Call, Facts, Limit, Outgoing, Phase, Sounds
from pbx_control.domain.call.saving import Save
from pbx_control.services.steps import Rules, save
from pbx_control.store import calls, limits
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import client, dialling

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
OUT = Outgoing("trunk-1", "e164", "CL", "+56225550101", at_once=2, a_day=3, most=4)
ANDES = Facts(
    "+56225550101",
    1,
    "andes",
    "Andes",
    "es",
    "America/Santiago",
    Admission.OPEN,
    Sounds(),
    outgoing=OUT,
    trunk="trunk-1",
)
ELSEWHERE = replace(ANDES, trunk="trunk-2")
INCA = replace(ANDES, client_id=2, slug="inca")
CALLED = Call("", Phase.CALLING_CONTACT, facts=ANDES, arrived_at=AT, contact_here=True, contact_legs=1)


@pytest.fixture
def office(engine: Engine) -> Engine:
    with writing(engine) as conn:
        for number, slug in enumerate(("andes", "inca"), 1):
            conn.execute(insert(client).values(id=number, slug=slug, name=slug, week="always", created_at=AT))
    return engine


def consults(office: Engine, name: str, facts: Facts = ANDES, at: datetime = AT) -> Dial:
    """A call of some daemon's whose contact is about to be dialled: its step is committed."""
    call = replace(CALLED, id=name, facts=facts)
    note = NoteDialling(call.contact_leg, "+56987654321", OUT.shown, OUT.trunk)
    saves(office, Save(call, True, (Line(1, at, "X", {}),), (note,)))
    moment = timedelta(seconds=30)
    return Dial(
        leg=call.contact_leg,
        bridge="",
        secretary="",
        trunk=OUT.trunk,
        number_format="e164",
        country="CL",
        number=note.number,
        shown=OUT.shown,
        give_up=moment,
        limit=moment,
        most=OUT.most,
        at_once=OUT.at_once,
        a_day=OUT.a_day,
    )


def saves(office: Engine, step: Save) -> None:
    with writing(office) as conn:
        save(conn, [step], Rules())


def asks(office: Engine, dial: Dial) -> Limit | None:
    with writing(office) as conn:
        return limits.reached(conn, dial)


def ends(office: Engine, name: str, phase: Phase = Phase.TALKING, facts: Facts = ELSEWHERE) -> None:
    """She has the caller again, or the whole call is over."""
    over = AT if phase is Phase.ENDED else None
    saves(
        office, Save(replace(CALLED, id=name, facts=facts, phase=phase, contact_here=False, ended_at=over), False, ())
    )


def test_a_clients_calls_to_contacts_at_once_are_counted_wherever_they_are(office: Engine) -> None:
    dials = [consults(office, name, ELSEWHERE) for name in ("c1", "c2")]
    assert [asks(office, dial) for dial in dials] == [None, None]
    assert asks(office, consults(office, "c3", ELSEWHERE)) is Limit.AT_ONCE
    ends(office, "c1")
    ends(office, "c3")
    assert asks(office, consults(office, "c4", ELSEWHERE)) is None


def test_what_was_refused_is_none_of_the_days_calls(office: Engine) -> None:
    for name in ("c1", "c2"):
        assert asks(office, consults(office, name, ELSEWHERE)) is None
    assert asks(office, consults(office, "c3", ELSEWHERE)) is Limit.AT_ONCE
    for name in ("c1", "c2", "c3"):
        ends(office, name)
    assert asks(office, consults(office, "c4", ELSEWHERE)) is None
    ends(office, "c4")
    assert asks(office, consults(office, "c5", ELSEWHERE)) is Limit.A_DAY
    assert asks(office, consults(office, "c6", ELSEWHERE, at=AT + timedelta(days=1))) is None
    with reading(office) as conn:
        assert calls.dialled_today(conn, AT.date()) == {1: 3}


def test_callers_and_contacts_of_all_clients_take_places_on_the_trunk(office: Engine) -> None:
    """Each of the first three calls has a caller and a contact on it."""
    assert asks(office, consults(office, "c1")) is None
    assert asks(office, consults(office, "c2", INCA)) is None
    assert asks(office, consults(office, "c3", INCA)) is Limit.TRUNK
    ends(office, "c2", Phase.ENDED, INCA)
    ends(office, "c3", facts=INCA)  # his caller talks on
    inca = replace(INCA, trunk="trunk-2")
    assert asks(office, consults(office, "c4", inca)) is None
    assert asks(office, consults(office, "c5", inca)) is Limit.TRUNK
    ends(office, "c5", facts=inca)
    ends(office, "c3", Phase.ENDED, INCA)
    assert asks(office, consults(office, "c6", inca)) is None


def test_a_leg_that_the_database_does_not_know_yet_may_be_dialled(office: Engine) -> None:
    dial = consults(office, "c1")
    with writing(office) as conn:
        conn.execute(dialling.delete())
    assert asks(office, dial) is None


def test_of_many_that_ask_in_one_instant_as_many_get_a_place_as_there_are(office: Engine) -> None:
    dials = [consults(office, f"c{number}", ELSEWHERE) for number in range(8)]
    together = Barrier(len(dials))

    def ask(dial: Dial) -> Limit | None:
        together.wait()
        return asks(office, dial)

    with ThreadPoolExecutor(len(dials)) as pool:
        answers = list(pool.map(ask, dials))
    assert answers.count(None) == OUT.at_once
    with reading(office) as conn:
        kept = conn.scalars(select(dialling.c.refused)).all()
    assert sorted(kept) == sorted(answer.value if answer else "" for answer in answers)
