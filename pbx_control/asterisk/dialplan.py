"""Renders the whole configuration of our Asterisk out of an Office: pure and sorted, same data, same bytes.

The templates lie in `dialplans/`. Whatever they print passes `safe`, which lets harmless characters through only;
what must be printed as it is (passwords) says so with the filter `secret`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, lru_cache
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from pbx_control import zones
from pbx_control.asterisk import copies
from pbx_control.asterisk.modules import MODULES
from pbx_control.asterisk.translate import MARK_HEADER
from pbx_control.domain.call.flow import (
    MESSAGE_LIMIT,
    NETWORK_DIED,
    OFFER_LIMIT,
    POSITION_EVERY,
    RINGING_LIMIT,
    SILENCE_ENDS_MESSAGE,
)
from pbx_control.domain.office import (
    AnnouncementKind,
    Client,
    Did,
    EarlyMedia,
    Holiday,
    MarkKind,
    Office,
    Secretary,
    SupervisorTelephone,
    Trunk,
)
from pbx_control.domain.opening.holidays import common, of_client
from pbx_control.domain.opening.hours import Span, Week
from pbx_control.domain.opening.overrides import ABOUT_HOURS, OverrideKind, last
from pbx_control.domain.sounds import (
    LANGUAGES,
    LAST_POSITION,
    HouseSound,
    announced_sound,
    announcement_sound,
    house_sound,
    position_sound,
)
from pbx_control.domain.telephony.browser import COMES_FROM, ECHO, browser_of
from pbx_control.domain.telephony.campaigns import CAMPAIGN
from pbx_control.domain.telephony.numbering import dialling, written_for
from pbx_control.domain.telephony.places import PLAIN_ADDRESS, carriers_networks, pattern
from pbx_control.domain.words.wording import display_name
from pbx_control.errors import ClientMistake
from pbx_control.settings import MAIN_NODE, Home, Settings, Sip

# An Asterisk that says nothing for longer than this counts its daemon as hung, seconds (docs/service.md, last part).
STALE = 4
# A caller whom the daemon has not taken within this, in seconds, is served by the switch: it hung as he came.
UNTAKEN = STALE + 4
# Whom the daemon has not joined with the secretary who answered within this, in seconds, the switch joins: it hung.
UNJOINED = 3
# app_queue counts from one position's beginning to the next one's, the daemon from its end, in seconds.
POSITION_TAKES = 3
# For its silence alone a line is given up only when it has sent nothing for so long, in seconds: an hour on hold, say.
SILENT = 3600
# The folder of Debian's Spanish sounds; where there is none, Asterisk falls back to `es` by itself.
SPANISH = "es_MX_f_Allison"
# What the daemon and `publish` listen for on AMI.
AMI_EVENTS = (
    "ContactStatus",
    "FullyBooted",
    "Registry",
    "SuccessfulAuth",
    "InvalidPassword",
    "ChallengeResponseFailed",
    "InvalidAccountID",
    "FailedACL",
    "UserEvent",
    "RTCPSent",
)
# What calls, legs and telephones give rise to all the time, and no account of ours reads.
UNHEARD_EVENTS = (
    *("Newchannel", "Newexten", "Newstate", "NewCallerid", "NewConnectedLine", "NewAccountCode"),
    *("DialBegin", "DialState", "DialEnd", "HangupRequest", "SoftHangupRequest", "Hangup"),
    *("HangupHandlerPush", "HangupHandlerRun", "HangupHandlerPop"),
    *("BridgeCreate", "BridgeEnter", "BridgeLeave", "BridgeDestroy"),
    *("MusicOnHoldStart", "MusicOnHoldStop", "Hold", "Unhold", "DTMFBegin", "DTMFEnd"),
    *("RTCPReceived", "DeviceStateChange", "ExtensionStatus"),
    "ChallengeSent",
)
FILES = (
    "acl",
    "ari",
    "asterisk",
    "ccss",
    "cdr",
    "cel",
    "cel_custom",
    "extensions",
    "features",
    "hep",
    "http",
    "indications",
    "logger",
    "manager",
    "modules",
    "musiconhold",
    "pjproject",
    "pjsip",
    "queuerules",
    "queues",
    "rtp",
    "say",
    "sorcery",
    "stasis",
    "udptl",
    "websocket_client",
)
ANY_TRUNK = "any"
# Where TLS comes in, and where it goes out to carriers of whom no proof is wanted.
TLS, TLS_UNVERIFIED = "transport-tls", "transport-tls-unverified"
LAST_PORT = 65535
# The folder with the zones' own files, beside the configuration: Asterisk reads these and none of its machine's.
ZONES = "zones"
# What stands for a file's own digest until the file is complete.
_UNDATED = "this-generation"

# Letters of any language, digits, and signs that mean nothing to Asterisk's parsers. No comma, quote, bracket,
# semicolon, ampersand, dollar, backslash, line break.
_UNSAFE = re.compile(r"[^\w .:/@+*-]+")
# What some decoders would take for an encoded blank is encoded, too.
_ENCODED = re.compile(r"[^\w .:/@*-]+")
# The end of a line, or of a string, to Asterisk.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f]")


class Verbatim(str):
    """Text that a template may print as it is."""

    __slots__ = ()


def render(office: Office, settings: Settings, home: Home) -> dict[str, str]:
    """Every configuration file by its name, for example `{"extensions.conf": …}`.

    Dialplan, SIP and queues carry a `generation`: a digest of their own text, by which a reload proves that it took.

    Raises ClientMistake for a secret that no configuration file can hold.
    """
    values = _values(office, settings, home)
    authorities = {f"{trunk.section}.pem": trunk.ca for trunk in office.trunks if trunk.ca}
    return {f"{name}.conf": _file(name, values) for name in FILES} | authorities


def zone_files(office: Office) -> dict[str, bytes]:
    """The files of the zones that the dialplan counts by, which lie in the folder ZONES of the configuration.

    Raises ClientMistake for a zone that there is not.
    """
    return {zone_file(name): zones.content(name) for name in sorted({client.timezone for client in office.clients})}


@cache
def zone_file(name: str) -> str:
    """The name of a zone's file. Asterisk keeps in mind what it has read: another content has another name."""
    return f"{name.replace('/', '-')}-{sha256(zones.content(name)).hexdigest()[:12]}"


def safe(value: object) -> str:
    """A value as a template may print it: anything but harmless characters is left out.

    One call for each printed value, so the common case (nothing to leave out) costs one search.
    """
    if isinstance(value, Verbatim):
        return value
    text = str(value)
    return _UNSAFE.sub("", text) if _UNSAFE.search(text) else text


def _encoded(text: str) -> Verbatim:
    """The text for URIDECODE(): harmless characters as they are, all others (and the plus) percent-encoded."""
    return Verbatim(_ENCODED.sub(lambda found: quote(found[0], safe=""), text))


def secret(value: str) -> Verbatim:
    """A password, unaltered but for the escape that Asterisk's files need.

    Raises ClientMistake if it has a control character or spaces at its ends, which no file can carry.
    """
    if _UNWRITABLE.search(value) or value != value.strip():
        raise ClientMistake("a password has a control character or a space at its end; give another one")
    return Verbatim(value.replace(";", "\\;"))


def generation(text: str) -> str:
    """The digest that stands for a text's content: hexadecimal digits, as a marker in that very file."""
    return sha256(text.encode()).hexdigest()[:12]


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("pbx_control.dialplans", ""),
        undefined=StrictUndefined,
        finalize=safe,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["secret"] = secret
    return environment


def _telephones(office: Office) -> list[Secretary | SupervisorTelephone]:
    telephones: list[Secretary | SupervisorTelephone] = [*office.secretaries, *office.supervisors]
    return sorted(telephones, key=lambda one: one.user)


def _file(name: str, values: Mapping[str, Any]) -> str:
    text = _templates().get_template(f"{name}.conf.j2").render(values, generation=_UNDATED)
    return text.replace(_UNDATED, generation(text))


def _values(office: Office, settings: Settings, home: Home) -> dict[str, Any]:
    clients = _clients(office)
    quiet = {one.queue for one in clients.values() if one.quiet}
    return _settings_values(settings, home) | {
        "modules": MODULES,
        "events": AMI_EVENTS,
        "unheard": UNHEARD_EVENTS,
        "carriers": [Verbatim(pattern(network)) for network in carriers_networks(office.trunks)],
        "trunks": [_trunk(trunk, office.dids) for trunk in office.trunks],
        "tls_transports": _tls_transports(office.trunks, settings.sip, home) if settings.sip.tls_bind else [],
        "telephones": _telephones(office),
        "browsers": [{"browser": browser_of(one.user)} for one in office.secretaries if one.browser_telephone],
        "comes_from": Verbatim(COMES_FROM.with_netmask),
        "echo": ECHO,
        "dids": _dids(office, clients),
        "zones": home.asterisk / "etc" / ZONES,
        "blocked": _blocked(office),
        "campaign": CAMPAIGN,
        "no_campaigns": [client.id for client in office.clients if not client.campaigns],
        "said_today": [_said_today(client) for client in office.clients if client.overrides],
        "calendars": sorted({client.calendar for client in clients.values()}, key=lambda one: one.name),
        "holidays": sorted({client.calendar.days_off for client in clients.values()}, key=lambda one: one.name),
        "queues": sorted(
            (_queue(queue, queue in quiet, home) for queue in {one.queue for one in clients.values()}),
            key=lambda queue: queue["name"],
        ),
        "positions": [_positions(language) for language in LANGUAGES],
        "stale": STALE,
        "untaken": UNTAKEN,
        "unjoined": UNJOINED,
        "silent": SILENT,
        "patience": _seconds(RINGING_LIMIT),
        "offer": _seconds(OFFER_LIMIT),
        "announce_every": _seconds(POSITION_EVERY) + POSITION_TAKES,
        # Not 0, "ended unseen": the switch itself sees how a leg ends, and gives 0 for some who hang up.
        "network_died": Verbatim("|".join(map(str, sorted(NETWORK_DIED - {0})))),
        "silence": _seconds(SILENCE_ENDS_MESSAGE),
        "longest_message": _seconds(MESSAGE_LIMIT),
        "spanish": SPANISH,
        "mark_header": MARK_HEADER,
        "plain_address": Verbatim(PLAIN_ADDRESS),
        "plain_caller": Verbatim(PLAIN_CALLER),
    }


# A header's value, percent-encoded, that names one person with a number and at most a name in quotes: in the name stand
# no quote, backslash, colon or at sign, and after it no second quoted text.
_OF_A_NAME = "([^%]|%[016-9A-F].|%2[013-9A-F]|%3[0-9B-F]|%4[1-9A-F]|%5[0-9ABD-F])"
_NO_QUOTE = "([^%]|%[013-9A-F].|%2[013-9A-F])"
PLAIN_CALLER = f"^(%22{_OF_A_NAME}*%22(%20)*)?%3C[sS][iI][pP][sS]?%3A(%2B)?[0-9]{{1,19}}%40{_NO_QUOTE}*$"

# A number as the dialplan has a caller's, and nothing else: it becomes the name of a context.
HARMLESS_NUMBER = re.compile(r"\+?[0-9]{1,20}")


def _blocked(office: Office) -> list[tuple[str, list[str]]]:
    """Callers who are not let in: the number, and for which clients (ids), or "all". One who is no number cannot call
    the switch by that name either."""
    by_number: dict[str, set[str]] = {}
    for mark in office.marks:
        if mark.kind is MarkKind.BLOCKED and HARMLESS_NUMBER.fullmatch(mark.number):
            whose = "all" if mark.client_id is None else str(mark.client_id)
            by_number.setdefault(mark.number, set()).add(whose)
    return [(number, sorted(clients)) for number, clients in sorted(by_number.items())]


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())


def _settings_values(settings: Settings, home: Home) -> dict[str, Any]:
    sip = settings.sip
    low, _, high = sip.rtp_ports.partition("-")
    wildcard = sip.address in ("0.0.0.0", "::")
    return {
        "home": home.root,
        # Two nodes must not give two calls one id; a home that was made before there were several keeps its ids.
        "node": "pbx" if settings.node.name == MAIN_NODE else settings.node.name,
        "http_port": settings.asterisk.http_port,
        "ami_port": settings.asterisk.ami_port,
        "ari_password": settings.secrets.ari_password,
        "ami_password": settings.secrets.ami_password,
        "copies_password": copies.password(settings.secrets),
        "language": settings.office.language,
        "bind": Verbatim(sip.bind),
        # Never on the wire: who knew it could name himself after a secure telephone without TLS.
        "secure_domain": f"tls-{generation('secure ' + settings.secrets.ari_password)}",
        "certificate": sip.certificate,
        "key": sip.key,
        "external_address": sip.external_address,
        "local_networks": sip.local_networks,
        # On a wildcard pjproject picks the address by the route to the other side.
        "media_address": "" if wildcard else sip.address,
        "on_loopback": ip_address(sip.address).is_loopback,
        "rtp_low": low,
        "rtp_high": high,
        "sounds": {sound.value: {one: house_sound(sound, one) for one in LANGUAGES} for sound in HouseSound},
    }


# --- carriers ---------------------------------------------------------------------------------------------


def _tls_transports(trunks: Iterable[Trunk], sip: Sip, home: Home) -> list[dict[str, Any]]:
    """Where TLS is spoken. Whom Asterisk trusts belongs to a transport, and each one listens on a port of its own.

    A name stands for the same port and the same trust for ever: Asterisk makes new transports at a reload but changes
    none. The certificates of a trunk's own file are read anew at each connection.
    """
    found = [_tls(TLS, sip.tls_bind, 0, sip.ca_file)]
    over_tls = [trunk for trunk in trunks if trunk.transport == "tls"]
    if not all(trunk.verify for trunk in over_tls):
        found.append(_tls(TLS_UNVERIFIED, sip.tls_bind, 1, ""))
    return found + [
        _tls(f"{TLS}-{trunk.section}", sip.tls_bind, 1 + trunk.id, f"{home.asterisk}/etc/{trunk.section}.pem")
        for trunk in over_tls
        if trunk.ca
    ]


def _tls(name: str, bind: str, further: int, authorities: str) -> dict[str, Any]:
    address, _, port = bind.rpartition(":")
    if int(port) + further > LAST_PORT:
        raise ClientMistake("there is no port {port} for TLS: choose a lower one in [sip] tls_bind", port=port)
    return {"name": name, "bind": Verbatim(f"{address}:{int(port) + further}"), "ca": authorities}


def _transport(trunk: Trunk) -> str:
    """The transport by which a trunk is reached; "" if Asterisk may choose."""
    if trunk.transport != "tls":
        return "" if trunk.transport == "udp" else f"transport-{trunk.transport}"
    own = f"{TLS}-{trunk.section}" if trunk.ca else TLS
    return own if trunk.verify else TLS_UNVERIFIED


def _trunk(trunk: Trunk, dids: Iterable[Did]) -> dict[str, Any]:
    host = trunk.host.partition(":")[0]
    transport = "" if trunk.transport == "udp" else f";transport={trunk.transport}"
    ours = [did.number for did in dids if did.client_id is not None and did.trunk in ("", trunk.name)]
    return {
        "section": trunk.section,
        "name": trunk.name,
        "match": trunk.match,
        "host": trunk.host,
        "domain": host,
        "uri": Verbatim(f"sip:{safe(trunk.host)}{_escaped(transport)}"),
        "account_uri": Verbatim(f"sip:{safe(trunk.user)}@{safe(trunk.host)}{_escaped(transport)}"),
        "user": trunk.user,
        "password": trunk.password,
        "register": trunk.register,
        "transport": _transport(trunk),
        "srtp": trunk.encryption,
        "codecs": trunk.codecs,
        "identity": trunk.identity,
        "number_format": trunk.number_format,
        "dialling": dialling(trunk.country),
        "max_calls": trunk.max_calls,
        "early_media": int(trunk.early_media),
        "did_from": trunk.did_from,
        "dids": [(written_for(number, trunk.number_format, trunk.country), number) for number in ours],
    }


def _dids(office: Office, clients: Mapping[int, "_ClientPart"]) -> list[tuple[str, str, str]]:
    """Each number in use, the trunk by which its calls come (any), and its client's facts."""
    sections = {trunk.name: trunk.section for trunk in office.trunks} | {"": ANY_TRUNK}
    ours = ((did, clients.get(did.client_id)) for did in office.dids if did.client_id is not None)
    return [(did.number, sections.get(did.trunk, ANY_TRUNK), client.facts) for did, client in ours if client]


def _escaped(text: str) -> str:
    return text.replace(";", "\\;")


# --- clients ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DaysOff:
    """A set of days off, shared by all clients that keep the same ones; a day as 20260918, with what it is: HOLIDAY, or
    CLOSED_TODAY for one of the client's own."""

    name: str
    days: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours, shared by all clients with the same week, zone and holidays. `zone` is its file for Asterisk.

    `spans` are numbers as the dialplan compares them: weekday (1 = Monday), hour, minute: 10930 is Monday, 09:30.
    """

    name: str
    zone: str
    spans: tuple[tuple[int, int], ...]
    days_off: DaysOff

    @property
    def holidays(self) -> str:
        return self.days_off.name


@dataclass(frozen=True, slots=True)
class Queue:
    """The secretaries who may answer, shared by all clients with the same ones and the same language."""

    name: str
    language: str
    members: tuple[Secretary, ...]


@dataclass(frozen=True, slots=True)
class _ClientPart:
    facts: str
    calendar: Calendar
    queue: Queue
    quiet: bool  # its callers hear ringing instead of music, and no announcements


def _clients(office: Office) -> dict[int, _ClientPart]:
    calendar_of = _calendars(office.holidays)
    queue_of = _queues(office)
    parts = {}
    for client in office.clients:
        calendar, queue = calendar_of(client), queue_of(client)
        parts[client.id] = _ClientPart(_facts(client, calendar.name, queue.name), calendar, queue, not client.music)
    return parts


# What stands in the dialplan for whether a client's callers hear us before the answer; nothing: as their trunk says.
EARLY_MEDIA = {EarlyMedia.AS_TRUNK: "", EarlyMedia.YES: "1", EarlyMedia.NO: "0"}


@lru_cache(maxsize=65536)
def _facts(client: Client, calendar: str, queue: str) -> Verbatim:
    """The channel variables for the client's calls. Kept from one rendering to the next: few clients change."""
    played = _sounds(client)
    notice = played[AnnouncementKind.RECORDING] if client.recording else ""
    facts = {
        "PBX_CLIENT": client.id,
        "PBX_NAME": _encoded(display_name(client.name)),
        "PBX_LANGUAGE": client.language,
        "PBX_STATE": client.state,
        "PBX_CALENDAR": calendar,
        "PBX_QUEUE": queue,
        "PBX_QUIET": "" if client.music else "-quiet",
        "PBX_WAIT": _seconds(client.wait_limit),
        "PBX_RECORDS": int(bool(notice)),
        "PBX_TAKES": int(client.takes_messages),
        "PBX_EARLY": EARLY_MEDIA[client.early_media],
        "WELCOME": played[AnnouncementKind.WELCOME],
        "NOTICE": notice,
        "CLOSED": played[AnnouncementKind.CLOSED],
        "EXHAUSTED": played[AnnouncementKind.EXHAUSTED],
        "BUSY": played[AnnouncementKind.BUSY],
        "MESSAGE": played[AnnouncementKind.MESSAGE],
    }
    return Verbatim(",".join(f"{name}={safe(value)}" for name, value in facts.items()))


def _sounds(client: Client) -> Mapping[AnnouncementKind, str]:
    usual = _usual_sounds(client.language, client.week)
    own = {one.kind: announcement_sound(client, one.kind) for one in client.announcements}
    return {**usual, **own} if own else usual


@lru_cache(maxsize=4096)
def _usual_sounds(language: str, week: Week) -> Mapping[AnnouncementKind, str]:
    """What a client without texts of its own plays; none of these texts has the client's name in it."""
    anybody = Client(id=0, slug="", name="", language=language, week=week, recording=True)
    return {kind: announcement_sound(anybody, kind) for kind in AnnouncementKind}


def _calendars(holidays: Iterable[Holiday]) -> Any:
    """A function from a client to its calendar; equal calendars are made once."""
    own: dict[int, list[Holiday]] = defaultdict(list)
    for holiday in holidays:
        if holiday.client_id is not None:
            own[holiday.client_id].append(holiday)
    shared = [holiday for holiday in holidays if holiday.client_id is None]

    @cache
    def usual(zone: str, week: Week) -> Calendar:
        return _calendar(zone, week, shared, 0)

    def of(client: Client) -> Calendar:
        if client.id not in own:
            return usual(client.timezone, client.week)
        return _calendar(client.timezone, client.week, [*shared, *own[client.id]], client.id)

    return of


def _calendar(zone: str, week: Week, holidays: Sequence[Holiday], client_id: int) -> Calendar:
    everybody, off = common(holidays), sorted(of_client(holidays, client_id, week))
    days = tuple((f"{day:%Y%m%d}", "HOLIDAY" if day in everybody else "CLOSED_TODAY") for day in off)
    days_off = DaysOff(f"holidays-{generation(repr(days))}", days)
    spans = tuple(_span(span) for span in week)
    return Calendar(f"hours-{generation(repr((zone, spans, days)))}", zone_file(zone), spans, days_off)


def _said_today(client: Client) -> dict[str, Any]:
    """What the client has said for today, with its ends as the switch's own clock counts them: seconds of the epoch."""
    hours = last(one for one in client.overrides if one.kind in ABOUT_HOURS)
    words = last(one for one in client.overrides if one.kind is OverrideKind.ANNOUNCED)
    return {
        "client": client.id,
        "zone": zone_file(client.timezone),
        "hours_until": int(hours.until.timestamp()) if hours else 0,
        "open": hours is not None and hours.kind is OverrideKind.OPEN,
        "last_day": f"{hours.until.astimezone(ZoneInfo(client.timezone)):%Y%m%d}" if hours else "",
        "words_until": int(words.until.timestamp()) if words else 0,
        "words": announced_sound(client, words) if words else "",
    }


def _span(span: Span) -> tuple[int, int]:
    day = (span.weekday + 1) * 10000
    # The day's end, 23:59:59.999999, is 24:00 here.
    closes = 2400 if span.closes.microsecond else span.closes.hour * 100 + span.closes.minute
    return day + span.opens.hour * 100 + span.opens.minute, day + closes


def _queues(office: Office) -> Any:
    """A function from a client to its queue; equal queues are made once."""
    for_all = frozenset(secretary.user for secretary in office.secretaries if secretary.clients is None)
    restricted: dict[int, set[str]] = defaultdict(set)
    for secretary in office.secretaries:
        for client_id in secretary.clients or ():
            restricted[client_id].add(secretary.user)

    @cache
    def queue(users: frozenset[str], language: str) -> Queue:
        members = tuple(one for one in office.secretaries if one.user in users)
        return Queue(f"queue-{generation(' '.join(sorted(users)))}-{language}", language, members)

    return lambda client: queue(for_all | restricted.get(client.id, set()), client.language)


def _queue(queue: Queue, quiet: bool, home: Home) -> dict[str, Any]:
    """The queue as the template prints it; who speaks its language comes first, and without a penalty."""
    foreign = {member.user: queue.language not in member.languages for member in queue.members}
    return {
        "name": queue.name,
        "first_in_line": f"{home.root}/{position_sound(1, queue.language)}",
        "kinds": ["", "-quiet", "-ringing"] if quiet else ["", "-ringing"],
        # Asterisk would not pause a member that it has already: one who is paused is none.
        "members": [
            {"user": member.user, "penalty": int(foreign[member.user]), "wrap_up": _seconds(member.wrap_up)}
            for member in sorted(queue.members, key=lambda member: foreign[member.user])
            if not member.paused
        ],
    }


def _positions(language: str) -> dict[str, Any]:
    """What a waiting caller is told of his place, in one language."""
    sounds = [position_sound(number, language) for number in range(1, LAST_POSITION + 1)]
    return {"name": language, "sounds": sounds, "far": position_sound(LAST_POSITION + 1, language)}
