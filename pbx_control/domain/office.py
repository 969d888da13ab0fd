"""What is provisioned, as frozen values: everything the daemon and the generated configuration are made of.

`store/snapshot.py` reads an Office out of the database; `asterisk/dialplan.py` renders it; the switchboard
builds each call's facts from it. Numbers are E.164 with the plus sign; languages are "es" or "en".
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from pbx_control.catalogue import N_
from pbx_control.domain.desk.duty import PausedBy
from pbx_control.domain.opening.hours import Week
from pbx_control.domain.opening.overrides import Override

if TYPE_CHECKING:
    from pbx_control.domain.call.model import Contact


class ClientState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"  # callers hear the `exhausted` announcement, nobody is rung
    CANCELLED = "cancelled"


class Lack(StrEnum):
    """What a client may lack that its calls can be answered and charged."""

    NUMBER = "number"
    FORMER_NUMBER = "former-number"  # it had one, which may rest for it
    HOURS = "hours"
    GREETING = "greeting"
    SECRETARY = "secretary"
    RECIPIENT = "recipient"
    ACTIVITY = "activity"  # it is suspended, or has cancelled
    PLAN = "plan"


class AnnouncementKind(StrEnum):
    WELCOME = "welcome"  # before the ringing; the call is answered for it
    CLOSED = "closed"  # outside the hours, then hung up
    EXHAUSTED = "exhausted"  # suspended or out of calls, then hung up
    RECORDING = "recording"  # "this call is recorded", after the welcome
    BUSY = "busy"  # nobody can take the call and no message is wanted
    MESSAGE = "message"  # asks the caller to leave a message after the tone


@dataclass(frozen=True, slots=True)
class Trunk:
    """A carrier. `match` lists the addresses it sends from; `host` (host[:port]) is where we send to, if at all."""

    id: int
    name: str
    match: tuple[str, ...]
    host: str = ""
    user: str = ""
    password: str = ""
    register: bool = False
    transport: str = "udp"  # udp | tcp | tls
    verify: bool = True  # with tls: send to whom proves by his certificate that he is `host`, to nobody else
    ca: str = ""  # certificates (PEM) of who may vouch for him; empty: those that the system trusts
    srtp: str = ""  # required | optional | off; empty: required with tls, else off
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    identity: str = "from"  # where the caller's number stands: from | pai | rpid
    number_format: str = "e164"  # how the carrier writes DIDs and callers: e164 | plain | national
    country: str = "CL"  # for number_format=national
    did_from: str = "request"  # request | to
    max_calls: int = 0  # 0: no limit
    early_media: bool = True  # its callers hear what we play before the answer

    @property
    def encryption(self) -> str:
        """Whether what is spoken is encrypted: required, optional or off."""
        return encryption(self.transport, self.srtp)

    @property
    def section(self) -> str:
        """The name of its endpoint and registration, and of the context its calls enter."""
        return trunk_section(self.id)


def encryption(transport: str, srtp: str) -> str:
    """Whether a trunk encrypts what is spoken (required, optional or off), of what was said about it, or nothing."""
    return srtp or ("required" if transport == "tls" else "off")


def trunk_section(trunk_id: int) -> str:
    """The name that the generated configuration has for a trunk: renaming the trunk changes nothing there."""
    return f"trunk-{trunk_id}"


@dataclass(frozen=True, slots=True)
class Did:
    number: str
    trunk: str  # name; "" means any trunk may deliver it
    client_id: int | None = None
    main: bool = False  # the one shown to contacts


@dataclass(frozen=True, slots=True)
class Announcement:
    """One of a client's announcements: a text to speak (`{hours}`, `{name}` are filled in) or an audio file.

    `audio` is the name that `media.prompts` gave to the converted upload; exactly one of the two is set.
    """

    kind: AnnouncementKind
    text: str = ""
    audio: str = ""


class EarlyMedia(StrEnum):
    """Whether a client's callers hear what we play before the answer."""

    AS_TRUNK = "trunk"  # as the trunk's callers; who was forwarded to us does not
    YES = "yes"
    NO = "no"


EARLY_MEDIA = {EarlyMedia.AS_TRUNK: N_("as the trunk"), EarlyMedia.YES: N_("yes"), EarlyMedia.NO: N_("no")}


@dataclass(frozen=True, slots=True)
class Client:
    id: int
    slug: str
    name: str
    language: str = "es"
    timezone: str = "America/Santiago"
    state: ClientState = ClientState.ACTIVE
    week: Week = ()
    recording: bool = False
    music: bool = True  # False: the waiting caller goes on hearing ringing
    wait_limit: timedelta = timedelta(seconds=90)  # then he is asked for a message
    after_call: timedelta = timedelta(0)  # what a secretary at her desk has for the message after a call
    summary_closed: bool = False  # also write to the recipients about calls outside the hours
    campaigns: bool = True  # False: who shows a number of a campaign (809) is not let in
    takes_messages: bool = True  # False: at the wait limit he hears `busy` instead
    metered: bool = False  # has (had) a plan: its calls are counted
    exhausted_messages: bool = False  # out of calls: callers may leave a message
    exhausted_report: bool = True  # out of calls: its callers are reported once a day
    early_media: EarlyMedia = EarlyMedia.AS_TRUNK
    greeting: str = ""
    announcements: tuple[Announcement, ...] = ()
    contacts: "tuple[Contact, ...]" = ()
    overrides: tuple[Override, ...] = ()  # what it has said for today
    calls_out_at_once: int = 3  # contacts that may be called or talked with at the same time
    calls_out_a_day: int = 100  # and begun within a UTC day

    def announcement(self, kind: AnnouncementKind) -> Announcement | None:
        """The client's own announcement of that kind, or None where the house's default serves."""
        return next((a for a in self.announcements if a.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Secretary:
    id: int
    name: str
    user: str  # SIP user name; her endpoint is PJSIP/{user}
    password: str
    languages: tuple[str, ...] = ("es",)
    clients: frozenset[int] | None = None  # client ids she may answer for; None: all
    paused: bool = False
    paused_by: PausedBy = PausedBy.ADMIN
    pause_reason: str = ""
    paused_at: datetime | None = None
    wrap_up: timedelta = timedelta(0)
    free_from: datetime | None = None  # end of her wrap-up, if it is still to come
    secure: bool = False  # TLS and SRTP
    browser_telephone: bool = False  # one in her page, too
    forwards: bool = False  # her telephone was left on forward

    def may_answer_for(self, client_id: int) -> bool:
        return self.clients is None or client_id in self.clients


@dataclass(frozen=True, slots=True)
class SupervisorTelephone:
    """The telephone by which a supervisor, or an admin, is in calls; it is offered none."""

    user_id: int  # the account whose it is
    user: str  # SIP user name; its endpoint is PJSIP/{user}
    password: str
    secure: bool = False  # TLS and SRTP


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day on which clients are closed: those for everybody, public or not, have client_id None.

    Which days count for one client, `domain.holidays.of_client` tells.
    """

    day: date
    name: str
    client_id: int | None = None
    kept: bool = True  # False: this client is open on that day, although it is a holiday for everybody


class MarkKind(StrEnum):
    """What is different about a caller's calls."""

    TEST = "test"  # served as any other, and not counted
    BLOCKED = "blocked"  # not let in


@dataclass(frozen=True, slots=True)
class Mark:
    """A caller who is known to be one of those; for one client, or (client_id None) for all."""

    number: str
    kind: MarkKind
    client_id: int | None = None


@dataclass(frozen=True, slots=True)
class OurNumber:
    """A DID: the trunk that it comes by ("" for any) and the client that has it ("" for nobody)."""

    trunk: str
    client: str


@dataclass(frozen=True, slots=True)
class Office:
    """All of it, sorted (clients by slug, DIDs by number, telephones by user), at one revision of the store."""

    revision: int = 0
    trunks: tuple[Trunk, ...] = ()
    dids: tuple[Did, ...] = ()
    clients: tuple[Client, ...] = ()
    secretaries: tuple[Secretary, ...] = ()
    supervisors: tuple[SupervisorTelephone, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    marks: tuple[Mark, ...] = ()
