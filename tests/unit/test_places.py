"""Where a telephone may be rung: at addresses that its password came from, however its contact is written."""

import pytest

from pbx_control.asterisk.places import Places
from pbx_control.domain.places import MOST, address_in, is_at, noted, with_newest

HOME = (noted("203.0.113.7"),)


@pytest.mark.parametrize(
    "uri",
    [
        "sip:ana@203.0.113.7",
        "sip:ana@203.0.113.7:5062",
        "sip:203.0.113.7:5062;transport=TCP",
        "sips:ana@203.0.113.7:5061;transport=TLS;x-ast-orig-host=192.168.1.5:5060",
        "sip:ana@[::ffff:203.0.113.7]:5060",
        "sip:ana@203.0.113.7?x=y",
    ],
)
def test_at_home(uri):
    assert is_at(uri, HOME)


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
        "x sip:ana@203.0.113.7",
    ],
)
def test_elsewhere(uri):
    assert not is_at(uri, HOME)


def test_of_nobody_is_known_where_he_is():
    assert not is_at("sip:ana@203.0.113.7", ())
    assert not is_at("sip:ana@:5060", ())


def test_an_address_of_ipv6():
    assert is_at("sip:ana@[2001:db8::7]:5060", (noted("2001:db8::7"),))
    assert not is_at("sip:ana@[2001:db8::70]:5060", (noted("2001:db8::7"),))


@pytest.mark.parametrize("host", ["carrier.example", "", "203.0.113.7|.*", "203.0.113", "fe80::1%.*", "0x7f.1"])
def test_only_an_address_is_noted(host):
    assert noted(host) == ""


@pytest.mark.parametrize(
    ("uri", "address"),
    [("sip:ana@203.0.113.7:5060", "203.0.113.7"), ("sip:ana@[2001:db8::7]", "2001:db8::7"), ("sip:ana@x.example", "")],
)
def test_the_address_of_a_contact(uri, address):
    assert address_in(uri) == address


def test_a_telephone_that_moves_is_known_at_its_last_hosts():
    hosts = ()
    for number in range(MOST + 2):
        hosts = with_newest(hosts, f"host {number}")
    assert hosts == with_newest(hosts, hosts[0])
    assert hosts[0] == f"host {MOST + 1}"
    assert len(hosts) == MOST


class Database:
    """AMI of an Asterisk that has those entries and those contacts."""

    connected = True

    def __init__(self, entries: dict[str, str], contacts: dict[str, str]) -> None:
        self.entries, self.contacts = entries, contacts

    async def ask(self, action, **headers):
        assert action == "DBPut"
        self.entries[headers["Key"]] = headers["Val"]

    async def ask_all(self, action, **headers):
        if action == "DBGetTree":
            return [{}, *({"Key": f"/telephone-at/{user}", "Val": value} for user, value in self.entries.items()), {}]
        return [
            {"Event": "ContactList", "Endpoint": user, "Uri": uri, "ObjectName": f"{user}^3B@1"}
            for user, uri in self.contacts.items()
        ]


async def test_an_upgraded_switch_goes_on_ringing_who_is_there():
    places, database = Places(), Database({}, {"ana": "sip:ana@203.0.113.7:5060^3Bx=y", "eva": "sip:eva@x.example"})
    assert set(await places.read(database)) == {"ana", "eva"}
    assert (places.at_home("ana"), places.at_home("eva")) == (True, False)
    assert database.entries == {"ana": HOME[0]}


async def test_what_a_former_daemon_knew_counts():
    places, database = Places(), Database({"ana": HOME[0]}, {"ana": "sip:ana@198.51.100.9:5060"})
    await places.read(database)
    assert not places.at_home("ana")
    assert places.may_ring("ana", "sip:ana@203.0.113.7:5070")
    assert places.authenticated("ana", "198.51.100.9")
    assert not places.authenticated("ana", "198.51.100.9")
    await places.write(database, "ana")
    assert places.at_home("ana")
    assert database.entries["ana"].split("|") == [noted("198.51.100.9"), HOME[0]]


def test_before_the_switch_was_asked_a_name_is_not_rung():
    places = Places()
    assert places.may_ring("ana", "sip:ana@198.51.100.9")
    assert not places.may_ring("ana", "sip:ana@x.example")
