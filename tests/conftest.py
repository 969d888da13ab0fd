"""What tests of all kinds use: a migrated database, on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from postgres_server import Server, running
from shares import Shares, turn
from sqlalchemy import Engine

from pbx_control.settings import Database, Home, Settings
from pbx_control.store.engine import open_engine
from pbx_control.store.migrate import upgrade

# How long an example takes depends on what else the machine does: no test is timed.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time: a change is judged by what it changed (`--hypothesis-profile search` tries others).
settings.register_profile("same", _UNTIMED, derandomize=True)
settings.register_profile("search", _UNTIMED, derandomize=False, max_examples=1000)
settings.load_profile("same")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=turn)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Shares | None:
    return Shares(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for the whole run, started by the first test that asks for it."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated database, from which others are copied: that takes 30 ms, migrating 300."""
    postgres.execute("CREATE DATABASE migrated")
    settings = Settings(database=Database(url=postgres.url("migrated")))
    upgrade(Home(tmp_path_factory.mktemp("postgres")), settings)
    return "migrated"


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, from which others are copied."""
    home = Home(tmp_path_factory.mktemp("sqlite"))
    upgrade(home, Settings())
    return home.root / "pbx.db"


@pytest.fixture
def postgres_url(postgres: Server, migrated_postgres: str) -> str:
    """The URL of a migrated PostgreSQL database of the test's own."""
    return postgres.new_database(migrated_postgres)


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite database of the test's own."""
    shutil.copy(migrated_sqlite, tmp_path / "pbx.db")
    return f"sqlite:///{tmp_path / 'pbx.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated database of the test's own: each test that asks for it runs on SQLite and on PostgreSQL."""
    url = request.getfixturevalue(f"{request.param}_url")
    opened = open_engine(Home(tmp_path), Settings(database=Database(url=url)))
    yield opened
    opened.dispose()
