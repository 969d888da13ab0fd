"""Runs the outbox's worker alone, for a test that kills it: outbox_process.py DATABASE_URL MAIL_PORT."""

import asyncio
import sys
from pathlib import Path

from pbx_control import clock
from pbx_control.notify.mail import Mailer
from pbx_control.notify.telegram import Telegrammer
from pbx_control.notify.worker import Outbox
from pbx_control.settings import Database, Home, Mail, Settings, Telegram
from pbx_control.store.engine import open_engine


def main(url: str, port: str) -> None:
    mail = Mail(host="127.0.0.1", port=int(port), tls="none", sender="avisos@sur.example")
    home = Home(Path.cwd())
    engine = open_engine(home, Settings(database=Database(url=url)))
    mailer = Mailer(mail, "Secretariado Sur", home)
    asyncio.run(Outbox(engine, mailer, Telegrammer(Telegram(), home), clock.now).run())


if __name__ == "__main__":
    main(*sys.argv[1:])
