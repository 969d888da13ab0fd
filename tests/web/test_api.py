"""What programs do by the API: read in pages, write a message, book, move and cancel; each change once."""

import asyncio
import json
from datetime import datetime, timedelta

import httpx
import pytest
from browsing import Place
from programs import BEGAN, MINUTE, Office, Program, mark
from sqlalchemy import select, update

from pbx_control.clock import now
from pbx_control.domain.audit import ActorKind, Verb
from pbx_control.domain.tokens import Scope
from pbx_control.store import audit, clients, restrictions, tokens
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import appointment, client, letter
from pbx_control.store.tables import call as kept_call
from pbx_control.web.tries import RateLimitItemPerMinute

PROBLEM = "application/problem+json"


@pytest.fixture
def office(place: Place) -> Office:
    return Office(place)


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == PROBLEM
    return answer.status_code, answer.json()["code"]


async def pages(program: Program, path: str, **query: object) -> list[dict[str, object]]:
    """All items of a list, two a page."""
    found, cursor = [], ""
    while True:
        more = {"cursor": cursor} if cursor else {}
        told = (await program.get(path, limit=2, **query, **more)).json()
        found += told["items"]
        assert len(told["items"]) <= 2
        if not told["next"]:
            return found
        cursor = told["next"]


# --- reading ----------------------------------------------------------------------------------------------


async def test_pages_of_calls_are_whole_with_equal_instants_and_while_new_ones_come(office: Office) -> None:
    for number in range(3, 9):
        office.call("andes", number)
    program = office.holding(Scope.CALLS_READ)
    first = (await program.get("/calls", limit=5, client="andes")).json()
    office.call("andes", 20, now())  # is on no later page
    rest = (await program.get("/calls", limit=100, client="andes", cursor=first["next"])).json()
    found = [one["id"] for one in first["items"] + rest["items"]]
    assert sorted(found) == sorted(f"only-andes.{number}" for number in range(9))
    assert found[0] == "only-andes.0"  # the newest
    assert rest["next"] is None
    both = await pages(program, "/calls", until=(BEGAN + MINUTE).isoformat())
    assert len({one["id"] for one in both}) == len(both) == 8 + 2
    assert {one["client"] for one in both} == {"andes", "lagos"}


async def test_all_lists_go_on_where_they_ended(office: Office) -> None:
    program = office.holding()
    for path, key, count in (
        ("/messages", "call", 6),
        ("/clients", "slug", 2),
        ("/calendars", "id", 2),
        (f"/calendars/{office.calendars['andes']}/appointments", "id", 1),
    ):
        found = [one[key] for one in await pages(program, path)]
        assert len(set(found)) == len(found) == count, path


async def test_a_call_and_its_message(office: Office) -> None:
    program = office.holding(slug="andes")
    told = (await program.get("/calls/only-andes.1")).json()
    assert told["arrived_at"] == "2026-11-20T13:00:00Z"
    assert (told["caller_name"], told["secretary"], told["message_version"]) == (mark("andes"), "Ana", 1)
    assert (told["charged"], told["blocked"], told["withheld"]) == (True, False, "")
    (message,) = (await program.get("/messages", call="only-andes.1")).json()["items"]
    assert message["words"] == [{"label": "Motivo", "value": mark("andes")}]
    assert message["deliveries"] == [
        {"channel": "email", "address": "only-andes@example.com", "status": "queued", "at": None}
    ]
    ledger = (await program.get("/clients/andes/ledger")).json()
    assert ledger["plan"] == "Pyme"
    older = (await program.get("/clients/andes/ledger", month="2026-11")).json()
    assert older["entries"]


async def test_what_the_portal_hides_is_hidden(office: Office) -> None:
    with writing(office.place.engine) as conn:
        for number in ("+56223330001", "+56912345678"):
            restrictions.add(conn, number, None, "his letter", now())
    for program in (office.holding(), office.holding(slug="andes")):
        told = (await program.get("/calls/only-andes.1")).json()
        assert (told["withheld"], told["caller"], told["caller_name"], told["message_version"]) == (
            "request",
            "",
            "",
            0,
        )
        (listed,) = [one for one in (await program.get("/calls")).json()["items"] if one["id"] == "only-andes.1"]
        assert listed.items() <= told.items()
        assert (await program.get("/messages", call="only-andes.1")).json()["items"] == []
        answer = await program.get(f"/calendars/{office.calendars['andes']}/appointments")
        (booked,) = answer.json()["items"]
        assert (booked["withheld"], booked["name"], booked["note"], booked["answers"]) == ("request", "", "", {})
        number = office.appointments["andes"]
        answer = await program.post(f"/appointments/{number}/cancel", {})
        assert code(answer) == (409, "restricted")
    ledger = (await office.holding().get("/clients/andes/ledger", month="2026-11")).text
    assert ledger.count('"withheld":"request"') == 1


async def test_of_a_sensitive_client_the_offices_tokens_are_told_no_content(office: Office) -> None:
    with writing(office.place.engine) as conn:
        conn.execute(update(client).where(client.c.slug == "andes").values(sensitive=True))
    ours, theirs = office.holding(), office.holding(slug="andes")
    told = (await ours.get("/calls/only-andes.1")).json()
    assert (told["withheld"], told["caller"], told["caller_name"], told["transferred_to"]) == ("sensitive", "", "", "")
    assert {one["client"] for one in (await ours.get("/messages")).json()["items"]} == {"lagos"}
    booked = (await ours.get(f"/calendars/{office.calendars['andes']}/appointments")).text
    assert '"withheld":"sensitive"' in booked
    assert mark("andes") not in booked
    ledger = (await ours.get("/clients/andes/ledger", month="2026-11")).json()
    assert {(one["withheld"], one["why"]) for one in ledger["entries"]} == {("sensitive", "")}
    own = (await theirs.get("/clients/andes/ledger", month="2026-11")).json()
    assert ("", mark("andes")) in {(one["withheld"], one["why"]) for one in own["entries"]}
    assert (await theirs.get("/calls/only-andes.1")).json()["caller_name"] == mark("andes")
    assert len((await theirs.get("/messages")).json()["items"]) == 3


async def test_no_answer_to_the_offices_tokens_has_content_of_a_sensitive_client(office: Office) -> None:
    with writing(office.place.engine) as conn:
        conn.execute(update(client).where(client.c.slug == "andes").values(sensitive=True))
        conn.execute(update(kept_call).where(kept_call.c.id == "only-andes.0").values(ended_at=now()))
    ours, booked = office.holding(), office.appointments["andes"]
    answers = [
        await ours.get("/calls"),
        await ours.get("/calls/only-andes.1"),
        await ours.get("/messages"),
        await ours.get("/clients/andes/ledger", month="2026-11"),
        await ours.get(f"/calendars/{office.calendars['andes']}/appointments"),
        await ours.post("/calls/only-andes.0/message", {"fields": {"message": "Hola"}, "gaps": True}),
        await ours.post("/calls/only-andes.0/message", {"fields": {"nothing": "Hola"}}),
        await ours.post(f"/appointments/{booked}/move", {"starts": office.slot(3).isoformat()}),
        await ours.post(f"/appointments/{booked}/cancel", {"version": "0"}),
        await ours.post(f"/appointments/{booked}/cancel", {}),
        await ours.post(f"/appointments/{booked}/cancel", {}),
    ]
    for answer in answers:
        told = answer.text.replace("only-andes.", "")  # the calls' ids
        assert mark("andes") not in told, answer.url


async def test_an_erased_client_is_not_there(office: Office) -> None:
    with writing(office.place.engine) as conn:
        conn.execute(update(client).where(client.c.slug == "andes").values(erased_at=now(), state="cancelled"))
    program = office.holding()
    assert [one["slug"] for one in (await program.get("/clients")).json()["items"]] == ["lagos"]
    assert code(await program.get("/clients/andes/ledger")) == (404, "no-such-client")
    assert code(await office.holding(slug="andes").get("/calls")) == (401, "no-token")


# --- what cannot be read ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-11-20T13:00:00"}, "since"),
        ({"since": "0001-01-01T00:00:00Z"}, "since"),
        ({"colour": "red"}, "colour"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "WyIyMDI2LTExLTIwVDEzOjAwOjAwIiwieCJd"}, "cursor"),
        ({"cursor": "ñ"}, "cursor"),
        ({"client": "x" * 65}, "client"),
    ],
)
async def test_a_bad_parameter_is_named(office: Office, query: dict[str, str], field: str) -> None:
    answer = await office.holding().get("/calls", **query)
    assert answer.status_code == 400
    assert answer.json()["field"] == field


async def test_a_parameter_is_given_once(office: Office) -> None:
    program = office.holding()
    answer = await program.client.get("/api/v1/calls?limit=1&limit=2", headers=program.headers)
    assert code(answer) == (400, "bad-value")


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        (b"", 400, ""),
        (b"[]", 400, ""),
        (b"{", 400, ""),
        (b"\xff", 400, ""),
        (b'{"name": "\\ud800", "starts": "2026-12-02T12:00:00Z"}', 400, ""),
        (b"{}", 400, "starts"),
        (b'{"starts": "2026-12-02T12:00:00Z", "name": 1}', 400, "name"),
        (b'{"starts": "2026-12-02T12:00:00Z", "name": "x", "colour": 1}', 400, "colour"),
        (b'{"starts": "9999-12-02T12:00:00Z", "name": "x"}', 400, "starts"),
        (b'{"starts": "2026-12-02T12:00:00Z", "name": " "}', 422, "name"),
        (b'{"starts": "2026-12-02T12:00:00Z", "name": "x", "answers": {"q": "a"}}', 422, "answers"),
        (b'{"starts": "2026-12-02T12:00:00Z", "name": "x", "number": "y"}', 422, "number"),
        (b"[" * 60000, 400, ""),
        (b" " * 70000, 413, ""),
    ],
)
async def test_a_bad_body_is_refused(office: Office, content: bytes, status: int, field: str) -> None:
    program, path = office.holding(), f"/api/v1/calendars/{office.calendars['andes']}/appointments"
    headers = program.headers | {"Content-Type": "application/json", "Idempotency-Key": "x"}
    answer = await program.client.post(path, content=content, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    assert answer.json().get("field", "") == field
    assert office.entries() == office.entries()


async def test_json_and_a_key_are_needed(office: Office) -> None:
    program, path = office.holding(), f"/calendars/{office.calendars['andes']}/appointments"
    answer = await program.post(path, {}, **{"Content-Type": "text/plain"})
    assert code(answer) == (415, "not-json")
    for key in ("x" * 201, "a b"):
        answer = await program.post(path, {}, key=key)
        assert (code(answer), answer.json()["field"]) == ((400, "no-key"), "Idempotency-Key")


async def test_a_problem_is_told_in_the_readers_language(office: Office) -> None:
    for language, word in (("es-CL,es;q=0.9", "token"), ("en", "token"), ("fr", "token")):
        program = office.program(**{"accept-language": language})
        answer = await program.get("/calls")
        assert word in answer.json()["detail"]
        spanish = language != "en"
        assert ("diga quién" in answer.json()["detail"]) is spanish
        assert answer.json()["title"] == "Unauthorized"
    answer = await office.program().get("/none")
    assert code(answer) == (404, "unknown")
    answer = await office.program().client.request("DELETE", "/api/v1/calls")
    assert (code(answer), answer.headers["allow"]) == ((405, "unknown"), "GET, HEAD")


# --- tokens -----------------------------------------------------------------------------------------------


async def test_use_is_noted_once_in_a_while(office: Office) -> None:
    program = office.holding()
    used = []
    for _ in range(2):
        await program.get("/calls")
        with reading(office.place.engine) as conn:
            used += [one.used_at for one in tokens.rows(conn)]
    assert used[0] is not None
    assert used[0] == used[1]


async def test_who_asks_too_often_waits(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office.place.site.asked, "_items", (RateLimitItemPerMinute(3),))
    one, other = office.holding(), office.holding()
    for _ in range(3):
        assert (await one.get("/calls")).status_code == 200
    answer = await one.get("/calls")
    assert code(answer) == (429, "too-many-asked")
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert (await other.get("/calls")).status_code == 200


async def test_who_guesses_waits_and_others_do_not(office: Office) -> None:
    guesser, program = office.program("pbx_no"), office.holding()
    codes = [(await guesser.get("/calls")).status_code for _ in range(61)]
    assert codes == [401] * 60 + [429]
    assert (await program.get("/calls")).status_code == 200


# --- changes ----------------------------------------------------------------------------------------------


async def test_booking_moving_and_cancelling(office: Office) -> None:
    program, calendar = office.holding(slug="andes"), office.calendars["andes"]
    free = (await program.get(f"/calendars/{calendar}/slots")).json()
    assert free["timezone"] == "America/Santiago"
    starts = free["items"][5]["starts"]
    whom = {"name": "Ana Núñez", "number": "9 1234 5678", "email": "ana@example.com", "answers": {"¿only-andes?": "sí"}}
    booked = await program.post(f"/calendars/{calendar}/appointments", {"starts": starts} | whom)
    assert booked.status_code == 201, booked.text
    one = booked.json()
    assert (one["state"], one["starts"], one["number"]) == ("confirmed", starts, "+56912345678")
    to = free["items"][8]["starts"]
    moved = await program.post(f"/appointments/{one['id']}/move", {"starts": to, "version": one["version"]})
    assert (moved.status_code, moved.json()["starts"]) == (200, to)
    stale = await program.post(f"/appointments/{one['id']}/cancel", {"version": one["version"]})
    assert code(stale) == (409, "changed-meanwhile")
    gone = await program.post(f"/appointments/{one['id']}/cancel", {"version": moved.json()["version"]})
    assert gone.json()["state"] == "cancelled"
    again = await program.post(f"/appointments/{one['id']}/cancel", {})
    assert again.status_code == 200  # it is so already
    with reading(office.place.engine) as conn:
        entries = [one.entry for one in audit.newest(conn, client_id=clients.find(conn, "andes").id, limit=3)]
        (name,) = [one.name for one in tokens.rows(conn)]
        written = conn.scalars(select(letter.c.address).where(letter.c.address == "ana@example.com")).all()
    assert [one.verb for one in entries] == [
        Verb.APPOINTMENT_CANCELLED,
        Verb.APPOINTMENT_MOVED,
        Verb.APPOINTMENT_BOOKED,
    ]
    assert {(one.actor.kind, one.actor.name) for one in entries} == {(ActorKind.USER, f"token {name}")}
    assert len(written) == 3


async def test_a_time_that_is_taken_or_none(office: Office) -> None:
    program, path = office.holding(), f"/calendars/{office.calendars['andes']}/appointments"
    answer = await program.post(path, {"starts": office.slot(1).isoformat(), "name": "x"})
    assert code(answer) == (409, "slot-taken")
    answer = await program.post(path, {"starts": "2026-01-02T12:00:00Z", "name": "x"})
    assert (code(answer), answer.json()["field"]) == ((422, "bad-value"), "starts")
    answer = await program.post(path, {"starts": office.slot(3).isoformat(), "name": "x", "kind": "None"})
    assert code(answer) == (422, "no-such-kind")


async def test_a_message_is_written_in_the_secretarys_place(office: Office) -> None:
    program = office.holding(Scope.MESSAGES_WRITE)
    answer = await program.post("/calls/only-andes.0/message", {"fields": {"message": "Llamar hoy"}, "gaps": True})
    assert answer.json() == {"call": "only-andes.0", "state": "sent", "version": 2}, answer.text
    (message,) = (await office.holding().get("/messages", call="only-andes.0")).json()["items"]
    assert "Llamar hoy" in json.dumps(message["words"])
    with reading(office.place.engine) as conn:
        entry = audit.newest(conn, limit=1)[0].entry
    assert (entry.verb, entry.actor.kind, entry.subject) == (Verb.MESSAGE_SENT, ActorKind.TOKEN, "only-andes.0")
    for call, content, wanted in (
        ("only-andes.0", {"fields": {"none": "x"}}, (422, "no-such-field")),
        ("only-andes.1", {"fields": {"message": "x"}}, (409, "wrong-state")),
        ("none", {"fields": {"message": "x"}}, (404, "no-such-call")),
        ("only-andes.0", {"fields": {}}, (400, "bad-value")),
    ):
        assert code(await program.post(f"/calls/{call}/message", content)) == wanted


async def test_the_same_request_does_nothing_twice(office: Office) -> None:
    program, path = office.holding(), f"/calendars/{office.calendars['andes']}/appointments"
    content = {"starts": office.slot(3).isoformat(), "name": "x"}
    first, second = [await program.post(path, content, key="k") for _ in range(2)]
    assert (first.status_code, second.status_code, first.json()) == (201, 201, second.json())
    assert ("idempotency-replayed" in first.headers, second.headers["idempotency-replayed"]) == (False, "true")
    answer = await program.post(path, content | {"name": "y"}, key="k")
    assert code(answer) == (422, "key-used")
    # Another one's key is another key, and a refused request leaves none.
    answer = await office.holding().post(path, content, key="k")
    assert code(answer) == (409, "slot-taken")
    answer = await program.post(path, {"starts": office.slot(1).isoformat(), "name": "x"}, key="later")
    assert code(answer) == (409, "slot-taken")
    answer = await program.post(path, {"starts": office.slot(5).isoformat(), "name": "x"}, key="later")
    assert answer.status_code == 201


async def test_a_key_is_forgotten_after_a_day(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    program, number = office.holding(), office.appointments["andes"]
    path, at = f"/appointments/{number}/move", now()
    for later, hour in ((timedelta(0), 3), (timedelta(hours=23), 3), (timedelta(hours=25), 5)):
        moment = at + later

        def clock(moment: datetime = moment) -> datetime:
            return moment

        monkeypatch.setattr("pbx_control.clock.now", clock)
        answer = await program.post(path, {"starts": office.slot(hour).isoformat()}, key="k")
        assert (answer.status_code, "idempotency-replayed" in answer.headers) == (200, later == timedelta(hours=23))


async def test_of_many_at_once_one_gets_the_time_and_one_key_does_it_once(office: Office) -> None:
    path = f"/calendars/{office.calendars['andes']}/appointments"
    content = {"starts": office.slot(3).isoformat(), "name": "x"}
    one, other = office.holding(), office.holding(slug="andes")
    asked = [program.post(path, content, key="same") for program in (one, other) for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert sorted(one.status_code for one in answers) == [201] * 5 + [409] * 5
    assert len({one.json()["id"] for one in answers if one.status_code == 201}) == 1
    with reading(office.place.engine) as conn:
        starts = conn.scalars(select(appointment.c.id).where(appointment.c.starts == office.slot(3))).all()
    assert len(starts) == 1
