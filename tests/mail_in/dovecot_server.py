"""A real IMAP server (Debian's Dovecot), a process of the tests' own on the loopback: never the machine's service."""

import getpass
import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import worker
from imap_tools import MailBoxUnencrypted

from pbx_control.settings import MailIn

PROGRAM = shutil.which("dovecot") or "/usr/sbin/dovecot"
PASSWORD = "dovecot-secret"

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = {address}
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%u
first_valid_uid = 1
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass
class Dovecot:
    """A running server. Each user name is a mailbox, made when it is first used."""

    address: str
    port: int
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    def settings(self, user: str, **changes: str) -> MailIn:
        here = {"host": self.address, "port": self.port, "user": user, "password": PASSWORD, "tls": "none"}
        return MailIn(**here | changes)

    @contextmanager
    def mailbox(self, user: str) -> Iterator[MailBoxUnencrypted]:
        """The mailbox as its owner's mail program sees it."""
        with MailBoxUnencrypted(self.address, self.port, timeout=60).login(user, PASSWORD) as opened:
            yield opened

    def deliver(self, user: str, *mails: bytes) -> None:
        with self.mailbox(user) as opened:
            for mail in mails:
                opened.append(mail, "INBOX")

    def lies_in(self, user: str) -> dict[str, int]:
        """How many mails lie in each folder; empty ones are left out."""
        with self.mailbox(user) as opened:
            names = [one.name for one in opened.folder.list()]
            counts = {name: opened.folder.status(name, ["MESSAGES"])["MESSAGES"] for name in names}
        return {name: count for name, count in counts.items() if count}

    def start(self) -> None:
        self.process = subprocess.Popen([PROGRAM, "-F", "-c", str(self.folder / "dovecot.conf")])
        while True:  # it listens at once, or ends
            try:
                socket.create_connection((self.address, self.port), timeout=60).close()
                return
            except ConnectionRefusedError:
                assert self.process.poll() is None, (self.folder / "log").read_text()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None


@contextmanager
def running() -> Iterator[Dovecot]:
    """A server of this process's own, gone afterwards with all that it kept."""
    folder = Path(tempfile.mkdtemp(prefix="dovecot-", dir="/tmp"))  # a short path: it is one of sockets
    folder.chmod(0o755)
    address = f"127.0.0.{100 + worker.NUMBER}"
    with socket.create_server((address, 0)) as free:
        port = free.getsockname()[1]
    server = Dovecot(address, port, folder)
    try:
        (folder / "dovecot.conf").write_text(_configuration(server))
        (folder / "mail").mkdir(mode=0o777)
        (folder / "mail").chmod(0o777)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _configuration(server: Dovecot) -> str:
    """As root with the package's users, else all by whoever runs the tests."""
    me = getpass.getuser()
    group = grp.getgrgid(os.getgid()).gr_name
    root = os.geteuid() == 0
    nobody = pwd.getpwnam("nobody")
    return CONFIGURATION.format(
        folder=server.folder,
        address=server.address,
        port=server.port,
        password=PASSWORD,
        internal="dovecot" if root else me,
        internal_group="dovecot" if root else group,
        login="dovenull" if root else me,
        uid=nobody.pw_uid if root else os.getuid(),
        gid=nobody.pw_gid if root else os.getgid(),
    )
