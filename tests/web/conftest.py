"""The pages as browsers meet them, without a network: the application is called directly."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from acting import ADMIN
from browsing import PASSWORD, ROLES, Place
from sqlalchemy import Engine

from pbx_control.clock import now
from pbx_control.domain.users import UserRole
from pbx_control.services import clientele, staff, users
from pbx_control.services.users import NewPassword
from pbx_control.services.work import changing
from pbx_control.settings import Home, Settings
from pbx_control.store.engine import open_engine
from pbx_control.store.secretaries import find


@pytest.fixture(scope="session")
def password() -> NewPassword:
    """One for all: a hash takes a twentieth of a second."""
    from argon2 import PasswordHasher

    # Quickly, and with the same program: what it costs is looked at in tests/store/test_users.py.
    return NewPassword(PASSWORD, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD))


@pytest.fixture
def database(sqlite_url: str, tmp_path: Path, password: NewPassword) -> Iterator[Engine]:
    """A database with two secretaries, a client, and an account of each role."""
    engine = open_engine(Home(tmp_path), Settings())
    with changing(engine, ADMIN, now()) as work:
        andes = clientele.add(work, "andes", name="Andes")
        for name, role in ROLES.items():
            hers = None
            if role is UserRole.SECRETARY:
                staff.add(work, name.title(), languages=["es"], client_ids=None)
                hers = find(work.conn, name.title()).id
            theirs = andes if role is UserRole.CLIENT else None
            users.add(work, name, role, password, secretary_id=hers, client_id=theirs)
    yield engine
    engine.dispose()


@pytest.fixture
async def place(database: Engine, tmp_path: Path) -> AsyncIterator[Place]:
    """The pages as they are served on a new installation: on loopback, by plain HTTP."""
    made = Place(tmp_path, database)
    yield made
    for client in made.open:
        await client.aclose()


@pytest.fixture
async def public(database: Engine, tmp_path: Path) -> AsyncIterator[Place]:
    """The pages behind a proxy."""
    made = Place(tmp_path, database, public_url="https://desk.example.com")
    yield made
    for client in made.open:
        await client.aclose()
