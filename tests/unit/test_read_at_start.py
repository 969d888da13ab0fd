"""What of a publication counts at Asterisk's next start only."""

from pathlib import Path

import pytest

from pbx_control.asterisk.dialplan import render
from pbx_control.asterisk.publish import transports_changed
from pbx_control.domain.office import Office, Trunk
from pbx_control.settings import Home, Settings, Sip

TLS = {"tls_bind": "0.0.0.0:5061"}
CARRIER = Trunk(3, "voz", ("192.0.2.1",), host="sip.voz.example", transport="tls")
OWN = Trunk(3, "voz", ("192.0.2.1",), host="sip.voz.example", transport="tls", ca="PEM")
UNVERIFIED = Trunk(4, "otra", ("192.0.2.2",), host="sip.otra.example", transport="tls", verify=False)


def pjsip(*trunks: Trunk, **sip: object) -> str:
    settings = Settings(sip=Sip(**sip))
    return render(Office(revision=1, trunks=trunks), settings, Home(Path("/srv/pbx")))["pjsip.conf"]


@pytest.mark.parametrize("sip", [{"bind": "127.0.0.1:5062"}, {"external_address": "203.0.113.9"}, TLS])
def test_a_change_of_where_it_listens_is_seen(sip: dict[str, object]) -> None:
    assert transports_changed(pjsip(), pjsip(**sip))
    assert transports_changed(pjsip(**sip), pjsip())


def test_a_change_of_whom_the_system_trusts_is_seen() -> None:
    assert transports_changed(pjsip(CARRIER, **TLS), pjsip(CARRIER, ca_file="/srv/ca.pem", **TLS))


def test_a_trunks_own_transport_begins_and_ends_at_a_reload() -> None:
    one, two = pjsip(CARRIER, **TLS), pjsip(OWN, UNVERIFIED, **TLS)
    assert one != two
    assert not transports_changed(one, two)
    assert not transports_changed(two, one)


def test_another_change_is_none() -> None:
    assert not transports_changed(pjsip(), pjsip(rtp_ports="20000-30000"))
