"""Who guesses the passwords of telephones, and is kept out for a while: an address with too many wrong ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeVar

from pbx_control.domain.office import Trunk
from pbx_control.domain.telephony.places import carriers_networks

T = TypeVar("T")

# So many wrong passwords of one address within a minute: a telephone with an old one tries once or twice.
TRIES, WITHIN = 10, timedelta(minutes=1)
KEPT_OUT = timedelta(minutes=10)
# Asterisk looks at each of them at every request.
MOST_KEPT_OUT = 100
# So many addresses are watched at a time: the memory of a flood is bounded.
MOST_WATCHED = 1000
# What somebody can have for himself of IPv6: all of it is one place.
IPV6_PLACE = 64


@dataclass(frozen=True, slots=True)
class Watch:
    """`tried` says when each place gave wrong passwords lately, `out` until when it is kept out, `spared` until when it
    is not looked at again, because somebody of ours is there, too. A place is what `place_of` makes of an address."""

    tried: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    out: Mapping[str, datetime] = field(default_factory=dict)
    spared: Mapping[str, datetime] = field(default_factory=dict)


def place_of(source: str) -> str:
    """What is kept out of an address: itself, or its network of IPv6. "" if it is no address."""
    try:
        address = ip_address(source)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address) if address.version == 4 else str(ip_network((address, IPV6_PLACE), strict=False))


def wrong_password(watch: Watch, place: str, at: datetime) -> tuple[Watch, bool]:
    """A wrong password came from there. True if it was one too many: then `keep_out` or `spare` decides."""
    if place in watch.out or watch.spared.get(place, at) > at:
        return watch, False
    if place not in watch.tried and len(watch.tried) >= MOST_WATCHED:
        watch = _without_old(watch, at)
        if len(watch.tried) >= MOST_WATCHED:
            return watch, False
    tries = (*(one for one in watch.tried.get(place, ()) if at - one < WITHIN), at)
    if len(tries) < TRIES:
        return replace(watch, tried={**watch.tried, place: tries}), False
    return replace(watch, tried=_without(watch.tried, place)), True


def has_room(watch: Watch) -> bool:
    """Whether one more may be kept out."""
    return len(watch.out) < MOST_KEPT_OUT


def keep_out(watch: Watch, place: str, until: datetime) -> Watch:
    return replace(watch, out={**watch.out, place: until})


def spare(watch: Watch, place: str, at: datetime) -> Watch:
    """It is let be, and counted anew in a minute."""
    spared = {one: until for one, until in watch.spared.items() if until > at}
    return replace(watch, spared={**spared, place: at + WITHIN})


def in_force(watch: Watch, out: Mapping[str, datetime]) -> Watch:
    """The switch says who is kept out: after its own start nobody is."""
    return replace(watch, out=dict(out))


def over(watch: Watch, at: datetime, trunks: Iterable[Trunk]) -> list[str]:
    """Who is let in again: his time is over, or he has become a carrier."""
    carriers = tuple(trunks)
    return [place for place, until in watch.out.items() if until <= at or is_ours(place, (), carriers)]


def let_in(watch: Watch, place: str) -> Watch:
    return replace(watch, out=_without(watch.out, place))


def is_ours(place: str, telephones: Iterable[str], trunks: Iterable[Trunk]) -> bool:
    """Whether a telephone is registered from there, or a carrier's calls come from there or go there."""
    return any(_overlap(place, word) for word in (*telephones, *map(str, carriers_networks(trunks))))


def _overlap(place: str, word: str) -> bool:
    """False for what is no address."""
    try:
        one, other = ip_network(place), ip_network(word, strict=False)
    except ValueError:
        return False
    return one.version == other.version and one.overlaps(other)


def _without_old(watch: Watch, at: datetime) -> Watch:
    return replace(watch, tried={place: tries for place, tries in watch.tried.items() if at - tries[-1] < WITHIN})


def _without(of: Mapping[str, T], place: str) -> dict[str, T]:
    return {one: value for one, value in of.items() if one != place}
