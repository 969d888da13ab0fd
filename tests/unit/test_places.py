"""Where a telephone may be rung: at addresses that its password came from, however its contact is written."""

import re
from ipaddress import ip_network

import pytest

from pbx_control.asterisk.places import Places
from pbx_control.domain.office import Trunk
from pbx_control.domain.telephony.places import (
    MOST,
    PLAIN_ADDRESS,
    address_in,
    carriers_networks,
    is_never_rung,
    may_ring,
    pattern,
    plain_address,
    with_newest,
)

HOME = ("203.0.113.7",)
TRUNKS = (
    Trunk(1, "entel", ("192.0.2.0/28", "2001:db8:7::/48"), host="198.51.100.7:5070"),
    Trunk(2, "voip", ("192.0.2.200",), host="sip.carrier.example"),
)
CARRIERS = carriers_networks(TRUNKS)


@pytest.mark.parametrize(
    "uri",
    [
        "sip:ana@203.0.113.7",
        "sip:ana@203.0.113.7:5062",
        "sip:203.0.113.7:5062;transport=TCP",
        "sips:ana@203.0.113.7:5061;transport=TLS;x-ast-orig-host=192.168.1.5:5060",
        "sip:ana@[::ffff:203.0.113.7]:5060",
    ],
)
def test_at_home(uri):
    assert may_ring(uri, HOME, ())


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "sip:ana@carrier.example",
        "sip:ana@203.0.113.77",
        "sip:ana@1203.0.113.7",
        "sip:ana@203x0x113x7",
        "sip:ana@203.0.113.7.example",
        "sip:ana@198.51.100.9;x=@203.0.113.7",
        "sip:198.51.100.9;x=@203.0.113.7",
        "sip:198.51.100.9?x=@203.0.113.7",
        "sip:203.0.113.7@198.51.100.9",
        "sip:a@203.0.113.7@198.51.100.9",
        "tel:203.0.113.7",
        "sip:ana@203.0.113.7?Route=%3Csip%3A198.51.100.9%3Blr%3E",
        "sip:ana@203.0.113.7:5060;MAddr=198.51.100.9",
        "sip:ana@203.0.113.7;x=y;maddr=198.51.100.9?a=b",
        "x sip:ana@203.0.113.7",
        "sip:ana@203.0.113.7:5060 x",
    ],
)
def test_elsewhere(uri):
    assert not may_ring(uri, HOME, ())


@pytest.mark.parametrize(
    ("uri", "rung"),
    [("sip:ana@198.51.100.9:5060", True), ("sip:ana@x.example", False), ("sip:ana@:5060", False), ("", False)],
)
def test_of_whom_nothing_is_known_is_rung_at_any_address_and_at_no_name(uri, rung):
    assert may_ring(uri, (), ()) is rung


@pytest.mark.parametrize(
    "host",
    [
        "192.0.2.1",
        "192.0.2.15",
        "192.0.2.200",
        "198.51.100.7",
        "[2001:db8:7::1]",
        "[2001:0DB8:0007:0:0:0:0:1]",
        "[::ffff:192.0.2.1]",
        "[::FFFF:c000:201]",
        "sip.carrier.example",
        "192.0.513",
        "0300.0.2.1",
    ],
)
def test_at_a_carriers_address_nothing_is_rung_whoever_gave_the_password(host):
    uri = f"sip:+881612345678@{host}:5060"
    assert is_never_rung(uri, CARRIERS)
    assert not may_ring(uri, (), CARRIERS)
    assert not may_ring(uri, (plain_address(host),), CARRIERS)
    assert not rung_without_a_daemon(uri)


@pytest.mark.parametrize(
    "host", ["192.0.2.16", "192.0.2.20", "1.192.0.2", "198.51.100.77", "[2001:db8:70::1]", "[2001:db80:7::1]"]
)
def test_beside_a_carriers_address_a_telephone_is_rung(host):
    uri = f"sip:ana@{host}:5060;transport=udp"
    assert not is_never_rung(uri, CARRIERS)
    assert may_ring(uri, (plain_address(host),), CARRIERS)
    assert rung_without_a_daemon(uri)


def rung_without_a_daemon(uri: str) -> bool:
    """What the dialplan makes of these expressions ([is-at-address])."""
    to_host = "^sips?:([^@;?]*@)?"
    at_carrier = any(_found(to_host + pattern(network), uri) for network in CARRIERS)
    return not at_carrier and _found(f"{to_host}({PLAIN_ADDRESS})(:[0-9]+)?([ ;]|$)", uri)


def _found(posix: str, text: str) -> bool:
    return bool(re.search(posix.replace("[[]", r"\["), text))


@pytest.mark.parametrize(
    ("network", "written"),
    [
        ("10.0.0.0/8", "10[.][0-9]+[.][0-9]+[.][0-9]+([^0-9.]|$)"),
        ("192.0.2.6/31", "192[.]0[.]2[.](6|7)([^0-9.]|$)"),
        ("2001:db8::7", "[[]0*2001:0*[dD][bB]8:"),
        ("2000::/3", "[[]"),
    ],
)
def test_a_network_as_an_expression(network, written):
    assert pattern(ip_network(network)) == written


def test_a_telephone_at_a_carriers_is_lost_and_not_merely_elsewhere():
    places = Places(lambda: TRUNKS)
    assert not places.is_lost("ana"), "nothing is known of it"
    places.registered("ana", "sip:ana@203.0.113.7:5060")
    assert not places.is_lost("ana")
    places.registered("ana", "sip:+881612345678@192.0.2.1:5060")
    assert places.is_lost("ana")
    assert not places.at_home("ana")


def test_an_address_of_ipv6():
    assert may_ring("sip:ana@[2001:DB8::7]:5060", ("2001:db8::7",), ())
    assert not may_ring("sip:ana@[2001:db8::70]:5060", ("2001:db8::7",), ())


@pytest.mark.parametrize("host", ["carrier.example", "", "203.0.113.7|.*", "203.0.113", "0x7f.1"])
def test_only_an_address_is_one(host):
    assert plain_address(host) == ""


@pytest.mark.parametrize(
    ("uri", "address"),
    [("sip:ana@203.0.113.7:5060", "203.0.113.7"), ("sip:ana@[2001:db8::7]", "2001:db8::7"), ("sip:ana@x.example", "")],
)
def test_the_address_of_a_contact(uri, address):
    assert address_in(uri) == address


def test_a_telephone_that_moves_is_known_at_its_last_addresses():
    known = ()
    for number in range(MOST + 2):
        known = with_newest(known, f"203.0.113.{number}")
    assert known == with_newest(known, known[0])
    assert known[0] == f"203.0.113.{MOST + 1}"
    assert len(known) == MOST


class Switch:
    """AMI of an Asterisk that has those contacts."""

    connected = True

    def __init__(self, contacts: dict[str, str]) -> None:
        self.contacts = contacts

    async def ask_all(self, action, **headers):
        return [
            {"Event": "ContactList", "Endpoint": user, "Uri": uri, "ObjectName": f"{user}^3B@1"}
            for user, uri in self.contacts.items()
        ]


async def test_after_a_login_telephones_are_rung_where_they_are():
    places = Places(lambda: ())
    places.authenticated("ana", "198.51.100.9")
    switch = Switch({"ana": "sip:ana@203.0.113.7:5060^3Bx=y", "eva": "sip:eva@x.example"})
    assert set(await places.read(switch)) == {"ana", "eva"}
    assert (places.at_home("ana"), places.at_home("eva")) == (True, False), "ana may have moved meanwhile"


def test_where_a_password_came_from_it_is_rung_and_nowhere_else():
    places = Places(lambda: ())
    places.registered("ana", "sip:ana@198.51.100.9:5060")
    assert places.authenticated("ana", "::ffff:203.0.113.7")
    assert not places.authenticated("ana", "203.0.113.7"), "that is no news"
    assert not places.authenticated("ana", "x.example")
    assert not places.at_home("ana")
    places.registered("ana", "sip:ana@203.0.113.7:5060?Route=x")
    assert not places.may_ring("ana", "sip:ana@203.0.113.7:5060"), "Asterisk has taken the header out"
    places.registered("ana", "sip:ana@203.0.113.7:5060")
    assert places.may_ring("ana", "sip:ana@203.0.113.7:5070")
    places.registered("ana", "sip:ana@198.51.100.9:5060")
    assert places.authenticated("ana", "198.51.100.9")
    assert places.at_home("ana")
