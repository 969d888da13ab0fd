"""What travels over the channel: one JSON object a line, each with its `type` (docs/channel.md).

Fields that have their usual value are left out. A reader ignores fields that it does not know.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

# The longest line that the daemon reads: what anybody asks for is far shorter.
LONGEST_LINE = 16 * 1024


class Act(StrEnum):
    """What can be asked for in a live call."""

    CONSULT = "consult"
    HAND_OVER = "hand-over"
    TAKE_BACK = "take-back"
    PAUSE_RECORDING = "pause-recording"
    RESUME_RECORDING = "resume-recording"
    LANGUAGE = "language"
    WRONG_NUMBER = "wrong-number"
    SPAM = "spam"
    UNMARK = "unmark"  # neither of the two
    WORK_DONE = "work-done"  # the message is sent: no after-call work
    # A supervisor's; the first three name domain.call.model.SupervisionMode.
    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"
    LEAVE = "leave"
    END_SUPERVISION = "end-supervision"  # an admin's: whoever supervises the call leaves it


SUPERVISORS_ACTS = frozenset({Act.LISTEN, Act.WHISPER, Act.BARGE, Act.LEAVE, Act.END_SUPERVISION})


class Role(StrEnum):
    """Who asks. A secretary may in the call that she has now, an admin in any; a supervisor may be in any, and do
    nothing else."""

    SECRETARY = "secretary"
    ADMIN = "admin"
    SUPERVISOR = "supervisor"


class Asker(Struct, frozen=True, omit_defaults=True):
    """Who asks, as the program behind the other end knows the person."""

    role: Role
    name: str
    secretary_id: int | None = None
    user_id: int = 0  # the account of a supervisor, or of an admin who asks for what supervisors do


# --- to the daemon ----------------------------------------------------------------------------------------


class Listen(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="listen"):
    """Tell me what is committed from now on, and first what I missed since number `after` of that epoch.

    `lines`: with the lines of the calls' journals.
    """

    epoch: str = ""
    after: int = 0
    lines: bool = False


class Instruct(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="do"):
    """Do this in that call. `id` is the asker's own number, which the answer repeats."""

    id: int
    call: str
    act: Act
    by: Asker
    contact: int = 0  # to consult


class Free(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="free"):
    """Her after-call work is over: its message is sent, or she says so. Answered as an Instruct is.

    `call`: of that call only. If she still has it, nothing follows its end. "": whatever work she has now.
    """

    id: int
    secretary_id: int
    call: str = ""
    name: str = ""  # hers, for the journal


class Desks(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="desks"):
    """Whose page is open, and whose has vanished without a sign-out: all of them, by the secretaries' ids.

    It holds until the next such line of the same connection, or the connection's end. It is not answered.
    """

    open: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    telephones: frozenset[int] = frozenset()  # those whose pages have a telephone: socket and microphone


class Lend(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="lend"):
    """Her page begins with a telephone: make a password for it. Answered by a Lent, or REFUSED."""

    id: int
    secretary_id: int


class TakeBack(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="take-back"):
    """The page that was lent a telephone's password is gone. It is not answered."""

    secretary_id: int


ToDaemon = Listen | Instruct | Free | Desks | Lend | TakeBack


# --- from the daemon --------------------------------------------------------------------------------------


class AnswerKind(StrEnum):
    """What became of what was asked for."""

    DONE = "done"  # and committed
    REFUSED = "refused"
    UNKNOWN = "unknown"  # no such call lives here: look what became of it


class Answered(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="answer"):
    """The one answer to an Instruct, or a Free. `why` is a code: domain/call/commands.py, Refusal."""

    id: int
    outcome: AnswerKind
    why: str = ""


class Lent(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="lent"):
    """The answer to a Lend: what her page registers with."""

    id: int
    user: str
    password: str


class Trouble(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="error"):
    """The last line before the daemon ends the connection: `why`, as a code."""

    why: str


class DaemonNow(Struct, frozen=True, omit_defaults=True):
    """The daemon itself."""

    pid: int
    ready: bool  # takes calls
    since: datetime  # so it has been since then
    published: int = 0  # the revision of the provisioning that is in force in the switch


class MissedNow(Struct, frozen=True, omit_defaults=True):
    """A consultation that came to nothing. `why`: domain.call.model.WhyNot."""

    contact: str
    why: str
    at: datetime


class CallNow(Struct, frozen=True, omit_defaults=True):
    """A call as it was last committed. One whose phase is `ended` lives no more."""

    id: str
    phase: str
    line: int  # so many lines its journal has
    client: str = ""  # slug
    client_name: str = ""
    did: str = ""
    caller: str = ""
    caller_name: str = ""
    language: str = ""
    arrived_at: datetime | None = None
    waiting_since: datetime | None = None
    answered_at: datetime | None = None
    handed_over_at: datetime | None = None
    secretary_id: int | None = None  # who is offered it, or has it
    secretary: str = ""
    contact_id: int | None = None  # who is called, consulted or talks with the caller
    contact: str = ""
    missed: MissedNow | None = None  # the last consultation, until she does something else
    recording: bool = False  # is being recorded, or paused
    recording_paused: bool = False
    wrong_number: bool = False
    spam: bool = False
    supervisor_id: int | None = None  # the account of who is in the call, or whose telephone rings for it
    supervisor: str = ""
    supervision: str = ""  # domain.call.model.SupervisionMode
    supervisor_here: bool = False  # she has answered


class SecretaryNow(Struct, frozen=True, omit_defaults=True):
    """A secretary as the floor sees her; domain/desk/duty.py says which state that is."""

    id: int
    name: str
    registered: bool = False  # her telephone is there
    paused: bool = False  # or will be, when her call is over
    paused_by: str = ""  # domain.desk.duty.PausedBy
    pause_reason: str = ""  # hers
    paused_at: datetime | None = None
    busy: bool = False  # her telephone is in a conversation that the daemon does not host
    call: str = ""  # that she is offered or has
    talking: bool = False  # she has it
    free_from: datetime | None = None  # the end of her after-call work, or of her telephone's rest after a refusal
    after_call: bool = False  # of her after-call work
    last_call: str = ""  # whose work that is
    at_desk: bool = False  # her page is open
    page_lost: bool = False  # it has vanished without a sign-out: she is offered nothing
    gone: bool = False  # no secretary of this office any more


class MessageNow(Struct, frozen=True, omit_defaults=True):
    """A letter to a client's recipient. `state`: written | delivered | failed (tried again, or given up)."""

    state: str
    id: int = 0  # 0: written with others of its call, which the database has
    call: str = ""
    client_id: int | None = None


class LineNow(Struct, frozen=True, omit_defaults=True):
    """A line of a call's journal."""

    call: str
    seq: int
    at: datetime
    event: str
    details: dict[str, Any]


class State(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="state"):
    """Everything, once. The news after it have the numbers that follow."""

    epoch: str  # of this run of the daemon
    number: int
    daemon: DaemonNow
    calls: tuple[CallNow, ...] = ()
    secretaries: tuple[SecretaryNow, ...] = ()


class News(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="news"):
    """What was committed since the number before: of each thing its last state, of journals every line."""

    number: int
    daemon: DaemonNow | None = None
    calls: tuple[CallNow, ...] = ()
    secretaries: tuple[SecretaryNow, ...] = ()
    messages: tuple[MessageNow, ...] = ()
    lines: tuple[LineNow, ...] = ()
    look: bool = False  # more was written than is told here: the database has it


FromDaemon = State | News | Answered | Lent | Trouble

_ENCODER = msgspec.json.Encoder()
_TO_DAEMON = msgspec.json.Decoder(ToDaemon)
_FROM_DAEMON = msgspec.json.Decoder(FromDaemon)


def line_of(message: ToDaemon | FromDaemon) -> bytes:
    """A message as it travels."""
    return _ENCODER.encode(message) + b"\n"


def asked_by(line: bytes | bytearray) -> ToDaemon:
    """Reads a line to the daemon. Raises msgspec.DecodeError (or its ValidationError) for anything else."""
    message: ToDaemon = _TO_DAEMON.decode(line)
    return message


def told_by(line: bytes) -> FromDaemon:
    """Reads a line of the daemon's. Raises msgspec.DecodeError for anything else."""
    message: FromDaemon = _FROM_DAEMON.decode(line)
    return message
