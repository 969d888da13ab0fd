"""Opens the database: SQLite with the pragmas that make it durable, or PostgreSQL; plain, never asyncio."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from pbx_control.errors import StoreUnavailable
from pbx_control.settings import Home, Settings

# How long one command waits for another's write before it gives up, seconds.
BUSY_TIMEOUT = 5


def open_engine(home: Home, settings: Settings) -> Engine:
    """An engine for the home's database. Connecting happens at first use, so this never fails for an absent server."""
    url = home.database_url(settings)
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False})
        event.listen(engine, "connect", _sqlite_pragmas)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": BUSY_TIMEOUT})


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end of the block, rolled back by any error.

    Raises StoreUnavailable if the database is away, locked for too long, or its disk is full; IntegrityError passes:
    whoever writes knows what another writer's row means.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise _unavailable(error) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to read from; what it sees is one consistent state. Raises StoreUnavailable like `writing`."""
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection = connection.execution_options(pbx_read_only=True)
            yield connection
    except DBAPIError as error:
        raise _unavailable(error) from error


@contextmanager
def changing(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes provisioning: like `writing`, and it counts the change for the daemon."""
    with writing(engine) as connection:
        yield connection
        bump_revision(connection)


def bump_revision(connection: Connection) -> None:
    """Counts a change of provisioning; every command that changes something calls it in its transaction."""
    connection.execute(text("UPDATE revision SET number = number + 1"))


def _unavailable(error: DBAPIError) -> StoreUnavailable:
    why = (str(error.orig).strip().splitlines() or ["unknown"])[0]
    if "no such table" in why or "no such column" in why or "does not exist" in why:
        return StoreUnavailable(
            "the database lacks tables of this version ({why}): run `pbx-control setup`, which brings it up to date",
            why=why,
        )
    return StoreUnavailable("the database cannot be used: {why}; see that it runs and that its disk has room", why=why)


def _sqlite_pragmas(raw: sqlite3.Connection, _record: Any) -> None:
    # The driver must not begin transactions by itself: `_sqlite_begin` does, as SQLAlchemy's manual advises.
    raw.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    # A writer takes its lock at once: a read that is later promoted could meet SQLITE_BUSY without waiting.
    read_only = connection.get_execution_options().get("pbx_read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
