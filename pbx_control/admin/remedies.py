"""Calls that the switch refused: what an admin can do for the next one to be served."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pbx_control.catalogue import N_
from pbx_control.domain.office import OurNumber, Trunk
from pbx_control.domain.telephony.numbering import is_complete, readings

# A dialled number with fewer digits says too little to look for it at the ends of ours.
SHORTEST_END = 4


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do, as a text with places for `values`."""

    template: str
    values: Mapping[str, Any]


def remedy(reason: str, number: str, carrier: Trunk | None, ours: Mapping[str, OurNumber]) -> Remedy:
    """What would mend a refusal. `carrier` is the trunk that its source belongs to, `ours` all our DIDs by number."""
    rule = RULES.get(reason)
    return rule(number, carrier, ours) if rule else _plainly("")


Rule = Callable[[str, Trunk | None, Mapping[str, OurNumber]], Remedy]


def _plainly(template: str, **values: Any) -> Remedy:
    return Remedy(template, values)


def _always(template: str) -> Rule:
    return lambda number, carrier, ours: _plainly(template)


def _unknown_number(number: str, carrier: Trunk | None, ours: Mapping[str, OurNumber]) -> Remedy:
    digits = number.replace("-", "").replace(".", "")
    if not digits:
        return _plainly("")
    if not digits.removeprefix("+").isdecimal():
        return _no_number(carrier)
    read = _readings(digits, carrier)
    for one in read:
        if one in ours:
            return _of_ours(one, ours[one], carrier)
    if not digits.startswith("+") and _ends(digits, ours):
        return _plainly(N_("it lacks the area: ask the carrier for whole numbers"))
    whole = next(filter(is_complete, read), "")
    if not whole:
        return _plainly(N_("it is no whole number: ask the carrier what it sends"))
    return _plainly(N_("it is none of ours: if it should be, `did add {number}`"), number=whole)


def _no_number(carrier: Trunk | None) -> Remedy:
    if carrier is None:
        return _plainly(N_("it is no number: ask the carrier where it puts the dialled one"))
    other = "to" if carrier.did_from == "request" else "request"
    return _plainly(
        N_("it is no number; if the carrier puts that elsewhere: `trunk set {trunk} --did-from {place}`"),
        trunk=carrier.name,
        place=other,
    )


def _of_ours(number: str, one: OurNumber, carrier: Trunk | None) -> Remedy:
    if not one.client:
        return _plainly(N_("{number} is free: `did assign {number} CLIENT`"), number=number)
    if one.trunk and (carrier is None or carrier.name != one.trunk):
        return _plainly(
            N_("{number} comes by the trunk {trunk} only: ask that carrier, or add the number without --trunk"),
            number=number,
            trunk=one.trunk,
        )
    return _plainly(N_("{number} is a number of {client} by now"), number=number, client=one.client)


def _ambiguous_number(number: str, carrier: Trunk | None, ours: Mapping[str, OurNumber]) -> Remedy:
    found = [one for one in _readings(number, carrier) if one in ours]
    return _plainly(
        N_(
            "it can be read as {numbers}: `trunk set {trunk} --number-format` as the carrier writes, "
            "or have it send a +"
        ),
        numbers=" / ".join(found) or number,
        trunk=carrier.name if carrier else "NAME",
    )


def _full(number: str, carrier: Trunk | None, ours: Mapping[str, OurNumber]) -> Remedy:
    return _plainly(
        N_("the trunk had its {most} calls: `trunk set {trunk} --max-calls`"),
        most=carrier.max_calls if carrier else "–",
        trunk=carrier.name if carrier else "NAME",
    )


def _no_codec(number: str, carrier: Trunk | None, ours: Mapping[str, OurNumber]) -> Remedy:
    codecs = ", ".join(carrier.codecs) if carrier else "alaw"
    if carrier is None or "alaw" in carrier.codecs:
        return _plainly(N_("it offers none of {codecs}: have the carrier offer G.711 A-law (PCMA)"), codecs=codecs)
    return _plainly(
        N_("it offers none of {codecs}: have the carrier offer one, or `trunk set {trunk} --codecs alaw,ulaw`"),
        codecs=codecs,
        trunk=carrier.name,
    )


def _srtp(template: str) -> Rule:
    return lambda number, carrier, ours: _plainly(template, trunk=carrier.name if carrier else "NAME")


def _readings(digits: str, carrier: Trunk | None) -> list[str]:
    return readings(digits, carrier.number_format if carrier else "e164", carrier.country if carrier else "CL")


def _ends(digits: str, ours: Iterable[str]) -> bool:
    return len(digits) >= SHORTEST_END and any(number.endswith(digits) for number in ours)


RULES: dict[str, Rule] = {
    "unknown-number": _unknown_number,
    "ambiguous-number": _ambiguous_number,
    "full": _full,
    "no-codec": _no_codec,
    "no-audio": _always(N_("it offers no sound (video only, or a fax): have the carrier offer G.711 A-law (PCMA)")),
    "unencrypted": _srtp(N_("it offers no SRTP: have the carrier offer it, or `trunk set {trunk} --srtp optional`")),
    "encrypted": _srtp(N_("it offers nothing but SRTP: `trunk set {trunk} --srtp optional`")),
    "dtls": _always(N_("it offers SRTP with keys by DTLS: have the carrier send them in the SDP (SDES)")),
    "offer": _always(N_("its offer of sound makes no sense to Asterisk: send the carrier a trace of the call")),
    "stranger": _always(N_("if it is a carrier of yours: `trunk add NAME --match ADDRESS`")),
    "kept-out": _always(N_("nothing: it guessed passwords, and is let in again after ten minutes")),
    "wrong-password": _always(N_("if it is a telephone of yours: `secretary reset-password`")),
    "merged": _always(N_("nothing: the carrier sent one call by two ways, and it was served once")),
    "loop": _always(N_("nothing: a contact's telephone forwards to us")),
    "dialled": _always(N_("nothing: secretaries' telephones dial no numbers")),
}
