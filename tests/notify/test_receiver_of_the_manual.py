"""The receiver of docs/api.md, really run: it takes what we sign, once, and nothing else."""

import ipaddress
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from acting import by_admin
from sqlalchemy import Engine

from pbx_control.clock import now
from pbx_control.errors import DeliveryFailed
from pbx_control.notify.webhooks import Teller
from pbx_control.services import webhooks
from pbx_control.store.engine import writing
from pbx_control.store.webhooks import Webhook
from tests.texts import ROOT

PROGRAM = ROOT / "docs" / "webhook_receiver.py"
LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def made(engine: Engine, port: int) -> Webhook:
    with writing(engine) as conn:
        return webhooks.add(by_admin(conn, now()), f"http://127.0.0.1:{port}/", [], private=True)


@pytest.fixture
def receiver(made: Webhook, port: int) -> Iterator["subprocess.Popen[str]"]:
    told = {"WEBHOOK_SECRET": made.secret, "PORT": str(port), "PATH": os.environ["PATH"]}
    program = subprocess.Popen([sys.executable, str(PROGRAM)], env=told, text=True, stdout=subprocess.PIPE)
    try:
        yield program
    finally:
        program.terminate()
        program.wait()
        assert program.stdout
        program.stdout.close()


def test_it_takes_what_is_signed_and_nothing_else(
    engine: Engine, made: Webhook, receiver: "subprocess.Popen[str]"
) -> None:
    assert once_it_listens(engine, made) == 204
    assert receiver.stdout
    assert receiver.stdout.readline() == f"webhook.test {{'webhook': {made.id}, 'client': ''}}\n"
    late = Teller(engine, LOOPBACK, lambda: now() - timedelta(minutes=6))
    with pytest.raises(DeliveryFailed, match="401"):
        late.test(made)
    with pytest.raises(HTTPError, match="401"):
        urlopen(Request(made.url, b"{}"))


def once_it_listens(engine: Engine, made: Webhook) -> int:
    """Tries until the program has opened its port."""
    while True:
        with suppress(DeliveryFailed):  # nobody listens there yet
            return Teller(engine, LOOPBACK).test(made)[0]


def test_the_manual_has_it() -> None:
    manual = Path(ROOT / "docs" / "api.md").read_text()
    assert PROGRAM.read_text().partition('"""\n\n')[2] in manual
