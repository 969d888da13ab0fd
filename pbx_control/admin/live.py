"""Waits until a change is live in the switch, for commands whose result people use at once."""

import json
import time

from pbx_control.admin.door import Desk
from pbx_control.admin.home import daemon_state
from pbx_control.store.engine import reading
from pbx_control.store.snapshot import read_revision

# The promise is two seconds; a switch that takes longer is not waited for, the daemon goes on trying.
PATIENCE = 5.0
LOOK_EVERY = 0.05


def wait_until_live(desk: Desk) -> bool:
    """Whether what the store has now is in force in the switch; without a running daemon it says no at once.

    The daemon writes the revision that it published last into run/daemon.json.
    """
    with reading(desk.engine) as connection:
        wanted = read_revision(connection)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        published = _published(desk)
        if published is None:
            return False
        if published >= wanted:
            return True
        time.sleep(LOOK_EVERY)
    return False


def _published(desk: Desk) -> int | None:
    """The revision in force, or None if no living daemon says so."""
    if not daemon_state(desk.home)["ready"]:
        return None
    try:
        return int(json.loads((desk.home.run / "daemon.json").read_text())["published"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
