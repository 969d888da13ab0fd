"""Which arriving calls are our own consultations come back: clients forward their telephones to us, and often it is
a contact's (docs/service.md rule 9). Such a call is refused; it is nobody's, and never charged."""

from collections.abc import Callable, Iterable

from pbx_control.domain.call.model import Call, Phase

ASKING = (Phase.CALLING_CONTACT, Phase.CONSULTING)


def came_back(caller: str, diverted_by: str, owns: Callable[[str], bool], live: Iterable[Call]) -> str | None:
    """The id of the call whose consultation has come back as an arriving call, "" if it is not clear whose it was;
    None for an ordinary call.

    `caller` and `diverted_by` (who forwarded it, "" for nobody) are E.164 where they could be read as numbers; `owns`
    tells our DIDs. Carriers differ in which of the two still names us, and which the contact.
    """
    numbers = {number for number in (caller, diverted_by) if number}
    asking = [call for call in live if call.phase in ASKING]
    of_contact = [call for call in asking if _asked(call) in numbers]
    if of_contact:
        # Of two that ask the same contact, one whose telephone rings still: the other one will come back, too.
        return min(of_contact, key=lambda call: call.phase is not Phase.CALLING_CONTACT).id
    if not any(map(owns, numbers)):
        return None
    shown = [call.id for call in asking if call.phase is Phase.CALLING_CONTACT and _shown(call) in numbers]
    return shown[0] if len(shown) == 1 else ""


def _asked(call: Call) -> str:
    """The number that is called, or talked with."""
    return call.contact.numbers[call.number_tried] if call.contact else ""


def _shown(call: Call) -> str:
    return call.known.outgoing.shown if call.known.outgoing else ""
