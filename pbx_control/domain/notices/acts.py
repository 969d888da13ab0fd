"""What people in a chat can do about a call by the buttons beneath its message."""

from collections.abc import Mapping
from enum import StrEnum

from pbx_control.catalogue import N_
from pbx_control.domain.words.wording import is_withheld


class Act(StrEnum):
    """One button; the names stand in what the button sends back."""

    SEEN = "seen"
    CALL_BACK = "call-back"  # the secretaries are asked to call him back
    TAKE = "take"  # of an urgent message: I see to it
    BLOCK = "block"  # this caller is not let in any more


LABELS: Mapping[Act, str] = {
    Act.SEEN: N_("✓ Seen"),
    Act.CALL_BACK: N_("↩ Please call back"),
    Act.TAKE: N_("✋ Urgent: I take it"),
    Act.BLOCK: N_("⛔ Block this caller"),
}


def acts_about(caller: str, *, urgent: bool) -> tuple[Act, ...]:
    """The buttons beneath the first letter about a call. A withheld number can be neither called nor blocked."""
    his = () if is_withheld(caller) or not caller.startswith("+") else (Act.CALL_BACK, Act.BLOCK)
    return (Act.SEEN, *((Act.TAKE,) if urgent else ()), *his)
