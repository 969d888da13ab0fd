"""Two daemons, each with an Asterisk of its own, on one PostgreSQL, with one pool of secretaries."""

import asyncio
import random
import shutil
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import worker
from chaos.auditor import Auditor
from chaos.campaign import GATHER, random_kills
from chaos.crowd import KINDS, Crowd
from chaos.house import CLOSED, PATIENT, POLITE, TALK, House
from chaos.killer import Killer
from forked import ForkedInstallation
from lengths import talking
from peer import peer
from sqlalchemy import select

from pbx_control.settings import Home, load
from pbx_control.store.engine import reading
from pbx_control.store.tables import call as calls
from pbx_control.world import audio
from pbx_control.world.installation import Installation
from pbx_control.world.legs import Ringing, patience
from pbx_control.world.people import Telephone
from pbx_control.world.post import Delivery, PostOffice
from pbx_control.world.world import World

pytestmark = [pytest.mark.switch, pytest.mark.postgres, pytest.mark.asyncio(loop_scope="module")]

PORTS = worker.fixed_ports(16700, audio=51200), worker.fixed_ports(16800, audio=53000)
NUMBER, MAILBOX = "+56225556001", "andes@firma.example"


@dataclass
class Pair:
    """Two installations on one database, each with its own outside world; letters of both go to one mail server."""

    offices: tuple[Installation, Installation]
    worlds: tuple[World, World]
    post: PostOffice

    @property
    def names(self) -> list[str]:
        return [name_of(office) for office in self.offices]

    async def telephones(self, name: str) -> tuple[Telephone, Telephone]:
        """A new secretary whose telephone is registered at both switches."""
        account = await self.offices[0].ask("secretary", "add", name)
        for office in self.offices:
            await office.pbx("dialplan", "apply")
        first, second = self.worlds
        return (
            await first.phone(account["user"], account["password"]),
            await second.phone(account["user"], account["password"]),
        )

    async def published(self) -> None:
        """Waits until both switches have what is provisioned."""
        for office in self.offices:
            async with asyncio.timeout(patience(20)):
                while (await office.ask("dialplan", "diff"))["diff"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)

    async def calls(self) -> list[dict[str, Any]]:
        """The calls in the books, oldest first."""
        return sorted(await self.offices[0].ask("call", "list"), key=lambda call: call["arrived_at"])

    async def letter(self, number: int) -> Delivery:
        return await self.post.arrived(MAILBOX, number, 30)


def name_of(office: Installation) -> str:
    return load(Home(office.home)).node.name


@pytest.fixture
def folder():
    """A short path: a UNIX socket's name has 107 bytes at most."""
    path = Path(tempfile.mkdtemp(prefix="pbx-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest_asyncio.fixture(loop_scope="module")
async def pair(folder, postgres_url) -> AsyncIterator[Pair]:
    """Both with Asterisk running, and no daemon yet; one client, which records."""
    async with AsyncExitStack() as stack:
        offices = tuple(ForkedInstallation(folder / name, ports) for name, ports in zip("ab", PORTS, strict=True))
        for office in offices:
            office.ports.require_free()
            stack.push_async_callback(office.clean_up)
            await office.set_up(database={"url": postgres_url}, mail={"port": PORTS[0].smtp})
        await provide(offices[0])
        for office in offices:
            await office.pbx("dialplan", "apply")
            await office.pbx("asterisk", "start")
        worlds = [
            await stack.enter_async_context(World(office.place(folder / f"world-{office.home.name}")))
            for office in offices
        ]
        post = await stack.enter_async_context(PostOffice(PORTS[0].smtp))
        yield Pair(offices, tuple(worlds), post)


async def provide(office: Installation) -> None:
    pbx = office.pbx
    await pbx("trunk", "add", "carrier", "--match", office.place(office.home).carrier.host)
    await pbx("client", "add", "andes", "--name", "Andes", "--recording")
    await pbx("did", "add", NUMBER)
    await pbx("did", "assign", NUMBER, "andes")
    await pbx("hours", "set", "andes", "always")
    await pbx("recipient", "add", "andes", "--email", MAILBOX)


async def test_the_start_of_a_second_daemon_leaves_the_calls_of_the_first_alone(pair):
    first, second = pair.offices
    await first.start_daemon()
    ana, _ = await pair.telephones("Ana")
    ana.answers(after=0.2)
    caller = await pair.worlds[0].call(NUMBER)
    ring = await ana.rung()
    await ring.answered()
    await second.start_daemon()
    await asyncio.sleep(3)
    (live,) = await pair.calls()
    assert live["ended_at"] is None
    assert caller.end.at is None
    assert not pair.post.to(MAILBOX)
    await caller.hang_up()
    await ring.ended(5)
    await pair.letter(1)
    (call,) = await pair.calls()
    assert (call["outcome"], call["recording_flaw"]) == ("answered", "")
    recorded = audio.seconds(first.home / "recordings" / call["recording"])
    assert abs(recorded - call["talked"]) < 2.5
    assert recorded > 3


async def test_a_seat_is_claimed_once_and_a_change_is_published_to_both_switches(pair):
    await asyncio.gather(*(office.start_daemon() for office in pair.offices))
    phones = await pair.telephones("Ana")
    await pair.offices[0].pbx("client", "set", "andes", "--name", "Los Andes")
    await pair.published()
    for phone in phones:
        phone.answers(after=0.2)
    first = await pair.worlds[0].call(NUMBER)
    talk = await phones[0].rung()
    await talk.answered()
    second = await pair.worlds[1].call(NUMBER, "+56987654321")
    await second.answered()  # he hears that the call is recorded, then he waits
    await asyncio.sleep(5)
    assert phones[1].calls == []
    await first.hang_up()
    await talk.ended(5)
    await (await phones[1].rung(seconds=20)).answered()
    await talking(2)  # nobody hangs up in the instant of her answer
    assert len(phones[0].calls) == 1
    await second.hang_up()
    await pair.letter(2)
    told = await pair.calls()
    assert [call["outcome"] for call in told] == ["answered", "answered"]
    assert [call["id"].rpartition("-")[0] for call in told] == pair.names
    assert len(pair.post.to(MAILBOX)) == 2


ROSA, PEDRO = "+56987654350", "+56987654351"
BUSY = 17  # Q.850


async def consulting(pair: Pair) -> tuple[Ringing, Ringing]:
    """Each secretary talks with a caller at her own node. The contacts' telephones ring on."""
    carrier = pair.worlds[0].place.carrier
    await pair.offices[0].pbx("trunk", "set", "carrier", "--host", str(carrier))
    for key, (name, number) in enumerate((("Rosa", ROSA), ("Pedro", PEDRO)), 1):
        await pair.offices[0].pbx("contact", "add", "andes", name, number, "--key", str(key))
        pair.worlds[0].contact(number).rings_on()
    await asyncio.gather(*(office.start_daemon() for office in pair.offices))
    talks = []
    for name, office, world in zip(("Ana", "Eva"), pair.offices, pair.worlds, strict=True):
        account = await office.ask("secretary", "add", name)
        await pair.published()
        phone = (await world.phone(account["user"], account["password"])).answers(0.2)
        await world.call(NUMBER)
        ring = await phone.rung(seconds=20)
        await ring.answered()
        talks.append(ring)
    await talking(2)
    return talks[0], talks[1]


async def journal(pair: Pair, event: str) -> dict[str, Any]:
    """The first entry of that kind in any call's journal, as soon as it is there."""
    async with asyncio.timeout(patience(15)):
        while True:
            for call in await pair.calls():
                shown = await pair.offices[0].ask("call", "show", call["id"])
                if found := [line for line in shown["journal"] if line["event"] == event]:
                    return found[0]
            await asyncio.sleep(0.2)


async def test_a_clients_limit_of_calls_to_contacts_holds_over_both_nodes(pair):
    await pair.offices[0].pbx("client", "set", "andes", "--calls-out-at-once", "1")
    first, second = await consulting(pair)
    await asyncio.gather(first.press("*1"), second.press("*2"))
    refused = await journal(pair, "DiallingRefused")
    assert refused["details"]["limit"] == "at_once"
    assert refused["details"]["contact"] == await not_called(pair)


async def test_a_trunks_limit_holds_over_both_nodes(pair):
    """The two callers and one contact: no switch has more than two of them."""
    await pair.offices[0].pbx("trunk", "set", "carrier", "--max-calls", "3")
    first, second = await consulting(pair)
    await asyncio.gather(first.press("*1"), second.press("*2"))
    assert "has 3 calls, its limit" in (await journal(pair, "SwitchRefused"))["details"]["why"]
    assert (await journal(pair, "ContactLeft"))["details"]["contact"] == await not_called(pair)


async def not_called(pair: Pair) -> str:
    """Of the two contacts, the one whose telephone does not ring, while the other's does."""
    telephones = {"Rosa": pair.worlds[0].telephone(ROSA), "Pedro": pair.worlds[0].telephone(PEDRO)}
    async with asyncio.timeout(patience(10)):
        while not any(telephone.calls for telephone in telephones.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    (name,) = (name for name, telephone in telephones.items() if not telephone.calls)
    return name


async def test_a_consultation_that_comes_back_to_the_other_node_is_refused(pair):
    """By the DID that it shows, and by our mark at a number that it does not show."""
    first, second = await consulting(pair)
    await first.press("*1")
    await pair.worlds[0].telephone(ROSA).rung()
    echo = await pair.worlds[1].call(NUMBER, NUMBER)
    assert await echo.ended(10) == BUSY
    found = (await journal(pair, "LoopFound"))["details"]
    assert (found["contact"], found["secretary"], found["phase"]) == ("Rosa", "Ana", "talking")
    await second.press("*2")
    await pair.worlds[0].telephone(PEDRO).rung()
    its_call = max(call["id"] for call in await pair.calls() if call["id"].startswith(pair.names[1]))
    place = pair.worlds[0].place
    async with peer(place.pbx, place.carrier.host, PORTS[0].base + 90) as other:
        other.invite(NUMBER, "<sip:+56912345678@carrier>", f"X-PBX-Consultation: {its_call}-contact-1")
        await other.answer("486")
    assert len(await pair.calls()) == 2


async def test_a_copied_home_is_noticed_at_the_start(pair):
    first, second = pair.offices
    await first.start_daemon()
    file = second.home / "pbx.toml"
    file.write_text(file.read_text().replace(name_of(second), name_of(first)))
    refused = await second.run("run")
    assert refused.status == 1
    assert f"nodo {name_of(first)}" in refused.err
    assert "[node] name" in refused.err
    assert (await first.ask("status"))["daemon"]["ready"]


async def test_a_node_that_is_gone_for_good_is_retired_and_its_call_is_settled(pair):
    first, second = pair.offices
    await asyncio.gather(*(office.start_daemon() for office in pair.offices))
    ana, _ = await pair.telephones("Ana")
    ana.answers(after=0.2)
    await pair.worlds[0].call(NUMBER)
    await (await ana.rung()).answered()
    gone = name_of(first)
    assert (await second.run("node", "retire", gone, "--yes")).status == 1
    await first.kill_daemon()
    await first.pbx("asterisk", "stop")
    assert (await second.run("node", "retire", gone, "--yes")).status == 1  # it may only be starting again
    async with asyncio.timeout(patience(60)):
        while (await state_of(second, gone))["state"] != "away":  # noqa: ASYNC110
            await asyncio.sleep(1)
    assert (await state_of(second, gone))["live_calls"] == 1
    await second.pbx("node", "retire", gone, "--yes")
    await pair.letter(1)
    (call,) = await pair.calls()
    assert (call["outcome"], call["recording_flaw"]) == ("answered", "missing")
    facts = await state_of(second, gone)
    assert (facts["state"], facts["live_calls"]) == ("retired", 0)
    assert (await state_of(second, name_of(second)))["state"] == "alive"


async def state_of(office: Installation, name: str) -> dict[str, Any]:
    return next(one for one in await office.ask("node", "list") if one["node"] == name)


# --- one of two daemons is killed again and again -----------------------------------------------------------------

POOL = (TALK, PATIENT, POLITE, CLOSED)
KILLS, PAUSE = 15, (0.5, 2.5)
# Her telephone at one switch may ring so soon after the one at the other, seconds, on an idle machine.
HAND_OVER = 1.0


async def test_fifteen_kills_of_one_daemon_are_noticed_by_nobody_on_either(folder, postgres_url):
    dice = random.Random(6)
    async with (
        House(folder / "one", PORTS[0], postgres_url, dice, POOL) as first,
        House(folder / "two", PORTS[1], dice=dice, firms=POOL, beside=first) as second,
    ):
        crowds = Crowd(first, KINDS), Crowd(second, KINDS, 56_910_000_001)
        beside: list[int] = []
        killer, other = Killer(first, lambda: crowds[0].live), Killer(second, lambda: crowds[1].live)
        await killer.start()
        await other.start()
        untouched = other.pid
        calling = [asyncio.create_task(crowd.run()) for crowd in crowds]
        try:
            await asyncio.sleep(GATHER)
            for _ in range(KILLS):
                await random_kills(1, PAUSE)(killer)
                beside.append(crowds[1].live)
            for crowd in crowds:
                crowd.closing.set()
            await asyncio.gather(*calling)
            houses = zip((first, second), crowds, strict=True)
            found = [each for house, crowd in houses for each in await Auditor(house, crowd, killer).complaints()]
            found += await asyncio.to_thread(rung_twice, first, second)
        finally:
            for task in calling:
                task.cancel()
            await killer.stop()
            await other.stop()
        report = f"live: {statistics.mean(killer.live):.0f} and {statistics.mean(beside):.0f}; away: {killer.away}"
        print(report, [len(crowd.visits) for crowd in crowds])
        assert not found, "\n".join([report, *found])
        assert other.pid == untouched
        assert min(statistics.mean(killer.live), statistics.mean(beside)) > 15


def rung_twice(first: House, second: House) -> list[str]:
    """Secretaries who had calls of both daemons at once. A switch that is alone knows no claims."""
    engine = first.engine()
    with reading(engine) as conn:
        alone = set(conn.scalars(select(calls.c.caller).where(calls.c.hosted_by == "switch")))
    engine.dispose()
    slack = patience(HAND_OVER)
    return [
        f"{one.name} was rung for {mine.number} and {theirs.number} at once"
        for slug, telephones in first.telephones.items()
        for one, same in zip(telephones, second.telephones[slug], strict=True)
        for mine in one.calls
        for theirs in same.calls
        if not {mine.number, theirs.number} & alone and overlap(mine, theirs) > slack
    ]


def overlap(one: Ringing, other: Ringing) -> float:
    """How long two calls were there at the same time, seconds."""
    spans = [(call.rang.at, call.end.at) for call in (one, other)]
    began = max(rang for rang, _ in spans if rang)
    over = min(end for _, end in spans if end)
    return (over - began).total_seconds()
