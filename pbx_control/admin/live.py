"""Waits until a change is live in the switch, for commands whose result people use at once."""

import time

from pbx_control.admin.door import Door
from pbx_control.live.listener import DaemonAway, Wire, told_of_daemon
from pbx_control.store.engine import reading
from pbx_control.store.snapshot import read_revision

# The promise is two seconds; a switch that takes longer is not waited for, the daemon goes on trying.
PATIENCE = 5.0


def wait_until_live(door: Door) -> bool:
    """Whether what the store has now is in force in the switch; without a daemon that takes calls the answer is no."""
    with reading(door.engine) as connection:
        wanted = read_revision(connection)
    until = time.monotonic() + PATIENCE
    try:
        with Wire(door.home) as wire:
            for daemon in told_of_daemon(wire, PATIENCE):
                if not daemon.ready or time.monotonic() > until:
                    return False
                if daemon.published >= wanted:
                    return True
    except (DaemonAway, TimeoutError):
        pass
    return False
