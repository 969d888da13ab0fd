"""`python -m tests.chaos`: the long run, by hand. docs/chaos.md says what it does and what it found."""

import asyncio
import random
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from postgres_server import running

from chaos.campaign import EVERYBODY, OF_TRANSFERS, Report, Shake, all_faults, campaign, every_fault, random_kills
from chaos.cap import Kept, kept_without_daemon
from chaos.crowd import Kinds
from chaos.house import TRANSFER, House
from chaos.storm import Extent, storm
from chaos.transfers import TRANSFERS
from pbx_control.domain.call.model import Phase
from pbx_control.settings import Database, Home, Settings
from pbx_control.store.engine import open_engine
from pbx_control.store.migrate import upgrade
from pbx_control.world.installation import Ports

PORTS = (16600, 44000)


@click.command()
@click.option("--kills", default=200, show_default=True, help="So many kills at random moments.")
@click.option("--faults", is_flag=True, help="Instead, one death at each phase and fault point.")
@click.option("--cap", type=int, default=0, help="Instead, one hand-over that nobody ends: its cap, at most 600 s.")
@click.option("--letters", default=0, help="Instead, a storm over the outbox with so many letters; needs no Asterisk.")
@click.option("--transfers", is_flag=True, help="Only callers for whom a contact is called.")
@click.option(
    "--pause",
    type=(float, float),
    default=(1.0, 4.0),
    show_default=True,
    help="Seconds from a start to the next kill.",
)
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--ports", type=(int, int), default=PORTS, show_default=True, help="The first, and the first for audio.")
@click.option("--seed", default=1, show_default=True)
@click.option("--keep", is_flag=True, help="Leave the home behind, to look at.")
def chaos(
    kills: int,
    faults: bool,
    cap: int,
    letters: int,
    transfers: bool,
    pause: tuple[float, float],
    database: str,
    ports: tuple[int, int],
    seed: int,
    keep: bool,
) -> None:
    """Kill the daemon again and again under two dozen live calls, and tell whether anybody noticed."""
    if letters:
        sys.exit(_storm(letters, kills, database, seed))
    shake = every_fault(all_faults(OF_TRANSFERS if transfers else Phase)) if faults else random_kills(kills, pause)
    kinds = TRANSFERS if transfers else EVERYBODY
    folder = Path(tempfile.mkdtemp(prefix="pbx-chaos-", dir="/tmp"))
    with ExitStack() as stack:
        url = stack.enter_context(running()).new_database() if database == "postgresql" else ""
        firms = {"firms": (TRANSFER,)} if transfers or cap else {}
        house = House(folder, Ports(ports[0], audio=ports[1]), url, random.Random(seed), **firms, cap=cap or 600)
        report = asyncio.run(_capped(house, cap) if cap else _run(house, shake, kinds))
    print(report)
    if keep or report.complaints:
        print(f"the home is {folder}/home")
    else:
        shutil.rmtree(folder)
    sys.exit(bool(report.complaints))


def _storm(count: int, kills: int, database: str, seed: int) -> bool:
    """Whether there is a complaint."""
    extent = Extent(letters=count, recipients=max(2, count // 4), kills=kills, hours=3, watch=120)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pbx-storm-")))
        url = stack.enter_context(running()).new_database() if database == "postgresql" else ""
        settings = Settings(database=Database(url=url))
        upgrade(Home(folder), settings)
        done = asyncio.run(storm(open_engine(Home(folder), settings), folder, extent, seed))
    print(done)
    return bool(done.complaints)


async def _run(house: House, shake: Shake, kinds: Kinds) -> Report:
    async with house:
        return await campaign(house, shake, kinds)


async def _capped(house: House, cap: int) -> Kept:
    async with house:
        return await kept_without_daemon(house, cap)


if __name__ == "__main__":
    chaos()
