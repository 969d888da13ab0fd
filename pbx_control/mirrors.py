"""`mirror`: the process that keeps clients' remote calendars in step; the wiring of `jobs/mirroring.py`."""

import os
import signal
from types import FrameType

import click

from pbx_control.admin.door import Door, pass_door
from pbx_control.admin.provisioning import examples
from pbx_control.files import lock_shared
from pbx_control.logs import log_to_stderr
from pbx_control.offspring import end_with_daemon

# Calls come first where cores are scarce (nice(2)).
LESS_URGENT = 10


@click.command(epilog=examples("--home /srv/pbx mirror"))
@click.option("--child", is_flag=True, hidden=True)
@pass_door
def mirror(door: Door, child: bool) -> None:
    """Keep clients' calendars at Google and on CalDAV servers in step, until Ctrl-C or SIGTERM.

    `run` starts it by itself as soon as a client has such a calendar. Of several that run one works.
    """
    os.nice(LESS_URGENT)
    settings = door.settings
    log_to_stderr()
    # Imported here: other commands ask nothing of other servers.
    from uuid import uuid4

    from pbx_control.jobs.mirroring import GOODBYE, Mirroring
    from pbx_control.services.calendar_sync import Connections
    from pbx_control.store.engine import open_engine

    if child:
        end_with_daemon(GOODBYE + 2)
    serving = lock_shared(door.home.pages_lock)  # no restore meanwhile: we would write into what it replaces
    engine = open_engine(door.home, settings)
    connections = Connections(settings.agenda)
    mirroring = Mirroring(engine, connections.to, str(uuid4()))

    def end(_number: int, _frame: FrameType | None) -> None:
        mirroring.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        mirroring.run()
    finally:
        connections.close()
        serving.close()
        engine.dispose()
