"""`demo`: the command itself; what it plays needs the outside world, which is not part of every installation."""

import click

from pbx_control.admin.door import Door, pass_door
from pbx_control.errors import ClientMistake

# What the extra `demo` of setup.cfg brings.
EXTRA = "aiosmtpd"


@click.command()
@click.option("--stay", is_flag=True, help="Keep it running afterwards, for a softphone of your own, until Ctrl-C.")
@pass_door
def demo(door: Door, stay: bool) -> None:
    """Real calls through a real Asterisk: answered, closed, missed, and with the daemon killed.

    Everything lies in the folder `demo` of the home and is made anew each time. Exit status 0 only if all of it
    really happened.
    """
    try:
        from pbx_control.demo.play import perform
    except ModuleNotFoundError as missing:
        if missing.name != EXTRA:
            raise
        raise ClientMistake(
            "the demo's mail server is not installed: pip install 'pbx-control[demo]', then call it again"
        ) from None
    perform(door, stay)
