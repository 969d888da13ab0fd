"""A Debian root file system with Asterisk: made once by mmdebstrap and kept in the cache."""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import files
from pathlib import Path

from pbx_control.asterisk.runtime.progress import Progress
from pbx_control.catalogue import N_
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import Code, SwitchUnavailable

# Debian 12 and 13 have no Asterisk; this suite has 22 (LTS). Its default mirror is mmdebstrap's own choice.
SUITE = "forky"
PACKAGES = (
    "asterisk",
    "asterisk-core-sounds-en-wav",
    "asterisk-core-sounds-es-wav",
    "asterisk-moh-opsound-wav",
    "ca-certificates",
    "python3",  # the fallback's AGI script
    "tzdata",
    "tzdata-legacy",  # an unknown zone is silently UTC in GotoIfTime: have every name that Python may have
)
OPTIONS = (
    "--variant=apt",
    "--format=tar",
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
)
# A frozen copy of the archive has a date that has passed; only then is the date not checked.
EXPIRED_ALLOWED = '--aptopt=Acquire::Check-Valid-Until "false"'
# Python packages of ours that the fallback's AGI script imports: pure Python, copied from this very environment.
AGI_PACKAGES = ("pyst2", "six")


def cache_folder() -> Path:
    """Where root file systems are kept: $XDG_CACHE_HOME/pbx-control, else ~/.cache/pbx-control."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pbx-control"


def root() -> Path:
    """The folder of the root file system with the present recipe, whether it exists or not."""
    recipe = repr((SUITE, PACKAGES, OPTIONS, AGI_PACKAGES))
    return cache_folder() / f"asterisk-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def require_tools() -> None:
    """Raises SwitchUnavailable, naming the Debian packages, if mmdebstrap (when needed) or bubblewrap is absent."""
    needed = {"bubblewrap": "bwrap"} if root().exists() else {"bubblewrap": "bwrap", "mmdebstrap": "mmdebstrap"}
    missing = [package for package, command in needed.items() if not shutil.which(command)]
    if missing:
        raise SwitchUnavailable(
            "no Asterisk can be run here: install one, or the packages for making one: apt-get install {packages}",
            packages=" ".join(missing),
        )
    if not root().exists() and os.geteuid() != 0 and not _has_subordinate_ids():
        raise SwitchUnavailable(
            "Asterisk's root file system cannot be made: an ordinary user needs subordinate ids for that",
            Code.NO_SUBORDINATE_IDS,
            user=_user_name(),
        )


def _has_subordinate_ids() -> bool:
    """Whether subuid(5) and subgid(5) give this user ids, as `mmdebstrap --mode=unshare` wants."""
    names = {_user_name(), str(os.geteuid())}
    files = [Path("/etc/subuid"), Path("/etc/subgid")]
    given = [file.read_text().splitlines() if file.exists() else [] for file in files]
    return all(names & {line.partition(":")[0] for line in lines} for lines in given)


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a number without an entry, as containers have
        return str(os.geteuid())


def ensure(progress: Progress) -> Path:
    """The root file system, made now if it is not in the cache; a second process that wants it meanwhile waits.

    Raises SwitchUnavailable with mmdebstrap's last error.
    """
    require_tools()
    if root().exists():  # perhaps made by another user: then even the lock is not ours to touch
        return root()
    cache_folder().mkdir(parents=True, exist_ok=True)
    with _alone(), _tidied():
        if not root().exists():
            progress(N_("making a Debian root file system with Asterisk (once, about a minute)"))
            _make(root())
    return root()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with (cache_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _tidied() -> Iterator[None]:
    """Removes what an earlier, broken-off attempt left; safe under the lock only."""
    for leftover in cache_folder().glob("making-*"):
        shutil.rmtree(leftover)
    yield


def _make(target: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix="making-", dir=cache_folder()))
    try:
        work.chmod(0o755)
        _bootstrap(work / "root.tar")
        base = work / "root"
        base.mkdir()
        # Owned by whoever makes it, without devices: bubblewrap brings its own /dev.
        subprocess.run(
            ["tar", "-xf", str(work / "root.tar"), "-C", str(base), "--no-same-owner", "--exclude=./dev/*"], check=True
        )
        _add_agi_packages(base / "usr/lib/python3/dist-packages")
        base.rename(target)
    finally:
        shutil.rmtree(work)


def _bootstrap(archive: Path) -> None:
    mode = "root" if os.geteuid() == 0 else "unshare"
    command = ["mmdebstrap", f"--mode={mode}", *OPTIONS, f"--include={','.join(PACKAGES)}", SUITE, str(archive)]
    run = _run_mmdebstrap(command)
    if run.returncode and " is expired " in run.stderr:
        run = _run_mmdebstrap([*command[:-2], EXPIRED_ALLOWED, *command[-2:]])
    if run.returncode:
        # apt's errors may carry a whole command line.
        errors = [line for line in run.stderr.splitlines() if line.startswith("E:")]
        raise SwitchUnavailable(
            "the root file system for Asterisk could not be made: {why}; see that the machine reaches a Debian mirror",
            why=errors[0][:200] if errors else Sentence("it ended with {status}", status=run.returncode),
        )


def _run_mmdebstrap(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def _add_agi_packages(target: Path) -> None:
    for name in AGI_PACKAGES:
        for file in files(name) or ():
            if file.suffix == ".py" and ".." not in file.parts:
                destination = target / file
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), destination)
