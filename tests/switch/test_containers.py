"""The images of asterisk-docker/ are really built, and Asterisk and the daemon start from them and find each other.

The base is the root file system that the rootfs runtime uses, so that nothing comes from an image registry; buildah
with chroot isolation builds and runs it without a container engine. Layers are kept in the cache between runs.
"""

import configparser
import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbx_control.asterisk.runtime import rootfs
from pbx_control.world.legs import patience

pytestmark = pytest.mark.switch

PROJECT = Path(__file__).parents[2]
SETTINGS = {
    "PBX_ASTERISK__HTTP_PORT": "16150",
    "PBX_ASTERISK__AMI_PORT": "16151",
    "PBX_SIP__BIND": "127.0.0.1:16152",
    "PBX_WEB__BIND": "127.0.0.1:16153",
}
CONSOLE = ["asterisk", "-C", "/srv/pbx/asterisk/etc/asterisk.conf", "-rx"]
USER = 10001


class Buildah:
    """buildah with a storage of its own, for machines where no container can have its own network or limits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        limits = folder / "containers.conf"
        limits.write_text("[containers]\ndefault_ulimits = []\n")
        self.environment = {**os.environ, "CONTAINERS_CONF": str(limits), "BUILDAH_ISOLATION": "chroot"}
        self.base = f"localhost/base:{rootfs.root().name}"

    def words(self, *words: str) -> list[str]:
        return ["buildah", "--root", f"{self.folder}/storage", "--runroot", f"{self.folder}/run", *words]

    def __call__(self, *words: str) -> str:
        run = subprocess.run(self.words(*words), env=self.environment, cwd=PROJECT, capture_output=True, text=True)
        assert run.returncode == 0, f"{shlex.join(words)}\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}"
        return run.stdout.strip()

    def make_base(self) -> None:
        """An image of the root file system, unless there is one."""
        if self.base in self("images", "--format", "{{.Name}}:{{.Tag}}").splitlines():
            return
        container = self("from", "scratch")
        self("add", "--quiet", container, str(rootfs.ensure(print)), "/")
        self("commit", "--quiet", "--rm", container, self.base)

    def build(self, target: str) -> str:
        """A working container of a target of the Dockerfile, built."""
        recipe = ["--file", "asterisk-docker/Dockerfile", "--build-arg", f"BASE={self.base}", "--target", target]
        how = ["--isolation", "chroot", "--network", "host", "--layers", "--tag", f"localhost/{target}"]
        self("build", "--quiet", *how, *recipe, *pip_settings(), ".")
        return self("from", f"localhost/{target}")

    def run(self, container: str, home: Path, *command: str) -> list[str]:
        """The command line that runs something in a working container as compose.yaml would."""
        settings = [word for pair in SETTINGS.items() for word in ("--env", "=".join(pair))]
        return self.words(
            "run", "--network", "host", *settings, "--volume", f"{home}:/srv/pbx", container, "--", *command
        )


def pip_settings() -> list[str]:
    """This machine's pip settings (a mirror, its certificate), mounted while building."""
    files = {Path("/etc/pip.conf")}
    if all(file.exists() for file in files):
        named = re.findall(r"=\s*(/\S+)", Path("/etc/pip.conf").read_text())
        files |= {Path(name) for name in named if Path(name).is_file()}
    return [word for file in sorted(files) if file.exists() for word in ("--volume", f"{file}:{file}:ro")]


@pytest.fixture(scope="module")
def buildah() -> Iterator[Buildah]:
    buildah = Buildah(rootfs.cache_folder() / "images")
    buildah.make_base()
    yield buildah
    buildah("rm", "--all")
    buildah("rmi", "--prune")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, USER, USER)
    return home


def command_of(service: str) -> list[str]:
    """What compose.yaml and the Dockerfile have a service run."""
    text = (PROJECT / "asterisk-docker/Dockerfile").read_text()
    stage = text[text.index(f" AS {service}\n") :]
    found = re.search(r"^CMD (\[.*\])$", stage, re.MULTILINE)
    assert found
    words: list[str] = json.loads(found[1])
    return words


def test_asterisk_and_the_daemon_start_from_what_was_built(buildah: Buildah, home: Path) -> None:
    asterisk, daemon = buildah.build("asterisk"), buildah.build("daemon")
    subprocess.run(buildah.run(daemon, home, "pbx-control", "setup"), env=buildah.environment, check=True)
    switch = subprocess.Popen(buildah.run(asterisk, home, *command_of("asterisk")), env=buildah.environment)
    control = subprocess.Popen(buildah.run(daemon, home, "pbx-control", *command_of("daemon")), env=buildah.environment)
    try:
        ready = buildah.run(daemon, home, "pbx-control", "status")
        wait_for(lambda: subprocess.run(ready, env=buildah.environment, capture_output=True).returncode == 0, 60)
        say(buildah, asterisk, home, "core waitfullybooted", "Asterisk has fully booted.")
        say(buildah, asterisk, home, "core show version", "Asterisk 22.")
        python = ["python3", "-c", "import asterisk.agi; print('agi')"]
        found = subprocess.run(
            buildah.run(asterisk, home, *python), env=buildah.environment, capture_output=True, text=True
        )
        assert found.stdout == "agi\n"
    finally:
        subprocess.run(buildah.run(asterisk, home, *CONSOLE, "core stop now"), env=buildah.environment)
        end_daemon(buildah, home, control)
        switch.wait(20)
    assert {path.stat().st_uid for path in (home / "asterisk/db").iterdir()} == {USER}
    assert (home / "pbx.toml").stat().st_mode & 0o777 == 0o600


def say(buildah: Buildah, container: str, home: Path, command: str, answer: str) -> None:
    words = buildah.run(container, home, *CONSOLE, command)
    assert answer in subprocess.run(words, env=buildah.environment, capture_output=True, text=True).stdout


def end_daemon(buildah: Buildah, home: Path, control: subprocess.Popen[bytes]) -> None:
    """`docker stop` signals the first process in the container; chroot isolation knows no such thing."""
    state = home / "run/daemon.json"
    if state.exists():
        os.kill(json.loads(state.read_text())["pid"], 15)
    else:
        control.kill()
    control.wait(20)


def test_the_image_has_what_the_root_file_system_has() -> None:
    text = (PROJECT / "asterisk-docker/Dockerfile").read_text()
    stage = text[text.index(" AS asterisk\n") : text.index(" AS daemon\n")].replace("\\\n", " ")
    installed = re.search(r"--no-install-recommends (.*?)&&", stage, re.DOTALL)
    assert installed
    assert sorted(installed[1].split()) == sorted(rootfs.PACKAGES)
    setup = configparser.ConfigParser()
    setup.read(PROJECT / "setup.cfg")
    pinned = next(line for line in setup["options"]["install_requires"].split() if line.startswith("pyst2"))
    assert f" {pinned}\n" in text


def wait_for(condition, limit: float) -> None:
    deadline = time.monotonic() + patience(limit)
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)
