"""What the portal says of calls and letters."""

from collections.abc import Mapping

from pbx_control.catalogue import N_, counted
from pbx_control.domain.call.model import Outcome
from pbx_control.services.messages import Status

OUTCOMES: Mapping[str, str] = {
    Outcome.ANSWERED: N_("answered"),
    Outcome.MISSED: N_("not answered"),
    Outcome.CLOSED: N_("outside the hours"),
    Outcome.LEFT_MESSAGE: N_("left a voice message"),
    Outcome.EXHAUSTED: N_("no calls left: nobody answered"),
    Outcome.BLOCKED: N_("blocked"),
}
HANDED_OVER = N_("handed over to {contact}")
LASTS = N_("in conversation with {contact}")
WITHHELD = N_("withheld number")

DELIVERED: Mapping[str, str] = {
    Status.QUEUED: N_("on its way"),
    Status.SENT: N_("delivered"),
    Status.FAILED: N_("could not be delivered"),
    Status.SEEN: N_("seen by {who}"),
}
FLAWS: Mapping[str, str] = {
    "missing": N_("The recording is missing."),
    "short": N_("Not all of the conversation is recorded."),
    "long": N_("The recording is longer than the conversation."),
    "lost": N_("The voice message could not be recorded."),
    "cut": N_("Not all of the voice message could be recorded."),
}

# How it stands with an urgent message.
TOLD_AGAIN = counted("{who} was told again, {when}.", "{who} was told again {times} times, last {when}.", by="times")
SEEN = N_("{who} has seen it, {when}.")
UNSEEN = N_("Nobody has said yet that it was seen. Until somebody does, the next one is told again.")
GIVEN_UP = N_("Nobody has said that it was seen, and everybody was told: the secretaries were asked to call you.")
# Who has listened, if it was nobody of the client's.
OFFICE = N_("the office")
LISTENED_LIVE = N_("the office, while the call lasted")
