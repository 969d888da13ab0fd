"""The configuration of the outside Asterisk, as text: a carrier's trunk, callers, and secretaries' softphones."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

# fmt: off
MODULES = (
    "res_timing_timerfd", "res_crypto", "res_srtp", "res_rtp_asterisk",
    "codec_alaw", "codec_ulaw", "codec_resample", "format_wav", "format_pcm", "bridge_simple", "bridge_softmix",
    "pbx_config", "res_pjproject", "res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb",
    "res_pjsip", "res_pjsip_session", "res_pjsip_sdp_rtp", "res_pjsip_caller_id", "res_pjsip_nat",
    "res_pjsip_endpoint_identifier_ip", "res_pjsip_endpoint_identifier_user", "res_pjsip_rfc3326",
    "res_pjsip_authenticator_digest", "res_pjsip_outbound_authenticator_digest", "res_pjsip_outbound_registration",
    "res_pjsip_registrar",
    "res_pjsip_header_funcs", "res_pjsip_pubsub", "chan_pjsip",
    "func_channel", "func_callerid", "func_base64",
    "res_musiconhold", "app_record", "app_userevent", "app_senddtmf",
)
# fmt: on
# Asterisk complains about each of these that is absent, although the world has nothing to say in them.
UNUSED = (
    "acl.conf",
    "ccss.conf",
    "cdr.conf",
    "cel.conf",
    "features.conf",
    "pjproject.conf",
    "stasis.conf",
    "udptl.conf",
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where somebody listens for SIP."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Account:
    """A softphone's registration, as the admin hands it to a secretary.

    `over` is how it reaches the switch: "udp", "tls" (with SRTP), or "nat" (from an address of its own, while it
    believes to be INSIDE_NAT). `name` is what it calls itself in its Contact.
    """

    user: str
    password: str
    over: str = "udp"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the world lives: its folder, its addresses, and the switch that it calls and registers at."""

    folder: Path
    pbx: Address
    carrier: Address
    phones: Address
    ami_port: int
    rtp_ports: tuple[int, int]
    # A PEM with certificate and key: then the world speaks TLS, too, each address one port above SIP's.
    tls: Path | None = None
    ami_secret: str = field(default_factory=partial(secrets.token_urlsafe, 24), repr=False)


# Where the world's own copy of `Place.tls` lies in its folder.
TLS_FILE = "tls.pem"
# Where a telephone behind a home's router sends from, and where it believes to be.
BEHIND_NAT, INSIDE_NAT = "127.0.0.4", "10.0.0.5"


def files(
    place: Place, accounts: Iterable[Account] = (), customers: Iterable[Account] = (), sayings: Iterable[Path] = ()
) -> dict[str, str]:
    """Every configuration file of the world's Asterisk by its name; pure, so that a new phone is a new rendering.

    `accounts` are the softphones, `customers` those who may register with the carrier, `sayings` the sounds that
    people say.
    """
    return dict.fromkeys(UNUSED, "") | {
        "asterisk.conf": _asterisk(place),
        "modules.conf": "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in MODULES),
        "logger.conf": "[general]\n[logfiles]\nmessages => notice,warning,error\n",
        "manager.conf": _manager(place),
        "rtp.conf": _rtp(*place.rtp_ports),
        "pjsip.conf": "\n".join(
            [
                _pjsip(place),
                *(_phone(place, account) for account in accounts),
                *(_customer(place, customer) for customer in customers),
            ]
        ),
        "extensions.conf": EXTENSIONS,
        "musiconhold.conf": "\n".join(_saying(say) for say in sayings),
        "indications.conf": "[general]\ncountry=us\n[us]\ndescription=US\nringcadence=2000,4000\ndial=350+440\n",
    }


def saying(say: Path) -> str:
    """What the world's Asterisk calls a sound that somebody says."""
    return f"say-{sha256(str(say).encode()).hexdigest()[:12]}"


def _saying(say: Path) -> str:
    return f"[{saying(say)}]\nmode=playlist\nentry={say.with_suffix('')}\n"


def _asterisk(place: Place) -> str:
    folder = place.folder
    return f"""[directories]
astetcdir => {folder}/etc
astdbdir => {folder}/db
astspooldir => {folder}/spool
astrundir => {folder}/run
astlogdir => {folder}/log
[options]
systemname = world
documentation_language = en_US
"""


def _rtp(first: int, last: int) -> str:
    return f"[general]\nrtpstart={first}\nrtpend={last}\nstrictrtp=no\nrtcpinterval=60000\n"


def _manager(place: Place) -> str:
    return f"""[general]
enabled=yes
bindaddr=127.0.0.1
port={place.ami_port}
[world]
secret={place.ami_secret}
read=call,user,dtmf,system
write=call,originate,system
"""


def _pjsip(place: Place) -> str:
    return f"""[global]
type=global
user_agent=outside world
endpoint_identifier_order=username,ip
[carrier-transport]
type=transport
protocol=udp
bind={place.carrier}
[phones-transport]
type=transport
protocol=udp
bind={place.phones}
[nat-transport]
type=transport
protocol=udp
bind={BEHIND_NAT}:{place.phones.port}
external_media_address={INSIDE_NAT}
external_signaling_address={INSIDE_NAT}
external_signaling_port=5099
local_net={BEHIND_NAT}/32
local_net={place.phones.host}/32
[carrier-tcp]
type=transport
protocol=tcp
bind={place.carrier}
[carrier-tcp]
type=endpoint
transport=carrier-tcp
{_line(place.carrier.host)}
{_tls(place) if place.tls else ""}
[carrier]
type=endpoint
transport=carrier-transport
{_line(place.carrier.host)}
trust_id_outbound=yes
send_pai=yes
[from-pbx]
type=endpoint
transport=phones-transport
{_line(place.phones.host)}
trust_id_inbound=yes
media_encryption=sdes
media_encryption_optimistic=yes
[from-pbx]
type=identify
endpoint=from-pbx
match={place.pbx.host}
"""


def _tls(place: Place) -> str:
    """Both the carrier and the softphones, over TLS and with SRTP."""
    return f"""[carrier-tls]
type=transport
protocol=tls
bind={place.carrier.host}:{place.carrier.port + 1}
cert_file={place.folder}/{TLS_FILE}
priv_key_file={place.folder}/{TLS_FILE}
method=tlsv1_2
[carrier-tls]
type=endpoint
transport=carrier-tls
media_encryption=sdes
{_line(place.carrier.host)}
[phones-tls]
type=transport
protocol=tls
bind={place.phones.host}:{place.phones.port + 1}
cert_file={place.folder}/{TLS_FILE}
priv_key_file={place.folder}/{TLS_FILE}
method=tlsv1_2
"""


PHONE_TRANSPORT = {"udp": "phones-transport", "nat": "nat-transport", "tls": "phones-tls"}


def _phone(place: Place, account: Account) -> str:
    transport, name = PHONE_TRANSPORT[account.over], account.name or account.user
    port = place.pbx.port + 1 if account.over == "tls" else place.pbx.port
    switch = f"{place.pbx.host}:{port}" + (r"\;transport=tls" if account.over == "tls" else "")
    return f"""[phone-{name}]
type=endpoint
transport={transport}
{_line(place.phones.host)}
outbound_auth=phone-{name}
from_user={account.user}
[phone-{name}]
type=auth
auth_type=digest
username={account.user}
password={account.password}
[phone-{name}]
type=registration
transport={transport}
outbound_auth=phone-{name}
server_uri=sip:{switch}
client_uri=sip:{account.user}@{switch}
contact_user={name}
expiration=60
max_random_initial_delay=0
retry_interval=5
forbidden_retry_interval=0
fatal_retry_interval=0
auth_rejection_permanent=yes
"""


def _customer(place: Place, customer: Account) -> str:
    return f"""[{customer.user}]
type=endpoint
transport=carrier-transport
{_line(place.carrier.host)}
auth={customer.user}
aors={customer.user}
[{customer.user}]
type=auth
auth_type=digest
username={customer.user}
password={customer.password}
[{customer.user}]
type=aor
max_contacts=1
remove_existing=yes
"""


def _line(host: str) -> str:
    """What all of the world's endpoints share: plain audio that stays on one address, and no transfers by REFER."""
    return f"""context=called
disallow=all
allow=alaw,ulaw
direct_media=no
rtp_symmetric=yes
media_address={host}
bind_rtp_to_media_address=yes
dtmf_mode=rfc4733
timers=yes"""


# `called` reports each INVITE and waits for the person's decision, which comes as a redirect to `talking` or as a
# hang-up. Texts of the other side reach the manager as base64: no name can break out of its header.
#
# Who talks says his piece again and again, as music on hold, while what he hears is recorded. It is recorded as it
# comes over the wire, in a-law: once the other side begins a new RTP stream whose numbers are lower (every second time
# that a caller is joined with somebody, or music ends), this Asterisk translates nothing of it any more, and
# MixMonitor() or a recording as WAV is silent from there on. Moments in which nothing at all arrives are not in it.
EXTENSIONS = """[called]
exten => _[-+a-zA-Z0-9_][-+a-zA-Z0-9_.].,1,Ringing()
 same => n,Set(FROM=${BASE64_ENCODE(:${PJSIP_HEADER(read,From)})})
 same => n,Set(IDENTITY=${BASE64_ENCODE(:${PJSIP_HEADER(read,P-Asserted-Identity)})})
 same => n,UserEvent(Invited,Callee: ${EXTEN},From: ${FROM},Identity: ${IDENTITY})
 same => n,Wait(3600)
 same => n,Hangup()

[talking]
exten => s,1,Answer()
 same => n,StartMusicOnHold(${SAY})
 same => n,Record(${HEARD}.alaw,0,0,kqx)
"""
