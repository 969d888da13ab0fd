"""`make bench`: sets up one Asterisk, measures three ways of setting up a call on it in turn, then transfers,
how soon a change is live, and the start of commands; or calls beside a purge; prints a table of each."""

import argparse
import asyncio
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from postgres_server import running

from bench.beside import Asides, Beside, Extent
from bench.calendars import ALONE, Calendars, Crowd, first_synchronised
from bench.calendars import Beside as CallsBeside
from bench.consultation import Consultations, consulted
from bench.desks import Shift, at_desks
from bench.lab import DID, Lab
from bench.letters import posted
from bench.listening import Listening, listened
from bench.measure import Round, measured, rss_mb
from bench.publishing import published
from bench.start import started
from bench.table import (
    Memory,
    Results,
    beside_goals,
    beside_table,
    calendars_goals,
    calendars_table,
    consultation_goal,
    consultation_table,
    desks_goals,
    desks_table,
    goals,
    letters_goals,
    letters_table,
    listening_goal,
    listening_table,
    publishing_goal,
    publishing_table,
    start_goal,
    start_table,
    table,
    wallboards_goals,
    wallboards_table,
)
from bench.wallboards import CLOSED, Hall, on_the_wall
from bench.ways import Way, ways

WARM_UP_RATE, WARM_UP_SECONDS = 20, 1.0


LONG_SHIFT = Shift(desks=60, rate=20, rounds=3, seconds=15.0)
# Calls that last until a page on a busy machine has seen them.
SHORT_SHIFT = Shift(desks=12, rate=2, rounds=1, seconds=4.0, talk=4000)
LARGE_HALL = Hall(boards=60, secretaries=60, rate=20, rounds=5, seconds=15.0)
SMALL_HALL = Hall(boards=6, secretaries=12, rate=4, rounds=1, seconds=3.0)
LARGE_HOME = Extent(recordings=100_000, due=10_000, rounds=5, seconds=15.0)
SMALL_HOME = Extent(recordings=2000, due=200, rounds=1, seconds=2.0)


FULL_CROWD = Crowd(events=10_000, calendars=500, rounds=3, seconds=60.0)
SMALL_CROWD = Crowd(events=200, calendars=10, rounds=1, seconds=2.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    secretaries: int  # enough that none is ever lacking: a call takes 1.1 s
    rounds: int
    seconds: float  # of calls in one round
    steps: tuple[int, ...] = ()  # calls/s beyond RATES, to find the knee
    step_seconds: float = 5.0
    transfer_seconds: float = 20.0
    listening_rounds: int = 5
    shift: Shift = LONG_SHIFT
    hall: Hall = LARGE_HALL
    purge: Extent = LARGE_HOME
    letter_seconds: float = 180.0
    starts: int = 15  # of each command
    crowd: Crowd = FULL_CROWD
    clients: int = 500  # whose configuration is published
    changes: int = 15  # of each kind


RATES = (10, 50, 100)
TRANSFER_RATE = 20
LETTER_RATE = 50
PURGE_RATES = (20, 50)
FULL = Plan(secretaries=450, rounds=3, seconds=4.0, steps=(120, 150, 200, 250, 300))
# Shows that everything still works, in less than a minute; its figures are of little weight.
QUICK = Plan(
    secretaries=200,
    rounds=1,
    seconds=1.0,
    transfer_seconds=2.0,
    listening_rounds=1,
    shift=SHORT_SHIFT,
    hall=SMALL_HALL,
    purge=SMALL_HOME,
    letter_seconds=4.0,
    starts=2,
    crowd=SMALL_CROWD,
    clients=20,
    changes=2,
)


def main() -> None:
    """Measures and prints; ends with status 0 when it could measure, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round of each: does it still work?")
    parser.add_argument("--transfers", action="store_true", help="only the measurement of supervised transfers")
    parser.add_argument("--listeners", action="store_true", help="only what listeners at the channel cost the daemon")
    parser.add_argument("--desks", action="store_true", help="only how soon a call is painted on a secretary's page")
    parser.add_argument("--wallboards", action="store_true", help="only how old a wallboard's figures are")
    parser.add_argument("--purge", action="store_true", help="only set-up beside the purge of a large home")
    parser.add_argument("--letters", action="store_true", help="only how soon a letter is with the mail server")
    parser.add_argument("--start", action="store_true", help="only the start of commands")
    parser.add_argument("--publishing", action="store_true", help="only how soon a change is live in the switch")
    parser.add_argument("--calendars", action="store_true", help="only clients' own calendars, and calls beside them")
    asked = parser.parse_args()
    # Short: a UNIX socket's name, below this folder, has 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="pbx-bench-"))
    plan = QUICK if asked.quick else FULL
    try:
        lines = _measured(folder, plan, asked)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(*lines, circumstances(), sep="\n")


def _measured(folder: Path, plan: Plan, asked: argparse.Namespace) -> list[str]:
    if asked.start:
        return run_start(folder, plan)
    if asked.letters:
        return run_letters(folder, plan)
    return asyncio.run(_in_a_lab(folder, plan, asked))


def run_letters(folder: Path, plan: Plan) -> list[str]:
    """How soon a letter is with the mail server, on SQLite and on a PostgreSQL of its own."""
    tell("sending letters for {:.0f} s on each database …", plan.letter_seconds)
    with running(durability="") as server:
        done = [
            posted(folder / f"letters-{number}", url, LETTER_RATE, plan.letter_seconds)
            for number, url in enumerate(("", server.new_database()))
        ]
    return [letters_table(done), *letters_goals(done)]


def run_start(folder: Path, plan: Plan) -> list[str]:
    """The start of commands, on a home of its own."""
    tell("starting commands …")
    done = started(folder / "start", plan.starts)
    return [start_table(done), start_goal(done)]


async def _in_a_lab(folder: Path, plan: Plan, asked: argparse.Namespace) -> list[str]:
    if asked.purge:
        return await run_purge(folder, plan)
    if asked.calendars:
        return await run_calendars(folder, plan)
    if asked.publishing:
        return await run_publishing(folder, plan)
    if asked.desks:
        return await run_desks(folder, plan)
    if asked.wallboards:
        return await run_wallboards(folder, plan)
    if asked.listeners:
        return await run_listening(folder, plan)
    lines = await run(folder, plan, asked.transfers)
    if asked.transfers:
        return lines
    desks = await run_desks(folder / "desks", plan)
    wall = await run_wallboards(folder / "wall", plan)
    letters = await asyncio.to_thread(run_letters, folder, plan)
    return [
        *lines,
        "",
        *desks,
        "",
        *wall,
        "",
        *letters,
        "",
        *await run_publishing(folder, plan),
        "",
        *run_start(folder, plan),
    ]


async def run_calendars(folder: Path, plan: Plan) -> list[str]:
    """A large calendar's first synchronisation, then calls beside many, on an installation of its own."""
    tell("reading a calendar of {} events …", plan.crowd.events)
    done = Calendars(plan.crowd, await asyncio.to_thread(first_synchronised, folder / "first", plan.crowd.events))
    tell("  {:.1f} s; calls beside {} calendars …", done.first.seconds, plan.crowd.calendars)
    async with Lab(folder / "many", plan.secretaries) as lab:
        await measured(lab, Way(ALONE, lambda calls: [DID] * calls, None), WARM_UP_RATE, WARM_UP_SECONDS)
        await CallsBeside(lab, plan.crowd).rounds(done)
    return [calendars_table(done), *calendars_goals(done)]


async def run_publishing(folder: Path, plan: Plan) -> list[str]:
    """How soon a change is live in the switch, on an installation of its own."""
    tell("publishing the changes of {} clients …", plan.clients)
    done = await published(folder / "live", plan.clients, plan.changes)
    return [publishing_table(done), publishing_goal(done)]


async def run_desks(folder: Path, plan: Plan) -> list[str]:
    """How soon a call is painted, on an installation of its own: all its secretaries have their pages open."""
    tell("setting up Asterisk, the daemon and {} desks …", plan.shift.desks)
    async with Lab(folder, plan.shift.desks, pages=True) as lab:
        done = await at_desks(lab, plan.shift)
    return [desks_table(done), *desks_goals(done)]


async def run_wallboards(folder: Path, plan: Plan) -> list[str]:
    """How old the figures on wallboards are, on an installation of its own."""
    tell("setting up Asterisk, the daemon and {} wallboards …", plan.hall.boards)
    async with Lab(folder, plan.hall.secretaries, pages=True) as lab:
        await measured(lab, Way(CLOSED, lambda calls: [DID] * calls, None), WARM_UP_RATE, WARM_UP_SECONDS)
        done = await on_the_wall(lab, plan.hall)
    return [wallboards_table(done), *wallboards_goals(done)]


async def run_listening(folder: Path, plan: Plan) -> list[str]:
    """What listeners cost, on an installation of its own."""
    async with _lab(folder, plan) as lab:
        done = await _listening(lab, plan)
    return [listening_table(done), listening_goal(done)]


async def run(folder: Path, plan: Plan, only_transfers: bool) -> list[str]:
    """The three ways and the transfers on one installation in `folder`; gives the tables and what they say of the
    goals."""
    async with _lab(folder, plan) as lab:
        results = None if only_transfers else await _three_ways(lab, plan)
        transfers = await _transfers(lab, plan)
        listening = None if only_transfers else await _listening(lab, plan)
    compared = [table(results), ""] if results else []
    return [
        *compared,
        consultation_table(transfers),
        *(["", listening_table(listening)] if listening else []),
        *(goals(results) if results else []),
        consultation_goal(transfers),
        *([listening_goal(listening)] if listening else []),
    ]


async def run_purge(folder: Path, plan: Plan) -> list[str]:
    """Set-up beside a purge, in the same way."""
    async with _lab(folder, plan) as lab:
        done = await _beside(lab, plan.purge)
    return [beside_table(done), *beside_goals(done)]


def _lab(folder: Path, plan: Plan) -> Lab:
    tell("setting up Asterisk, the daemon and {} telephones …", plan.secretaries)
    return Lab(folder, plan.secretaries)


async def _three_ways(lab: Lab, plan: Plan) -> Results:
    async with ways(lab) as three:
        for way in three:
            await measured(lab, way, WARM_UP_RATE, WARM_UP_SECONDS)
        before = {way.name: rss_mb(way.control) for way in three if way.control}
        rounds = await _rounds(lab, three, plan)
        steps = [each for way in three for each in await _climb(lab, way, plan)]
        memory = {
            way.name: Memory(before[way.name], rss_mb(way.control), _calls(way, [*rounds, *steps]))
            for way in three
            if way.control
        }
    return Results(rounds, steps, memory)


async def _beside(lab: Lab, extent: Extent) -> Beside:
    """A client without a plan, one with a plan, and that one beside a purge take turns."""
    tell("making {} recordings, load now {} …", extent.recordings, _load())
    asides = await asyncio.to_thread(Asides, lab, extent)
    await asides.alone(WARM_UP_RATE)
    done = Beside(extent)
    for number in range(extent.rounds):
        await lab.register()
        for rate in PURGE_RATES:
            without_plan, alone = await asides.without_plan(rate), await asides.alone(rate)
            beside, purged = await asides.beside(rate)
            done.purges.append(purged)
            for each in (without_plan, alone, beside):
                done.rounds.append(each)
                _report(f"round {number + 1}", each)
            tell("  the purge took {:.1f} s ({:.1f} s CPU), load {}", purged.seconds, purged.cpu, _load())
    return done


async def _transfers(lab: Lab, plan: Plan) -> Consultations:
    await consulted(lab, WARM_UP_RATE, WARM_UP_SECONDS)
    done = await consulted(lab, TRANSFER_RATE, plan.transfer_seconds)
    tell("transfers at {}/s: p50 {:.1f} ms, p99 {:.1f} ms, {} failed", done.rate, done.p50, done.p99, done.failed)
    return done


async def _listening(lab: Lab, plan: Plan) -> Listening:
    await lab.register()
    done = await listened(lab, plan.listening_rounds, plan.seconds)
    tell("listeners: {:+.1f} % of the daemon's CPU, {} calls failed", done.cost * 100, done.failed)
    return done


async def _rounds(lab: Lab, three: list[Way], plan: Plan) -> list[Round]:
    """The fixed rates; the ways take turns, so that what else the machine does meets all of them."""
    rounds = []
    for number in range(plan.rounds):
        for rate in RATES:
            for way in three:
                rounds.append(await measured(lab, way, rate, plan.seconds))
                _report(f"round {number + 1}", rounds[-1])
    return rounds


async def _climb(lab: Lab, way: Way, plan: Plan) -> list[Round]:
    """Steps up until a step fails twice: once may be the machine."""
    steps: list[Round] = []
    for rate in plan.steps:
        for _ in range(2):
            steps.append(await measured(lab, way, rate, plan.step_seconds))
            _report("step", steps[-1])
            if steps[-1].sustained:
                break
        else:
            break
    return steps


def _calls(way: Way, rounds: list[Round]) -> int:
    return sum(each.calls for each in rounds if each.way == way.name)


def _report(what: str, done: Round) -> None:
    verdict = "" if done.sustained else f", {done.failed} failed" if done.failed else ", not kept up with"
    tell("{}: {} at {}/s: p50 {:.1f} ms, p99 {:.1f} ms{}", what, done.way, done.rate, done.p50, done.p99, verdict)


def circumstances() -> str:
    """On what it was measured."""
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load at the end {_load()}"
    )


def _load() -> str:
    return "/".join(f"{each:.1f}" for each in os.getloadavg())


def tell(text: str, *values: object) -> None:
    """Progress, beside the table."""
    print(text.format(*values), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
