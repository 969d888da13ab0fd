"""What can go wrong, told by who must act; the door that catches an error picks the exit status or HTTP code.

No error names a command or an option: a door adds what to do about it, by the error's code.
"""

import os
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """What programs know an error by: the first five are kinds of trouble, the next say all that there is to say, and
    of the others each door knows more to say."""

    REFUSED = "refused"
    SWITCH_UNAVAILABLE = "switch-unavailable"
    STORE_UNAVAILABLE = "store-unavailable"
    UNDELIVERED = "undelivered"
    CALENDAR_TROUBLE = "calendar-trouble"
    # A field's value; the error has the field's name, as `field`.
    BAD_VALUE = "bad-value"
    BAD_NUMBER = "bad-number"
    EMPTY_VALUE = "empty-value"
    NAME_TAKEN = "name-taken"
    TAKEN = "taken"  # it belongs to another one
    # Of a file: what is in it, or that it cannot be read.
    BAD_FILE = "bad-file"
    FIELDS_DISAGREE = "fields-disagree"
    # What was named is not known, or may be several.
    NO_SUCH_CONTACT = "no-such-contact"
    NO_SUCH_RECIPIENT = "no-such-recipient"
    NO_SUCH_LINE = "no-such-line"
    NO_SUCH_CALLER = "no-such-caller"
    AMBIGUOUS = "ambiguous"
    # It cannot be done as things stand.
    NOTHING_TO_DO = "nothing-to-do"
    WRONG_STATE = "wrong-state"
    CALL_LASTS = "call-lasts"
    CHANGED_MEANWHILE = "changed-meanwhile"
    KEY_USED = "key-used"
    PLAN_IS_FULL = "plan-is-full"
    NOT_FOR_THIS_CLIENT = "not-for-this-client"
    MORE_THAN_LEFT = "more-than-left"
    NO_ISSUER = "no-issuer"
    NO_SUCH_CALL = "no-such-call"
    NO_SUCH_RECORDING = "no-such-recording"
    NO_SUCH_CLIENT = "no-such-client"
    NO_SUCH_SECRETARY = "no-such-secretary"
    NO_SUCH_TRUNK = "no-such-trunk"
    NO_SUCH_USER = "no-such-user"
    NO_SUCH_TOKEN = "no-such-token"
    NO_SUCH_WEBHOOK = "no-such-webhook"
    TOO_MANY_WEBHOOKS = "too-many-webhooks"
    NO_SUCH_PLAN = "no-such-plan"
    NO_SUCH_MESSAGE = "no-such-message"
    NO_SUCH_NODE = "no-such-node"
    NO_SUCH_INVOICE = "no-such-invoice"
    NO_SUCH_ENTRY = "no-such-entry"
    NO_SUCH_ORDER = "no-such-order"
    NO_SUCH_INCIDENT = "no-such-incident"
    NO_SUCH_SUBPROCESSOR = "no-such-subprocessor"
    NO_SUCH_CALENDAR = "no-such-calendar"
    NO_SUCH_KIND = "no-such-kind"
    NO_SUCH_APPOINTMENT = "no-such-appointment"
    SLOT_TAKEN = "slot-taken"
    APPOINTMENTS_TO_COME = "appointments-to-come"
    NO_EARLIER_GREETING = "no-earlier-greeting"
    NO_EARLIER_PROTOCOL = "no-earlier-protocol"
    NO_SUCH_INFO = "no-such-info"
    NO_SUCH_PROPOSAL = "no-such-proposal"
    NOT_OUR_NUMBER = "not-our-number"
    NUMBER_RESTS = "number-rests"
    CONTACTS_NUMBER = "contacts-number"
    CONTACT_ON_CALL = "contact-on-call"
    NO_SUCH_SWAP = "no-such-swap"
    NUMBER_WITHOUT_PRICE = "number-without-price"
    TRUNK_HAS_NUMBERS = "trunk-has-numbers"
    ONLY_TRUNK = "only-trunk"
    CA_WITHOUT_TLS = "ca-without-tls"
    NOTHING_TO_CHANGE = "nothing-to-change"
    CLIENT_CANCELLED = "client-cancelled"
    CLIENT_NOT_READY = "client-not-ready"
    NOT_PAID = "not-paid"
    PAID_ALREADY = "paid-already"
    NOT_WELCOMED = "not-welcomed"
    NOT_MARKED = "not-marked"
    NO_PLAN = "no-plan"
    PLAN_RETIRED = "plan-retired"
    PLAN_IN_USE = "plan-in-use"
    PLAN_WITHOUT_RECORDING = "plan-without-recording"
    TOO_DEAR = "too-dear"
    BUYER_INCOMPLETE = "buyer-incomplete"
    FACTURA_INCOMPLETE = "factura-incomplete"
    NOT_A_CHARGE = "not-a-charge"
    REVERSED_ALREADY = "reversed-already"
    NOT_CHARGED = "not-charged"
    DISPUTED_ALREADY = "disputed-already"
    NOT_DISPUTED = "not-disputed"
    TEXT_TOO_LONG = "text-too-long"
    HELD_ALREADY = "held-already"
    NOT_HELD = "not-held"
    CALL_IS_HELD = "call-is-held"
    FILE_IS_THERE = "file-is-there"
    RESTRICTED = "restricted"
    RESTRICTED_ALREADY = "restricted-already"
    NOT_RESTRICTED = "not-restricted"
    NO_SUCH_REQUEST = "no-such-request"
    RESTORE_UNFINISHED = "restore-unfinished"
    MESSAGE_WAITS = "message-waits"
    NOT_ON_DESK = "not-on-desk"
    NO_SUCH_FIELD = "no-such-field"
    VALUE_TOO_LONG = "value-too-long"
    MESSAGE_INCOMPLETE = "message-incomplete"
    TOO_MANY_INFOS = "too-many-infos"
    TOO_MANY_ASKED = "too-many-asked"
    NOT_BY_MAIL = "not-by-mail"
    DEAD_SECRET = "dead-secret"
    NOT_HERE = "not-here"
    NOT_YOURS = "not-yours"
    TOO_MANY_CORRECTIONS = "too-many-corrections"
    TOO_MANY_FILES = "too-many-files"
    PAUSED_BY_ADMIN = "paused-by-admin"
    NO_SETTINGS = "no-settings"
    FOREIGN_HOME = "foreign-home"
    SCHEMA_IS_OLD = "schema-is-old"
    DATABASE_DAMAGED = "database-damaged"
    NO_PUBLIC_URL = "no-public-url"
    NO_DAEMON = "no-daemon"
    DAEMON_RUNS = "daemon-runs"
    NOT_CONFIGURED = "not-configured"
    ASTERISK_RUNS = "asterisk-runs"
    ASTERISK_STOPPED = "asterisk-stopped"
    SWITCH_SILENT = "switch-silent"
    NO_SUBORDINATE_IDS = "no-subordinate-ids"


# An error of these is about one field, and names it.
OF_A_FIELD = frozenset(
    {Code.BAD_VALUE, Code.BAD_NUMBER, Code.EMPTY_VALUE, Code.VALUE_TOO_LONG, Code.NAME_TAKEN, Code.TAKEN}
)
# To these a door has nothing to add.
SAY_ALL = frozenset(
    {
        *(OF_A_FIELD - {Code.VALUE_TOO_LONG}),
        Code.BAD_FILE,
        Code.FIELDS_DISAGREE,
        Code.NO_SUCH_CONTACT,
        Code.NO_SUCH_RECIPIENT,
        Code.NO_SUCH_LINE,
        Code.NO_SUCH_CALLER,
        Code.AMBIGUOUS,
        Code.NOTHING_TO_DO,
        Code.WRONG_STATE,
        Code.RESTRICTED,
        Code.CALL_LASTS,
        Code.CHANGED_MEANWHILE,
        Code.KEY_USED,
        Code.PLAN_IS_FULL,
        Code.NO_SUCH_CALENDAR,
        Code.NO_SUCH_KIND,
        Code.SLOT_TAKEN,
        Code.NOT_FOR_THIS_CLIENT,
        Code.MORE_THAN_LEFT,
        Code.NO_ISSUER,
        Code.NO_SUCH_PROPOSAL,
        Code.TOO_MANY_ASKED,
        Code.DEAD_SECRET,
        Code.NOT_BY_MAIL,
        Code.NOT_HERE,
        Code.NOT_YOURS,
    }
)


class PbxError(Exception):
    """Base of all our errors: one line for a person: what happened and why; and a code.

    `template` is the English line with `{names}` for `values`; a door looks the template up in its catalogue to
    say the line in another language. Without values the template is taken as it is, braces and all.
    """

    code = Code.REFUSED

    def __init__(self, template: str, code: Code | None = None, /, **values: Any) -> None:
        super().__init__(template.format(**values) if values else template)
        self.template = template
        self.code = code or self.code
        self.values = values


class Word(str):
    """A value that is a word for people, "Monday" for example: a door looks it up in its catalogue as it does lines."""

    __slots__ = ()


class Field(Word):
    """The name of something that a person fills in: a door calls it as it does itself (`--legal-name`, a label)."""

    __slots__ = ()


class Fields(tuple[Field, ...]):
    """Several of them, as one value."""

    __slots__ = ()

    def __str__(self) -> str:
        return ", ".join(self)


def reason(error: Exception) -> Word:
    """Why the system, or a library, refused; the system's own reasons are known to the catalogue."""
    system = error.__cause__ if isinstance(error.__cause__, OSError) else error
    number = getattr(system, "errno", None)
    if isinstance(system, TimeoutError) and not number:
        return Word("timed out")
    why = getattr(system, "strerror", None) or str(system) or type(system).__name__
    # asyncio puts words of its own in the place of the system's.
    return Word(os.strerror(number) if number and why.startswith("Connect call") else why)


class Pesos(int):
    """An amount of Chilean pesos: a door writes it as its language does."""

    __slots__ = ()


class Size(int):
    """So many bytes: a door writes them in units, as its language does."""

    __slots__ = ()


class ClientMistake(PbxError):
    """What was asked cannot be done as asked: whoever asked must ask differently. Nothing was changed."""


class SwitchUnavailable(PbxError):
    """Asterisk is absent, unreachable or refused: the admin must look at the switch."""

    code = Code.SWITCH_UNAVAILABLE


class StoreUnavailable(PbxError):
    """The database cannot be reached or written to (away, locked, disk full)."""

    code = Code.STORE_UNAVAILABLE


class Fault(StrEnum):
    """Why a letter was not handed over, as far as it says when to try again (docs/decisions/outbox.md)."""

    LATER = "later"  # the recipient cannot take it now
    SERVER = "server"  # the server is away, or its settings are wrong: no letter gets through
    LETTER = "letter"  # this letter alone is put off: others need not wait for it
    BUSY = "busy"  # the server takes no more letters at once
    PAUSE = "pause"  # the recipient's server asks to wait before the next letter to him
    UNCONFIRMED = "unconfirmed"  # the answer did not come: it may have arrived
    TOO_LARGE = "too large"  # without its attachment it may get through
    MOVED = "moved"  # the recipient has a new address
    FINAL = "final"  # trying again is of no use


class DeliveryFailed(PbxError):
    """A message could not be handed over.

    `retry_after` is the pause that the other side asked for (PAUSE), `moved_to` the new address (MOVED).
    """

    code = Code.UNDELIVERED

    def __init__(
        self,
        template: str,
        fault: Fault = Fault.LATER,
        *,
        retry_after: timedelta = timedelta(0),
        moved_to: str = "",
        **values: Any,
    ) -> None:
        super().__init__(template, **values)
        self.fault = fault
        self.retry_after = retry_after
        self.moved_to = moved_to

    @property
    def permanent(self) -> bool:
        """Whether trying again is of no use."""
        return self.fault is Fault.FINAL
