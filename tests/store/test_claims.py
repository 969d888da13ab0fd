"""A seat is claimed by one call at a time, on either database."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert, select

from pbx_control.domain.call.commands import ClaimSeat, FreeSeat, StoreCommand
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Admission, Call, Facts, Phase, Sounds
from pbx_control.domain.call.saving import Save
from pbx_control.services.steps import Rules, save
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import call, client, seat_claim, secretary

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
ANDES = Facts("+56225550101", 1, "andes", "Andes", "es", "America/Santiago", Admission.OPEN, Sounds())
ANA = 1


@pytest.fixture
def office(engine: Engine) -> Engine:
    """A database with one client and one secretary."""
    with writing(engine) as conn:
        conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="always", created_at=AT))
        conn.execute(insert(secretary).values(id=ANA, name="Ana", user="ana", password="x"))
    return engine


def step(call_id: str, *commands: StoreCommand) -> Save:
    arrived = Call(call_id, Phase.OFFERING, facts=ANDES, arrived_at=AT)
    return Save(arrived, True, (Line(1, AT, "Offered", {}),), commands)


def test_the_first_claim_is_kept(office: Engine) -> None:
    with writing(office) as conn:
        assert save(conn, [step("c1", ClaimSeat(ANA))], Rules("Casa")) == [True]
    with reading(office) as conn:
        assert conn.execute(select(seat_claim)).all() == [(ANA, "c1")]


def test_a_second_one_is_lost_and_its_step_is_not_remembered(office: Engine) -> None:
    with writing(office) as conn:
        assert save(conn, [step("c1", ClaimSeat(ANA)), step("c2", ClaimSeat(ANA))], Rules("Casa")) == [
            True,
            False,
        ]
    with reading(office) as conn:
        assert conn.scalars(select(call.c.id)).all() == ["c1"]


def test_who_is_given_back_may_be_claimed_in_the_same_commit(office: Engine) -> None:
    with writing(office) as conn:
        steps = [step("c1", ClaimSeat(ANA)), step("c2", FreeSeat(ANA, AT)), step("c3", ClaimSeat(ANA))]
        assert save(conn, steps, Rules("Casa")) == [True, True, False]
    with writing(office) as conn:
        freed = Save(step("c1").call, False, (Line(2, AT, "SecretaryLeft", {}),), (FreeSeat(ANA, AT),))
        assert save(conn, [freed, step("c4", ClaimSeat(ANA))], Rules("Casa")) == [True, True]
    with reading(office) as conn:
        assert conn.execute(select(seat_claim)).all() == [(ANA, "c4")]
