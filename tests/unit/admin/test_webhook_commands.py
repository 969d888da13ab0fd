"""The commands about webhooks: the secret is printed once; a test tells in one line what the receiver answered."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from terminal import Admin
from webhook_receiver import Answer, Receiver, receiving

from pbx_control.domain.words.sentences import Sentence
from pbx_control.settings import Home, load
from pbx_control.store import webhooks
from pbx_control.store.engine import open_engine, writing

URL = "https://crm.example/calls"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture
def inner(office: Admin) -> Admin:
    """An office whose settings let events go to loopback."""
    settings = Path(office.home) / "pbx.toml"
    listed = '[webhooks]\nprivate_networks = ["127.0.0.1/32"]\n'
    settings.write_text(settings.read_text().replace("[webhooks]\n", listed, 1))
    return office


def add(office: Admin, url: str = URL, *more: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(office.does("webhook", "add", "--url", url, *more, "--json"))
    return told


def test_one_is_made_listed_and_removed(office: Admin) -> None:
    made = add(office, URL, "--client", "andes", "--event", "call.ended,call.started", "--event", "message.sent")
    assert made["events"] == ["call.started", "call.ended", "message.sent"]
    secret = str(made["secret"])
    assert secret.startswith("whsec_")
    printed = office.does("webhook", "add", "--url", URL)
    assert "whsec_" in printed
    assert "pbx-control webhook test 2" in printed
    assert "whsec_" not in office.does("webhook", "list", "--json") + office.does("webhook", "list")
    rows = {one["id"]: one for one in office.reads("webhook", "list")}
    assert (rows[1]["client"], rows[2]["client"], rows[2]["events"]) == ("andes", "", [])
    standing = [rows[1][name] for name in ("state", "waiting", "events_lost", "last_error")]
    assert standing == ["untried", 0, 0, ""]
    assert not {"secret", "kept_error"} & rows[1].keys()
    office.does("webhook", "remove", "1")
    assert [one["id"] for one in office.reads("webhook", "list")] == [2]
    assert "whsec_" not in office.does("audit", "list")
    assert "webhook removed" in office.does("audit", "list")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add", "--url", "http://crm.example/"), "https://"),
        (("add", "--url", "https://127.0.0.1/"), "[webhooks] private_networks in pbx.toml does not list"),
        (("add", "--url", URL, "--event", "call.*"), "no event"),
        (("add", "--url", URL, "--client", "nobody"), "no client"),
        (("test", "9"), "there is no webhook 9"),
        (("rotate", "9"), "there is no webhook 9: `webhook list`"),
        (("remove", "9"), "there is no webhook 9: `webhook list`"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(office: Admin, words: tuple[str, ...], told: str) -> None:
    assert told in office.is_refused("webhook", *words)


def test_a_secret_is_renewed_and_shown_once(inner: Admin, receiver: Receiver) -> None:
    made = add(inner, receiver.url())
    told = json.loads(inner.does("webhook", "rotate", "1", "--json"))
    assert told["id"] == 1
    assert told["secret"] != made["secret"]
    inner.does("webhook", "test", "1")
    (request,) = receiver.requests
    assert all(request.is_signed_by(str(secret)) for secret in (told["secret"], made["secret"]))
    printed = inner.does("webhook", "rotate", "1")
    assert printed.startswith("secret: whsec_")
    assert "24 h" in printed
    shown = inner.does("webhook", "list", "--json") + inner.does("webhook", "list") + inner.does("audit", "list")
    assert "whsec_" not in shown
    assert shown.count("webhook secret renewed") == 2


def test_a_test_tells_status_and_time(inner: Admin, receiver: Receiver) -> None:
    made = add(inner, receiver.url())
    assert inner.does("webhook", "test", "1").startswith("taken: 204, in 0")
    told = json.loads(inner.does("webhook", "test", "1", "--json"))
    assert told["status"] == 204
    assert [one.event["type"] for one in receiver.requests] == ["webhook.test"] * 2
    assert all(one.is_signed_by(str(made["secret"])) for one in receiver.requests)
    receiver.answers = [Answer(500)]
    assert "the receiver answers 500" in inner.is_refused("webhook", "test", "1")
    assert inner.does("audit", "list").count("webhook tested") == 3


def test_what_becomes_of_a_webhook_is_told_in_its_state(inner: Admin, receiver: Receiver) -> None:
    add(inner, receiver.url())
    assert "nothing sent yet" in inner.does("webhook", "list")
    inner.does("webhook", "test", "1")
    assert "it works, last at 20" in inner.does("webhook", "list")
    assert [one["state"] for one in inner.reads("webhook", "list")] == ["working"]


def test_since_when_a_webhook_fails_or_is_stopped_is_told_with_the_reason(office: Admin) -> None:
    add(office)
    engine = open_engine(Home(office.home), load(Home(office.home)))
    at = datetime(2026, 8, 3, 16, tzinfo=UTC)
    with writing(engine) as conn:
        webhooks.note_failed(conn, 1, at, Sentence("the receiver answers {status}", status=500))
    assert "it fails since 2026-08-03 12:00: the receiver answers 500\n" in office.does("webhook", "list")
    with writing(engine) as conn:
        webhooks.stop(conn, 1, at + timedelta(days=5))
        webhooks.count_lost(conn, 1, 3)
    engine.dispose()
    shown = office.does("--lang", "es", "webhook", "list")
    assert "detenido el 2026-08-08 12:00: el receptor responde 500; eventos perdidos: 3\n" in shown
    [row] = office.reads("webhook", "list")
    assert (row["state"], row["last_error"], row["events_lost"]) == ("stopped", "the receiver answers 500", 3)


def test_without_the_setting_no_address_within_our_walls_is_asked(inner: Admin, receiver: Receiver) -> None:
    add(inner, receiver.url())
    settings = Path(inner.home) / "pbx.toml"
    settings.write_text(settings.read_text().replace('["127.0.0.1/32"]', "[]"))
    assert "[webhooks] private_networks" in inner.is_refused("webhook", "test", "1")
    assert receiver.requests == []
