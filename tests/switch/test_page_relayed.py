"""The telephone in a page whose sound may go by a TURN server only: a real coturn, and passwords that end."""

import asyncio
import socket
from asyncio.subprocess import DEVNULL, create_subprocess_exec
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import tomlkit
from conftest import PORTS, Town
from page_telephone import page_telephone

from pbx_control.world.installation import Installation
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

CALLER, ANA = 620, 880
SECRET = "north-south-east-west"
PAIR = """async () => {
  const [connection] = window.connections.slice(-1);
  const stats = [...(await connection.getStats()).values()];
  const used = stats.find((one) => one.type === "candidate-pair" && one.nominated && one.state === "succeeded");
  return stats.find((one) => one.id === used.localCandidateId).candidateType;
}"""


def own_address() -> str:
    """This machine's: browsers use no relay at 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])


HERE = own_address()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def relay(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """The port of a coturn that relays on this machine."""
    port = PORTS.base + 93
    low = PORTS.base + 100
    folder = tmp_path_factory.mktemp("turn")
    turn = await create_subprocess_exec(
        *("turnserver", "-n", "--no-cli", "--no-tls", "--no-dtls", "--allow-loopback-peers", "--no-multicast-peers"),
        *("--use-auth-secret", f"--static-auth-secret={SECRET}", "--realm=desk.example.com"),
        *(f"--listening-ip={HERE}", f"--relay-ip={HERE}", f"--listening-port={port}"),
        *(f"--min-port={low}", f"--max-port={low + 40}"),
        *(f"--pidfile={folder}/pid", f"--log-file={folder}/log", "--simple-log", f"--userdb={folder}/db"),
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    try:
        async with asyncio.timeout(patience(20)):
            while not await _listens(port):  # noqa: ASYNC110 — it tells nobody
                await asyncio.sleep(0.1)
        yield port
    finally:
        turn.terminate()
        await turn.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HERE, port)
    except OSError:
        return False
    writer.close()
    return True


@pytest_asyncio.fixture(loop_scope="session")
async def pages_with_relay(switch: Installation, relay: int) -> AsyncIterator[None]:
    """The daemon and its pages, with that relay in the settings."""
    await switch.stop_daemon()
    file = switch.home / "pbx.toml"
    before = file.read_text()
    settings = tomlkit.parse(before)
    settings["web"].update({"turn_url": f"turn:{HERE}:{relay}", "turn_secret": SECRET})  # type: ignore[union-attr]
    file.write_text(tomlkit.dumps(settings))
    switch.pages = True
    yield
    switch.pages = False
    file.write_text(before)
    await switch.stop_daemon()


@pytest.mark.usefixtures("pages_with_relay")
async def test_both_hear_each_other_by_a_relay_alone(town: Town, tmp_path: Path) -> None:
    firm = await town.firm()
    async with page_telephone(town, tmp_path, firm, tone=ANA, init="window.relayOnly = true;") as ana:
        caller = await town.world.call(firm.number, "+56912345678", "María", tone=CALLER)
        await ana.answers()
        await caller.answered()
        await caller.hears(ANA)
        await ana.hears(CALLER)
        assert await ana.page.evaluate(PAIR) == "relay"
        await caller.hang_up()
        await ana.is_("ready")
