"""What AMI's events say about refusals and telephones."""

import pytest

from pbx_control.asterisk.ami import Refused, Telephone, refusal, telephone


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        (
            "ChallengeResponseFailed",
            {"Service": "PJSIP", "RemoteAddress": "IPV4/UDP/192.0.2.7/5060"},
            Refused("192.0.2.7", "wrong-password"),
        ),
        (
            "InvalidAccountID",
            {"Service": "PJSIP", "RemoteAddress": "IPV6/TCP/2001:db8::7/5060"},
            Refused("2001:db8::7", "stranger"),
        ),
        (
            "UserEvent",
            {"UserEvent": "Refused", "Reason": "dialled", "Source": "192.0.2.7:5060"},
            Refused("192.0.2.7", "dialled"),
        ),
        (
            "UserEvent",
            {"UserEvent": "Refused", "Reason": "unknown-number", "Source": "[2001:db8::7]:5060"},
            Refused("2001:db8::7", "unknown-number"),
        ),
        ("InvalidPassword", {"Service": "AMI", "RemoteAddress": "IPV4/TCP/127.0.0.1/1"}, None),
        ("UserEvent", {"UserEvent": "Other"}, None),
        ("FullyBooted", {}, None),
        ("FailedACL", {"Service": "PJSIP", "RemoteAddress": "x" * 500}, Refused("x" * 64, "stranger")),
    ],
)
def test_who_was_refused(name, event, expected):
    assert refusal(name, event) == expected


@pytest.mark.parametrize(
    ("status", "reachable"),
    [("Reachable", True), ("NonQualified", True), ("Unreachable", False), ("Removed", False)],
)
def test_telephones_come_and_go(status, reachable):
    event = {"ContactStatus": status, "AOR": "ana", "EndpointName": "ana"}
    assert telephone("ContactStatus", event) == Telephone("ana", reachable)


def test_other_events_tell_of_no_telephone():
    assert telephone("Registry", {"Status": "Registered"}) is None
