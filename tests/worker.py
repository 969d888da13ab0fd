"""Which process of `pytest -n` this is: no two may use the same ports at once."""

import os

from pbx_control.world.installation import Ports

NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def ports(block: int) -> Ports:
    """The ports of this process; `block` is 0 or 1, for two installations in one process."""
    return Ports(16200 + 1000 * NUMBER + 200 * block, audio=22000 + 1800 * (2 * NUMBER + block))
