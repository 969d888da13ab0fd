"""What the daemon makes of Asterisk's events about contacts' legs and about keys."""

from datetime import UTC, datetime

import pytest

from pbx_control.asterisk.translate import ContactMade, Forwarded, translate
from pbx_control.domain.call.events import ContactAnswered, ContactLeft, ContactRinging, KeyPressed

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CALL, CONTACTS, HERS = "pbx-1764000000.5", "pbx-1764000000.5-contact-2", "pbx-1764000000.5-secretary-1"


def of(kind, channel, **facts):
    return {"type": kind, "channel": {"id": channel, "state": "Up"}} | facts


def test_a_contacts_leg_rings_is_answered_and_leaves():
    ringing = {"type": "ChannelStateChange", "channel": {"id": CONTACTS, "state": "Ringing"}}
    assert translate(ringing, AT) == (CALL, ContactRinging(AT, CONTACTS))
    assert translate(of("ChannelStateChange", CONTACTS), AT) == (CALL, ContactAnswered(AT, CONTACTS))
    assert translate(of("ChannelDestroyed", CONTACTS, cause=17), AT) == (CALL, ContactLeft(AT, CONTACTS, 17))


def test_a_contacts_leg_is_told_of_once_it_is_in_our_application():
    assert translate(of("StasisStart", CONTACTS, args=["contact"]), AT) == ContactMade(CONTACTS)
    assert translate(of("StasisStart", "pbx-1764000000.9", args=["contact"]), AT) is None


@pytest.mark.parametrize("kind", ["StasisEnd", "ChannelHangupRequest"])
@pytest.mark.parametrize("leg", [CONTACTS, HERS])
def test_legs_that_are_not_a_callers_end_when_they_are_destroyed(kind, leg):
    assert translate(of(kind, leg), AT) is None


def test_a_contacts_telephone_that_sends_its_call_elsewhere_is_noticed():
    contact = {"id": CONTACTS, "name": "PJSIP/trunk-1-00000009"}
    event = {"type": "Dial", "peer": contact, "forward": "PJSIP/+19005550100@trunk-1", "forwarded": {"id": "pbx-1.7"}}
    assert translate(event, AT) == Forwarded("pbx-1.7", contact["name"], "PJSIP/+19005550100@trunk-1")


def test_her_keys_are_commands_and_nobody_elses():
    assert translate(of("ChannelDtmfReceived", HERS, digit="*"), AT) == (CALL, KeyPressed(AT, HERS, "*"))
    for other in (CALL, CONTACTS):
        assert translate(of("ChannelDtmfReceived", other, digit="*"), AT) is None
