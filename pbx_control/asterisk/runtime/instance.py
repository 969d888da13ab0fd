"""One Asterisk: where its files lie, what it listens on, and how its folders are laid out before it starts."""

import errno
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pbx_control.asterisk.runtime.account import Account, asterisk_account
from pbx_control.asterisk.runtime.ports import Port
from pbx_control.errors import ClientMistake, Code, Word, reason
from pbx_control.settings import SYSTEM_CA, Home, Settings

# sun_path of a UNIX socket's address (unix(7)) holds 108 bytes with its closing NUL; Asterisk cuts a longer one off.
LONGEST_SOCKET = 107
FOLDERS = ("log", "run", "spool", "spool/tmp", "db")
RUN_FOLDER = re.compile(r"^\s*astrundir\s*=>?\s*(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Instance:
    """One Asterisk, seen from outside; every path is the same inside and outside of its sandbox."""

    name: str  # for logs and for a container's name
    state: Path  # its own folder: etc/ log/ run/ spool/ db/
    keep: Path  # where we keep pid file, lock and the console's output: out of its reach
    writable: tuple[Path, ...] = ()  # further folders that it writes
    readable: tuple[Path, ...] = ()  # further files and folders that it reads
    given: tuple[Path, ...] = ()  # those of them that an admin has to bring: certificates
    recordings: Path | None = None  # where what ARI records is to lie, instead of spool/recording
    ports: tuple[Port, ...] = ()  # what it will listen on
    http_port: int | None = None  # where ARI must answer before it counts as started

    @property
    def configuration(self) -> Path:
        return self.state / "etc" / "asterisk.conf"

    @property
    def account(self) -> Account:
        return asterisk_account(self.state)

    @property
    def pid_file(self) -> Path:
        return self.keep / f"{self.name}.pid"

    @property
    def output(self) -> Path:
        """What Asterisk says on its own standard output: the first place to look when it does not start."""
        return self.keep / f"{self.name}.out"

    def control_socket(self) -> Path:
        """The socket of `asterisk -r`, as its configuration places it. ClientMistake without a configuration."""
        try:
            found = RUN_FOLDER.search(self.configuration.read_text())
        except FileNotFoundError:
            raise ClientMistake(
                "Asterisk has no configuration yet ({file} is missing)",
                Code.NOT_CONFIGURED,
                file=self.configuration,
            ) from None
        return Path(found[1] if found else "/var/run/asterisk") / "asterisk.ctl"

    def lay_out(self) -> None:
        """Makes the folders that Asterisk needs, owned by its account. Harmless when repeated.

        Raises ClientMistake for a certificate that is not there.
        """
        self.keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in FOLDERS:
            (self.state / name).mkdir(parents=True, exist_ok=True)
        for folder in self.writable:
            folder.mkdir(parents=True, exist_ok=True)
        for path in self.readable:
            if path in self.given:
                _require_file(path)
            elif not path.exists():
                path.mkdir(parents=True)
        self._check_socket_name()
        self._link_recordings()
        self._give_to(self.account)

    def _link_recordings(self) -> None:
        # ARI names recordings relative to spool/recording and knows no setting for another place.
        link = self.state / "spool" / "recording"
        if self.recordings and not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(self.recordings, link.parent))  # relative: a home may be moved

    def _check_socket_name(self) -> None:
        if len(os.fsencode(self.control_socket())) > LONGEST_SOCKET:
            raise ClientMistake(
                "the path {path} is too long for a UNIX socket (107 bytes): use a home with a shorter path",
                path=self.control_socket(),
            )

    def _give_to(self, account: Account) -> None:
        """What Asterisk writes becomes its own and closed to others; its configuration stays ours, readable to it."""
        for folder in (self.state, *self.writable):
            folder.chmod(0o700)
        configuration = (self.state / "etc").resolve()
        if configuration.is_relative_to(self.state.resolve()):
            for path in configuration.rglob("*"):
                _open_to_others(path)
        if os.geteuid() == 0:
            os.chown(self.state, account.uid, account.gid)
            own = [path for path in self.state.iterdir() if not path.name.startswith("etc")]
            for folder in (*own, *self.writable):
                _give_tree(folder, account)


def _require_file(path: Path) -> None:
    try:
        if path.is_file():
            return
        why = Word(os.strerror(errno.ENOENT))
    except OSError as error:  # a folder of root's, say
        why = reason(error)
    raise ClientMistake("Asterisk needs the file {file}: {why}; mend [sip] in pbx.toml", file=path, why=why)


def _open_to_others(path: Path) -> None:
    """Makes a file or folder readable. A link is left alone: an Asterisk that was broken into could lay one to
    anything of ours."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(handle).st_mode
            os.fchmod(handle, stat.S_IMODE(mode) | (0o755 if stat.S_ISDIR(mode) else 0o644))
        finally:
            os.close(handle)


def _give_tree(folder: Path, account: Account) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.lstat().st_uid != account.uid:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def of_home(home: Home, settings: Settings) -> Instance:
    """The Asterisk of a home: configured by us, recording into the home, playing the home's prompts."""
    sip = settings.sip
    given = (sip.certificate, sip.key, sip.ca_file if sip.ca_file != SYSTEM_CA else "")
    certificates = tuple(Path(name) for name in given if name)
    return Instance(
        name="asterisk",
        state=home.asterisk,
        keep=home.run,
        writable=(home.recordings,),
        readable=(home.prompts, *certificates),
        given=certificates,
        recordings=home.recordings,
        ports=_ports(settings),
        http_port=settings.asterisk.http_port,
    )


def _ports(settings: Settings) -> tuple[Port, ...]:
    sip = settings.sip
    ports = [
        Port("udp", sip.address, sip.port, "[sip] bind"),
        Port("tcp", "127.0.0.1", settings.asterisk.http_port, "[asterisk] http_port"),
        Port("tcp", "127.0.0.1", settings.asterisk.ami_port, "[asterisk] ami_port"),
    ]
    if sip.tls_bind:
        address, _, number = sip.tls_bind.rpartition(":")
        ports.append(Port("tcp", address.strip("[]"), int(number), "[sip] tls_bind"))
    return tuple(ports)
