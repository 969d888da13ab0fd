"""What the daemon makes of Asterisk's events about telephones that send their call elsewhere."""

from datetime import UTC, datetime
from unittest.mock import Mock

import pytest

from pbx_control.asterisk.translate import Forwarded, translate
from pbx_control.reception import refuse_forward

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LEG = {"id": "pbx-1764000000.5-secretary-1", "name": "PJSIP/ana-3t4f-00000009"}
DIALLED = {"id": "pbx-1764000000.7", "name": "PJSIP/trunk-1-0000000a"}
TARGET = "PJSIP/+19005550100@trunk-1"


def dial(**facts):
    return {"type": "Dial", "peer": LEG, "dialstatus": "CANCEL", "forward": TARGET, "forwarded": DIALLED} | facts


def test_a_telephone_that_sends_its_call_elsewhere_is_noticed():
    assert translate(dial(), AT) == Forwarded(DIALLED["id"], LEG["name"], TARGET)


@pytest.mark.parametrize("other", [{"forward": ""}, {"peer": {"id": "pbx-1764000000.9", "name": "x"}}])
def test_other_dialling_is_no_news(other):
    assert translate(dial(**other), AT) is None


def test_what_is_dialled_for_it_is_given_up_at_once():
    ari = Mock()
    refuse_forward(ari, Forwarded(DIALLED["id"], LEG["name"], TARGET))
    ari.request.assert_called_once_with("DELETE", "channels/pbx-1764000000.7")
