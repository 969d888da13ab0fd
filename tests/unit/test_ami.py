"""What AMI's events say about refusals, telephones and streams."""

import pytest

from pbx_control.asterisk.ami import (
    Authenticated,
    Refused,
    Stream,
    Telephone,
    authenticated,
    refusal,
    stream,
    telephone,
)


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
    event = {"ContactStatus": status, "AOR": "ana", "EndpointName": "ana", "URI": "sip:ana@192.0.2.7"}
    assert telephone("ContactStatus", event) == Telephone("ana", "sip:ana@192.0.2.7", reachable)


def test_other_events_tell_of_no_telephone():
    assert telephone("Registry", {"Status": "Registered"}) is None


@pytest.mark.parametrize(
    ("user", "address", "host"),
    [
        ("ana", "IPV4/UDP/192.0.2.7/5060", "192.0.2.7"),
        ("ana@tls-0123", "IPV6/TLS/2001:db8::7/5061", "2001:db8::7"),
    ],
)
def test_a_telephones_password_came_from_somewhere(user, address, host):
    event = {"Service": "PJSIP", "AccountID": user, "RemoteAddress": address}
    assert authenticated("SuccessfulAuth", event) == Authenticated("ana", host)


def test_our_own_login_is_no_telephones():
    event = {"Service": "AMI", "AccountID": "pbx", "RemoteAddress": "IPV4/TCP/127.0.0.1/4711"}
    assert authenticated("SuccessfulAuth", event) is None
    assert authenticated("InvalidPassword", event | {"Service": "PJSIP"}) is None


def test_a_report_names_the_stream_that_comes_from_a_leg():
    report = {"Uniqueid": "pbx-1.5", "SSRC": "0x00000001", "ReportCount": "1", "Report0SourceSSRC": "0x00c0ffee"}
    assert stream("RTCPSent", report) == Stream("pbx-1.5", "0x00c0ffee")
    assert stream("RTCPReceived", report) is None
    assert stream("RTCPSent", {"Uniqueid": "pbx-1.5", "SSRC": "0x00000001", "ReportCount": "0"}) is None
