"""SIPp as a carrier or a stranger with a will of its own: sends exactly the SIP that a scenario says."""

import asyncio
import itertools
import os
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from dataclasses import dataclass
from pathlib import Path

import worker

from pbx_control.world.legs import patience

SCENARIOS = Path(__file__).parents[1] / "sipp"
CARRIER, STRANGER = "127.0.0.2", "127.0.0.9"
LIMIT = 30.0  # s for one scenario

# A port of this run of tests: SIPp does not look for a free one.
AUDIO = 46000 + 2 * (os.getpid() % 40)

_local_ports = itertools.cycle(worker.ports(1).base + 90 + number for number in range(8))


@dataclass(frozen=True)
class Outcome:
    """Whether all messages came as the scenario expects; `errors` says what came instead."""

    as_expected: bool
    errors: str


async def play(folder: Path, scenario: str, switch: str, source: str = CARRIER, **values: str) -> Outcome:
    """Plays tests/sipp/`scenario`.xml once against the switch at host:port; `values` fill its [keywords].

    STATUS, USER and the like in capitals stand where SIPp allows no keyword: they are replaced in the scenario.
    """
    text = (SCENARIOS / f"{scenario}.xml").read_text()
    for name in [name for name in values if name.isupper()]:
        text = text.replace(name, values.pop(name))
    script = folder / f"{scenario}.xml"
    script.write_text(text)
    keys = [word for name, value in values.items() if name != "service" for word in ("-key", name, value)]
    service = ["-s", values["service"]] if "service" in values else []
    limit = patience(LIMIT)
    process = await create_subprocess_exec(
        *("sipp", switch, "-sf", str(script), "-i", source, "-p", str(next(_local_ports)), "-m", "1", "-nostdin"),
        *("-mi", source, "-mp", str(AUDIO), "-trace_err", "-timeout", f"{limit:.0f}s"),
        *service,
        *keys,
        cwd=folder,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    _, complaint = await asyncio.wait_for(process.communicate(), limit + 5)
    errors = "".join(file.read_text(errors="replace") for file in folder.glob("*errors.log"))
    return Outcome(process.returncode == 0, errors + complaint.decode(errors="replace"))
