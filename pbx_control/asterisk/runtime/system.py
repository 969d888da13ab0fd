"""The machine's own `asterisk`, if it is new enough."""

import re
import shutil
import subprocess

from pbx_control.asterisk.runtime.instance import Instance

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


def prefix(instance: Instance) -> list[str]:
    """The command that runs another one on this machine as the instance's account, and ends it with us."""
    account = instance.account
    if account.is_mine:
        return ["setpriv", "--pdeathsig", "KILL"]
    drop = [f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", "--bounding-set=-all"]
    return ["setpriv", *drop, "--no-new-privs", "--pdeathsig", "KILL"]
