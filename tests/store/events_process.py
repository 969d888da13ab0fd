"""Saves a call's first step and is killed as it commits: events_process.py DATABASE_URL before|after."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from test_call_events import AT, RINGING, RULES

from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.saving import Save
from pbx_control.services.steps import save
from pbx_control.settings import Database, Home, Settings
from pbx_control.store.engine import open_engine, writing


def main(url: str, where: str) -> None:
    engine = open_engine(Home(Path.cwd()), Settings(database=Database(url=url)))
    with writing(engine) as conn:
        save(conn, [Save(RINGING, True, (Line(1, AT, "X", {}),))], RULES)
        if where == "before":
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
