"""A purge that dies, as by kill -9, at one moment: purging_process.py DATABASE_URL HOME MOMENT."""

import os
import signal
import sys
from pathlib import Path

from keeping import NOW

from pbx_control.media.purge import purge
from pbx_control.settings import Database, Home, Settings
from pbx_control.store.engine import open_engine


def main(url: str, folder: str, moment: str) -> None:
    def die(reached: str) -> None:
        if reached == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    home = Home(Path(folder))
    purge(home, open_engine(home, Settings(database=Database(url=url))), NOW, reached=die)


if __name__ == "__main__":
    main(*sys.argv[1:])
