"""What programs may do, what they are told, and how it stands with that, in words."""

from collections.abc import Mapping

from pbx_control.catalogue import N_
from pbx_control.domain.tokens import Scope
from pbx_control.domain.webhooks import EventType

SCOPES: Mapping[Scope, str] = {
    Scope.CALLS_READ: N_("see calls"),
    Scope.MESSAGES_READ: N_("read messages"),
    Scope.MESSAGES_WRITE: N_("write messages"),
    Scope.CLIENTS_READ: N_("see the firm's name and state"),
    Scope.LEDGER_READ: N_("see the ledger"),
    Scope.CALENDARS_READ: N_("see calendars and free times"),
    Scope.APPOINTMENTS_READ: N_("see appointments"),
    Scope.APPOINTMENTS_WRITE: N_("book, move and cancel appointments"),
    Scope.WEBHOOKS_READ: N_("see webhooks"),
    Scope.WEBHOOKS_WRITE: N_("add and remove webhooks"),
}
EVENTS: Mapping[EventType, str] = {
    EventType.STARTED: N_("a call comes"),
    EventType.ANSWERED: N_("a secretary answers"),
    EventType.ENDED: N_("a call is over"),
    EventType.MESSAGE_SENT: N_("a message is sent"),
    EventType.RECORDING_READY: N_("a recording is ready"),
}
# How it stands with a webhook, by its state.
STATES: Mapping[str, str] = {
    "untried": N_("nothing sent yet"),
    "working": N_("it works, last at {delivered_at}"),
    "failing": N_("it fails since {failing_since}: {last_error}"),
    "stopped": N_("stopped at {stopped_at}: {last_error}"),
}
LOST = N_("events lost: {lost}")
