"""Runs a command inside our root file system by bubblewrap: it sees the instance's folders and nothing else of ours."""

import os
import socket
from pathlib import Path

from pbx_control.asterisk.runtime.instance import Instance
from pbx_control.asterisk.runtime.rootfs import root
from pbx_control.errors import ClientMistake

# All that Asterisk needs of /etc: the rest of the root is made up of empty folders, so that a home or a certificate
# can lie at any path.
ETC = ("alternatives", "group", "ld.so.cache", "localtime", "nsswitch.conf", "passwd", "ssl/certs", "ssl/openssl.cnf")
# Asterisk asks for its own name and for this one at new calls; without DNS it would stall for seconds.
STALLING_NAME = "A.ROOT-SERVERS.NET"
# Which name servers it asks.
RESOLVER = "/etc/resolv.conf"
FORBIDDEN_PLACES = ("/usr", "/proc", "/dev", "/bin", "/sbin", "/lib", "/etc/ssl/certs")


def prefix(instance: Instance) -> list[str]:
    """The command that runs another one inside the root file system, as the instance's account.

    It sees the instance's folders under their own paths, the machine's network, and nothing else of the machine.
    """
    _require_possible_place(instance)
    account = instance.account
    command = [
        *("bwrap", "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--clearenv"),
        *("--setenv", "PATH", "/usr/sbin:/usr/bin", "--setenv", "LANG", "C.UTF-8", "--setenv", "TERM", _terminal()),
        *_system(root()),
        *("--ro-bind", str(hosts_file(instance)), "/etc/hosts", "--ro-bind-try", RESOLVER, "/etc/resolv.conf"),
        *_parents(instance),
    ]
    for folder in (instance.state, *instance.writable):
        command += ["--bind", *_own(folder)]
    for path in instance.readable:
        command += ["--ro-bind", *_own(path)]
    if account.is_mine:
        return command
    # bubblewrap keeps root's user; the last step leaves it, and every capability with it.
    drop = ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", "--no-new-privs"]
    return [*command, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", *drop]


def _system(base: Path) -> list[str]:
    arguments = ["--ro-bind", str(base / "usr"), "/usr", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    arguments += _open_folders("/etc", "/etc/ssl", "/var", "/var/lib")
    for name in ("bin", "sbin", "lib", "lib64"):
        arguments += ["--symlink", f"usr/{name}", f"/{name}"]
    for name in ETC:
        arguments += ["--ro-bind-try", str(base / "etc" / name), f"/etc/{name}"]
    return [*arguments, "--ro-bind", str(base / "var/lib/asterisk"), "/var/lib/asterisk"]


def _parents(instance: Instance) -> list[str]:
    """Makes the folders above what is bound, open to all: bubblewrap itself would close those above a closed folder."""
    bound = (instance.state, *instance.writable, *instance.readable)
    above = {parent for path in bound for parent in path.parents if len(parent.parts) > 1}
    return _open_folders(*sorted(map(str, above)))


def _open_folders(*names: str) -> list[str]:
    return [word for name in names for word in ("--dir", name)]


def _require_possible_place(instance: Instance) -> None:
    for path in (instance.state, *instance.writable, *instance.readable):
        if any(path.is_relative_to(top) for top in FORBIDDEN_PLACES):
            raise ClientMistake("{path} cannot be used by the Asterisk of ours: choose a folder elsewhere", path=path)


def hosts_file(instance: Instance) -> Path:
    """The machine's /etc/hosts and the names that must never be asked of a name server."""
    file = instance.keep / f"{instance.name}.hosts"
    names = f"localhost {socket.gethostname()} {STALLING_NAME}"
    machine = Path("/etc/hosts")
    text = machine.read_text() if machine.exists() else ""
    # Renamed into place: one that root made (`asterisk prepare`) is its folder's owner's to replace, not to write.
    new = file.with_name(f".{file.name}.{os.getpid()}")
    new.write_text(f"127.0.0.1 {names}\n::1 {names}\n{text}")
    new.chmod(0o644)
    return new.rename(file)


def _own(path: Path | str) -> tuple[str, str]:
    return str(path), str(path)


def _terminal() -> str:
    return os.environ.get("TERM", "dumb")
