"""What of a publication counts at Asterisk's next start only."""

from pathlib import Path

import pytest

from pbx_control.asterisk.dialplan import render
from pbx_control.asterisk.publish import transports_of
from pbx_control.domain.office import Office
from pbx_control.settings import Home, Sip, defaults


def transports(**sip: object) -> list[str]:
    settings = defaults().model_copy(update={"sip": Sip.model_validate(sip)})
    return transports_of(render(OFFICE, settings, Home(Path("/srv/pbx")))["pjsip.conf"])


OFFICE = Office(revision=1)


def test_where_it_listens_is_found_in_the_rendered_file() -> None:
    assert "bind = 127.0.0.1:5062" in transports(bind="127.0.0.1:5062")
    assert not [line for line in transports() if "type = endpoint" in line]


@pytest.mark.parametrize(
    "sip",
    [{"bind": "127.0.0.1:5062"}, {"external_address": "203.0.113.9"}, {"tls_bind": "0.0.0.0:5061"}],
)
def test_a_change_of_where_it_listens_is_seen(sip: dict[str, object]) -> None:
    assert transports(**sip) != transports()


def test_another_change_is_none() -> None:
    assert transports(rtp_ports="20000-30000") == transports()
