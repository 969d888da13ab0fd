"""THE table of the API's ways: path, scope, what is sent and what is answered. The document at /api/v1/openapi.json and
the tests go by it, so that a new way cannot be forgotten there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from pbx_control.catalogue import N_
from pbx_control.domain.tokens import Scope
from pbx_control.services.reach import Reach
from pbx_control.web.api import agenda, calls, clients, shapes, webhooks
from pbx_control.web.api.asking import Given
from pbx_control.web.api.done import Done
from pbx_control.web.api.shapes import Asked, Told
from pbx_control.web.site import Site

ROOT = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiWay:
    """One line of the table."""

    name: str  # operationId
    method: str
    path: str  # below ROOT
    scope: Scope
    what: str  # one sentence
    act: Callable[[Reach, Given, Site], Done]
    query: type[Asked] = shapes.Nothing
    body: type[Asked] | None = None
    answer: type[Told]
    status: HTTPStatus = HTTPStatus.OK

    @property
    def address(self) -> str:
        return ROOT + self.path


API_WAYS = (
    ApiWay(
        name="listCalls",
        method="GET",
        path="/calls",
        scope=Scope.CALLS_READ,
        what=N_("Calls that are over, or were handed over, the newest first."),
        act=calls.calls,
        query=shapes.CallsWanted,
        answer=shapes.Calls,
    ),
    ApiWay(
        name="readCall",
        method="GET",
        path="/calls/{call}",
        scope=Scope.CALLS_READ,
        what=N_("One call."),
        act=calls.call,
        answer=shapes.CallWhole,
    ),
    ApiWay(
        name="writeMessage",
        method="POST",
        path="/calls/{call}/message",
        scope=Scope.MESSAGES_WRITE,
        what=N_("Writes the message about a call, in the secretary's place, and sends it. For tokens of the office."),
        act=calls.write,
        body=shapes.MessageWritten,
        answer=shapes.MessageSent,
    ),
    ApiWay(
        name="listMessages",
        method="GET",
        path="/messages",
        scope=Scope.MESSAGES_READ,
        what=N_("What was sent about calls, the latest first, and what became of each letter."),
        act=calls.messages,
        query=shapes.MessagesWanted,
        answer=shapes.Messages,
    ),
    ApiWay(
        name="listClients",
        method="GET",
        path="/clients",
        scope=Scope.CLIENTS_READ,
        what=N_("The clients, by short name; a client's token has one."),
        act=clients.clients,
        query=shapes.ClientsWanted,
        answer=shapes.Clients,
    ),
    ApiWay(
        name="readLedger",
        method="GET",
        path="/clients/{client}/ledger",
        scope=Scope.LEDGER_READ,
        what=N_("A month of a client's ledger: what its calls were used for, entry by entry, the newest first."),
        act=clients.ledger,
        query=shapes.LedgerWanted,
        answer=shapes.Ledger,
    ),
    ApiWay(
        name="listCalendars",
        method="GET",
        path="/calendars",
        scope=Scope.CALENDARS_READ,
        what=N_("The calendars, with their kinds of appointment, by number."),
        act=agenda.calendars,
        query=shapes.CalendarsWanted,
        answer=shapes.Calendars,
    ),
    ApiWay(
        name="listSlots",
        method="GET",
        path="/calendars/{calendar}/slots",
        scope=Scope.CALENDARS_READ,
        what=N_("When an appointment can begin."),
        act=agenda.slots,
        query=shapes.SlotsWanted,
        answer=shapes.Slots,
    ),
    ApiWay(
        name="listAppointments",
        method="GET",
        path="/calendars/{calendar}/appointments",
        scope=Scope.APPOINTMENTS_READ,
        what=N_("The appointments of a calendar, by when they begin."),
        act=agenda.appointments,
        query=shapes.AppointmentsWanted,
        answer=shapes.Appointments,
    ),
    ApiWay(
        name="bookAppointment",
        method="POST",
        path="/calendars/{calendar}/appointments",
        scope=Scope.APPOINTMENTS_WRITE,
        what=N_("Books an appointment; of several that want one time at once exactly one gets it."),
        act=agenda.book,
        body=shapes.Booking,
        answer=shapes.Appointment,
        status=HTTPStatus.CREATED,
    ),
    ApiWay(
        name="moveAppointment",
        method="POST",
        path="/appointments/{appointment}/move",
        scope=Scope.APPOINTMENTS_WRITE,
        what=N_("Moves an appointment to another free time of its calendar."),
        act=agenda.move,
        body=shapes.Move,
        answer=shapes.Appointment,
    ),
    ApiWay(
        name="cancelAppointment",
        method="POST",
        path="/appointments/{appointment}/cancel",
        scope=Scope.APPOINTMENTS_WRITE,
        what=N_("Cancels an appointment: its time is free again."),
        act=agenda.cancel,
        body=shapes.Cancel,
        answer=shapes.Appointment,
    ),
    ApiWay(
        name="listWebhooks",
        method="GET",
        path="/webhooks",
        scope=Scope.WEBHOOKS_READ,
        what=N_("Where events are told, by number, and how it stands with each; never the secret."),
        act=webhooks.webhooks,
        query=shapes.WebhooksWanted,
        answer=shapes.Webhooks,
    ),
    ApiWay(
        name="addWebhook",
        method="POST",
        path="/webhooks",
        scope=Scope.WEBHOOKS_WRITE,
        what=N_("Has events told to a receiver, signed by the secret that is answered."),
        act=webhooks.add,
        body=shapes.Receiver,
        answer=shapes.WebhookMade,
        status=HTTPStatus.CREATED,
    ),
    ApiWay(
        name="rotateWebhook",
        method="POST",
        path="/webhooks/{webhook}/rotate",
        scope=Scope.WEBHOOKS_WRITE,
        what=N_("Gives a webhook another secret, which is answered; for 24 hours the former one signs, too."),
        act=webhooks.rotate,
        body=shapes.Rotation,
        answer=shapes.WebhookMade,
    ),
    ApiWay(
        name="removeWebhook",
        method="POST",
        path="/webhooks/{webhook}/remove",
        scope=Scope.WEBHOOKS_WRITE,
        what=N_("Has nothing more told there; what waits is dropped."),
        act=webhooks.remove,
        body=shapes.Removal,
        answer=shapes.WebhookRemoved,
    ),
)
# Nobody needs a token for them: they tell what there is, and of nobody.
DOCUMENT, REFERENCE = f"{ROOT}/openapi.json", "/api/docs"


def by_path() -> Iterator[tuple[str, dict[str, ApiWay]]]:
    """The ways of each path, by method."""
    for path in dict.fromkeys(way.address for way in API_WAYS):
        yield path, {way.method: way for way in API_WAYS if way.address == path}
