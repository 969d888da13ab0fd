"""A daemon's name is its own: a copy of its home is noticed at the start, a predecessor is not in the way."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from pbx_control.errors import ClientMistake
from pbx_control.live import node as live_node
from pbx_control.live.node import Membership, place_of
from pbx_control.services import nodes as services
from pbx_control.settings import Home, Settings
from pbx_control.store import nodes
from pbx_control.store.engine import open_engine, reading, writing


@pytest.fixture
def engine(sqlite_url: str, tmp_path: Path) -> Engine:
    return open_engine(Home(tmp_path), Settings())


def member(engine: Engine, folder: str) -> Membership:
    return Membership(Home(Path(folder)), Settings(), engine)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(live_node, "LOOK_EVERY", 0)
    monkeypatch.setattr(live_node, "LOOKS", 3)


async def test_a_daemon_that_lives_elsewhere_keeps_its_name(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = member(engine, "/srv/a")
    await first.take_name()
    monkeypatch.setattr(live_node, "LOOK_EVERY", 0)
    second = member(engine, "/srv/b")
    sleep = asyncio.sleep

    async def beats(seconds: float) -> None:
        await asyncio.to_thread(first._beat)
        await sleep(0)

    monkeypatch.setattr(live_node.asyncio, "sleep", beats)
    with pytest.raises(ClientMistake, match=r"another daemon runs as node main, on .*/srv/a: give this home a name"):
        await second.take_name()
    with reading(engine) as conn:
        (known,) = nodes.rows(conn)
    assert known.place.endswith("/srv/a")


async def test_one_that_was_killed_elsewhere_gives_no_more_signs_and_is_followed(engine: Engine, looks: None) -> None:
    await member(engine, "/srv/a").take_name()
    await member(engine, "/srv/b").take_name()
    with reading(engine) as conn:
        (known,) = nodes.rows(conn)
    assert known.place.endswith("/srv/b")


def test_two_folders_of_one_name_are_two_places(tmp_path: Path) -> None:
    """Two containers may have the host's name, and each its home at the same path: no lock is between them."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    first = place_of(home)
    assert place_of(home) == first
    home.root.rename(tmp_path / "mounted-in-another-container")
    home.root.mkdir()
    assert place_of(home) != first


@pytest.mark.parametrize("stops", [True, False])
async def test_a_predecessor_in_the_same_home_or_one_that_has_stopped_is_not_waited_for(
    engine: Engine, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = member(engine, "/srv/a")
    await first.take_name()
    if stops:
        await first.leave()

    async def waits(seconds: float) -> None:
        raise AssertionError("it waits")

    monkeypatch.setattr(live_node.asyncio, "sleep", waits)
    await member(engine, "/srv/b" if stops else "/srv/a").take_name()


async def test_one_that_was_retired_while_it_could_not_be_heard_is_alive_again(engine: Engine) -> None:
    first = member(engine, "/srv/a")
    await first.take_name()
    await first.leave()
    with writing(engine) as conn:
        services.retire(conn, "main")
    await asyncio.to_thread(first._beat)
    with reading(engine) as conn:
        (known,) = nodes.rows(conn)
    assert known.state == "alive"


async def test_a_clock_that_differs_from_the_databases_is_logged_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each node claims letters and jobs by its own."""
    first = member(engine, "/srv/a")
    await first.take_name()
    with capture_logs() as logs:
        for ahead in (0, 80, 80, -80, 1, -80):
            monkeypatch.setattr(nodes, "clock_ahead", lambda _, ahead=ahead: timedelta(seconds=ahead))
            first._beat()
    assert [line["seconds_ahead"] for line in logs] == [80, -80]
