"""Where a telephone may be rung: at an address that is no carrier's, and only where its password came from, if that is
known (docs/decisions/toll-fraud.md)."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import takewhile

from pbx_control.domain.office import Trunk

Network = IPv4Network | IPv6Network

# So many addresses of a telephone are known, the newest first: at home, in the office, by mobile.
MOST = 3
# A SIP URI whose host is an address; what could be taken for the end of a user is refused. The dialplan has this rule.
_AT_ADDRESS = re.compile(r"sips?:([^@;?]*@)?(?P<host>[0-9.]+|\[[0-9a-fA-F:.]+\])(:[0-9]+)?(;[^?]*)?")
# A parameter that names another host to send to (RFC 3261 19.1.1). Headers, after a `?`, could do the same (Route).
_ELSEWHERE = re.compile(r";\s*maddr", re.IGNORECASE)

# An address written in one way, as a telephone's is; that of IPv6 is none of IPv4 in other words. For the dialplan.
_OCTET = "(0|[1-9][0-9]?[0-9]?)"
PLAIN_ADDRESS = "[.]".join([_OCTET] * 4) + "|[[]0*[1-9a-fA-F][0-9a-fA-F:]*[]]"


@lru_cache(maxsize=1024)  # a telephone stays where it is
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


def carriers_networks(trunks: Iterable[Trunk]) -> list[Network]:
    """Where carriers are: what they send from, and where we send to if that is an address."""
    words = {word for trunk in trunks for word in (*trunk.match, trunk.host.partition(":")[0])}
    return sorted(filter(None, map(_network, words)), key=lambda one: (one.version, one))


def is_never_rung(uri: str, carriers: Iterable[Network]) -> bool:
    """Whether no telephone is rung at that contact, wherever its password came from: a carrier's, or no address."""
    found = address_in(uri)
    return not found or any(ip_address(found) in network for network in carriers)


def may_ring(uri: str, addresses: Sequence[str], carriers: Iterable[Network]) -> bool:
    """Whether a telephone may be rung at that contact; `addresses` are those that its password came from, none if that
    is not known."""
    return not is_never_rung(uri, carriers) and (not addresses or address_in(uri) in addresses)


def pattern(network: Network) -> str:
    """A regular expression (POSIX, extended) for the dialplan: what follows the @ in a SIP URI whose host, a
    PLAIN_ADDRESS, lies in that network.

    An address of IPv6 can be written in many ways: it is known by its first groups up to the first zero, so others that
    begin like it match, too."""
    return _pattern_of_four(network) if isinstance(network, IPv4Network) else _pattern_of_six(network)


def trunk_of(source: str, trunks: Iterable[Trunk]) -> Trunk | None:
    """The trunk that sends from that address."""
    try:
        address = ip_address(source)
    except ValueError:
        return None
    matches = ((trunk, word) for trunk in trunks for word in trunk.match)
    return next((trunk for trunk, word in matches if address in ip_network(word, strict=False)), None)


def _pattern_of_four(network: IPv4Network) -> str:
    ends = zip(network.network_address.packed, network.broadcast_address.packed, strict=True)
    return "[.]".join(_octets(first, last) for first, last in ends) + "([^0-9.]|$)"


def _octets(first: int, last: int) -> str:
    if (first, last) == (0, 255):
        return "[0-9]+"
    return str(first) if first == last else "(" + "|".join(map(str, range(first, last + 1))) + ")"


def _pattern_of_six(network: IPv6Network) -> str:
    groups = network.network_address.exploded.split(":")[: network.prefixlen // 16]
    known = [group.lstrip("0") for group in takewhile(lambda group: int(group, 16), groups)]
    return "[[]" + "".join(f"0*{''.join(map(_either_case, group))}:" for group in known)


def _either_case(digit: str) -> str:
    return f"[{digit}{digit.upper()}]" if digit.isalpha() else digit


@lru_cache(maxsize=1024)  # each telephone that rings is looked at beside all of them
def _network(word: str) -> Network | None:
    try:
        return ip_network(word, strict=False)
    except ValueError:
        return None  # a carrier that is given by name
