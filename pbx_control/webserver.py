"""`web`: the process that serves the pages; the wiring of `web/`, as `daemon.py` is that of the live calls."""

import signal
import sys
from types import FrameType

import click

from pbx_control.admin.door import Door, pass_door
from pbx_control.admin.provisioning import examples
from pbx_control.logs import log_to_stderr


@click.command(
    epilog=examples("--home /srv/pbx web", "run --no-web   # the daemon, where the pages have a unit of their own")
)
@click.option("--child", is_flag=True, hidden=True)
@pass_door
def web(door: Door, child: bool) -> None:
    """Serve the pages in the foreground, until Ctrl-C or SIGTERM: [web] in pbx.toml says where.

    `run` starts it by itself.
    """
    # Until uvicorn listens to them, too, and after it has.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    settings = door.settings
    log_to_stderr()
    # Imported here: other commands need no web server.
    from pbx_control.web.server import serve

    serve(door.home, settings, child=child)


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
