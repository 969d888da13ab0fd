"""A real call is told to a program as it happens: started, answered, message sent, ended, recording ready; signed, in
order, each once."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import pytest_asyncio
from at_desk import at_desk
from conftest import Town
from playwright.async_api import Browser
from webhook_receiver import Receiver, receiving

from pbx_control.clock import now
from pbx_control.world.installation import Installation

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("telling")]
INNER = '\n[webhooks]\nprivate_networks = ["127.0.0.1/32"]\n'


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def telling(switch: Installation) -> AsyncIterator[None]:
    """A daemon with its pages whose webhooks may go to loopback, for one module."""
    settings = switch.home / "pbx.toml"
    written = settings.read_text()
    await switch.stop_daemon()
    settings.write_text(written + INNER)
    switch.pages = True
    yield
    switch.pages = False
    await switch.stop_daemon()
    settings.write_text(written)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


async def test_a_call_is_told_in_order_and_signed(town: Town, browser: Browser, receiver: Receiver) -> None:
    firm = await town.firm("always", "--recording")
    made = json.loads(await town.office.pbx("webhook", "add", "--client", firm.slug, "--url", receiver.url(), "--json"))
    assert "204" in await town.office.pbx("webhook", "test", str(made["id"]))
    async with at_desk(town, browser, firm) as desk:
        desk.telephone.answers(after=0.3)
        began = now()
        caller = await desk.is_called(name="María Soto", number="+56912345678")
        await desk.is_in("talking")
        await asyncio.to_thread(receiver.until, lambda: len(receiver.requests) == 3)  # while they talk
        assert now() - began < timedelta(seconds=30)
        await desk.writes("message", "Pide una hora")
        await desk.sees_saved()
        for _ in range(2):  # what every caller is asked for is missing
            await desk.page.keyboard.press("Control+Enter")
        await caller.hang_up()
        await asyncio.to_thread(receiver.until, lambda: len(receiver.requests) == 6)
    (call,) = await town.calls(firm)
    events = [one.event for one in receiver.requests]
    assert [one["type"] for one in events] == [
        "webhook.test",
        "call.started",
        "call.answered",
        "message.sent",
        "call.ended",
        "recording.ready",
    ]
    assert all(one.is_signed_by(made["secret"]) for one in receiver.requests)
    assert len({one.id for one in receiver.requests}) == 6
    assert {one["data"]["call"] for one in events[1:]} == {call["id"]}
    assert {one["data"]["caller"] for one in events[1:]} == {"+56912345678"}
    assert events[4]["data"]["outcome"] == "answered"
    assert "Pide una hora" not in json.dumps(events)
    (listed,) = await town.office.ask("webhook", "list")
    assert (listed["state"], listed["waiting"], listed["events_lost"]) == ("working", 0, 0)
    assert "pbx-control webhook" not in (await town.office.run("doctor")).out
