"""Runs the outbox's worker with webhooks, for a test that kills it: telling_process.py DATABASE_URL."""

import asyncio
import sys
from ipaddress import ip_network
from pathlib import Path

from post_office import SentLetters

from pbx_control import clock
from pbx_control.notify.taken import TakenLetters
from pbx_control.notify.webhooks import Teller
from pbx_control.notify.worker import Outbox
from pbx_control.settings import Database, Home, Settings
from pbx_control.store.engine import open_engine


def main(url: str) -> None:
    home = Home(Path.cwd())
    engine = open_engine(home, Settings(database=Database(url=url)))
    teller = Teller(engine, [ip_network("127.0.0.0/8")])
    letters = SentLetters(), SentLetters()
    asyncio.run(Outbox(engine, *letters, clock.now, taken=TakenLetters(home), teller=teller).run())


if __name__ == "__main__":
    main(*sys.argv[1:])
