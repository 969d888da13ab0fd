"""The database and what SQLite keeps beside it are for their owner alone: callers' names and numbers stand in them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from pbx_control.settings import Home, Settings
from pbx_control.store.engine import open_engine, reading, writing

FILES = ("pbx.db", "pbx.db-wal", "pbx.db-shm")


@pytest.fixture(autouse=True)
def lax_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {name: oct((folder / name).stat().st_mode & 0o777) for name in FILES if (folder / name).exists()}


def test_a_new_database_is_private(tmp_path: Path) -> None:
    engine = open_engine(Home(tmp_path), Settings())
    with writing(engine) as conn:
        conn.execute(text("CREATE TABLE a (b INTEGER)"))
        assert modes(tmp_path) == dict.fromkeys(FILES, "0o600")
    engine.dispose()


def test_that_of_an_older_version_becomes_so_while_it_is_in_use(tmp_path: Path) -> None:
    engine, other = (open_engine(Home(tmp_path), Settings()) for _ in range(2))
    with writing(engine) as conn:
        conn.execute(text("CREATE TABLE a (b INTEGER)"))
        for name in FILES:
            (tmp_path / name).chmod(0o644)
        with reading(other) as reader:
            reader.execute(text("SELECT 1"))
        assert modes(tmp_path) == dict.fromkeys(FILES, "0o600")
    other.dispose()
    engine.dispose()
