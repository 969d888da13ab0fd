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

from chaos.campaign import Report, all_faults, campaign, every_fault, random_kills
from chaos.house import House
from pbx_control.world.installation import Ports

PORTS = Ports(16600, audio=44000)


@click.command()
@click.option("--kills", default=200, show_default=True, help="So many kills at random moments.")
@click.option("--faults", is_flag=True, help="Instead, one death at each phase and fault point.")
@click.option(
    "--pause",
    type=(float, float),
    default=(1.0, 4.0),
    show_default=True,
    help="Seconds from a start to the next kill.",
)
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--keep", is_flag=True, help="Leave the home behind, to look at.")
def chaos(kills: int, faults: bool, pause: tuple[float, float], database: str, seed: int, keep: bool) -> None:
    """Kill the daemon again and again under twenty live calls, and tell whether anybody noticed."""
    shake = every_fault(all_faults()) if faults else random_kills(kills, pause)
    folder = Path(tempfile.mkdtemp(prefix="pbx-chaos-", dir="/tmp"))
    with ExitStack() as stack:
        url = stack.enter_context(running()).new_database() if database == "postgresql" else ""
        report = asyncio.run(_run(House(folder, PORTS, url, random.Random(seed)), shake))
    print(report)
    if keep or report.complaints:
        print(f"the home is {folder}/home")
    else:
        shutil.rmtree(folder)
    sys.exit(bool(report.complaints))


async def _run(house: House, shake: object) -> Report:
    async with house:
        return await campaign(house, shake)


if __name__ == "__main__":
    chaos()
