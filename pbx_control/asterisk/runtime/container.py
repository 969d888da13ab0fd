"""Asterisk in a container of the image that asterisk-docker/ describes, by docker or podman."""

import contextlib
import hashlib
import shutil
import socket
import subprocess
from pathlib import Path

from pbx_control.asterisk.runtime.bubblewrap import STALLING_NAME
from pbx_control.asterisk.runtime.instance import Instance
from pbx_control.asterisk.runtime.progress import Progress
from pbx_control.catalogue import N_
from pbx_control.errors import SwitchUnavailable

ENGINES = ("docker", "podman")
RECIPE = Path(__file__).parents[3] / "asterisk-docker"


def engine() -> str | None:
    """The first container engine that really runs here: a command without its server does not count."""
    for name in ENGINES:
        if shutil.which(name) and _succeeds([name, "info"]):
            return name
    return None


def image() -> str:
    """The image's name; its tag is that of the recipe, so that a changed recipe is built anew."""
    recipe = (RECIPE / "Dockerfile").read_bytes()
    return f"pbx-control-asterisk:{hashlib.sha256(recipe).hexdigest()[:12]}"


def ensure(program: str, progress: Progress) -> None:
    """Builds the image if this engine has none, and proves that a container of it can run.

    Raises SwitchUnavailable with the engine's last words.
    """
    if not _succeeds([program, "image", "inspect", image()]):
        progress(N_("building the container image of Asterisk (once, some minutes)"))
        _require([program, "build", "--target", "asterisk", "--tag", image(), str(RECIPE)])
    _require([program, "run", "--rm", "--network", "host", image(), "asterisk", "-V"])


def prefix(program: str, instance: Instance) -> list[str]:
    """The command that runs another one in a new container: folders under their own paths, the host's network."""
    account = instance.account
    command = [
        *(program, "run", "--rm", "--init", "--name", name_of(instance), "--network", "host"),
        *("--user", f"{account.uid}:{account.gid}", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--read-only", "--tmpfs", "/tmp", "--add-host", f"{STALLING_NAME}:127.0.0.1"),
        *("--add-host", f"{socket.gethostname()}:127.0.0.1"),
    ]
    for folder in (instance.state, *instance.writable):
        command += ["--volume", f"{folder}:{folder}"]
    for path in instance.readable:
        command += ["--volume", f"{path}:{path}:ro"]
    return [*command, "--entrypoint", "", image()]


def inside(program: str, instance: Instance) -> list[str]:
    """The command that runs another one, with a terminal, in the container that runs already."""
    return [program, "exec", "--interactive", "--tty", name_of(instance)]


def name_of(instance: Instance) -> str:
    """The container's name: the same for the same folder, another one for another home."""
    return f"pbx-control-{hashlib.sha256(bytes(instance.state)).hexdigest()[:12]}"


def remove(program: str, instance: Instance) -> None:
    """Removes what a killed `docker run` left running; harmless if there is nothing."""
    subprocess.run([program, "rm", "--force", name_of(instance)], capture_output=True, check=False)


def _require(command: list[str]) -> None:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        words = run.stderr.strip().splitlines() or [f"it ended with {run.returncode}"]
        raise SwitchUnavailable("{command} failed: {why}", command=" ".join(command[:2]), why=words[-1])


def _succeeds(command: list[str]) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    return False
