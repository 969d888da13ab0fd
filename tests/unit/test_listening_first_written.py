"""No supervisor's telephone rings, and nobody hears her, before the audit trail has it: with a database that is slow,
or that refuses."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select
from structlog.testing import capture_logs
from test_switchboard import ANA, SUMMER, House, house, locked, until

from pbx_control.clock import now
from pbx_control.domain.audit import ActorKind, Verb
from pbx_control.domain.call import commands as c
from pbx_control.domain.call.events import SupervisionAsked, SupervisionEndAsked, SupervisorAnswered
from pbx_control.domain.call.model import Phase, SupervisionMode
from pbx_control.domain.call.story import sentence
from pbx_control.domain.office import SupervisorTelephone
from pbx_control.live.directory import Directory
from pbx_control.services import steps
from pbx_control.settings import Home, Settings
from pbx_control.store import audit as trails
from pbx_control.store import call_log
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.tables import audit, client, recipient, secretary

LISTEN, BARGE = SupervisionMode.LISTEN, SupervisionMode.BARGE


@pytest.fixture
def engine(sqlite_url: str, tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(Home(tmp_path), Settings())
    with writing(opened) as conn:
        conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="always", created_at=SUMMER))
        conn.execute(insert(recipient).values(client_id=1, channel="email", address="gerencia@andes.example"))
        conn.execute(insert(secretary).values(id=ANA.id, name=ANA.name, user=ANA.user, password="x"))
    yield opened
    opened.dispose()


def trail(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return list(conn.scalars(select(audit.c.difference).where(audit.c.verb == "call supervised")))


def done(here: House, kind: type[c.SwitchCommand]) -> int:
    return sum(isinstance(command, kind) for _, command in here.switch.done)


async def talks(here: House) -> None:
    here.register("ana")
    here.dials()
    await here.calm()
    here.switch.answers("c1-secretary-1")
    await here.calm()
    assert here.phase() is Phase.TALKING


def asks(here: House, mode: SupervisionMode = LISTEN) -> None:
    here.board.post("c1", SupervisionAsked(now(), 9, mode, "jefa-1", ticket=1, asker="jefa"))


async def test_the_line_is_there_before_the_telephone_rings(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(engine, ANA) as here:
        await talks(here)
        there: list[int] = []
        perform = here._perform

        def looks_first(call_id: str, command: object) -> None:
            if isinstance(command, c.RingSupervisor):
                there.append(len(trail(engine)))
            perform(call_id, command)

        monkeypatch.setattr(here.board, "_perform", looks_first)
        asks(here)
        await here.calm()
        assert there == [1]


async def test_with_a_slow_database_nothing_rings_and_it_is_not_made_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("pbx_control.live.switchboard.SLOW", "pbx_control.live.writer.SLOW"):
        monkeypatch.setattr(module, 0.05)
    async with house(engine, ANA) as here:
        await talks(here)
        async with locked(engine):
            asks(here)
            await until(lambda: here.writer.stalled)
            await here.calm()
            assert done(here, c.RingSupervisor) == 0
            assert here.phase() is Phase.TALKING
        await until(lambda: not here.writer.stalled)
        await here.calm()
        assert done(here, c.RingSupervisor) == 0
        call = here.board.call("c1")
        assert call
        assert call.supervision is None


async def test_with_a_slow_database_nobody_hears_her_who_did_not(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("pbx_control.live.switchboard.SLOW", "pbx_control.live.writer.SLOW"):
        monkeypatch.setattr(module, 0.05)
    async with house(engine, ANA) as here:
        await talks(here)
        asks(here)
        await here.calm()
        here.board.post("c1", SupervisorAnswered(now(), "c1-supervisor-1"))
        await here.calm()
        assert done(here, c.Snoop) == 1
        async with locked(engine):
            asks(here, BARGE)
            await until(lambda: here.writer.stalled)
            await here.calm()
            assert done(here, c.Snoop) == 1
            call = here.board.call("c1")
            assert call
            assert call.supervision is None  # she is let go


async def test_the_trail_says_which_admin_has_ended_whose_listening(engine: Engine) -> None:
    async with house(engine, ANA) as here:
        await talks(here)
        asks(here)
        await here.calm()
        here.board.post("c1", SupervisionEndAsked(now(), 10, True, ticket=2, asker="root"))
        await here.calm()
        call = here.board.call("c1")
        assert call
        assert (call.phase, call.supervision) == (Phase.TALKING, None)
    with reading(engine) as conn:
        [entry] = [one.entry for one in trails.newest(conn) if one.entry.verb is Verb.SUPERVISION_ENDED]
        line = call_log.journal_of(conn, "c1")[-1]
    assert (entry.actor.kind, entry.actor.name, entry.subject, entry.client_id) == (ActorKind.ADMIN, "root", "c1", 1)
    assert entry.difference == {
        "supervision": ("listen", None),
        "supervisor": ("jefa", None),
        "secretary": (ANA.name, None),
    }
    assert line.details == {"by": "root", "secretary": ANA.name, "supervisor": "jefa"}
    told = sentence(line.event, line.details, "en")
    assert told == "root, an admin, has jefa, a supervisor, leave the call"


async def test_who_loses_her_telephone_hears_no_more(engine: Engine) -> None:
    async with house(engine, ANA) as here:
        await talks(here)
        asks(here)
        await here.calm()
        here.board.post("c1", SupervisorAnswered(now(), "c1-supervisor-1"))
        await here.calm()
        assert here.board.directory
        office = here.board.directory.office
        for theirs, stays in (((SupervisorTelephone(9, "jefa-1", "x"),), True), ((), False)):
            here.board.staff(Directory(replace(office, supervisors=theirs)), {})
            await here.calm()
            call = here.board.call("c1")
            assert call
            assert bool(call.supervision) is stays
        assert here.phase() is Phase.TALKING


async def test_a_line_that_the_database_refuses_lets_nobody_in(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(engine, ANA) as here:
        await talks(here)

        def refuses(*_: object) -> None:
            raise KeyError("no such word")

        # Captured: printing what was refused takes longer than a slow commit.
        with monkeypatch.context() as patched, capture_logs() as logged:
            patched.setattr(steps, "_note_supervision", refuses)
            asks(here)
            await here.calm()
            await until(lambda: here.writer._in_hand_since is None)
        assert [line["event"] for line in logged] == ["a step was refused by the database"]
        assert done(here, c.RingSupervisor) == 0
        assert trail(engine) == []
        call = here.board.call("c1")
        assert call
        assert call.supervision is None
        asks(here)
        await here.calm()
        assert done(here, c.RingSupervisor) == 1


