"""Copies of the whole database: made while others write to it, and put back in its place."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, text

from pbx_control.catalogue import counted
from pbx_control.domain.words.sentences import Sentence
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, StoreUnavailable
from pbx_control.store.causes import cause
from pbx_control.store.engine import BUSY_TIMEOUT, reading, writing

# What a copy is called in a backup: an SQLite file, or PostgreSQL's own archive format.
NAMES = {"sqlite": "pbx.db", "postgresql": "pbx.dump"}
# Where our tables are, in PostgreSQL; none of ours are ever elsewhere.
SCHEMA = "public"


def copy_database(engine: Engine, file: Path) -> None:
    """Writes one consistent state of the database to `file`, which only its owner may read; writers go on meanwhile.

    Raises StoreUnavailable if it cannot be read or the copy is damaged, ClientMistake without pg_dump.
    """
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if engine.dialect.name == "postgresql":
        # Owners and rights are the other server's matter: there, whoever restores owns it all.
        what = ["--format=custom", "--no-owner", "--no-privileges", f"--schema={SCHEMA}", f"--file={file}"]
        _run("pg_dump", what, engine)
        return
    try:
        with (
            closing(sqlite3.connect(engine.url.database or "", timeout=BUSY_TIMEOUT)) as source,
            closing(sqlite3.connect(file)) as target,
        ):
            # All pages in one step: done in several, it would begin anew with each write of somebody else.
            source.backup(target)
            # One file, without a log beside it.
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError as error:
        raise StoreUnavailable(
            "the database cannot be copied: {why}; see that its disk has room", why=cause(error)
        ) from error
    check_sqlite(file)


def schema_of(engine: Engine) -> str:
    """The revision of the database's schema, "0003"."""
    with reading(engine) as conn:
        return str(conn.scalar(text("SELECT version_num FROM alembic_version")))


def check_sqlite(file: Path, schema: str = "") -> None:
    """Raises StoreUnavailable if the file is no sound database: damaged pages, indexes, or rows that point nowhere; or
    if it is of another schema than `schema`, if that is given. An empty file is an empty database to SQLite."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as raw:
        try:
            found = [str(row[0]) for row in raw.execute("PRAGMA integrity_check(5)")]
            lost = raw.execute("PRAGMA foreign_key_check").fetchmany(1)
            its = raw.execute("SELECT version_num FROM alembic_version").fetchall() if schema else []
        except sqlite3.DatabaseError as error:
            raise _damaged(cause(error)) from None
    if schema and its != [(schema,)]:
        shown = clean_line(", ".join(str(version) for (version,) in its), 40)
        raise _damaged(Sentence("its schema is {its}, not {schema}", its=shown, schema=schema))
    if found != ["ok"]:
        raise _damaged(clean_line("; ".join(found), 200))
    if lost:
        raise _damaged(Sentence("rows of {table} point nowhere", table=clean_line(str(lost[0][0]), 60)))


def _damaged(why: str | Sentence) -> StoreUnavailable:
    return StoreUnavailable("the copy of the database is damaged: {why}", why=why)


def require_unused(engine: Engine) -> None:
    """Raises ClientMistake if anybody else is connected to a PostgreSQL database: another machine's daemon, say."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with reading(engine) as conn:
        count = conn.scalar(text(f"{others} AND backend_type = 'client backend'"))
    if count:
        raise ClientMistake(
            counted(
                "{count} other is connected to the database: stop every daemon and program that uses it first",
                "{count} others are connected to the database: stop every daemon and program that uses it first",
                by="count",
            ),
            count=count,
        )


def replace_postgresql(engine: Engine, file: Path, aside: str) -> bool:
    """Puts a dump in the place of all our tables; what was there stays in the schema named `aside`.

    Gives whether there was anything. Raises StoreUnavailable or ClientMistake, and then all is as it was.
    """
    with writing(engine) as conn:
        tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = :schema"
        there = bool(conn.scalar(text(tables), {"schema": SCHEMA}))
        conn.execute(text(f"ALTER SCHEMA {SCHEMA} RENAME TO {aside}"))
        conn.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    try:
        what = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", f"--schema={SCHEMA}"]
        _run("pg_restore", [*what, str(file)], engine)
    except BaseException:
        _put_back(engine, aside)
        raise
    if not there:
        with writing(engine) as conn:
            conn.execute(text(f"DROP SCHEMA {aside} CASCADE"))
    return there


def _put_back(engine: Engine, aside: str) -> None:
    with writing(engine) as conn:
        conn.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
        conn.execute(text(f"ALTER SCHEMA {aside} RENAME TO {SCHEMA}"))


def _run(program: str, words: Sequence[str], engine: Engine) -> None:
    found = shutil.which(program)
    if found is None:
        raise ClientMistake(
            "{program} is not installed: PostgreSQL's own programs copy and restore it; apt-get install "
            "postgresql-client",
            program=program,
        )
    url = engine.url
    # A password among the words could be read by everybody on the machine.
    secret = {"PGPASSWORD": str(url.password)} if url.password else {}
    place = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    done = subprocess.run(
        [found, *words, f"--dbname={place}"],
        env=os.environ | secret,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        why = clean_line(done.stderr, 300) or Sentence("it ended with {status}", status=done.returncode)
        raise StoreUnavailable("{program} failed: {why}", program=program, why=why)
