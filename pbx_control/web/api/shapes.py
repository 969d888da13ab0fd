"""What goes over the wire: the shapes of what is asked and answered. Their names are promises (docs/api.md)."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pbx_control.catalogue import N_
from pbx_control.domain.webhooks import LONGEST_URL

# As the database numbers things.
Number = Annotated[int, Meta(ge=1, lt=2**31)]
Instant = Annotated[datetime, Meta(tz=True, description=N_("An instant with its offset, as in RFC 3339."))]
Text = Annotated[str, Meta(max_length=4000)]
Short = Annotated[str, Meta(max_length=200)]
Limit = Annotated[int, Meta(ge=1, le=100, description=N_("How many at most."))]
Cursor = Annotated[str, Meta(max_length=200, description=N_("`next` of the page before."))]
Slug = Annotated[str, Meta(max_length=64, description=N_("Only those of this client, by its short name."))]
Next = Annotated[str | None, Meta(description=N_("The cursor of the page that follows; null: there is none."))]
Event = Literal["call.started", "call.answered", "call.ended", "message.sent", "recording.ready"]
Withheld = Annotated[
    Literal["", "request", "sensitive"],
    Meta(
        description=N_(
            "Why who it is about and what was said is left out: a request of the caller's is being decided, or the "
            "client handles sensitive matters and the token is the office's."
        )
    ),
]


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent."""


class Told(msgspec.Struct):
    """What is answered."""


# --- parameters -------------------------------------------------------------------------------------------


class Nothing(Asked):
    """No parameters."""


class CallsWanted(Asked):
    """Which calls, the newest first."""

    client: Slug = ""
    since: Annotated[Instant, Meta(description=N_("That came then or later."))] | None = None
    until: Annotated[Instant, Meta(description=N_("That came before."))] | None = None
    limit: Limit = 30
    cursor: Cursor = ""


class MessagesWanted(Asked):
    """Which messages, those that were sent last first."""

    client: Slug = ""
    call: Annotated[str, Meta(max_length=64, description=N_("Only that about this call."))] = ""
    since: Annotated[Instant, Meta(description=N_("That were sent then or later."))] | None = None
    until: Annotated[Instant, Meta(description=N_("That were sent before."))] | None = None
    limit: Limit = 30
    cursor: Cursor = ""


class ClientsWanted(Asked):
    """Which clients, by short name."""

    limit: Limit = 30
    cursor: Cursor = ""


class LedgerWanted(Asked):
    """Which month of the ledger."""

    month: Annotated[
        str,
        Meta(
            max_length=7,
            pattern="^(?:2[0-9]{3}-[01][0-9])?$",
            description=N_("The client's month that begins in this one, like 2026-10; without it, the one under way."),
        ),
    ] = ""


class CalendarsWanted(Asked):
    """Which calendars, by number."""

    client: Slug = ""
    limit: Limit = 30
    cursor: Cursor = ""


class SlotsWanted(Asked):
    """Which free times: at most 31 days at once."""

    kind: Annotated[
        Short, Meta(description=N_("Of which kind of appointment; may be left out where there is one only."))
    ] = ""
    since: Annotated[Instant, Meta(description=N_("That begin then or later; without it, from now on."))] | None = None
    until: Annotated[Instant, Meta(description=N_("That begin before; without it, for seven days."))] | None = None


class AppointmentsWanted(Asked):
    """Which appointments, by when they begin: at most 366 days at once."""

    since: Annotated[Instant, Meta(description=N_("That begin then or later; without it, from now on."))] | None = None
    until: Annotated[Instant, Meta(description=N_("That begin before; without it, for 31 days."))] | None = None
    limit: Limit = 30
    cursor: Cursor = ""


class WebhooksWanted(Asked):
    """Which webhooks, by number."""

    client: Slug = ""
    limit: Limit = 30
    cursor: Cursor = ""


# --- what is to be done -----------------------------------------------------------------------------------


class MessageWritten(Asked):
    """What there is to say about a call, by the fields of the client's form."""

    fields: Annotated[
        dict[Short, Text],
        Meta(min_length=1, max_length=50, description=N_("By the field's key; the others stay as they are.")),
    ]
    gaps: Annotated[bool, Meta(description=N_("Send it although a field is empty that every caller is asked for."))] = (
        False
    )


class Booking(Asked):
    """An appointment that is to be booked."""

    starts: Instant
    name: Annotated[Short, Meta(description=N_("Whom it is for."))]
    kind: Annotated[
        Short, Meta(description=N_("Which kind of appointment; may be left out where there is one only."))
    ] = ""
    number: Annotated[Short, Meta(description=N_("His telephone number."))] = ""
    email: Annotated[Short, Meta(description=N_("He is written to there; without it, not at all."))] = ""
    answers: Annotated[dict[Short, Text], Meta(max_length=50, description=N_("By the calendar's questions."))] = (
        msgspec.field(default_factory=dict)
    )
    note: Text = ""
    language: Annotated[
        Literal["", "es", "en"], Meta(description=N_("Of letters to him; without it, the client's."))
    ] = ""


class Move(Asked):
    """Another time for an appointment."""

    starts: Instant
    version: Annotated[
        Short | None, Meta(description=N_("Only if the appointment is still that version; null: whatever it is."))
    ] = None


class Cancel(Asked):
    """An appointment that does not take place."""

    version: Annotated[
        Short | None, Meta(description=N_("Only if the appointment is still that version; null: whatever it is."))
    ] = None


class Receiver(Asked):
    """Where events are to be told."""

    url: Annotated[
        str, Meta(min_length=1, max_length=LONGEST_URL, description=N_("https://, no user, nothing after a #."))
    ]
    events: Annotated[list[Event], Meta(max_length=20, description=N_("Only these; without any, all."))] = (
        msgspec.field(default_factory=list)
    )
    client: Annotated[
        str,
        Meta(
            max_length=64,
            description=N_("Of this client's calls alone, by its short name; without it, of all that it reaches."),
        ),
    ] = ""


class Rotation(Asked):
    """Nothing need be said."""


class Removal(Asked):
    """Nothing need be said."""


# --- answers ----------------------------------------------------------------------------------------------


class Call(Told):
    """A call that is over, or was handed over."""

    id: str
    client: str
    arrived_at: datetime
    answered_at: datetime | None
    handed_over_at: datetime | None
    ended_at: datetime | None
    caller: Annotated[str, Meta(description=N_("His number, in E.164 where it is one."))]
    caller_name: str
    outcome: str
    secretary: str
    transferred_to: str
    talked: Annotated[float | None, Meta(description=N_("Seconds with a secretary."))]
    has_recording: bool
    has_voice_message: bool
    message_version: Annotated[int, Meta(description=N_("Of the message that was sent about it; 0: none."))]
    urgent: bool
    withheld: Withheld


class CallWhole(Call):
    """A call, with what is known of it where it is asked for alone."""

    charged: bool
    blocked: Annotated[bool, Meta(description=N_("Who called is not let in any more, by his firm."))]


class Calls(Told):
    """A page of calls."""

    items: list[Call]
    next: Next


class Word(Told):
    """A field of a message."""

    label: str
    value: str


class Delivery(Told):
    """What became of the letter to one recipient."""

    channel: str
    address: str
    status: Literal["queued", "sent", "failed", "seen"]
    at: datetime | None


class Message(Told):
    """What was sent about a call last."""

    call: str
    client: str
    version: int
    sent_at: datetime
    urgent: bool
    gist: Annotated[str, Meta(description=N_("Why he called, in a few words."))]
    words: list[Word]
    deliveries: list[Delivery]


class Messages(Told):
    """A page of messages."""

    items: list[Message]
    next: Next


class MessageSent(Told):
    """What became of a message that was written."""

    call: str
    state: Annotated[
        Literal["draft", "signed", "overdue", "sent", "changed", "closed"],
        Meta(description=N_("signed: it goes when the call is over for the secretary.")),
    ]
    version: int


class Client(Told):
    """A client."""

    slug: str
    name: str
    state: str
    language: str
    timezone: str
    hours: str
    number: str | None


class Clients(Told):
    """A page of clients."""

    items: list[Client]
    next: Next


class Entry(Told):
    """A line of a ledger."""

    id: int
    at: datetime
    kind: str
    units: int
    source: str
    call: str | None
    reverses: int | None
    why: str
    disputed: bool
    settled: bool
    withheld: Withheld


class Ledger(Told):
    """A month of a client's ledger."""

    client: str
    plan: Annotated[str, Meta(description=N_("Empty: nothing is counted."))]
    since: datetime | None
    until: datetime | None
    running: bool
    opening: int
    closing: int
    left: Annotated[int | None, Meta(description=N_("What may still be used now, bags included."))]
    entries: list[Entry]


class Kind(Told):
    """A kind of appointment."""

    name: str
    minutes: int


class Calendar(Told):
    """A calendar of a client's."""

    id: int
    client: str
    slug: str
    name: str
    resource: str
    timezone: str
    kinds: list[Kind]
    questions: list[str]
    address: str
    map_link: str


class Calendars(Told):
    """A page of calendars."""

    items: list[Calendar]
    next: Next


class Slot(Told):
    """A free time."""

    starts: datetime
    ends: datetime


class Slots(Told):
    """Free times of a calendar, for one kind of appointment."""

    calendar: int
    timezone: str
    items: list[Slot]


class Appointment(Told):
    """An appointment."""

    id: int
    calendar: int
    kind: str
    starts: datetime
    ends: datetime
    state: Literal["confirmed", "cancelled", "no_show"]
    name: str
    number: str
    email: str
    answers: dict[str, str]
    note: str
    language: str
    synced: Annotated[bool, Meta(description=N_("It stands in the remote calendar as it should, or there is none."))]
    version: Annotated[str, Meta(description=N_("Another one after each change."))]
    withheld: Withheld


class Appointments(Told):
    """A page of appointments."""

    items: list[Appointment]
    next: Next


class Webhook(Told):
    """Where events are told."""

    id: int
    client: Annotated[str, Meta(description=N_("Of whose calls; empty: of all clients'."))]
    url: str
    events: Annotated[list[Event], Meta(description=N_("None: all."))]
    state: Annotated[
        Literal["untried", "working", "failing", "stopped"],
        Meta(
            description=N_(
                "untried: nothing was sent yet. stopped: nothing is told any more; the office lets it go on."
            )
        ),
    ]
    created_at: datetime
    rotated_at: Annotated[
        datetime | None, Meta(description=N_("When its secret was renewed; for 24 hours the former one signs, too."))
    ]
    delivered_at: Annotated[datetime | None, Meta(description=N_("When an event was taken last."))]
    failing_since: datetime | None
    waiting: Annotated[int, Meta(description=N_("Events that are still to be taken."))]
    lost: Annotated[int, Meta(description=N_("Events that were never taken."))]


class WebhookMade(Webhook):
    """A webhook whose secret was just made."""

    secret: Annotated[str, Meta(description=N_("By this what is told is signed: it is never told again."))]


class Webhooks(Told):
    """A page of webhooks."""

    items: list[Webhook]
    next: Next


class WebhookRemoved(Told):
    """The number of the webhook that is gone."""

    id: int
