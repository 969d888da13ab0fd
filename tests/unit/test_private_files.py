"""The database and what SQLite keeps beside it are for their owner alone: callers' names and numbers stand in them."""

import os
import subprocess
import sys
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


ONE_MORE = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as connection:
    print(connection.execute("SELECT count(*) FROM a").fetchone()[0])
connection.close()
"""


def count_elsewhere(database: Path) -> int:
    """How many rows another process finds, which then closes the database."""
    done = subprocess.run([sys.executable, "-c", ONE_MORE, str(database)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_further_connection_takes_no_lock_from_those_there_are(tmp_path: Path) -> None:
    """POSIX gives up all of a process's locks on a file when it closes any descriptor of it: the next process that
    closes the database would take itself for its last user, and remove the log that this one goes on writing to."""
    engine = open_engine(Home(tmp_path), Settings())
    with writing(engine) as conn:
        conn.execute(text("CREATE TABLE a (b INTEGER)"))
    with reading(engine) as first, reading(engine) as second:  # two connections at once
        assert [conn.scalar(text("SELECT count(*) FROM a")) for conn in (first, second)] == [0, 0]
    assert count_elsewhere(tmp_path / "pbx.db") == 0
    with writing(engine) as conn:
        conn.execute(text("INSERT INTO a VALUES (1)"))
    assert count_elsewhere(tmp_path / "pbx.db") == 1
    engine.dispose()
