"""The machine's own `asterisk`, if it is new enough."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from pbx_control.asterisk.runtime.account import Account
from pbx_control.asterisk.runtime.instance import Instance
from pbx_control.errors import ClientMistake, SwitchUnavailable

# REST over the event websocket came with these; every later series has it.
OLDEST = {20: 14, 21: 9, 22: 4}
VERSION = re.compile(r"Asterisk (?:certified[/-])?(\d+)\.(\d+)")


def version() -> tuple[int, int] | None:
    """Series and number of the `asterisk` on the PATH (22, 10), None if there is none that says."""
    program = shutil.which("asterisk")
    if not program:
        return None
    answer = subprocess.run([program, "-V"], capture_output=True, text=True, check=False)
    return parse(answer.stdout)


def parse(text: str) -> tuple[int, int] | None:
    """Series and number out of what `asterisk -V` prints ("Asterisk 22.10.1~dfsg-1")."""
    found = VERSION.search(text)
    return (int(found[1]), int(found[2])) if found else None


def new_enough(found: tuple[int, int] | None) -> bool:
    """Whether that version speaks REST over its websocket: 22.4, 21.9, 20.14, or a later series."""
    if found is None:
        return False
    series, number = found
    return series > max(OLDEST) or number >= OLDEST.get(series, 1 << 30)


def require_new_enough() -> None:
    """Raises SwitchUnavailable if this machine has no Asterisk that serves."""
    found = version()
    if not new_enough(found):
        raise SwitchUnavailable(
            "this machine's asterisk ({found}) is absent or too old: 22.4, 21.9 or 20.14 is the oldest that serves; "
            "set [asterisk] runtime = auto for one of ours",
            found=".".join(map(str, found)) if found else "none",
        )


def prefix(instance: Instance) -> list[str]:
    """The command that runs another one on this machine as the instance's account, and ends it with us.

    Without a sandbox the folders above the instance's must let that account pass: the home is opened to its group,
    anything above raises ClientMistake.
    """
    account = instance.account
    if account.is_mine:
        return ["setpriv", "--pdeathsig", "KILL"]
    _open_home(instance.state.parent, account)
    drop = [f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", "--bounding-set=-all"]
    return ["setpriv", *drop, "--no-new-privs", "--pdeathsig", "KILL"]


def _open_home(home: Path, account: Account) -> None:
    for folder in reversed(home.parents):
        facts = folder.stat()
        owned = facts.st_uid == account.uid and facts.st_mode & 0o100
        grouped = facts.st_gid == account.gid and facts.st_mode & 0o010
        if not (owned or grouped or facts.st_mode & 0o001):
            raise ClientMistake(
                "Asterisk (user {uid}) may not enter {folder}: choose a home elsewhere, for example below /srv",
                uid=account.uid,
                folder=folder,
            )
    os.chown(home, -1, account.gid)
    home.chmod(home.stat().st_mode | 0o010)
