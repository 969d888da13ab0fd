"""What the tests of incoming mail share: a real IMAP server, and a house with an owner who writes."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from acting import ADMIN
from dovecot_server import Dovecot, running
from mailed_house import OLD, House
from writing import OWNER, Dns

from pbx_control.clock import now
from pbx_control.services import texts
from pbx_control.services.work import changing
from pbx_control.settings import Home, Settings
from pbx_control.store import clients
from pbx_control.store.engine import open_engine

_numbers = count()


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    with running() as server:
        yield server


@pytest.fixture
def house(dovecot: Dovecot, sqlite_url: str, tmp_path: Path) -> Iterator[House]:
    engine = open_engine(Home(tmp_path), Settings())
    made = House(engine, dovecot, f"box{next(_numbers)}@sur.example", Dns())
    made.add_client("andes", "Clínica Andes")
    made.add_owner("rosa", OWNER)
    with changing(engine, ADMIN, now()) as work:
        texts.write_greeting(work, clients.find(work.conn, "andes").id, OLD)
    yield made
    engine.dispose()
