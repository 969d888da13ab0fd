"""Webhooks: what is signed and how, where events may go, when one is tried again; pure."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from pbx_control.domain.notices.messages import MAX_ATTEMPTS
from pbx_control.domain.webhooks import (
    FAILS_FOR,
    LONGEST_URL,
    LONGEST_WAIT,
    EventType,
    Listener,
    OfCall,
    after_try,
    answered,
    ended,
    event_types,
    letter_of,
    message_sent,
    receiver_url,
    secret_of,
    signing_secrets,
    started,
)
from pbx_control.errors import ClientMistake, DeliveryFailed, Fault

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CALL = OfCall(
    id="pbx-1.1",
    client_id=7,
    caller="+56981234567",
    arrived_at=AT,
    answered_at=AT + MINUTE,
    outcome="answered",
    talked=61.5,
    recorded=True,
    left_message=True,
)
TO = Listener(3, 7, frozenset())


def test_an_event_is_thin_and_says_where_to_read_more() -> None:
    (over, *ready) = ended(CALL, AT + 2 * MINUTE)
    letter = letter_of(over, TO, "andes", "https://casa.example", sensitive=False)
    assert json.loads(letter.text) == {
        "type": "call.ended",
        "timestamp": "2026-11-30T12:02:00Z",
        "data": {
            "call": "pbx-1.1",
            "client": "andes",
            "caller": "+56981234567",
            "withheld": "",
            "arrived_at": "2026-11-30T12:00:00Z",
            "answered_at": "2026-11-30T12:01:00Z",
            "ended_at": "2026-11-30T12:02:00Z",
            "outcome": "answered",
            "talked": 61.5,
            "url": "https://casa.example/api/v1/calls/pbx-1.1",
        },
    }
    assert [one.details["kind"] for one in ready] == ["conversation", "voice-message"]
    assert {one.type for one in ready} == {EventType.RECORDING_READY}


def test_of_a_sensitive_client_not_even_the_number_goes() -> None:
    letter = letter_of(started(CALL), TO, "andes", "https://casa.example", sensitive=True)
    data = json.loads(letter.text)["data"]
    assert (data["caller"], data["withheld"]) == ("", "sensitive")
    assert CALL.caller not in letter.text


def test_an_event_has_one_id_for_each_webhook_for_ever() -> None:
    events = [
        started(CALL),
        answered(CALL, AT),
        *ended(CALL, AT),
        *(message_sent(CALL, n, AT, urgent=False) for n in (1, 2)),
    ]
    names = [letter_of(one, TO, "andes", "", sensitive=False).message_id for one in events]
    assert len(set(names)) == len(events) == 7
    assert names == [letter_of(one, TO, "renamed", "x", sensitive=True).message_id for one in events]
    assert not set(names) & {
        letter_of(one, Listener(4, None, frozenset()), "", "", sensitive=False).message_id for one in events
    }
    assert all(name.startswith("evt_") and "." not in name for name in names)


def test_who_is_told_of_what() -> None:
    event = started(CALL)
    assert TO.wants(event)
    assert Listener(1, None, frozenset()).wants(event)
    assert Listener(1, None, frozenset({"call.started"})).wants(event)
    assert not Listener(1, 7, frozenset({"call.ended"})).wants(event)
    assert not Listener(1, 8, frozenset()).wants(event)


def test_types_stand_in_one_order_each_once() -> None:
    assert event_types([]) == ()
    assert event_types(["message.sent", "call.started", "message.sent"]) == (EventType.STARTED, EventType.MESSAGE_SENT)
    with pytest.raises(ClientMistake) as error:
        event_types(["call.started", "*"])
    assert error.value.values["field"] == "events"


def test_a_secret_is_as_the_convention_says() -> None:
    assert secret_of(bytes(32)) == "whsec_" + "A" * 43 + "="


def test_both_secrets_sign_for_a_day_the_new_one_first() -> None:
    assert signing_secrets("new", "", None, AT) == ("new",)
    assert signing_secrets("new", "old", AT, AT) == ("new", "old")
    assert signing_secrets("new", "old", AT, AT + DAY - timedelta(microseconds=1)) == ("new", "old")
    assert signing_secrets("new", "old", AT, AT + DAY) == ("new",)


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example.com",
        "https://crm.example.com:8443/a/b?key=1",
        " https://8.8.8.8/x ",
        "https://xn--and-6ma2c.example/",
    ],
)
def test_such_addresses_are_taken(url: str) -> None:
    assert receiver_url(url, private=False) == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crm.example.com",
        "http://crm.example.com/",
        "ftp://crm.example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://user@crm.example.com/",
        "https://user:word@crm.example.com/",
        "https://:@crm.example.com/",
        "https://crm.example.com/#part",
        "https://crm.example.com/#",
        "https://crm.example.com:0/",
        "https://crm.example.com:99999/",
        "https://crm.example.com:x/",
        "https://[::1/",
        "https://a b/",
        "https://crm.example.com/\r\nX-Evil: 1",
        "https://ñandú.cl/",
        "https://crm.example.com/" + "x" * LONGEST_URL,
        "https://localhost/",
        "https://LOCALHOST./",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.1.2.3/",
        "https://[::1]/",
        "https://[fd00:ec2::254]/",
    ],
)
def test_such_addresses_are_refused(url: str) -> None:
    with pytest.raises(ClientMistake) as error:
        receiver_url(url, private=False)
    assert error.value.values["field"] == "url"
    assert "\n" not in str(error.value)


def test_without_tls_only_where_the_settings_list_networks() -> None:
    assert receiver_url("http://10.1.2.3:8000/x", private=True)
    with pytest.raises(ClientMistake):
        receiver_url("ftp://10.1.2.3/x", private=True)


# --- after a try that failed ------------------------------------------------------------------------------------


def failed(fault: Fault, wait: timedelta = timedelta(0)) -> DeliveryFailed:
    return DeliveryFailed("x", fault, retry_after=wait)


def test_pauses_grow() -> None:
    then = [after_try(failed(Fault.LATER), tries, AT, AT) for tries in (1, 2, 3, 7, 20)]
    assert [one and one.due_at and one.due_at - AT for one in then] == [
        MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        2 * HOUR,
        2 * HOUR,
    ]
    assert not any(one and one.aside for one in then)


def test_a_receiver_that_asks_to_wait_is_asked_then_but_not_later_than_in_an_hour() -> None:
    for wait, due in ((10 * MINUTE, 10 * MINUTE), (timedelta(seconds=1), MINUTE), (30 * DAY, LONGEST_WAIT)):
        then = after_try(failed(Fault.PAUSE, wait), 1, AT, AT)
        assert then
        assert then.due_at == AT + due


def test_an_event_that_alone_is_refused_stands_aside_after_an_hour() -> None:
    asides = [after_try(failed(Fault.LETTER), tries, AT, AT) for tries in (5, 6, 7)]
    assert [one and one.aside for one in asides] == [False, True, True]


def test_it_is_given_up_after_three_days_if_others_were_taken() -> None:
    then = after_try(failed(Fault.LETTER), MAX_ATTEMPTS, AT - HOUR, AT)
    assert then
    assert then.due_at is None


def test_while_none_is_taken_nothing_is_lost_for_five_days_and_then_the_webhook_is_at_its_end() -> None:
    then = after_try(failed(Fault.LATER), MAX_ATTEMPTS + 5, AT - 4 * DAY, AT)
    assert then
    assert then.due_at == AT + 2 * HOUR
    assert after_try(failed(Fault.LATER), MAX_ATTEMPTS + 5, AT - FAILS_FOR, AT) is None


@pytest.mark.parametrize("fault", [Fault.LATER, Fault.LETTER, Fault.PAUSE])
def test_days_in_which_nothing_was_tried_do_not_end_a_webhook(fault: Fault) -> None:
    """It failed last week, and that event is no more; or the daemon was off, or was restored from a backup."""
    for tries in (1, MAX_ATTEMPTS - 1):
        then = after_try(failed(fault), tries, AT - 30 * DAY, AT)
        assert then
        assert then.due_at
    assert after_try(failed(fault), MAX_ATTEMPTS, AT - 30 * DAY, AT) is None


def test_gone_is_the_end() -> None:
    assert after_try(failed(Fault.FINAL), 1, AT, AT) is None
