"""Installed without the extra `demo`, each command but the demo works, and that one says what is to be added."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
# What is no source; an old `build` would even be installed.
NOT_COPIED = shutil.ignore_patterns(".*", "var", "build", "dist", "*.egg-info", "__pycache__")

pytestmark = pytest.mark.switch

# Imports all that is installed but the demo and its outside world, and prints every command with its subcommands.
LOOK = """
import importlib, pkgutil, click, cli, pbx_control

for module in pkgutil.walk_packages(pbx_control.__path__, "pbx_control."):
    if not module.name.startswith(("pbx_control.demo.", "pbx_control.world.", "pbx_control.migrations.")):
        importlib.import_module(module.name)

def tell(command, words):
    print(*words)
    if isinstance(command, click.Group):
        for name in command.list_commands(None):
            tell(command.get_command(click.Context(command), name), [*words, name])

tell(cli.main, [])
"""

# The sign-in page and the files that it names, as the pages' process would serve them.
SHOW = """
import asyncio, re, sys
from pathlib import Path
import httpx
from pbx_control.settings import Home, Settings
from pbx_control.store.engine import open_engine
from pbx_control.web.app import make_app

async def look(home):
    transport = httpx.ASGITransport(make_app(home, Settings(), open_engine(home, Settings())))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        page = await client.get("/login")
        print(page.status_code, re.search("<h1>(.*)</h1>", page.text)[1])
        for path in re.findall('"(/static/[^"]+)"', page.text):
            print((await client.get(path)).status_code, path.rpartition("/")[2])

asyncio.run(look(Home(Path(sys.argv[1]))))
"""


class Environment:
    """A virtual environment with pbx-control in it, and nothing but what that asks for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs one of its programs, elsewhere than in the project's folder, whose modules Python would find."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PBX_", "PYTHON"))}
        command = [self.folder / "bin" / program, *words]
        return subprocess.run(command, cwd=self.folder, env={**own, "LANG": "C"}, capture_output=True, text=True)

    def install(self, what: str) -> None:
        done = self.run("pip", "install", "--quiet", "--disable-pip-version-check", what)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, to be built in."""
    return shutil.copytree(PROJECT, tmp_path_factory.mktemp("source") / "project", ignore=NOT_COPIED)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Environment:
    """An environment with pbx-control alone."""
    environment = Environment(tmp_path_factory.mktemp("bare"))
    environment.install(str(source))
    return environment


def test_the_pages_and_their_files_are_there(bare: Environment, tmp_path: Path) -> None:
    found = bare.run("python", "-c", SHOW, str(tmp_path))
    assert found.stdout.splitlines() == ["200 Entrar", "200 icon.svg", "200 base.css"], found.stderr


def test_everything_but_the_demo_is_there(bare: Environment) -> None:
    found = bare.run("python", "-c", LOOK)
    assert found.returncode == 0, found.stderr
    commands = found.stdout.splitlines()
    assert "demo" in commands
    assert {"run", "status", "client add", "call list"} < set(commands)


def test_home_is_set_up(bare: Environment, tmp_path: Path) -> None:
    assert bare.run("pbx-control", "--home", str(tmp_path), "setup").returncode == 0
    assert bare.run("pbx-control", "--home", str(tmp_path), "client", "list").returncode == 0


def test_demo_says_what_to_install(bare: Environment, tmp_path: Path) -> None:
    refused = bare.run("pbx-control", "--home", str(tmp_path), "--lang", "en", "demo")
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert "pip install 'pbx-control[demo]'" in line


def test_extra_brings_what_the_demo_needs(bare: Environment, source: Path) -> None:
    bare.install(f"{source}[demo]")
    imported = bare.run("python", "-c", "import pbx_control.demo.play")
    assert imported.returncode == 0, imported.stderr
