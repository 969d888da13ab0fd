"""Claims runs as a daemon of its own, for a test with several: claiming_process.py DATABASE_URL WHAT FIRST_DUE.

WHAT is "claim" (forty due times, a minute apart) or "abandoned". Prints the due times that it got.
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path

from pbx_control.settings import Database, Home, Settings
from pbx_control.store import job_runs
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.job_runs import LEASE

MINUTE = timedelta(minutes=1)


def main(url: str, what: str, first: str) -> None:
    engine = open_engine(Home(Path.cwd()), Settings(database=Database(url=url)))
    with reading(engine) as conn:
        job_runs.latest(conn)
    print("ready", flush=True)
    sys.stdin.readline()
    due = datetime.fromisoformat(first)
    for each in [due + n * MINUTE for n in range(40)]:
        with writing(engine) as conn:
            if what == "abandoned":
                taken = [run.due_at for run in job_runs.claim_abandoned(conn, each + LEASE)[0]]
            else:
                taken = [each] if job_runs.claim(conn, "purge", each, each) else []
        for one in taken:
            print(one.isoformat(), flush=True)
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
