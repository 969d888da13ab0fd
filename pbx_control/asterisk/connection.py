"""Makes sure that a connection is with Asterisk before we tell a password on it.

While Asterisk is down any user of the machine may listen on its ports, and would be told it.
"""

import pwd
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pbx_control.asterisk.runtime import process
from pbx_control.asterisk.runtime.account import asterisk_account
from pbx_control.asterisk.runtime.instance import of_home
from pbx_control.catalogue import N_
from pbx_control.errors import SwitchUnavailable
from pbx_control.settings import Home, Settings

HERE = "127.0.0.1"
# As the kernel writes that address in /proc/net, for IPv4 and for a socket of both families.
_HERE = ("0100007F", f"{0:016X}FFFF00000100007F")
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = "01"
_ROOT = 0
# A connection that no program has accepted yet has no owner: that is waited for, seconds.
ACCEPTED_WITHIN, LOOK_EVERY = 5.0, 0.01

# Is given the number of our own port of a connection; raises SwitchUnavailable if the other end is not Asterisk.
Check = Callable[[int], None]


class NotAsterisk(SwitchUnavailable):
    """Somebody else listens where Asterisk should."""


def connect(port: int, check: Check, timeout: float) -> socket.socket:
    """A connection to that port of loopback that `check` has passed. Raises OSError if nobody listens."""
    made = socket.create_connection((HERE, port), timeout)
    try:
        check(made.getsockname()[1])
    except BaseException:
        made.close()
        raise
    return made


def require_asterisk(port: int, settings: Settings, home: Home, our_port: int) -> None:
    """Raises NotAsterisk if another user than Asterisk's holds the other end of our connection to that port.

    Waits until the connection is accepted. Of an Asterisk in a container, or that others run, its user cannot be told:
    it may have any number.
    """
    spawned = process.load(of_home(home, settings).pid_file)
    if settings.asterisk.runtime == "external" or (spawned and spawned.runtime == "container"):
        return
    own = {_ROOT, asterisk_account(home.asterisk).uid if home.asterisk.is_dir() else _ROOT}
    uid = _accepted_by(port, our_port)
    if uid is None:
        raise NotAsterisk(
            N_("nobody takes connections on port {port} of this machine: Asterisk is not there"), port=port
        )
    if uid not in own:
        raise NotAsterisk(
            N_(
                "{user} listens on port {port} of this machine, and that is not Asterisk's user: no password is told "
                "there; end that program, or choose another port ([asterisk])"
            ),
            user=_name(uid),
            port=port,
        )


def _accepted_by(port: int, our_port: int) -> int | None:
    until = time.monotonic() + ACCEPTED_WITHIN
    while (uid := accepted_by(port, our_port)) is None and time.monotonic() < until:
        time.sleep(LOOK_EVERY)
    return uid


def accepted_by(port: int, our_port: int) -> int | None:
    """The user, by number, who holds the other end of a connection within loopback; None if nobody holds it."""
    local, remote = ({f"{address}:{number:04X}" for address in _HERE} for number in (port, our_port))
    for table in _TABLES:
        with suppress(OSError):  # a machine without IPv6
            for row in table.read_text().splitlines()[1:]:
                words = row.split()
                # Without an inode it belongs to no program yet, or no more, and the user's number means nothing.
                if words[1] in local and words[2] in remote and words[3] == _ESTABLISHED and words[9] != "0":
                    return int(words[7])
    return None


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
