"""Which arriving calls are our own consultations come back: clients forward their telephones to us, and often it is
a contact's (docs/service.md rule 9). Such a call is refused; it is nobody's, and never charged.

Everybody else is served: a busy signal to a real caller is worse than a consultation that rings a colleague.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pbx_control.domain.call.model import Call, Phase


@dataclass(frozen=True, slots=True)
class Arriving:
    """What an arriving call shows of itself. Numbers are E.164 where they could be read as such."""

    did: str  # that was called
    caller: str  # "" if he shows none
    forwarded_by: Collection[str] = ()  # everybody whom Diversion and History-Info name
    mark: str = ""  # the contact's leg whose mark it carries


def came_back(arriving: Arriving, live: Iterable[Call]) -> str | None:
    """The id of the call whose consultation has come back as an arriving call, "" if it is not clear whose it was;
    None for a caller.

    Only a consultation whose contact's telephone still rings can come back. It is known by our own mark, or it is a
    call to the DID that it showed, and from that DID, or forwarded by the contact in nobody else's name.
    """
    ringing = [call for call in live if call.phase is Phase.CALLING_CONTACT and call.contact_here]
    for call in ringing:
        if arriving.mark and arriving.mark == call.contact_leg:
            return call.id
    suspects = [call for call in ringing if _shown(call) == arriving.did and _looks_like(call, arriving)]
    by_contact = [call for call in suspects if _asked(call) in arriving.forwarded_by]
    if not suspects:
        return None
    found = by_contact or suspects
    return found[0].id if len(found) == 1 else ""


def may_have_come_back(arriving: Arriving, contacts: Collection[str]) -> bool:
    """Whether an arriving call shows what `came_back` looks at: few do. `contacts` are the numbers that the client
    whom it is for may have called."""
    return bool(arriving.mark) or arriving.caller == arriving.did or not set(contacts).isdisjoint(arriving.forwarded_by)


def _looks_like(call: Call, arriving: Arriving) -> bool:
    """Carriers that forward leave the DID in From, or put the contact there, or nobody."""
    if arriving.caller == arriving.did:
        return True
    return _asked(call) in arriving.forwarded_by and arriving.caller in ("", _asked(call))


def _asked(call: Call) -> str:
    """The number that is called."""
    return call.contact.numbers[call.number_tried] if call.contact else ""


def _shown(call: Call) -> str:
    return call.known.outgoing.shown if call.known.outgoing else ""
