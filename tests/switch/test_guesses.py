"""Who guesses passwords of telephones is kept out; registered telephones, carriers and live calls notice nothing."""

import asyncio
import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
import tomlkit
import worker
from conftest import Town
from wire import Wire, wire

from pbx_control.asterisk import kept_out
from pbx_control.asterisk.ami import connected
from pbx_control.asterisk.ari import Ari
from pbx_control.clock import now
from pbx_control.domain.telephony.guessing import KEPT_OUT, MOST_KEPT_OUT, TRIES
from pbx_control.settings import Home, load
from pbx_control.world.installation import CARRIER
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

# Addresses and ports of these tests alone.
GUESSER, ANOTHER, HERS = "127.0.0.61", "127.0.0.62", "127.0.0.63"
PORT = worker.ports(1).base + 96
ADMIN = "guardia@oficina.example"
BURST = 600
FILTER = Path(__file__).parents[2] / "docs" / "fail2ban" / "pbx-control.conf"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guarded(switch, world, post):
    """A firm with Ana, whose telephone is a socket, and Eva; alarms go to ADMIN."""
    await switch.stop_daemon()
    file = switch.home / "pbx.toml"
    before = file.read_text()
    settings = tomlkit.parse(before)
    settings["office"]["alarms_to"] = ADMIN
    file.write_text(tomlkit.dumps(settings))
    await switch.start_daemon()
    town = Town(switch, world, post)
    firm = await town.firm()
    account = await switch.ask("secretary", "add", "Ana guess", "--clients", firm.slug)
    eva = await town.secretary(firm, "Eva")
    await town.live()
    yield town, firm, account, eva
    await switch.stop_daemon()
    file.write_text(before)


def guess(town: Town, source: Wire, user: str, times: int) -> None:
    """Wrong passwords in a row, without a pause: more than the sockets hold."""
    uri = f"sip:{town.world.place.pbx}"
    me = f"<sip:{user}@{town.world.place.pbx}>"
    wrong = f'Digest username="{user}", realm="pbx", nonce="1/2", uri="{uri}", response="{"0" * 32}", algorithm=MD5'
    for _ in range(times):
        lines = (f"From: {me};tag=g", f"To: {me}", f"Contact: <sip:{user}@{source.here}>", f"Authorization: {wrong}")
        source.send("REGISTER", uri, *lines)


async def register(source: Wire, account: dict[str, str]) -> str:
    """The right password; the final answer's status."""
    answer = await source.register(account["user"], account["password"], f"<sip:{account['user']}@{source.here}>")
    return answer.split(" ")[1]


async def out(town: Town) -> dict[str, object]:
    """Who is kept out now, as the switch says."""
    async with connected(load(Home(town.office.home)), Home(town.office.home)) as ami:
        return dict(await kept_out.kept_out(ami))


async def until(condition) -> None:
    """Waits until something holds that no event tells of."""
    async with asyncio.timeout(patience(20)):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def is_out(town: Town, place: str) -> bool:
    return place in await out(town)


async def test_six_hundred_guesses_in_a_row_end_at_a_closed_door_and_nobody_else_notices(guarded):
    town, firm, account, eva = guarded
    pbx = town.world.place.pbx
    eva.answers(0.1)
    caller = await town.world.call(firm.number)
    await caller.answered()
    log = town.office.home / "asterisk" / "log" / "messages.log"
    logged = log.stat().st_size
    async with wire(pbx, GUESSER, PORT - 1) as flood, wire(pbx, GUESSER, PORT) as guesser:
        guess(town, flood, account["user"], BURST)
        await until(lambda: is_out(town, GUESSER))
        assert await register(guesser, account) == "401"  # the right one is not looked at, either
        answer = await guesser.ask("INVITE", f"sip:{firm.number}@{pbx}")
        assert answer.startswith("SIP/2.0 401")
    async with wire(pbx, HERS, PORT) as ana:
        assert await register(ana, account) == "200"
    assert caller.end.at is None
    await caller.hang_up()
    eva.rings_on()
    second = await town.world.call(firm.number)
    await eva.rung(2)
    await second.hang_up()
    assert log.stat().st_size - logged < 2000


async def test_it_is_said(guarded):
    town, *_ = guarded
    letter = await town.post.arrived(ADMIN)
    assert GUESSER in letter.letter["subject"]

    async def counted() -> bool:
        rows = [row for row in await town.office.ask("trunk", "refusals") if row["source"] == GUESSER]
        return {"wrong-password", "kept-out"} <= {row["reason"] for row in rows}

    await until(counted)
    failregex = re.search(r"^failregex = (.*)$", FILTER.read_text(), re.MULTILINE)[1]
    pattern = failregex.replace("<SUBNET>", "(?P<place>[0-9a-f.:/]+)")
    said = (town.office.home / "run" / "daemon.out").read_text().splitlines()
    assert [found["place"] for line in said if (found := re.search(pattern, line))] == [GUESSER]
    told = (await town.office.run("doctor")).out
    assert re.search(rf"{GUESSER} ha probado \d+ contraseñas erradas .* y no se le deja entrar hasta", told)


async def test_a_new_daemon_knows_who_is_kept_out_and_lets_in_whose_time_is_over(guarded):
    town, _, account, _ = guarded
    await town.office.kill_daemon()
    settings = load(Home(town.office.home))
    ari = Ari(settings.asterisk.http_port, settings.secrets.ari_password, lambda _: None, lambda _: None)
    await ari.connect()
    serving = asyncio.create_task(ari.serve())
    before = await out(town)
    # as many as there may be, with long addresses
    most = {f"2001:db8:{number:x}:ffff::/64": before[GUESSER] for number in range(MOST_KEPT_OUT)}
    for places in (most, before):
        await ari.ask("POST", "asterisk/variable", variable=kept_out.VARIABLE, value=kept_out.as_noted(places))
        assert await out(town) == places
    assert await kept_out.shut(ari, {**before, ANOTHER: now() + timedelta(seconds=1)}, ANOTHER)
    async with wire(town.world.place.pbx, ANOTHER, PORT) as other, wire(town.world.place.pbx, GUESSER, PORT) as guesser:
        assert await register(other, account) == "401"
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        await town.office.start_daemon()

        async def only_the_guesser() -> bool:
            return list(await out(town)) == [GUESSER]

        await until(only_the_guesser)
        assert await register(other, account) == "200"
        assert await register(guesser, account) == "401"
    left = (await out(town))[GUESSER] - now()
    assert timedelta(0) < left < KEPT_OUT


async def test_a_colleague_and_a_carrier_at_the_same_address_are_spared(guarded):
    town, firm, account, eva = guarded
    pbx = town.world.place.pbx
    async with wire(pbx, HERS, PORT) as ana, wire(pbx, HERS, PORT - 1) as beside, wire(pbx, CARRIER, PORT) as near:
        assert await register(ana, account) == "200"
        for guesser in (beside, near):
            guess(town, guesser, eva.name, 3 * TRIES)
        said = town.office.home / "run" / "daemon.out"

        async def let_be() -> bool:
            lines = [line for line in said.read_text().splitlines() if "one of ours is" in line]
            return any(f'"{HERS}"' in line for line in lines)

        await until(let_be)
        assert not {HERS, CARRIER} & set(await out(town))  # of a carrier no password is asked
        assert await register(ana, account) == "200"
    second = await town.world.call(firm.number)
    await second.ringing()
    await second.hang_up()
