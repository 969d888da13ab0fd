"""Keeps addresses out of SIP for a while, and says who is. Asterisk keeps that in memory: its own start forgets it.

An address that is kept out is known as an endpoint that lets nobody in (pjsip.conf, [kept-out]). Who is, and until
when, stands in a global variable of Asterisk's: a daemon that starts finds whom it has to let in.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from pbx_control.asterisk.ami import KEPT_OUT, Ami
from pbx_control.asterisk.ari import Ari, path
from pbx_control.asterisk.reached import contacts
from pbx_control.domain.telephony.places import address_in

VARIABLE = "PBX_KEPT_OUT"
# AMI cuts a value after 1,023 characters, so that it is asked for twenty addresses at a time.
AT_ONCE = 20
_NOTED = re.compile(r"(\d{1,11})@([^|\s]+)")


async def shut(ari: Ari, out: Mapping[str, datetime], place: str) -> bool:
    """Keeps out an address or a network, one of those in `out`. False if Asterisk does not take it. Raises
    SwitchUnavailable."""
    # Noted first: whom nobody remembers nobody would let in again.
    await _note(ari, out)
    fields = {"endpoint": KEPT_OUT, "match": place, "srv_lookups": "no"}
    body = {"fields": [{"attribute": name, "value": value} for name, value in fields.items()]}
    return (await ari.ask("PUT", _object(place), body)).ok


async def open_again(ari: Ari, out: Mapping[str, datetime], place: str) -> None:
    """Lets one in again who is not in `out` any more; it is no fault if he is in already. Raises SwitchUnavailable."""
    await ari.ask("DELETE", _object(place))
    await _note(ari, out)


async def kept_out(ami: Ami) -> dict[str, datetime]:
    """Who is kept out now, and until when. Raises SwitchUnavailable."""
    out: dict[str, datetime] = {}
    while some := noted(await ami.value(f"CUT({VARIABLE},|,{len(out) + 1}-{len(out) + AT_ONCE})")):
        out |= some
    return out


def noted(text: str) -> dict[str, datetime]:
    """The same, out of the variable's value."""
    return {place: datetime.fromtimestamp(int(until), UTC) for until, place in _NOTED.findall(text)}


def as_noted(out: Mapping[str, datetime]) -> str:
    """The variable's value."""
    return "|".join(f"{int(until.timestamp())}@{place}" for place, until in out.items())


async def registered_from(ami: Ami) -> frozenset[str]:
    """The addresses from which telephones are registered now. Raises SwitchUnavailable."""
    there = (address_in(one.uri) for one in await contacts(ami))
    return frozenset(address for address in there if address)


async def _note(ari: Ari, out: Mapping[str, datetime]) -> None:
    await ari.ask("POST", "asterisk/variable", variable=VARIABLE, value=as_noted(out))


def _object(place: str) -> str:
    name = f"{KEPT_OUT}-{place.replace('/', '_')}"
    return path("asterisk", "config", "dynamic", "res_pjsip", "identify", name)
