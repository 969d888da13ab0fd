"""Goes on with urgent messages and is killed as it commits: urgent_process.py DATABASE_URL INSTANT before|after."""

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.services import urgent
from pbx_control.services.steps import Rules
from pbx_control.settings import Database, Home, Settings
from pbx_control.store.engine import open_engine, writing

ALARMS = AlarmDesk("oficina@casa.example", "es", "Casa", "America/Santiago")


def main(url: str, at: str, where: str) -> None:
    engine = open_engine(Home(Path.cwd()), Settings(database=Database(url=url)))
    with writing(engine) as conn:
        urgent.go_on(conn, datetime.fromisoformat(at), Rules("Casa", ALARMS, url="https://casa.example"))
        if where == "before":
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
