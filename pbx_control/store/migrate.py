"""Brings a home's database to the schema of this version (Alembic, in one transaction)."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

import pbx_control.migrations
from pbx_control.settings import Home, Settings
from pbx_control.store.engine import open_engine, reading, writing

VERSIONS = Path(pbx_control.migrations.__file__).parent / "versions"
# Any number that nothing else locks: two `setup`s at once on one PostgreSQL wait for each other.
MIGRATION_LOCK = 7291_0001


def upgrade(home: Home, settings: Settings) -> None:
    """Makes the tables or alters them to the newest schema, and the revision row; nothing if they are current.

    Raises StoreUnavailable if the database cannot be reached or written to.
    """
    engine = open_engine(home, settings)
    try:
        if _is_current(engine):
            return
        with writing(engine) as connection:
            move(connection, "head")
            _first_revision(connection)
    finally:
        engine.dispose()


def newest() -> str:
    """The revision of this version's schema: migrations are numbered, and their files' names begin with it."""
    return max(file.name for file in VERSIONS.glob("[0-9]*.py")).partition("_")[0]


def _is_current(engine: Engine) -> bool:
    """Whether there is nothing to do: a daemon that starts again must not wait for Alembic to load."""
    with reading(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return str(connection.scalar(text("SELECT version_num FROM alembic_version"))) == newest()


def move(connection: Connection, target: str) -> None:
    """Migrates up or down to `target` (an Alembic revision, "head" or "base"), in the connection's transaction."""
    # Imported here: Alembic takes 0.4 s to load, which only `setup` should pay.
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(pbx_control.migrations.__file__).parent))
    config.attributes["connection"] = connection
    go = command.downgrade if _is_older(connection, target) else command.upgrade
    go(config, target)


def _is_older(connection: Connection, target: str) -> bool:
    """Whether `target` lies below where the database stands; revisions are numbers."""
    from alembic.runtime.migration import MigrationContext

    stands_at = MigrationContext.configure(connection).get_current_revision() or ""
    return target == "base" or (target != "head" and target < stands_at)


def is_current(connection: Connection) -> bool:
    """Whether the database has the schema of this version."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(pbx_control.migrations.__file__).parent))
    return MigrationContext.configure(connection).get_current_revision() == scripts.get_current_head()


def _first_revision(connection: Connection) -> None:
    connection.execute(text("INSERT INTO revision (id, number) SELECT 1, 1 WHERE NOT EXISTS (SELECT 1 FROM revision)"))
