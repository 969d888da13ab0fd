"""`setup` makes a home and everything in it; `status` tells whether calls are taken."""

import fcntl
import json
import os
import re
import secrets
import socket
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, json_option, pass_door, print_json
from pbx_control.admin.duties import COUNTED, counts, kept, known_to, told_by_daemon
from pbx_control.admin.provisioning import card, examples
from pbx_control.catalogue import N_
from pbx_control.domain.desk.duty import DeskState
from pbx_control.errors import ClientMistake, PbxError
from pbx_control.settings import Home, read_toml
from pbx_control.store.engine import reading

if TYPE_CHECKING:
    from pbx_control.live.news import State

# 43 characters of 64: 256 bits.
SECRET_BYTES = 32
SHORTEST_SECRET = 32
SECRETS = ("ari_password", "ami_password")

# What a home may hold before `setup` (the demo's home lies in it); anything else is somebody else's folder.
OURS = {
    "pbx.toml",
    "pbx.db",
    "pbx.db-wal",
    "pbx.db-shm",
    "asterisk",
    "recordings",
    "documents",
    "prompts",
    "run",
    "backups",
    "erased",
    ".restore-unfinished",
    "demo",
}
EMPTY = {"lost+found", ".bash_logout", ".bashrc", ".profile"}  # a new disk's root, a home that useradd has made

# The settings that people look for first, with what they mean; the rest have defaults.
FIRST_SETTINGS = """\
# Settings of pbx-control; `pbx-control doctor` checks them. Each can be overridden by the environment:
# PBX_SIP__BIND for bind in [sip]. Keep this file to yourself: it holds passwords.

[database]
# url = "postgresql+psycopg://user:password@host/name"   # else SQLite, in pbx.db beside this file

[node]
# name = "main"               # of this daemon among those that share the database; written by `pbx-control setup`

[asterisk]
# runtime = "auto"            # auto | system | container | rootfs | external
# http_port = 8088            # both on loopback only
# ami_port = 5038

[sip]
# bind = "0.0.0.0:5060"       # all addresses of IPv4, or one address; one of IPv6, in brackets, is IPv6 alone
# rtp_ports = "10000-20000"
# external_address = ""       # the address that telephones outside your network reach
# local_networks = []

[web]
# bind = "127.0.0.1:8080"     # where the pages are served
# public_url = ""             # https://desk.example.com, where a proxy on this machine passes them on
# owners_need_second_factor = false   # a client's owners set up an authenticator app before anything else
# certificate = ""            # or both of these, to be served by HTTPS without a proxy
# key = ""
# metrics_token = ""          # who else than this machine may read /metrics: whoever shows it as a bearer

[mail]
# host = "127.0.0.1"
# port = 25
# user = ""
# password = ""
# tls = "starttls"            # none | starttls | tls
# sender = "pbx-control@localhost"
# attachment_limit = 10000000 # bytes of a letter with its file, if the mail server announces no SIZE
# link_days = 7               # how long the link is good that goes instead of a larger file
# reply_to = ""               # who reads what clients answer; while it is empty, no letter asks for an answer

[mail_in]
# host = ""                   # the IMAP server with the mailbox that clients write to; while it is empty, none is read
# port = 993
# user = ""
# password = ""
# tls = "tls"                 # none | starttls | tls
# folder = "INBOX"
# address = ""                # by which mail comes to it, if [mail_in] user is none
# dns = ""                    # ADDRESS:PORT of the DNS server that is asked for the keys of signatures, if another one

[agenda]
# private_networks = []       # within your own walls, where clients' CalDAV servers may be asked: ["10.0.0.0/8"]
# google_account = ""         # e-mail address of your service account at Google: clients' owners read it in the portal

[webhooks]
# private_networks = []       # within your own walls, where programs may be told of events: ["10.0.0.5/32"]

[telegram]
# token = ""

[office]
# name = "Secretariado"
# timezone = "America/Santiago"
# language = "es"
# transfer_cap = 600          # seconds that a transferred conversation may last; 600 is the most
# alarms_to = ""              # e-mail address that is told of late orders, failed jobs, full disks, calls in series …

[plans]
# warn_percent = 80           # a client is told when so much of its month's calls is used,
# warn_last = 5               # when so many are left, and when none are

[billing]
# issuer_name = ""            # razón social on invoices; else the office's name
# issuer_rut = ""             # while there is none, no invoices are issued
# issuer_business = ""        # giro
# issuer_address = ""
# bags = "25,50,100"          # sizes of the bags on offer, calls

[backup]
# folder = ""                 # where a copy of the database and the settings is put each night; else HOME/backups
# keep = 14                   # so many are kept

[desk]
# pause_reasons = ["bathroom", "lunch", "training", "other"]
# page_lost_after = 15        # seconds; she whose page is not heard of for so long is offered no calls

[secrets]
# Made by `pbx-control setup`, between the daemon and Asterisk only.
"""


@click.command(epilog=examples("setup", "--home /srv/pbx setup", "setup   # again: brings the database up to date"))
@pass_door
def setup(door: Door) -> None:
    """Makes the home: folders, settings with random secrets, database, prompts, Asterisk's configuration.

    Does only what is missing: run it again after each new version.
    """
    door.about_to_change()
    make_folders(door.home)
    keep_secrets(door.home)
    _migrate(door)
    _speak(door)
    _publish(door)
    door.tell("the home {home} is ready", home=door.home.root)


@click.command(epilog=examples("status", "status --json"))
@json_option
@pass_door
@click.pass_context
def status(context: click.Context, door: Door, as_json: bool) -> None:
    """Whether calls are taken: daemon, Asterisk, database. Exit status 0 when the daemon is ready."""
    facts = look(door)
    if as_json:
        print_json(facts)
    else:
        words = {name: _state(door, fact) for name, fact in facts.items() if name != "secretaries"}
        card(door, words | {N_("secretaries"): _counted(door, facts["secretaries"])})
    context.exit(0 if facts["daemon"]["ready"] else 1)


def make_folders(home: Home) -> None:
    """The home and its folders, closed to others. Raises ClientMistake for a folder that holds something else."""
    if home.root.is_dir():
        strange = sorted({path.name for path in home.root.iterdir()} - OURS - EMPTY)
        if strange and not home.settings_file.exists():
            raise ClientMistake(
                "{home} is no empty folder (there is {strange} in it): name another with --home",
                home=home.root,
                strange=strange[0],
            )
    for folder in (home.root, home.asterisk, home.recordings, home.prompts, home.run):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
    # But its group may pass: a machine's own Asterisk, where root runs it as another user (runtime/system.py).
    home.root.chmod(0o700 | home.root.stat().st_mode & 0o010)


def keep_secrets(home: Home) -> None:
    """pbx.toml, mode 0600, with a random secret where one is missing; what people wrote in it stays.

    A new home with a database server, which others may use, gets a node's name of its own, too.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    if exists := home.settings_file.exists():
        read_toml(home.settings_file)  # which says what is wrong
    try:
        document = tomlkit.parse(home.settings_file.read_text("utf-8") if exists else FIRST_SETTINGS)
    except TOMLKitError as error:  # TOML of a later version than it knows
        raise ClientMistake("{file} is not valid TOML: {why}", file=home.settings_file, why=error) from None
    table = document.setdefault("secrets", tomlkit.table())
    missing = [name for name in SECRETS if len(str(table.get(name, ""))) < SHORTEST_SECRET]
    for name in missing:
        table[name] = secrets.token_urlsafe(SECRET_BYTES)
    if len(missing) == len(SECRETS) and _has_server(document):
        document.setdefault("node", tomlkit.table()).setdefault("name", _new_node_name())
    if missing or not exists:
        _write_private(home.settings_file, tomlkit.dumps(document))
    home.settings_file.chmod(0o600)


def _has_server(document: Mapping[str, Any]) -> bool:
    url = os.environ.get("PBX_DATABASE__URL") or document.get("database", {}).get("url", "")
    return str(url).startswith("postgresql")


def _new_node_name() -> str:
    """The machine's name, as far as a node's may have it, and what tells two homes on it apart."""
    machine = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().partition(".")[0].lower()).strip("-")
    return f"{machine[:14].strip('-') or 'node'}-{secrets.token_hex(2)}"


def look(door: Door) -> dict[str, Any]:
    """What is known of the daemon, Asterisk and the database, for `status`."""
    settings, told = door.settings, told_by_daemon(door.home)
    return {
        "daemon": daemon_state(door.home, told),
        "asterisk": _asterisk_state(door, settings),
        "database": _database_state(door),
        "secretaries": _duties(door, told),
    }


def daemon_state(home: Home, told: "State | None") -> dict[str, Any]:
    """The running daemon's `pid`, `ready` and `since`, as it says itself (`told`); `running` False if none holds its
    lock.

    One that does not answer starts, hangs or is stopped: it runs, but takes no calls.
    """
    if told is None:
        running = _is_locked(home.run / "daemon.lock")
        return {"running": running, "ready": False} | (_as_noted(home) if running else {})
    return {"running": True, "ready": told.daemon.ready, "pid": told.daemon.pid, "since": told.daemon.since}


def _duties(door: Door, told: "State | None") -> dict[str, int]:
    """How many secretaries are in which state; empty while the database is away."""
    from pbx_control.asterisk.reached import Reached, ask_switch
    from pbx_control.store import secretaries

    reached = Reached() if told else ask_switch(door.settings, door.home)
    try:
        with reading(door.engine) as connection:
            rows = secretaries.rows(connection)
            return counts(rows, known_to(told) if told else kept(connection, rows, reached))
    except PbxError:
        return {}


def _counted(door: Door, states: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {door.say(COUNTED[DeskState(state)])}" for state, count in states.items() if count)


def _as_noted(home: Home) -> dict[str, Any]:
    """What a daemon that does not answer has written down of itself."""
    try:
        told = json.loads((home.run / "daemon.json").read_text())
        return {"pid": int(told["pid"]), "since": datetime.fromisoformat(str(told["since"]))}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def _is_locked(path: Path) -> bool:
    """Whether a daemon holds its lock. A shared lock is tried, and let go at once."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _asterisk_state(door: Door, settings: Any) -> dict[str, Any]:
    from pbx_control.asterisk.runtime.lifecycle import choose

    found = choose(door.home, settings).status()
    return {
        "running": found.running,
        "ready": found.answers,
        "runtime": found.runtime,
        "version": found.version,
        "channels": found.channels,
    }


def _database_state(door: Door) -> dict[str, Any]:
    from pbx_control.store import nodes

    try:
        with reading(door.engine) as connection:
            here = nodes.find(connection, door.settings.node.name)
            live = here.live_calls if here else 0
    except PbxError as error:
        return {"ready": False, "why": door.told(error)}
    return {"ready": True, "kind": door.engine.dialect.name, "live_calls": live}


def _state(door: Door, fact: dict[str, Any]) -> str:
    word = "ready" if fact["ready"] else N_("not ready") if fact.get("running", True) else N_("not running")
    rest = [
        f"{door.say(name)} {door.plain(value)}"
        for name, value in fact.items()
        if name not in ("ready", "running") and value is not None
    ]
    return ", ".join([door.say(word), *rest])


def _migrate(door: Door) -> None:
    from pbx_control.store.migrate import upgrade

    upgrade(door.home, door.settings)


def _speak(door: Door) -> None:
    """Every sound that is missing: the house's, and the clients' (a new version may speak their texts anew)."""
    from pbx_control.domain.sounds import house_sounds, sounds_of
    from pbx_control.media.prompts import ensure
    from pbx_control.store.snapshot import read_clients

    with reading(door.engine) as connection:
        clients = read_clients(connection, clock.now())
    sounds = [*house_sounds(), *(sound for client in clients for sound in sounds_of(client))]

    with click.progressbar(length=1, label=door.say("speaking the prompts"), file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        ensure(door.home, sounds, show)


def _publish(door: Door) -> None:
    from pbx_control.asterisk.publish import publish
    from pbx_control.asterisk.runtime.lifecycle import choose

    publish(door.home, door.settings)
    # Here too, not only at a start by us: in a container or elsewhere Asterisk is started by others.
    choose(door.home, door.settings).instance.lay_out()


def _write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(draft, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
