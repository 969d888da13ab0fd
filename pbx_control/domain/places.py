"""Where a telephone may be rung: only at hosts from which its password came (docs/decisions/toll-fraud.md).

A host is noted as a regular expression that Asterisk's REGEX() reads as Python does: the dialplan has the same rule.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address

# So many hosts of a telephone are known, the newest first: at home, in the office, by mobile.
MOST = 3
# What stands before and after the host in a SIP URI. What could be taken for the end of a user is refused.
_BEFORE, _AFTER = "^sips?:([^@;?]*@)?", "(:[0-9]+)?([;?]|$)"
# One of either kind, written so that neither reader takes it for something else.
_BRACKET = "[][]"
_ADDRESS = re.compile(rf"{_BEFORE}(?P<host>[0-9.]+|\[[0-9a-fA-F:.]+\]){_AFTER}")


def noted(host: str) -> str:
    """An expression for that address; "" if it is none. Nothing in it means something to the dialplan."""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    if isinstance(address, IPv4Address):
        # A socket for both families writes it as a part of an IPv6 address.
        return f"({_BRACKET}::ffff:)?{str(address).replace('.', '[.]')}{_BRACKET}?"
    return f"{_BRACKET}{address}{_BRACKET}" if address.scope_id is None else ""


def with_newest(hosts: Sequence[str], host: str) -> tuple[str, ...]:
    """The noted hosts of a telephone whose password has just come from this one."""
    return (host, *(one for one in hosts if one != host))[:MOST]


def address_in(uri: str) -> str:
    """The address in a telephone's contact; "" if its host is a name, which may mean another address each time."""
    found = _ADDRESS.match(uri)
    return found["host"].strip("[]") if found else ""


def is_at(uri: str, hosts: Sequence[str]) -> bool:
    """Whether that contact is at one of the noted hosts."""
    return bool(hosts and re.match(f"{_BEFORE}({'|'.join(hosts)}){_AFTER}", uri))
