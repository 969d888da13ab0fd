"""A real Prometheus (Debian's) scrapes the pages' process and answers questions; no Asterisk is there."""

import asyncio
import json
import shutil
import socket
from asyncio.subprocess import DEVNULL, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import worker
from pages_process import said, started

from pbx_control.settings import Home, load
from pbx_control.store.migrate import upgrade
from pbx_control.world.installation import Installation
from pbx_control.world.legs import patience

# Debian's packages are there where the tests with a switch are.
pytestmark = pytest.mark.switch
PORTS = worker.ports(0)


@pytest.fixture
def office(tmp_path: Path) -> Installation:
    """A home with a database and no switch."""
    office = Installation(tmp_path / "home", PORTS, language="en", runtime="external")
    office.write_settings(secrets={"ari_password": "a" * 40, "ami_password": "b" * 40})
    upgrade(Home(office.home), load(Home(office.home)))
    return office


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


@asynccontextmanager
async def prometheus(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """One that scrapes the pages each second, with its data in that folder; ended with the block."""
    program = shutil.which("prometheus")
    assert program, "apt-get install prometheus"
    target = {"targets": [f"127.0.0.1:{PORTS.web}"]}
    jobs = [{"job_name": "pbx-control", "scrape_interval": "1s", "static_configs": [target]}]
    written = folder / "prometheus.yml"
    written.write_text(json.dumps({"scrape_configs": jobs}))  # YAML is what JSON is, too
    port = free_port()
    places = f"--config.file={written}", f"--storage.tsdb.path={folder / 'data'}"
    process = await create_subprocess_exec(
        program, *places, f"--web.listen-address=127.0.0.1:{port}", stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


async def answer_of(client: httpx.AsyncClient, query: str) -> float:
    """The value that Prometheus has for that, once it has one."""
    async with asyncio.timeout(patience(30)):
        while True:
            try:
                found = (await client.get("/api/v1/query", params={"query": query})).json()["data"]["result"]
            except (httpx.TransportError, KeyError, ValueError):  # it starts
                found = []
            if found:
                return float(found[0]["value"][1])
            await asyncio.sleep(0.1)


async def test_prometheus_scrapes_the_pages(office: Installation, tmp_path: Path) -> None:
    async with started(office, "web") as web:
        await said(web, "the pages are served")
        async with prometheus(tmp_path) as client:
            assert await answer_of(client, 'up{job="pbx-control"}') == 1
            assert await answer_of(client, "pbx_database_up") == 1
            assert await answer_of(client, "pbx_daemon_ready") == 0
            assert await answer_of(client, "sum(pbx_calls_today)") == 0
            assert await answer_of(client, "count(pbx_build_info)") == 1
