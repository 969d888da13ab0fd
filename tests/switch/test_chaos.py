"""The daemon is killed under live calls: eight times, and once at every point of every phase; and ten times under those
for whom a contact is called. Nobody notices.

With two dozen callers, hundreds of times, on a machine that does nothing else: `python -m tests.chaos` (docs/chaos.md).
"""

import asyncio
import random
import shutil
import statistics
import tempfile
from pathlib import Path

import pytest
import worker
from chaos.campaign import ONE_OF_EACH, Shake, all_faults, campaign, every_fault, random_kills
from chaos.house import TRANSFER, House
from chaos.killer import Killer
from chaos.transfers import TRANSFERS
from postgres_server import Server, running

from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio]

PORTS = worker.fixed_ports(16600, audio=44000)
KILLS = 8
TRANSFER_KILLS, TRANSFER_PAUSE = 10, (0.5, 3.0)
PAUSE = (2.0, 6.0)  # s from a start to the next kill
AWAY = 20.0  # s without a database
BACK_WITHIN = 5.0  # s, on an idle machine


@pytest.fixture
def folder():
    """A short path: a UNIX socket's name has 107 bytes at most."""
    path = Path(tempfile.mkdtemp(prefix="pbx-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def test_a_death_at_every_point_of_every_phase_is_not_noticed(folder):
    async with House(folder, PORTS, dice=random.Random(1)) as house:
        report = await campaign(house, every_fault(all_faults()), ONE_OF_EACH)
    assert not report.complaints, str(report)
    assert statistics.median(report.away) < patience(BACK_WITHIN)


@pytest.mark.postgres
async def test_kills_on_postgresql_are_not_noticed(folder, postgres_url):
    async with House(folder, PORTS, postgres_url, random.Random(2)) as house:
        report = await campaign(house, random_kills(KILLS, PAUSE), ONE_OF_EACH)
    assert not report.complaints, str(report)
    assert statistics.median(report.away) < patience(BACK_WITHIN)


async def test_kills_under_transfers_are_not_noticed(folder):
    async with House(folder, PORTS, dice=random.Random(4), firms=(TRANSFER,)) as house:
        report = await campaign(house, random_kills(TRANSFER_KILLS, TRANSFER_PAUSE), TRANSFERS)
    assert not report.complaints, str(report)
    assert report.transferred >= 2
    assert statistics.median(report.away) < patience(BACK_WITHIN)


@pytest.mark.postgres
@pytest.mark.parametrize("way", ["hangs", "is stopped"])
async def test_a_database_that_is_away_ends_no_call_and_loses_none(folder, way):
    with running() as server:
        async with House(folder, PORTS, server.new_database(), random.Random(3)) as house:
            report = await campaign(house, database_away(server, way), ONE_OF_EACH)
    assert not report.complaints, str(report)


def database_away(server: Server, way: str) -> Shake:
    """The database server hangs, or is stopped and started again, for a while; the daemon lives on."""

    async def shake(killer: Killer) -> None:
        pid = killer.pid
        await asyncio.to_thread(server.pause if way == "hangs" else server.stop)
        await asyncio.sleep(AWAY)
        await asyncio.to_thread(server.resume if way == "hangs" else server.start)
        await asyncio.sleep(AWAY / 2)
        assert killer.pid == pid

    return shake
