"""The pages' process, really started: by itself, and as the daemon's child. No Asterisk is there."""

import asyncio
import os
import resource
import signal
import socket
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import psutil
import pytest
import worker
from acting import ADMIN
from pages_process import said, started
from running_out import add_client

from pbx_control.clock import now
from pbx_control.domain.agenda.rules import Kind, Source
from pbx_control.services import calendar_sync, calendars
from pbx_control.services.work import booking
from pbx_control.settings import Home, load
from pbx_control.store.engine import open_engine
from pbx_control.store.migrate import upgrade
from pbx_control.store.remotes import Access
from pbx_control.world.installation import Installation
from pbx_control.world.legs import patience

PORTS = worker.ports(0)


@pytest.fixture
def office(tmp_path: Path) -> Installation:
    """A home with a database and no switch."""
    office = Installation(tmp_path / "home", PORTS, language="en", runtime="external")
    office.write_settings(secrets={"ari_password": "a" * 40, "ami_password": "b" * 40})
    upgrade(Home(office.home), load(Home(office.home)))
    return office


async def health(scheme: str = "http") -> httpx.Response:
    async with httpx.AsyncClient(verify=False) as client:
        return await client.get(f"{scheme}://127.0.0.1:{PORTS.web}/healthz")


def child_of(daemon: Process) -> psutil.Process:
    (child,) = [one for one in psutil.Process(daemon.pid).children() if "web" in one.cmdline()]
    return child


async def gone(process: psutil.Process) -> None:
    await asyncio.to_thread(process.wait, patience(10))


async def test_pages_are_served_without_a_daemon(office: Installation) -> None:
    async with started(office, "web") as web:
        await said(web, "the pages are served")
        answer = await health()
        assert answer.status_code == 503
        assert answer.json() == {"daemon": "away", "database": "ok", "switch": "unknown"}
        assert "server" not in answer.headers
        web.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(web.wait(), patience(10)) == 0


async def test_a_process_that_is_killed_is_begun_anew_and_ends_with_its_daemon(office: Installation) -> None:
    async with started(office, "run") as daemon:
        await said(daemon, "the pages are served")
        assert (await health()).json()["database"] == "ok"
        first = child_of(daemon)
        first.kill()
        await said(daemon, "ended and is begun anew")
        await said(daemon, "the pages are served")
        second = child_of(daemon)
        assert second.pid != first.pid
        assert (await health()).json()["database"] == "ok"
        daemon.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(daemon.wait(), patience(15)) == 0
        await gone(second)


async def test_a_daemon_that_is_killed_takes_it_along(office: Installation) -> None:
    async with started(office, "run") as daemon:
        await said(daemon, "the pages are served")
        child = child_of(daemon)
        daemon.kill()
        await gone(child)


async def test_a_daemon_without_pages_has_none(office: Installation) -> None:
    async with started(office, "run", "--no-web") as daemon:
        await said(daemon, "not connected to Asterisk")
        async with asyncio.timeout(patience(15)):
            while not (office.home / "run" / "daemon.json").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert psutil.Process(daemon.pid).children() == []


async def test_a_port_that_is_taken_stops_no_daemon_and_is_waited_for(office: Installation) -> None:
    with socket.create_server(("127.0.0.1", PORTS.web)) as other:
        alone = await office.run("web")
        assert alone.status == 1
        assert alone.err.count("\n") == 1
        assert f"127.0.0.1:{PORTS.web} is taken by another process" in alone.err
        async with started(office, "run") as daemon:
            line = await said(daemon, "wait for their port")
            assert str(PORTS.web) in line
            other.close()
            await said(daemon, "the pages are served")
            assert daemon.returncode is None
            assert (await health()).json()["database"] == "ok"


@pytest.mark.parametrize(
    ("web", "told"),
    [
        ({"bind": f"0.0.0.0:{PORTS.web}"}, "passwords would cross the network in the clear"),
        ({"bind": f"0.0.0.0:{PORTS.web}", "public_url": "http://desk.example.com"}, "passwords would cross"),
        ({"certificate": "/nowhere.pem"}, "a certificate or a key alone"),
        ({"certificate": "/nowhere.pem", "key": "/nowhere.key"}, "/nowhere.pem: No such file"),
        ({"bind": "192.0.2.1:8080", "public_url": "https://desk.example.com"}, "nothing can listen on 192.0.2.1:8080"),
        ({"bind": "desk.example.com:8080"}, "must be ADDRESS:PORT"),
        ({"public_url": "desk.example.com"}, "must be http:// or https://"),
    ],
)
async def test_what_cannot_be_served_is_told_in_one_line(office: Installation, web: dict[str, str], told: str) -> None:
    office.write_settings(web=web, secrets={"ari_password": "a" * 40, "ami_password": "b" * 40})
    answer = await office.run("web")
    assert (answer.status, answer.err.count("\n")) == (1, 1)
    assert told in answer.err


async def test_a_certificate_is_enough(office: Installation, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    made = await create_subprocess_exec("openssl", *words, "-keyout", key, "-out", certificate, stderr=PIPE)
    await made.communicate()
    secrets = {"ari_password": "a" * 40, "ami_password": "b" * 40}
    office.write_settings(web={"certificate": str(certificate), "key": str(key)}, secrets=secrets)
    async with started(office, "web") as web:
        await said(web, "the pages are served")
        answer = await health("https")
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        with pytest.raises(httpx.RemoteProtocolError):
            await health("http")


@pytest.mark.parametrize(("public_url", "believed"), [("https://127.0.0.1", True), ("", False)])
async def test_only_a_proxy_that_is_meant_to_be_there_is_believed(
    office: Installation, public_url: str, believed: bool
) -> None:
    web = {"public_url": public_url}
    office.write_settings(web=web, secrets={"ari_password": "a" * 40, "ami_password": "b" * 40})
    async with started(office, "web") as process, httpx.AsyncClient() as proxy:
        await said(process, "the pages are served")
        headers = {"x-forwarded-for": "203.0.113.5, 198.51.100.7", "x-forwarded-proto": "https"}
        form = {"name": "nobody", "password": "x"}
        answer = await proxy.post(f"http://127.0.0.1:{PORTS.web}/login", headers=headers, data=form)
        assert answer.status_code == 401
        # The last of them is whom the proxy has seen; what stands before it, anybody can write.
        assert ('"origin": "198.51.100.7"' in await said(process, "a sign-in is refused")) == believed


async def test_the_usual_limit_of_open_files_is_no_limit_of_connections(office: Installation) -> None:
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
    async with AsyncExitStack() as stack:
        try:
            web = await stack.enter_async_context(started(office, "web"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))
        await said(web, "the pages are served")
        held = [await asyncio.open_connection("127.0.0.1", PORTS.web) for _ in range(250)]
        assert (await health()).json()["database"] == "ok"
        for _, writer in held:
            writer.close()


async def test_it_ends_soon_though_somebody_is_connected(office: Installation) -> None:
    async with started(office, "web") as web:
        await said(web, "the pages are served")
        _, writer = await asyncio.open_connection("127.0.0.1", PORTS.web)
        writer.write(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n")
        await writer.drain()
        os.kill(web.pid, signal.SIGTERM)
        await asyncio.wait_for(web.wait(), patience(8))
        writer.close()


async def test_remote_calendars_have_a_process_as_soon_as_there_is_one(office: Installation) -> None:
    home = Home(office.home)
    engine = open_engine(home, load(home))
    async with started(office, "run") as daemon:
        await said(daemon, "the pages are served")
        assert not mirrors_of(daemon)
        add_client(engine, 1, "andes")
        with booking(engine, ADMIN, now()) as work:
            calendars.add(work, 1, "soto", "Dra. Soto", [Kind(0, "Consulta", 30)])
            # Nobody answers there: the process is needed all the same.
            access = Access(source=Source.CALDAV, address="https://127.0.0.1:1/", user="u", secret="geheim")
            calendar_sync.connect(work, 1, "soto", access)
        engine.dispose()
        await said(daemon, "calendar.trouble")
        (mirror,) = mirrors_of(daemon)
        assert "geheim" not in " ".join(mirror.cmdline())
        daemon.send_signal(signal.SIGTERM)
        await daemon.wait()
        await gone(mirror)


def mirrors_of(daemon: Process) -> list[psutil.Process]:
    return [one for one in psutil.Process(daemon.pid).children() if "mirror" in one.cmdline()]
