"""One of several daemons: reserves a unit for so many calls, each in a transaction of its own; prints how many it got.

    python reserving_process.py DATABASE_URL PREFIX CALLS [die]

With `die` it is killed after its first reservation was written, before the commit.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from accounts import arriving

from pbx_control.services.steps import Rules, save
from pbx_control.settings import Database, Home, Settings
from pbx_control.store.engine import open_engine, writing


def main(url: str, prefix: str, count: int, *, die: bool) -> None:
    engine = open_engine(Home(Path("/nowhere")), Settings(database=Database(url=url)))
    print("ready", flush=True)
    sys.stdin.readline()
    got = 0
    for number in range(count):
        with writing(engine) as conn:
            got += save(conn, [arriving(f"{prefix}{number}")], Rules("Casa"))[0]
            if die:
                os.kill(os.getpid(), signal.SIGKILL)
    print(got, flush=True)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), die="die" in sys.argv[4:])
