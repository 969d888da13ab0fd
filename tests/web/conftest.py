"""The pages as browsers meet them, without a network: the application is called directly."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from acting import ADMIN
from browsing import AT, CLIENT_ROLES, PASSWORD, ROLES, SECRET, Browser, Place
from sqlalchemy import Engine

from pbx_control.clock import now
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Admission, Call, Caller, Facts, Phase, Seat, Sounds
from pbx_control.domain.call.saving import Save
from pbx_control.domain.desk.edits import Typed
from pbx_control.domain.users import UserRole
from pbx_control.media import prompts
from pbx_control.services import clientele, messages, staff, users
from pbx_control.services.steps import Rules, save
from pbx_control.services.users import NewPassword
from pbx_control.services.work import changing
from pbx_control.settings import Home, Settings
from pbx_control.store import clients
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.secretaries import find
from pbx_control.web.portal.sounds import ENDING


@pytest.fixture(scope="session")
def password() -> NewPassword:
    """One for all: a hash takes a twentieth of a second."""
    from argon2 import PasswordHasher

    # Quickly, and with the same program: what it costs is looked at in tests/store/test_users.py.
    return NewPassword(PASSWORD, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD))


@pytest.fixture
def database(sqlite_url: str, tmp_path: Path, password: NewPassword) -> Iterator[Engine]:
    """A database with two secretaries, two clients, and an account of each role."""
    engine = open_engine(Home(tmp_path), Settings())
    with changing(engine, ADMIN, now()) as work:
        firms = {name: clientele.add(work, name, name=name.title()) for name in ("andes", "lagos")}
        for name, role in ROLES.items():
            hers = None
            if role is UserRole.SECRETARY:
                staff.add(work, name.title(), languages=["es"], client_ids=None)
                hers = find(work.conn, name.title()).id
            theirs = firms.get(name, firms["andes"]) if role is UserRole.CLIENT else None
            whose = {"secretary_id": hers, "client_id": theirs, "client_role": CLIENT_ROLES.get(name)}
            users.add(work, name, role, password, **whose)
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
async def owner(place: Place) -> Browser:
    """The browser of an owner of andes who is signed in."""
    browser = place.browser()
    await browser.sign_in("gerencia")
    return browser


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was spoken; instead of a voice, each sound is a file with its words."""
    words: list[str] = []

    def ensure(home: Any, sounds: Any, progress: Any = None) -> int:
        for name, text, _ in sounds:
            words.append(text)
            file = home.root / f"{name}{ENDING}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"RIFF" + text.encode())
        return len(words)

    monkeypatch.setattr(prompts, "ensure", ensure)
    return words


@pytest.fixture
async def public(database: Engine, tmp_path: Path) -> AsyncIterator[Place]:
    """The pages behind a proxy."""
    made = Place(tmp_path, database, public_url="https://desk.example.com")
    yield made
    for client in made.open:
        await client.aclose()


@pytest.fixture
def talking(place: Place) -> Call:
    """A call that Ana talks in, and has begun to write about."""
    with writing(place.engine) as conn:
        ana = find(conn, "Ana")
        seat = Seat(ana.id, ana.user, "Ana")
        client_id = clients.find(conn, "andes").id
        call = Call(
            "pbx-1.2",
            Phase.TALKING,
            facts=Facts(
                "+56225550101", client_id, "andes", "Andes", "es", "America/Santiago", Admission.OPEN, Sounds()
            ),
            caller=Caller("+56223334455", "María"),
            arrived_at=AT,
            seat=seat,
            answered_by=seat,
            answered_at=AT,
            talking_since=AT,
        )
        save(conn, [Save(call, True, (Line(1, AT, "X", {}),), ())], Rules())
        messages.open_draft(conn, call.id, ana.id, AT)
        messages.save_fields(conn, call.id, ana.id, {"message": Typed(SECRET, 1)}, AT)
    return call


@pytest.fixture
def call(talking: Call) -> str:
    return talking.id
