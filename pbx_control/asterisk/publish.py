"""Brings generated configuration into force: checked, written as a new folder, swapped in, reloaded, proved, or undone.

`HOME/asterisk/etc` is a symbolic link to the generation in force, `HOME/asterisk/etc.N`. A crash at any moment leaves
either the old generation in force or the new one whole; a new one that was not yet reloaded is noticed by its
markers (`asterisk/dialplan.py` DATED) and reloaded by the next publication.
"""

import asyncio
import fcntl
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from difflib import unified_diff
from importlib import resources
from pathlib import Path

from pbx_control import clock
from pbx_control.asterisk import runtime
from pbx_control.asterisk.ami import Ami, LoginRefused, SwitchAway, connected
from pbx_control.asterisk.confcheck import check
from pbx_control.asterisk.connection import NotAsterisk
from pbx_control.asterisk.dialplan import ZONES, generation, render, zone_files
from pbx_control.asterisk.reached import registrations
from pbx_control.asterisk.runtime.account import asterisk_account
from pbx_control.domain.office import Office
from pbx_control.errors import SwitchUnavailable
from pbx_control.settings import Home, Settings
from pbx_control.store.engine import open_engine, reading
from pbx_control.store.snapshot import read_office

# Who reads which file anew. Asterisk reads the files that are not named here at its start only.
MODULES = {
    "extensions.conf": ("pbx_config",),
    "queues.conf": ("app_queue",),
    "queuerules.conf": ("app_queue",),
    "say.conf": ("app_playback",),
    "pjsip.conf": ("res_pjsip", "res_pjsip_outbound_registration"),
    "manager.conf": ("manager",),
    "rtp.conf": ("res_rtp_asterisk",),
    "logger.conf": ("logger",),
    "hep.conf": ("res_hep",),
    "musiconhold.conf": ("res_musiconhold",),
    "features.conf": ("features",),
    "indications.conf": ("indications",),
}
# What is not shown of a file.
SECRETS = ("password", "secret", "capture_password")
# Certificates that a trunk's own must come from: Asterisk reads them at each connection.
AUTHORITIES = ".pem"
# Where Asterisk says which generation of a file is in force, and what it answers then ({} is the generation).
PROOF = {
    "extensions.conf": ("DIALPLAN_EXISTS(generation,{},1)", "1"),
    "queues.conf": ("QUEUE_EXISTS(generation-{})", "1"),
    "pjsip.conf": ("PJSIP_ENDPOINT(generation,accountcode)", "{}"),
}
# A module may go on reading after its reload was answered; so long it may take, seconds, looked at so often.
PATIENCE, LOOK_EVERY = 5.0, 0.05
# A carrier has so long to answer our good-bye, seconds.
GOODBYE = 2.0
# Former generations that are kept, to look at and to go back to.
KEEP = 2


@dataclass(frozen=True, slots=True)
class Staged:
    """A generation that is written and checked but not yet in force."""

    folder: Path
    revision: int
    changed: tuple[str, ...]  # names of files that differ from what is in force; empty: `folder` is in force already


@dataclass(frozen=True, slots=True)
class Publication:
    """What became of it."""

    revision: int
    changed: tuple[str, ...]
    reloaded: tuple[str, ...]  # modules
    running: bool  # False: Asterisk does not run, and reads it at its start
    needs_restart: tuple[str, ...]  # changed files that a running Asterisk reads at its start only


def current(home: Home) -> dict[str, str]:
    """The configuration files in force, by name; nothing before the first publication."""
    folder = home.asterisk / "etc"
    paths = (
        [path for path in sorted(folder.glob("*")) if path.suffix in (".conf", AUTHORITIES)] if folder.is_dir() else []
    )
    return {path.name: path.read_text() for path in paths}


def difference(home: Home, files: Mapping[str, str]) -> list[str]:
    """The lines of a unified diff from what is in force to `files`; secrets are left out."""
    before = current(home)
    lines: list[str] = []
    for name in sorted(before.keys() | files.keys()):
        old, new = (without_secrets(text.get(name, "")).splitlines() for text in (before, files))
        lines += unified_diff(old, new, f"in force/{name}", f"new/{name}", lineterm="", n=1)
    return lines


def stage(home: Home, settings: Settings, office: Office) -> Staged:
    """Renders, checks and writes a new generation, all but in force. Takes a second with 10,000 clients.

    Raises ClientMistake if what is provisioned cannot be rendered, SwitchUnavailable if the result is not sound.
    """
    files = render(office, settings, home)
    check(files)
    before = current(home)
    changed = tuple(sorted(name for name in files.keys() | before.keys() if files.get(name) != before.get(name)))
    folder = _write(home, files, zone_files(office)) if changed else (home.asterisk / "etc").resolve()
    return Staged(folder, office.revision, changed)


def read_provisioned(home: Home, settings: Settings) -> Office:
    """The office as the database has it now. Raises StoreUnavailable."""
    engine = open_engine(home, settings)
    try:
        with reading(engine) as connection:
            # A day of slack: zones east of UTC have tomorrow already.
            return read_office(connection, (clock.now() - timedelta(days=1)).date())
    finally:
        engine.dispose()


async def bring_into_force(staged: Staged, home: Home, settings: Settings) -> Publication:
    """Swaps the staged generation in and has Asterisk read it; if Asterisk does not take it, the old one comes back.

    Raises SwitchUnavailable if Asterisk runs and did not take it; then the former generation is in force.
    """
    async with _alone(home):
        return await _swap_and_reload(staged, home, settings)


async def _swap_and_reload(staged: Staged, home: Home, settings: Settings) -> Publication:
    before = _target(home)
    _point(home, staged.folder)
    try:
        async with connected(settings, home) as ami:
            reloaded = await _reload(ami, staged)
            running = True
    except _NotTaken as error:
        await _undo(home, settings, before, staged)
        raise SwitchUnavailable(
            "Asterisk did not take the new {file}; the former configuration is in force again, see {log}",
            file=error.file,
            log=home.asterisk / "log" / "messages.log",
        ) from None
    except SwitchAway:
        reloaded, running = (), False
    except (LoginRefused, NotAsterisk):
        # The port may be another home's: then ours does not run, and `asterisk start` will say who has it.
        if runtime.choose(home, settings).status().running:
            raise
        reloaded, running = (), False
    _remove_old(home)
    late = _read_at_start(staged, before) if running else ()
    return Publication(staged.revision, staged.changed, reloaded, running, late)


def _read_at_start(staged: Staged, before: Path | None) -> tuple[str, ...]:
    """The changed files that count at Asterisk's next start only: pjsip.conf too, if where it listens has changed."""
    late = tuple(name for name in staged.changed if name not in MODULES and not name.endswith(AUTHORITIES))
    if before is None or "pjsip.conf" not in staged.changed:
        return late
    old, new = ((folder / "pjsip.conf").read_text() for folder in (before, staged.folder))
    return (*late, "pjsip.conf") if transports_changed(old, new) else late


def transports_changed(old: str, new: str) -> bool:
    """Whether pjsip.conf changes a transport, which stays as it was begun. A trunk's own one begins at a reload, and
    without its trunk only goes on listening."""
    before, after = _transports(old), _transports(new)
    own = {name for name in before.keys() ^ after.keys() if name.startswith("[transport-tls-")}
    return any(before.get(name) != after.get(name) for name in (before.keys() | after.keys()) - own)


def _transports(text: str) -> dict[str, list[str]]:
    """The lines of each section that is about transports, by its name."""
    sections = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    mine = [section for section in sections if section.startswith(("[network]", "[transport-"))]
    return {
        section.partition("]")[0]: [line for line in section.splitlines() if line and not line.startswith(";")]
        for section in mine
    }


def publish(home: Home, settings: Settings, office: Office | None = None) -> Publication:
    """Stages what is provisioned and brings it into force, for commands; with or without a running Asterisk.

    Raises as `stage` and `bring_into_force` do.
    """
    staged = stage(home, settings, office or read_provisioned(home, settings))
    return asyncio.run(bring_into_force(staged, home, settings))


# --- reloading --------------------------------------------------------------------------------------------


class _NotTaken(Exception):
    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


async def _reload(ami: Ami, staged: Staged) -> tuple[str, ...]:
    """Reloads the modules whose files changed, or whose generation in force is another one; proves each."""
    reloaded: list[str] = []
    if "pjsip.conf" in staged.changed:
        await _leave_carriers(ami, staged)
    for file, modules in MODULES.items():
        if file in staged.changed or not await _in_force(ami, staged, file):
            await _reload_one(ami, staged, file, modules)
            reloaded += modules
    return tuple(reloaded)


async def _leave_carriers(ami: Ami, staged: Staged) -> None:
    """Unregisters where we shall not register any more. The carrier asks for the password once more, which the reload
    takes away: what Asterisk does by itself then comes too late."""
    wanted = (staged.folder / "pjsip.conf").read_text()
    left = {name for name in await _registered(ami) if f"[{name}]\ntype = registration\n" not in wanted}
    for name in left:
        await ami.ask("PJSIPUnregister", Registration=name)
    with suppress(TimeoutError):
        async with asyncio.timeout(GOODBYE):
            while left & await _registered(ami):  # noqa: ASYNC110 — Asterisk tells of it by no event we get
                await asyncio.sleep(LOOK_EVERY)


async def _registered(ami: Ami) -> set[str]:
    return {name for name, state in (await registrations(ami)).items() if state == "registered"}


async def _come_back(ami: Ami) -> None:
    """Registers where `_leave_carriers` had unregistered."""
    for name, state in (await registrations(ami)).items():
        if state == "unregistered":
            await ami.ask("PJSIPRegister", Registration=name)


async def _reload_one(ami: Ami, staged: Staged, file: str, modules: Sequence[str]) -> None:
    try:
        for module in modules:
            await ami.reload(module)
        async with asyncio.timeout(PATIENCE):
            while not await _in_force(ami, staged, file):  # noqa: ASYNC110 — Asterisk tells of it by no event
                await asyncio.sleep(LOOK_EVERY)
    except (SwitchUnavailable, TimeoutError):
        raise _NotTaken(file) from None


async def _in_force(ami: Ami, staged: Staged, file: str) -> bool:
    """Whether Asterisk has the staged generation of that file. Files without a marker are taken at their word."""
    if file not in PROOF:
        return True
    question, answer = PROOF[file]
    marker = marker_of((staged.folder / file).read_text())
    return await ami.value(question.format(marker)) == answer.format(marker)


def marker_of(text: str) -> str:
    """The generation that a file of DATED carries in its first line."""
    return text.partition("\n")[0].removeprefix("; generation ").strip()


async def _undo(home: Home, settings: Settings, before: Path | None, staged: Staged) -> None:
    if before is None:
        return  # there is nothing to go back to: Asterisk goes on with what it had read
    _point(home, before)
    async with connected(settings, home) as ami:
        for file in staged.changed:
            for module in MODULES.get(file, ()):
                await ami.reload(module)
        await _come_back(ami)
    shutil.rmtree(staged.folder)


@asynccontextmanager
async def _alone(home: Home) -> AsyncIterator[None]:
    """Daemon and commands publish one after the other; waiting does not hold up the event loop."""
    with (home.asterisk / "publish.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield


# --- folders ----------------------------------------------------------------------------------------------


def _write(home: Home, files: Mapping[str, str], zones: Mapping[str, bytes]) -> Path:
    """A new generation's folder, complete and on disk. One that a crash left half written is never pointed to."""
    home.asterisk.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = home.asterisk / f"etc.{max(_numbers(home), default=0) + 1}"
    folder.mkdir(mode=0o750)
    for name, text in files.items():
        _write_file(folder / name, text.encode())
    _write_agi(folder)
    _write_zones(folder / ZONES, zones)
    _give_to_asterisk(home, folder)
    _make_record_folder(home)
    _sync(folder)
    return folder


def _write_agi(folder: Path) -> None:
    """The scripts of the fallback, beside the configuration: Asterisk sees the home, not our package."""
    (folder / "agi").mkdir(mode=0o750)
    for script in resources.files("pbx_control.dialplans").joinpath("agi").iterdir():
        if script.name.endswith(".py"):
            _write_file(folder / "agi" / script.name, script.read_bytes())
            (folder / "agi" / script.name).chmod(0o750)


def _write_zones(folder: Path, zones: Mapping[str, bytes]) -> None:
    folder.mkdir(mode=0o750)
    for name, content in zones.items():
        _write_file(folder / name, content)


def _write_file(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        os.fchmod(file.fileno(), 0o640)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _give_to_asterisk(home: Home, folder: Path) -> None:
    """Asterisk, which is not root, may read it; as an ordinary user's it is that user's anyway."""
    if os.geteuid() == 0:
        group = asterisk_account(home.asterisk).gid
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 0, group)


def _make_record_folder(home: Home) -> None:
    """Where the fallback's record goes (cel_custom.conf): Asterisk writes into it but does not make it."""
    folder = home.asterisk / "log" / "cel-custom"
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        account = asterisk_account(home.asterisk)
        for path in (folder.parent, folder):
            os.chown(path, account.uid, account.gid)


def _target(home: Home) -> Path | None:
    link = home.asterisk / "etc"
    return link.resolve() if link.is_symlink() and link.exists() else None


def _point(home: Home, folder: Path) -> None:
    """Makes `etc` the given folder, at once: rename(2) replaces the old link."""
    new = home.asterisk / "etc.new"
    new.unlink(missing_ok=True)
    new.symlink_to(folder.name)
    new.rename(home.asterisk / "etc")
    _sync(home.asterisk)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _numbers(home: Home) -> list[int]:
    return [int(path.suffix[1:]) for path in home.asterisk.glob("etc.*") if path.suffix[1:].isdecimal()]


def _remove_old(home: Home) -> None:
    target = _target(home)
    newest = sorted(_numbers(home))
    for number in newest[: -KEEP - 1]:
        folder = home.asterisk / f"etc.{number}"
        if folder != target:
            shutil.rmtree(folder)


def without_secrets(text: str) -> str:
    """The text with a few digits of a digest in place of each secret, so that only its change shows."""
    return "\n".join(map(_without_secret, text.splitlines()))


def _without_secret(line: str) -> str:
    key, _, value = line.partition("=")
    return f"{key}= <hidden {generation(value)[:4]}>" if key.strip() in SECRETS else line
