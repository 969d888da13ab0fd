"""Webhooks by the API: made once for a key, shown without their secret, removed; each token's own alone."""

from typing import get_args

import pytest
from acting import ADMIN
from browsing import Place
from programs import Office
from sqlalchemy import select

from pbx_control.clock import now
from pbx_control.domain.audit import Verb
from pbx_control.domain.tokens import Scope
from pbx_control.domain.webhooks import LONGEST_URL, MOST_OF_ONE, EventType
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import tokens
from pbx_control.services.reach import Reach
from pbx_control.services.tokens import Once
from pbx_control.services.work import booking
from pbx_control.store import audit as audit_trail
from pbx_control.store import webhooks
from pbx_control.store.engine import reading
from pbx_control.store.tables import audit, webhook
from pbx_control.web.api.shapes import Event

URL = "https://crm.example/calls"
BOTH = (Scope.WEBHOOKS_READ, Scope.WEBHOOKS_WRITE)


@pytest.fixture
def office(place: Place) -> Office:
    return Office(place)


def test_the_api_knows_every_event() -> None:
    assert get_args(Event) == tuple(EventType)


async def test_one_is_made_once_for_its_key_and_its_secret_is_told_then_alone(office: Office) -> None:
    program = office.holding(*BOTH, slug="andes")
    asked = {"url": URL, "events": ["call.ended", "call.started"]}
    first = await program.post("/webhooks", asked, "k1")
    again = await program.post("/webhooks", asked, "k1")
    assert (first.status_code, again.status_code, again.headers["idempotency-replayed"]) == (201, 201, "true")
    made = first.json()
    assert made == again.json()
    assert made["secret"].startswith("whsec_")
    assert (made["client"], made["events"], made["state"]) == ("andes", ["call.started", "call.ended"], "untried")
    listed = await program.get("/webhooks")
    assert [one["id"] for one in listed.json()["items"]] == [office.webhooks["andes"], made["id"]]
    assert made["secret"] not in listed.text
    with reading(office.place.engine) as conn:
        assert made["secret"] not in repr(conn.execute(select(audit)).all())


async def test_each_lists_and_removes_what_it_reaches(office: Office) -> None:
    client, offices = office.holding(*BOTH, slug="andes"), office.holding(*BOTH)
    all_of_them = (await offices.get("/webhooks", limit=1)).json()
    rest = (await offices.get("/webhooks", cursor=all_of_them["next"])).json()
    assert [one["client"] for one in all_of_them["items"] + rest["items"]] == ["andes", "lagos"]
    (own,) = (await client.get("/webhooks")).json()["items"]
    theirs = office.webhooks["lagos"]
    answer = await client.post(f"/webhooks/{theirs}/remove", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-webhook")
    for again in (False, True):
        answer = await client.post(f"/webhooks/{own['id']}/remove", {}, "k1")
        assert (answer.status_code, answer.json()) == (200, {"id": own["id"]})
        assert ("idempotency-replayed" in answer.headers) == again
    assert (await client.post(f"/webhooks/{own['id']}/remove", {})).status_code == 404
    assert (await client.get("/webhooks")).json()["items"] == []


async def test_a_secret_is_renewed_once_for_its_key(office: Office) -> None:
    program = office.holding(*BOTH, slug="andes")
    made = (await program.post("/webhooks", {"url": URL})).json()
    assert made["rotated_at"] is None
    first = await program.post(f"/webhooks/{made['id']}/rotate", {}, "k1")
    again = await program.post(f"/webhooks/{made['id']}/rotate", {}, "k1")
    assert (first.status_code, first.json()) == (200, again.json())
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert first.json()["secret"].startswith("whsec_")
    assert first.json()["secret"] != made["secret"]
    assert first.json()["rotated_at"]
    listed = (await program.get("/webhooks")).text
    assert not any(secret in listed for secret in (made["secret"], first.json()["secret"]))
    answer = await program.post(f"/webhooks/{office.webhooks['lagos']}/rotate", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-webhook")
    with reading(office.place.engine) as conn:
        trail = repr(conn.execute(select(audit)).all())
    assert trail.count("webhook secret renewed") == 1
    assert not any(secret in trail for secret in (made["secret"], first.json()["secret"]))


async def test_what_a_token_has_made_ends_with_it(office: Office) -> None:
    program, other = (office.holding(*BOTH, slug="andes") for _ in range(2))
    made = [(await program.post("/webhooks", {"url": URL})).json()["id"] for _ in range(2)]
    kept = (await other.post("/webhooks", {"url": URL})).json()["id"]
    with reading(office.place.engine) as conn:
        (name,) = {webhooks.get(conn, number).token for number in made}
    with booking(office.place.engine, ADMIN, now()) as work:
        assert tokens.revoke(work, name) == made
    left = [one["id"] for one in (await other.get("/webhooks")).json()["items"]]
    assert left == [office.webhooks["andes"], kept]  # what was made by a command belongs to no token
    with reading(office.place.engine) as conn:
        newest = [one.entry for one in audit_trail.newest(conn, limit=3)]
    assert [one.verb for one in newest] == [Verb.WEBHOOK_REMOVED, Verb.WEBHOOK_REMOVED, Verb.TOKEN_REVOKED]
    assert {one.actor for one in newest} == {ADMIN}


async def test_a_token_that_is_revoked_while_it_asks_makes_no_webhook_and_learns_no_secret(office: Office) -> None:
    place, number = office.place, office.webhooks["andes"]
    with booking(place.engine, ADMIN, now()) as work:
        secret = tokens.add(work, "crm", [Scope.WEBHOOKS_WRITE])
    let_in = tokens.holder(place.engine, secret, now())
    assert let_in
    with booking(place.engine, ADMIN, now()) as work:
        tokens.revoke(work, "crm")
    reach = Reach(place.engine, place.site.settings, let_in, "")
    for ask in (
        lambda: reach.add_webhook(URL, [], "", Once("k1", b""), now()),
        lambda: reach.rotate_webhook(number, Once("k2", b""), now()),
    ):
        with pytest.raises(ClientMistake) as refused:
            ask()
        assert refused.value.code is Code.NO_SUCH_TOKEN
    with reading(place.engine) as conn:
        assert [one.rotated_at for one in webhooks.rows(conn)] == [None, None]


async def test_the_offices_are_told_of_all_or_of_one_client(office: Office) -> None:
    offices = office.holding(*BOTH)
    everything = (await offices.post("/webhooks", {"url": URL})).json()
    one = (await offices.post("/webhooks", {"url": URL, "client": "lagos"})).json()
    assert (everything["client"], everything["events"], one["client"]) == ("", [], "lagos")
    answer = await office.holding(*BOTH, slug="andes").post("/webhooks", {"url": URL, "client": "lagos"})
    assert (answer.status_code, answer.json()["code"]) == (404, "no-such-client")


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({"url": "http://crm.example/"}, 422, "url"),
        ({"url": "https://u:p@crm.example/"}, 422, "url"),
        ({"url": "https://169.254.169.254/latest"}, 422, "url"),
        ({"url": "https://crm.example/" + "x" * LONGEST_URL}, 400, "url"),
        ({"url": URL, "events": ["call.*"]}, 400, "events"),
        ({"url": URL, "secret": "whsec_mine"}, 400, "secret"),
        ({}, 400, "url"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(office: Office, asked: object, status: int, field: str) -> None:
    answer = await office.holding(*BOTH, slug="andes").post("/webhooks", asked)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    with reading(office.place.engine) as conn:
        assert len(conn.execute(select(webhook.c.id)).all()) == 2


async def test_a_client_has_so_many_at_most(office: Office) -> None:
    program = office.holding(*BOTH, slug="andes")
    for _ in range(MOST_OF_ONE - 1):
        assert (await program.post("/webhooks", {"url": URL})).status_code == 201
    answer = await program.post("/webhooks", {"url": URL})
    assert (answer.status_code, answer.json()["code"]) == (409, "too-many-webhooks")
