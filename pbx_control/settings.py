"""The settings of one home: pbx.toml, each overridden by the environment (`PBX_SIP__BIND` for `[sip] bind`)."""

import os
import pwd
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
import msgspec.structs
from msgspec import Meta

from pbx_control.catalogue import N_
from pbx_control.domain import checks
from pbx_control.domain.desk.duty import LONGEST_REASON, USUAL_REASONS
from pbx_control.domain.desk.scores import USUAL_CRITERIA
from pbx_control.domain.words.toml import NotToml, parse_toml
from pbx_control.errors import ClientMistake, Code, Word, reason

if TYPE_CHECKING:
    from pbx_control.domain.money.quota import Limits

# A home's path appears in Asterisk's configuration files, where these characters mean nothing special.
SAFE_HOME = re.compile(r"[A-Za-z0-9/._+@-]+")
# Where Debian keeps whom it trusts: the machine's own Asterisk finds it there, and one of ours in its root, too.
SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"

ENVIRONMENT = "PBX_"
UNKNOWN = N_("there is no such setting")
# Asterisk cuts the name that it puts before the ids of calls after 19 characters.
NODE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,17}[a-z0-9])?", re.ASCII)
# As browsers write it: other letters are in punycode.
HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:.]+", re.ASCII)
# RFC 7065.
TURN_URL = re.compile(r"turns?:[A-Za-z0-9.-]+(:\d{1,5})?(\?transport=(udp|tcp))?", re.ASCII)
# The node of a home that was made before there were several.
MAIN_NODE = "main"
# Asterisk listens there without IPv4 (tests/switch/test_families.py).
ANY_OF_IPV6 = IPv6Address("::")
IPV6_ALONE = N_(
    "[::] is IPv6 alone, so nobody would be answered over IPv4; write 0.0.0.0 for all addresses of IPv4, or one address"
)
# Most bags' sizes, calls.
LARGEST_BAG = 100_000
# Reasons for a pause: each has a key of its own on her page.
MOST_REASONS = 12


class _Unfit(ValueError):
    """A value that its type's description lets pass, and why it will not do."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _address_and_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    if ip_address(host.strip("[]")) == ANY_OF_IPV6:
        raise _Unfit(IPV6_ALONE)
    if "%" in host:  # what follows may be anything
        raise ValueError
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError
    return value


def _address_and_port_or_empty(value: str) -> str:
    return value and _address_and_port(value)


def _web_bind(value: str) -> str:
    host, _, port = value.rpartition(":")
    ip_address(host.strip("[]"))
    if "%" in host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError
    return value


def _public_url(value: str) -> str:
    """Without a slash at its end. A path of its own is refused: cookies and addresses are the whole host's."""
    url = urlsplit(value)
    right = url.scheme in ("http", "https") and url.hostname and url.netloc == value.rstrip("/").partition("://")[2]
    if value and not (right and HOST.fullmatch(url.hostname or "") and "@" not in url.netloc and url.port != 0):
        raise ValueError
    return value.rstrip("/")


def _turn_url(value: str) -> str:
    if value and not TURN_URL.fullmatch(value):
        raise ValueError
    return value


def _ports(value: str) -> str:
    low, _, high = value.partition("-")
    if not (low.isdecimal() and high.isdecimal() and 1024 <= int(low) < int(high) < 65536):
        raise ValueError
    return value


def _networks(values: list[str]) -> list[str]:
    for value in values:
        ip_network(value)
    return values


def _sizes(value: str) -> str:
    sizes = [size.strip() for size in value.split(",")]
    if not all(size.isascii() and size.isdecimal() and 0 < int(size[:7]) <= LARGEST_BAG for size in sizes):
        raise ValueError
    return value


def _reasons(values: list[str]) -> list[str]:
    reasons = [checks.line(value, "reason", longest=LONGEST_REASON) for value in values]
    if not 0 < len(reasons) <= MOST_REASONS or len(set(reasons)) < len(reasons):
        raise ValueError
    return reasons


def _node(value: str) -> str:
    if not NODE_NAME.fullmatch(value):
        raise ValueError
    return value


def _email_or_empty(value: str) -> str:
    return checks.email_in_house(value) if value else ""


# What a value may be. `description` is told to whoever wrote another one; `check` is what a type cannot say: it gives
# the value back tidied, or raises ValueError or ClientMistake.
Text = Annotated[str, Meta(description=N_("must be a text, in quotes"))]
Runtime = Annotated[
    Literal["auto", "system", "container", "rootfs", "external"],
    Meta(description=N_("must be auto, system, container, rootfs or external")),
]
Tls = Annotated[Literal["none", "starttls", "tls"], Meta(description=N_("must be none, starttls or tls"))]
Language = Annotated[Literal["es", "en"], Meta(description=N_("must be es or en"))]
Texts = Annotated[list[str], Meta(description=N_("must be a list of texts"))]
Networks = Annotated[
    list[str],
    Meta(
        description=N_('must be a list of networks, for example ["10.0.0.0/8", "192.168.1.5/32"]'),
        extra={"check": _networks},
    ),
]
Reasons = Annotated[
    list[str],
    Meta(
        description=N_("must be a list of one to twelve texts, of 40 characters at most, none twice"),
        extra={"check": _reasons},
    ),
]
Port = Annotated[int, Meta(ge=1, le=65535, description=N_("must be a port, from 1 to 65535"))]
Bind = Annotated[
    str, Meta(description=N_("must be ADDRESS:PORT, for example 0.0.0.0:5060"), extra={"check": _address_and_port})
]
OptionalBind = Annotated[
    str,
    Meta(
        description=N_("must be ADDRESS:PORT, for example 0.0.0.0:5061, or empty"),
        extra={"check": _address_and_port_or_empty},
    ),
]
DnsServer = Annotated[
    str,
    Meta(
        description=N_("must be ADDRESS:PORT, for example 127.0.0.1:53, or empty"),
        extra={"check": _address_and_port_or_empty},
    ),
]
WebBind = Annotated[
    str, Meta(description=N_("must be ADDRESS:PORT, for example 127.0.0.1:8080"), extra={"check": _web_bind})
]
PublicUrl = Annotated[
    str,
    Meta(
        description=N_("must be http:// or https:// and a host, for example https://desk.example.com, or empty"),
        extra={"check": _public_url},
    ),
]
TurnUrl = Annotated[
    str,
    Meta(
        description=N_("must be turn: or turns: and a host, for example turn:turn.example.com:3478, or empty"),
        extra={"check": _turn_url},
    ),
]
Ports = Annotated[str, Meta(description=N_("must be LOW-HIGH, for example 10000-20000"), extra={"check": _ports})]
Email = Annotated[str, Meta(description=N_("must be an e-mail address, or empty"), extra={"check": _email_or_empty})]
Zone = Annotated[
    str,
    Meta(
        description=N_("must be a time zone of the IANA list, for example America/Santiago"),
        extra={"check": checks.timezone},
    ),
]
Rut = Annotated[
    str, Meta(description=N_("must be a RUT, for example 76.086.428-5, or empty"), extra={"check": checks.rut})
]
Sizes = Annotated[str, Meta(description=N_("must be numbers of calls, for example 25,50,100"), extra={"check": _sizes})]
NodeName = Annotated[
    str,
    Meta(
        description=N_("must be small letters, digits and hyphens, for example central-2, at most 19"),
        extra={"check": _node},
    ),
]
LetterSize = Annotated[
    int, Meta(ge=100_000, le=100_000_000, description=N_("must be a number of bytes, from 100000 to 100000000"))
]
LinkDays = Annotated[int, Meta(ge=1, le=30, description=N_("must be a number of days, from 1 to 30"))]
Cap = Annotated[int, Meta(ge=10, le=600, description=N_("must be a number of seconds, from 10 to 600"))]
Seconds = Annotated[int, Meta(ge=5, le=300, description=N_("must be a number of seconds, from 5 to 300"))]
Percent = Annotated[int, Meta(ge=1, le=100, description=N_("must be a number from 1 to 100"))]
Count = Annotated[int, Meta(ge=0, description=N_("must be a whole number, 0 or more"))]
Positive = Annotated[int, Meta(ge=1, description=N_("must be a whole number, 1 or more"))]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A table of pbx.toml."""


class Database(Section, frozen=True, kw_only=True):
    url: Text = ""  # empty: sqlite in the home


class NodeSettings(Section, frozen=True, kw_only=True):
    """Which of several daemons on one database this home's is; `setup` gives each new home a name of its own."""

    name: NodeName = MAIN_NODE


class AsteriskSettings(Section, frozen=True, kw_only=True):
    runtime: Runtime = "auto"
    http_port: Port = 8088
    ami_port: Port = 5038


class Sip(Section, frozen=True, kw_only=True):
    bind: Bind = "0.0.0.0:5060"
    tls_bind: OptionalBind = ""
    certificate: Text = ""
    key: Text = ""
    ca_file: Text = SYSTEM_CA  # whom carriers' certificates must come from
    rtp_ports: Ports = "10000-20000"
    external_address: Text = ""
    local_networks: Texts = []

    @property
    def address(self) -> str:
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.bind.rpartition(":")[2])


class Web(Section, frozen=True, kw_only=True):
    """Where the pages are served, and by which address browsers reach them if that is another (a proxy's)."""

    bind: WebBind = "127.0.0.1:8080"
    public_url: PublicUrl = ""  # https://desk.example.com
    owners_need_second_factor: bool = False  # a client's owners set up an authenticator app before anything else
    certificate: Text = ""
    key: Text = ""
    metrics_token: Text = ""  # who else may read /metrics: whoever shows it as a bearer; empty: this machine alone
    turn_url: TurnUrl = ""  # turn:turn.example.com:3478, by which the sound of telephones in pages may go
    turn_secret: Text = ""  # coturn's static-auth-secret

    @property
    def address(self) -> str:
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.bind.rpartition(":")[2])

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        return ip_address(self.address).is_loopback

    @property
    def is_https(self) -> bool:
        """Whether browsers reach it by HTTPS."""
        return self.public_url.startswith("https:") or bool(self.certificate and not self.public_url)

    @property
    def url(self) -> str:
        """Where a person's browser finds it."""
        return self.public_url or f"{'https' if self.certificate else 'http'}://{self.bind}"

    def require_safe(self) -> None:
        """Raises ClientMistake if passwords would cross a network in the clear."""
        if bool(self.turn_url) != bool(self.turn_secret):
            raise ClientMistake("[web] has turn_url or turn_secret alone: set both, or neither")
        if bool(self.certificate) != bool(self.key):
            raise ClientMistake("[web] has a certificate or a key alone: set both, or neither")
        if not (self.is_local or self.certificate or self.public_url.startswith("https:")):
            raise ClientMistake(
                "[web] bind = {bind} is reached from other machines, and passwords would cross the network in the "
                "clear: set certificate and key, or public_url to the https address of a proxy, or bind to 127.0.0.1",
                bind=self.bind,
            )


class Mail(Section, frozen=True, kw_only=True):
    host: Text = "127.0.0.1"
    port: Port = 25
    user: Text = ""
    password: Text = ""
    tls: Tls = "starttls"
    sender: Text = "pbx-control@localhost"
    reply_to: Email = ""  # where clients' answers are read; empty: letters do not ask for any
    attachment_limit: LetterSize = 10_000_000  # bytes of a letter with its file, if the server announces no SIZE
    link_days: LinkDays = 7  # how long the link is good that goes instead of a file which is too large


class MailIn(Section, frozen=True, kw_only=True):
    """The mailbox that clients write to, read by IMAP; without a host none is read."""

    host: Text = ""
    port: Port = 993
    user: Text = ""
    password: Text = ""
    tls: Tls = "tls"
    folder: Text = "INBOX"
    address: Email = ""  # by which mail comes to it; empty: the user, if that is one
    dns: DnsServer = ""  # who is asked for the keys of signatures; empty: whom this machine asks

    @property
    def ours(self) -> str:
        """The address that clients write to; "" if that is not known."""
        return self.address or (self.user if "@" in self.user else "")


class Agenda(Section, frozen=True, kw_only=True):
    """Clients' remote calendars."""

    # Within our own walls, where CalDAV servers may be asked, without TLS, too: 10.0.0.0/8, 127.0.0.1/32.
    private_networks: Networks = msgspec.field(default_factory=list)
    google_account: Email = ""  # the office's service account, with which clients share their calendars
    google_api: Text = "https://www.googleapis.com/"
    google_tokens: Text = "https://oauth2.googleapis.com/token"


class Webhooks(Section, frozen=True, kw_only=True):
    """Where programs are told of events."""

    # Within our own walls, where receivers may be, without TLS, too.
    private_networks: Networks = msgspec.field(default_factory=list)

    @property
    def private(self) -> list[IPv4Network | IPv6Network]:
        """These networks."""
        return [ip_network(each) for each in self.private_networks]


class Telegram(Section, frozen=True, kw_only=True):
    token: Text = ""
    base_url: Text = "https://api.telegram.org/bot"
    webhook: bool = False  # Telegram brings what people write to [web] public_url, instead of being asked


class OfficeSettings(Section, frozen=True, kw_only=True):
    name: Text = "Secretariado"
    timezone: Zone = "America/Santiago"
    language: Language = "es"
    transfer_cap: Cap = 600  # seconds; the contract's ten minutes are the most (rule 9)
    alarms_to: Email = ""  # e-mail address of the admin; empty: alarms are in the log only
    announce_listening: bool = True  # a secretary hears a tone when a supervisor comes into her call
    # What a supervisor judges in a call; those of the defaults are shown in her language.
    score_criteria: Reasons = msgspec.field(default_factory=lambda: list(USUAL_CRITERIA))

    @property
    def cap(self) -> timedelta:
        """How long a transferred conversation may last."""
        return timedelta(seconds=self.transfer_cap)

    def day(self, at: datetime) -> date:
        """The office's date at that instant."""
        # Imported here: reading the settings needs no zones.
        from zoneinfo import ZoneInfo

        return at.astimezone(ZoneInfo(self.timezone)).date()


class Billing(Section, frozen=True, kw_only=True):
    """Who issues the invoices; while there is no RUT, none are issued."""

    issuer_name: Text = ""  # razón social; empty: the office's name
    issuer_rut: Rut = ""
    issuer_business: Text = ""  # giro
    issuer_address: Text = ""
    bags: Sizes = "25,50,100"  # sizes on offer, calls

    @property
    def bag_sizes(self) -> tuple[int, ...]:
        """The bags on offer, in calls."""
        return tuple(int(size) for size in self.bags.split(","))


class PlanSettings(Section, frozen=True, kw_only=True):
    """When a client is told that its calls run out; what it is then offered is in [billing]."""

    warn_percent: Percent = 80  # of the period's calls are used
    warn_last: Count = 5  # so many calls are left

    @property
    def limits(self) -> "Limits":
        from pbx_control.domain.money.quota import Limits  # imported here, as few commands need it

        return Limits(self.warn_percent, self.warn_last)


class Backup(Section, frozen=True, kw_only=True):
    """Where the nightly copies lie, and how many of them."""

    folder: Text = ""  # empty: HOME/backups
    keep: Positive = 14


class Desk(Section, frozen=True, kw_only=True):
    """The secretaries' pages."""

    # What she chooses from; those of the defaults are shown in her language.
    pause_reasons: Reasons = msgspec.field(default_factory=lambda: list(USUAL_REASONS))
    page_lost_after: Seconds = 15  # a page that is not heard of for so long is lost: she is offered no calls


class Secrets(Section, frozen=True, kw_only=True):
    """Made once by `setup`; never shown, never changed by hand while Asterisk runs."""

    ari_password: Text = ""
    ami_password: Text = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in pbx.toml. Unknown keys in the file are refused; `doctor` lists unknown PBX_* variables."""

    database: Database = Database()
    node: NodeSettings = NodeSettings()
    asterisk: AsteriskSettings = AsteriskSettings()
    sip: Sip = Sip()
    web: Web = Web()
    mail: Mail = Mail()
    mail_in: MailIn = MailIn()
    agenda: Agenda = Agenda()
    webhooks: Webhooks = Webhooks()
    telegram: Telegram = Telegram()
    office: OfficeSettings = OfficeSettings()
    billing: Billing = Billing()
    plans: PlanSettings = PlanSettings()
    backup: Backup = Backup()
    desk: Desk = Desk()
    secrets: Secrets = Secrets()


@dataclass(frozen=True, slots=True)
class Home:
    """One installation's folder: where each thing lies. Asterisk sees it under the same path in every runtime."""

    root: Path

    @property
    def settings_file(self) -> Path:
        return self.root / "pbx.toml"

    @property
    def asterisk(self) -> Path:
        return self.root / "asterisk"

    @property
    def recordings(self) -> Path:
        return self.root / "recordings"

    @property
    def documents(self) -> Path:
        """What is made for clients and goes out with letters: reports, invoices."""
        return self.root / "documents"

    @property
    def prompts(self) -> Path:
        return self.root / "prompts"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def pages_lock(self) -> Path:
        """Shared by the processes that serve the pages."""
        return self.run / "pages.lock"

    @property
    def erased(self) -> Path:
        """What was erased, so that no backup brings it back (media/erased.py)."""
        return self.root / "erased"

    @property
    def unfinished_restore(self) -> Path:
        """Is there while a restore is under way, or was broken off: until it is finished nobody may read the home."""
        return self.root / ".restore-unfinished"

    def backups(self, settings: Settings) -> Path:
        """Where the nightly copies lie; a folder that is written without a slash before it lies in the home."""
        return self.root / (settings.backup.folder or "backups")

    def database_url(self, settings: Settings) -> str:
        return settings.database.url or f"sqlite:///{self.root / 'pbx.db'}"


def find_home(option: str | None = None) -> Home:
    """The home that `--home`, `$PBX_HOME` or `./var` names, absolute.

    Raises ClientMistake if its path has characters that Asterisk's configuration cannot carry.
    """
    root = Path(option or os.environ.get("PBX_HOME") or "var").absolute()
    if not SAFE_HOME.fullmatch(str(root)):
        raise ClientMistake(
            "the home {root} cannot be used: its path may hold only letters, digits and / . _ + @ -", root=root
        )
    return Home(root)


def require_owner(home: Home) -> None:
    """Raises ClientMistake if root is about to change another user's home: what root leaves there locks him out."""
    if os.geteuid() != 0 or not home.root.is_dir() or (owner := home.root.stat().st_uid) == 0:
        return
    try:
        user = pwd.getpwuid(owner).pw_name
    except KeyError:
        user = str(owner)
    raise ClientMistake(
        "the home {home} is {user}'s: run it as that user",
        Code.FOREIGN_HOME,
        home=home.root,
        user=user,
    )


def load(home: Home, *, restoring: bool = False) -> Settings:
    """The settings of a home that `setup` has made.

    Raises ClientMistake, naming the file and the key, if they cannot be read or make no sense; and to all but the one
    who is `restoring` if a restore was not finished: what was erased may be there again.
    """
    if home.unfinished_restore.exists() and not restoring:
        raise ClientMistake("a restore of {home} was broken off", Code.RESTORE_UNFINISHED, home=home.root)
    try:
        values = read_toml(home.settings_file)
    except FileNotFoundError:
        raise ClientMistake("there is no {file}", Code.NO_SETTINGS, file=home.settings_file) from None
    except OSError as error:
        raise ClientMistake("{file} cannot be read: {why}", file=home.settings_file, why=reason(error)) from None
    try:
        return _settings(values, _environment())
    except _Wrong as wrong:
        raise ClientMistake(
            "the setting {key} is wrong: {why}; mend it in {file} or in the environment",
            key=wrong.key,
            why=Word(wrong.rule),
            file=home.settings_file,
        ) from None


def keys() -> Iterator[tuple[str, str]]:
    """Every setting there is: its table and its name."""
    for section, kind in _types(Settings).items():
        for key in _types(kind):
            yield section, key


class _Wrong(Exception):
    """A value that a setting cannot have: the setting's key, and the rule that the value breaks."""

    def __init__(self, key: str, rule: str) -> None:
        super().__init__(key, rule)
        self.key, self.rule = key, rule


def _environment() -> dict[str, dict[str, Any]]:
    """What variables like PBX_SIP__BIND say, by table and name; `doctor` tells of those that mean nothing."""
    said: dict[str, dict[str, Any]] = {}
    for variable, value in os.environ.items():
        section, divided, key = variable.upper().removeprefix(ENVIRONMENT).lower().partition("__")
        if variable.upper().startswith(ENVIRONMENT) and divided and section in Settings.__struct_fields__:
            said.setdefault(section, {})[key] = value
    return said


def _settings(file: Mapping[str, Any], environment: Mapping[str, Mapping[str, Any]]) -> Settings:
    kinds = _types(Settings)
    sections: dict[str, Any] = {}  # each of the type that Settings has for it
    for name in {**file, **environment}:
        values = file.get(name, {})
        if name not in kinds:
            raise _Wrong(name, UNKNOWN)
        if not isinstance(values, dict):
            raise _Wrong(name, N_("must be a table, [like this]"))
        sections[name] = _section(name, kinds[name], {**values, **environment.get(name, {})})
    return Settings(**sections)


def _section(name: str, kind: type[Section], values: Mapping[str, Any]) -> Section:
    types = _types(kind)
    for key in values:
        if key not in types:
            raise _Wrong(f"{name}.{key}", UNKNOWN)
    return kind(**{key: _checked(f"{name}.{key}", types[key], value) for key, value in values.items()})


def _checked(key: str, kind: Any, value: object) -> Any:
    """The value as its setting's type has it; numbers may be in quotes, as they are in the environment."""
    (rule,) = kind.__metadata__
    try:
        if kind in (Texts, Reasons) and isinstance(value, str):  # the environment has no lists: JSON
            value = msgspec.json.decode(value)
        value = msgspec.convert(value, kind, strict=False)
        check = (rule.extra or {}).get("check")
        return check(value) if check else value
    except _Unfit as unfit:
        raise _Wrong(key, unfit.why) from None
    except (ValueError, msgspec.MsgspecError, ClientMistake):
        raise _Wrong(key, rule.description) from None


def _types(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(kind)}


def read_toml(path: Path) -> dict[str, Any]:
    """What the file says. Raises ClientMistake, with the place, if it is no TOML; OSError if it cannot be read."""
    try:
        return parse_toml(path.read_text("utf-8"))
    except UnicodeDecodeError:
        raise ClientMistake("{file} is no text in UTF-8: save it as one", file=path) from None
    except NotToml as error:
        raise ClientMistake("{file} is not valid TOML: {why}", file=path, why=error.why) from None
