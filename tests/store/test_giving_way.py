"""Writers who give way: to whoever wrote meanwhile, and how long one waits for another."""

from collections.abc import Callable
from pathlib import Path

import pytest
from keeping import NOW, House
from sqlalchemy import Engine, select, update

from pbx_control.domain.keeping.retention import File, Trust, Verdict, verdict
from pbx_control.errors import StoreUnavailable
from pbx_control.media.deletion import Found
from pbx_control.media.disposal import TRIES, Disposal, Done, dispose_gently
from pbx_control.settings import Home, Settings
from pbx_control.store import engine as engines
from pbx_control.store.engine import Overtaken, open_engine, reading, writing, writing_late
from pbx_control.store.tables import client


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    return House(Home(tmp_path / "home"), engine)


@pytest.fixture
def sqlite(sqlite_url: str, tmp_path: Path) -> Engine:
    return open_engine(Home(tmp_path), Settings())


def rename(engine: Engine, name: str) -> None:
    with writing(engine) as conn:
        conn.execute(update(client).where(client.c.id == 2).values(name=name))


def rename_late(engine: Engine, meanwhile: Callable[[], None]) -> None:
    with writing_late(engine) as conn:
        conn.scalar(select(client.c.name))
        meanwhile()
        conn.execute(update(client).where(client.c.id == 1).values(name="Late"))


def names(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return list(conn.scalars(select(client.c.name).order_by(client.c.id)))


def test_who_writes_late_commits_like_others(house: House) -> None:
    with writing_late(house.engine) as conn:
        conn.execute(update(client).where(client.c.id == 1).values(name="Late"))
    assert names(house.engine) == ["Late", "Norte"]


def test_who_was_overtaken_has_done_nothing(sqlite: Engine, tmp_path: Path) -> None:
    House(Home(tmp_path / "home"), sqlite)
    with pytest.raises(Overtaken):
        rename_late(sqlite, meanwhile=lambda: rename(sqlite, "First"))
    assert names(sqlite) == ["Andes", "First"]


@pytest.mark.parametrize("times", [1, TRIES])
def test_a_purge_that_is_overtaken_decides_anew_and_deletes_once(house: House, times: int) -> None:
    path = house.has_call("pbx-1.1", 31)
    how = Disposal(house.home, house.engine, NOW, {}, disturbed(house, times))
    done = Done()
    dispose_gently(how, [[Found(path, "file")]], done)
    assert (done.deleted, house.files(), len(house.receipts())) == (1, set(), 1)
    assert house.row("pbx-1.1")["recording"] == ""


def disturbed(house: House, times: int) -> Callable[[File], Verdict]:
    """Decides as ever; the first so many times somebody writes just before."""
    left = list(range(times))

    def decide(file: File) -> Verdict:
        if left:
            rename(house.engine, f"Norte {left.pop()}")
        return verdict(file, NOW, Trust.TRUSTED)

    return decide


def test_who_cannot_write_for_too_long_gives_up(sqlite: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT", 0.01)
    with writing(sqlite), pytest.raises(StoreUnavailable, match="locked"):
        rename(sqlite, "Second")
    rename(sqlite, "Third")
