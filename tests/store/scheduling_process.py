"""Runs the schedule as a daemon of its own, for a test with several.

scheduling_process.py DATABASE_URL HH:MM NODE FOLDER: its one job is due at that time of day, and long overdue. Whoever
is first to begin it never ends it. Prints "begun" and "ended".
"""

import asyncio
import sys
import threading
from datetime import time
from pathlib import Path

import structlog

from pbx_control.domain.due import Daily
from pbx_control.domain.words.sentences import Sentence
from pbx_control.jobs import schedule
from pbx_control.jobs.run import Context, Job
from pbx_control.live.node import Membership
from pbx_control.settings import Database, Home, NodeSettings, Settings
from pbx_control.store.engine import open_engine


def work(context: Context) -> Sentence:
    try:
        (context.home.root / "begun").touch(exist_ok=False)
    except FileExistsError:
        print("begun", flush=True)
        return Sentence("done")
    print("begun", flush=True)
    threading.Event().wait()
    raise AssertionError


async def main(url: str, due: str, name: str, folder: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    schedule.JOBS = (Job("heavy", "", Daily(time.fromisoformat(due)), work),)
    schedule.LOOK_EVERY = 0.2
    home = Home(Path(folder))
    settings = Settings(database=Database(url=url), node=NodeSettings(name=name))
    engine = open_engine(home, settings)
    member = Membership(home, settings, engine)
    await member.take_name()
    told = schedule.Schedule(home, settings, engine, lambda: print("ended", flush=True), member.process)
    await asyncio.gather(member.run(), told.run())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
