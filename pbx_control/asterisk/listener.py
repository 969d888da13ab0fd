"""Makes sure that a port of loopback is Asterisk's before we tell a password there.

While Asterisk is down any user of the machine may listen there, and would be told it.
"""

import pwd
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pbx_control.asterisk.runtime import process
from pbx_control.asterisk.runtime.account import asterisk_account
from pbx_control.asterisk.runtime.instance import of_home
from pbx_control.errors import SwitchUnavailable
from pbx_control.settings import Home, Settings

# As the kernel writes them in /proc/net: 127.0.0.1 and every address, for IPv4 and, with both families, for IPv6.
_LOOPBACK = ("0100007F", "00000000", f"{0:016X}FFFF00000100007F", f"{0:032X}")
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENS = "0A"
_ROOT = 0


class NotAsterisk(SwitchUnavailable):
    """Somebody else listens where Asterisk should."""


def require_asterisk(port: int, settings: Settings, home: Home) -> None:
    """Raises NotAsterisk if another user than Asterisk's listens on that port of loopback, or nobody.

    Of an Asterisk in a container, or that others run, it cannot be told: its user may have any number.
    """
    spawned = process.load(of_home(home, settings).pid_file)
    if settings.asterisk.runtime == "external" or (spawned and spawned.runtime == "container"):
        return
    own = {_ROOT, asterisk_account(home.asterisk).uid if home.asterisk.is_dir() else _ROOT}
    users = list(listening(port))
    if not users:
        raise NotAsterisk("nobody listens on port {port} of this machine any more: Asterisk is not there", port=port)
    for uid in users:
        if uid not in own:
            raise NotAsterisk(
                "{user} listens on port {port} of this machine, and that is not Asterisk's user: no password is told "
                "there; end that program, or choose another port ([asterisk])",
                user=_name(uid),
                port=port,
            )


def listening(port: int) -> Iterator[int]:
    """The users, by number, who listen on that port of loopback."""
    for table in _TABLES:
        with suppress(OSError):  # a machine without IPv6
            for row in table.read_text().splitlines()[1:]:
                words = row.split()
                address, _, number = words[1].partition(":")
                if words[3] == _LISTENS and int(number, 16) == port and address in _LOOPBACK:
                    yield int(words[7])


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
