"""Opens the database: SQLite with the pragmas that make it durable, or PostgreSQL; plain, never asyncio."""

import os
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, insert, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import NullPool

from pbx_control.errors import ClientMistake, Code, StoreUnavailable
from pbx_control.settings import MAIN_NODE, Home, Settings
from pbx_control.store.causes import cause

# How long one command waits for another's write before it gives up, seconds.
BUSY_TIMEOUT = 5
# How often it looks whether the other has done, seconds.
LOOK_AGAIN = 0.001


class Overtaken(Exception):
    """Somebody else has written since a transaction of `writing_late` began: nothing of it was done."""


def open_engine(home: Home, settings: Settings) -> Engine:
    """An engine for the home's database. Connecting happens at first use, so this never fails for an absent server.

    Raises ClientMistake if the URL in the settings makes no sense.
    """
    try:
        url = make_url(home.database_url(settings))
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise _no_url() from None
    if url.drivername == "sqlite":
        return _open_sqlite(url).execution_options(pbx_node=settings.node.name)
    if url.drivername == "postgresql+psycopg":
        return _open_postgresql(url).execution_options(pbx_node=settings.node.name)
    raise _no_url()


def node_here(connection: Connection) -> str:
    """The name of the node whose home opened the database: calls, files and letters' attachments are a node's own."""
    name: str = connection.get_execution_options().get("pbx_node", MAIN_NODE)
    return name


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
def writing_late(engine: Engine) -> Iterator[Connection]:
    """Like `writing`, but others may write until this one does: for what reads much, writes little, and can wait.

    Raises Overtaken if on SQLite somebody did: what was read is no longer so. Read it anew, and do not try for ever.
    """
    try:
        with engine.connect().execution_options(pbx_late=True) as connection, connection.begin():
            yield connection
    except IntegrityError:
        raise
    except DBAPIError as error:
        if _is_busy(error.orig):
            raise Overtaken from error
        raise _unavailable(error) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to read from; what it sees is one consistent state. Raises StoreUnavailable like `writing`."""
    # SQLite's readers have a snapshot by themselves; PostgreSQL's have one only if they ask for it.
    sqlite = engine.dialect.name == "sqlite"
    options = {"pbx_read_only": True} if sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    try:
        with _connected(engine).execution_options(**options) as connection:
            connection.begin()  # `store.fixed` asks the driver itself, which needs a transaction for one state
            yield connection
    except DBAPIError as error:
        raise _unavailable(error) from error


@contextmanager
def changing(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes provisioning: like `writing`, and it counts the change for the daemon.

    It counts first: on PostgreSQL that locks the row, so that changes come one after the other, as on SQLite, and
    what one has looked up cannot be changed by another before it is done.
    """
    with writing(engine) as connection:
        bump_revision(connection)
        yield connection


def bump_revision(connection: Connection) -> None:
    """Counts a change of provisioning; every command that changes something calls it in its transaction."""
    connection.execute(text("UPDATE revision SET number = number + 1"))


def new_id(connection: Connection, table: Table, values: Mapping[str, object]) -> int:
    """Keeps a row; gives the id that the database gave it."""
    (key,) = connection.execute(insert(table).values(values)).inserted_primary_key or (0,)
    return int(key)


def insert_into(dialect: str, table: Table) -> Any:
    """An insert that may say what becomes of a conflict: each database (`conn.dialect.name`) has its own."""
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def is_new(connection: Connection, table: Table, values: Mapping[str, object]) -> bool:
    """Keeps a row unless a unique index has one like it; whether it was kept. Of two that keep it at once one is told
    so."""
    adding = insert_into(connection.dialect.name, table).values(values).on_conflict_do_nothing()
    # psycopg's count of an insert's rows is lost unless it is asked for, and with an id that comes back.
    kept = connection.execute(adding.inline(), execution_options={"preserve_rowcount": True})
    return bool(kept.rowcount == 1)


def _open_sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False})
    event.listen(engine, "do_connect", lambda *_: _keep_private(Path(url.database or "")))
    event.listen(engine, "connect", _sqlite_pragmas)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _connected(engine: Engine) -> Connection:
    """A connection to read from, also where the disk has no room for the file by which SQLite's users share a database:
    then nobody else is connected, and it is read alone."""
    try:
        return engine.connect()
    except DBAPIError as error:
        if not _has_no_room(error.orig):
            raise
    alone = create_engine(engine.url, poolclass=NullPool)
    event.listen(alone, "connect", _without_shared_memory)
    event.listen(alone, "begin", _sqlite_begin)
    return alone.connect()


def _has_no_room(error: BaseException | None) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in (
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMMAP,
    )


def _without_shared_memory(raw: sqlite3.Connection, _record: Any) -> None:
    # Who locks the others out needs no file to share: SQLite then keeps the log's index in its own memory.
    raw.isolation_level = None
    raw.execute("PRAGMA locking_mode=EXCLUSIVE")


def _open_postgresql(url: URL) -> Engine:
    waits = {"connect_timeout": BUSY_TIMEOUT, "options": f"-c lock_timeout={BUSY_TIMEOUT}s"}
    return create_engine(url, pool_pre_ping=True, connect_args=waits)


def _no_url() -> ClientMistake:
    return ClientMistake(
        "[database] url is no database of ours: write postgresql+psycopg://user:password@host/name, or leave it empty "
        "for SQLite"
    )


def _unavailable(error: DBAPIError) -> StoreUnavailable:
    why = cause(error.orig)
    if any(mark in str(why) for mark in ("no such table", "no such column", "does not exist")):
        return StoreUnavailable("the database lacks tables of this version ({why})", Code.SCHEMA_IS_OLD, why=why)
    return StoreUnavailable("the database cannot be used: {why}; see that it runs and that its disk has room", why=why)


def _keep_private(database: Path) -> None:
    """Makes the database a file of its owner's alone (0600), whatever our umask; SQLite gives its other files the same
    mode. Those of an older version are changed. A file that is somebody else's stays as it is."""
    # Only one that is not there is opened: closing a file gives up every lock of this process on it, SQLite's too.
    with suppress(OSError):
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    for file in (database, *(database.with_name(f"{database.name}-{kind}") for kind in ("wal", "shm"))):
        with suppress(OSError):
            if stat.S_IMODE(file.stat().st_mode) != 0o600:
                file.chmod(0o600)


def _sqlite_pragmas(raw: sqlite3.Connection, _record: Any) -> None:
    # The driver must not begin transactions by itself: `_sqlite_begin` does, as SQLAlchemy's manual advises.
    raw.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    raw = connection.connection.dbapi_connection
    assert isinstance(raw, sqlite3.Connection)
    if options.get("pbx_read_only") or options.get("pbx_late"):
        raw.execute("BEGIN")  # touches no file yet
        return
    # A writer takes its lock at once: a read that is later promoted could meet SQLITE_BUSY without waiting.
    raw.execute("PRAGMA busy_timeout=0")
    try:
        _take_lock(raw)
    finally:
        raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT * 1000}")


def _take_lock(raw: sqlite3.Connection) -> None:
    """Waits for the one writer's lock, at most BUSY_TIMEOUT.

    SQLite's own waiting looks again after 1, 2, 5, 10 … 100 ms: a live call would wait for much longer than for what it
    waits for.
    """
    until = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            raw.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if time.monotonic() > until or not _is_busy(error):
                raise OperationalError("BEGIN IMMEDIATE", None, error) from error  # as SQLAlchemy tells it
        time.sleep(LOOK_AGAIN)


def _is_busy(error: BaseException | None) -> bool:
    """Whether it says that another one has the lock, or has had it since."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def notices_address(engine: Engine) -> str:
    """libpq's address of the database, by which the daemons that share it tell each other; empty on SQLite."""
    if engine.dialect.name != "postgresql":
        return ""
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
