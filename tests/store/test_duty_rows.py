"""Her pauses in the store: whose each one is, when it begins and ends, and who may end it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert

from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.domain.call.commands import ClaimSeat, FreeSeat, PauseSeat
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Admission, Call, Facts, Phase, Sounds
from pbx_control.domain.call.saving import Save
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.errors import ClientMistake
from pbx_control.services import duty, staff
from pbx_control.services.duty import Paused
from pbx_control.services.steps import Rules, save
from pbx_control.services.work import Work, booking
from pbx_control.store import letters, pauses, secretaries
from pbx_control.store.engine import reading, writing
from pbx_control.store.snapshot import read_office, read_revision
from pbx_control.store.tables import client, revision, secretary

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
ANA = Actor(ActorKind.SECRETARY, "Ana", "127.0.0.2")
ANDES = Facts("+56225550101", 1, "andes", "Andes", "es", "America/Santiago", Admission.OPEN, Sounds())
CALL = Call("c-1", Phase.OFFERING, facts=ANDES, arrived_at=AT)


@pytest.fixture
def office(engine: Engine) -> Engine:
    """A database with a client and a secretary."""
    with writing(engine) as conn:
        conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="always", created_at=AT))
        conn.execute(insert(secretary).values(id=1, name="Ana", user="ana", password="x"))
        if not read_revision(conn):
            conn.execute(insert(revision).values(number=1))
    return engine


def minute(number: int) -> datetime:
    return AT + timedelta(minutes=number)


def does(office: Engine, act: Callable[[Work], object], at: datetime = AT) -> list[Verb]:
    """What the act leaves in the trail; the transaction is the web process's own, so it must note what it writes."""
    with booking(office, ANA, at) as work:
        act(work)
        return [entry.verb for entry in work.entries]


def kept(office: Engine) -> list[tuple[str, str, datetime, datetime | None]]:
    with reading(office) as conn:
        return [(one.by, one.reason, one.began_at, one.ended_at) for one in pauses.of_secretary(conn, 1)]


def hers(office: Engine) -> tuple[bool, str, str, datetime | None]:
    with reading(office) as conn:
        (row,) = secretaries.rows(conn)
    return row.paused, row.paused_why, row.pause_reason, row.paused_at


def number(office: Engine) -> int:
    with reading(office) as conn:
        return read_revision(conn)


def saved(office: Engine, at: datetime, *commands: object) -> None:
    step = Save(CALL, at == AT, (Line(1 + int((at - AT).total_seconds()), at, "SecretaryLeft", {}),), commands)  # type: ignore[arg-type]
    with writing(office) as conn:
        save(conn, [step], Rules("Casa", AlarmDesk("admin@casa.example", "es", "Casa")))


FREE = (False, "", "", None)


def test_her_own_pause_has_a_reason_and_is_over_when_she_says_so(office: Engine) -> None:
    before = number(office)
    assert does(office, lambda work: duty.pause(work, 1, " lunch ")) == [Verb.PAUSE_BEGUN]
    assert hers(office) == (True, "desk", "lunch", AT)
    assert number(office) == before + 1
    assert does(office, lambda work: duty.resume(work, 1), minute(30)) == [Verb.PAUSE_ENDED]
    assert (hers(office), number(office)) == (FREE, before + 2)
    assert kept(office) == [("desk", "lunch", AT, minute(30))]


def test_pressed_twice_nothing_is_written_twice(office: Engine) -> None:
    does(office, lambda work: duty.pause(work, 1, "lunch"))
    assert does(office, lambda work: duty.pause(work, 1, "lunch"), minute(1)) == []
    does(office, lambda work: duty.resume(work, 1), minute(2))
    assert does(office, lambda work: duty.resume(work, 1), minute(3)) == []
    assert kept(office) == [("desk", "lunch", AT, minute(2))]


def test_another_reason_is_another_pause(office: Engine) -> None:
    does(office, lambda work: duty.pause(work, 1, "bathroom"))
    does(office, lambda work: duty.pause(work, 1, "lunch"), minute(5))
    assert kept(office) == [("desk", "bathroom", AT, minute(5)), ("desk", "lunch", minute(5), None)]


@pytest.mark.parametrize("reason", ["", "a\nb", "x" * 41, "gossip"])
def test_a_reason_that_is_none_is_refused(office: Engine, reason: str) -> None:
    with pytest.raises(ClientMistake):
        does(office, lambda work: duty.pause(work, 1, reason, ["lunch"]))
    assert hers(office) == FREE


@pytest.mark.parametrize("who", [0, 2, -1])
def test_of_an_unknown_secretary_nothing_is_changed(office: Engine, who: int) -> None:
    for act in (duty.resume, duty.signed_in, duty.signed_out, duty.pause_by_admin, duty.resume_by_admin):
        with pytest.raises(ClientMistake):
            does(office, lambda work, act=act: act(work, who))  # type: ignore[misc]


def test_one_key_ends_the_systems_pause_for_refusals(office: Engine) -> None:
    saved(office, AT, PauseSeat(1, "Ana"))
    assert hers(office) == (True, "refusals", "", AT)
    does(office, lambda work: duty.resume(work, 1), minute(1))
    assert (hers(office), kept(office)) == (FREE, [("refusals", "", AT, minute(1))])


def test_the_admin_is_told_of_a_telephone_that_refuses_not_of_one_that_rings_in_vain_at_her_desk(
    office: Engine,
) -> None:
    saved(office, AT, PauseSeat(1, "Ana", silent=True))
    assert hers(office)[1] == "refusals"
    with reading(office) as conn:
        assert letters.newest(conn) == []


def test_an_admins_pause_is_ended_by_an_admin_alone(office: Engine) -> None:
    does(office, lambda work: duty.pause(work, 1, "lunch"))
    does(office, lambda work: duty.pause_by_admin(work, 1), minute(1))
    for act in (lambda work: duty.resume(work, 1), lambda work: duty.pause(work, 1, "lunch")):
        with pytest.raises(ClientMistake, match="an admin has paused Ana"):
            does(office, act)
    does(office, lambda work: duty.signed_out(work, 1), minute(2))
    does(office, lambda work: duty.signed_in(work, 1), minute(3))
    saved(office, AT, PauseSeat(1, "Ana"))
    assert hers(office) == (True, "", "", minute(1))
    does(office, lambda work: duty.resume_by_admin(work, 1), minute(4))
    assert hers(office) == FREE
    assert kept(office) == [("desk", "lunch", AT, minute(1)), ("", "", minute(1), minute(4))]


def test_who_signs_out_is_offered_nothing_until_she_signs_in(office: Engine) -> None:
    does(office, lambda work: duty.signed_out(work, 1))
    assert hers(office) == (True, "signed_out", "", AT)
    assert does(office, lambda work: duty.signed_out(work, 1), minute(1)) == []
    does(office, lambda work: duty.signed_in(work, 1), minute(2))
    assert (hers(office), kept(office)) == (FREE, [("signed_out", "", AT, minute(2))])


def test_signing_in_ends_nothing_else(office: Engine) -> None:
    does(office, lambda work: duty.pause(work, 1, "lunch"))
    assert does(office, lambda work: duty.signed_in(work, 1), minute(1)) == []
    assert hers(office)[1] == "desk"


def test_signing_out_ends_her_pause_so_that_it_is_not_booked_on_her_any_longer(office: Engine) -> None:
    does(office, lambda work: duty.pause(work, 1, "lunch"))
    does(office, lambda work: duty.signed_out(work, 1), minute(1))
    assert kept(office) == [("desk", "lunch", AT, minute(1)), ("signed_out", "", minute(1), None)]


def test_neither_a_telephone_that_registers_anew_nor_time_ends_another_pause_than_that_for_refusals(
    office: Engine,
) -> None:
    for begin in (lambda work: duty.pause(work, 1, "lunch"), lambda work: duty.signed_out(work, 1)):
        does(office, begin)
        assert does(office, lambda work: staff.end_pause(work, "ana")) == []
        assert does(office, lambda work: staff.end_old_pauses(work, minute(60))) == []
        assert hers(office)[0]


def test_a_pause_during_a_call_says_so_and_begins_at_its_end(office: Engine) -> None:
    saved(office, AT, ClaimSeat(1))
    told: list[Paused] = []
    does(office, lambda work: told.append(duty.pause(work, 1, "lunch")), minute(1))
    assert told == [Paused(after_call=True)]
    saved(office, minute(7), FreeSeat(1, minute(9), talked=True))
    assert (kept(office), hers(office)[3]) == ([("desk", "lunch", minute(7), None)], minute(7))
    told.clear()
    does(office, lambda work: told.append(duty.pause(work, 1, "other")), minute(8))
    assert told == [Paused(after_call=False)]


def test_she_who_leaves_leaves_no_open_pause(office: Engine) -> None:
    does(office, lambda work: duty.pause(work, 1, "lunch"))
    does(office, lambda work: staff.remove(work, "Ana"), minute(1))
    assert kept(office) == [("desk", "lunch", AT, minute(1))]


def test_the_office_has_whose_pause_it_is_and_what_the_client_gives_for_the_message(office: Engine) -> None:
    does(office, lambda work: duty.pause(work, 1, "lunch"))
    with reading(office) as conn:
        known = read_office(conn, AT.date())
    (her,) = known.secretaries
    assert (her.paused, her.paused_by, her.pause_reason, her.paused_at) == (True, "desk", "lunch", AT)
    assert known.clients[0].after_call == timedelta(minutes=2)


def test_a_rest_that_ends_before_its_time(office: Engine) -> None:
    saved(office, AT, ClaimSeat(1))
    saved(office, minute(1), FreeSeat(1, minute(3), talked=True))
    for at, until in ((minute(2), minute(2)), (minute(9), minute(2))):
        duty.end_rest(office, 1, at)
        with reading(office) as conn:
            assert secretaries.rows(conn)[0].free_from == until
