"""Who gives a command: by the name that the system knows, and from which terminal or address."""

import os
import pwd
import sys
from contextlib import suppress
from ipaddress import ip_address

from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.words.wording import clean_line

# What the trail has room for, characters: a directory's names, and an address's zone, may be longer.
NAME_LIMIT, ORIGIN_LIMIT = 64, 120


def who_asks() -> Actor:
    """The person behind the command; with sudo, the one who called it, and not the user that it works as."""
    return Actor(ActorKind.ADMIN, clean_line(_name(), NAME_LIMIT), clean_line(_origin(), ORIGIN_LIMIT))


def _name() -> str:
    # sudo sets it itself; a name that the system does not know was set by somebody else.
    caller = os.environ.get("SUDO_USER", "")
    with suppress(KeyError, ValueError):
        return pwd.getpwnam(caller).pw_name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        return str(os.getuid())


def _origin() -> str:
    """The address that a session comes from; else its terminal; nothing, without either."""
    terminal = _terminal()
    address = _ssh_address() or _address_of(terminal)
    return f"ssh {address}" if address else terminal


def _terminal() -> str:
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        with suppress(OSError, AttributeError, ValueError):
            return os.ttyname(stream.fileno()).removeprefix("/dev/") if stream else ""
    return ""


def _ssh_address() -> str:
    """What sshd says of its session, if it is an address."""
    with suppress(ValueError, IndexError):
        return str(ip_address(os.environ.get("SSH_CONNECTION", "").split()[0]))
    return ""


def _address_of(terminal: str) -> str:
    """Where the terminal's session comes from: sudo takes SSH_CONNECTION out of the environment."""
    if not terminal:
        return ""
    # Imported here: most commands need no look at the machine.
    import psutil

    hosts = [one.host for one in psutil.users() if one.terminal == terminal and one.host]
    with suppress(ValueError, IndexError):
        return str(ip_address(hosts[0]))
    return ""
