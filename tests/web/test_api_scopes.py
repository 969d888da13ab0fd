"""Every way of the API, with every scope, by everybody: who may not read something learns nothing of it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from browsing import Place
from programs import Office, Program, mark

from pbx_control.clock import now
from pbx_control.domain.tokens import OFFICE_ONLY, Scope
from pbx_control.web.api.ways import API_WAYS, ApiWay

STRANGERS = ("nobody", "wrong", "revoked", "expired", "cookie")
HOLDERS = ("other client", "client", "office")


@pytest.fixture
def office(place: Place) -> Office:
    return Office(place)


@dataclass
class Tries:
    """Asks by one way for what is Andes'."""

    office: Office
    way: ApiWay
    slots: int = 2

    async def ask(self, program: Program, slug: str = "andes") -> httpx.Response:
        path = self.way.path
        for name, value in self.places(slug).items():
            path = path.replace(f"{{{name}}}", str(value))
        if self.way.method == "GET":
            return await program.get(path)
        return await program.post(path, self.body(slug))

    def places(self, slug: str) -> dict[str, object]:
        office = self.office
        calls, calendar, booked = office.calls[slug], office.calendars[slug], office.appointments[slug]
        places = {"call": calls[0], "client": slug, "calendar": calendar, "appointment": booked}
        return places | {"webhook": office.webhooks[slug]}

    @property
    def names_something(self) -> bool:
        """Whether what is asked for has a place, or names a client in what is sent."""
        return "{" in self.way.path or self.way.name == "addWebhook"

    def body(self, slug: str) -> dict[str, Any]:
        self.slots += 1
        starts = self.office.slot(self.slots).isoformat()
        return {
            "writeMessage": {"fields": {"message": f"{mark(slug)} {self.slots}"}, "gaps": True},
            "bookAppointment": {"starts": starts, "name": mark(slug)},
            "moveAppointment": {"starts": starts},
            "cancelAppointment": {},
            "addWebhook": {"url": f"https://hooks.example/{mark(slug)}/{self.slots}", "client": slug},
            "rotateWebhook": {},
            "removeWebhook": {},
        }[self.way.name]

    def program(self, who: str, scopes: list[Scope]) -> Program:
        office = self.office
        match who:
            case "wrong":
                return office.program("pbx_" + "x" * 43)
            case "revoked":
                return office.program(office.revoked(scopes, "andes"))
            case "expired":
                return office.program(office.secret(scopes, "andes", now() - timedelta(seconds=1)))
            case "other client":
                return office.program(office.secret(scopes, "lagos"))
            case "client":
                return office.program(office.secret(scopes, "andes"))
            case "office":
                return office.program(office.secret(scopes))
        return office.program()


def test_ways_change_something_by_post_alone() -> None:
    assert {(way.method, way.body is not None) for way in API_WAYS} == {("GET", False), ("POST", True)}


def test_each_scope_opens_something() -> None:
    assert {way.scope for way in API_WAYS} == set(Scope)


@pytest.mark.parametrize("way", API_WAYS, ids=lambda way: way.name)
async def test_who_has_no_good_token_is_told_that_alone(office: Office, way: ApiWay) -> None:
    tries, before = Tries(office, way), office.entries()
    answers = set()
    for scopes in [[scope] for scope in Scope] + [list(Scope)]:
        for who in STRANGERS:
            program = tries.program(who, scopes)
            if who == "cookie":
                browser = office.place.browser()
                await browser.sign_in("gerencia")
                program.client.cookies = browser.client.cookies
            answer = await tries.ask(program)
            assert answer.status_code == 401, (who, scopes)
            assert answer.headers["www-authenticate"].startswith("Bearer ")
            assert answer.headers["content-type"] == "application/problem+json"
            assert mark("andes") not in answer.text
            answers.add(answer.text)
            office.place.site.wrong_tokens.give_back("198.51.100.9")
    # That a token was good once is told to nobody.
    assert len(answers) == 2
    assert office.entries() == before


@pytest.mark.parametrize("who", HOLDERS)
@pytest.mark.parametrize("way", API_WAYS, ids=lambda way: way.name)
async def test_a_token_reaches_what_its_scope_says(office: Office, way: ApiWay, who: str) -> None:
    tries = Tries(office, way)
    for scope in Scope:
        before = office.entries()
        answer = await tries.ask(tries.program(who, [scope]))
        if scope is not way.scope:
            assert (answer.status_code, answer.json()["code"]) == (403, "not-in-scope"), scope
            assert f'scope="{way.scope}"' in answer.headers["www-authenticate"]
            assert mark("andes") not in answer.text
        elif who == "other client" or (who == "client" and scope in OFFICE_ONLY):
            places = tries.names_something
            assert answer.status_code == (404 if places else 200)
            told = answer.text.replace(office.calls["andes"][0], "") if places else answer.text
            assert mark("andes") not in told
        else:
            assert answer.status_code == way.status, answer.text
            assert (office.entries() > before) == (way.method == "POST")
            continue
        assert office.entries() == before


@pytest.mark.parametrize("way", [way for way in API_WAYS if "{" in way.path], ids=lambda way: way.name)
async def test_anothers_thing_is_answered_as_one_that_is_not_there(office: Office, way: ApiWay) -> None:
    """But for the name that was asked for."""
    tries, told = Tries(office, way), []
    program = office.holding(slug="lagos")
    unknown = {"call": "none.1", "client": "none", **dict.fromkeys(("calendar", "appointment", "webhook"), 999)}
    theirs = tries.places("andes")
    for places in (theirs, unknown):
        tries.places = lambda _slug, known=places: known  # type: ignore[method-assign,misc]
        answer = await tries.ask(program, "lagos")
        assert answer.status_code == 404
        text = answer.text
        for value in places.values():
            text = text.replace(str(value), "…")
        told.append((text, sorted(answer.headers)))
    assert told[0] == told[1]


@pytest.mark.parametrize("way", [way for way in API_WAYS if way.method == "GET"], ids=lambda way: way.name)
async def test_nothing_that_is_asked_for_shows_anothers_thing(office: Office, way: ApiWay) -> None:
    tries, program = Tries(office, way), office.holding(slug="lagos")
    for query in ({"client": "andes"}, {"call": office.calls["andes"][0]}, {"limit": 100}, {"kind": "Control"}):
        path = way.path
        for name, value in tries.places("lagos").items():
            path = path.replace(f"{{{name}}}", str(value))
        answer = await program.get(path, **query)
        assert mark("andes") not in answer.text
        if query == {"client": "andes"} and "client" in way.query.__struct_fields__:
            assert (answer.status_code, answer.json()["code"]) == (404, "no-such-client")
