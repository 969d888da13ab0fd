"""The configuration of the outside Asterisk, as text: a carrier's trunk, callers, and secretaries' softphones."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

# fmt: off
MODULES = (
    "res_timing_timerfd", "res_crypto", "res_rtp_asterisk",
    "codec_alaw", "codec_ulaw", "codec_resample", "format_wav", "format_pcm", "bridge_simple", "bridge_softmix",
    "pbx_config", "res_pjproject", "res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb",
    "res_pjsip", "res_pjsip_session", "res_pjsip_sdp_rtp", "res_pjsip_caller_id", "res_pjsip_nat",
    "res_pjsip_endpoint_identifier_ip", "res_pjsip_endpoint_identifier_user", "res_pjsip_rfc3326",
    "res_pjsip_authenticator_digest", "res_pjsip_outbound_authenticator_digest", "res_pjsip_outbound_registration",
    "res_pjsip_header_funcs", "res_pjsip_pubsub", "chan_pjsip",
    "func_periodic_hook", "app_chanspy", "func_cut", "func_groupcount", "func_uri", "func_channel", "func_callerid",
    "func_base64", "app_mixmonitor", "app_playback", "app_userevent", "app_senddtmf",
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
    """A softphone's registration, as the admin hands it to a secretary."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the world lives: its folder, its addresses, and the switch that it calls and registers at."""

    folder: Path
    pbx: Address
    carrier: Address
    phones: Address
    ami_port: int
    rtp_ports: tuple[int, int]
    ami_secret: str = field(default_factory=partial(secrets.token_urlsafe, 24), repr=False)


def files(place: Place, accounts: Iterable[Account] = ()) -> dict[str, str]:
    """Every configuration file of the world's Asterisk by its name; pure, so that a new phone is a new rendering."""
    return dict.fromkeys(UNUSED, "") | {
        "asterisk.conf": _asterisk(place),
        "modules.conf": "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in MODULES),
        "logger.conf": "[general]\n[logfiles]\nmessages => notice,warning,error\n",
        "manager.conf": _manager(place),
        "rtp.conf": _rtp(*place.rtp_ports),
        "pjsip.conf": "\n".join([_pjsip(place), *(_phone(place, account) for account in accounts)]),
        "extensions.conf": EXTENSIONS,
        "indications.conf": "[general]\ncountry=us\n[us]\ndescription=US\nringcadence=2000,4000\ndial=350+440\n",
    }


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
[carrier-transport]
type=transport
protocol=udp
bind={place.carrier}
[phones-transport]
type=transport
protocol=udp
bind={place.phones}
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
[from-pbx]
type=identify
endpoint=from-pbx
match={place.pbx.host}
"""


def _phone(place: Place, account: Account) -> str:
    return f"""[phone-{account.user}]
type=endpoint
transport=phones-transport
{_line(place.phones.host)}
outbound_auth=phone-{account.user}
from_user={account.user}
[phone-{account.user}]
type=auth
auth_type=digest
username={account.user}
password={account.password}
[phone-{account.user}]
type=registration
transport=phones-transport
outbound_auth=phone-{account.user}
server_uri=sip:{place.pbx}
client_uri=sip:{account.user}@{place.pbx}
contact_user={account.user}
expiration=60
max_random_initial_delay=0
retry_interval=5
forbidden_retry_interval=0
fatal_retry_interval=0
auth_rejection_permanent=yes
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
# The recorder comes a moment after the answer: begun before the first sound arrives, one in seven wrote silence only.
EXTENSIONS = """[called]
exten => _[-+a-zA-Z0-9_][-+a-zA-Z0-9_.].,1,Ringing()
 same => n,Set(FROM=${BASE64_ENCODE(:${PJSIP_HEADER(read,From)})})
 same => n,Set(IDENTITY=${BASE64_ENCODE(:${PJSIP_HEADER(read,P-Asserted-Identity)})})
 same => n,UserEvent(Invited,Callee: ${EXTEN},From: ${FROM},Identity: ${IDENTITY})
 same => n,Wait(3600)
 same => n,Hangup()

[talking]
exten => s,1,Answer()
 same => n,Wait(0.2)
 same => n,MixMonitor(,r(${HEARD}))
 same => n(again),Playback(${SAY})
 same => n,Goto(again)

[mute]
exten => s,1,Wait(3600)
"""
