"""The pages behind nginx, as docs/web.md has it: sign-in, a desk's stream, and the socket of the telephone in it."""

import asyncio
import re
from asyncio.subprocess import DEVNULL, create_subprocess_exec
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import tomlkit
from authority import nobody_vouches
from conftest import PORTS, Town
from page_telephone import page_telephone

from pbx_control.world.installation import Installation
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

CALLER, ANA = 620, 880
NAME = "desk.example.com"
PORT = PORTS.base + 94
MANUAL = Path(__file__).parents[2] / "docs" / "web.md"


def site(folder: Path, pages: str) -> str:
    """The two blocks of the manual as one site, with this test's addresses and certificate."""
    server, socket = re.findall(r"```\n(.*?)```", MANUAL.read_text().partition("**nginx**")[2], re.DOTALL)[:2]
    text = server.rstrip().removesuffix("}") + socket + "}\n"
    places = {
        "listen 443": f"listen 127.0.0.1:{PORT}",
        "/etc/pbx-tls/fullchain.pem": str(folder / f"{NAME}.crt"),
        "/etc/pbx-tls/privkey.pem": str(folder / f"{NAME}.key"),
        "http://127.0.0.1:8080": pages,
    }
    for there, here in places.items():
        assert there in text
        text = text.replace(there, here)
    return text


def settings_of_nginx(folder: Path, pages: str) -> str:
    """All of nginx.conf; what it writes goes into that folder."""
    scratch = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    head = f"daemon off;\nuser root;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
    return f"{head}events {{}}\nhttp {{\naccess_log off;\n{scratch}{site(folder, pages)}}}\n"


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(switch: Installation, tmp_path: Path) -> AsyncIterator[None]:
    """The daemon and its pages by that name, and nginx before them."""
    await switch.stop_daemon()
    file = switch.home / "pbx.toml"
    before = file.read_text()
    settings = tomlkit.parse(before)
    settings["web"]["public_url"] = f"https://{NAME}"  # type: ignore[index]
    file.write_text(tomlkit.dumps(settings))
    nobody_vouches(tmp_path, NAME)  # and the browser is told not to mind
    written = tmp_path / "nginx.conf"
    written.write_text(settings_of_nginx(tmp_path, switch.url))
    switch.pages = True
    nginx = await create_subprocess_exec("/usr/sbin/nginx", "-c", str(written), stdout=DEVNULL, stderr=DEVNULL)
    try:
        async with asyncio.timeout(patience(20)):
            while not (tmp_path / "pid").exists():  # noqa: ASYNC110 — it tells nobody
                await asyncio.sleep(0.05)
        yield
    finally:
        nginx.terminate()
        await nginx.wait()
        switch.pages = False
        file.write_text(before)
        await switch.stop_daemon()


@pytest.mark.usefixtures("proxy")
async def test_a_secretary_answers_in_her_page(town: Town, tmp_path: Path) -> None:
    firm = await town.firm()
    flags = (f"--host-resolver-rules=MAP {NAME}:443 127.0.0.1:{PORT}", "--ignore-certificate-errors")
    async with page_telephone(town, tmp_path, firm, "Ana", ANA, "", *flags, at=f"https://{NAME}") as ana:
        caller = await town.world.call(firm.number, "+56912345678", "María", tone=CALLER)
        await ana.answers()
        await caller.answered()
        await asyncio.gather(caller.hears(ANA), ana.hears(CALLER))
        await ana.desk_is("talking")
        await caller.hang_up()
        await ana.is_("ready")
