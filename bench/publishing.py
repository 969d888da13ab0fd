"""How long a change of provisioning takes until the switch has it: with many clients, while the daemon runs.

The clock runs from before the change's transaction until Asterisk's own console shows what was added. A bare
`dialplan reload` of the same configuration, asked for on that console, stands beside it: no change can take less.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from bench.lab import PORTS, TRUNK, TRUNK_CONTEXT
from pbx_control.asterisk import runtime
from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.services import clientele, numbers, staff
from pbx_control.services.work import Work, changing
from pbx_control.settings import Home, load
from pbx_control.store import clients, trunks
from pbx_control.store.engine import open_engine
from pbx_control.world.installation import CARRIER, Installation

NUMBER, SECRETARY, RELOAD = "a client's new number", "a new secretary", "bare `dialplan reload`"
# Secretaries for so many clients as are measured with.
BENCH = Actor(ActorKind.ADMIN, "bench")
CLIENTS_EACH = 10
WEEK = "mon-fri 09:00-13:00 14:00-18:00"
# The switch is asked so often, seconds; so long, a change is waited for.
LOOK_EVERY, PATIENCE = 0.01, 60.0
# After the switch has a change the daemon still proves it and writes that down; the next change comes later, seconds.
PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Publications:
    """All that was measured: seconds of each round, by what was changed."""

    clients: int
    rounds: dict[str, list[float]] = field(default_factory=dict)


async def published(folder: Path, count: int, rounds: int) -> Publications:
    """Makes an installation with `count` clients in `folder` and measures on it; what is changed takes turns."""
    done = Publications(count)
    async with _office(folder, count) as (engine, switch):
        for each in range(rounds):
            for what, act, shows in _changes(each):
                took = await _took(engine, switch, act, shows)
                done.rounds.setdefault(what, []).append(took)
                await asyncio.sleep(PAUSE)
            begun = time.monotonic()
            await asyncio.to_thread(switch.command, "dialplan reload", PATIENCE)
            done.rounds.setdefault(RELOAD, []).append(time.monotonic() - begun)
    return done


Act = Callable[[Work], str]
"""Does a change and gives the name by which the switch will know it."""


def _changes(each: int) -> list[tuple[str, Act, str]]:
    """What is changed in a round, how, and the console's command that shows it."""
    return [
        (NUMBER, lambda work: _new_number(work, each), f"dialplan show {TRUNK_CONTEXT}-{{}}"),
        (SECRETARY, lambda work: _new_secretary(work, each), "pjsip show endpoint {}"),
    ]


def _new_number(work: Work, each: int) -> str:
    number = f"+5622558{each:04}"
    numbers.add(work, [number], trunks.find(work.conn, TRUNK).id)
    numbers.assign(work, number, clients.find(work.conn, f"firm{each}").id)
    return number


def _new_secretary(work: Work, each: int) -> str:
    return staff.add(work, f"Eva {each}", languages=["es"], client_ids=None).user


async def _took(engine: Engine, switch: runtime.Runtime, act: Act, shows: str) -> float:
    begun = time.monotonic()
    with changing(engine, BENCH, now()) as work:
        name = act(work)
    question = shows.format(name)
    while time.monotonic() - begun < PATIENCE:
        answer = await asyncio.to_thread(switch.command, question)
        if name in answer and "no existence" not in answer and "Unable to find" not in answer:
            return time.monotonic() - begun
        await asyncio.sleep(LOOK_EVERY)
    raise TimeoutError(f"the switch has not got {name} within {PATIENCE:g} s")


@asynccontextmanager
async def _office(folder: Path, count: int) -> AsyncIterator[tuple[Engine, runtime.Runtime]]:
    """A running installation: its database and its switch."""
    PORTS.require_free()
    office, home = Installation(folder, PORTS), Home(folder)
    office.write_settings()
    await office.pbx("setup")
    await office.pbx("trunk", "add", TRUNK, "--match", CARRIER)
    engine = open_engine(home, load(home))
    try:
        with changing(engine, BENCH, now()) as work:
            _provision(work, count)
        await office.pbx("dialplan", "apply")
        await office.pbx("asterisk", "start")
        await office.start_daemon()
        yield engine, runtime.choose(home, load(home))
    finally:
        engine.dispose()
        await office.clean_up()


def _provision(work: Work, count: int) -> None:
    dialled = [f"+5622557{each:04}" for each in range(count)]
    numbers.add(work, dialled, trunks.find(work.conn, TRUNK).id)
    for each, number in enumerate(dialled):
        # Of one name: what their callers hear is spoken once.
        client_id = clientele.add(work, f"firm{each}", name="Andes", week=WEEK, recording=False)
        numbers.assign(work, number, client_id)
    for each in range(count // CLIENTS_EACH):
        staff.add(work, f"Ana {each}", languages=["es"], client_ids=None)
