"""Calls that a trunk refuses for what they offer: why, and that nobody else's message is taken for one."""

import struct
from ipaddress import ip_address

import pytest

from pbx_control.asterisk import copies
from pbx_control.asterisk.ami import Refused
from pbx_control.domain.office import Trunk
from pbx_control.domain.telephony.offers import Sound, read_invite, why_refused
from pbx_control.live.overheard import MOST_INVITES, Overheard
from pbx_control.settings import Settings

TRUNK = Trunk(4, "carrier", ("192.0.2.0/24",))
CARRIER, SWITCH = ("192.0.2.7", 5060), ("198.51.100.1", 5060)
DID = "+56225550101"
PASSWORD = copies.password(Settings().secrets).encode()


def sdp(*streams: str) -> str:
    return "\r\n".join(["v=0", "o=- 1 1 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0", *streams, ""])


G729 = sdp("m=audio 40000 RTP/AVP 18 96 101", "a=rtpmap:96 opus/48000/2", "a=rtpmap:101 telephone-event/8000")


def invite(
    body: str = G729, to: str = f"<sip:{DID}@h>", cseq: str = "7 INVITE", uri: str = f"sip:{DID}@h:5060"
) -> bytes:
    lines = [f"INVITE {uri} SIP/2.0", "v: SIP/2.0/UDP h", f"t: {to}", f"CSeq:  {cseq}", "c: application/sdp", "", body]
    return "\r\n".join(lines).encode()


def answer(status: str = "488 Not Acceptable Here", cseq: str = "7 INVITE") -> bytes:
    return f"SIP/2.0 {status}\r\nTo: <sip:{DID}@h>;tag=x\r\nCSeq: {cseq}\r\n\r\n".encode()


def copy(
    message: bytes,
    sender: tuple[str, int],
    receiver: tuple[str, int],
    about: bytes = b"call-1",
    password: bytes = PASSWORD,
) -> bytes:
    chunks = [
        *((kind, ip_address(host).packed) for kind, (host, _) in ((3, sender), (4, receiver))),
        *((kind, port.to_bytes(2, "big")) for kind, (_, port) in ((7, sender), (8, receiver))),
        (14, password),
        (17, about),
        (15, message),
    ]
    body = b"".join(struct.pack("!HHH", 0, kind, 6 + len(value)) + value for kind, value in chunks)
    return struct.pack("!4sH", b"HEP3", 6 + len(body)) + body


def overhear(*datagrams: bytes) -> list[Refused]:
    told: list[Refused] = []
    overheard = Overheard(Settings(), lambda: (TRUNK,), told.append)
    for datagram in datagrams:
        overheard.hear(datagram)
    assert len(overheard._invites) <= MOST_INVITES
    return told


def test_a_call_that_a_trunk_refused_is_told_once() -> None:
    asked, refused = copy(invite(), CARRIER, SWITCH), copy(answer(), SWITCH, CARRIER)
    (told,) = overhear(asked, asked, refused, refused)
    assert (told.source, told.reason, told.number, told.trunk) == ("192.0.2.7", "no-codec", DID, "trunk-4")


@pytest.mark.parametrize(
    "datagrams",
    [
        (copy(answer(), SWITCH, CARRIER),),
        (copy(invite(), CARRIER, SWITCH), copy(answer("486 Busy Here"), SWITCH, CARRIER)),
        (copy(invite(), CARRIER, SWITCH), copy(answer(), SWITCH, CARRIER, b"another call")),
        (copy(invite(), CARRIER, SWITCH), copy(answer(cseq="8 INVITE"), SWITCH, CARRIER)),
        # a change of a call that goes on
        (copy(invite(to=f"<sip:{DID}@h>;tag=1"), CARRIER, SWITCH), copy(answer(), SWITCH, CARRIER)),
        # a consultation of ours that the carrier does not take
        (copy(invite(), SWITCH, CARRIER), copy(answer(), CARRIER, SWITCH)),
        # a telephone's, or a stranger's
        (copy(invite(), ("203.0.113.9", 5060), SWITCH), copy(answer(), SWITCH, ("203.0.113.9", 5060))),
        (b"", b"HEP3", b"HEP3\x00\x08\x00\x00", copy(invite(), CARRIER, SWITCH)[:-3], b"x" * 70000),
        # no copy of Asterisk's
        (copy(invite(), CARRIER, SWITCH, password=b"x"), copy(answer(), SWITCH, CARRIER, password=b"")),
        (copy(invite(), CARRIER, SWITCH), copy(answer(), SWITCH, CARRIER, password=PASSWORD[:-1])),
        (copy(b"INVITE sip\xff\xfe", CARRIER, SWITCH), copy(b"SIP/2.0 488 \xff", SWITCH, ("192.0.2.8", 1))),
    ],
)
def test_whatever_else_comes_is_no_refusal(datagrams: tuple[bytes, ...]) -> None:
    assert overhear(*datagrams) == []


def test_a_flood_of_invites_is_forgotten() -> None:
    flood = (copy(invite(), CARRIER, SWITCH, b"call-%d" % number) for number in range(MOST_INVITES + 50))
    assert overhear(*flood, copy(answer(), SWITCH, CARRIER, b"call-3")) == []


def test_a_copy_of_either_kind_of_address_is_read() -> None:
    whole = copy(b"x", CARRIER, SWITCH)
    six = whole.replace(struct.pack("!HHH", 0, 3, 10) + ip_address(CARRIER[0]).packed, b"").replace(
        struct.pack("!HHH", 0, 4, 10) + ip_address(SWITCH[0]).packed, b""
    )[6:]
    six += b"".join(struct.pack("!HHH", 0, kind, 22) + ip_address("2001:db8::7").packed for kind in (5, 6))
    read = copies.read(struct.pack("!4sH", b"HEP3", 6 + len(six)) + six, PASSWORD)
    assert read
    assert (read.sender, read.receiver, read.about) == (("2001:db8::7", 5060), ("2001:db8::7", 5060), b"call-1")


@pytest.mark.parametrize(
    ("streams", "srtp", "why"),
    [
        (["m=audio 4 RTP/AVP 18"], "off", "no-codec"),
        (["m=audio 4 RTP/AVP 8"], "off", "offer"),
        (["m=audio 4 RTP/AVP 97", "a=rtpmap:97 pcma/8000"], "off", "offer"),
        (["m=video 4 RTP/AVP 96", "a=rtpmap:96 H264/90000"], "off", "no-audio"),
        (["m=audio 0 RTP/AVP 8"], "off", "no-audio"),
        (["m=image 4 udptl t38"], "off", "no-audio"),
        ([], "off", "no-audio"),
        (["m=audio 4 RTP/AVP 8"], "required", "unencrypted"),
        (["m=audio 4 RTP/SAVP 8"], "off", "encrypted"),
        (["m=audio 4 RTP/SAVP 18"], "required", "no-codec"),
        (["m=audio 4 RTP/SAVP 18"], "optional", "no-codec"),
        (["m=audio 4 UDP/TLS/RTP/SAVPF 8"], "required", "dtls"),
        (["m=audio"], "off", "no-codec"),
        (["m="], "off", "no-audio"),
    ],
)
def test_why_an_offer_is_not_taken(streams: list[str], srtp: str, why: str) -> None:
    trunk = Trunk(1, "t", (), srtp=srtp)
    assert why_refused(read_invite(invite(sdp(*streams))).sounds, trunk) == why


def test_an_invite_is_read() -> None:
    read = read_invite(invite(uri="tel:+56225550101;x=y", to='"A <b>" <sip:0%31@h>;x=tag'))
    assert (read.requested, read.to, read.begins, read.cseq) == ("+56225550101", "01", True, "7 INVITE")
    assert read.sounds == (Sound("RTP/AVP", ("G729", "OPUS", "TELEPHONE-EVENT")),)


@pytest.mark.parametrize(("did_from", "number"), [("request", "acc.ount"), ("to", "0225550101")])
def test_the_number_is_where_the_trunk_has_it(did_from: str, number: str) -> None:
    read = read_invite(invite(uri="sip:acc.ou\x1bnt;`@h", to="<sip:0225550101@h>"))
    assert read.asked_for(Trunk(1, "t", (), did_from=did_from)) == number
