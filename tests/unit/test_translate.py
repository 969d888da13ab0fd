"""What the daemon makes of a caller who was forwarded to us."""

from datetime import UTC, datetime
from unittest.mock import Mock

import pytest

from pbx_control.asterisk.translate import Arrival, translate
from pbx_control.domain.call.model import Call, Contact, Phase
from pbx_control.domain.office import Client, Did, Office, Trunk
from pbx_control.domain.opening.hours import parse_week
from pbx_control.live.directory import Directory
from pbx_control.live.reception import MOST_REQUESTS, Requests, came_back, refuse
from pbx_control.live.recovery import _leg

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
# --- who has forwarded a caller to us -------------------------------------------------------------------------


def arriving(*more: str):
    """A caller enters the application; `more` follows the DID among its arguments."""
    channel = {"id": "pbx-1764000000.9", "caller": {"number": "+56987654321", "name": "Rosa"}}
    return {"type": "StasisStart", "channel": channel, "args": ["arrived", "+56225550101", *more]}


@pytest.mark.parametrize(("more", "diverted_by"), [((), ""), (("",), ""), (("+56225550199",), "+56225550199")])
def test_an_arrival_tells_who_forwarded_it(more, diverted_by):
    expected = Arrival("pbx-1764000000.9", "+56225550101", "+56987654321", "Rosa", diverted_by)
    assert translate(arriving(*more), AT) == expected


@pytest.mark.parametrize(("early", "heard"), [("1", True), ("0", False), ("", False)])
def test_an_arrival_tells_whether_its_carrier_lets_callers_hear_us_before_the_answer(early, heard):
    assert translate(arriving("", "", early), AT).early_media is heard


def test_an_arrival_tells_by_which_trunk_it_came():
    assert translate(arriving("", "", "", "", "trunk-1"), AT).trunk == "trunk-1"


@pytest.mark.parametrize("more", ["", ",", ",987"])
def test_a_caller_who_is_found_later_is_known_by_his_did_too(more):
    caller = {"number": "+56987654321", "name": "Rosa"}
    dialplan = {"app_name": "Stasis", "app_data": f"pbx,arrived,+56225550101{more}"}
    leg = _leg({"id": "x", "name": "PJSIP/trunk-1-1", "state": "Ring", "caller": caller, "dialplan": dialplan})
    assert (leg.did, leg.arrival.diverted_by) == ("+56225550101", more.removeprefix(","))


# --- consultations that come back -----------------------------------------------------------------------------

ANDES = Client(1, "andes", "Andes", week=parse_week(["always"]))
OFFICE = Office(
    1, trunks=(Trunk(1, "out", ("192.0.2.1",), "192.0.2.1"),), dids=(Did("+56225550101", "out", 1),), clients=(ANDES,)
)


def board_with(*calls: Call) -> Mock:
    return Mock(directory=Directory(OFFICE), calls=calls)


@pytest.mark.parametrize(
    ("number", "diverted_by"),
    [
        ("+56225550101", ""),
        ("225550101", ""),
        ("56987654321", "<sip:56987654321@carrier>;reason=unconditional"),
        ("", "987654321"),
        ("", "<tel:+56-9-8765-4321>"),
        ("", '"x" <sip:+56223334455@a>;index=1, <sip:987654321;npdi@b?Reason=SIP%3Bcause%3D302>;index=1.1'),
    ],
)
def test_a_consultation_is_recognised_however_the_carrier_writes_numbers(number, diverted_by):
    facts = Directory(OFFICE).facts("+56225550101", AT)
    rosa = Contact(5, "Rosa", ("+56987654321",))
    asking = Call("c1", Phase.CALLING_CONTACT, facts=facts, contact=rosa, contact_legs=1, contact_here=True)
    arrival = Arrival("pbx-1764000000.9", "+56225550101", number, "", diverted_by)
    assert came_back(board_with(asking), arrival) == "c1"


def test_a_call_before_anything_is_known_of_our_numbers_is_an_ordinary_one():
    assert came_back(Mock(directory=None), Arrival("x", "+56225550101", "+56225550101", "")) is None


def test_it_is_refused_where_refusals_are_counted():
    ari = Mock()
    refuse(ari, Arrival("pbx-1764000000.9", "+56225550101", "+56225550101", ""), "loop")
    ari.request.assert_called_once_with(
        "POST", "channels/pbx-1764000000.9/continue", context="refusal", extension="loop", priority=1
    )


# --- one call that comes by two ways --------------------------------------------------------------------------


def came(channel: str, request: str) -> Arrival:
    return Arrival(channel, "+56225550101", "+56987654321", "Rosa", request=request)


def test_a_request_is_a_call_once_by_whatever_channel_it_comes():
    requests = Requests()
    seen = [requests.is_merged(came(channel, "r1")) for channel in ("a", "b", "a", "c")]
    assert seen == [False, True, False, True], "a comparison with the switch finds the first one again"


def test_after_its_end_a_request_may_come_again():
    requests = Requests()
    requests.is_merged(came("a", "r1"))
    requests.gone("b")
    assert requests.is_merged(came("b", "r1"))
    requests.gone("a")
    assert not requests.is_merged(came("c", "r1"))


def test_calls_without_a_request_are_calls_of_their_own():
    requests = Requests()
    assert not any(requests.is_merged(came(channel, "")) for channel in ("a", "b"))


def test_old_requests_are_forgotten():
    requests = Requests()
    for number in range(MOST_REQUESTS + 1):
        assert not requests.is_merged(came(f"channel-{number}", f"request-{number}"))
    assert not requests.is_merged(came("other", "request-0"))
    assert requests.is_merged(came("other", f"request-{MOST_REQUESTS}"))


def test_an_arrival_tells_by_what_request_it_came():
    assert translate(arriving("", "", "1", "8f3a"), AT).request == "8f3a"
