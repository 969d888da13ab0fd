"""The program of README, really run, against pages that are really served."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import worker
from acting import ADMIN
from pages_process import said, started
from running_out import add_client
from sqlalchemy import insert

from pbx_control.clock import now
from pbx_control.domain.agenda.rules import Kind
from pbx_control.services import calendars
from pbx_control.services.work import booking
from pbx_control.settings import Home, load
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.migrate import upgrade
from pbx_control.store.tables import call
from pbx_control.world.installation import Installation
from tests.texts import ROOT

PORTS = worker.ports(0)
CLIENT = ROOT / "docs" / "api_client.py"
CAME = datetime(2026, 11, 30, 13, 5, tzinfo=UTC)


@pytest.fixture
def office(tmp_path: Path) -> Installation:
    """A home with a client, its calls and its calendar."""
    office = Installation(tmp_path / "home", PORTS, language="en", runtime="external")
    office.write_settings(secrets={"ari_password": "a" * 40, "ami_password": "b" * 40})
    home = Home(office.home)
    upgrade(home, load(home))
    engine = open_engine(home, load(home))
    add_client(engine)
    with booking(engine, ADMIN, now()) as work:
        # As in README: more than one kind, and a question.
        kinds = [Kind(0, "Primera consulta", 30, 10), Kind(1, "Control", 15)]
        rules = {"week": "always", "lead": timedelta(0), "questions": ["¿Primera vez?"]}
        calendars.add(work, 1, "soto", "Dra. Soto", kinds, **rules)
    with writing(engine) as conn:
        for number in range(2):
            at = CAME + timedelta(minutes=number)
            row = {"id": f"pbx-{number}.1", "client_id": 1, "did": "+56225550101", "caller": f"+5698123456{number}"}
            times = {"arrived_at": at, "ended_at": at}
            conn.execute(insert(call).values(row | times | {"phase": "ended", "outcome": "answered"}))
    engine.dispose()
    return office


async def test_the_program_of_the_manual_does_what_the_manual_says(office: Installation) -> None:
    scopes = "calls:read,calendars:read,appointments:write"
    made = await office.run("token", "add", "crm", "--client", "andes", "--scope", scopes, "--json")
    assert made.status == 0, made.err
    token = json.loads(made.out)
    async with started(office, "web") as web:
        await said(web, "the pages are served")
        told = {
            "PBX_URL": f"http://127.0.0.1:{PORTS.web}/api/v1",
            "PBX_TOKEN": token["token"],
            "PATH": os.environ["PATH"],
        }
        program = await create_subprocess_exec(sys.executable, str(CLIENT), env=told, stdout=PIPE, stderr=PIPE)
        out, err = await asyncio.wait_for(program.communicate(), 60)
        assert program.returncode == 0, err.decode()
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{told['PBX_URL']}/calls", headers={"Authorization": "Bearer pbx_no"})
            assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
            assert "access-control-allow-origin" not in answer.headers
    assert out.decode() == (
        "2026-11-30T13:06:00Z +56981234561 answered\n"
        "2026-11-30T13:05:00Z +56981234560 answered\n"
        "booked: 1 confirmed True\n"
    )
    assert CLIENT.read_text().partition('"""\n\n')[2] in (ROOT / "README.md").read_text()
    assert out.decode() in (ROOT / "docs" / "api.md").read_text()
