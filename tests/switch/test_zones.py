"""Asterisk and the daemon read the same files: their wall clocks are one, in every zone that an admin may name."""

import asyncio
from datetime import UTC, datetime
from importlib import resources

import pytest

from pbx_control.asterisk.clocks import compare
from pbx_control.asterisk.dialplan import ZONES, zone_file
from pbx_control.domain import checks
from pbx_control.domain.office import Client

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CHILE = ["America/Santiago", "America/Punta_Arenas", "America/Coyhaique", "Pacific/Easter"]
ELSEWHERE = ["America/Vancouver", "America/Havana", "Europe/Dublin", "Africa/Casablanca", "Asia/Kolkata"]


async def differences(alone, names):
    return await asyncio.to_thread(compare, alone.home, alone.settings, names, NOW)


async def of_clients_in(alone, names):
    clients = (Client(number, f"firma{number}", "Firma", timezone=name) for number, name in enumerate(names, 1))
    await alone.publish(clients=tuple(clients))


async def test_both_have_the_same_clocks(alone):
    await of_clients_in(alone, CHILE + ELSEWHERE)
    assert await differences(alone, CHILE + ELSEWHERE) == {}


async def test_a_clock_that_goes_differently_is_noticed(alone, monkeypatch):
    await of_clients_in(alone, CHILE)
    file = alone.home.asterisk / "etc" / ZONES / zone_file("Europe/Madrid")
    assert not file.exists()
    found = await differences(alone, ["America/Santiago", "Europe/Madrid"])
    assert list(found) == ["Europe/Madrid"]


async def test_every_zone_of_the_list_can_be_read_by_asterisk(alone):
    names = (resources.files("tzdata") / "zones").read_text().split()
    names.remove("Factory")
    assert [checks.timezone(name) for name in names] == names
    await of_clients_in(alone, names)
    folder = alone.home.asterisk / "etc" / ZONES
    winter, summer = 1_799_999_999, 1_783_000_000
    for name in names:
        for at in (winter, summer):
            said = alone.console(f"dialplan eval function STRFTIME({at},{folder / zone_file(name)},%Y%m%d%H%M%S)")
            wall = f"{datetime.fromtimestamp(at, checks_zone(name)):%Y%m%d%H%M%S}"
            assert wall in said, (name, said)


def checks_zone(name):
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)
