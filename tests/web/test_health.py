"""`/healthz`, which anybody may ask for."""

import asyncio

import pytest
from browsing import Place

from pbx_control.web import health


async def test_however_many_ask_the_daemon_is_asked_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def daemon(home: object) -> str:
        asked.append(home)
        return "ready"

    monkeypatch.setattr(health, "_daemon", daemon)
    monkeypatch.setattr(health, "GOOD_FOR", 60.0, raising=False)
    browser = place.browser()
    answers = await asyncio.gather(*(browser.get("/healthz") for _ in range(20)))
    assert {answer.json()["daemon"] for answer in answers} == {"ready"}
    assert len(asked) == 1


async def test_it_is_asked_anew_after_a_while(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter(["ready", "away"])
    monkeypatch.setattr(health, "_daemon", lambda _: next(states))
    monkeypatch.setattr(health, "GOOD_FOR", 0.0, raising=False)
    browser = place.browser()
    assert [(await browser.get("/healthz")).json()["daemon"] for _ in range(2)] == ["ready", "away"]
