"""What the daemon makes of Asterisk's events about contacts' legs and about keys."""

from datetime import UTC, datetime

import pytest

from pbx_control.asterisk.translate import AnsweredHere, LegDialled, LegMade, translate
from pbx_control.domain.call.events import (
    ContactAnswered,
    ContactLeft,
    ContactRinging,
    Held,
    KeyPressed,
    NewStream,
    SecretaryLeft,
    Unheld,
)

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CALL, CONTACTS, HERS = "pbx-1764000000.5", "pbx-1764000000.5-contact-2", "pbx-1764000000.5-secretary-1"
SUPERVISORS = "pbx-1764000000.5-supervisor-1"


def of(kind, channel, **facts):
    return {"type": kind, "channel": {"id": channel, "state": "Up"}} | facts


def test_a_contacts_leg_rings_is_answered_and_leaves():
    ringing = {"type": "ChannelStateChange", "channel": {"id": CONTACTS, "state": "Ringing"}}
    assert translate(ringing, AT) == (CALL, ContactRinging(AT, CONTACTS))
    assert translate(of("ChannelStateChange", CONTACTS), AT) == (CALL, ContactAnswered(AT, CONTACTS))
    assert translate(of("ChannelDestroyed", CONTACTS, cause=17), AT) == (CALL, ContactLeft(AT, CONTACTS, 17))


def test_a_hold_is_her_telephones_and_of_others_its_end_alone_matters():
    assert translate(of("ChannelHold", HERS), AT) == (CALL, Held(AT, HERS))
    assert translate(of("ChannelUnhold", HERS), AT) == (CALL, Unheld(AT, HERS))
    for leg in (SUPERVISORS, CONTACTS, CALL):
        assert translate(of("ChannelHold", leg), AT) is None
        assert translate(of("ChannelUnhold", leg), AT) == (CALL, NewStream(AT, leg))


@pytest.mark.parametrize("leg", [CONTACTS, HERS])
def test_a_leg_that_was_made_is_told_of_once_it_is_in_our_application(leg):
    assert translate(of("StasisStart", leg, args=["made"]), AT) == LegMade(leg)
    assert translate(of("StasisStart", "pbx-1764000000.9", args=["made"]), AT) is None


def test_a_secretarys_leg_can_go_to_the_dialplan_once_it_is_dialled():
    def dial(leg, status):
        return {"type": "Dial", "peer": {"id": leg}, "dialstatus": status}

    assert translate(dial(HERS, ""), AT) == LegDialled(HERS)
    assert translate(dial(HERS, "RINGING"), AT) is None
    assert translate(dial(CONTACTS, ""), AT) is None


@pytest.mark.parametrize(("context", "expected"), [("nobody", AnsweredHere(HERS)), ("secretary-leg", None)])
def test_an_answer_that_came_before_that_is_noticed(context, expected):
    assert translate({"type": "ChannelStateChange", "channel": hers_up(context)}, AT) == expected


def hers_up(context):
    return {"id": HERS, "state": "Up", "dialplan": {"context": context}}


@pytest.mark.parametrize("kind", ["StasisEnd", "ChannelHangupRequest"])
@pytest.mark.parametrize("leg", [CONTACTS, HERS])
def test_legs_that_are_not_a_callers_end_when_they_are_destroyed(kind, leg):
    assert translate(of(kind, leg), AT) is None


def test_her_keys_are_commands_and_nobody_elses():
    assert translate(of("ChannelDtmfReceived", HERS, digit="*"), AT) == (CALL, KeyPressed(AT, HERS, "*"))
    for other in (CALL, CONTACTS):
        assert translate(of("ChannelDtmfReceived", other, digit="*"), AT) is None


@pytest.mark.parametrize(("status", "cause"), [(302, 23), (300, 23), (486, 17), (0, 17)])
def test_a_telephone_that_forwards_is_known_by_the_status_that_it_answered(status, cause):
    left = of("ChannelDestroyed", HERS, cause=17, tech_cause=status)
    assert translate(left, AT) == (CALL, SecretaryLeft(AT, HERS, cause))
