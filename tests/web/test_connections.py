"""Connections to the pages as they are held by people who mean no good: over real sockets, in this process."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from browsing import Place
from uvicorn.config import Config
from uvicorn.server import ServerState

from pbx_control.settings import Web
from pbx_control.web import connections
from pbx_control.web.connections import Connection
from pbx_control.web.server import configured
from pbx_control.world.legs import patience

HEAD = b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@dataclass
class Served:
    """The pages, served as the process serves them."""

    config: Config
    state: ServerState
    port: int

    async def connect(self, begun: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(begun)
        return reader, writer


@pytest.fixture
async def served(place: Place) -> AsyncIterator[Served]:
    config, state = configured(place.app, Web()), ServerState()
    config.load()
    serving = await asyncio.get_running_loop().create_server(
        lambda: Connection(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    yield Served(config, state, serving.sockets[0].getsockname()[1])
    serving.close()
    for one in list(state.connections):
        one.transport.abort()


async def over(reader: asyncio.StreamReader) -> None:
    """Waits until the other side ends the connection."""
    async with asyncio.timeout(patience(10)):
        try:
            while await reader.read(65536):
                pass
        except ConnectionError:
            pass


@pytest.mark.parametrize("begun", [b"", b"GET", HEAD, HEAD + b"X-Slow: "])
async def test_who_says_nothing_whole_is_not_waited_for(
    served: Served, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "FIRST_WITHIN", 0.1)
    reader, writer = await served.connect(begun)
    await over(reader)
    writer.close()


async def test_a_byte_now_and_then_after_an_answer_holds_nothing(served: Served) -> None:
    served.config.timeout_keep_alive = 0.2  # type: ignore[assignment]
    reader, writer = await served.connect(HEAD + b"Content-Length: 60000\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")

    async def trickle() -> None:
        while not reader.at_eof():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        trickling = group.create_task(trickle())
        await over(reader)
        trickling.cancel()
    writer.close()


async def test_who_reads_nothing_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNREAD_FOR", 0.1)
    _, writer = await served.connect()
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write((HEAD + b"\r\n") * 10_000)
    async with asyncio.timeout(patience(20)):
        while not served.state.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        while served.state.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    writer.close()


async def test_one_connection_too_many_ends_at_once(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 3)
    held = [await served.connect() for _ in range(3)]
    reader, writer = await served.connect()
    await over(reader)
    assert len(served.state.connections) == 3
    for _, one in [*held, (reader, writer)]:
        one.close()


async def test_one_address_does_not_take_all_there_is_room_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_OF_A_PLACE", 2)
    places = iter(["198.51.100.7", "198.51.100.7", "198.51.100.7", "203.0.113.9"])
    monkeypatch.setattr("uvicorn.protocols.http.h11_impl.get_remote_addr", lambda _: (next(places), 40000))
    held = [await served.connect() for _ in range(2)]
    reader, writer = await served.connect()
    await over(reader)
    elsewhere = await served.connect(HEAD + b"\r\n")
    assert (await elsewhere[0].readline()).startswith(b"HTTP/1.1 200")
    for _, one in [*held, (reader, writer), elsewhere]:
        one.close()
