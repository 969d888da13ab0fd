"""A disk that is full: what only reads goes on reading, and what writes says why it cannot."""

import resource
import subprocess
import sys
from pathlib import Path

from terminal import Admin, uncounted

REPOSITORY = Path(__file__).parents[3]


def full() -> None:
    # No file may grow by a byte: what the kernel says then is what it says where the disk has no room.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def on_a_full_disk(office: Admin, *words: str) -> subprocess.CompletedProcess[str]:
    environment = uncounted() | {"LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "cli", "--home", str(office.home), *words]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, preexec_fn=full, check=False
    )


def test_lists_are_read_without_room_for_sqlites_shared_file(office: Admin) -> None:
    assert not list(office.home.glob("pbx.db-*"))
    told = on_a_full_disk(office, "client", "list", "--json")
    assert told.returncode == 0, told.stderr
    assert '"slug": "andes"' in told.stdout
    assert "+56225550101" in on_a_full_disk(office, "did", "list").stdout


def test_change_is_refused_in_one_line_and_nothing_is_half_done(office: Admin) -> None:
    told = on_a_full_disk(office, "client", "suspend", "andes")
    assert told.returncode == 1
    assert told.stderr.startswith("pbx-control: the database cannot be used")
    assert told.stderr.count("\n") == 1
    assert office.reads("client", "show", "andes")["state"] == "active"
