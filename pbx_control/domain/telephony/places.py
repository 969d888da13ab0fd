"""Where a telephone may be rung: at an address, and if it is known from where its password came, at that one only
(docs/decisions/toll-fraud.md)."""

import re
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

# So many addresses of a telephone are known, the newest first: at home, in the office, by mobile.
MOST = 3
# A SIP URI whose host is an address; what could be taken for the end of a user is refused. The dialplan has this rule.
_AT_ADDRESS = re.compile(r"sips?:([^@;?]*@)?(?P<host>[0-9.]+|\[[0-9a-fA-F:.]+\])(:[0-9]+)?(;[^?]*)?")
# A parameter that names another host to send to (RFC 3261 19.1.1). Headers, after a `?`, could do the same (Route).
_ELSEWHERE = re.compile(r";\s*maddr", re.IGNORECASE)


def plain_address(host: str) -> str:
    """An address in the one form by which two are compared; "" if it is none."""
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return ""
    # A socket for both families writes one of IPv4 as a part of IPv6.
    return str((address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address)


def address_in(uri: str) -> str:
    """The address in a telephone's contact; "" if it names another place to send to as well, or if its host is a name,
    which may mean another address each time."""
    found = _AT_ADDRESS.fullmatch(uri)
    return plain_address(found["host"]) if found and not _ELSEWHERE.search(uri) else ""


def with_newest(addresses: Sequence[str], address: str) -> tuple[str, ...]:
    """The addresses of a telephone whose password has just come from this one."""
    return (address, *(one for one in addresses if one != address))[:MOST]


def may_ring(uri: str, addresses: Sequence[str]) -> bool:
    """Whether a telephone may be rung at that contact; `addresses` are those that its password came from, none if that
    is not known."""
    address = address_in(uri)
    return bool(address) and (not addresses or address in addresses)
