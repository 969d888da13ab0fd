"""Which process of `pytest -n` this is: no two may use the same ports at once."""

import os

from pbx_control.world.installation import Ports

# Two checkouts can be tested at once on one machine: the second one sets the number of its first process.
FIRST = int(os.environ.get("TESTS_FIRST_PROCESS", "0"))
NUMBER = FIRST + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def ports(block: int) -> Ports:
    """The ports of this process; `block` is 0 or 1, for two installations in one process."""
    return Ports(16200 + 1000 * NUMBER + 200 * block, audio=22000 + 1800 * (2 * NUMBER + block))


def fixed_ports(base: int, audio: int) -> Ports:
    """The ports of a module that runs in one process only."""
    return Ports(base + 1000 * FIRST, audio=audio + 450 * FIRST)
